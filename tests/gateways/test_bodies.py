"""Bodies of requests: received whole, spooled, limited, streamed, and cut off."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from carboy import Flask, Response, abort, g, request, send_file
from carboy.gateways.exchange import SPOOL_SIZE

from .conftest import Ask, run
from .doubles import Request

BIG = b"0123456789abcdef" * (SPOOL_SIZE // 8)


def pieces(body: bytes, size: int = 65536) -> tuple[bytes, ...]:
    return tuple(body[i : i + size] for i in range(0, len(body), size))


def sized(body: bytes) -> list[tuple[str, str]]:
    return [("content-length", str(len(body)))]


CHUNKED = [("transfer-encoding", "chunked")]


@pytest.fixture(params=["plain", "async"])
def echo(app: Flask, request: pytest.FixtureRequest) -> Flask:
    """Answers with the body, from a plain and from an async view."""
    if request.param == "plain":
        app.post("/")(_echo)
    else:

        @app.post("/")
        async def echo() -> bytes:
            return _echo()

    return app


def _echo() -> bytes:
    return request.get_data()


@pytest.mark.parametrize("body", [b"", b"x", b"hello", BIG], ids=["none", "one", "small", "big"])
@pytest.mark.parametrize("fields", ["sized", "chunked"])
def test_a_body_arrives(echo: Flask, ask: Ask, body: bytes, fields: str) -> None:
    headers = sized(body) if fields == "sized" else CHUNKED
    answer = run(ask("/", "POST", fields=headers, body=pieces(body)))
    assert answer.status == 200
    assert answer.body == body


def test_without_a_length_over_http_2(echo: Flask, ask_loop: Ask) -> None:
    answer = run(ask_loop("/", "POST", body=(b"a", b"b"), http_version="2"))
    assert answer.body == b"ab"


def test_empty_pieces_are_passed_over(echo: Flask, ask_asgi: Ask) -> None:
    answer = run(ask_asgi("/", "POST", fields=CHUNKED, body=(b"", b"a", b"", b"b", b"")))
    assert answer.body == b"ab"


def test_a_form_with_a_file(app: Flask, ask: Ask) -> None:
    fields = {"a": "1", "f": FileStorage(BytesIO(BIG), "f.txt")}
    boundary, body = encode_multipart(fields, "boundary")

    @app.post("/")
    def view() -> str:
        file = request.files["f"]
        return f"{request.form['a']} {file.filename} {file.read() == BIG}"

    headers = [*sized(body), ("content-type", f"multipart/form-data; boundary={boundary}")]
    assert run(ask("/", "POST", fields=headers, body=pieces(body))).text == "1 f.txt True"


def test_a_big_body_is_kept_in_a_file_and_goes_with_its_request(app: Flask, ask_loop: Ask) -> None:
    kept: list[Any] = []

    @app.post("/")
    def view() -> str:
        stream = request.environ["wsgi.input"]
        kept.append(stream)
        return str(getattr(stream, "_rolled", None))

    assert run(ask_loop("/", "POST", fields=sized(BIG), body=pieces(BIG))).text == "True"
    assert kept[0].closed
    assert run(ask_loop("/", "POST", fields=sized(b"a"), body=(b"a",))).text == "None"


def test_a_stream_put_in_place_of_the_body(app: Flask, ask_loop: Ask) -> None:
    class Stream:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def read(self, *args: Any) -> Any:
            return self.inner.read(*args)

    @app.post("/")
    def view() -> bytes:
        request.environ["wsgi.input"] = Stream(request.environ["wsgi.input"])
        return request.get_data()

    assert run(ask_loop("/", "POST", fields=sized(BIG), body=pieces(BIG))).body == BIG


class TestLimit:
    """``MAX_CONTENT_LENGTH``, in the settings and on the request."""

    @pytest.fixture(autouse=True)
    def limit(self, app: Flask) -> None:
        app.config["MAX_CONTENT_LENGTH"] = 10

    @pytest.mark.parametrize("fields", ["sized", "chunked"])
    def test_at_the_limit(self, echo: Flask, ask: Ask, fields: str) -> None:
        body = b"0123456789"
        headers = sized(body) if fields == "sized" else CHUNKED
        assert run(ask("/", "POST", fields=headers, body=pieces(body, 3))).body == body

    @pytest.mark.parametrize("fields", ["sized", "chunked"])
    def test_past_the_limit(self, echo: Flask, ask: Ask, fields: str) -> None:
        body = b"0123456789a"
        headers = sized(body) if fields == "sized" else CHUNKED
        answer = run(ask("/", "POST", fields=headers, body=pieces(body, 3)))
        assert answer.status == 413

    def test_what_is_past_the_limit_is_not_received(self, echo: Flask, ask_asgi: Ask) -> None:
        request = Request("/", "POST", CHUNKED, (b"x" * 6,) * 1000)
        assert run(ask_asgi(request)).status == 413
        assert len(request.arriving) > 990

    @pytest.mark.parametrize("fields", ["sized", "chunked"])
    def test_raised_by_a_plain_view(self, app: Flask, ask: Ask, fields: str) -> None:
        @app.post("/")
        def view() -> bytes:
            request.max_content_length = 2 * len(BIG)
            return request.get_data()

        headers = sized(BIG) if fields == "sized" else CHUNKED
        assert run(ask("/", "POST", fields=headers, body=pieces(BIG))).body == BIG

    @pytest.mark.parametrize("fields", ["sized", "chunked"])
    def test_raised_by_a_hook(self, echo: Flask, ask: Ask, fields: str) -> None:
        @echo.before_request
        def allow() -> None:
            request.max_content_length = 2 * len(BIG)

        headers = sized(BIG) if fields == "sized" else CHUNKED
        assert run(ask("/", "POST", fields=headers, body=pieces(BIG))).body == BIG

    @pytest.mark.parametrize("fields", ["sized", "chunked"])
    def test_raised_by_a_hook_that_reads(self, app: Flask, ask: Ask, fields: str) -> None:
        @app.before_request
        def allow() -> None:
            request.max_content_length = 100
            g.start = request.stream.read(4)

        @app.post("/")
        async def view() -> Any:
            import asyncio

            return g.start + await asyncio.to_thread(request.stream.read)

        body = b"0123456789abcdef"
        headers = sized(body) if fields == "sized" else CHUNKED
        answer = run(ask("/", "POST", fields=headers, body=pieces(body, 3)))
        assert answer.body == body

    @pytest.mark.parametrize("fields", ["sized", "chunked"])
    def test_raised_by_a_hook_but_not_enough(self, echo: Flask, ask: Ask, fields: str) -> None:
        @echo.before_request
        def allow() -> None:
            request.max_content_length = 12

        body = b"x" * 100
        headers = sized(body) if fields == "sized" else CHUNKED
        assert run(ask("/", "POST", fields=headers, body=pieces(body, 3))).status == 413

    def test_raised_by_an_async_view_too_late(self, app: Flask, ask_loop: Ask) -> None:
        app.testing = True

        @app.post("/")
        async def view() -> bytes:
            request.max_content_length = 100
            return request.get_data()

        with pytest.raises(RuntimeError, match=r"request.chunks\(\).*before_request"):
            run(ask_loop("/", "POST", fields=sized(b"x" * 20), body=(b"x" * 20,)))

    def test_a_view_that_does_not_read_may_answer(self, app: Flask, ask: Ask) -> None:
        app.post("/")(lambda: "thanks")
        answer = run(ask("/", "POST", fields=sized(BIG), body=pieces(BIG)))
        assert answer.text == "thanks"


@pytest.mark.parametrize(
    "fields",
    [[("content-length", "10")], [("content-length", "9" * 20)], CHUNKED],
    ids=["sized", "huge", "chunked"],
)
def test_a_body_that_ends_early_does_not_reach_a_view(
    echo: Flask, ask_loop: Ask, fields: list[tuple[str, str]]
) -> None:
    called: list[str] = []
    echo.before_request(lambda: called.append("called"))
    answer = run(ask_loop("/", "POST", fields=fields, body=(b"abc",), is_cut=True))
    assert answer.status is None
    assert called == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_length_goes_before_chunks_in_any_order(echo: Flask, ask_loop: Ask, order: int) -> None:
    fields = [("content-length", "0"), *CHUNKED][::order]
    assert run(ask_loop("/", "POST", fields=fields, body=(b"abc",))).body == b""


def test_over_http_2_without_a_length_it_does_not_either(echo: Flask, ask_loop: Ask) -> None:
    answer = run(ask_loop("/", "POST", body=(b"abc",), is_cut=True, http_version="2"))
    assert answer.status is None


def test_a_trailer_does_not_cut_a_body(echo: Flask, ask_rsgi: Ask) -> None:
    # The server gives an empty piece for it.
    fields = [*CHUNKED, ("trailer", "x-sum")]
    assert run(ask_rsgi("/", "POST", fields=fields, body=(b"abc", b""))).body == b"abc"


def test_a_body_cut_off_past_the_limit_is_not_taken_for_whole(app: Flask, ask_loop: Ask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 3
    caught: list[Exception] = []

    @app.post("/")
    def view() -> bytes:
        request.max_content_length = 1000
        try:
            return request.get_data()
        except Exception as e:
            caught.append(e)
            raise

    run(ask_loop("/", "POST", fields=CHUNKED, body=(b"abc", b"def"), is_cut=True))
    assert [type(e).__name__ for e in caught] == ["ClientDisconnected"]


def test_many_bodies_that_end_early_leave_no_thread_behind(app: Flask, ask_loop: Ask) -> None:
    import asyncio

    app.config["WORKER_THREADS"] = 2
    app.post("/")(_echo)

    async def main() -> None:
        cut = [
            ask_loop("/", "POST", fields=[("content-length", "9")], body=(b"a",), is_cut=True)
            for _ in range(10)
        ]
        assert {answer.status for answer in await asyncio.gather(*cut)} == {None}
        assert (await ask_loop("/", "POST", fields=sized(b"a"), body=(b"a",))).body == b"a"

    run(main())


@pytest.mark.parametrize("is_async", [False, True])
def test_the_request_goes_with_its_answer(app: Flask, ask_loop: Ask, is_async: bool) -> None:
    seen: list[weakref.ref[Any]] = []

    def note() -> str:
        seen.append(weakref.ref(request._get_current_object()))  # type: ignore[attr-defined]
        return "x"

    async def view() -> str:
        return note()

    app.get("/")(view if is_async else note)
    app.before_request(lambda: None)
    app.teardown_request(lambda error: None)
    gc.disable()
    try:
        run(ask_loop("/"))
        run(ask_loop("/"))
        # The last one may still be held by the thread that answered it.
        assert seen[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_body_that_is_read_while_it_is_answered(
    app: Flask, ask_loop: Ask, is_async: bool
) -> None:
    @app.post("/plain", stream_body=True)
    def plain() -> Iterator[bytes]:
        yield b"begins "
        for piece in iter(lambda: stream.read(3), b""):
            yield piece.upper()

    @app.post("/async", stream_body=True)
    async def view() -> Iterator[bytes]:
        return plain()

    @app.before_request
    def keep() -> None:
        nonlocal stream
        stream = request.stream

    stream: Any = None
    body = tuple(b"%03d" % number for number in range(50))
    answer = run(
        ask_loop(f"/{'async' if is_async else 'plain'}", "POST", fields=CHUNKED, body=body)
    )
    assert answer.body == b"begins " + b"".join(body)


def test_a_small_file_takes_one_turn_of_the_loop(app: Flask, ask_asgi: Ask, tmp_path: Path) -> None:
    @app.get("/<int:size>")
    def file(size: int) -> Response:
        path = tmp_path / "file.bin"
        path.write_bytes(BIG[:size])
        return send_file(path)

    for size in (0, 1000, 65536, 65537):
        answer = run(ask_asgi(f"/{size}"))
        assert answer.body == BIG[:size]
        assert answer["content-length"] == str(size)
        assert (len(answer.pieces) <= 1) == (size <= 65536)
    ranged = run(ask_asgi("/1000", fields=[("range", "bytes=10-19")]))
    assert (ranged.status, ranged.body) == (206, BIG[10:20])
    assert run(ask_asgi("/1000", "HEAD")).body == b""


def test_a_wrong_length_is_the_servers_business(echo: Flask, ask_asgi: Ask) -> None:
    answer = run(ask_asgi("/", "POST", fields=[("content-length", "x")], body=(b"abc",)))
    assert answer.body == b"abc"


def test_aborting_before_the_body_is_read(app: Flask, ask: Ask) -> None:
    app.before_request(lambda: abort(403))
    app.post("/")(_echo)
    assert run(ask("/", "POST", fields=sized(BIG), body=pieces(BIG))).status == 403
