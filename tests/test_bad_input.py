"""What strangers send and what programmers get wrong: the answer, and what it says.

Every bad request is followed by a good one to the same application, and must leave no context.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import pytest
from itsdangerous import Signer
from itsdangerous.encoding import base64_encode
from jinja2 import TemplateNotFound
from werkzeug.exceptions import BadRequestKeyError
from werkzeug.test import create_environ

import carboy
from carboy import Blueprint, Flask, current_app, g, request, session

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
JSON = "application/json"
KEY = "the key of this program"
SECRET = "what nobody may read"

NOT_FOUND = "The requested URL was not found on the server."
BAD_REQUEST = "The browser (or proxy) sent a request that this server could not understand."
TOO_LARGE = "The data value transmitted exceeds the capacity limit."
SERVER_ERROR = "The server encountered an internal error and was unable to complete your request."


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    text: str


Ask = Callable[..., Answer]


def send(
    app: Flask,
    target: str,
    body: bytes = b"",
    *,
    method: str | None = None,
    content_type: str | None = None,
    length: str | None = None,
    chunked: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Give *app* what a server makes of these bytes of a client, however odd they are."""
    environ = create_environ()
    path, _, query = target.partition("?")
    environ["REQUEST_METHOD"] = ("POST" if body else "GET") if method is None else method
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin1")
    environ["QUERY_STRING"] = query
    environ["wsgi.input"] = BytesIO(body)
    if chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(len(body)) if length is None else length
    if content_type is not None:
        environ["CONTENT_TYPE"] = content_type
    for name, value in (headers or {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    begun: list[Any] = []
    parts = app(environ, lambda status, fields, exc_info=None: begun.append((status, fields)))
    try:
        content = b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    ((status, fields),) = begun
    return Answer(int(status.split()[0]), fields, content.decode())


@pytest.fixture
def app() -> Flask:
    app = Flask("bad_input", static_folder=None)
    app.secret_key = KEY
    app.add_url_rule("/good", view_func=lambda: "good", endpoint="good")
    return app


@pytest.fixture
def ask(app: Flask) -> Ask:
    """Send a request, and then see that the application is as it was."""

    def ask(target: str, body: bytes = b"", **how: Any) -> Answer:
        try:
            return send(app, target, body, **how)
        finally:
            assert not carboy.has_request_context()
            assert not carboy.has_app_context()
            assert send(app, "/good", headers={"Host": "localhost"})[::2] == (200, "good")

    return ask


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """The text of what was logged as an error, the traceback with it."""

    def logged() -> str:
        assert {record.levelno for record in caplog.records} == {logging.ERROR}
        return caplog.text

    return logged


# Paths


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/echo/%", "%"),
        ("/echo/%zz", "%zz"),
        ("/echo/%e2%82", "\ufffd"),
        ("/echo/%ff%fe", "\ufffd\ufffd"),
        ("/echo/%c0%ae%c0%ae", "\ufffd" * 4),
        ("/echo/%ed%a0%80", "\ufffd" * 3),
        ("/echo/a%00b", "a\x00b"),
    ],
)
def test_a_path_that_cannot_be_decoded_keeps_what_can_be_read(app, ask, path, seen):
    app.add_url_rule("/echo/<path:text>", view_func=lambda text: {"text": text}, endpoint="echo")
    assert app.json.loads(ask(path).text) == {"text": seen}


@pytest.mark.parametrize(
    "path",
    ["/%", "/%ff", "/n%e2%82/x", "/%00", "/%0d%0a", "", "*", "no/slash", "/;", "/ï", "/int/%ff"],
)
def test_a_path_that_leads_nowhere_is_not_found(app, ask, path):
    app.add_url_rule("/int/<int:n>", view_func=lambda n: "found", endpoint="int")
    answer = ask(path)
    assert answer.status == 404
    assert NOT_FOUND in answer.text


@pytest.mark.parametrize("path", ["/a" * 30_000, "/" + "a" * 60_000, "/%ff" * 9_000])
@pytest.mark.parametrize("rule", ["/b/<path:path>", "/<path:path>/end", "/<a>/<b>/<c>", "/<int:n>"])
def test_a_very_long_path_is_not_found(app, ask, path, rule):
    app.add_url_rule(rule, view_func=lambda **args: "found", endpoint="long")
    answer = ask(path)
    assert answer.status == 404
    assert NOT_FOUND in answer.text


@pytest.mark.parametrize("merge", [True, False])
def test_sixty_thousand_slashes_are_not_found(app, ask, merge):
    app.url_map.merge_slashes = merge
    app.add_url_rule("/a/<int:n>", view_func=lambda n: "found", endpoint="int")
    assert ask("/a" + "/" * 60_000).status == 404


@pytest.mark.parametrize("digits", ["9" * 5_000, "0" * 5_000, "-" + "9" * 5_000])
def test_a_number_of_five_thousand_digits_is_not_found(app, ask, digits):
    app.add_url_rule(
        "/int/<int(signed=True):n>", view_func=lambda n: "found", endpoint="int", methods=["GET"]
    )
    answer = ask(f"/int/{digits}")
    assert answer.status == 404
    assert NOT_FOUND in answer.text


@pytest.mark.parametrize("method", ["BREW", "", "G\xc9T", "GET\r\nX: 1", "*", "A" * 10_000])
def test_an_unknown_method_is_not_allowed(ask, method):
    answer = ask("/good", method=method)
    assert answer.status == 405
    assert "The method is not allowed for the requested URL." in answer.text
    (allowed,) = (value for name, value in answer.headers if name == "Allow")
    assert set(allowed.split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    "host", ["evil.test", "good.test.evil.test", "good.test@evil.test", "a b", "\xff", "", "[::1"]
)
def test_an_untrusted_host_is_a_bad_request(app, ask, host):
    app.config["TRUSTED_HOSTS"] = ["good.test", "localhost"]
    answer = ask("/good", headers={"Host": host})
    assert answer.status == 400
    assert "is not trusted." in answer.text
    assert ask("/good", headers={"Host": "good.test"}).text == "good"


@pytest.mark.parametrize("host", ["9" * 5_000, "a" * 64 + ".test", "a..test"])
def test_a_host_that_cannot_be_a_name_is_a_bad_request(ask, host):
    answer = ask("/good", headers={"Host": host})
    assert answer.status == 400
    assert BAD_REQUEST in answer.text


# Queries, cookies, headers


def test_a_query_that_cannot_be_decoded_keeps_what_can_be_read(app, ask):
    app.add_url_rule("/args", view_func=lambda: list(request.args.items(True)), endpoint="args")
    answer = ask("/args?a=%zz&b=%ff&c=\xff&%&=&%00=%e2%82&&d;e&a==")
    assert answer.status == 200
    assert app.json.loads(answer.text) == [
        ["a", "%zz"],
        ["a", "="],
        ["b", "%FF"],
        ["c", "%FF"],
        ["%", ""],
        ["", ""],
        ["\x00", "%E2%82"],
        ["d;e", ""],
    ]


def test_a_hundred_thousand_fields_in_a_query_are_read(app, ask):
    app.add_url_rule("/args", view_func=lambda: str(len(request.args)), endpoint="args")
    query = "&".join(f"k{number}=%ff" for number in range(100_000))
    assert ask(f"/args?{query}").text == "100000"


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("a=\xff; b=1", {"a": "\xff", "b": "1"}),
        ("a=%zz; b=%ff", {"a": "%zz", "b": "%ff"}),
        ("; =; ;;;=x;b=1", {"b": "1"}),
        ('a="unfinished; b=1', {"b": "1"}),
        ('a="\\377\\376"; b=1', {"a": "\ufffd\ufffd", "b": "1"}),
        ("a\x00=\x01; b=1", {"a\x00": "\x01", "b": "1"}),
        (";" * 100_000 + "b=1", {"b": "1"}),
    ],
)
def test_a_malformed_cookie_leaves_the_others_readable(app, ask, header, seen):
    app.add_url_rule("/cookies", view_func=lambda: dict(request.cookies), endpoint="cookies")
    answer = ask("/cookies", headers={"Cookie": header})
    assert answer.status == 200
    assert app.json.loads(answer.text) == seen


PARSED = (
    *("accept_mimetypes", "accept_charsets", "accept_encodings", "accept_languages"),
    *("access_control_request_headers", "authorization", "cache_control", "cookies", "date"),
    *("content_encoding", "content_length", "content_md5", "content_type", "host", "host_url"),
    *("if_match", "if_modified_since", "if_none_match", "if_range", "if_unmodified_since"),
    *("is_json", "max_forwards", "mimetype", "mimetype_params", "origin", "pragma", "range"),
    *("access_route", "referrer", "user_agent", "url", "base_url", "full_path", "values"),
)

NAMES = (
    *("Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization"),
    *("Access-Control-Request-Headers", "Cache-Control", "Content-Encoding", "Content-MD5"),
    *("Cookie", "Date", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range"),
    *("If-Unmodified-Since", "Max-Forwards", "Origin", "Pragma", "Range", "Referer", "User-Agent"),
    *("X-Forwarded-For", "X-\xff"),
)


@pytest.mark.parametrize(
    "value",
    [
        "\xff\xfe\x80",
        "%",
        "",
        '"',
        ",;=,;=",
        "bytes=9-1,--,5",
        "Basic %%%",
        "Basic \xff",
        "Basic //79",
        'Digest a="',
        "Mon, 99 Foo 99999999 99:99:99 GMT",
        "9" * 5_000,
        "a;q=" + "9" * 5_000,
        "a;q=nan",
        "; charset*=x''%ff; a*0*=%zz",
        "[::1",
        "\x00",
        "," * 10_000,
    ],
)
def test_headers_that_make_no_sense_are_no_error(app, ask, value):
    def read() -> str:
        for name in PARSED:
            getattr(request, name)
        return request.headers["Pragma"]

    app.add_url_rule("/read", view_func=read)
    answer = ask("/read", headers=dict.fromkeys(NAMES, value), content_type=value)
    assert answer[::2] == (200, value)


# Bodies


@pytest.fixture
def reader(app: Flask) -> None:
    """Views that read the body in each way."""
    views: dict[str, Callable[[], Any]] = {
        "data": lambda: request.get_data(as_text=True),
        "form": lambda: dict(request.form),
        "json": lambda: {"json": request.json},
        "stream": lambda: request.stream.read().decode(),
        "silent": lambda: {"json": request.get_json(silent=True)},
    }
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view, methods=["POST"])


@pytest.mark.parametrize(
    "length", ["-1", "-0x3", "abc", "", "1e3", "+3", "3,3", "1_0", "\xb2", "9" * 5_000]
)
def test_a_content_length_that_is_no_number_means_no_body(reader, ask, length):
    assert ask("/data", b"abc", length=length)[::2] == (200, "")
    assert ask("/stream", b"abc", length=length)[::2] == (200, "")
    assert ask("/form", b"a=1", length=length, content_type=URLENCODED)[::2] == (200, "{}\n")


@pytest.mark.parametrize("length", ["10", "999999999999999", "9" * 400])
@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/data", None), ("/stream", None), ("/json", JSON), ("/form", URLENCODED)],
)
def test_a_body_shorter_than_announced_is_a_bad_request(reader, ask, path, content_type, length):
    answer = ask(path, b"{}", content_type=content_type, length=length)
    assert answer.status == 400
    assert BAD_REQUEST in answer.text


def test_a_body_shorter_than_announced_tells_the_view_that_the_client_has_gone(app, ask):
    raised = []

    @app.errorhandler(400)
    def bad(error):
        raised.append(type(error).__name__)
        return "gone", 400

    app.add_url_rule("/data", view_func=lambda: request.get_data(), methods=["POST"], endpoint="d")
    assert ask("/data", b"{}", length="3")[::2] == (400, "gone")
    assert raised == ["ClientDisconnected"]


def test_more_than_was_announced_is_not_read(reader, ask):
    assert ask("/data", b"abcGET /evil HTTP/1.1", length="3").text == "abc"


FIELD = b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n%s\r\n'


@pytest.mark.parametrize("set_on", ["application", "request"])
@pytest.mark.parametrize("how", [{}, {"chunked": True}, {"length": "9" * 400}])
@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/data", "text/plain", b"x" * 101),
        ("/form", URLENCODED, b"a=" + b"x" * 99),
        ("/form", MULTIPART, FIELD % (1, b"x" * 100) + b"--x--\r\n"),
        ("/json", JSON, b'"' + b"x" * 99 + b'"'),
        ("/stream", "text/plain", b"x" * 101),
    ],
)
def test_a_body_over_the_limit_is_too_large(
    app, reader, ask, path, content_type, body, how, set_on
):
    limit(app, set_on, "MAX_CONTENT_LENGTH", 100)
    answer = ask(path, body, content_type=content_type, **how)
    assert answer.status == 413
    assert TOO_LARGE in answer.text


@pytest.mark.parametrize("set_on", ["application", "request"])
def test_a_body_at_the_limit_is_read(app, reader, ask, set_on):
    limit(app, set_on, "MAX_CONTENT_LENGTH", 100)
    assert ask("/data", b"x" * 100)[::2] == (200, "x" * 100)
    assert ask("/data", b"x" * 100, chunked=True)[::2] == (200, "x" * 100)


@pytest.mark.parametrize("set_on", ["application", "request"])
def test_a_field_over_the_limit_is_too_large(app, reader, ask, set_on):
    limit(app, set_on, "MAX_FORM_MEMORY_SIZE", 1_000)
    answer = ask("/form", FIELD % (1, b"x" * 1_001) + b"--x--\r\n", content_type=MULTIPART)
    assert answer.status == 413
    assert TOO_LARGE in answer.text
    small = ask("/form", FIELD % (1, b"x" * 900) + b"--x--\r\n", content_type=MULTIPART)
    assert app.json.loads(small.text) == {"1": "x" * 900}


@pytest.mark.parametrize("set_on", ["application", "request"])
def test_too_many_parts_are_too_large(app, reader, ask, set_on):
    limit(app, set_on, "MAX_FORM_PARTS", 3)
    parts = [FIELD % (number, b"") for number in range(4)]
    answer = ask("/form", b"".join(parts) + b"--x--\r\n", content_type=MULTIPART)
    assert answer.status == 413
    assert TOO_LARGE in answer.text
    few = ask("/form", b"".join(parts[:3]) + b"--x--\r\n", content_type=MULTIPART)
    assert few[::2] == (200, '{"0":"","1":"","2":""}\n')


def test_there_are_limits_before_any_is_set(reader, ask):
    field = FIELD % (1, b"x" * 500_001) + b"--x--\r\n"
    assert ask("/form", field, content_type=MULTIPART).status == 413
    parts = b"".join(FIELD % (number, b"") for number in range(1_001)) + b"--x--\r\n"
    assert ask("/form", parts, content_type=MULTIPART).status == 413


def limit(app: Flask, set_on: str, setting: str, value: int) -> None:
    if set_on == "application":
        app.config[setting] = value
        return

    @app.before_request
    def of_this_request():
        if request.method == "POST":
            setattr(request, setting.lower(), value)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"a=\xff"),
        ("multipart/form-data", b"nonsense"),
        (MULTIPART, b"nonsense"),
        (MULTIPART, b"--x\r\n\r\n\r\n--x--\r\n"),
        (MULTIPART, b"--x--"),
        (MULTIPART, b"--x\r\nContent-Disposition: form-data; name=a\r\n"),
        ("multipart/form-data; boundary=\xff", b"--\xff--"),
        ('multipart/form-data; boundary="', b"--x--"),
        ("\xff/\xff; \xff", b"a=1"),
        ("", b"a=1"),
    ],
)
def test_a_form_that_cannot_be_parsed_is_empty(reader, ask, content_type, body):
    assert ask("/form", body, content_type=content_type)[::2] == (200, "{}\n")


def test_fields_that_are_not_utf8_keep_what_can_be_read(app, reader, ask):
    answer = ask("/form", b"a=%ff&b=%zz&%c3=1", content_type=URLENCODED)
    assert app.json.loads(answer.text) == {"a": "%FF", "b": "%zz", "%C3": "1"}
    answer = ask("/form", FIELD % (1, b"\xffa") + b"--x--\r\n", content_type=MULTIPART)
    assert app.json.loads(answer.text) == {"1": "\ufffda"}


BROKEN_JSON = {
    "nothing": (b" ", "Expecting value: line 1 column 2"),
    "unfinished": (b"{", "Expecting property name enclosed in double quotes: line 1 column 2"),
    "two": (b"1 2", "Extra data: line 1 column 3"),
    "not UTF-8": (b'"\xff"', "codec can&#39;t decode byte 0xff in position 1"),
    "a long number": (b"1" * 5_000, "Exceeds the limit (4300 digits) for integer string"),
}


@pytest.mark.parametrize(("body", "detail"), BROKEN_JSON.values(), ids=BROKEN_JSON)
def test_broken_json_is_a_bad_request_and_debug_mode_tells_why(app, reader, ask, body, detail):
    answer = ask("/json", body, content_type=JSON)
    assert answer.status == 400
    assert BAD_REQUEST in answer.text
    app.debug = True
    answer = ask("/json", body, content_type=JSON)
    assert answer.status == 400
    assert "Failed to decode JSON object: " in answer.text
    assert detail in answer.text
    assert ask("/silent", body, content_type=JSON)[::2] == (200, '{\n  "json": null\n}\n')


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_json_that_is_nested_too_deeply_is_a_bad_request(reader, ask, body):
    answer = ask("/json", body, content_type=JSON)
    assert answer.status == 400
    assert BAD_REQUEST in answer.text
    assert ask("/silent", body, content_type=JSON)[::2] == (200, '{"json":null}\n')


@pytest.mark.parametrize("content_type", [None, "text/plain", URLENCODED, "application/jso\xf1"])
def test_json_under_another_type_is_unsupported(reader, ask, content_type):
    answer = ask("/json", b"{}", content_type=content_type)
    assert answer.status == 415
    assert "Content-Type was not &#39;application/json&#39;." in answer.text


@pytest.mark.parametrize("source", ["form", "files", "args", "values", "cookies"])
def test_a_missing_key_is_a_bad_request_and_debug_mode_names_it(app, ask, source):
    app.add_url_rule("/key", "key", lambda: getattr(request, source)["user-name"], methods=["POST"])
    answer = ask("/key", b"a=1", content_type=URLENCODED)
    assert answer.status == 400
    assert BAD_REQUEST in answer.text
    assert "user-name" not in answer.text

    app.debug = True
    app.config["TRAP_BAD_REQUEST_ERRORS"] = False
    answer = ask("/key", b"a=1", content_type=URLENCODED)
    assert answer.status == 400
    assert "KeyError: &#39;user-name&#39;" in answer.text

    app.config["TRAP_BAD_REQUEST_ERRORS"] = None
    with pytest.raises(BadRequestKeyError, match="KeyError: 'user-name'"):
        ask("/key", b"a=1", content_type=URLENCODED)


# Session cookies


@pytest.fixture
def sessions(app: Flask) -> None:
    """``/session`` shows the session, ``/session/new`` begins another in its place."""
    app.add_url_rule("/session", "session", lambda: dict(session))

    @app.get("/session/new")
    def new():
        session["user"] = "new"
        return dict(session)


def signer(app: Flask) -> Signer:
    return app.session_interface.get_signing_serializer(app).make_signer()


def signed(app: Flask, payload: bytes, at: int | None = None) -> str:
    """The cookie of somebody who has the key."""
    by = signer(app)
    if at is not None:
        by.get_timestamp = lambda: at
    return by.sign(payload).decode()


GOOD = base64_encode(b'{"user":"admin"}')


def assert_is_new_and_empty(ask: Ask, cookie: str) -> None:
    headers = {"Cookie": f"session={cookie}"}
    assert ask("/session", headers=headers)[::2] == (200, "{}\n")
    answer = ask("/session/new", headers=headers)
    assert answer[::2] == (200, '{"user":"new"}\n')
    (set_cookie,) = (value for name, value in answer.headers if name == "Set-Cookie")
    fresh = {"Cookie": set_cookie.partition(";")[0]}
    assert ask("/session", headers=fresh)[::2] == (200, '{"user":"new"}\n')


def test_a_signed_session_is_read(app, sessions, ask):
    headers = {"Cookie": f"session={signed(app, GOOD)}"}
    assert ask("/session", headers=headers)[::2] == (200, '{"user":"admin"}\n')


TAMPERED: dict[str, Callable[[str], str]] = {
    "another payload": lambda cookie: base64_encode(b'{"user":"root"}').decode() + cookie[22:],
    "another signature": lambda cookie: cookie[:-5] + "AAAAA",
    "no signature": lambda cookie: cookie.rpartition(".")[0],
    "an empty signature": lambda cookie: cookie.rpartition(".")[0] + ".",
    "only the payload": lambda cookie: cookie.partition(".")[0],
    "the signature of ASCII look-alikes": lambda cookie: cookie[:-1] + "\xff",
    "another time": lambda cookie: re.sub(r"\.[\w-]+\.", ".gICAgICAgIA.", cookie),
    "one more part": lambda cookie: cookie + ".x",
    "cut short": lambda cookie: cookie[:10],
    "quoted": lambda cookie: f'"{cookie}\\000"',
    "not ASCII": lambda cookie: "\xff\xfe" + cookie,
    "beyond Latin-1": lambda cookie: "\u20ac" + cookie,
    "dots": lambda cookie: "." * 1_000,
    "a megabyte": lambda cookie: "A" * 1_000_000,
    "a megabyte before the signature": lambda cookie: "A" * 1_000_000 + cookie,
    "percent": lambda cookie: cookie.replace(".", "%2e"),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_session_cookie_is_a_new_session(app, sessions, ask, tamper):
    assert_is_new_and_empty(ask, tamper(signed(app, GOOD)))


def test_a_cookie_signed_with_another_key_or_for_something_else_is_a_new_session(
    app, sessions, ask
):
    other = Flask("other")
    other.secret_key = "another key"
    assert_is_new_and_empty(ask, signed(other, GOOD))
    reset = app.session_interface.get_signing_serializer(app).make_signer("password-reset")
    assert_is_new_and_empty(ask, reset.sign(GOOD).decode())


@pytest.mark.parametrize("at", [0, 4_102_444_800, 2**62, 2**64 - 1])
def test_an_expired_session_or_one_of_the_future_is_a_new_session(app, sessions, ask, at):
    assert_is_new_and_empty(ask, signed(app, GOOD, at))


UNREADABLE = {
    "empty": b"",
    "not base64": b"!!!!",
    "compressed and not": b".e30",
    "compressed and cut off": b".eJw",
    "not UTF-8": base64_encode(b"\xff"),
    "not JSON": base64_encode(b"{"),
    "nested too deeply": base64_encode(b"[" * 100_000),
    "a number too long": base64_encode(b'{"a":' + b"9" * 5_000 + b"}"),
    "a UUID that is none": base64_encode(b'{"a":{" u":"none"}}'),
    "bytes that are none": base64_encode(b'{"a":{" b":1}}'),
    "a tuple that is none": base64_encode(b'{"a":{" t":1}}'),
    "a list": base64_encode(b"[1]"),
    "a number": base64_encode(b"1"),
    "text": base64_encode(b'"text"'),
}


@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE)
def test_a_signed_cookie_that_holds_no_session_is_a_new_session(app, sessions, ask, payload):
    assert_is_new_and_empty(ask, signed(app, payload))


def test_a_session_too_large_for_a_cookie_is_warned_about(app, ask):
    @app.get("/large")
    def large():
        session["text"] = "".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))
        return "kept"

    with pytest.warns(UserWarning, match="The 'session' cookie is too large"):
        assert ask("/large").status == 200


# Files


@pytest.fixture
def static(tmp_path: Path) -> Flask:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "file.txt").write_text("file")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "static_secret").mkdir()
    (tmp_path / "static_secret" / "secret.txt").write_text(SECRET)
    app = Flask("bad_input", root_path=str(tmp_path))
    app.add_url_rule("/good", view_func=lambda: "good", endpoint="good")
    return app


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "%252e%252e%252fsecret.txt",
        "%c0%ae%c0%ae/secret.txt",
        "..\\secret.txt",
        "..%5csecret.txt",
        "x/../../secret.txt",
        "../static_secret/secret.txt",
        "../static/../secret.txt",
        "....//secret.txt",
        ".%00./secret.txt",
        "file.txt%00",
        "%00",
        "file.txt%00.png",
        "C:\\secret.txt",
        "~/secret.txt",
        "file%ff.txt",
        "a" * 5_000,
        "a/" * 5_000 + "a",
        "../" * 500 + "etc/passwd",
        ".",
        "..",
        "",
    ],
)
@pytest.mark.parametrize("merge_slashes", [True, False])
def test_a_path_out_of_the_static_folder_is_not_found(static, name, merge_slashes):
    static.url_map.merge_slashes = merge_slashes
    answer = send(static, f"/static/{name}")
    if answer.status == 308:
        answer = send(static, dict(answer.headers)["Location"].removeprefix("http://localhost"))
    assert answer.status == 404
    assert NOT_FOUND in answer.text
    assert not carboy.has_app_context()
    assert send(static, "/static/file.txt")[::2] == (200, "file")


@pytest.mark.parametrize("merge_slashes", [True, False])
def test_an_absolute_path_to_a_file_is_not_found(static, tmp_path, merge_slashes):
    static.url_map.merge_slashes = merge_slashes
    for slash in ("/", "%2f", "%2F%2f", "\\"):
        answer = send(static, f"/static/{slash}{str(tmp_path)[1:]}/secret.txt")
        assert answer.status == (308 if merge_slashes and slash != "\\" else 404)
        assert SECRET not in answer.text
    assert send(static, f"/static{tmp_path}/secret.txt").status == 404


# Responses


@pytest.mark.parametrize("end", ["%0d%0a", "%0a", "%0d"])
@pytest.mark.parametrize("way", ["set", "add", "tuple", "attribute"])
def test_a_newline_in_a_response_header_is_refused(app, ask, logged, end, way):
    @app.get("/header")
    def header():
        value = request.args["value"]
        response = app.make_response(SECRET)
        if way == "tuple":
            return SECRET, 200, {"X-Value": value}
        if way == "attribute":
            response.content_type = value
        elif way == "set":
            response.headers["X-Value"] = value
        else:
            response.headers.add("X-Value", value)
        return response

    answer = ask(f"/header?value=a{end}Set-Cookie:%20stolen=1")
    assert answer.status == 500
    assert SERVER_ERROR in answer.text
    assert SECRET not in answer.text
    assert "stolen" not in str(answer)
    assert "ValueError: Header values must not contain newline characters." in logged()


def test_a_newline_in_a_cookie_is_quoted(app, ask):
    @app.get("/cookie")
    def cookie():
        response = app.make_response("set")
        response.set_cookie("name", request.args["value"])
        return response

    answer = ask("/cookie?value=a%0d%0aX:%201")
    assert ("Set-Cookie", 'name="a\\015\\012X: 1"; Path=/') in answer.headers


# From the programmer: while registering


def test_an_endpoint_registered_twice_is_named(app, ask):
    app.add_url_rule("/one", "page", lambda: "one")
    with pytest.raises(AssertionError) as raised:
        app.add_url_rule("/two", "page", lambda: "two")
    assert str(raised.value) == (
        "View function mapping is overwriting an existing endpoint function: page"
    )
    assert ask("/one").text == "one"


LATE: dict[str, Callable[[Any], Any]] = {
    "route": lambda on: on.route("/late")(str),
    "get": lambda on: on.get("/late")(str),
    "add_url_rule": lambda on: on.add_url_rule("/late", view_func=str),
    "endpoint": lambda on: on.endpoint("late")(str),
    "before_request": lambda on: on.before_request(str),
    "after_request": lambda on: on.after_request(str),
    "teardown_request": lambda on: on.teardown_request(str),
    "context_processor": lambda on: on.context_processor(str),
    "url_value_preprocessor": lambda on: on.url_value_preprocessor(str),
    "url_defaults": lambda on: on.url_defaults(str),
    "errorhandler": lambda on: on.errorhandler(404)(str),
    "register_error_handler": lambda on: on.register_error_handler(404, str),
    "register_blueprint": lambda on: on.register_blueprint(Blueprint("late", __name__)),
}


@pytest.mark.parametrize("name", LATE)
def test_registering_after_the_first_request_is_refused(app, ask, name):
    ask("/good")
    with pytest.raises(AssertionError) as raised:
        LATE[name](app)
    first, *_, last = str(raised.value).splitlines()
    assert "can no longer be called on the application." in first
    assert "It has already handled its first request" in first
    assert last.endswith("needed to set up the application are done before running it.")
    assert ask("/late").status == 404


@pytest.mark.parametrize("name", LATE)
def test_registering_on_a_registered_blueprint_is_refused(app, name):
    blueprint = Blueprint("shop", __name__)
    app.register_blueprint(blueprint)
    with pytest.raises(AssertionError) as raised:
        LATE[name](blueprint)
    message = str(raised.value)
    assert "can no longer be called on the blueprint 'shop'." in message
    assert "It has already been registered at least once" in message


def test_names_of_blueprints(app):
    with pytest.raises(ValueError, match=r"^'name' may not contain a dot '.' character\.$"):
        Blueprint("shop.cart", __name__)
    with pytest.raises(ValueError, match=r"^'name' may not be empty\.$"):
        Blueprint("", __name__)
    blueprint = Blueprint("shop", __name__)
    with pytest.raises(ValueError, match=r"^'endpoint' may not contain a dot '.' character\.$"):
        blueprint.add_url_rule("/", endpoint="a.b", view_func=str)
    with pytest.raises(ValueError, match=r"^Cannot register a blueprint on itself$"):
        blueprint.register_blueprint(blueprint)


def test_a_blueprint_registered_twice_needs_another_name(app):
    blueprint = Blueprint("shop", __name__)
    app.register_blueprint(blueprint)
    for again, which in ((blueprint, "this"), (Blueprint("shop", __name__), "a different")):
        with pytest.raises(ValueError) as raised:
            app.register_blueprint(again)
        assert str(raised.value) == (
            f"The name 'shop' is already registered for {which} blueprint."
            " Use 'name=' to provide a unique name."
        )
    app.register_blueprint(blueprint, name="second")
    assert set(app.blueprints) == {"shop", "second"}


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        (999, ValueError, "'999' is not a recognized HTTP error code. Use a subclass of"),
        (200, ValueError, "'200' is not a recognized HTTP error code."),
        (KeyError("x"), TypeError, "KeyError('x') is an instance, not a class."),
        (str, ValueError, "'str' is not a subclass of Exception."),
    ],
)
def test_an_error_handler_for_what_is_no_error_is_refused(app, what, error, message):
    for on in (app, Blueprint("shop", __name__)):
        with pytest.raises(error) as raised:
            on.register_error_handler(what, str)
        assert str(raised.value).startswith(message)


def test_methods_given_as_text_are_refused(app):
    with pytest.raises(TypeError) as raised:
        app.route("/", methods="POST")(str)
    assert str(raised.value).startswith("Allowed methods must be a list of strings")
    assert 'methods=["POST"]' in str(raised.value)
    with pytest.raises(TypeError, match="Use the 'route' decorator to use the 'methods' argument"):
        app.get("/", methods=["POST"])


def test_a_rule_without_its_slash_is_refused(app):
    with pytest.raises(ValueError, match=r"'late' must start with a slash"):
        app.add_url_rule("late", view_func=str)


# From the programmer: while answering


RETURNED: dict[str, tuple[Any, str]] = {
    "None": (
        None,
        "TypeError: The view function for 'page' did not return a valid response. The function"
        " either returned None or ended without a return statement.",
    ),
    "a number": (
        42,
        "TypeError: The view function did not return a valid response. The return type must be a"
        " string, dict, list, tuple with headers or status, Response instance, or WSGI callable,"
        " but it was a int.",
    ),
    "a long tuple": (
        ("a", 200, {}, "b"),
        "TypeError: The view function did not return a valid response tuple. The tuple must have"
        " the form (body, status, headers), (body, status), or (body, headers).",
    ),
    "None in a tuple": (
        (None, 200),
        "TypeError: The view function for 'page' did not return a valid response.",
    ),
}


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize(("value", "message"), RETURNED.values(), ids=RETURNED)
def test_a_view_that_returns_no_response_is_named_in_the_log(
    app, ask, logged, value, message, kind
):
    async def coroutine():
        return value

    app.add_url_rule("/page", "page", coroutine if kind == "async" else lambda: value)
    answer = ask("/page")
    assert answer.status == 500
    assert SERVER_ERROR in answer.text
    assert "page" not in answer.text
    assert message in logged()

    app.testing = True
    with pytest.raises(TypeError) as raised:
        ask("/page")
    assert str(raised.value).startswith(message.removeprefix("TypeError: "))


def test_a_session_without_a_key_can_be_read_and_not_written(app, sessions, ask, logged):
    app.secret_key = None
    assert ask("/session", headers={"Cookie": "session=x"})[::2] == (200, "{}\n")
    answer = ask("/session/new")
    assert answer.status == 500
    assert SERVER_ERROR in answer.text
    assert "RuntimeError: The session is unavailable because no secret key was set." in logged()
    assert "Set the secret_key on the application to something unique and secret." in logged()


def test_a_template_that_is_not_found_is_named_in_the_log(app, ask, logged):
    app.add_url_rule("/page", "page", lambda: carboy.render_template("nowhere.html"))
    answer = ask("/page")
    assert answer.status == 500
    assert "nowhere.html" not in answer.text
    assert "jinja2.exceptions.TemplateNotFound: nowhere.html" in logged()
    app.testing = True
    with pytest.raises(TemplateNotFound, match=r"nowhere\.html"):
        ask("/page")


def test_what_a_view_raises_is_logged_and_not_sent(app, ask, logged):
    app.add_url_rule("/page", "page", lambda: {}[SECRET])
    answer = ask("/page")
    assert answer.status == 500
    assert SECRET not in answer.text
    assert "Exception on /page [GET]" in logged()
    assert f"KeyError: '{SECRET}'" in logged()


# From the programmer: names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "Could not import 'nowhere'."),
        ("nowhere.deeper", "Could not import 'nowhere.deeper'."),
        ("json", "Failed to find Flask application or factory in module 'json'."),
        ("json:app", "Failed to find attribute 'app' in 'json'."),
        ("json:1+", "Failed to parse '1+' as an attribute name or function call."),
    ],
)
def test_the_command_line_says_what_is_wrong_with_a_name(tmp_path, name, message):
    result = subprocess.run(
        [sys.executable, "-m", "carboy", "--app", name, "run", "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_application_in_no_module_lives_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("nowhere", "nowhere.deeper", "not a name", ".relative"):
        app = Flask(name)
        assert app.root_path == str(tmp_path)
        assert send(app, "/").status == 404


def test_an_application_in_a_namespace_package_needs_a_root_path(tmp_path, monkeypatch):
    (tmp_path / "namespace_without_files").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    # A folder that only happens to have the name is not the package.
    assert Flask("namespace_without_files").root_path == os.getcwd()
    importlib.import_module("namespace_without_files")
    with pytest.raises(RuntimeError) as raised:
        Flask("namespace_without_files")
    assert "No root path can be found for the provided module" in str(raised.value)
    assert "'namespace_without_files'" in str(raised.value)
    assert "the root path needs to be explicitly provided" in str(raised.value)


def test_a_relative_instance_path_is_refused():
    with pytest.raises(ValueError, match=r"^If an instance path is provided it must be absolute\."):
        Flask("bad_input", instance_path="instance")


def test_an_application_without_a_name_is_refused():
    with pytest.raises(TypeError, match="import_name"):
        Flask()


def test_g_outside_of_a_request_says_what_to_do():
    with pytest.raises(RuntimeError, match=r"Working outside of application context"):
        _ = g.anything
    with pytest.raises(RuntimeError, match=r"Working outside of request context"):
        _ = request.path


# Many requests at once

THREADS = 8
ROUNDS = 40
#: Seconds; waited for only where a thread has failed.
PATIENCE = 20


def application(name: str, meet: Callable[[], object]) -> Flask:
    """Writes down whose request it is, lets all others do the same, and tells what it reads."""
    app = Flask(name)
    app.secret_key = f"the key of {name}"

    @app.before_request
    def note():
        g.token = request.args["token"]

    @app.after_request
    def tell(response):
        response.headers["X-Token"] = g.token
        return response

    def count():
        assert "other" not in g
        session.setdefault("mine", request.args["thread"])
        session["count"] = session.get("count", 0) + 1

    def seen():
        return {
            "app": current_app.name,
            "token": [g.token, request.args["token"], request.headers["X-Token"]],
            "mine": session["mine"],
            "count": session["count"],
            "url": carboy.url_for("plain", _external=True),
        }

    @app.get("/plain")
    def plain():
        count()
        meet()
        g.other = True
        return seen()

    @app.get("/fails")
    def fails():
        count()
        meet()
        carboy.abort(400, description=g.token)

    return app


def in_threads(work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, range(THREADS)))


def test_nothing_crosses_between_threads_and_applications():
    barrier = threading.Barrier(THREADS, timeout=PATIENCE)
    apps = [application(name, barrier.wait) for name in ("first", "second")]

    def work(thread: int) -> None:
        try:
            clients = [app.test_client() for app in apps]
            for number in range(ROUNDS):
                of, nth = (thread + number) % 2, number // 2 + 1
                token = f"{thread}-{number}"
                failing = (thread + number) % 5 == 0
                answer = clients[of].get(
                    "/fails" if failing else "/plain",
                    query_string={"token": token, "thread": thread},
                    base_url=f"http://host{thread}.test",
                    headers={"X-Token": token},
                )
                assert not carboy.has_app_context()
                assert answer.headers["X-Token"] == token
                if failing:
                    assert answer.status_code == 400
                    assert token in answer.text
                    continue
                assert answer.json == {
                    "app": apps[of].name,
                    "token": [token, token, token],
                    "mine": str(thread),
                    "count": nth,
                    "url": f"http://host{thread}.test/plain",
                }
        except BaseException:
            barrier.abort()
            raise

    in_threads(work)


def test_an_application_may_ask_another_within_a_request():
    inner = application("inner", lambda: None)
    of_inner = inner.test_client()

    def ask_inner() -> None:
        answer = of_inner.get("/plain?token=in&thread=i", headers={"X-Token": "in"})
        assert answer.json["app"] == "inner"
        assert answer.json["token"] == ["in"] * 3

    outer = application("outer", ask_inner)
    answer = outer.test_client().get("/plain?token=out&thread=o", headers={"X-Token": "out"})
    assert answer.json["app"] == "outer"
    assert answer.json["token"] == ["out"] * 3
    assert answer.json["mine"] == "o"
    assert not carboy.has_app_context()


def test_async_views_of_all_threads_run_at_once_on_one_loop():
    # Belongs to the loop that first waits, and refuses any other.
    barrier = asyncio.Barrier(THREADS)
    loops = set()
    apps = [Flask("first"), Flask("second")]

    async def view(token):
        g.token = session["token"] = token
        loops.add(asyncio.get_running_loop())
        async with asyncio.timeout(PATIENCE):
            await barrier.wait()
        assert threading.get_ident() != int(request.args["ident"])
        return {"app": current_app.name, "tokens": [g.token, session["token"], request.path]}

    for app in apps:
        app.secret_key = KEY
        app.add_url_rule("/<token>", "view", view)

    def work(thread: int) -> None:
        app = apps[thread % 2]
        client = app.test_client()
        for number in range(ROUNDS):
            token = f"{thread}-{number}"
            answer = client.get(f"/{token}?ident={threading.get_ident()}")
            assert answer.json == {"app": app.name, "tokens": [token, token, f"/{token}"]}
            assert not carboy.has_app_context()

    in_threads(work)
    assert len(loops) == 1
