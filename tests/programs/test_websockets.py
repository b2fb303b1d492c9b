"""WebSockets over real connections: on each server that carries them, with a client of its own.

The lower half is what only a wire can show: handshakes and frames that are wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .conftest import PATIENCE
from .servers import SERVERS, Served, serving

PROGRAM = """
import asyncio, gc, os, weakref
from carboy import Flask, abort, g, request, session, websocket
from carboy.wrappers.websocket import BlockingWebSocket, WebSocket

WebSocket.look_after = BlockingWebSocket.look_after = 0.05
app = Flask(__name__)
app.secret_key = "sharp"
app.config["MAX_CONTENT_LENGTH"] = 1_000_000
everybody = set()
tokens = weakref.WeakSet()

class Token:
    # Lives as long as the context that it is put into.
    pass

def say(*words):
    # In one piece: several threads speak.
    os.write(1, " ".join(map(str, ("*", *words))).encode() + b"\\n")

app.before_serving(lambda: say("serving begins"))
app.after_serving(lambda: say("serving ends"))

@app.teardown_request
def teardown(e):
    if request.path not in {"/echo", "/page"}:
        say("end of", request.full_path.rstrip("?"), type(e).__name__)
    if request.path == "/torn":
        raise LookupError("in teardown")

@app.before_request
def guard():
    g.token = Token()
    tokens.add(g.token)
    if request.args.get("key") == "wrong":
        return "Who are you?", 401

@app.websocket("/echo")
async def echo():
    async for message in websocket:
        await websocket.send(message)

@app.websocket("/hear/<int:number>")
async def hear(number):
    await websocket.accept()
    async for message in websocket:
        await websocket.send(f"{len(message)}")

@app.websocket("/plain/<name>")
def plain(name):
    session["name"] = session.get("name", "") + name
    websocket.accept()
    for message in websocket:
        websocket.send(f"{session['name']} {message}")

@app.websocket("/told")
async def told():
    await websocket.send_json(
        url=websocket.url, header=websocket.headers["X-Thing"], address=websocket.remote_addr,
        offered=websocket.requested_subprotocols, cookies=websocket.cookies,
    )

@app.websocket("/protocol")
async def protocol():
    await websocket.accept({"X-Thing": "a thing"}, subprotocol="chat.2")

@app.websocket("/close")
async def close():
    await websocket.close(4001, "Ciao")

@app.websocket("/fail")
async def fail():
    await websocket.send("about to fail")
    1 / 0

@app.websocket("/torn")
async def torn():
    await websocket.send("about to end")

@app.websocket("/contexts")
async def contexts():
    # How many there are besides this one.
    gc.collect()
    await websocket.send(str(len(tokens) - 1))

@app.websocket("/fail-before")
async def fail_before():
    1 / 0

@app.websocket("/refuse")
async def refuse():
    abort(418)

@app.websocket("/json")
async def json():
    await websocket.send_json(await websocket.receive_json())

@app.websocket("/bytes")
async def bytes_():
    await websocket.receive_bytes()

@app.websocket("/elsewhere")
async def elsewhere():
    await websocket.send("waiting")
    await asyncio.Event().wait()

@app.websocket("/plainly-elsewhere")
def plainly_elsewhere():
    websocket.send("waiting")
    while True:
        websocket.send("more" * 10_000)

@app.websocket("/flood")
async def flood():
    sent = 0
    await websocket.accept()
    try:
        async with asyncio.timeout(0.5):
            while True:
                await websocket.send(bytes(100_000))
                sent += 1
    except TimeoutError:
        say("stuck after", sent)

@app.websocket("/room")
async def room():
    me = websocket._get_current_object()
    everybody.add(me)
    try:
        async for message in websocket:
            if message != "all":
                await websocket.send(message)
                continue
            async with asyncio.TaskGroup() as group:
                for one in everybody:
                    group.create_task(one.send("to all"))
    finally:
        everybody.discard(me)

@app.websocket("/group")
async def group():
    heard = asyncio.Queue()
    async def read():
        async for message in websocket:
            heard.put_nowait(message)
    async def write():
        while (message := await heard.get()) != "bye":
            await websocket.send(message.upper())
        await websocket.close(4002)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        tasks.create_task(write())

@app.websocket("/patience")
async def patience():
    await websocket.accept()
    for _ in range(3):
        try:
            async with asyncio.timeout(0.01):
                await websocket.receive()
        except TimeoutError:
            pass
    await websocket.send("ready")
    async for message in websocket:
        await websocket.send(message)

@app.get("/page")
def page():
    return "page"
"""


class Talked(Served):
    """The program on one of the servers, and WebSockets to it."""

    def open(self, path: str, **options: Any) -> ClientConnection:
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            open_timeout=PATIENCE,
            close_timeout=1,
            max_size=None,
            proxy=None,
            ping_interval=None,
            **options,
        )

    def still_serves(self) -> None:
        with self.open("/echo") as ws:
            ws.send("still")
            assert ws.recv(PATIENCE) == "still"
        # The end of a connection may still be under way.
        for _ in range(1000):
            with self.open("/contexts") as ws:
                if ws.recv(PATIENCE) == "0":
                    return
        raise AssertionError("A context has stayed.")

    def is_closed(self, ws: ClientConnection, code: int) -> None:
        """Expect the server to close the connection, with the code if it carries codes."""
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                ws.recv(PATIENCE)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == (code if self.server.codes else 1005)

    def ends(self, path: str) -> str:
        """The name of what ended the view of a path, once it has ended."""
        return self.program.wait_for(rf"\* end of {path} (\w+)$")[1]


@pytest.fixture(scope="module", params=[n for n, server in SERVERS.items() if server.websockets])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talked]:
    server = SERVERS[request.param]
    with serving(server, PROGRAM, tmp_path_factory.mktemp(server.name)) as served:
        yield Talked(server, served.program, served.port)
    assert "* serving begins" in served.program.said
    assert "* serving ends" in served.program.said
    # As uvicorn says it of a refusal that was over too soon.
    assert not any("without completing handshake" in line for line in served.program.said)


# What it can do


@pytest.mark.parametrize("message", ["text", "Grüße ☃ 🎈", b"\x00\xff", "", "x" * 500_000])
def test_an_echo(served: Talked, message: str | bytes) -> None:
    with served.open("/echo") as ws:
        for _ in range(3):
            ws.send(message)
            assert ws.recv(PATIENCE) == message


def test_a_message_in_pieces(served: Talked) -> None:
    with served.open("/echo") as ws:
        ws.send(["one ", "two ", "three"])
        assert ws.recv(PATIENCE) == "one two three"


def test_a_ping_is_answered(served: Talked) -> None:
    with served.open("/echo") as ws:
        assert ws.ping(b"anybody there?").wait(PATIENCE)
        ws.send("and messages as before")
        assert ws.recv(PATIENCE) == "and messages as before"


def test_what_the_handshake_tells(served: Talked) -> None:
    headers = {"X-Thing": "a thing", "Cookie": "a=1; b=2"}
    with served.open("/told?q=%C3%A9", additional_headers=headers, subprotocols=["c"]) as ws:
        assert json.loads(ws.recv(PATIENCE)) == {
            "url": f"http://127.0.0.1:{served.port}/told?q=é",
            "header": "a thing",
            "address": "127.0.0.1",
            "offered": ["c"],
            "cookies": {"a": "1", "b": "2"},
        }
    assert served.ends("/told.*") == "NoneType"


def test_a_plain_view_and_the_session(served: Talked) -> None:
    with served.open("/plain/ada") as ws:
        ws.send("hello")
        assert ws.recv(PATIENCE) == "ada hello"
        cookie = ws.response.headers.get("Set-Cookie") if ws.response else None
    if not served.server.headers:
        served.program.wait_for("accepted with the header 'set-cookie', which .* does not carry")
    assert served.ends("/plain/ada") == "NoneType"
    assert (cookie is not None) == served.server.headers
    if cookie is not None:
        with served.open("/plain/+", additional_headers={"Cookie": cookie}) as ws:
            ws.send("hello")
            assert ws.recv(PATIENCE) == "ada+ hello"


def test_subprotocol_and_headers(served: Talked) -> None:
    if not served.server.subprotocols:
        with served.open("/protocol", subprotocols=["chat.1", "chat.2"]) as ws:
            assert ws.subprotocol is None
        served.program.wait_for("accepted with a subprotocol, which RSGI does not carry")
        return
    with served.open("/protocol", subprotocols=["chat.1", "chat.2"]) as ws:
        assert ws.subprotocol == "chat.2"
        assert ws.response is not None
        assert ("X-Thing" in ws.response.headers) == served.server.headers
    if not served.server.headers:
        served.program.wait_for("accepted with the header 'x-thing', which Granian does not carry")


def test_the_view_closes(served: Talked) -> None:
    with served.open("/close") as ws:
        served.is_closed(ws, 4001)
        assert ws.close_reason == ("Ciao" if served.server.codes else "")


def test_a_reader_and_a_writer(served: Talked) -> None:
    with served.open("/group") as ws:
        ws.send("one")
        assert ws.recv(PATIENCE) == "ONE"
        ws.send("bye")
        served.is_closed(ws, 4002)
    assert served.ends("/group") == "NoneType"


def test_a_timeout_loses_no_message(served: Talked) -> None:
    with served.open("/patience") as ws:
        assert ws.recv(PATIENCE) == "ready"
        for message in ("one", "two"):
            ws.send(message)
            assert ws.recv(PATIENCE) == message


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/refuse", 418),
        ("/nowhere", 404),
        ("/page", 400),
        ("/echo?key=wrong", 401),
        ("/fail-before", 500),
    ],
)
def test_refusing(served: Talked, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as caught, served.open(path):
        pass
    response = caught.value.response
    assert response.status_code == status
    assert bool(response.body) == served.server.bodies
    if status == 500:
        served.program.wait_for("ZeroDivisionError")
    served.still_serves()


def test_pages_beside_websockets(served: Talked) -> None:
    for path, status in (("/page", 200), ("/echo", 400)):
        with served.connect() as connection:
            connection.request("GET", path)
            assert connection.getresponse().status == status


def test_two_hundred_echo_and_hear_a_broadcast(served: Talked) -> None:
    async def talk() -> None:
        url = f"ws://127.0.0.1:{served.port}/room"
        async with asyncio.timeout(PATIENCE), contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(connect_async(url, proxy=None)) for _ in range(200)
            ]
            for number, ws in enumerate(clients):
                await ws.send(str(number))
            assert [await ws.recv() for ws in clients] == [str(number) for number in range(200)]
            await clients[99].send("all")
            assert {await ws.recv() for ws in clients} == {"to all"}
            await asyncio.gather(*(ws.close() for ws in clients))

    asyncio.run(talk())
    for _ in range(200):
        assert served.ends("/room") == "NoneType"


# What goes wrong


def test_an_error_of_the_view(served: Talked) -> None:
    with served.open("/fail") as ws:
        assert ws.recv(PATIENCE) == "about to fail"
        served.is_closed(ws, 1011)
    served.program.wait_for("ZeroDivisionError")
    assert served.ends("/fail") == "ZeroDivisionError"
    served.still_serves()


def test_an_error_in_teardown(served: Talked) -> None:
    with served.open("/torn") as ws:
        assert ws.recv(PATIENCE) == "about to end"
        with pytest.raises(ConnectionClosed):
            ws.recv(PATIENCE)
    assert served.ends("/torn") == "NoneType"
    served.program.wait_for("LookupError: in teardown")
    served.still_serves()


@pytest.mark.parametrize("path", ["/elsewhere", "/plainly-elsewhere"])
def test_a_client_that_leaves(served: Talked, path: str) -> None:
    with served.open(path) as ws:
        assert ws.recv(PATIENCE) == "waiting"
    assert served.ends(path) == "NoneType"
    served.still_serves()


@pytest.mark.parametrize("path", ["/elsewhere", "/plainly-elsewhere"])
def test_a_client_whose_connection_breaks(served: Talked, path: str) -> None:
    with closing(served.raw(handshake(path))) as connection:
        answer = read_answer(connection)
        while b"waiting" not in answer:
            answer += connection.recv(100)
        reset(connection)
    assert served.ends(path) == "NoneType"
    served.still_serves()


@pytest.mark.parametrize(
    ("path", "message", "code"),
    [
        ("/json", "{", 1007),
        ("/bytes", "text", 1003),
        ("/echo", "x" * 1_000_001, 1009),
    ],
)
def test_messages_that_are_not_what_was_promised(
    served: Talked, path: str, message: str, code: int
) -> None:
    with served.open(path) as ws:
        ws.send(message)
        served.is_closed(ws, code)
    served.still_serves()


def test_a_client_that_stops_reading(served: Talked) -> None:
    with closing(served.raw(handshake("/flood"))):
        # What the system buffers, and a little of the server's own.
        assert int(served.program.wait_for(r"\* stuck after (\d+)$")[1]) * 100_000 < 50_000_000
    assert served.ends("/flood") == "NoneType"
    served.still_serves()


# On the wire


def handshake(path: str, **changed: str | None) -> bytes:
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **{f"Sec-WebSocket-{name.title()}": value for name, value in changed.items()},
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def frame(opcode: int, payload: bytes, *, masked: bool = True, final: bool = True) -> bytes:
    """A frame of RFC 6455, section 5.2; the mask is all zeros."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
    if masked:
        length = bytes([length[0] | 0x80]) + length[1:] + bytes(4)
    return bytes([(0x80 if final else 0) | opcode]) + length + payload


def reset(connection: socket.socket) -> None:
    """Have it end with a reset when it is closed: no end of the stream, no closing frame."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_until_end(connection: socket.socket) -> bytes:
    """All that comes, up to the end of the connection, in order or not."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def read_answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    return received


TEXT, CLOSE, PING = 1, 8, 9


@pytest.mark.parametrize(
    "request_bytes",
    [
        handshake("/echo", version="12"),
        handshake("/echo", version="thirteen"),
        handshake("/echo", version=None),
        handshake("/echo", key=None),
    ],
    ids=["an old version", "no number", "no version", "no key"],
)
def test_a_wrong_handshake(served: Talked, request_bytes: bytes) -> None:
    with closing(served.raw(request_bytes)) as connection:
        answer = read_answer(connection)
    assert answer[:10] in {b"HTTP/1.1 4", b"HTTP/1.1 5"}
    assert b" 101 " not in answer.partition(b"\r\n")[0]
    served.still_serves()


@pytest.mark.parametrize(
    "wrong",
    [
        frame(TEXT, b"not masked", masked=False),
        frame(TEXT | 0x40, b"a reserved bit"),
        frame(3, b"a reserved opcode"),
        frame(TEXT, b"\xff\xfe no UTF-8"),
        frame(0, b"goes on with nothing"),
        frame(PING, b"a ping in pieces", final=False),
        frame(PING, b"x" * 126),
        frame(TEXT, b"one ", final=False) + frame(TEXT, b"and another"),
        b"\x81\xff" + struct.pack("!Q", 2**63) + bytes(4),
        b"\x81\xff" + struct.pack("!Q", 2**62) + bytes(4) + b"x" * 100,
        frame(CLOSE, b"\x03"),
        frame(CLOSE, struct.pack("!H", 1005)),
    ],
    ids=[
        "unmasked",
        "reserved-bit",
        "reserved-opcode",
        "utf-8",
        "continuation-of-nothing",
        "fragmented-ping",
        "long-ping",
        "message-in-message",
        "length-with-sign",
        "huge-length",
        "half-a-code",
        "forbidden-code",
    ],
)
def test_a_wrong_frame(served: Talked, wrong: bytes) -> None:
    number = next(numbers)
    with closing(served.raw(handshake(f"/hear/{number}"))) as connection:
        assert b" 101 " in read_answer(connection)
        connection.sendall(frame(TEXT, b"fine"))
        assert connection.recv(100).endswith(b"4")
        connection.sendall(wrong)
        # If the server waits for the rest of the frame, there is none.
        connection.shutdown(socket.SHUT_WR)
        read_until_end(connection)
    assert served.ends(f"/hear/{number}") == "NoneType"
    served.still_serves()


numbers = iter(range(1_000_000))


@pytest.mark.parametrize(
    "beginning",
    [
        frame(TEXT, b"the beginning", final=False),
        frame(TEXT, b"the beginning of a frame")[:10],
        frame(TEXT, b"the beginning", final=False) + frame(CLOSE, struct.pack("!H", 1000)),
        b"\x81",
    ],
    ids=["a piece", "half a frame", "a close between pieces", "a byte"],
)
@pytest.mark.parametrize("how", ["end", "reset"])
def test_an_end_in_mid_message(served: Talked, beginning: bytes, how: str) -> None:
    number = next(numbers)
    with closing(served.raw(handshake(f"/hear/{number}"))) as connection:
        assert b" 101 " in read_answer(connection)
        connection.sendall(beginning)
        if how == "reset":
            reset(connection)
    assert served.ends(f"/hear/{number}") == "NoneType"
    served.still_serves()


def test_a_handshake_that_does_not_end(served: Talked) -> None:
    for size in (10, 60):
        with closing(served.raw(handshake("/echo")[:size])):
            pass
    served.still_serves()


# Clients that leave, and pages of other sites


@pytest.mark.parametrize("path", ["/elsewhere", "/plainly-elsewhere"])
def test_a_client_leaves_whose_messages_nobody_takes(served: Talked, path: str) -> None:
    with served.open(path) as ws:
        assert ws.recv(PATIENCE) == "waiting"
        for _ in range(3):
            ws.send("Is anybody there?")
    assert served.ends(path) == "NoneType"
    served.still_serves()


def status_for(served: Talked, *origins: bytes) -> int:
    """How the handshake of a page is answered."""
    fields = b"".join(b"\r\nOrigin: " + origin for origin in origins)
    request = handshake("/echo").replace(b"\r\n\r\n", fields + b"\r\n\r\n")
    with closing(served.raw(request)) as connection:
        return int(read_answer(connection).split()[1])


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (b"http://localhost", 101),
        (b"https://LOCALHOST", 101),
        (b"http://localhost:8000", 403),
        (b"http://localhost.example", 403),
        (b"null", 403),
        (b"", 403),
    ],
)
def test_pages_of_other_sites_are_refused(served: Talked, origin: bytes, status: int) -> None:
    assert status_for(served, origin) == status
    if status == 403:
        served.program.wait_for(rf"A page of '{origin.decode()}' was refused a WebSocket to 'http:")
    served.still_serves()


@pytest.mark.parametrize("other", [b"http://localhost", b"http://elsewhere.example"])
def test_several_origins_are_none(served: Talked, other: bytes) -> None:
    # Some servers see to it themselves.
    assert status_for(served, b"http://localhost", other) in {400, 403}
    served.still_serves()
