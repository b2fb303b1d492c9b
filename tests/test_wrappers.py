"""Requests and responses: Werkzeug's classes with Flask's additions."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import flask
import pytest
import werkzeug.wrappers
from werkzeug.datastructures import (
    EnvironHeaders,
    Headers,
    ImmutableMultiDict,
    MultiDict,
)
from werkzeug.exceptions import (
    BadRequest,
    BadRequestKeyError,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    SecurityError,
    UnsupportedMediaType,
)
from werkzeug.formparser import FormDataParser
from werkzeug.test import create_environ
from werkzeug.utils import redirect
from werkzeug.wsgi import ClosingIterator

import carboy
from carboy.globals import _cv_ctx
from carboy.wrappers import Request, Response
from carboy.wrappers.response import _content_types


@pytest.fixture
def app():
    """The current application, as far as messages know one."""
    config = {
        "MAX_CONTENT_LENGTH": 10,
        "MAX_FORM_MEMORY_SIZE": 20,
        "MAX_FORM_PARTS": 3,
        "MAX_COOKIE_SIZE": 40,
    }
    app = SimpleNamespace(config=config, debug=False, json=json)
    token = _cv_ctx.set(SimpleNamespace(app=app, _request_ctx=None))
    yield app
    _cv_ctx.reset(token)


def post(**options: Any) -> Request:
    return Request(create_environ("/", method="POST", **options))


# Request


def test_making_a_request_computes_nothing():
    environ = create_environ("/a?b=1")
    before = dict(environ)
    request = Request(environ)
    assert vars(request) == {"environ": environ}
    assert environ == before


def test_a_request_goes_away_without_the_garbage_collector():
    gc.disable()
    try:
        request = Request(create_environ("/?a=1", headers={"Cookie": "a=1"}))
        assert request.args and request.cookies and request.url
        gone = weakref.ref(request)
        del request
        assert gone() is None
    finally:
        gc.enable()


SAMPLE = {
    **create_environ(
        "/caf%C3%A9?q=1&q=2",
        "https://example.com:444/root",
        method="POST",
        data={"field": "value"},
        headers={
            "Accept": "text/html, */*;q=0.5",
            "Accept-Language": "de, en;q=0.5",
            "Authorization": "Basic YTpi",
            "Cache-Control": "no-cache",
            "Cookie": "a=1; b=2",
            "If-None-Match": '"x"',
            "Range": "bytes=0-9",
            "User-Agent": "test",
            "X-Forwarded-For": "1.2.3.4, 5.6.7.8",
        },
    ),
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_USER": "me",
}


@pytest.mark.parametrize(
    "name",
    [n for n in dir(werkzeug.wrappers.Request) if not n.startswith("_")],
)
def test_every_attribute_is_werkzeugs(name):
    def value(cls: Any) -> Any:
        body = BytesIO(b"field=value")
        result = getattr(cls({**SAMPLE, "wsgi.input": body}), name)
        # Objects without an equality of their own show what they hold.
        return result if type(result).__eq__ is not object.__eq__ else repr(result)

    if name == "json_module" or callable(getattr(werkzeug.wrappers.Request, name)):
        assert hasattr(Request, name)
    elif name in {"stream", "input_stream"}:
        assert Request(SAMPLE).stream.readable()
    elif name == "json":
        with pytest.raises(UnsupportedMediaType):
            value(Request)
    elif name == "headers":
        assert list(Request(SAMPLE).headers) == list(EnvironHeaders(SAMPLE))
    else:
        assert value(Request) == value(werkzeug.wrappers.Request)


def test_everything_that_flask_has_is_there():
    for ours, flasks in ((Request, flask.Request), (Response, flask.Response)):
        missing = set(dir(flasks)) - set(dir(ours))
        assert [name for name in missing if not name.startswith("_")] == []


@pytest.mark.parametrize(
    "name",
    [
        *("method", "scheme", "server", "root_path", "path", "query_string", "headers"),
        *("remote_addr", "args", "form", "files", "values", "cookies", "url", "host"),
        *("data", "stream", "content_length", "user_agent"),
    ],
)
def test_an_attribute_can_be_set(name):
    for used_before in (False, True):
        request = Request({**SAMPLE, "wsgi.input": BytesIO(b"field=value")})
        if used_before:
            getattr(request, name)
        value = object()
        setattr(request, name, value)
        assert getattr(request, name) is value


def test_an_attribute_is_computed_once_and_again_after_it_is_deleted():
    request = Request(create_environ("/?a=1"))
    assert request.args is request.args
    request.query_string = b"a=2"
    assert request.args["a"] == "1"
    del request.args
    assert request.args["a"] == "2"


def test_headers_that_are_replaced_are_the_ones_that_count():
    request = post(data="{}", content_type="text/plain", headers={"Cookie": "a=1"})
    request.headers = Headers(
        {
            "Cookie": "b=2",
            "Content-Type": "application/json",
            "Content-Length": "1",
            "Host": "other",
        }
    )
    assert request.cookies.to_dict() == {"b": "2"}
    assert request.mimetype == "application/json"
    assert request.content_length == 1
    assert request.host == "other"


@pytest.mark.parametrize(
    ("raw", "path"),
    [("/caf\xc3\xa9", "/café"), ("/\xff", "/\ufffd"), ("", "/"), ("//a//", "/a//")],
)
def test_the_path_is_decoded(raw, path):
    assert Request(create_environ() | {"PATH_INFO": raw}).path == path


def test_bytes_in_the_query_that_are_not_utf8_stay_encoded():
    request = Request(create_environ() | {"QUERY_STRING": "a=\xff&b=\xc3\xa9"})
    assert request.args.to_dict() == {"a": "%FF", "b": "é"}
    assert request.full_path == "/?a=%FF&b=é"


def test_the_environ_of_a_server_that_ends_the_body_itself():
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_HOST": "localhost:8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(b'{"a": 1}'),
        "wsgi.input_terminated": True,
    }
    request = Request(environ)
    assert request.content_length is None
    assert request.get_json() == {"a": 1}
    assert request.url == "http://localhost:8000/"


def test_a_streamed_body_is_refused_when_nobody_ends_it():
    environ = create_environ(method="POST", data="abc")
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    assert Request(environ).get_data() == b""


@pytest.mark.parametrize("length", ["", "-3", "three", "0x3"])
def test_a_content_length_that_is_no_number_means_no_body(length):
    environ = create_environ(method="POST", data="abc") | {"CONTENT_LENGTH": length}
    assert Request(environ).get_data() == b""


def test_a_body_shorter_than_announced_is_a_bad_request():
    environ = create_environ(method="POST", data="abc") | {"CONTENT_LENGTH": "4"}
    with pytest.raises(ClientDisconnected):
        Request(environ).get_data()


def test_the_body_is_read_once_and_kept():
    request = post(data="a=1", content_type="application/x-www-form-urlencoded")
    assert request.get_data() == b"a=1"
    assert request.form.to_dict() == {"a": "1"}
    assert request.get_data(as_text=True) == "a=1"
    assert request.stream.read() == b""


def test_data_is_empty_when_it_was_a_form():
    request = post(data={"a": "1"})
    assert request.data == b""
    assert request.form.to_dict() == {"a": "1"}
    assert post(data=b"raw").data == b"raw"


def test_a_shallow_request_does_not_read_its_body():
    request = Request(create_environ(method="POST", data="a"), shallow=True)
    for name in ("stream", "data", "form", "files"):
        with pytest.raises(RuntimeError, match="shallow"):
            getattr(request, name)


def test_a_missing_field_is_a_bad_request():
    for fields in (post(data={"a": "1"}).form, Request(create_environ()).args):
        with pytest.raises(BadRequestKeyError) as caught:
            fields["missing"]
        assert caught.value.args == ("missing",)


def test_closing_a_request_closes_its_files():
    request = post(data={"f": (BytesIO(b"data"), "f.txt")})
    with request:
        file = request.files["f"]
        assert file.read() == b"data"
    assert file.stream.closed


# A subclass of Request


def test_a_subclass_overrides_how_a_request_is_made():
    class Mine(Request):
        def __init__(self, environ: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(environ, *args, **kwargs)
            self.path = "/mine"

    assert Mine(create_environ("/a")).path == "/mine"
    assert Mine.from_values("/a").path == "/mine"


def test_a_subclass_overrides_attributes_with_properties():
    class Mine(Request):
        @property
        def path(self) -> str:
            return super().path.upper()

        @property
        def query_string(self) -> bytes:
            return b"a=mine"

        @property
        def form(self) -> Any:
            return MultiDict({"from": "mine"} | super().form)

        @property
        def headers(self) -> Any:
            return Headers({"Cookie": "a=mine", "Content-Type": self.environ["TYPE"]})

    kind = "application/x-www-form-urlencoded"
    request = Mine(create_environ("/a", method="POST", data={"b": "1"}) | {"TYPE": kind})
    assert request.path == "/A"
    assert request.path == "/A"
    assert request.args.to_dict() == {"a": "mine"}
    assert request.cookies.to_dict() == {"a": "mine"}
    assert request.form == request.form == MultiDict({"from": "mine", "b": "1"})
    assert request.mimetype == kind


def test_a_subclass_overrides_the_containers():
    class Mine(Request):
        parameter_storage_class = MultiDict
        dict_storage_class = MultiDict

    request = Mine(SAMPLE | {"wsgi.input": BytesIO(b"field=value")})
    assert type(request.args) is type(request.cookies) is type(request.form) is MultiDict
    assert request.args.getlist("q") == ["1", "2"]


def test_a_subclass_overrides_how_forms_are_parsed():
    class Never(Request):
        want_form_data_parsed = False

    class MyParser(FormDataParser):
        def parse(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
            return stream, self.cls({"by": "my parser"}), self.cls()

    class ByClass(Request):
        form_data_parser_class = MyParser

    class ByMethod(Request):
        def make_form_data_parser(self) -> FormDataParser:
            return MyParser()

    class ByStream(Request):
        def _get_stream_for_parsing(self) -> Any:
            return BytesIO(b"by=stream")

    environ = create_environ(method="POST", data={"a": "1"})
    assert Never(environ).form.to_dict() == {}
    assert ByClass(environ).form.to_dict() == {"by": "my parser"}
    assert ByMethod(environ).form.to_dict() == {"by": "my parser"}
    assert ByStream(environ).form.to_dict() == {"by": "stream"}


def test_a_subclass_limits_the_hosts():
    class Mine(Request):
        trusted_hosts = ["example.com"]

    assert Mine(create_environ(base_url="http://example.com")).host == "example.com"
    with pytest.raises(SecurityError):
        _ = Mine(create_environ()).host


# Limits

LIMITS = {
    "max_content_length": ("MAX_CONTENT_LENGTH", None),
    "max_form_memory_size": ("MAX_FORM_MEMORY_SIZE", 500_000),
    "max_form_parts": ("MAX_FORM_PARTS", 1_000),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_set_on_the_request_else_configured_else_the_default(name, app):
    setting, default = LIMITS[name]
    request = Request(create_environ())
    assert getattr(request, name) == app.config[setting]
    app.config[setting] = None
    assert getattr(request, name) is None
    setattr(request, name, 0)
    assert getattr(request, name) == 0
    setattr(request, name, None)
    app.config[setting] = 5
    assert getattr(request, name) == 5

    token = _cv_ctx.set(None)
    assert getattr(request, name) == default
    _cv_ctx.reset(token)


def test_a_limit_set_in_a_view_counts(app):
    request = post(data=b"eleven bytes")
    with pytest.raises(RequestEntityTooLarge):
        _ = request.stream
    request.max_content_length = 12
    assert request.get_data() == b"eleven bytes"


def test_a_class_may_set_a_limit():
    class Mine(Request):
        max_content_length = 2

    with pytest.raises(RequestEntityTooLarge):
        Mine(create_environ(method="POST", data="abc")).get_data()


# JSON


def test_json():
    request = post(json={"a": [1, "é"]})
    assert request.is_json
    assert request.json == request.get_json() == {"a": [1, "é"]}
    assert request.get_json() is request.get_json()
    assert request.get_json(cache=False) is not request.get_json(cache=False)


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        ("application/json", True),
        ("APPLICATION/JSON; charset=utf-8", True),
        (" application/json ", True),
        ("application/problem+json;x=y", True),
        ("text/json", False),
        ("", False),
    ],
)
def test_which_types_are_json(content_type, is_json):
    assert post(data="{}", content_type=content_type).is_json is is_json


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{broken", "application/json"),
        (b"\xff", "application/json"),
        (b"", "application/json"),
        (b"{}", "text/plain"),
        (b"{}", ""),
    ],
)
def test_bad_json_is_answered_as_flask_does(app, debug, body, content_type):
    environ = create_environ(method="POST", data=body, content_type=content_type)
    theirs = flask.Flask("oracle")
    app.debug = theirs.debug = debug
    with theirs.app_context(), pytest.raises(HTTPException) as e:
        flask.Request({**environ, "wsgi.input": BytesIO(body)}).get_json()
    with pytest.raises(type(e.value)) as ours:
        Request({**environ, "wsgi.input": BytesIO(body)}).get_json()
    assert ours.value.description == e.value.description


def test_json_that_is_forced_or_silent():
    assert post(data="[1]", content_type="text/plain").get_json(force=True) == [1]
    request = post(data="[1", content_type="application/json")
    assert request.get_json(silent=True) is None
    with pytest.raises(BadRequest):
        request.get_json()


def test_another_json_module_and_another_answer_to_bad_json():
    class Mine(Request):
        json_module = SimpleNamespace(loads=lambda data: len(data))

        def on_json_loading_failed(self, e: ValueError | None) -> Any:
            return "no JSON"

    environ = create_environ(method="POST", data="[1, 2]", content_type="a/b")
    assert Mine(environ).get_json() == "no JSON"
    assert Mine(environ).get_json(force=True) == 6


# What routing found out


@pytest.mark.parametrize(
    ("endpoint", "blueprint", "blueprints"),
    [
        (None, None, []),
        ("index", None, []),
        ("admin.index", "admin", ["admin"]),
        ("a.b.c.index", "a.b.c", ["a.b.c", "a.b", "a"]),
    ],
)
def test_the_endpoint_and_its_blueprints(endpoint, blueprint, blueprints):
    request = Request(create_environ())
    assert request.view_args is request.routing_exception is None
    if endpoint is not None:
        request.url_rule = SimpleNamespace(endpoint=endpoint)
    assert request.endpoint == endpoint
    assert request.blueprint == blueprint
    assert request.blueprints == blueprints


# Response


def send(response: Any, method: str = "GET", **environ: Any) -> tuple[Any, ...]:
    """Status, headers and body as a server gets them, and the iterable they came in."""
    head: list[Any] = []
    chunks = response(
        create_environ(method=method) | environ,
        lambda status, headers: head.extend((status, headers)),
    )
    return *head, b"".join(chunks), chunks


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("status", [None, 200, 201, 100, 204, 206, 304, 404, 500, 599])
@pytest.mark.parametrize("body", ["héllo", b"bytes", "", None, ["a", b"b"], ("a",)])
def test_a_response_is_sent_as_by_flask(body, status, method):
    assert (
        send(Response(body, status), method)[:3] == send(flask.Response(body, status), method)[:3]
    )


def test_a_ready_body_is_sent_as_a_plain_list():
    status, headers, _, chunks = send(Response("héllo"))
    assert status == "200 OK"
    assert headers == [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", "6"),
    ]
    assert type(headers) is type(chunks) is list
    assert chunks == ["héllo".encode()]


def test_what_the_server_does_to_the_list_leaves_the_response_alone():
    response = Response("a")
    _, headers, _, chunks = send(response)
    chunks.append(b"more")
    headers.append(("X", "y"))
    assert send(response)[1:3] == (headers[:2], b"a")


@pytest.mark.parametrize("length", [0, 1, 10, 4095, 4096, 100_000])
def test_the_length_of_a_body(length):
    for _ in range(2):  # What was written once is kept.
        assert send(Response("a" * length))[1][1] == ("Content-Length", str(length))


def test_what_the_server_does_to_the_list_of_a_redirect():
    response = carboy.redirect("/new")
    headers = send(response)[1]
    headers.clear()
    assert send(response)[1] == list(response.headers)
    assert response.location == "/new"


def test_closing_calls_what_is_registered():
    closed = []
    response = Response("a")
    response.call_on_close(lambda: closed.append(1))
    chunks = send(response)[3]
    assert type(chunks) is ClosingIterator
    assert closed == []
    chunks.close()
    assert closed == [1]


def test_a_stream_is_passed_on_and_closed():
    log = []

    def stream():
        try:
            yield "a"
            yield b"b"
        finally:
            log.append("closed")

    response = Response(stream())
    assert response.is_streamed and not response.is_sequence
    status, headers, body, chunks = send(response)
    assert (status, body) == ("200 OK", b"ab")
    assert headers == [("Content-Type", "text/html; charset=utf-8")]
    chunks.close()
    assert log == ["closed"]


def test_a_header_with_a_line_break_is_refused():
    response = Response("a")
    with pytest.raises(ValueError, match="newline"):
        response.headers["X"] = "a\r\nSet-Cookie: b"
    with pytest.raises(ValueError, match="newline"):
        Response("a", mimetype="text/html\r\nX: y")


@pytest.mark.parametrize(
    "location",
    [
        "/",
        "/a/b?c=d&e=%20#f",
        "http://localhost:5000/x",
        "https://example.com/a?b",
        "/é?ü=☃#ß",
        "/a b",
        '/"quoted"',
        "//example.com/a",
        "/x?",
        "/x#",
        "HTTP://Example.COM/A",
        "http://münchen.example/",
        "http://example.com:080/",
        "http://example.com",
        "http://user:pass@example.com/",
        "relative",
        "?q=1",
        "",
    ],
)
def test_a_location_is_sent_as_by_flask(location):
    for name in ("Location", "location", "Content-Location"):
        sent = []
        for cls in (flask.Response, Response):
            response = cls("", 302)
            response.headers[name] = location
            sent.append(send(response)[:3])
        assert sent[1] == sent[0]


def test_of_several_locations_the_last_is_sent():
    sent = []
    for cls in (flask.Response, Response):
        response = cls("", 302)
        response.headers.add("Location", "/a")
        response.headers.add("Location", "/b")
        sent.append(send(response)[:3])
    assert sent[1] == sent[0]
    assert ("Location", "/b") in sent[1][1]


def test_a_redirect_is_sent_as_a_plain_list():
    status, headers, body, chunks = send(redirect("/next?a=1", Response=Response))
    assert status == "302 FOUND"
    assert headers[-1] == ("Location", "/next?a=1")
    assert b'<a href="/next?a=1">' in body
    assert type(chunks) is list


def test_a_location_is_made_absolute_when_a_class_says_so():
    class Absolute(Response):
        autocorrect_location_header = True

    assert send(redirect("/a", Response=Absolute))[1][-1] == (
        "Location",
        "http://localhost/a",
    )


def test_headers_come_first_when_they_are_given():
    given = Headers({"X-A": "1"})
    response = Response("a", 200, given)
    assert response.headers is given
    assert send(response)[1] == [
        ("X-A", "1"),
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", "1"),
    ]


def test_headers_of_another_class_are_asked_for_their_items():
    class More(Headers):
        def __iter__(self) -> Any:
            return iter([*self._list, ("X-More", "1")])

    assert ("X-More", "1") in send(Response("a", headers=More()))[1]


def test_headers_are_the_same_object_and_can_be_replaced():
    response = Response("a")
    assert response.headers is response.headers
    response.headers["X"] = "y"
    assert ("X", "y") in send(response)[1]
    response = Response("a")
    response.headers = Headers({"only": "this"})
    assert send(response)[1] == [("only", "this"), ("Content-Length", "1")]


def test_the_announced_length_stays_when_the_body_is_replaced_by_hand():
    response = Response("abc")
    response.response = [b"a"]
    assert send(response)[1][1] == ("Content-Length", "3")
    response.set_data("four")
    assert send(response)[1:3] == (
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "4")],
        b"four",
    )


def test_the_length_is_added_when_it_is_missing():
    response = Response("abc")
    del response.headers["Content-Length"]
    assert send(response)[1][1] == ("Content-Length", "3")
    response.automatically_set_content_length = False
    assert len(send(response)[1]) == 1


def test_many_media_types():
    for number in range(600):
        response = Response("a", mimetype=f"text/x-{number % 300}")
        assert response.content_type == f"text/x-{number % 300}; charset=utf-8"
    assert len(_content_types) == 256


def test_status():
    response = Response("a", 404)
    assert (response.status, response.status_code) == ("404 NOT FOUND", 404)
    response.status = "418 Teapot"
    assert send(response)[0] == "418 Teapot"
    response.status_code = 201
    assert send(response)[0] == "201 CREATED"
    assert Response("a", 799).status == "799 UNKNOWN"
    with pytest.raises(ValueError, match="Empty"):
        Response("a", "")


def test_the_rest_of_a_response_works_as_ever():
    response = Response("héllo", mimetype="text/plain")
    assert response.data == response.get_data() == "héllo".encode()
    assert list(response.iter_encoded()) == ["héllo".encode()]
    assert (response.mimetype, response.content_length) == ("text/plain", 6)
    response.set_cookie("a", "1")
    response.add_etag()
    response.freeze()
    assert repr(response) == "<Response 6 bytes [200 OK]>"
    names = [name for name, _ in send(response)[1]]
    assert names == ["Content-Type", "Content-Length", "Set-Cookie", "ETag"]
    environ = create_environ(headers={"If-None-Match": response.get_etag()[0]})
    status, headers, body, _ = send(response.make_conditional(environ))
    assert (status, body) == ("304 NOT MODIFIED", b"")
    assert "Content-Length" not in dict(headers)


def test_a_range_of_a_response():
    environ = create_environ(headers={"Range": "bytes=1-2"})
    response = Response("abcd").make_conditional(environ, True, 4)
    status, headers, body, _ = send(response)
    assert (status, body) == ("206 PARTIAL CONTENT", b"bc")
    assert dict(headers)["Content-Range"] == "bytes 1-2/4"


def test_a_response_can_be_pickled_and_copied():
    response = Response("a", 201)
    thawed = pickle.loads(pickle.dumps(response))
    assert send(thawed)[:3] == send(response)[:3]
    twin = copy.copy(Response("a"))
    assert type(twin) is Response
    original = Response("a")
    copy.copy(original).headers["X"] = "y"
    assert original.headers["X"] == "y"
    copy.deepcopy(original).headers["X"] = "z"
    assert original.headers["X"] == "y"


def test_a_response_becomes_one_of_another_class_and_back():
    class Foreign(werkzeug.wrappers.Response):
        pass

    response = Response("a", 201)
    foreign = Foreign.force_type(response)
    assert foreign is response
    assert type(foreign) is Foreign
    expected = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "1")]
    assert list(foreign.headers) == send(foreign)[1] == expected
    assert send(Response.force_type(foreign))[:3] == ("201 CREATED", expected, b"a")


def test_a_response_from_a_wsgi_application():
    def hello(environ: Any, start_response: Any) -> Any:
        start_response("202 ACCEPTED", [("Content-Type", "text/plain")])
        return [b"hello"]

    for response in (
        Response.from_app(hello, create_environ()),
        Response.force_type(hello, create_environ()),
    ):
        assert type(response) is Response
        assert send(response)[0::2][:2] == ("202 ACCEPTED", b"hello")


def test_the_size_of_a_cookie_that_is_warned_about(app):
    assert Response().max_cookie_size == 40
    with pytest.warns(UserWarning, match="too large"):
        Response().set_cookie("a", "x" * 50)


def test_the_size_of_a_cookie_without_an_application():
    assert Response().max_cookie_size == 4093


# A subclass of Response


def test_defaults_set_on_a_class_later_count():
    class Mine(Response):
        pass

    assert send(Mine("a"))[0] == "200 OK"
    Mine.default_mimetype = "text/plain"
    Mine.default_status = 202
    assert send(Mine("a"))[:2] == (
        "202 ACCEPTED",
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "1")],
    )
    Mine.automatically_set_content_length = False
    assert len(send(Mine("a"))[1]) == 1
    Mine.default_mimetype = None
    assert send(Mine("a"))[1] == []


def overriding(name: str) -> type[Response]:
    """A class with a method that marks the response and then does as before."""

    def method(self: Any, *args: Any) -> Any:
        self.headers.add("X-Passed", name)
        return getattr(super(Mine, self), name)(*args)

    Mine = type("Mine", (Response,), {name: method})
    return Mine


@pytest.mark.parametrize(
    "name", ["get_wsgi_headers", "get_wsgi_response", "set_data", "_clean_status"]
)
def test_a_method_that_a_subclass_overrides_is_called(name):
    headers = send(overriding(name)("a"))[1]
    assert ("X-Passed", name) in headers


def test_a_subclass_overrides_the_body():
    class Upper(Response):
        def iter_encoded(self) -> Any:
            return (chunk.upper() for chunk in super().iter_encoded())

    class Wrapped(Response):
        def get_app_iter(self, environ: Any) -> Any:
            return [b"<", *super().get_app_iter(environ), b">"]

    class Closing(Response):
        closed = False

        def close(self) -> None:
            super().close()
            self.closed = True

    assert send(Upper("a"))[2] == b"A"
    assert send(Wrapped("a"))[2] == b"<a>"
    response = Closing("a")
    send(response)[3].close()
    assert response.closed


def test_a_subclass_overrides_how_it_is_made():
    class Mine(Response):
        default_mimetype = "application/json"

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.headers["X-Mine"] = "1"

    assert send(Mine("a"))[1] == [
        ("Content-Type", "application/json"),
        ("Content-Length", "1"),
        ("X-Mine", "1"),
    ]


def test_a_method_replaced_in_werkzeug_is_called(monkeypatch):
    class Fresh(Response):
        pass

    plain = werkzeug.wrappers.Response.get_wsgi_headers

    def marked(self: Any, environ: Any) -> Headers:
        headers = plain(self, environ)
        headers["X-Marked"] = "1"
        return headers

    monkeypatch.setattr(werkzeug.wrappers.Response, "get_wsgi_headers", marked)
    assert ("X-Marked", "1") in send(Fresh("a"))[1]


def test_the_types_of_fields_are_werkzeugs():
    request = Request(create_environ("/?a=1", headers={"Cookie": "a=1"}))
    for fields in (request.args, request.cookies):
        assert isinstance(fields, ImmutableMultiDict)
        assert repr(fields) == "ImmutableMultiDict([('a', '1')])"
        assert fields == ImmutableMultiDict({"a": "1"})
    assert type(request.args.copy()) is MultiDict
    with pytest.raises(TypeError, match="immutable"):
        request.args["a"] = "2"
    assert request.args.copy() == MultiDict({"a": "1"})
    assert copy.copy(request.args) is request.args
    assert pickle.loads(pickle.dumps(request.args)) == request.args
    assert type(pickle.loads(pickle.dumps(request.args))) is ImmutableMultiDict


@pytest.mark.parametrize("key", ["a", "b", "none", "", 1, None])
@pytest.mark.parametrize(
    "options", [{}, {"default": 7}, {"type": int}, {"default": 7, "type": int}, {"type": str.upper}]
)
def test_fields_are_looked_up_as_werkzeugs_are(key: Any, options: dict[str, Any]) -> None:
    query = "a=1&a=2&b=x&=empty"
    ours = Request(create_environ(f"/?{query}")).args
    theirs = werkzeug.wrappers.Request(create_environ(f"/?{query}")).args
    assert type(theirs) is ImmutableMultiDict

    def ask(fields: Any) -> tuple[Any, ...]:
        try:
            item: Any = fields[key]
        except KeyError as error:
            item = type(error), error.args
        return item, fields.get(key, **options), fields.getlist(key), key in fields

    assert ask(ours) == ask(theirs)
