"""The program served whole: echoes, redirects, cookies, logins, encodings, streams, ranges."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from requests.auth import HTTPDigestAuth

DISTRIBUTIONS = ["httpbin"]
APP = "bin.py"


def test_a_query_and_headers_are_told_back(visitor):
    told = visitor.get("/get?a=1&a=2&b=%C3%BC", headers={"X-Word": "hello"}).json()
    assert told["args"] == {"a": ["1", "2"], "b": "ü"}
    assert told["headers"]["X-Word"] == "hello"
    assert told["url"] == visitor.site + "/get?a=1&a=2&b=ü"
    assert told["origin"] == "127.0.0.1"
    assert visitor.get("/headers", headers={"X-Word": "hello"}).json()["headers"] == told["headers"]
    assert visitor.get("/user-agent", headers={"User-Agent": "me"}).json() == {"user-agent": "me"}
    assert visitor.get("/ip", headers={"X-Forwarded-For": "1.2.3.4"}).json()["origin"] == "1.2.3.4"


def test_forms_files_json_and_bytes_are_told_back(visitor):
    form = visitor.post("/post", {"a": ["1", "2"], "b": "ü"}).json()
    assert (form["form"], form["files"], form["data"]) == ({"a": ["1", "2"], "b": "ü"}, {}, "")
    files = {"note": ("n.txt", "Grüße"), "image": ("i.bin", b"\0\xff", "image/x-own")}
    several = visitor.post("/post", {"a": "1"}, files=files).json()
    assert several["form"] == {"a": "1"}
    assert several["files"] == {"note": "Grüße", "image": "data:image/x-own;base64,AP8="}
    sent = visitor.put("/put", json={"a": [1, None]}).json()
    assert (sent["json"], sent["data"]) == ({"a": [1, None]}, '{"a": [1, null]}')
    broken = visitor.patch("/patch", "{", headers={"Content-Type": "application/json"}).json()
    assert (broken["json"], broken["data"]) == (None, "{")
    raw = visitor.delete("/delete", data=b"\0\xff").json()
    assert raw["data"] == "data:application/octet-stream;base64,AP8="
    anything = visitor.request("TRACE", "/anything/at/all").json()
    assert (anything["method"], anything["url"][-7:]) == ("TRACE", "/at/all")


def test_a_status_is_as_asked(visitor):
    teapot = visitor.get("/status/418")
    assert (teapot.status_code, teapot.headers["x-more-info"]) == (
        418,
        "http://tools.ietf.org/html/rfc2324",
    )
    assert "teapot" in teapot.text
    for method in ("GET", "POST", "DELETE"):
        assert visitor.request(method, "/status/503").status_code == 503
    assert visitor.get("/status/200:0,404:1").status_code == 404
    assert visitor.get("/status/many").status_code == 400
    assert visitor.get("/no/such/page").status_code == 404
    refused = visitor.get("/post")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_redirects_lead_to_the_end(visitor):
    for path in ("/redirect/3", "/relative-redirect/3", "/absolute-redirect/3"):
        followed = visitor.get(path)
        assert followed.url == visitor.site + "/get"
        assert [step.status_code for step in followed.history] == [302, 302, 302]
    kept = visitor.post("/redirect-to?url=/post&status_code=307", {"a": "1"})
    assert kept.json()["form"] == {"a": "1"}
    assert visitor.get("/links/3").url.endswith("/links/3/0")
    assert "<a href='/links/3/2'>2</a>" in visitor.get("/links/3/1").text
    assert visitor.get("/redirect/0").status_code == 500


def test_cookies_come_and_go(visitor):
    assert visitor.get("/cookies/set?a=1&b=two%20words").json() == {
        "cookies": {"a": "1", "b": "two words"}
    }
    assert visitor.get("/cookies/set/c/3").json()["cookies"]["c"] == "3"
    assert visitor.get("/cookies/delete?a=").json()["cookies"].keys() == {"b", "c"}


def test_logins_are_checked(visitor):
    assert visitor.get("/basic-auth/ada/engine", auth=("ada", "engine")).json()["authenticated"]
    wrong = visitor.get("/basic-auth/ada/engine", auth=("ada", "guess"))
    assert wrong.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="Fake Realm"'
    assert visitor.get("/hidden-basic-auth/ada/engine").status_code == 404
    token = visitor.get("/bearer", headers={"Authorization": "Bearer abc"})
    assert token.json() == {"authenticated": True, "token": "abc"}
    assert visitor.get("/bearer").headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
def test_a_digest_login_is_checked(visitor, algorithm):
    path = f"/digest-auth/auth/ada/engine/{algorithm}"
    assert visitor.get(path, auth=HTTPDigestAuth("ada", "engine")).json()["user"] == "ada"
    assert visitor.get(path, auth=HTTPDigestAuth("ada", "guess")).status_code == 401


def test_bodies_are_encoded(visitor):
    for encoding, told in (("gzip", "gzipped"), ("deflate", "deflated")):
        encoded = visitor.get(f"/{encoding}")
        assert encoded.headers["Content-Encoding"] == encoding
        assert encoded.json()[told] is True
    raw = visitor.get("/deflate", stream=True).raw.read(decode_content=False)
    assert zlib.decompress(raw).startswith(b"{")
    assert "∮ E⋅da = Q" in visitor.get("/encoding/utf8").text
    assert visitor.get("/image", headers={"Accept": "image/*"}).content.startswith(b"\x89PNG")
    assert visitor.get("/image", headers={"Accept": "text/plain"}).status_code == 406


def test_streams_come_in_pieces(visitor):
    lines = [line for line in visitor.get("/stream/3").text.splitlines() if line]
    assert [f'"id": {number}' in line for number, line in enumerate(lines)] == [True] * 3
    assert "Content-Length" not in visitor.get("/stream/3").headers
    dripped = visitor.get("/drip?duration=0&numbytes=5&code=202")
    assert (dripped.status_code, dripped.content) == (202, b"*****")
    assert visitor.get("/drip?numbytes=0").status_code == 400
    seeded = [visitor.get("/bytes/2048?seed=7").content for _ in range(2)]
    assert len(seeded[0]) == 2048 and seeded[0] == seeded[1]
    assert len(visitor.get("/stream-bytes/2048?chunk_size=100").content) == 2048
    assert visitor.post("/delay/0", {"a": "1"}).json()["form"] == {"a": "1"}


def test_ranges_join_to_the_whole(visitor):
    whole = visitor.get("/range/26")
    assert (whole.status_code, whole.text) == (200, "abcdefghijklmnopqrstuvwxyz")
    parts = [
        visitor.get("/range/26", headers={"Range": f"bytes={first}-{after - 1}"})
        for first, after in pairwise((0, 1, 20, 26))
    ]
    assert {part.status_code for part in parts} == {206}
    assert parts[1].headers["Content-Range"] == "bytes 1-19/26"
    assert "".join(part.text for part in parts) == whole.text
    beyond = visitor.get("/range/26", headers={"Range": "bytes=30-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */26")


def test_what_is_known_is_not_sent_again(visitor):
    assert visitor.get("/etag/mine", headers={"If-None-Match": '"mine"'}).status_code == 304
    assert visitor.get("/etag/mine", headers={"If-None-Match": "*"}).status_code == 304
    assert visitor.get("/etag/mine", headers={"If-Match": '"yours"'}).status_code == 412
    fresh = visitor.get("/cache")
    assert fresh.status_code == 200 and fresh.headers["Last-Modified"]
    known = visitor.get("/cache", headers={"If-None-Match": fresh.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert visitor.get("/cache/60").headers["Cache-Control"] == "public, max-age=60"


def test_a_page_of_another_origin_may_ask(visitor):
    preflight = visitor.options(
        "/put", headers={"Origin": "http://a.example", "Access-Control-Request-Headers": "X-A"}
    )
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "X-A"


def test_pages_come_from_its_templates(visitor):
    assert "HTTP Request &amp; Response Service" in visitor.get("/").text
    assert "Moby-Dick" in visitor.get("/html").text
    assert visitor.get("/xml").headers["Content-Type"] == "application/xml"
    assert 'action="/post"' in visitor.get("/forms/post").text
    head = visitor.head("/html")
    assert head.content == b"" and int(head.headers["Content-Length"]) > 1000


def test_a_chunked_body_is_refused_as_the_program_wants(visitor):
    refused = visitor.post("/post", iter([b"a", b"b"]))
    assert refused.status_code == 501
    assert "Chunked requests are not supported" in refused.text
