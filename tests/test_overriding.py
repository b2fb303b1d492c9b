"""What an extension overrides, replaces or puts into a registry has the effect it has on Flask.

One application, asked the same on both: with a method overridden in a subclass; with it
replaced on the application before the first request; and with it replaced once several requests
have gone the shortest way. The same for the classes that an application uses, and for the
registries. `differential/apps/replaced.py` and `subclasses.py` go deeper into some of these.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import click
import flask
import pytest
from jinja2 import DictLoader
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Aborter, HTTPException, ImATeapot, NotFound
from werkzeug.routing import BaseConverter, Map, Rule

import carboy
from differential.asking import Ask, Upload, get, options, post
from differential.observing import converse

#: Changes the running application; given the framework, for the modules that have its classes.
Change = Callable[[ModuleType, Any], None]

#: So many that each short way has been taken before something changes.
WARM = (get("/"), get("/json"), get("/abort"), get("/url"), get("/"), get("/template"), get("/"))

LATER = (
    get("/"),
    get("/json"),
    get("/html"),
    get("/url"),
    get("/url/external"),
    get("/url/missing"),
    get("/template"),
    get("/template/file"),
    get("/fail"),
    get("/ignored"),
    get("/abort"),
    get("/handled"),
    get("/redirect"),
    get("/stop"),
    get("/session", then=()),
    get("/session"),
    get("/area/"),
    get("/area/fail"),
    get("/area/inner/"),
    get("/number/3"),
    get("/static/hello.txt"),
    get("/resource"),
    get("/g"),
    get("/missing"),
    get("/directory"),
    options("/"),
    post("/"),
    post("/form", form={"a": "1"}),
    post("/form", json={"a": 1}),
    get("/"),
)


def _module(framework: ModuleType, name: str) -> ModuleType:
    return importlib.import_module(f"{framework.__name__}.{name}")


def _create(
    framework: ModuleType, app_class: type | None = None, change: Change | None = None
) -> Any:
    """The application; `/change` changes it while it runs."""
    app = (app_class or framework.Flask)("differential.apps.templates")
    app.secret_key = "overriding"
    app.extensions["journal"] = []
    request = framework.request
    area = framework.Blueprint("area", __name__, url_prefix="/area")
    inner = framework.Blueprint("inner", __name__, url_prefix="/inner")

    for scaffold in (app, area, inner):
        scaffold.add_url_rule("/", "index", lambda: f"index of {request.endpoint}")
        scaffold.add_url_rule("/fail", "fail", lambda: 1 / 0)
    area.register_blueprint(inner)
    app.register_blueprint(area)
    app.register_error_handler(ImATeapot, lambda error: (f"handled {error.code}", 418))

    def session() -> Any:
        framework.session["count"] = framework.session.get("count", 0) + 1
        return {"count": framework.session["count"]}

    def template() -> Any:
        return framework.render_template_string("{{ '<' }} {{ changed }} {{ url_for('index') }}")

    def namespace() -> Any:
        framework.g.kept = "kept"
        return [
            framework.g.kept,
            str(getattr(framework.g, "missing", None)),
            type(framework.g).__name__,
        ]

    def resource() -> Any:
        with app.open_resource("__init__.py") as opened:
            return {"length": len(opened.read())}

    def changing() -> str:
        if change is not None:
            change(framework, app)
        return "changed"

    views: dict[str, Callable[..., Any]] = {
        "/json": lambda: {"b": 1, "a": "ä"},
        "/html": lambda: framework.jsonify([1, 2]),
        "/url": lambda: framework.url_for("number", n=3),
        "/url/external": lambda: framework.url_for("index", _external=True),
        "/url/missing": lambda: framework.url_for("nowhere"),
        "/template": template,
        "/template/file": lambda: framework.render_template("sub/part.txt"),
        "/ignored": lambda: {}["ignored"],
        "/abort": lambda: framework.abort(403),
        "/handled": lambda: framework.abort(418),
        "/redirect": lambda: framework.redirect("/elsewhere"),
        "/stop": lambda: "not stopped",
        "/session": session,
        "/resource": resource,
        "/g": namespace,
        "/directory/": lambda: "directory",
        "/change": changing,
    }
    for path, view in views.items():
        app.add_url_rule(path, path.strip("/"), view)
    app.add_url_rule("/number/<int:n>", "number", lambda n: f"number {n + 1}")
    app.add_url_rule("/form", "form", lambda: dict(request.values), methods=["POST"])
    return app


def _conversation(framework: ModuleType, create: Callable[[ModuleType], Any], *asks: Ask) -> Any:
    first, *rest = asks
    return converse([framework], create, Ask(**{**vars(first), "then": tuple(rest)}))


def _assert_same(create: Callable[[ModuleType], Any], *asks: Ask, has_effect: bool = True) -> None:
    """Both answer the same; and not as an application does that nobody has changed."""
    theirs = _conversation(flask, create, *asks)
    ours = _conversation(carboy, create, *asks)
    for ask, own, wanted in zip(asks, ours, theirs, strict=True):
        # What changes while a request runs counts from the next one on.
        if ask.path != "/change":
            assert (ask.id, own) == (ask.id, wanted)
    if has_effect:
        assert theirs[-len(LATER) :] != _conversation(flask, _create, *LATER)


def _changed_at_once(change: Change) -> Callable[[ModuleType], Any]:
    def create(framework: ModuleType) -> Any:
        app = _create(framework)
        change(framework, app)
        return app

    return create


def _changed_when_asked(change: Change) -> Callable[[ModuleType], Any]:
    return lambda framework: _create(framework, change=change)


# -- methods -----------------------------------------------------------------------


def _marked(app: Any, response: Any, *args: Any) -> Any:
    response.headers["X-Changed"] = response.headers.get("X-Changed", "") + "x"
    return response


def _again(app: Any, value: Any, *args: Any) -> Any:
    return value


def _prefixed(app: Any, value: Any, *args: Any) -> Any:
    return f"changed {value}" if isinstance(value, str) else value


def _stopped(app: Any, value: Any, *args: Any) -> Any:
    path = app.extensions["request"].path
    return "stopped" if path == "/stop" else value


def _answered(app: Any, value: Any, *args: Any) -> Any:
    return f"answered for {type(args[0]).__name__}", 299


def _mounted(app: Any, adapter: Any, *args: Any) -> Any:
    if adapter is not None:
        adapter.script_name = "/mounted/"
    return adapter


def _injected(app: Any, value: Any, endpoint: str, values: dict[str, Any]) -> None:
    values.setdefault("injected", endpoint)


def _noted(app: Any, environment: Any, *args: Any) -> Any:
    environment.globals["changed"] = "by the environment"
    return environment


def _updated(app: Any, value: Any, context: dict[str, Any]) -> None:
    context["changed"] = "by the context"


def _always(value: object) -> Callable[..., Any]:
    return lambda app, *args: value


def _loader(app: Any, value: Any, *args: Any) -> Any:
    return DictLoader({"sub/part.txt": "another part {{ changed }}"})


def _synced(app: Any, function: Any, *args: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        return f"synced {value}" if isinstance(value, str) else value

    return call


#: For each method, what becomes of its result. The result stays where the journal tells enough.
METHODS: dict[str, Callable[..., Any]] = {
    "app_context": _again,
    "create_global_jinja_loader": _loader,
    "create_jinja_environment": _noted,
    "create_url_adapter": _mounted,
    "dispatch_request": _prefixed,
    "do_teardown_appcontext": _again,
    "do_teardown_request": _again,
    "ensure_sync": _synced,
    "finalize_request": _marked,
    "full_dispatch_request": _marked,
    "get_send_file_max_age": _always(77),
    "handle_exception": _marked,
    "handle_http_exception": _answered,
    "handle_url_build_error": _again,
    "handle_user_exception": _prefixed,
    "inject_url_defaults": _injected,
    "log_exception": _again,
    "make_default_options_response": _marked,
    "make_response": _marked,
    "open_resource": _again,
    "preprocess_request": _stopped,
    "process_response": _marked,
    "raise_routing_exception": _again,
    "redirect": _marked,
    "request_context": _again,
    "select_jinja_autoescape": _always(False),
    "send_static_file": _marked,
    "should_ignore_error": _always(True),
    "trap_http_exception": _always(True),
    "update_template_context": _updated,
    "url_for": _prefixed,
    "wsgi_app": _again,
}

#: Carboy calls these when there is a need, and Flask in any case: there is no telling how often.
UNCOUNTED = {"app_context", "create_url_adapter", "ensure_sync"}


def _around(framework: ModuleType, name: str, original: Any) -> Any:
    changed = METHODS[name]

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name not in UNCOUNTED:
            self.extensions["journal"].append((name, [a for a in args if _is_plain(a)]))
        self.extensions["request"] = framework.request
        value = original(self, *args, **kwargs)
        if isinstance(value, HTTPException):
            return value
        return changed(self, value, *args)

    return method


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | BaseException | None)


def _replace(name: str) -> Change:
    def change(framework: ModuleType, app: Any) -> None:
        method = _around(framework, name, getattr(type(app), name))
        setattr(app, name, method.__get__(app))
        vars(app).pop("jinja_env", None)

    return change


@pytest.mark.parametrize("name", METHODS)
def test_a_method_overridden_in_a_subclass(name: str) -> None:
    def create(framework: ModuleType) -> Any:
        method = _around(framework, name, getattr(framework.Flask, name))
        return _create(framework, type("Application", (framework.Flask,), {name: method}))

    _assert_same(create, *LATER, *LATER, has_effect=name != "app_context")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_replaced_before_the_first_request(name: str) -> None:
    _assert_same(_changed_at_once(_replace(name)), *LATER, has_effect=name != "app_context")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_replaced_after_some_requests(name: str) -> None:
    create = _changed_when_asked(_replace(name))
    _assert_same(create, *WARM, get("/change"), *LATER, has_effect=name != "app_context")


def test_a_function_that_runs_coroutines() -> None:
    def create(framework: ModuleType) -> Any:
        class Application(framework.Flask):
            def async_to_sync(self, func: Any) -> Any:
                return lambda *args, **kwargs: f"run {asyncio.run(func(*args, **kwargs))}"

        async def view() -> str:
            return "async"

        app = _create(framework, Application)
        app.add_url_rule("/async", "async", view)
        return app

    _assert_same(create, get("/async"), get("/async"), has_effect=False)
    assert _conversation(carboy, create, get("/async"))[0].chunks == [b"run async"]


METHODS_OF_SETUP: dict[str, Callable[[Any, Any], Any]] = {
    "add_url_rule": lambda app, value: app.config["SEEN"].append(len(app.view_functions)),
    "auto_find_instance_path": lambda app, value: "/instances/own",
    "create_jinja_environment": lambda app, value: value.globals.update(own=1) or value,
    "iter_blueprints": lambda app, value: list(value)[:1],
    "make_aborter": lambda app, value: type("Own", (Aborter,), {})(),
    "make_config": lambda app, value: value | {"OWN": True, "SEEN": []},
    "make_shell_context": lambda app, value: {**value, "own": True},
    "open_instance_resource": lambda app, value: value,
    "register_blueprint": lambda app, value: app.config["SEEN"].append("blueprint"),
    "test_cli_runner": lambda app, value: value,
    "test_client": lambda app, value: value,
    "test_request_context": lambda app, value: value,
}


@pytest.mark.parametrize("name", METHODS_OF_SETUP)
def test_a_method_that_sets_up_an_application(name: str) -> None:
    def run(framework: ModuleType) -> object:
        original = getattr(framework.Flask, name)
        called: list[str] = []

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            called.append(str([a for a in args if isinstance(a, str)]))
            return METHODS_OF_SETUP[name](self, original(self, *args, **kwargs))

        class Application(framework.Flask):
            default_config = {**framework.Flask.default_config, "SEEN": []}

        setattr(Application, name, method)
        app = Application(__name__)
        for word in ("one", "two"):
            blueprint = framework.Blueprint(word, __name__, url_prefix=f"/{word}")
            blueprint.add_url_rule("/", "index", lambda: "index")
            app.register_blueprint(blueprint)
        app.route("/")(lambda: framework.render_template_string("{{ own }}"))
        with app.test_request_context("/one/"):
            path = framework.request.path
        return [
            called,
            path,
            app.instance_path,
            [blueprint.name for blueprint in app.iter_blueprints()],
            type(app.aborter).__name__,
            app.config["SEEN"],
            app.config.get("OWN"),
            sorted(app.make_shell_context()),
            app.test_client().get("/").text,
            type(app.test_cli_runner()).__name__,
        ]

    theirs = run(flask)
    assert run(carboy) == theirs
    assert theirs[0] != [] or name == "open_instance_resource"


# -- classes -----------------------------------------------------------------------


def _request_class(framework: ModuleType) -> type:
    class Request(framework.Request):
        @property
        def values(self) -> Any:
            return {"values": "of the class"}

        @property
        def endpoint(self) -> Any:
            return f"changed {super().endpoint}"

    return Request


def _response_class(framework: ModuleType) -> type:
    class Response(framework.Response):
        default_mimetype = "text/x-changed"

    return Response


def _session_interface(framework: ModuleType) -> Any:
    sessions = _module(framework, "sessions")

    class Session(dict[str, Any], sessions.SessionMixin):  # type: ignore[misc]
        pass

    class Interface(sessions.SessionInterface):
        kept: dict[str, Any] = {}

        def open_session(self, app: Any, request: Any) -> Any:
            app.extensions["journal"].append(("open", request.path))
            return Session(self.kept)

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            app.extensions["journal"].append(("save", sorted(session)))
            self.kept.update(session)

    return Interface()


def _json_provider_class(framework: ModuleType) -> type:
    provider = _module(framework, "json.provider")

    class Provider(provider.DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return f"changed {super().dumps(obj, **kwargs)}"

        def loads(self, s: Any, **kwargs: Any) -> Any:
            return super().loads(s.removeprefix("changed "), **kwargs)

    return Provider


def _jinja_environment(framework: ModuleType) -> type:
    class Environment(_module(framework, "templating").Environment):
        def __init__(self, app: Any, **options: Any) -> None:
            super().__init__(app, variable_start_string="{{ 'changed' ~ ", **options)

    return Environment


def _url_rule_class(framework: ModuleType) -> type:
    class Own(framework.Flask.url_rule_class):
        def __init__(self, string: str, **options: Any) -> None:
            super().__init__(string.replace("/number", "/changed"), **options)

    return Own


def _url_map_class(framework: ModuleType) -> type:
    class Own(framework.Flask.url_map_class):
        default_converters = {**Map.default_converters, "int": BaseConverter}

    return Own


def _globals_class(framework: ModuleType) -> type:
    class Changed(_module(framework, "ctx")._AppCtxGlobals):
        missing = "of the class"

    return Changed


def _aborter_class(framework: ModuleType) -> type:
    class Own(Aborter):
        def __call__(self, code: Any, *args: Any, **kwargs: Any) -> Any:
            raise NotFound(f"instead of {code}")

    return Own


def _config_class(framework: ModuleType) -> type:
    class Own(framework.Config):
        def __getitem__(self, key: str) -> Any:
            return "/changed/" if key == "APPLICATION_ROOT" else super().__getitem__(key)

    return Own


#: The attribute, what makes another value for it, and whether it may be set while serving.
CLASSES: dict[str, tuple[Callable[[ModuleType], Any], bool]] = {
    "aborter_class": (_aborter_class, False),
    "app_ctx_globals_class": (_globals_class, True),
    "jinja_environment": (_jinja_environment, True),
    "json_provider_class": (_json_provider_class, False),
    "request_class": (_request_class, True),
    "response_class": (_response_class, True),
    "session_interface": (_session_interface, True),
    "url_map_class": (_url_map_class, False),
    "url_rule_class": (_url_rule_class, False),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_in_a_subclass(name: str) -> None:
    def create(framework: ModuleType) -> Any:
        own = {name: CLASSES[name][0](framework)}
        return _create(framework, type("Application", (framework.Flask,), own))

    _assert_same(create, *LATER)


SETTABLE = [name for name, (_, settable) in CLASSES.items() if settable]


def _set(name: str) -> Change:
    def change(framework: ModuleType, app: Any) -> None:
        setattr(app, name, CLASSES[name][0](framework))
        vars(app).pop("jinja_env", None)

    return change


@pytest.mark.parametrize("name", SETTABLE)
def test_a_class_set_on_the_application(name: str) -> None:
    _assert_same(_changed_at_once(_set(name)), *LATER)


@pytest.mark.parametrize("name", SETTABLE)
def test_a_class_set_after_some_requests(name: str) -> None:
    _assert_same(_changed_when_asked(_set(name)), *WARM, get("/change"), *LATER)


def test_a_class_for_the_configuration() -> None:
    def run(framework: ModuleType) -> object:
        own = _config_class(framework)
        app = type("Application", (framework.Flask,), {"config_class": own})(__name__)
        app.config["SERVER_NAME"] = "example.org"
        app.add_url_rule("/", "index", lambda: "index")
        with app.app_context():
            return [type(app.config) is own, framework.url_for("index")]

    assert run(carboy) == run(flask) == [True, "http://example.org/changed/"]


def test_classes_for_clients_and_runners() -> None:
    def run(framework: ModuleType) -> object:
        testing = _module(framework, "testing")

        class Client(testing.FlaskClient):
            def open(self, *args: Any, **kwargs: Any) -> Any:
                kwargs["headers"] = {"X-Own": "client"}
                return super().open(*args, **kwargs)

        class Runner(testing.FlaskCliRunner):
            def invoke(self, cli: Any = None, args: Any = None, **kwargs: Any) -> Any:
                return super().invoke(cli, [*args, "runner"], **kwargs)

        app = _create(framework)
        seen: list[Any] = [type(app.test_client()).__name__]
        app.test_client_class, app.test_cli_runner_class = Client, Runner
        app.view_functions["index"] = lambda: framework.request.headers["X-Own"]
        app.cli.command("say")(_say)
        seen.append(app.test_client().get("/").text)
        seen.append(app.test_cli_runner().invoke(args=["say"]).output)
        return seen

    assert run(carboy) == run(flask) == ["FlaskClient", "client", "said runner\n"]


@click.argument("word")
def _say(word: str) -> None:
    click.echo(f"said {word}")


# -- registries --------------------------------------------------------------------


class _Doubled(BaseConverter):
    def to_python(self, value: str) -> str:
        return value * 2


def _answer(text: str) -> Callable[..., str]:
    return lambda *args, **kwargs: text


def _note(app: Any, word: str, index: int | None = None) -> Callable[..., Any]:
    """A function that notes that it was called, and returns one of its arguments."""

    def noting(*args: Any, **kwargs: Any) -> Any:
        app.extensions["journal"].append((word, [a for a in args if _is_plain(a)]))
        return None if index is None else args[index]

    return noting


def _hooks(registry: str, index: int | None = None) -> Change:
    """Put a function into a registry for each of application, blueprint and nested one."""

    def change(framework: ModuleType, app: Any) -> None:
        for name in (None, "area", "area.inner"):
            functions = getattr(app, registry).setdefault(name, [])
            functions.append(_note(app, f"{registry} {name}", index))

    return change


def _values(framework: ModuleType, app: Any) -> None:
    app.url_value_preprocessors[None].append(
        lambda endpoint, values: endpoint == "number" and values.update(n=values["n"] + 1)
    )


def _defaults(framework: ModuleType, app: Any) -> None:
    app.url_default_functions[None].append(lambda endpoint, values: values.update(added=endpoint))


def _context(framework: ModuleType, app: Any) -> None:
    app.template_context_processors[None].append(lambda: {"changed": "by a processor"})


def _handlers(framework: ModuleType, app: Any) -> None:
    app.error_handler_spec[None][None][ZeroDivisionError] = _answer("of the application")
    app.error_handler_spec["area"][None][ZeroDivisionError] = _answer("of the area")
    app.error_handler_spec[None][404][NotFound] = _answer("no such page")
    app.error_handler_spec[None][418].clear()


def _views(framework: ModuleType, app: Any) -> None:
    app.view_functions["index"] = _answer("another view")
    app.view_functions["area.index"] = _answer("another view of the area")
    del app.view_functions["html"]


def _build_errors(framework: ModuleType, app: Any) -> None:
    app.url_build_error_handlers += [_note(app, "none"), lambda error, e, values: f"/to/{e}"]


def _jinja(framework: ModuleType, app: Any) -> None:
    app.jinja_env.globals["changed"] = "by a global"
    app.jinja_env.filters["own"] = str.upper
    app.jinja_env.tests["own"] = str.isupper
    app.view_functions["template"] = lambda: framework.render_template_string(
        "{{ changed }} {{ 'a'|own }} {{ 'A' is own }}"
    )


def _rules(framework: ModuleType, app: Any) -> None:
    app.url_map.converters["doubled"] = _Doubled
    app.url_map.add(app.url_rule_class("/missing", endpoint="index"))
    app.url_map.add(Rule("/area/<doubled:n>", endpoint="form", build_only=False))
    app.view_functions["form"] = lambda n="": {"n": n}


def _blueprints(framework: ModuleType, app: Any) -> None:
    del app.blueprints["area.inner"]
    app.blueprints["other"] = framework.Blueprint("other", __name__)
    app.view_functions["index"] = lambda: sorted(app.blueprints)


def _extensions(framework: ModuleType, app: Any) -> None:
    app.extensions["own"] = "kept"
    app.view_functions["index"] = lambda: framework.current_app.extensions["own"]


def _wsgi_app(framework: ModuleType, app: Any) -> None:
    def around(inner: Any, word: str) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            def starting(status: str, headers: list[Any], *args: Any) -> Any:
                return start_response(status, [*headers, ("X-Around", word)], *args)

            return inner(environ, starting)

        return middleware

    for word in ("one", "two", "three"):
        app.wsgi_app = around(app.wsgi_app, word)


def _emptied(framework: ModuleType, app: Any) -> None:
    app.after_request_funcs.setdefault(None, []).append(lambda response: _marked(app, response))
    app.before_request_funcs = {None: [_answer("before")]}
    app.error_handler_spec.clear()
    app.template_context_processors.clear()


REGISTRIES: dict[str, Change] = {
    "after_request_funcs": _hooks("after_request_funcs", 0),
    "before_request_funcs": _hooks("before_request_funcs"),
    "blueprints": _blueprints,
    "emptied": _emptied,
    "error_handler_spec": _handlers,
    "extensions": _extensions,
    "jinja_env": _jinja,
    "teardown_appcontext_funcs": lambda framework, app: app.teardown_appcontext_funcs.append(
        _note(app, "teardown_appcontext")
    ),
    "teardown_request_funcs": _hooks("teardown_request_funcs"),
    "template_context_processors": _context,
    "url_build_error_handlers": _build_errors,
    "url_default_functions": _defaults,
    "url_default_functions of each": _hooks("url_default_functions"),
    "url_map": _rules,
    "url_value_preprocessors": _values,
    "url_value_preprocessors of each": _hooks("url_value_preprocessors"),
    "view_functions": _views,
    "wsgi_app": _wsgi_app,
}


@pytest.mark.parametrize("name", REGISTRIES)
def test_a_registry_changed_before_the_first_request(name: str) -> None:
    _assert_same(_changed_at_once(REGISTRIES[name]), *LATER, *LATER)


@pytest.mark.parametrize("name", REGISTRIES)
def test_a_registry_changed_after_some_requests(name: str) -> None:
    _assert_same(_changed_when_asked(REGISTRIES[name]), *WARM, get("/change"), *LATER)


def test_the_registry_for_the_shell() -> None:
    def run(framework: ModuleType) -> object:
        app = _create(framework)
        app.test_client().get("/")
        app.shell_context_processors.append(lambda: {"own": 1})
        return sorted(app.make_shell_context())

    assert run(carboy) == run(flask)
    assert "own" in run(carboy)


def test_a_change_from_another_thread_counts_from_the_next_request_on() -> None:
    app = _create(carboy)
    client = app.test_client()
    assert [client.get("/").text for _ in range(4)] == ["index of index"] * 4

    def change() -> None:
        app.make_response = lambda rv: app.response_class("replaced")

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    assert client.get("/").text == "replaced"


def test_headers_that_a_stage_adds_reach_the_client() -> None:
    app = _create(carboy)
    client = app.test_client()
    client.get("/")
    app.process_response = lambda response: app.response_class(
        response.get_data(), headers=Headers({"X-Own": "yes"})
    )
    assert client.get("/").headers["X-Own"] == "yes"


# -- settings ----------------------------------------------------------------------

SETTINGS: dict[str, object] = {
    "APPLICATION_ROOT": "/root",
    "DEBUG": True,
    "EXPLAIN_TEMPLATE_LOADING": True,
    "MAX_CONTENT_LENGTH": 2,
    "MAX_COOKIE_SIZE": 20,
    "MAX_FORM_MEMORY_SIZE": 1,
    "MAX_FORM_PARTS": 1,
    "PERMANENT_SESSION_LIFETIME": timedelta(seconds=60),
    "PREFERRED_URL_SCHEME": "https",
    "PROPAGATE_EXCEPTIONS": True,
    "PROVIDE_AUTOMATIC_OPTIONS": False,
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": ["older"],
    "SEND_FILE_MAX_AGE_DEFAULT": 60,
    "SERVER_NAME": "example.org",
    "SESSION_COOKIE_DOMAIN": "localhost.example",
    "SESSION_COOKIE_HTTPONLY": False,
    "SESSION_COOKIE_NAME": "own",
    "SESSION_COOKIE_PARTITIONED": True,
    "SESSION_COOKIE_PATH": "/session",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_REFRESH_EACH_REQUEST": False,
    "TEMPLATES_AUTO_RELOAD": True,
    "TESTING": True,
    "TRAP_BAD_REQUEST_ERRORS": True,
    "TRAP_HTTP_EXCEPTIONS": True,
    "TRUSTED_HOSTS": ["example.org"],
    "USE_X_SENDFILE": True,
}

#: These do not show in the answers to `OF_SETTINGS`; `differential/apps` shows what they do.
UNSEEN = {
    "EXPLAIN_TEMPLATE_LOADING",
    "PREFERRED_URL_SCHEME",
    "SECRET_KEY_FALLBACKS",
    "TEMPLATES_AUTO_RELOAD",
}

OF_SETTINGS = (
    *LATER,
    get("/permanent"),
    get("/permanent"),
    post("/form", form={"a": "1", "b": Upload("b.txt", b"b")}),
    post("/form", form={"a": "1" * 30}),
    get("/key"),
    get("/late"),
    options("/late"),
    get("/late-area/late"),
    options("/late-area/late"),
    get("/", base_url="http://example.org/"),
    get("/url/external", base_url="http://example.org/"),
)


def _create_with_settings(framework: ModuleType, early: dict[str, object], late: Any) -> Any:
    def change(framework: ModuleType, app: Any) -> None:
        app.config.update(late)

    app = _create(framework, change=change)
    app.config.update(early)

    def permanent() -> str:
        framework.session.permanent = True
        framework.session.setdefault("kept", "kept")
        return "permanent"

    area = framework.Blueprint("late", __name__, url_prefix="/late-area")
    for scaffold in (app, area):
        scaffold.add_url_rule("/late", "late", lambda: "late")
    app.register_blueprint(area)
    app.add_url_rule("/permanent", "permanent", permanent)
    app.add_url_rule("/key", "key", lambda: framework.request.args["missing"])
    return app


def test_the_settings_and_what_they_are_by_default() -> None:
    own = {"WEBSOCKET_ORIGINS": None}
    assert carboy.Flask.default_config == {**flask.Flask.default_config, **own}
    assert set(SETTINGS) == set(flask.Flask.default_config)
    assert all(value != flask.Flask.default_config[key] for key, value in SETTINGS.items() if value)


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_before_the_first_request(key: str) -> None:
    def create(framework: ModuleType) -> Any:
        return _create_with_settings(framework, {key: SETTINGS[key]}, {})

    def plain(framework: ModuleType) -> Any:
        return _create_with_settings(framework, {}, {})

    ours, theirs = (_conversation(f, create, *OF_SETTINGS) for f in (carboy, flask))
    for ask, own, wanted in zip(OF_SETTINGS, ours, theirs, strict=True):
        assert (ask.id, own) == (ask.id, wanted)
    assert (theirs == _conversation(flask, plain, *OF_SETTINGS)) == (key in UNSEEN)


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_changed_after_some_requests(key: str) -> None:
    def create(framework: ModuleType) -> Any:
        return _create_with_settings(framework, {}, {key: SETTINGS[key]})

    asks = (*WARM, get("/session"), get("/change"), *OF_SETTINGS)
    ours, theirs = (_conversation(f, create, *asks) for f in (carboy, flask))
    for ask, own, wanted in zip(asks, ours, theirs, strict=True):
        assert (ask.id, own) == (ask.id, wanted)
