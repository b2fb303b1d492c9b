"""Cookies that come in, and cookies that go out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from ..asking import get

STATE_IN_COOKIES = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    request = flask.request

    @app.get("/read")
    def read() -> dict[str, Any]:
        return {"cookies": [[k, v] for k, v in request.cookies.items(multi=True)]}

    @app.get("/one")
    def one() -> str:
        return str(request.cookies["name"])

    settings: dict[str, dict[str, Any]] = {
        "plain": {},
        "max age": {"max_age": 3},
        "max age timedelta": {"max_age": timedelta(days=1)},
        "expires": {"expires": datetime(2030, 1, 2, tzinfo=UTC)},
        "expires number": {"expires": 1_900_000_000},
        "domain": {"domain": "example.org"},
        "path": {"path": "/sub"},
        "no path": {"path": None},
        "secure": {"secure": True, "httponly": True},
        "samesite": {"samesite": "strict"},
        "bad samesite": {"samesite": "whatever"},
        "partitioned": {"partitioned": True},
        "value with spaces": {"value": 'a b; c=d, é☃"'},
        "empty value": {"value": ""},
        "value with a newline": {"value": "a\nb"},
        "large": {"value": "x" * 5000},
    }

    @app.get("/set/<setting>")
    def put(setting: str) -> Any:
        response = flask.make_response("set")
        response.set_cookie("name", **{"value": "v", **settings[setting]})
        return response

    @app.get("/delete")
    def delete() -> Any:
        response = flask.make_response("deleted")
        response.delete_cookie("name")
        response.delete_cookie("other", path="/sub", domain="example.org", secure=True)
        return response

    @app.get("/two")
    def two() -> Any:
        response = flask.make_response("two")
        response.set_cookie("b", "2")
        response.set_cookie("a", "1")
        response.set_cookie("b", "3")
        return response

    @app.get("/limit")
    def limit() -> Any:
        app.config["MAX_COOKIE_SIZE"] = 50
        response = flask.make_response("limit")
        response.set_cookie("name", "x" * 60)
        return response

    app.config["SETTINGS"] = list(settings)
    return app


_SETTINGS = [
    *("plain", "max age", "max age timedelta", "expires", "expires number", "domain"),
    *("path", "no path", "secure", "samesite", "bad samesite", "partitioned"),
    *("value with spaces", "empty value", "value with a newline", "large"),
]


def _sent(value: str) -> Any:
    return get("/read", name=repr(value[:40]), environ={"HTTP_COOKIE": value})


REQUESTS = [
    *(get(f"/set/{setting}", then=(get("/read"),)) for setting in _SETTINGS),
    get("/delete"),
    get("/two", then=(get("/read"), get("/delete"), get("/read"))),
    get("/limit"),
    get("/one"),
    _sent(""),
    _sent("a=1"),
    _sent("a=1; b=2; a=3"),
    _sent("a=1,b=2"),
    _sent("a"),
    _sent("a=; =b; ;;"),
    _sent('a="quoted \\" \\073 value"'),
    _sent("a=\xc3\xa9"),
    _sent("a=\xff"),
    _sent("a=b=c"),
    _sent("  a  =  b  "),
    _sent("a=\x00"),
    _sent("é=1"),
    _sent("; ".join(f"c{number}={number}" for number in range(300))),
]
