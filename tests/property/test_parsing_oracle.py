"""Whatever clients and views come up with, messages are read and sent as by Werkzeug."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import werkzeug.wrappers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
)
from werkzeug.http import parse_options_header
from werkzeug.test import create_environ

from carboy.forms import parse_content_type
from carboy.wrappers import Request, Response

quick = settings(max_examples=150, deadline=None)
# Werkzeug's parser leaves the files of a form that it gives up on to the collector.
leaves_files = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class HtmlResponse(werkzeug.wrappers.Response):
    default_mimetype = "text/html"


def wire_text(alphabet: str) -> st.SearchStrategy[str]:
    """What a client may send, as an environ has it: any bytes, as latin-1 text."""
    usual = st.text(alphabet + "aé☃", max_size=12).map(str.encode)
    pieces = st.lists(usual | st.binary(max_size=2), max_size=4)
    return pieces.map(lambda chunks: b"".join(chunks).decode("latin1"))


def outcome(get: Callable[[], Any]) -> Any:
    """What *get* returns, or the type of error that it raises."""
    try:
        return get()
    except (HTTPException, ValueError) as error:
        return type(error)


def ask_both(
    environ: dict[str, Any],
    read: Callable[[Any], Any],
    body: bytes = b"",
    limits: dict[str, int | None] | None = None,
) -> tuple[Any, Any]:
    """What *read* finds in one request, made by Werkzeug and by us."""
    answers = []
    for base in (werkzeug.wrappers.Request, Request):
        cls = type("LimitedRequest", (base,), limits or {})
        request = cls({**environ, "wsgi.input": BytesIO(body)})
        with request:
            answers.append(outcome(lambda request=request: read(request)))
    return answers[0], answers[1]


def pairs(fields: Any) -> tuple[bool, str, list[tuple[Any, Any]]]:
    shown = type(fields).__name__
    return isinstance(fields, ImmutableMultiDict), shown, list(fields.items(multi=True))


def form_and_files(request: Any) -> tuple[Any, ...]:
    files = [
        (name, file.name, file.filename, list(file.headers), file.read())
        for name, file in request.files.items(multi=True)
    ]
    return pairs(request.form), type(request.files), files


@quick
@given(wire_text("a=&+%;#e%41%FF%C3%A9 "))
@example("a&b=&=c&&d=1=2;e")
@example("%")
def test_a_query_string(query):
    environ = create_environ() | {"QUERY_STRING": query}
    for read in (lambda r: pairs(r.args), lambda r: r.full_path):
        theirs, ours = ask_both(environ, read)
        if theirs is UnicodeDecodeError:
            # Read as if the client had percent-encoded the bytes that are not UTF-8.
            raw = query.encode("latin1")
            encoded = raw.decode(errors="werkzeug.url_quote").encode().decode("latin1")
            theirs, _ = ask_both(environ | {"QUERY_STRING": encoded}, read)
        assert ours == theirs


@quick
@given(wire_text('ab=; \t",\\\n\\303'))
@example("a=1; b=2; a=3")
@example('a="1;2"; b')
@example(" a = b ;c d=e; =f;;g=h=i")
def test_cookies(header):
    theirs, ours = ask_both(create_environ() | {"HTTP_COOKIE": header}, lambda r: pairs(r.cookies))
    assert ours == theirs


@quick
@given(wire_text("/%.a"), wire_text("/a"), st.sampled_from(["GET", "post", "", "Pâté"]))
def test_the_request_line(path, root, method):
    environ = create_environ() | {
        "PATH_INFO": path,
        "SCRIPT_NAME": root,
        "REQUEST_METHOD": method,
    }
    names = "method scheme server root_path path query_string remote_addr url base_url"
    for name in f"{names} root_url host_url host script_root is_secure".split():
        theirs, ours = ask_both(environ, lambda r, name=name: getattr(r, name))
        assert ours == theirs


@quick
@given(st.text("ab/;= \t\"\\%2*'-", max_size=30))
@example('multipart/form-data; boundary="a b"')
@example("text/html;CHARSET=utf-8")
@example("a/b; c*=utf-8''d; e=%22")
def test_a_content_type(header):
    assert parse_content_type(header) == parse_options_header(header)


@quick
@given(wire_text("a=&+%41%FF"))
def test_an_url_encoded_form(text):
    environ = create_environ() | {
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(text)),
    }
    theirs, ours = ask_both(environ, form_and_files, text.encode("latin1"))
    assert ours == theirs


lengths = st.sampled_from(["", "0", "3", "9", "-1", "+3", " 3", "x", "1_0", "٣", "9" * 5000])
limit = st.sampled_from([None, 0, 2, 3, 4, 100])


@quick
@given(lengths, st.booleans(), st.booleans(), limit, st.binary(max_size=10))
def test_a_body(length, chunked, terminated, maximum, body):
    environ = create_environ() | {"CONTENT_LENGTH": length}
    if chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    if terminated:
        environ["wsgi.input_terminated"] = True
    for read in (
        lambda r: (r.content_length, r.get_data(), r.stream.read(), r.get_data()),
        lambda r: (r.stream.read(2), r.stream.read(0) if body else b"", r.get_data()),
        lambda r: list(r.stream),
        lambda r: (r.stream.readline(), r.data, r.stream.read(1)),
    ):
        theirs, ours = ask_both(environ, read, body, {"max_content_length": maximum})
        if _differs_on_purpose(environ, maximum, body):
            continue
        assert ours == theirs


def _differs_on_purpose(environ: dict[str, Any], maximum: int | None, body: bytes) -> bool:
    """A body of unknown size at or past the limit: Werkzeug cuts it off, or refuses it early."""
    return "wsgi.input_terminated" in environ and maximum is not None and len(body) >= maximum


@quick
@given(st.integers(0, 6), st.binary(max_size=8))
def test_a_body_of_unknown_size_may_be_as_long_as_the_limit(maximum, body):
    environ = create_environ() | {"wsgi.input_terminated": True}
    for read in (lambda r: r.get_data(), lambda r: b"".join(r.stream)):
        _, ours = ask_both(environ, read, body, {"max_content_length": maximum})
        assert ours == (body if len(body) <= maximum else RequestEntityTooLarge)


BOUNDARIES = ["b", "-", "aa", "----WebKitFormBoundaryAaB03x"]
words = st.text("ab ;=é☃\"\\%/:'\t", max_size=8)
ODD_BYTES = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"--b", b"--b--", b"--aa", b"--"),
    *(b" ", b"\t", b":", b'"', b"", b"\xff", b"\r\n ", b"Content-Length: 3\r\n"),
]


@st.composite
def parts(draw: Callable[..., Any], usual: bool) -> bytes:
    """One part: ``usual`` ones are as browsers write them."""
    name, filename = draw(words), draw(words)
    if usual:
        name, filename = name.replace('"', "%22"), filename.replace('"', "%22")
    head = f'Content-Disposition: form-data; name="{name}"'
    if draw(st.booleans()):
        head += f'; filename="{filename}"'
    if not usual:
        more = ["; filename*=utf-8''%C3%A9", "; x=y", ' ;name=z; filename="C:\\a\\b"', ""]
        head = draw(st.sampled_from([head, head.lower(), head.upper(), ""]))
        head += draw(st.sampled_from(more))
    charset = draw(st.sampled_from(["", "; charset=iso-8859-1", "; charset=utf-16"]))
    if draw(st.booleans()):
        head += f"\r\nContent-Type: {draw(words)}text/plain{charset}"
    data = draw(st.binary(max_size=20) | st.sampled_from(ODD_BYTES))
    return head.encode() + b"\r\n\r\n" + data


@st.composite
def multipart_bodies(draw: Callable[..., Any], usual: bool) -> tuple[str, bytes]:
    boundary = draw(st.sampled_from(BOUNDARIES))
    delimiter = b"--" + boundary.encode()
    body = draw(st.sampled_from([b"", b"\r\n"])) + delimiter
    for part in draw(st.lists(parts(usual), max_size=3)):
        body += b"\r\n" + part + b"\r\n" + delimiter
    return boundary, body + draw(st.sampled_from([b"--\r\n", b"--"]))


def multipart_environ(boundary: str, body: bytes) -> dict[str, Any]:
    return create_environ(method="POST") | {
        "CONTENT_TYPE": f'multipart/form-data; boundary="{boundary}"',
        "CONTENT_LENGTH": str(len(body)),
    }


@leaves_files
@quick
@given(multipart_bodies(usual=True) | multipart_bodies(usual=False))
def test_a_multipart_form(form):
    environ = multipart_environ(*form)
    theirs, ours = ask_both(environ, form_and_files, form[1])
    assert ours == theirs


@leaves_files
@quick
@given(multipart_bodies(usual=True), st.data())
def test_a_damaged_multipart_form(form, data):
    boundary, body = form
    for _ in range(data.draw(st.integers(1, 2))):
        delimiters = [i for i in range(len(body)) if body.startswith(b"--", i)]
        start = data.draw(
            st.integers(0, len(body))
            | st.builds(
                lambda at, off: max(0, at + off),
                st.sampled_from(delimiters or [0]),
                st.integers(-4, len(boundary) + 4),
            )
        )
        end = start + data.draw(st.integers(0, 4))
        body = body[:start] + data.draw(st.sampled_from(ODD_BYTES)) + body[end:]
    environ = multipart_environ(boundary, body)
    theirs, ours = ask_both(environ, form_and_files, body)
    assert ours == theirs


sizes = st.none() | st.integers(0, 120)


@leaves_files
@quick
@given(
    multipart_bodies(usual=True),
    sizes,
    sizes,
    st.none() | st.integers(0, 3),
    st.booleans(),
    st.integers(-3, 3),
)
def test_a_multipart_form_within_limits(form, max_memory, max_length, max_parts, terminated, cut):
    boundary, body = form
    environ = multipart_environ(boundary, body)
    if terminated:
        environ["wsgi.input_terminated"] = True
    came = body[:cut] if cut < 0 else body + b"x" * cut
    theirs, ours = ask_both(
        environ,
        form_and_files,
        came,
        {
            "max_form_memory_size": max_memory,
            "max_content_length": max_length,
            "max_form_parts": max_parts,
        },
    )
    if ours is ClientDisconnected and cut < 0:
        # The body is read before it is parsed: that it ends early is found out first.
        assert theirs in (ClientDisconnected, RequestEntityTooLarge)
    elif not _differs_on_purpose(environ, max_length, came):
        assert ours == theirs


def sent(response: Any, environ: dict[str, Any]) -> Any:
    head: list[Any] = []
    chunks = response(environ, lambda status, headers: head.extend((status, headers)))
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return *head, body


bodies = st.text(max_size=5) | st.binary(max_size=5) | st.none()
bodies |= st.lists(st.text(max_size=3), max_size=2) | st.lists(st.binary(), max_size=2)
statuses = st.sampled_from(
    [None, 200, 201, 302, 404, 299, 100, 204, 304, 0, 99, True, "200 Fine", "418", "x"]
)
header_names = st.sampled_from(
    ["Content-Type", "content-length", "X-A", "Location", "location", "Vary", "vary"]
)
header_lists = st.lists(st.tuples(header_names, st.text("a1/é", max_size=5)), max_size=3)
mimetypes = st.sampled_from([None, "text/plain", "application/json", "a/b+xml", "", "x"])


@quick
@given(
    bodies,
    statuses,
    st.none() | header_lists,
    mimetypes,
    st.sampled_from([None, "text/css; charset=ascii"]),
    st.sampled_from(["GET", "POST", "HEAD"]),
    header_lists,
)
def test_a_response(body, status, headers, mimetype, content_type, method, later):
    environ = create_environ(method=method)
    answers = []
    for cls in (HtmlResponse, Response):
        response = cls(body, status, headers, mimetype, content_type)
        untouched = sent(response, environ)
        for name, value in later:
            response.headers[name] = value
        facts = (list(response.headers), response.status, response.status_code)
        facts += (response.response, response.get_data(), response.is_sequence)
        answers.append((untouched, facts, sent(response, environ)))
    assert answers[1] == answers[0]


@quick
@given(
    st.sampled_from(["", "/", "//", "http://a.b", "https://A.b:80", "http://a..b:", "x:"]),
    st.text("/?#%&=aZ9:@[]\\ \té<'~", max_size=12),
)
@example("/", "x?")
@example("/", "x#")
@example("http://a.b", "/x?y=1#z")
@example("http://" + "a" * 64, "/")
def test_a_redirect(start, rest):
    environ = create_environ()
    answers = []
    for cls in (HtmlResponse, Response):
        response = cls("", 302)
        response.headers["Location"] = start + rest
        try:
            answers.append(sent(response, environ))
        except ValueError as error:
            answers.append(str(error))
    assert answers[1] == answers[0]


def test_the_classes_that_are_compared_are_not_the_same():
    assert Request.args is not werkzeug.wrappers.Request.args
    assert Response.__call__ is not werkzeug.wrappers.Response.__call__
