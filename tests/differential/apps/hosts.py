"""Subdomains, and `SERVER_NAME` with and without them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get, post

STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__, subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.org:8080"
    request = flask.request

    def show(**values: str) -> dict[str, Any]:
        return {
            "endpoint": request.endpoint,
            "values": values,
            "host": request.host,
            "blueprints": request.blueprints,
            "urls": [
                flask.url_for("index"),
                flask.url_for("admin"),
                flask.url_for("user", user="ada"),
                flask.url_for("area.page"),
                flask.url_for("index", _external=True),
                flask.url_for("user", user="ada", _external=True, _scheme="https"),
                flask.url_for("static", filename="x.txt"),
            ],
        }

    app.add_url_rule("/", "index", show)
    app.add_url_rule("/dir/", "directory", show)
    app.add_url_rule("/", "admin", show, subdomain="admin")
    app.add_url_rule("/dir/", "admin directory", show, subdomain="admin")
    app.add_url_rule("/", "user", show, subdomain="<user>")
    app.add_url_rule("/", "deep", show, subdomain="<user>.deep")
    area = flask.Blueprint("area", __name__, subdomain="area", url_prefix="/in")
    area.add_url_rule("/page", "page", show)
    inner = flask.Blueprint("inner", __name__, subdomain="inner")
    inner.add_url_rule("/page", "page", show)
    area.register_blueprint(inner)
    given = flask.Blueprint("given", __name__, subdomain="replaced")
    given.add_url_rule("/given", "page", show)
    app.register_blueprint(given, subdomain="given")
    app.register_blueprint(area)
    return app


def _at(host: str, path: str = "/", **options: Any) -> Any:
    return get(path, base_url=f"http://{host}/", name=host, **options)


REQUESTS = [
    _at("example.org:8080"),
    _at("example.org"),
    _at("EXAMPLE.ORG:8080"),
    _at("example.org:8080", "/dir"),
    _at("admin.example.org:8080"),
    _at("admin.example.org:8080", "/dir"),
    _at("admin.example.org"),
    _at("ADMIN.example.org:8080"),
    _at("ada.example.org:8080"),
    _at("ada.deep.example.org:8080"),
    _at("a.b.example.org:8080"),
    _at("area.example.org:8080", "/in/page"),
    _at("inner.area.example.org:8080", "/in/page"),
    _at("inner.example.org:8080", "/in/page"),
    _at("given.example.org:8080", "/given"),
    _at("replaced.example.org:8080", "/given"),
    _at("area.example.org:8080", "/missing"),
    _at("other.net:8080"),
    _at("example.org.evil.net:8080"),
    _at("badexample.org:8080"),
    _at("127.0.0.1:8080"),
    _at("example.org:9090"),
    get("/", base_url="https://example.org:8080/", name="HTTPS"),
    post("/dir", base_url="http://admin.example.org:8080/"),
    _at("example.org:8080", "/static/hello.txt"),
    _at("admin.example.org:8080", "/static/hello.txt"),
    get("/", name="no Host header", without=("HTTP_HOST",)),
    get("/", name="empty Host", environ={"HTTP_HOST": ""}),
]


def probe_urls_without_a_request(flask: ModuleType) -> object:
    app = create(flask)
    with app.app_context():
        return [
            flask.url_for("index"),
            flask.url_for("user", user="ada"),
            flask.url_for("index", _external=False),
            flask.url_for("area.inner.page", _scheme="https", _anchor="x"),
        ]


def probe_a_request_context_for_a_subdomain(flask: ModuleType) -> object:
    app = create(flask)
    with app.test_request_context("/", subdomain="ada"):
        seen = [flask.request.url, flask.request.endpoint, flask.request.view_args]
    client = app.test_client()
    return [
        *seen,
        client.get("/", subdomain="admin").json,
        client.get("/", base_url="http://ada.example.org:8080").json,
        client.get("http://ada.example.org:8080/").json,
    ]


def probe_a_base_url_and_a_subdomain(flask: ModuleType) -> object:
    create(flask).test_request_context("/", "http://x.org", subdomain="ada")
    return "accepted"
