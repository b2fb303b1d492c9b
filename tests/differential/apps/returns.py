"""Whatever a view may return, and what it may not."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from types import ModuleType
from typing import Any

from ..asking import get, head


class Closing:
    """An iterable that notes in *journal* when it is closed."""

    def __init__(self, journal: list[Any], chunks: list[bytes]) -> None:
        self.journal = journal
        self.chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.chunks)

    def close(self) -> None:
        self.journal.append(("closed",))


STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    journal = app.extensions["journal"] = []
    werkzeug = importlib.import_module("werkzeug.wrappers")
    exceptions = importlib.import_module("werkzeug.exceptions")
    Response = flask.Response

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("203 Sure", [("X-Raw", "yes"), ("Content-Type", "text/raw")])
        return [environ["PATH_INFO"].encode(), b" raw"]

    def writing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("X-Raw", "yes")])
        write(b"written ")
        return [b"returned"]

    class Own(Response):
        default_mimetype = "application/own"
        default_status = 202

    class Text(str):
        pass

    class Keys(dict[str, int]):
        pass

    def generator() -> Iterator[str]:
        journal.append(("generating", flask.has_request_context()))
        yield "one "
        yield ""
        yield "two"
        journal.append(("generated", flask.has_app_context()))

    def failing() -> Iterator[str]:
        yield "one"
        raise ValueError("in the generator")

    def twice() -> Any:
        response = Response("once")
        response.call_on_close(lambda: journal.append(("on close",)))
        return response

    kinds: dict[str, Any] = {
        "str": lambda: "text ☃",
        "empty str": lambda: "",
        "str subclass": lambda: Text("text"),
        "markup": lambda: importlib.import_module("markupsafe").Markup("<b>"),
        "bytes": lambda: b"\xff bytes",
        "bytearray": lambda: bytearray(b"array"),
        "memoryview": lambda: memoryview(b"view"),
        "dict": lambda: {"b": 1, "a": [1, None, 2.5, "é"]},
        "dict subclass": lambda: Keys(a=1),
        "empty dict": dict,
        "list": lambda: [3, {"b": 1, "a": 2}],
        "empty list": list,
        "dict of integers": lambda: {2: "two", 1: "one"},
        "dict of mixed keys": lambda: {1: 1, "a": 2},
        "dict that is no JSON": lambda: {"a": object()},
        "generator": generator,
        "iterator": lambda: iter(["one", "two"]),
        "iterator of bytes": lambda: iter([b"one", b"two"]),
        "iterator of integers": lambda: iter([1]),
        "failing generator": failing,
        "closing": lambda: Closing(journal, [b"one", b"two"]),
        "generator in a response": lambda: Response(generator(), mimetype="text/csv"),
        "closing in a response": lambda: Response(Closing(journal, [b"x"])),
        "list in a response": lambda: Response(["one", b"two"]),
        "on close": twice,
        "response": lambda: Response("text", 201, {"X-A": "1"}),
        "own response": lambda: Own("text"),
        "Werkzeug response": lambda: werkzeug.Response("text", 201),
        "base response with length": lambda: werkzeug.Response(
            "x", headers={"Content-Length": "1"}
        ),
        "wsgi": lambda: wsgi,
        "writing wsgi": lambda: writing,
        "HTTPException": lambda: exceptions.NotFound("returned"),
        "HTTPException with response": lambda: exceptions.NotFound(response=Response("given")),
        "HTTPException class": lambda: exceptions.NotFound,
        "None": lambda: None,
        "int": lambda: 200,
        "float": lambda: 1.5,
        "bool": lambda: True,
        "object": object,
        "set": lambda: {1},
        "class": lambda: Text,
        "function": lambda: lambda: "x",
        "module": lambda: importlib,
        "body, status": lambda: ("text", 201),
        "body, status str": lambda: ("text", "201 Fine"),
        "body, status digits": lambda: ("text", "404"),
        "body, bad status str": lambda: ("text", "fine"),
        "body, empty status": lambda: ("text", ""),
        "body, status enum": lambda: ("text", HTTPStatus.ACCEPTED),
        "body, unknown status": lambda: ("text", 799),
        "body, zero": lambda: ("text", 0),
        "body, float": lambda: ("text", 200.0),
        "body, None": lambda: ("text", None),
        "body, headers": lambda: ("text", {"X-A": "1", "Content-Type": "a/b"}),
        "body, list of headers": lambda: ("text", [("X-A", "1"), ("X-A", "2")]),
        "body, tuple of headers": lambda: ("text", (("X-A", "1"),)),
        "body, Headers": lambda: (
            "text",
            importlib.import_module("werkzeug.datastructures").Headers(a="b"),
        ),
        "body, header list value": lambda: ("text", {"X-A": ["1", "2"]}),
        "body, header integer": lambda: ("text", {"X-A": 1}),
        "body, header None": lambda: ("text", {"X-A": None}),
        "body, header newline": lambda: ("text", {"X-A": "a\r\nX-B: b"}),
        "body, header beyond ASCII": lambda: ("text", {"X-A": "é"}),
        "body, header beyond Latin-1": lambda: ("text", {"X-A": "☃"}),
        "body, status, headers": lambda: ("text", 201, {"X-A": "1"}),
        "body, status, None": lambda: ("text", 201, None),
        "body, None, headers": lambda: ("text", None, {"X-A": "1"}),
        "body, headers, status": lambda: ("text", {"X-A": "1"}, 201),
        "four": lambda: ("text", 201, {}, None),
        "one": lambda: ("text",),
        "none": tuple,
        "two strings": lambda: ("text", "more"),
        "dict, status": lambda: ({"a": 1}, 201),
        "list, status, headers": lambda: ([1], 201, {"X-A": "1"}),
        "None, status": lambda: (None, 204),
        "str, 204": lambda: ("", 204),
        "str, 204 with body": lambda: ("text", 204),
        "str, 304": lambda: ("text", 304),
        "str, 100": lambda: ("text", 100),
        "response, status": lambda: (Response("text", 201), 202),
        "response, status, headers": lambda: (
            Response("text", headers={"X-A": "1", "X-B": "1"}),
            202,
            {"X-A": "2"},
        ),
        "response, repeated headers": lambda: (
            Response("text", headers=[("X-A", "1"), ("X-A", "2")]),
            [("X-A", "3"), ("X-A", "4")],
        ),
        "Werkzeug response, status": lambda: (werkzeug.Response("text"), 202),
        "wsgi, status": lambda: (wsgi, 202, {"X-A": "1"}),
        "exception, status": lambda: (exceptions.NotFound(), 202),
        "generator, headers": lambda: (generator(), {"Content-Type": "text/csv"}),
        "charset": lambda: Response("é", content_type="text/plain; charset=latin1"),
        "no content type": lambda: Response("x", mimetype=""),
        "mimetype": lambda: Response("x", mimetype="application/xml"),
        "json mimetype": lambda: Response("{}", mimetype="application/json"),
        "redirect": lambda: flask.redirect("/str"),
        "redirect 301": lambda: flask.redirect("http://x.org/é?a=b c#d", 301),
        "redirect quotes": lambda: flask.redirect("/\"><script>?a='"),
        "redirect newline": lambda: flask.redirect("/a\nb"),
        "redirect 200": lambda: flask.redirect("/", 200),
        "redirect class": lambda: flask.redirect("/", Response=Own),
        "relative": lambda: flask.redirect("sub"),
        "location header": lambda: ("", 302, {"Location": "/relative"}),
        "make_response": lambda: flask.make_response("text", 201, {"X-A": "1"}),
        "make_response()": lambda: flask.make_response(),
        "make_response tuple": lambda: flask.make_response(("text", 201)),
        "make_response dict": lambda: flask.make_response({"a": 1}),
        "make_response None": lambda: flask.make_response(None),
        "make_response response": lambda: flask.make_response(Own("x"), 299),
        "jsonify": lambda: flask.jsonify(1, 2),
        "status text": lambda: Response("x", "299 So so"),
        "content length": lambda: Response("four", headers={"Content-Length": "3"}),
        "date": lambda: Response("x", headers=[("Date", "Mon, 01 Jan 2024 00:00:00 GMT")]),
        "etag": lambda: _with_etag(Response("x")),
        "last modified": lambda: _modified(Response("x")),
        "direct passthrough": lambda: Response([b"a", b"b"], direct_passthrough=True),
        "freeze": lambda: _frozen(Response(iter(["a", "b"]))),
        "vary and cache": lambda: _vary(Response("x")),
        "huge": lambda: "x" * 300_000,
    }

    def _with_etag(response: Any) -> Any:
        response.add_etag()
        return response.make_conditional(flask.request)

    def _modified(response: Any) -> Any:
        response.last_modified = datetime(2024, 1, 2)
        return response.make_conditional(flask.request)

    def _frozen(response: Any) -> Any:
        response.freeze()
        return response

    def _vary(response: Any) -> Any:
        response.vary.update(["Cookie", "Accept"])
        response.cache_control.max_age = 3
        response.cache_control.public = True
        response.content_language.add("de")
        response.www_authenticate = None
        response.access_control_allow_origin = "*"
        response.retry_after = 3
        response.set_data("changed")
        return response

    for kind, view in kinds.items():
        app.add_url_rule(f"/{kind}", kind, view)
    app.config["KINDS"] = list(kinds)
    return app


def _kinds() -> list[str]:
    flask = importlib.import_module("flask")
    return list(create(flask).config["KINDS"])


_ETAG = '"11f6ad8ec52a2984abaafd7c3b516503785c2072"'

REQUESTS = [
    *(get(f"/{kind}") for kind in _kinds()),
    *(
        head(f"/{kind}")
        for kind in ("str", "generator", "wsgi", "closing", "None", "on close", "list")
    ),
    get("/etag", name="the same", headers=(("If-None-Match", _ETAG),)),
    get("/etag", name="another", headers=(("If-None-Match", '"other"'),)),
    get("/etag", name="any", headers=(("If-None-Match", "*"),)),
    get("/etag", name="weak", headers=(("If-None-Match", f"W/{_ETAG}"),)),
    get(
        "/last modified",
        name="not since",
        headers=(("If-Modified-Since", "Wed, 03 Jan 2024 00:00:00 GMT"),),
    ),
    get(
        "/last modified",
        name="since",
        headers=(("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"),),
    ),
    get(
        "/last modified",
        name="no date",
        headers=(("If-Modified-Since", "yesterday"),),
    ),
]


def probe_responses_by_hand(flask: ModuleType) -> object:
    response = flask.Response({"a": 1}.items().__class__.__name__)
    given = flask.Response(["é", b"x"], "201 Made", mimetype="text/plain")
    return [
        repr(response),
        repr(given),
        given.status,
        given.status_code,
        given.get_data(),
        given.get_data(as_text=True),
        given.content_length,
        given.is_sequence,
        given.is_streamed,
        given.is_json,
        given.mimetype,
        given.mimetype_params,
        given.content_type,
        given.max_cookie_size,
        given.default_mimetype,
        given.autocorrect_location_header,
        flask.Response('{"a": [1, 2]}', mimetype="application/json").json,
        flask.Response("{", mimetype="application/json").get_json(silent=True),
        flask.Response("{}").get_json(),
        list(flask.Response(b"x").headers),
    ]


def probe_bad_json_in_a_response(flask: ModuleType) -> object:
    return flask.Response("{", mimetype="application/json").get_json()


def probe_max_cookie_size_follows_the_configuration(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.config["MAX_COOKIE_SIZE"] = 100
    with app.app_context():
        return [flask.Response().max_cookie_size, app.response_class().max_cookie_size]
