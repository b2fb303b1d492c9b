"""Answers and bodies that come in pieces, on every protocol."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.exceptions import ClientDisconnected

import carboy
import carboy.connections
from carboy import (
    Blueprint,
    Flask,
    Response,
    g,
    request,
    send_file,
    session,
    stream_template,
    stream_template_string,
    stream_with_context,
)
from carboy.files import span_of
from carboy.server.front import Front
from carboy.server.proxies import Proxies
from streaming_servers import PATIENCE, SERVERS, Client, OnASGI, OnRSGI

Connect = Callable[..., Client]


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.secret_key = "a key"
    app.ended = []  # type: ignore[attr-defined]

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        app.ended.append((request.path, type(error).__name__))  # type: ignore[attr-defined]

    return app


@pytest.fixture(params=SERVERS)
def connect(request: pytest.FixtureRequest, app: Flask) -> Connect:
    server = SERVERS[request.param]
    return lambda *args, **kwargs: server(app, *args, **kwargs)


class Source:
    """Gives pieces, counts them, and how often it was closed.

    :param fails_after: raise after that many
    """

    def __init__(self, pieces: int = 3, fails_after: int | None = None) -> None:
        self.pieces = pieces
        self.fails_after = fails_after
        self.produced = 0
        self.closed = 0

    def next(self) -> str | None:
        if self.produced == self.fails_after:
            raise LookupError("in the middle")
        if self.produced == self.pieces:
            return None
        self.produced += 1
        return f"{request.path} {self.produced};"


class PlainSource(Source):
    def __iter__(self) -> Iterator[str]:
        return self  # type: ignore[return-value]

    def __next__(self) -> str:
        if (piece := self.next()) is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        self.closed += 1


class AsyncSource(Source):
    def __aiter__(self) -> AsyncIterator[str]:
        return self  # type: ignore[return-value]

    async def __anext__(self) -> str:
        await asyncio.sleep(0)
        if (piece := self.next()) is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


WAYS = {
    "plain source, plain view": (PlainSource, False),
    "plain source, async view": (PlainSource, True),
    "async source, plain view": (AsyncSource, False),
    "async source, async view": (AsyncSource, True),
}


@pytest.fixture(params=WAYS)
def stream(request: pytest.FixtureRequest, app: Flask) -> Callable[[Source | None], Source]:
    """Registers a view at ``/`` that streams."""
    kind, is_async = WAYS[request.param]

    def register(**options: Any) -> Source:
        source = kind(**options)

        def view() -> Response:
            return Response(stream_with_context(source))

        async def async_view() -> Response:
            return view()

        app.get("/")(async_view if is_async else view)
        return source

    return register


def test_a_stream_sees_its_request_and_is_closed_once(app, connect, stream):
    source = stream(pieces=3)
    with connect() as client:
        assert client.read_all() == b"/ 1;/ 2;/ 3;"
        client.wait()
        assert client.status == 200
        assert client.is_complete
        assert client.error is None
    assert source.closed == 1
    # Once after the view, and once after the stream.
    assert app.ended == [("/", "NoneType")] * 2


def test_a_slow_client_stops_the_stream(connect, stream):
    source = stream(pieces=1000)
    with connect() as client:
        for number in range(1, 6):
            assert client.read() == f"/ {number};".encode()
            assert source.produced <= number + 1


def test_a_client_that_leaves_ends_the_stream(app, connect, stream):
    source = stream(pieces=1000)
    with connect() as client:
        assert client.read() == b"/ 1;"
        client.leave()
        client.read()
        client.wait()
        assert client.error is None
        assert not (client.is_complete and isinstance(client, OnASGI))
    assert source.produced < 5
    assert source.closed == 1
    assert [path for path, _ in app.ended] == ["/", "/"]
    assert app.ended[1][1] in {"GeneratorExit", "CancelledError"}


def test_a_stream_that_fails_is_cut_off_and_told_once(app, connect, stream, caplog):
    source = stream(fails_after=2)
    with caplog.at_level(logging.DEBUG), connect() as client:
        assert client.read_all() == b"/ 1;/ 2;"
        client.wait()
        # The server logs what it is told.
        assert isinstance(client.error, LookupError)
        assert not client.is_complete
        assert client.is_broken_off == isinstance(client, OnRSGI)
    assert not [record for record in caplog.records if record.name.startswith(app.name)]
    assert app.ended == [("/", "NoneType"), ("/", "LookupError")]
    assert source.closed == 1


def test_a_stream_is_broken_off_where_it_goes_also_if_a_proxy_names_the_client(app, stream):
    stream(fails_after=1)
    front = Front(proxies=Proxies(hops=1), when_reached=lambda: None)
    behind: Any = SimpleNamespace(__rsgi__=front.rsgi(app))
    # The port is the one of the proxy's connection, and another client may have it too.
    with OnRSGI(behind, headers={"X-Forwarded-For": "192.0.2.1"}) as client:
        client.read_all()
        client.wait()
        assert isinstance(client.error, LookupError)
        assert client.is_broken_off


def test_a_request_for_the_head_starts_no_stream(connect, stream):
    source = stream()
    with connect(method="HEAD") as client:
        assert client.read_all() == b""
        client.wait()
        assert client.status == 200
    assert source.produced == 0


def test_generators(app, connect):
    events = []

    @app.get("/plain")
    @stream_with_context
    def plain():
        g.name = session.get("name", "nobody")
        try:
            yield g.name
            yield request.args["a"]
        finally:
            events.append(("plain", g.name))

    @app.get("/async")
    @stream_with_context
    async def asynchronous():
        g.name = session.get("name", "nobody")
        try:
            yield g.name
            await asyncio.sleep(0)
            yield request.args["a"]
        finally:
            await asyncio.sleep(0)
            events.append(("async", g.name))

    for path in ("plain", "async"):
        with connect(f"/{path}?a=b") as client:
            assert client.read_all() == b"nobodyb"
            client.wait()
        with connect(f"/{path}?a=b") as client:
            assert client.read() == b"nobody"
            client.leave()
            client.read()
            client.wait()
    assert events == [("plain", "nobody")] * 2 + [("async", "nobody")] * 2


def test_an_async_generator_as_the_view_itself(app, connect):
    @app.get("/")
    async def view():
        yield "one "
        yield b"two"

    with connect() as client:
        assert client.read_all() == b"one two"


def test_what_is_to_be_done_on_close_is_done_once(app, connect):
    closed = []

    @app.get("/<kind>")
    def view(kind):
        async def pieces():
            yield "piece"

        response = Response(pieces() if kind == "async" else iter(["piece"]))
        response.call_on_close(lambda: closed.append(kind))
        return response

    for kind in ("plain", "async"):
        with connect(f"/{kind}") as client:
            assert client.read_all() == b"piece"
            client.wait()
    with connect("/async", method="HEAD") as client:
        client.wait()
    assert closed == ["plain", "async", "async"]


def test_granian_is_given_no_more_than_the_client_takes(app, monkeypatch):
    caught_up = []

    class Connection:
        closed = False

        def close(self):
            self.closed = True

    connection = Connection()

    async def taken(found):
        assert found is connection
        assert not connection.closed
        caught_up.append(len(caught_up))

    monkeypatch.setattr(carboy.connections, "find", lambda host, port: connection)
    monkeypatch.setattr(carboy.connections, "taken", taken)

    @app.get("/<int:mebibytes>")
    async def view(mebibytes):
        return Response(bytes(2**19) for _ in range(2 * mebibytes))

    with OnRSGI(app, "/3") as client:
        assert len(client.read_all()) == 3 * 2**20
        client.wait()
    assert caught_up == [0, 1, 2]
    assert connection.closed


def test_many_streams_of_plain_views_hold_no_thread(app):
    app.config["WORKER_THREADS"] = 1

    @app.get("/")
    def view():
        async def pieces():
            for number in range(2):
                yield str(number)

        return Response(pieces())

    with OnASGI(app) as first, OnASGI(app) as second:
        assert first.read() == second.read() == b"0"
        assert first.read() == second.read() == b"1"


def test_a_stream_does_not_keep_others_from_being_served(app):
    stop = threading.Event()

    @app.get("/endless")
    async def endless():
        async def pieces():
            while not stop.is_set():
                yield b""

        return Response(pieces())

    @app.get("/")
    async def other():
        return "other"

    with OnASGI(app, "/endless") as client:
        with OnASGI(app) as another:
            assert another.read() == b"other"
        stop.set()
        client.wait()


def test_the_context_shows_in_nothing_else(app):
    seen = []

    @app.get("/")
    @stream_with_context
    async def pieces():
        yield "one"
        await asyncio.sleep(0)
        yield "two"

    async def serve() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            seen.append(carboy.has_request_context())

        scope = {"type": "http", "path": "/", "headers": [], "method": "GET"}
        await app.asgi(scope, receive, send)
        seen.append(carboy.has_app_context())

    asyncio.run(serve())
    assert seen == [False] * 5


def test_outside_of_a_request_there_is_no_context_to_stream_with():
    async def pieces():
        yield ""

    with pytest.raises(RuntimeError, match="stream_with_context"):
        stream_with_context(pieces())


@pytest.mark.parametrize("is_async", [False, True])
def test_templates(app, connect, tmp_path, is_async):
    (tmp_path / "list.txt").write_text(
        "{% for n in numbers %}{{ request.path }}{{ n }} {% endfor %}"
    )
    app.template_folder = str(tmp_path)

    def file():
        return stream_template("list.txt", numbers=iter([1, 2]))

    def text():
        return stream_template_string("{{ g.name }}{{ n }}", n=1)

    async def async_file():
        return file()

    async def async_text():
        return text()

    app.before_request(lambda: setattr(g, "name", "g"))
    app.get("/file")(async_file if is_async else file)
    app.get("/text")(async_text if is_async else text)
    with connect("/file") as client:
        assert client.read_all() == b"/file1 /file2 "
    with connect("/text") as client:
        assert client.read_all() == b"g1"


# Bodies of requests


@pytest.fixture(params=["plain", "async"])
def upload(request: pytest.FixtureRequest, app: Flask) -> list[bytes]:
    """The pieces that the view at ``/`` has seen; it counts them, and then their bytes."""
    seen: list[bytes] = []
    # Not the one that the tests ask with.
    from carboy import request as own

    def plain():
        while chunk := own.stream.read(4):
            seen.append(chunk)
        return str(len(b"".join(seen)))

    async def asynchronous():
        async for chunk in own.chunks(4):
            seen.append(chunk)
        return str(len(b"".join(seen)))

    view = plain if request.param == "plain" else asynchronous
    app.put("/", stream_body=True)(view)
    return seen


def until(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds."""
    waiting = threading.Event()
    for _ in range(PATIENCE * 200):
        if condition():
            return
        waiting.wait(0.005)
    raise AssertionError("It does not come to that.")


@pytest.mark.parametrize("promised", [8, None])
def test_the_first_piece_is_seen_before_the_last_is_sent(connect, upload, promised):
    with connect("/", "PUT", body=None, promised=promised) as client:
        client.send(b"1234")
        until(lambda: upload == [b"1234"])
        client.send(b"5678")
        until(lambda: upload == [b"1234", b"5678"])
        client.finish()
        assert client.read_all() == b"8"


def test_a_chunk_has_no_more_than_was_asked_for(connect, upload):
    with connect("/", "PUT", body=[b"123456", b"789"]) as client:
        assert client.read_all() == b"9"
    assert b"".join(upload) == b"123456789"
    assert max(map(len, upload)) == 4


def test_no_body(connect, upload):
    with connect("/", "PUT") as client:
        assert client.read_all() == b"0"


def test_a_body_that_is_announced_too_large_is_not_received(app, connect, upload):
    app.config["MAX_CONTENT_LENGTH"] = 8
    with connect("/", "PUT", body=None, promised=9) as client:
        client.read_all()
        assert client.status == 413
    assert upload == []


def test_a_body_that_becomes_too_large_is_refused(app, connect, upload):
    app.config["MAX_CONTENT_LENGTH"] = 8
    with connect("/", "PUT", body=[b"1234", b"5678", b"9"]) as client:
        client.read_all()
        assert client.status == 413
    assert b"".join(upload) == b"12345678"


def test_a_body_may_be_as_long_as_the_limit(app, connect, upload):
    app.config["MAX_CONTENT_LENGTH"] = 8
    with connect("/", "PUT", body=[b"1234", b"5678"]) as client:
        assert client.read_all() == b"8"


def test_a_client_that_leaves_in_its_body(app, connect, upload):
    errors = []

    @app.errorhandler(ClientDisconnected)
    def gone(error):
        errors.append(error.code)
        return "", error.code

    with connect("/", "PUT", body=None, promised=8) as client:
        client.send(b"1234")
        until(lambda: upload)
        client.leave()
        client.wait()
        assert client.error is None
    assert errors == [400]
    assert app.ended == [("/", "NoneType")]


def test_an_answer_that_streams_while_it_receives(app, connect):
    @app.put("/", stream_body=True)
    async def double():
        @stream_with_context
        async def pieces():
            async for chunk in request.chunks():
                yield chunk * 2

        return pieces()

    with connect("/", "PUT", body=None) as client:
        for piece in (b"1", b"2"):
            client.send(piece)
            assert client.read() == piece * 2
        client.finish()
        assert client.read_all() == b""
        client.wait()
        assert client.error is None


def test_chunks_of_a_body_in_any_other_view(app, connect):
    @app.put("/")
    async def view():
        chunks = [chunk async for chunk in request.chunks(4)]
        assert max(map(len, chunks)) <= 4
        return b"".join(chunks)

    with connect("/", "PUT", body=[b"12", b"345"], promised=5) as client:
        assert client.read_all() == b"12345"


def test_a_view_that_leaves_its_body_unread(app, connect, upload):
    app.put("/unread", stream_body=True)(lambda: "enough")
    with connect("/unread", "PUT", body=None) as client:
        client.send(b"1234")
        assert client.read_all() == b"enough"


def test_where_a_view_can_ask_for_it(app):
    blueprint = Blueprint("b", __name__)

    @blueprint.post("/posted", stream_body=True)
    def posted():
        pass

    app.register_blueprint(blueprint)
    app.add_url_rule("/added", "added", posted, stream_body=True)
    app.route("/usual")(lambda: "")
    rules = {rule.rule: rule.stream_body for rule in app.url_map.iter_rules()}
    assert (rules["/posted"], rules["/added"], rules["/usual"]) == (True, True, False)


# Files


@pytest.fixture
def file(app: Flask, tmp_path: Path) -> Path:
    file = tmp_path / "letters.txt"
    file.write_bytes(bytes(range(65, 91)) * 10_000)
    app.get("/", endpoint="plain")(lambda: send_file(file))

    @app.get("/async")
    async def asynchronous():
        return send_file(file)

    app.get("/open", endpoint="open")(
        lambda: send_file(io.BytesIO(file.read_bytes()), "text/plain")
    )
    return file


QUESTIONS: dict[str, dict[str, str]] = {
    "all": {},
    "a range": {"Range": "bytes=26-51"},
    "the end": {"Range": "bytes=-26"},
    "from somewhere on": {"Range": "bytes=259974-"},
    "more than there is": {"Range": "bytes=259999-270000"},
    "past the end": {"Range": "bytes=260000-"},
    "several ranges": {"Range": "bytes=0-1,4-5"},
    "no range": {"Range": "lines=1-2"},
    "a range of another": {"Range": "bytes=0-1", "If-Range": '"another"'},
    "if none match": {"If-None-Match": "*"},
    "if match": {"If-Match": '"another"'},
    "if modified since": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/async", "/open"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_files_are_answered_alike(app, file, method, path, question):
    answers = {}
    for name, server in SERVERS.items():
        with server(app, path, method, QUESTIONS[question]) as client:
            body = client.read_all()
            client.wait()
            assert client.error is None
        fields = sorted(pair for pair in client.fields if pair[0] != "date")
        answers[name] = client.status, fields, body
    assert answers["asgi"] == answers["wsgi"]
    assert answers["rsgi"] == answers["wsgi"]


@pytest.mark.parametrize("path", ["/", "/async"])
def test_the_server_is_told_which_file_to_send(app, file, path):
    with OnRSGI(app, path) as client:
        assert client.read_all() == file.read_bytes()
        assert client.sent_file == (str(file), 0, None)
    with OnRSGI(app, path, headers={"Range": "bytes=26-51"}) as client:
        assert client.read_all() == bytes(range(65, 91))
        assert client.sent_file == (str(file), 26, 52)
    with OnRSGI(app, path, "HEAD") as client:
        assert client.read_all() == b""
        assert client.sent_file is None


def test_a_server_of_asgi_that_sends_files(app, file, monkeypatch):
    monkeypatch.setattr(OnASGI, "reads_files", True)
    with OnASGI(app) as client:
        assert client.read_all() == file.read_bytes()
        assert client.sent_path == str(file)
    with OnASGI(app, headers={"Range": "bytes=26-51"}) as client:
        assert client.read_all() == bytes(range(65, 91))
        assert not hasattr(client, "sent_path")


def test_a_file_that_middleware_changes_is_sent_in_pieces(app, file):
    inner = app.wsgi_app

    def louder(environ, start_response):
        body = inner(environ, start_response)
        try:
            for piece in body:
                yield piece.lower()
        finally:
            body.close()

    app.wsgi_app = louder
    for server in (OnASGI, OnRSGI):
        with server(app) as client:
            assert client.read_all() == file.read_bytes().lower()
            assert getattr(client, "sent_file", None) is None


def test_a_client_that_leaves_in_a_file(app, file, monkeypatch):
    opened = []

    class Body(carboy.files.FileBody):
        def __init__(self, path, file, size):
            super().__init__(path, file, size)
            opened.append(file)

    monkeypatch.setattr(carboy.files, "FileBody", Body)
    for server in SERVERS.values():
        with server(app) as client:
            client.read()
            client.leave()
            client.read()
            client.wait()
    assert [file.closed for file in opened] == [True] * 3


def test_a_range_is_not_left_to_the_wrapper_of_the_server(app, file):
    environ = {"wsgi.file_wrapper": lambda file, size: pytest.fail("it cannot do that")}
    client = app.test_client()
    answer = client.get("/", headers={"Range": "bytes=0-2"}, environ_overrides=environ)
    with answer:
        assert answer.data == b"ABC"


def test_a_path_that_is_no_text(app, tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"text")
    # An ETag is made of the path.
    app.get("/")(lambda: send_file(folder / "a.txt", etag=False))
    with OnRSGI(app) as client:
        assert client.read_all() == b"text"
        assert client.sent_file is None


def test_what_is_no_file_has_no_span():
    assert span_of(iter([b""])) is None
    assert span_of([b""]) is None
