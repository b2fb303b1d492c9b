"""Handlers by code and by class, on the application and on blueprints."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get, post

STATELESS = True


def create(flask: ModuleType) -> Any:
    exceptions = importlib.import_module("werkzeug.exceptions")
    app = flask.Flask(__name__)
    journal = app.extensions["journal"] = []

    class Base(Exception):
        pass

    class Derived(Base):
        pass

    class Furthest(Derived):
        pass

    class Other(Exception):
        pass

    class Teapot(exceptions.HTTPException):
        code = 418
        description = "of our own"

    class NoCode(exceptions.HTTPException):
        pass

    class Forbidden(exceptions.Forbidden):
        pass

    class Payment(exceptions.HTTPException):
        code = 402

        def get_response(self, environ: Any = None, scope: Any = None) -> Any:
            return flask.Response("made by the exception", 402)

    raised: dict[str, Any] = {
        "base": Base,
        "derived": Derived,
        "furthest": Furthest,
        "other": Other,
        "key": lambda: KeyError("key"),
        "lookup": lambda: LookupError("lookup"),
        "system exit": lambda: SystemExit(3),
        "400": exceptions.BadRequest,
        "401": exceptions.Unauthorized,
        "402": Payment,
        "403": exceptions.Forbidden,
        "403 derived": Forbidden,
        "404": exceptions.NotFound,
        "404 described": lambda: exceptions.NotFound("<b>nothing</b>\nhere"),
        "405": lambda: exceptions.MethodNotAllowed(["GET", "PUT"]),
        "409": exceptions.Conflict,
        "410": exceptions.Gone,
        "413": exceptions.RequestEntityTooLarge,
        "416": lambda: exceptions.RequestedRangeNotSatisfiable(9),
        "418": Teapot,
        "429": lambda: exceptions.TooManyRequests(retry_after=9),
        "451": exceptions.UnavailableForLegalReasons,
        "500": exceptions.InternalServerError,
        "500 with original": lambda: exceptions.InternalServerError(
            original_exception=Other("original")
        ),
        "501": exceptions.NotImplemented,
        "502": exceptions.BadGateway,
        "503": lambda: exceptions.ServiceUnavailable(retry_after=9),
        "no code": NoCode,
        "with response": lambda: exceptions.NotFound(response=flask.Response("given")),
        "key error": lambda: exceptions.BadRequestKeyError("key"),
        "request redirect": lambda: importlib.import_module("werkzeug.routing").RequestRedirect(
            "http://x.org/"
        ),
    }

    def note(name: str, error: Exception, status: int | None = None) -> Any:
        original = getattr(error, "original_exception", None)
        journal.append((name, type(error).__name__, str(error), original))
        code = getattr(error, "code", None)
        return f"{name}: {type(error).__name__} {code}", status or code or 599

    def views(scaffold: Any) -> None:
        @scaffold.route("/raise/<name>")
        def raising(name: str) -> str:
            raise raised[name]()

        @scaffold.route("/abort/<int:code>")
        def aborting(code: int) -> str:
            flask.abort(code)

        @scaffold.route("/raise-class/<name>")
        def raising_a_class(name: str) -> str:
            raise raised[name]

        @scaffold.route("/chained")
        def chained() -> str:
            try:
                raise Other("first")
            except Other as error:
                raise Derived("second") from error

        @scaffold.post("/post")
        def only_post() -> str:
            return "posted"

    @app.errorhandler(Base)
    def on_base(error: Exception) -> Any:
        return note("app Base", error)

    @app.errorhandler(404)
    def on_404(error: Exception) -> Any:
        return note("app 404", error)

    @app.errorhandler(405)
    def on_405(error: Exception) -> Any:
        note("app 405", error)
        return error

    @app.errorhandler(exceptions.Forbidden)
    def on_forbidden(error: Exception) -> Any:
        return note("app Forbidden", error)

    @app.errorhandler(500)
    def on_500(error: Exception) -> Any:
        return note("app 500", error)

    @app.errorhandler(LookupError)
    def on_lookup(error: Exception) -> Any:
        return note("app LookupError", error)

    @app.errorhandler(410)
    def on_410(error: Exception) -> Any:
        flask.abort(409)

    @app.errorhandler(409)
    def on_409(error: Exception) -> Any:
        raise Other("in a handler")

    @app.errorhandler(501)
    def on_501(error: Exception) -> Any:
        return None

    @app.errorhandler(502)
    def on_502(error: Exception) -> Any:
        return {"error": str(error)}, 299

    @app.errorhandler(503)
    def on_503(error: Exception) -> Any:
        return flask.Response("no status set by the handler")

    area = flask.Blueprint("area", __name__, url_prefix="/area")
    inner = flask.Blueprint("inner", __name__, url_prefix="/inner")
    wide = flask.Blueprint("wide", __name__, url_prefix="/wide")

    @area.errorhandler(Derived)
    def area_derived(error: Exception) -> Any:
        return note("area Derived", error)

    @area.errorhandler(404)
    def area_404(error: Exception) -> Any:
        return note("area 404", error)

    @area.errorhandler(exceptions.HTTPException)
    def area_http(error: Exception) -> Any:
        return note("area HTTPException", error)

    @inner.errorhandler(Exception)
    def inner_any(error: Exception) -> Any:
        return note("inner Exception", error)

    @inner.errorhandler(403)
    def inner_403(error: Exception) -> Any:
        return note("inner 403", error)

    @wide.app_errorhandler(413)
    def wide_413(error: Exception) -> Any:
        return note("wide app 413", error)

    @wide.app_errorhandler(Other)
    def wide_other(error: Exception) -> Any:
        return note("wide app Other", error)

    @wide.errorhandler(500)
    def wide_500(error: Exception) -> Any:
        return note("wide 500", error)

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        journal.append(("teardown", error))

    for scaffold in (app, area, inner, wide):
        views(scaffold)
    area.register_blueprint(inner)
    app.register_blueprint(area)
    app.register_blueprint(wide)
    return app


_RAISED = [
    *("base", "derived", "furthest", "other", "key", "lookup", "400", "401", "402"),
    *("403", "403 derived", "404", "404 described", "405", "409", "410", "413", "416"),
    *("418", "429", "451", "500", "500 with original", "501", "502", "503", "no code"),
    *("with response", "key error", "request redirect"),
]

REQUESTS = [
    *(get(f"/raise/{name}") for name in _RAISED),
    *(get(f"/area/raise/{name}") for name in _RAISED),
    *(get(f"/area/inner/raise/{name}") for name in _RAISED),
    *(get(f"/wide/raise/{name}") for name in ("other", "key", "404", "base", "500")),
    *(get(f"/raise-class/{name}") for name in ("base", "404", "no code")),
    *(get(f"{place}/chained") for place in ("", "/area", "/area/inner")),
    *(get(f"{place}/abort/400") for place in ("", "/area", "/area/inner")),
    *(get(f"/abort/{code}") for code in (204, 299, 300, 304, 402, 404, 418, 500, 599)),
    *(get(f"{place}/missing") for place in ("", "/area", "/area/inner")),
    *(get(f"{place}/post") for place in ("", "/area", "/area/inner")),
    post("/area/missing"),
]


def _shut(flask: ModuleType, **config: Any) -> Any:
    """What a request for a view that fails becomes under *config*."""
    return [
        _shut_app(flask, path, handler, config)
        for handler in (None, "HTTPException", "InternalServerError")
        for path in ("/raise/key", "/raise/404", "/raise/400", "/raise/500", "/none")
    ]


def _shut_app(flask: ModuleType, path: str, handler: str | None, config: dict[str, Any]) -> object:
    app = flask.Flask(__name__)
    app.config.update(config)
    if "DEBUG" in config:
        app.debug = config["DEBUG"]

    @app.route("/raise/<name>")
    def raising(name: str) -> str:
        if name.isdigit():
            flask.abort(int(name))
        return str(flask.request.form[name])

    def on_error(error: Any) -> Any:
        original = getattr(error, "original_exception", None)
        return f"{error!r} {original!r}", error.code

    if handler:
        exceptions = importlib.import_module("werkzeug.exceptions")
        app.register_error_handler(getattr(exceptions, handler), on_error)
    try:
        response = app.test_client().get(path)
    except Exception as error:
        return path, repr(error), str(error)
    return path, response.status, response.text


def probe_no_settings(flask: ModuleType) -> object:
    return _shut(flask)


def probe_testing(flask: ModuleType) -> object:
    return _shut(flask, TESTING=True)


def probe_debug(flask: ModuleType) -> object:
    return _shut(flask, DEBUG=True)


def probe_debug_and_testing(flask: ModuleType) -> object:
    return _shut(flask, DEBUG=True, TESTING=True)


def probe_propagate(flask: ModuleType) -> object:
    return _shut(flask, PROPAGATE_EXCEPTIONS=True)


def probe_testing_without_propagation(flask: ModuleType) -> object:
    return _shut(flask, TESTING=True, PROPAGATE_EXCEPTIONS=False)


def probe_trap_http(flask: ModuleType) -> object:
    return _shut(flask, TRAP_HTTP_EXCEPTIONS=True)


def probe_trap_http_and_propagate(flask: ModuleType) -> object:
    return _shut(flask, TRAP_HTTP_EXCEPTIONS=True, PROPAGATE_EXCEPTIONS=True)


def probe_trap_bad_request(flask: ModuleType) -> object:
    return _shut(flask, TRAP_BAD_REQUEST_ERRORS=True)


def probe_trap_bad_request_off_in_debug(flask: ModuleType) -> object:
    return _shut(flask, DEBUG=True, TRAP_BAD_REQUEST_ERRORS=False)


def _register(flask: ModuleType, key: Any) -> object:
    app = flask.Flask(__name__)
    app.register_error_handler(key, lambda error: "handled")
    spec = app.error_handler_spec
    return {
        str(scope): {
            str(code): {kind.__name__: f.__name__ for kind, f in handlers.items()}
            for code, handlers in codes.items()
        }
        for scope, codes in spec.items()
    }


def probe_a_handler_for_a_code(flask: ModuleType) -> object:
    return _register(flask, 404)


def probe_a_handler_for_a_class(flask: ModuleType) -> object:
    return _register(flask, KeyError)


def probe_a_handler_for_an_http_class(flask: ModuleType) -> object:
    return _register(flask, importlib.import_module("werkzeug.exceptions").NotFound)


def probe_a_handler_for_an_unknown_code(flask: ModuleType) -> object:
    return _register(flask, 499)


def probe_a_handler_for_an_instance(flask: ModuleType) -> object:
    return _register(flask, KeyError("x"))


def probe_a_handler_for_another_class(flask: ModuleType) -> object:
    return _register(flask, int)


def probe_a_handler_for_a_string(flask: ModuleType) -> object:
    return _register(flask, "404")


def probe_a_handler_for_base_exception(flask: ModuleType) -> object:
    return _register(flask, BaseException)


def probe_abort_with_everything(flask: ModuleType) -> object:
    seen: list[Any] = []
    for arguments in (
        (404,),
        (404, "described"),
        (999,),
        (flask.Response("given", 418),),
        (None,),
        ("404",),
        (200,),
    ):
        try:
            flask.abort(*arguments)
        except Exception as error:
            seen.append([repr(error), str(error), getattr(error, "description", None)])
    return seen


def probe_an_aborter_of_the_application(flask: ModuleType) -> object:
    exceptions = importlib.import_module("werkzeug.exceptions")

    class Own(exceptions.HTTPException):
        code = 700
        description = "seven hundred"

    app = flask.Flask(__name__)
    app.aborter.mapping[700] = Own
    app.add_url_rule("/", "index", lambda: flask.abort(700))
    response = app.test_client().get("/")
    return [response.status, response.text]


def probe_system_exit_leaves_no_context(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    torn: list[object] = []
    app.teardown_request(torn.append)

    @app.get("/")
    def leave() -> None:
        raise SystemExit(3)

    try:
        app.test_client().get("/")
    except SystemExit as error:
        return [error.code, [*map(repr, torn)], flask.has_app_context()]
    return "nothing raised"
