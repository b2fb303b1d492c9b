"""Registration: what it returns, what it refuses, and when it is too late."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get


def create(flask: ModuleType) -> Any:
    """Each visit to `/late/<deed>` registers something during a request."""
    app = flask.Flask(__name__)

    def nothing(*args: Any, **kwargs: Any) -> None:
        return None

    deeds: dict[str, Any] = _deeds(flask, app, nothing)

    @app.get("/")
    def index() -> str:
        return "index"

    @app.get("/late/<deed>")
    def late(deed: str) -> Any:
        try:
            return {"returned": repr(deeds[deed]())[:40]}
        except Exception as error:
            return {"type": type(error).__name__, "text": str(error)}

    return app


def _deeds(flask: ModuleType, app: Any, function: Any) -> dict[str, Any]:
    return {
        "route": lambda: app.route("/new")(function),
        "route without a function": lambda: app.route("/new") and None,
        "get": lambda: app.get("/new")(function),
        "post": lambda: app.post("/new")(function),
        "add_url_rule": lambda: app.add_url_rule("/new", "new", function),
        "endpoint": lambda: app.endpoint("new")(function),
        "before_request": lambda: app.before_request(function),
        "after_request": lambda: app.after_request(function),
        "teardown_request": lambda: app.teardown_request(function),
        "teardown_appcontext": lambda: app.teardown_appcontext(function),
        "context_processor": lambda: app.context_processor(function),
        "shell_context_processor": lambda: app.shell_context_processor(function),
        "url_value_preprocessor": lambda: app.url_value_preprocessor(function),
        "url_defaults": lambda: app.url_defaults(function),
        "errorhandler": lambda: app.errorhandler(404)(function),
        "register_error_handler": lambda: app.register_error_handler(404, function),
        "template_filter": lambda: app.template_filter()(function),
        "template_test": lambda: app.template_test("x")(function),
        "template_global": lambda: app.template_global()(function),
        "add_template_filter": lambda: app.add_template_filter(function),
        "add_template_test": lambda: app.add_template_test(function),
        "add_template_global": lambda: app.add_template_global(function),
        "register_blueprint": lambda: app.register_blueprint(flask.Blueprint("late", __name__)),
        "iter_blueprints": lambda: list(app.iter_blueprints()),
    }


_DEEDS = [
    *("route", "route without a function", "get", "post", "add_url_rule", "endpoint"),
    *("before_request", "after_request", "teardown_request", "teardown_appcontext"),
    *("context_processor", "shell_context_processor", "url_value_preprocessor"),
    *("url_defaults", "errorhandler", "register_error_handler", "template_filter"),
    *("template_test", "template_global", "add_template_filter", "add_template_test"),
    *("add_template_global", "register_blueprint", "iter_blueprints"),
]

REQUESTS = [get(f"/late/{deed}") for deed in _DEEDS]


def _tried(deed: Any) -> Any:
    try:
        return deed()
    except Exception as error:
        return [type(error).__name__, str(error)]


def probe_what_decorators_return(flask: ModuleType) -> object:
    app = flask.Flask(__name__)

    def function(*args: Any, **kwargs: Any) -> None:
        return None

    return {
        name: _tried(lambda deed=deed: deed() is function)
        for name, deed in _deeds(flask, app, function).items()
    }


def probe_when_it_becomes_too_late(flask: ModuleType) -> object:
    app = create(flask)
    seen: list[Any] = []
    with app.test_request_context("/"):
        seen.append(_tried(lambda: app.before_request(lambda: None).__name__))
        app.preprocess_request()
        seen.append(_tried(lambda: app.before_request(lambda: None).__name__))
        app.dispatch_request()
        seen.append(_tried(lambda: app.before_request(lambda: None).__name__))
        app.full_dispatch_request()
        seen.append(_tried(lambda: app.before_request(lambda: None)))
    other = create(flask)
    other.test_client().get("/missing")
    seen.append(_tried(lambda: other.before_request(lambda: None)))
    return seen


def probe_error_handlers_without_arguments(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    return [
        _tried(lambda: app.errorhandler()),
        _tried(lambda: app.errorhandler(lambda error: "x")),
        _tried(lambda: app.errorhandler(ValueError("x"))(lambda error: "x")),
        _tried(lambda: app.errorhandler(None)(lambda error: "x")),
        _tried(lambda: app.errorhandler(600)(lambda error: "x")),
        _tried(lambda: app.errorhandler("404")(lambda error: "x")),
    ]


def probe_routes_used_wrongly(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    return [
        _tried(lambda: app.route(lambda: "x")),
        _tried(lambda: app.route()),
        _tried(lambda: app.route("/a")(None)),
        _tried(lambda: app.add_url_rule("/b", "b", "not a function")),
        _tried(lambda: app.add_url_rule(None, "c", lambda: "x")),
        _tried(lambda: app.add_url_rule("/d", "d.dotted", lambda: "x")),
        _tried(lambda: app.add_url_rule("/e", 3, lambda: "x")),
        _tried(lambda: app.add_url_rule("/f", "f", lambda: "x", methods=[1])),
        _tried(lambda: app.add_url_rule("/g", "g", lambda: "x", methods=[])),
        _tried(lambda: app.add_url_rule("/h", "h", lambda: "x", methods="GET")),
        _tried(lambda: app.add_url_rule("/i", "i", lambda: "x", defaults=[])),
        _tried(lambda: app.register_blueprint("not a blueprint")),
        _tried(lambda: app.register_blueprint(flask.Blueprint)),
        _tried(lambda: flask.Blueprint()),
        _tried(lambda: flask.Blueprint("a")),
        repr(app.url_map),
    ]


def probe_one_function_registered_twice(flask: ModuleType) -> object:
    app = flask.Flask(__name__)

    def view() -> str:
        return "view"

    app.add_url_rule("/a", view_func=view)
    app.add_url_rule("/b", view_func=view)

    def other() -> str:
        return "other"

    other.__name__ = "view"
    return [sorted(app.view_functions), _tried(lambda: app.route("/c")(other))]


def probe_what_other_frameworks_build_on(flask: ModuleType) -> object:
    base = flask.sansio.app.App

    class Other(base):
        default_config = flask.Flask.default_config

        def __init__(self, import_name: str) -> None:
            super().__init__(import_name, host_matching=True)
            self.add_url_rule("/files/<name>", "static", lambda name: f"own {name}")

    other = Other(__name__)
    rules = [(rule.rule, rule.endpoint) for rule in other.url_map.iter_rules()]
    return rules, other.static_url_path, issubclass(flask.Flask, base), base is flask.Flask


def probe_registries_of_a_new_application(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    return {
        name: type(getattr(app, name)).__name__
        for name in (
            *("after_request_funcs", "aborter", "before_request_funcs", "blueprints"),
            *("cli", "config", "error_handler_spec", "extensions", "jinja_env"),
            *("jinja_loader", "json", "logger", "session_interface", "url_map"),
            *("shell_context_processors", "subdomain_matching", "view_functions"),
            *("teardown_appcontext_funcs", "teardown_request_funcs"),
            *("template_context_processors", "url_build_error_handlers"),
            *("url_default_functions", "url_value_preprocessors"),
        )
    }
