"""Bodies, queries and cookies that are nearly right, on Flask and on Carboy.

What a browser would send is changed at random places: bytes are replaced, dropped
and doubled, and lengths and types told wrongly.
"""

from __future__ import annotations

import importlib
import os
from functools import lru_cache
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .apps import cookies, forms, json_io, sessions
from .asking import Ask
from .exploring import explore
from .observing import converse

flask = importlib.import_module("flask")
subject = importlib.import_module(os.environ.get("DIFFERENTIAL_SUBJECT", "carboy"))

MULTIPART = (
    b'--b0undary\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n'
    b'--b0undary\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\ncontent\r\nof a file\r\n"
    b"--b0undary\r\ncontent-disposition: form-data; name=\xc3\xa9\r\n\r\n\xff\xfe\r\n"
    b"--b0undary--\r\n"
)
URLENCODED = b"a=1&b=%C3%A9+x&a=2&c&=d&e=%zz%F"
JSON = '{"a": [1, 2.5, null, "é\\u2603"], "b": {"c": true}}'.encode()

# What means something to the parsers.
PIECES = (
    *(b"\r\n", b"\n", b"\r", b"--", b"--b0undary", b"--b0undary--", b"\r\n\r\n", b" ", b"\t"),
    *(b'"', b"\\", b";", b"=", b"&", b"%", b"+", b"\x00", b"\xff", b"\xc3", b":", b"name"),
    *(b"{", b"}", b"[", b",", b"'", b"1e999", b"*=", b"%00", b"Content-Length: 3\r\n"),
    *(b"Content-Transfer-Encoding: base64\r\n", b"filename", b"filename*=UTF-8''%e9", b"."),
)


@st.composite
def nearly(draw: st.DrawFn, body: bytes) -> bytes:
    """*body* with a few changes."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from((b"", body[start:end] * 2, *PIECES)))
        body = body[:start] + piece + body[end:]
    return body


@lru_cache
def _kept(module: ModuleType, framework: ModuleType) -> Any:
    return module.create(framework)


def _assert_same(module: ModuleType, ask: Ask) -> None:
    ours = converse([subject], lambda framework: _kept(module, framework), ask)
    assert ours == converse([flask], lambda framework: _kept(module, framework), ask)


# A parser that gives up in the midst of a file leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

few = explore(100)
content_types = st.sampled_from(
    (
        *("multipart/form-data; boundary=b0undary",) * 4,
        'multipart/form-data; boundary="b0undary"; charset=latin-1',
        "Multipart/Form-Data;boundary=b0undary",
        "multipart/form-data; boundary=b0undar",
        "multipart/form-data; boundary=b0undary ",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    )
)
lengths = st.sampled_from((None, None, None, "0", "3", "-1", "x", "100000", "", "1 2"))


def _environ(length: str | None) -> dict[str, object]:
    return {} if length is None else {"CONTENT_LENGTH": length}


@few
@given(nearly(MULTIPART), content_types, lengths)
def test_multipart_forms(body: bytes, content_type: str, length: str | None) -> None:
    environ = _environ(length)
    _assert_same(forms, Ask("/form", "POST", body=body, content_type=content_type, environ=environ))


@few
@given(nearly(URLENCODED), lengths, st.sampled_from(("/form", "/data", "/data-after-form")))
def test_urlencoded_forms(body: bytes, length: str | None, path: str) -> None:
    content_type = "application/x-www-form-urlencoded"
    environ = _environ(length)
    _assert_same(forms, Ask(path, "POST", body=body, content_type=content_type, environ=environ))


@few
@given(nearly(URLENCODED))
def test_queries(query: bytes) -> None:
    environ = {"QUERY_STRING": query.decode("ascii", "ignore")}
    _assert_same(forms, Ask("/args", environ=environ))


@few
@given(nearly(JSON), st.sampled_from(("/echo", "/get_json", "/silent-then-loud")))
def test_json(body: bytes, path: str) -> None:
    _assert_same(json_io, Ask(path, "POST", body=body, content_type="application/json"))


@few
@given(nearly(b'name=v; other="quo\\"ted"; b=1,2; c=%20; \xc3\xa9=\xff; d="\\303\\251"'))
def test_cookies(header: bytes) -> None:
    _assert_same(cookies, Ask("/read", environ={"HTTP_COOKIE": header.decode("latin-1")}))


@lru_cache
def _signed() -> bytes:
    client = sessions.create(flask).test_client()
    client.get("/types")
    return str(client.get_cookie("session").value).encode()


@few
@given(st.data())
def test_session_cookies(data: st.DataObject) -> None:
    cookie = data.draw(nearly(b"session=" + _signed())).decode("latin-1")
    path = data.draw(st.sampled_from(("/read", "/set/x", "/clear", "/")))
    _assert_same(sessions, Ask(path, environ={"HTTP_COOKIE": cookie}))
