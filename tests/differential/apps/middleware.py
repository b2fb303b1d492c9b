"""What stands around an application: WSGI middleware, proxies, mount points."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get, post


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    journal = app.extensions["journal"] = []
    request = flask.request
    proxy = importlib.import_module("werkzeug.middleware.proxy_fix")

    @app.route("/", methods=["GET", "POST"])
    @app.route("/<path:path>")
    def show(path: str = "") -> Any:
        return {
            "url": request.url,
            "base_url": request.base_url,
            "host_url": request.host_url,
            "root_url": request.root_url,
            "script_root": request.script_root,
            "path": request.path,
            "host": request.host,
            "scheme": request.scheme,
            "is_secure": request.is_secure,
            "remote_addr": request.remote_addr,
            "access_route": list(request.access_route),
            "external": flask.url_for("show", path="x", _external=True),
            "added": request.environ.get("added"),
        }

    @app.get("/dir/")
    def directory() -> str:
        return "directory"

    @app.get("/fail")
    def fail() -> str:
        raise ValueError("through the middleware")

    @app.get("/stream")
    def stream() -> Any:
        return iter(["a", "b"])

    inner = app.wsgi_app

    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        journal.append(("in", environ["PATH_INFO"], flask.has_app_context()))
        if environ["PATH_INFO"] == "/short":
            start_response("299 Short", [("X-Short", "yes")])
            return [b"cut short"]
        if environ["PATH_INFO"] == "/catch":
            environ["PATH_INFO"] = "/fail"
            app.config["PROPAGATE_EXCEPTIONS"] = True
            try:
                return inner(environ, start_response)
            except ValueError as error:
                start_response("500 Caught", [])
                return [str(error).encode()]
        environ["added"] = "by the middleware"

        def starting(status: str, headers: list[Any], exc_info: Any = None) -> Any:
            journal.append(("starting", status, exc_info))
            return start_response(status, [*headers, ("X-Wrapped", "yes")], exc_info)

        body = inner(environ, starting)
        journal.append(("out", flask.has_app_context()))
        return body

    app.wsgi_app = proxy.ProxyFix(wrapped, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    return app


_PROXIED = (
    ("X-Forwarded-For", "1.2.3.4, 5.6.7.8"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "public.example.org"),
    ("X-Forwarded-Prefix", "/prefix"),
)

REQUESTS = [
    get("/"),
    get("/a/b"),
    get("/short"),
    get("/fail"),
    get("/catch"),
    get("/stream"),
    get("/dir"),
    post("/"),
    get("/missing/../x"),
    get("/", name="proxied", headers=_PROXIED),
    get("/dir", name="proxied", headers=_PROXIED),
    get("/", name="mounted", base_url="http://localhost/mount/point"),
    get("/dir", name="mounted", base_url="http://localhost/mount/point"),
    get("/", name="a mount point with a slash", environ={"SCRIPT_NAME": "/mount/"}),
    get("/", name="a mount point without", environ={"SCRIPT_NAME": "mount"}),
    get("/", name="a mount point beyond ASCII", environ={"SCRIPT_NAME": "/m\xc3\xb6"}),
    get("/", name="a remote address", environ={"REMOTE_ADDR": "9.9.9.9"}),
    get("/", name="a remote address and proxies", headers=_PROXIED[:1]),
]


def probe_dispatcher(flask: ModuleType) -> object:
    dispatcher = importlib.import_module("werkzeug.middleware.dispatcher")
    test = importlib.import_module("werkzeug.test")
    apps = {}
    for name in ("root", "one", "two"):
        app = apps[name] = flask.Flask(name)
        app.add_url_rule("/", "index", lambda: flask.url_for("index", _external=True))
        app.add_url_rule("/name", "name", lambda: flask.current_app.name)
    client = test.Client(
        dispatcher.DispatcherMiddleware(
            apps["root"], {"/one": apps["one"], "/two": apps["two"].wsgi_app}
        )
    )
    paths = ("/", "/name", "/one/", "/one", "/one/name", "/two/name", "/three/name")
    return [(path, client.get(path).status, client.get(path).text) for path in paths]


def probe_the_seam(flask: ModuleType) -> object:
    """`wsgi_app` replaced after the first request, and called by its own name."""
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: "index")
    client = app.test_client()
    first = client.get("/").text
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start: [b"wrapped ", *inner(environ, start)]
    return [first, client.get("/").text, callable(app), inner.__name__]
