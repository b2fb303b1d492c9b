"""Applications that are subclasses, and classes they put in the place of others."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import Ask, get, head, options, post


def create(flask: ModuleType) -> Any:
    journal: list[Any] = []
    routing = importlib.import_module("werkzeug.routing")
    exceptions = importlib.import_module("werkzeug.exceptions")

    class Request(flask.Request):
        @property
        def args(self) -> Any:
            return {**super().args, "added": "by the class"}

        @property
        def own(self) -> str:
            return f"own {self.method}"

        def on_json_loading_failed(self, error: Any) -> Any:
            return {"failed": type(error).__name__}

    class Response(flask.Response):
        default_mimetype = "text/plain"

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.headers["X-Class"] = "own"

        @classmethod
        def force_type(cls, response: Any, environ: Any = None) -> Any:
            journal.append(("force_type", type(response).__name__))
            return super().force_type(response, environ)

    class Globals(flask.ctx._AppCtxGlobals):
        def __getattr__(self, name: str) -> str:
            return f"no {name}"

    class Rule(flask.Flask.url_rule_class):
        def __init__(self, string: str, **options: Any) -> None:
            options.setdefault("strict_slashes", False)
            super().__init__(string.replace("{", "<").replace("}", ">"), **options)

    class Map(flask.Flask.url_map_class):
        default_converters = {
            **routing.Map.default_converters,
            "default": routing.PathConverter,
        }

    class Aborter(exceptions.Aborter):
        def __call__(self, code: Any, *args: Any, **kwargs: Any) -> Any:
            journal.append(("abort", code))
            super().__call__(code, *args, **kwargs)

    class Application(flask.Flask):
        request_class = Request
        response_class = Response
        app_ctx_globals_class = Globals
        url_rule_class = Rule
        url_map_class = Map
        aborter_class = Aborter

        def full_dispatch_request(self) -> Any:
            journal.append(("full_dispatch_request", self.got_first()))
            return super().full_dispatch_request()

        def got_first(self) -> bool:
            return bool(self._got_first_request)

        def preprocess_request(self) -> Any:
            if flask.request.args.get("stop"):
                return "stopped in preprocess_request"
            return super().preprocess_request()

        def dispatch_request(self) -> Any:
            rv = super().dispatch_request()
            return f"dispatched {rv}" if isinstance(rv, str) else rv

        def make_response(self, rv: Any) -> Any:
            if isinstance(rv, set):
                rv = f"set of {len(rv)}"
            if isinstance(rv, Exception):
                journal.append(("make_response", type(rv).__name__))
            return super().make_response(rv)

        def process_response(self, response: Any) -> Any:
            response.headers["X-Processed"] = "yes"
            return super().process_response(response)

        def finalize_request(self, rv: Any, from_error_handler: bool = False) -> Any:
            journal.append(("finalize_request", from_error_handler))
            return super().finalize_request(rv, from_error_handler)

        def handle_user_exception(self, error: Exception) -> Any:
            journal.append(("handle_user_exception", error))
            if isinstance(error, ZeroDivisionError):
                return "handled as a user exception", 299
            return super().handle_user_exception(error)

        def handle_http_exception(self, error: Any) -> Any:
            journal.append(("handle_http_exception", error.code))
            return super().handle_http_exception(error)

        def handle_exception(self, error: Exception) -> Any:
            journal.append(("handle_exception", error))
            response = super().handle_exception(error)
            response.headers["X-Handled"] = "yes"
            return response

        def log_exception(self, exc_info: Any) -> None:
            journal.append(("log_exception", exc_info[1]))

        def should_ignore_error(self, error: BaseException | None) -> bool:
            return isinstance(error, IndexError)

        def trap_http_exception(self, error: Exception) -> bool:
            return getattr(error, "code", None) == 410

        def make_default_options_response(self) -> Any:
            response = super().make_default_options_response()
            response.headers["X-Options"] = "own"
            return response

        def raise_routing_exception(self, request: Any) -> Any:
            journal.append(("raise_routing_exception", request.path))
            super().raise_routing_exception(request)

        def ensure_sync(self, func: Any) -> Any:
            if func.__module__ == __name__:
                journal.append(("ensure_sync", func.__name__))
            return super().ensure_sync(func)

        def create_url_adapter(self, request: Any) -> Any:
            if request is not None and request.path.startswith("/mapped"):
                request.environ["PATH_INFO"] = request.path.replace("/mapped", "/", 1)
            return super().create_url_adapter(request)

        def do_teardown_request(self, *args: Any, **kwargs: Any) -> None:
            super().do_teardown_request(*args, **kwargs)
            journal.append(("do_teardown_request",))

        def do_teardown_appcontext(self, *args: Any, **kwargs: Any) -> None:
            super().do_teardown_appcontext(*args, **kwargs)
            journal.append(("do_teardown_appcontext",))

        def redirect(self, location: str, code: int = 302) -> Any:
            journal.append(("redirect", location, code))
            return super().redirect(location, 303)

        def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
            super().inject_url_defaults(endpoint, values)
            values.setdefault("injected", endpoint)

        def update_template_context(self, context: dict[str, Any]) -> None:
            super().update_template_context(context)
            context["updated"] = "by the subclass"

    app = Application(__name__)
    app.extensions["journal"] = journal
    request = flask.request

    @app.get("/")
    def index() -> Any:
        return f"{request.own} {type(request._get_current_object()).__name__}"

    @app.get("/args")
    def args() -> Any:
        return dict(request.args)

    @app.post("/json")
    def json() -> Any:
        return {"json": request.get_json()}

    @app.get("/g")
    def g() -> Any:
        return [flask.g.missing, flask.g.get("missing")]

    @app.get("/set")
    def a_set() -> Any:
        return {1, 2}

    @app.get("/zero")
    def zero() -> Any:
        return 1 / 0

    @app.get("/key")
    def key() -> Any:
        raise KeyError("key")

    @app.get("/ignored")
    def ignored() -> Any:
        raise IndexError("ignored")

    @app.get("/abort/<int:code>")
    def abort(code: int) -> Any:
        flask.abort(code)

    @app.get("/return/<int:code>")
    def returned(code: int) -> Any:
        return exceptions.default_exceptions[code]()

    @app.get("/redirect")
    def redirect() -> Any:
        return flask.redirect("/")

    @app.get("/braces/{name}/end")
    def braces(name: str) -> Any:
        return name

    @app.get("/werkzeug")
    def werkzeug() -> Any:
        return importlib.import_module("werkzeug.wrappers").Response("plain")

    @app.get("/plain-response")
    def plain_response() -> Any:
        return flask.Response("plain")

    @app.get("/jsonify")
    def jsonify() -> Any:
        return flask.jsonify(a=1)

    @app.get("/url")
    def url() -> Any:
        return flask.url_for("index")

    @app.get("/template")
    def template() -> Any:
        return flask.render_template_string("{{ updated }} {{ url_for('index') }}")

    @app.before_request
    def before() -> None:
        journal.append(("before", request.endpoint))

    @app.after_request
    def after(response: Any) -> Any:
        journal.append(("after", type(response).__name__, response.status))
        return response

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        journal.append(("teardown", error))

    return app


_PATHS = [
    *("/", "/args?a=1", "/g", "/set", "/zero", "/key", "/ignored", "/abort/404"),
    *("/abort/410", "/abort/500", "/return/404", "/redirect", "/braces/x/y/end"),
    *("/braces/x/end/", "/werkzeug", "/plain-response", "/jsonify", "/url"),
    *("/template", "/missing", "/mapped", "/mapped/url", "/static/hello.txt"),
    *("/?stop=1", "/missing?stop=1", "/static/missing.txt"),
]


def _get(path: str) -> Ask:
    path, _, query = path.partition("?")
    return get(path, query=query or None)


REQUESTS = [
    *map(_get, _PATHS),
    post("/json", body=b"{", content_type="application/json"),
    post("/json", body=b"{", content_type="text/plain"),
    post("/"),
    head("/"),
    options("/"),
    get("/", name="again", then=(get("/"), get("/key"), get("/missing"))),
]


def _one_override(flask: ModuleType, name: str, method: Any) -> object:
    """An application with a single method replaced, and what becomes of requests."""
    methods = {name: method} if name else {}
    app = type("Application", (flask.Flask,), methods)(__name__)
    journal = app.extensions["journal"] = []
    app.logger.disabled = True
    app.add_url_rule("/", "index", lambda: "index")
    app.add_url_rule("/fail", "fail", lambda: 1 / 0)
    app.add_url_rule("/abort", "abort", lambda: flask.abort(403))
    app.add_url_rule("/url", "url", lambda: flask.url_for("index"))
    app.before_request(lambda: journal.append("before"))
    app.after_request(lambda response: journal.append("after") or response)
    app.teardown_request(lambda error: journal.append(("teardown", repr(error))))
    seen: list[Any] = []
    client = app.test_client()
    for path in ("/", "/", "/fail", "/abort", "/missing", "/url"):
        try:
            answer = client.get(path)
            seen.append((path, answer.status, answer.text[:90], list(journal)))
        except Exception as error:
            seen.append((path, repr(error), list(journal)))
        seen.append((flask.has_app_context(), flask.has_request_context()))
        journal.clear()
    app.logger.disabled = False
    return seen


def probe_dispatch_request(flask: ModuleType) -> object:
    return _one_override(flask, "dispatch_request", lambda self: "dispatched")


def probe_full_dispatch_request(flask: ModuleType) -> object:
    return _one_override(flask, "full_dispatch_request", lambda self: self.response_class("full"))


def probe_preprocess_request(flask: ModuleType) -> object:
    return _one_override(flask, "preprocess_request", lambda self: "preprocessed")


def probe_preprocess_request_to_nothing(flask: ModuleType) -> object:
    return _one_override(flask, "preprocess_request", lambda self: None)


def probe_make_response(flask: ModuleType) -> object:
    return _one_override(
        flask, "make_response", lambda self, rv: self.response_class(f"made {rv!r}"[:20])
    )


def probe_process_response(flask: ModuleType) -> object:
    return _one_override(
        flask, "process_response", lambda self, response: self.response_class("new")
    )


def probe_process_response_failing(flask: ModuleType) -> object:
    return _one_override(flask, "process_response", lambda self, response: 1 / 0)


def probe_handle_user_exception(flask: ModuleType) -> object:
    return _one_override(
        flask, "handle_user_exception", lambda self, error: (type(error).__name__, 299)
    )


def probe_handle_exception(flask: ModuleType) -> object:
    return _one_override(
        flask, "handle_exception", lambda self, error: self.response_class("handled")
    )


def probe_handle_http_exception(flask: ModuleType) -> object:
    return _one_override(flask, "handle_http_exception", lambda self, error: f"code {error.code}")


def probe_finalize_request(flask: ModuleType) -> object:
    return _one_override(
        flask,
        "finalize_request",
        lambda self, rv, from_error_handler=False: self.response_class("final"),
    )


def probe_request_context(flask: ModuleType) -> object:
    def request_context(self: Any, environ: dict[str, Any]) -> Any:
        environ["PATH_INFO"] = "/url"
        return flask.Flask.request_context(self, environ)

    return _one_override(flask, "request_context", request_context)


def probe_app_context(flask: ModuleType) -> object:
    def app_context(self: Any) -> Any:
        self.extensions["journal"].append("app_context")
        return flask.Flask.app_context(self)

    return _one_override(flask, "app_context", app_context)


def probe_wsgi_app(flask: ModuleType) -> object:
    def wsgi_app(self: Any, environ: Any, start_response: Any) -> Any:
        body = flask.Flask.wsgi_app(self, environ, start_response)
        return [b"around ", *body]

    return _one_override(flask, "wsgi_app", wsgi_app)


def probe_call(flask: ModuleType) -> object:
    def call(self: Any, environ: Any, start_response: Any) -> Any:
        return [b"called ", *self.wsgi_app(environ, start_response)]

    return _one_override(flask, "__call__", call)


def probe_no_override(flask: ModuleType) -> object:
    return _one_override(flask, "", None)


def probe_create_url_adapter(flask: ModuleType) -> object:
    def create_url_adapter(self: Any, request: Any) -> Any:
        if request is None:
            return None
        return self.url_map.bind("bound.org", path_info="/url", url_scheme="https")

    return _one_override(flask, "create_url_adapter", create_url_adapter)


def probe_url_for(flask: ModuleType) -> object:
    return _one_override(flask, "url_for", lambda self, endpoint, **values: f"own {endpoint}")


def probe_raise_routing_exception(flask: ModuleType) -> object:
    def raise_routing_exception(self: Any, request: Any) -> Any:
        raise KeyError(request.path)

    return _one_override(flask, "raise_routing_exception", raise_routing_exception)


def probe_do_teardown_request(flask: ModuleType) -> object:
    return _one_override(flask, "do_teardown_request", lambda self, exc=None: None)


def probe_session_interface_of_a_class(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")

    class Interface(sessions.SecureCookieSessionInterface):
        def open_session(self, app: Any, request: Any) -> Any:
            app.extensions["journal"].append("open_session")
            return super().open_session(app, request)

        def save_session(self, *args: Any) -> None:
            args[0].extensions["journal"].append("save_session")
            super().save_session(*args)

    return _one_override(flask, "session_interface", Interface())


def probe_request_class_with_a_routing_hook(flask: ModuleType) -> object:
    class Request(flask.Request):
        def __init__(self, environ: Any, **options: Any) -> None:
            super().__init__(environ, **options)
            self.made = environ["PATH_INFO"]

        @property
        def endpoint(self) -> Any:
            found = super().endpoint
            return f"own {found}" if found else found

    class Application(flask.Flask):
        request_class = Request

    app = Application(__name__)
    app.add_url_rule("/x", "x", lambda: [flask.request.made, flask.request.endpoint])
    return app.test_client().get("/x").json


def probe_a_request_class_set_on_the_instance(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: type(flask.request.x).__name__)
    app.request_class = type("Own", (flask.Request,), {"x": 1})
    app.response_class = type("OwnResponse", (flask.Response,), {"default_status": 201})
    first = app.test_client().get("/")
    app.request_class = type("Later", (flask.Request,), {"x": "later"})
    app.response_class = flask.Response
    second = app.test_client().get("/")
    return [first.status, first.text, second.status, second.text]
