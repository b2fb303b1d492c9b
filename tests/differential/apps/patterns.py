"""Ways of doing things that Flask's documentation teaches."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from functools import update_wrapper, wraps
from types import ModuleType
from typing import Any

from ..asking import get, head, options, post


class MethodOverride:
    """Let a browser's form say another method in a header."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if method in {"PUT", "DELETE", "PATCH", "HEAD"}:
            environ["REQUEST_METHOD"] = method
        return self.app(environ, start_response)


class ChecksumStream:
    """Hash a request's body while it is read."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.hash = hashlib.sha1(usedforsecurity=False)

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.hash.update(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        data = self.stream.readline(size)
        self.hash.update(data)
        return data


class LazyView:
    """A view that is imported when it is first asked for."""

    def __init__(self, import_name: str) -> None:
        self.__module__, self.__name__ = import_name.rsplit(".", 1)
        self.import_name = import_name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = importlib.import_module(self.__module__)
        return getattr(module, self.__name__)(*args, **kwargs)


def lazily(**values: Any) -> str:
    return f"loaded lazily with {sorted(values)}"


class InvalidUsage(Exception):
    def __init__(self, message: str, status: int = 400, **payload: Any) -> None:
        super().__init__(message)
        self.message, self.status, self.payload = message, status, payload

    def to_dict(self) -> dict[str, Any]:
        return {**self.payload, "message": self.message}


def create(flask: ModuleType) -> Any:
    routing = importlib.import_module("werkzeug.routing")
    exceptions = importlib.import_module("werkzeug.exceptions")
    app = flask.Flask(__name__, static_folder=None)
    app.secret_key = "patterns"
    journal = app.extensions["journal"] = []
    g, request, session = flask.g, flask.request, flask.session

    class Bool(routing.BaseConverter):
        def to_python(self, value: str) -> bool:
            if value not in {"yes", "no"}:
                raise routing.ValidationError
            return value == "yes"

        def to_url(self, value: bool) -> str:
            return "yes" if value else "no"

    app.url_map.converters["bool"] = Bool
    app.wsgi_app = MethodOverride(app.wsgi_app)

    cache: dict[str, Any] = {}

    def cached(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if request.path not in cache:
                cache[request.path] = view(*args, **kwargs)
            return cache[request.path]

        return wrapped

    def templated(source: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                context = view(*args, **kwargs)
                if not isinstance(context or {}, dict):
                    return context
                return flask.render_template_string(source, **(context or {}))

            return wrapped

        return decorator

    def nocache(view: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            response = flask.make_response(view(*args, **kwargs))
            response.headers["Cache-Control"] = "no-store"
            return response

        return update_wrapper(wrapped, view)

    # Language codes in URLs.
    localized = flask.Blueprint("localized", __name__, url_prefix="/<lang>")

    @localized.url_defaults
    def add_lang(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", g.get("lang", "en"))

    @localized.url_value_preprocessor
    def pull_lang(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.lang = (values or {}).pop("lang")

    @localized.route("/about")
    def about() -> Any:
        other = flask.url_for(".about", lang="fr")
        return f"{g.lang} {flask.url_for('.about')} {other}"

    # Errors as JSON.
    @app.errorhandler(InvalidUsage)
    def on_invalid_usage(error: InvalidUsage) -> Any:
        return flask.jsonify(error.to_dict()), error.status

    @app.errorhandler(exceptions.HTTPException)
    def on_http_error(error: Any) -> Any:
        response = error.get_response()
        response.data = flask.json.dumps({"code": error.code, "name": error.name})
        response.content_type = "application/json"
        return response

    @app.get("/invalid")
    def invalid() -> Any:
        raise InvalidUsage("not like this", 410, field="x")

    @app.get("/gone")
    def gone() -> Any:
        flask.abort(410)

    @app.get("/unavailable")
    def unavailable() -> Any:
        raise exceptions.ServiceUnavailable(retry_after=30)

    # Deferred callbacks.
    @app.before_request
    def detect_language() -> None:
        if "lang" not in request.cookies and request.args.get("remember"):

            @flask.after_this_request
            def remember(response: Any) -> Any:
                response.set_cookie("lang", "en", max_age=60)
                return response

    @app.get("/remembered")
    def remembered() -> Any:
        return request.cookies.get("lang", "nothing")

    # Decorators of views.
    @app.get("/cached/<word>")
    @cached
    def cached_view(word: str) -> Any:
        journal.append(("computed", word))
        return f"cached {word}"

    @app.get("/templated")
    @templated("templated {{ value }}")
    def templated_view() -> Any:
        return {"value": "<b>"} if request.args else None

    @app.get("/templated-response")
    @templated("not used")
    def templated_response() -> Any:
        return flask.Response("its own response")

    @app.get("/nocache")
    @nocache
    def nocache_view() -> Any:
        return "not kept", 202

    @app.get("/flag/<bool:flag>")
    def flag(flag: bool) -> Any:
        return {"flag": flag, "other": flask.url_for("flag", flag=not flag)}

    app.add_url_rule("/lazy/<x>", view_func=LazyView(f"{__name__}.lazily"))

    # The body's checksum.
    @app.route("/checksum", methods=["POST", "PUT"])
    def checksum() -> Any:
        stream = request.environ["wsgi.input"] = ChecksumStream(request.environ["wsgi.input"])
        form = request.form.to_dict()
        request.get_data()
        return {"form": form, "checksum": stream.hash.hexdigest(), "method": request.method}

    # Streaming.
    @app.get("/csv")
    def csv() -> Any:
        def generate() -> Iterator[str]:
            for row in (("a", 1), ("b", 2)):
                yield f"{','.join(map(str, row))}\n"

        return app.response_class(generate(), mimetype="text/csv")

    @app.get("/greet")
    def greet() -> Any:
        @flask.stream_with_context
        def generate() -> Iterator[str]:
            yield "<p>Hello "
            yield request.args["name"]
            yield "!</p>"

        return app.response_class(generate())

    # Conditional answers.
    @app.get("/etagged")
    def etagged() -> Any:
        response = flask.make_response({"a": 1})
        response.add_etag()
        return response.make_conditional(request)

    # A browser's preflight.
    @app.after_request
    def allow_origins(response: Any) -> Any:
        if origin := request.headers.get("Origin"):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
        return response

    # Counting visits, and a token against forged requests.
    @app.get("/visits")
    def visits() -> Any:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    @app.before_request
    def check_token() -> None:
        if request.path == "/guarded" and request.method == "POST":
            token = session.pop("token", None)
            if not token or token != request.form.get("token"):
                flask.abort(403)

    @app.route("/guarded", methods=["GET", "POST"])
    def guarded() -> Any:
        if request.method == "GET":
            session["token"] = "token"
            return flask.render_template_string("<input value='{{ session.token }}'>")
        return "accepted"

    # One page for every path that nothing else wants.
    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>")
    def page(path: str) -> Any:
        return f"the page for {path!r}"

    app.register_blueprint(localized)
    return app


_CHECKSUM = hashlib.sha1(b'{"a":1}\n', usedforsecurity=False).hexdigest()
_OVERRIDE = (("X-HTTP-Method-Override", "PUT"),)

REQUESTS = [
    get("/en/about"),
    get("/de/about"),
    get("/invalid"),
    get("/gone"),
    get("/unavailable"),
    post("/gone"),
    get("/remembered", query="remember=1", then=(get("/remembered"), get("/remembered"))),
    get("/cached/a", then=(get("/cached/a"), get("/cached/b"), head("/cached/a"))),
    get("/templated"),
    get("/templated", query="x=1"),
    get("/templated-response"),
    get("/nocache"),
    get("/flag/yes"),
    get("/flag/maybe"),
    get("/lazy/x"),
    post("/checksum", form={"a": "1", "b": "2"}),
    post("/checksum", body=b"raw", content_type="text/plain"),
    post("/checksum", name="overridden", body=b"raw", headers=_OVERRIDE),
    get("/csv"),
    get("/greet", query="name=Ada"),
    get("/etagged"),
    get(
        "/etagged",
        name="known",
        headers=(("If-None-Match", f'"{_CHECKSUM}"'),),
    ),
    get("/csv", name="another origin", headers=(("Origin", "http://x.org"),)),
    options("/csv", name="another origin", headers=(("Origin", "http://x.org"),)),
    get("/visits", then=(get("/visits"), get("/"), get("/visits"))),
    get("/guarded", then=(post("/guarded", form={"token": "token"}), post("/guarded"))),
    post("/guarded", form={"token": "token"}),
    get("/"),
    get("/any/path/at/all"),
    get("/any//path/"),
]
