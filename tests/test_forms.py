"""Form bodies: what an application finds in ``request.form`` and ``request.files``."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import werkzeug.formparser
import werkzeug.wrappers
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.test import create_environ

from carboy.forms import BodyStream, parse_cookies, parse_query
from carboy.wrappers import Request


def multipart(body: bytes, boundary: str = "b", **environ: Any) -> dict[str, Any]:
    return {
        **create_environ(method="POST"),
        "CONTENT_TYPE": f"multipart/form-data; boundary={boundary}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **environ,
    }


def part(head: str, data: bytes = b"data", boundary: str = "b") -> bytes:
    start = f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n"
    return start.encode() + data + b"\r\n"


def summary(request: Any) -> tuple[Any, ...]:
    files = [
        (name, file.name, file.filename, list(file.headers), file.read())
        for name, file in request.files.items(multi=True)
    ]
    return list(request.form.items(multi=True)), files


def as_werkzeug(environ: dict[str, Any]) -> tuple[Any, ...]:
    """What is in the form, having checked that Werkzeug finds the same in it."""
    body = environ["wsgi.input"].read()
    found = []
    for cls in (werkzeug.wrappers.Request, Request):
        with cls({**environ, "wsgi.input": BytesIO(body)}) as request:
            found.append(summary(request))
    assert found[1] == found[0]
    return found[1]


@pytest.fixture
def no_plain_way(monkeypatch):
    """Werkzeug's multipart parser must not be needed."""

    def refuse(*args: object) -> None:
        raise AssertionError("parsed by Werkzeug")

    monkeypatch.setattr(werkzeug.formparser.FormDataParser, "_parse_multipart", refuse)


@pytest.mark.usefixtures("no_plain_way")
@pytest.mark.parametrize(
    "boundary",
    ["----WebKitFormBoundaryPQ8OXIhl1dbNFwGD", "----geckoformboundary1f2", "-" * 24, "b"],
)
def test_a_form_as_a_browser_sends_it(boundary):
    body = b"".join(
        (
            part('name="title"', "Grüße\r\n--x".encode(), boundary),
            part('name="empty"', b"", boundary),
            part('name="title"', b"second", boundary),
            part(
                'name="photo"; filename="été 1.png"\r\nContent-Type: image/png',
                b"\x89PNG\r\n\r\n\n\r",
                boundary,
            ),
            part(
                'name="none"; filename=""\r\nContent-Type: application/octet-stream',
                b"",
                boundary,
            ),
            f"--{boundary}--\r\n".encode(),
        )
    )
    with Request(multipart(body, boundary)) as request:
        assert type(request.form) is ImmutableMultiDict
        assert list(request.form.items(multi=True)) == [
            ("title", "Grüße\r\n--x"),
            ("title", "second"),
            ("empty", ""),
        ]
        photo = request.files["photo"]
        assert (photo.name, photo.filename) == ("photo", "été 1.png")
        assert (photo.content_type, photo.mimetype) == ("image/png", "image/png")
        assert photo.read() == b"\x89PNG\r\n\r\n\n\r"
        assert not request.files["none"]
        assert request.stream.read() == b""


@pytest.mark.parametrize(
    ("head", "name", "filename"),
    [
        ('name="a"; filename="C:\\dir\\x.txt"', "a", "C:dirx.txt"),
        ('name="a"; filename="C:\\\\dir\\\\x.txt"', "a", "C:\\dir\\x.txt"),
        ('name="a"; filename="say \\"hi\\".txt"', "a", 'say "hi".txt'),
        ('name="a"; filename="%22hi%22.txt"', "a", '"hi".txt'),
        ('name="a"; filename="100%.txt"', "a", "100%.txt"),
        ("name=\"a\"; filename*=utf-8''%E2%98%83.txt", "a", "☃.txt"),
        ("name=a; filename=x.txt", "a", "x.txt"),
        ('name="a;b=c"; filename="x;y"', "a;b=c", "x;y"),
        ('filename="x.txt"; name="a"', "a", "x.txt"),
        ('filename="x.txt"', None, "x.txt"),
        ('NAME="a"; FileName="x.txt"', "a", "x.txt"),
    ],
)
def test_how_a_client_may_write_a_filename(head, name, filename):
    _, [(key, _, found, _, data)] = as_werkzeug(multipart(part(head) + b"--b--\r\n"))
    assert (key, found, data) == (name, filename, b"data")


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/plain", "é"),
        ("text/plain; charset=utf-8", "é"),
        ("text/plain; charset=ISO-8859-1", "Ã©"),
        ("text/plain; charset=us-ascii", "��"),
        ("text/plain; charset=utf-16", "é"),
        ("", "é"),
    ],
)
def test_the_charset_of_a_field(content_type, text):
    head = f'name="a"\r\nContent-Type: {content_type}'
    fields, _ = as_werkzeug(multipart(part(head, b"\xc3\xa9") + b"--b--"))
    assert fields == [("a", text)]


A = part('name="a"', b"1")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(A + b"--b--\r\nepilogue", [("a", "1")], id="epilogue"),
        pytest.param(b"preamble\r\n" + A + b"--b--", [("a", "1")], id="preamble"),
        pytest.param(A.replace(b"\r", b"") + b"--b--", [("a", "1")], id="only LF"),
        pytest.param(A[:-2] + b"\n--b--", [("a", "1")], id="LF before the end"),
        pytest.param(A + b"--b \t\r\n" + A[5:] + b"--b--", 2 * [("a", "1")], id="spaces"),
        pytest.param(A + b"--bb--\r\n--b--", [("a", "1\r\n--bb--")], id="longer boundary"),
        pytest.param(part('name="a"', b"") + b"--b--", [("a", "")], id="nothing in the part"),
        pytest.param(part('name="a"', b"")[:-2] + b"--b--", [("a", "")], id="shared line break"),
        pytest.param(b"--bXX" + A[5:] + b"--b--", [], id="delimiter that goes on"),
        pytest.param(b"--b--\r\n", [], id="no part"),
        pytest.param(b"", [], id="no body"),
        pytest.param(A, [], id="no end"),
        pytest.param(A[:20], [], id="cut in a header"),
        pytest.param(b"--c\r\n" + A[5:] + b"--c--", [], id="another boundary"),
        pytest.param(b"--b\r\nX-A: 1\r\n\r\n1\r\n--b--", [], id="no disposition"),
        pytest.param(b"--b\r\n\r\n1\r\n--b--", [], id="no header"),
        pytest.param(A.replace(b'"a"', b'"\xff"') + b"--b--", [], id="not UTF-8"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_body_off_the_standard(body, fields):
    assert as_werkzeug(multipart(body)) == (fields, [])


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/mixed; a=b"])
def test_multipart_without_a_usable_boundary_leaves_the_body_alone(content_type):
    environ = multipart(A + b"--b--", CONTENT_TYPE=content_type)
    request = Request(environ)
    assert not request.form
    assert request.get_data() == A + b"--b--"


def test_header_names_of_a_part_stay_as_they_were_sent():
    head = 'name="a"; filename="f"\r\nx-thing: 1\r\nCONTENT-LENGTH: 4'
    _, [(*_, headers, _)] = as_werkzeug(multipart(part(head) + b"--b--"))
    assert [name for name, _ in headers] == [
        "Content-Disposition",
        "x-thing",
        "CONTENT-LENGTH",
    ]


def test_space_around_a_header_of_a_part_is_dropped():
    head = 'name="a"; filename="f"\r\nContent-Type: \t a/b \t'
    _, [(*_, headers, _)] = as_werkzeug(multipart(part(head) + b"--b--"))
    assert headers[1] == ("Content-Type", "a/b")


class Limited(Request):
    max_form_memory_size = 200
    max_form_parts = 2


def test_fields_up_to_the_limit_pass_and_larger_ones_are_413():
    assert Limited(multipart(part('name="a"', 100 * b"x") + b"--b--")).form
    with pytest.raises(RequestEntityTooLarge):
        _ = Limited(multipart(part('name="a"', 300 * b"x") + b"--b--")).form


def test_as_many_parts_as_allowed_pass_and_more_are_413():
    assert len(Limited(multipart(2 * A + b"--b--")).form.getlist("a")) == 2
    with pytest.raises(RequestEntityTooLarge):
        _ = Limited(multipart(3 * A + b"--b--")).form


def test_a_form_longer_than_allowed_is_413_before_it_is_read():
    class Small(Request):
        max_content_length = 10

    environ = multipart(A + b"--b--")
    with pytest.raises(RequestEntityTooLarge):
        _ = Small(environ).form
    assert environ["wsgi.input"].tell() == 0


@pytest.mark.parametrize(("size", "on_disk"), [(400_000, False), (600_000, True)])
def test_a_large_file_is_moved_to_disk(size, on_disk):
    head = 'name="f"; filename="f.bin"\r\nContent-Type: application/octet-stream'
    with Request(multipart(part(head, size * b"x") + b"--b--\r\n")) as request:
        file = request.files["f"]
        assert file.stream._rolled is on_disk
        assert file.read() == size * b"x"


def test_the_class_that_holds_an_uploaded_file_can_be_chosen():
    asked = []

    class Custom(Request):
        def _get_file_stream(self, *args: object, **kwargs: object) -> BytesIO:
            asked.append((args, kwargs))
            return BytesIO()

    body = part('name="f"; filename="x"\r\nContent-Type: a/b') + b"--b--"
    with Custom(multipart(body)) as request:
        assert type(request.files["f"].stream) is BytesIO
        assert request.files["f"].read() == b"data"
    assert asked == [
        (
            (),
            {
                "total_content_length": len(body),
                "filename": "x",
                "content_type": "a/b",
                "content_length": 0,
            },
        )
    ]


def test_the_class_of_form_and_files_can_be_chosen():
    class Mutable(Request):
        parameter_storage_class = MultiDict

    body = part('name="a"') + part('name="f"; filename="x"') + b"--b--"
    with Mutable(multipart(body)) as request:
        assert type(request.form) is type(request.files) is MultiDict
        assert request.form["a"] == "data"
    environ = create_environ(method="POST", data={"a": "1 é"})
    assert type(Mutable(environ).form) is MultiDict
    assert Mutable(create_environ(method="POST", data={"a": "1 é"})).form["a"] == "1 é"


class Drip(BytesIO):
    """A connection on which the body arrives little by little."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(7 if size is None or size < 0 else min(size, 7))


@pytest.mark.parametrize("terminated", [False, True])
def test_a_body_that_arrives_in_small_pieces(terminated):
    body = 3 * A + b"--b--\r\n"
    environ = multipart(body) | {"wsgi.input": Drip(body)}
    if terminated:
        environ["wsgi.input_terminated"] = True
    assert Request(environ).form.getlist("a") == ["1", "1", "1"]


def test_a_body_longer_than_announced_by_a_server_that_ends_it():
    # As behind middleware that decompresses and leaves the header alone.
    body = part('name="f"; filename="x"', 700_000 * b"x") + A + b"--b--\r\n"
    environ = multipart(body, CONTENT_LENGTH="90")
    environ["wsgi.input_terminated"] = True
    with Request(environ) as request:
        assert request.form["a"] == "1"
        assert len(request.files["f"].read()) == 700_000


def test_a_field_over_the_limit_that_was_announced_as_small_is_413():
    body = part('name="a"', 250 * b"x") + b"--b--"
    environ = multipart(body, CONTENT_LENGTH="90")
    environ["wsgi.input_terminated"] = True
    with pytest.raises(RequestEntityTooLarge):
        _ = Limited(environ).form


def test_an_endless_body_that_was_announced_as_small_is_413_soon():
    class Endless(BytesIO):
        left = 2_000_000

        def read(self, size: int | None = -1) -> bytes:
            assert size and 0 < size < self.left
            self.left -= size
            return size * b"x"

    environ = multipart(b"", CONTENT_LENGTH="90") | {"wsgi.input": Endless()}
    environ["wsgi.input_terminated"] = True
    with pytest.raises(RequestEntityTooLarge):
        _ = Request(environ).form


def test_a_form_that_ends_early_is_a_bad_request():
    body = A + b"--b--\r\n"
    with pytest.raises(ClientDisconnected):
        _ = Request(multipart(body[:-9], CONTENT_LENGTH=str(len(body)))).form


def test_a_connection_that_breaks_is_a_bad_request():
    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("connection reset")

    with pytest.raises(ClientDisconnected):
        BodyStream(Broken(b"abc"), 3).read()


def test_the_body_read_as_a_file():
    stream = BodyStream(BytesIO(b"one\ntwo\nmore than announced"), 8)
    assert stream.read(2) == b"on"
    assert stream.readline() == b"e\n"
    assert list(stream) == [b"two\n"]
    assert stream.read() == stream.read(5) == b""


def test_a_body_larger_than_a_chunk():
    stream = BodyStream(BytesIO(200_000 * b"x" + b"next request"), 200_000)
    assert stream.read() == 200_000 * b"x"
    assert stream.is_exhausted


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("q=hello&page=2", [("q", "hello"), ("page", "2")]),
        ("a=1&b=2&a=3", [("a", "1"), ("a", "3"), ("b", "2")]),
        ("a&b=&=c&&d=e=f", [("a", ""), ("b", ""), ("", "c"), ("d", "e=f")]),
        ("a;b=1;c=2", [("a;b", "1;c=2")]),
        ("a+b=%2B+%20", [("a b", "+  ")]),
        ("a=%C3%A9&b=%E9&c=%zz&d=%", [("a", "é"), ("b", "%E9"), ("c", "%zz"), ("d", "%")]),
        ("", []),
        ("&", []),
    ],
)
def test_fields_of_a_query(query, fields):
    assert list(parse_query(query).items(multi=True)) == fields


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2; a=3", [("a", "1"), ("a", "3"), ("b", "2")]),
        (" a = 1 ;b=", [("a", "1"), ("b", "")]),
        ('a="x; \\"y\\" \\303\\251"; b', [("a", 'x; "y" é'), ("b", "")]),
        ("=x; ; a b=c; d=e=f", [("d", "e=f")]),
        ("", []),
    ],
)
def test_cookies_of_a_header(header, cookies):
    assert list(parse_cookies(header).items(multi=True)) == cookies
