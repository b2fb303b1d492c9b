"""Blueprints: nested, renamed, registered twice, and registered wrongly."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get, options, post


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    request = flask.request

    def show(**values: Any) -> dict[str, Any]:
        return {
            "endpoint": request.endpoint,
            "blueprint": request.blueprint,
            "blueprints": request.blueprints,
            "values": values,
            "rule": str(request.url_rule),
        }

    plain = flask.Blueprint("plain", __name__)
    plain.add_url_rule("/plain", "view", show)
    plain.add_url_rule("/plain-dir/", "dir", show)

    prefixed = flask.Blueprint("prefixed", __name__, url_prefix="/pre/")
    prefixed.add_url_rule("/view", "view", show)
    prefixed.add_url_rule("/", "slash", show)
    prefixed.add_url_rule("", "nothing", show)

    rootless = flask.Blueprint("rootless", __name__, url_prefix="/rootless")
    rootless.add_url_rule("", "nothing", show)
    rootless.add_url_rule("/", "slash", show)

    valued = flask.Blueprint("valued", __name__, url_prefix="/<lang>", url_defaults={"extra": 1})
    valued.add_url_rule("/view", "view", show)
    valued.add_url_rule("/own", "own", show, defaults={"extra": 2, "more": 3})

    twice = flask.Blueprint("twice", __name__)
    twice.add_url_rule("/view", "view", show)

    @twice.get("/self")
    def self_url() -> Any:
        return {"url": flask.url_for(".view"), "blueprint": request.blueprint}

    @twice.before_request
    def before() -> None:
        flask.g.before = [*flask.g.get("before", []), request.blueprint]

    @twice.after_request
    def after(response: Any) -> Any:
        response.headers["X-Before"] = repr(flask.g.get("before"))
        return response

    parent = flask.Blueprint("parent", __name__, url_prefix="/parent")
    child = flask.Blueprint("child", __name__, url_prefix="/child")
    grandchild = flask.Blueprint("grandchild", __name__, url_prefix="/grand")
    other = flask.Blueprint("other", __name__)
    for blueprint in (parent, child, grandchild, other):
        blueprint.add_url_rule("/view", "view", show)
        blueprint.add_url_rule("/fail", "fail", _failing)

    @parent.errorhandler(ValueError)
    def on_value_error(error: ValueError) -> Any:
        return f"handled by the parent in {request.blueprint}"

    @child.errorhandler(KeyError)
    def on_key_error(error: KeyError) -> Any:
        return f"handled by the child in {request.blueprint}"

    @parent.errorhandler(404)
    def on_404(error: Exception) -> Any:
        return "404 of the parent", 404

    child.register_blueprint(grandchild)
    parent.register_blueprint(child)
    parent.register_blueprint(child, name="renamed", url_prefix="/again")
    parent.register_blueprint(other, url_prefix=None, url_defaults={"d": 1})

    app.register_blueprint(plain)
    app.register_blueprint(prefixed)
    app.register_blueprint(rootless)
    app.register_blueprint(valued)
    app.register_blueprint(twice, url_prefix="/first")
    app.register_blueprint(twice, url_prefix="/second", name="second")
    app.register_blueprint(parent)
    app.register_blueprint(parent, url_prefix="/elsewhere", name="elsewhere")
    app.add_url_rule("/app", "app", show)

    @app.get("/registered")
    def registered() -> Any:
        return {
            "names": list(app.blueprints),
            "iter": [blueprint.name for blueprint in app.iter_blueprints()],
            "rules": sorted(
                [str(rule), rule.endpoint, sorted(rule.methods)]
                for rule in app.url_map.iter_rules()
            ),
            "views": sorted(app.view_functions),
        }

    return app


def _failing(**values: Any) -> None:
    raise {"k": KeyError, "v": ValueError}.get(str(values.get("d", "v")), ValueError)("x")


REQUESTS = [
    get("/registered"),
    get("/plain"),
    get("/plain-dir"),
    get("/pre/view"),
    get("/pre/"),
    get("/pre"),
    get("/rootless"),
    get("/rootless/"),
    get("/de/view"),
    get("/de/own"),
    get("/first/view"),
    get("/second/view"),
    get("/first/self"),
    get("/second/self"),
    get("/parent/view"),
    get("/parent/child/view"),
    get("/parent/child/grand/view"),
    get("/parent/again/view"),
    get("/parent/again/grand/view"),
    get("/elsewhere/view"),
    get("/elsewhere/child/grand/view"),
    get("/elsewhere/again/grand/view"),
    get("/parent/child/fail"),
    get("/parent/child/grand/fail"),
    get("/parent/fail"),
    get("/elsewhere/again/grand/fail"),
    get("/parent/missing"),
    get("/app"),
    post("/plain"),
    options("/parent/child/view"),
]


def _tried(deed: Any) -> Any:
    try:
        return repr(deed())
    except Exception as error:
        return [type(error).__name__, str(error)]


def probe_bad_names(flask: ModuleType) -> object:
    return [
        _tried(lambda name=name: flask.Blueprint(name, __name__))
        for name in ("", "a.b", "a b", "é", None, 3)
    ]


def probe_bad_endpoints(flask: ModuleType) -> object:
    def view() -> str:
        return "x"

    def dotted() -> str:
        return "x"

    dotted.__name__ = "a.b"
    blueprint = flask.Blueprint("b", __name__)
    return [
        _tried(lambda: blueprint.add_url_rule("/", "a.b", view)),
        _tried(lambda: blueprint.add_url_rule("/", view_func=dotted)),
        _tried(lambda: blueprint.add_url_rule("/", view_func=lambda: "x")),
        _tried(lambda: blueprint.add_url_rule("/")),
        _tried(lambda: blueprint.route("x")(view)),
        _tried(lambda: blueprint.get("/", methods=["POST"])(view)),
    ]


def probe_registered_twice(flask: ModuleType) -> object:
    app, blueprint = flask.Flask(__name__), flask.Blueprint("b", __name__)
    app.register_blueprint(blueprint)
    return [
        _tried(lambda: app.register_blueprint(blueprint)),
        _tried(lambda: app.register_blueprint(blueprint, name="c")),
        _tried(lambda: app.register_blueprint(blueprint, name="c")),
        _tried(lambda: app.register_blueprint(flask.Blueprint("b", __name__))),
        sorted(app.blueprints),
    ]


def probe_registered_in_itself(flask: ModuleType) -> object:
    blueprint = flask.Blueprint("b", __name__)
    return _tried(lambda: blueprint.register_blueprint(blueprint))


def probe_a_name_in_two_nests(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    for name in ("one", "two"):
        outer = flask.Blueprint(name, __name__, url_prefix=f"/{name}")
        inner = flask.Blueprint("same", __name__)
        inner.add_url_rule("/", "index", lambda name=name: name)
        outer.register_blueprint(inner)
        app.register_blueprint(outer)
    client = app.test_client()
    return [sorted(app.blueprints), client.get("/one/").text, client.get("/two/").text]


def probe_changed_after_registration(flask: ModuleType) -> object:
    seen: list[Any] = []
    for deed in (
        lambda b: b.add_url_rule("/x", "x", lambda: "x"),
        lambda b: b.route("/x")(lambda: "x"),
        lambda b: b.before_request(lambda: None),
        lambda b: b.after_request(lambda response: response),
        lambda b: b.teardown_request(lambda error: None),
        lambda b: b.errorhandler(404)(lambda error: "x"),
        lambda b: b.register_error_handler(404, lambda error: "x"),
        lambda b: b.context_processor(dict),
        lambda b: b.url_defaults(lambda endpoint, values: None),
        lambda b: b.url_value_preprocessor(lambda endpoint, values: None),
        lambda b: b.before_app_request(lambda: None),
        lambda b: b.app_errorhandler(404)(lambda error: "x"),
        lambda b: b.app_template_filter()(str.upper),
        lambda b: b.app_context_processor(dict),
        lambda b: b.record(lambda state: None),
        lambda b: b.record_once(lambda state: None),
        lambda b: b.register_blueprint(flask.Blueprint("c", __name__)),
        lambda b: b.endpoint("x")(lambda: "x"),
        lambda b: setattr(b, "url_prefix", "/y"),
    ):
        app, blueprint = flask.Flask(__name__), flask.Blueprint("b", __name__)
        app.register_blueprint(blueprint)
        seen.append(_tried(lambda d=deed, b=blueprint: d(b)).__class__.__name__)
        seen.append(_tried(lambda d=deed, b=blueprint: bool(d(b))))
    return seen


def probe_the_setup_state(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    blueprint = flask.Blueprint("b", __name__, url_prefix="/p", subdomain="s")
    journal: list[Any] = []

    def note(kind: str, state: Any) -> None:
        journal.append(
            [
                kind,
                state.app is app,
                state.blueprint is blueprint,
                state.first_registration,
                state.options,
                state.url_prefix,
                state.subdomain,
                state.url_defaults,
                state.name,
                state.name_prefix,
            ]
        )

    blueprint.record(lambda state: note("record", state))
    blueprint.record_once(lambda state: note("record_once", state))

    @blueprint.record
    def add(state: Any) -> None:
        state.add_url_rule("/added", f"added{len(journal)}", lambda: "added")

    app.register_blueprint(blueprint)
    app.register_blueprint(
        blueprint,
        name="again",
        url_prefix="/q",
        subdomain="t",
        url_defaults={"a": 1},
        own="option",
    )
    other = flask.Flask("other")
    outer = flask.Blueprint("outer", __name__, url_prefix="/o", subdomain="u")
    outer.register_blueprint(blueprint)
    other.register_blueprint(outer)
    rules = sorted((r.rule, r.endpoint, r.subdomain) for r in app.url_map.iter_rules())
    return journal, rules, [(r.rule, r.subdomain) for r in other.url_map.iter_rules()]


def probe_what_a_blueprint_knows(flask: ModuleType) -> object:
    blueprint = flask.Blueprint(
        "b",
        __name__,
        static_folder="static",
        template_folder="templates",
        url_prefix="/p",
        subdomain="s",
        url_defaults={"a": 1},
        cli_group="group",
    )
    bare = flask.Blueprint("bare", "made.up.module", root_path="/nowhere")
    here = __file__.rpartition("/")[0]
    return [
        blueprint.name,
        blueprint.import_name,
        blueprint.root_path == here,
        blueprint.url_prefix,
        blueprint.subdomain,
        blueprint.url_values_defaults,
        blueprint.cli_group,
        blueprint.static_url_path,
        blueprint.has_static_folder,
        blueprint.static_folder == f"{here}/static",
        blueprint.template_folder,
        type(blueprint.jinja_loader).__name__,
        type(blueprint.cli).__name__,
        bare.root_path,
        bare.static_folder,
        bare.static_url_path,
        bare.has_static_folder,
        bare.jinja_loader,
        bare.url_values_defaults,
        repr(type(blueprint).__mro__[-1]),
        [
            sorted(getattr(blueprint, name))
            for name in (
                "view_functions",
                "error_handler_spec",
                "before_request_funcs",
                "after_request_funcs",
                "teardown_request_funcs",
                "template_context_processors",
                "url_value_preprocessors",
                "url_default_functions",
                "deferred_functions",
            )
        ],
    ]


def probe_static_files_and_a_static_endpoint(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    seen: list[Any] = []
    for number, options_ in enumerate(
        (
            {"static_folder": "static"},
            {"static_folder": "static", "url_prefix": "/p"},
            {"static_folder": "static", "url_prefix": "/p", "static_url_path": "s"},
            {"static_folder": "static", "static_url_path": "/t"},
            {"static_folder": None, "static_url_path": "/t"},
        )
    ):
        app.register_blueprint(flask.Blueprint(f"b{number}", __name__, **options_))
    seen += sorted((rule.rule, rule.endpoint) for rule in app.url_map.iter_rules())
    return seen


def probe_command_groups(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    for name, options_ in (
        ("default", {}),
        ("named", {"cli_group": "own"}),
        ("merged", {"cli_group": None}),
        ("overridden", {"cli_group": "x"}),
    ):
        blueprint = flask.Blueprint(name, __name__, **options_)
        blueprint.cli.command(f"do-{name}")(lambda: None)
        later = {"cli_group": "later"} if name == "overridden" else {}
        app.register_blueprint(blueprint, **later)
    return {
        name: sorted(getattr(command, "commands", ())) for name, command in app.cli.commands.items()
    }


def probe_hooks_of_a_blueprint_registered_under_two_names(flask: ModuleType) -> object:
    app, blueprint = flask.Flask(__name__), flask.Blueprint("b", __name__)
    blueprint.before_request(lambda: None)
    blueprint.app_errorhandler(404)(lambda error: "404")
    blueprint.before_app_request(lambda: None)
    blueprint.app_context_processor(dict)
    blueprint.context_processor(dict)
    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="c")
    return [
        {str(key): len(value) for key, value in getattr(app, name).items()}
        for name in (
            "before_request_funcs",
            "after_request_funcs",
            "template_context_processors",
            "error_handler_spec",
        )
    ]


def probe_a_view_of_a_blueprint_by_endpoint(flask: ModuleType) -> object:
    app, blueprint = flask.Flask(__name__), flask.Blueprint("b", __name__)
    blueprint.add_url_rule("/x", "later")

    @blueprint.endpoint("later")
    def later() -> str:
        return "defined later"

    app.register_blueprint(blueprint)
    return [app.test_client().get("/x").text, sorted(app.view_functions)]
