"""Rules that belong to a host, and a static folder that does."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get

STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__, host_matching=True, static_host="static.org")

    def show(**values: str) -> dict[str, Any]:
        return {
            "endpoint": flask.request.endpoint,
            "values": values,
            "urls": [
                flask.url_for("first"),
                flask.url_for("second"),
                flask.url_for("static", filename="x.txt"),
                flask.url_for("named", name="n"),
            ],
        }

    app.add_url_rule("/", "first", show, host="first.org")
    app.add_url_rule("/", "second", show, host="second.org:81")
    app.add_url_rule("/", "named", show, host="<name>.named.org")
    app.add_url_rule("/dir/", "directory", show, host="first.org")
    return app


def _at(host: str, path: str = "/") -> Any:
    return get(path, base_url=f"http://{host}/", name=host)


REQUESTS = [
    _at("first.org"),
    _at("first.org:80"),
    _at("FIRST.org"),
    _at("first.org:81"),
    _at("second.org:81"),
    _at("second.org"),
    _at("ada.named.org"),
    _at("none.org"),
    _at("first.org", "/dir"),
    _at("second.org:81", "/dir"),
    _at("static.org", "/static/hello.txt"),
    _at("first.org", "/static/hello.txt"),
]


def probe_host_matching_without_a_static_host(flask: ModuleType) -> object:
    flask.Flask(__name__, host_matching=True)
    return "accepted"


def probe_a_static_host_without_host_matching(flask: ModuleType) -> object:
    flask.Flask(__name__, static_host="static.org")
    return "accepted"


def probe_host_matching_without_static_files(flask: ModuleType) -> object:
    app = flask.Flask(__name__, host_matching=True, static_folder=None)
    app.add_url_rule("/", "x", lambda: "x", host="<host>")
    return repr(app.url_map)


def probe_server_name_and_subdomains_off(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.config["SERVER_NAME"] = "example.org"
    app.add_url_rule("/", "index", lambda: flask.url_for("index", _external=True))
    app.add_url_rule("/", "sub", lambda: "sub", subdomain="sub")
    client = app.test_client()
    return [
        client.get("/", base_url=f"http://{host}").text
        for host in ("example.org", "sub.example.org", "other.net", "localhost")
    ]
