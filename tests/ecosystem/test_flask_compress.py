"""Answers compressed with gzip, deflate, brotli and zstd: whole, streamed, from files; entity
tags."""

import gzip
import zlib

import brotlicffi
import pytest
from backports import zstd

DISTRIBUTIONS = ["Flask-Compress"]
APP = "compressed.py"

TEXT = b"All work and no play makes Jack a dull boy. " * 100
DECODERS = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotlicffi.decompress,
    "zstd": zstd.decompress,
}


def fetch(visitor, path, encoding, **headers):
    """The answer, and its body as it came over the wire."""
    with visitor.get(path, headers={"Accept-Encoding": encoding, **headers}, stream=True) as answer:
        return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize("encoding", DECODERS)
def test_each_encoding(visitor, encoding):
    answer, body = fetch(visitor, "/text", encoding)
    assert answer.headers["Content-Encoding"] == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(body) < len(TEXT) / 10
    assert DECODERS[encoding](body) == TEXT


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [("gzip;q=0.5, br;q=0.9", "br"), ("*", "zstd"), ("identity", None), ("unknown", None)],
)
def test_the_visitor_chooses(visitor, accepted, chosen):
    answer, _ = fetch(visitor, "/text", accepted)
    assert answer.headers.get("Content-Encoding") == chosen


@pytest.mark.parametrize("path", ["/short", "/picture", "/missing"])
def test_what_is_not_worth_it_is_left_alone(visitor, path):
    answer, body = fetch(visitor, path, "gzip")
    assert "Content-Encoding" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(body)


def test_json_reads_as_before(visitor):
    answer = visitor.get("/json", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json() == list(range(500))


def test_a_stream_is_compressed_as_it_comes_and_still_knows_its_request(visitor):
    answer, body = fetch(visitor, "/stream?word=sheep", "gzip, br")
    assert answer.headers["Content-Encoding"] == "br"
    assert "Content-Length" not in answer.headers
    lines = brotlicffi.decompress(body).decode().splitlines()
    assert lines == [f"{number} sheep" for number in range(300)]


def test_an_entity_tag_belongs_to_one_encoding(visitor):
    answer, _ = fetch(visitor, "/tagged", "gzip")
    tag = answer.headers["ETag"]
    assert tag.endswith(':gzip"')
    again, body = fetch(visitor, "/tagged", "gzip", **{"If-None-Match": tag})
    assert (again.status_code, body) == (304, b"")
    assert fetch(visitor, "/tagged", "br", **{"If-None-Match": tag})[0].status_code == 200


@pytest.mark.parametrize("path", ["/file", "/static/long.css"])
def test_files(visitor, path):
    answer, body = fetch(visitor, path, "br")
    assert answer.headers["Content-Encoding"] == "br"
    assert brotlicffi.decompress(body) == b"p { color: red }\n" * 200
    assert visitor.head(path, headers={"Accept-Encoding": "br"}).status_code == 200


def test_a_static_file_is_not_sent_twice(visitor):
    answer, _ = fetch(visitor, "/static/long.css", "br")
    again, body = fetch(
        visitor, "/static/long.css", "br", **{"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, body) == (304, b"")
