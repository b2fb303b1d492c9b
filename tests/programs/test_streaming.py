"""Long answers and bodies over real connections: what a worker keeps of them, and when it stops.

`STREAM_MIB=2048` sends two gigabytes each way; without it a test sends a tenth of that.
"""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import COMMAND, PATIENCE, Program, Start, starting

MIB = 2**20
SIZE = int(os.environ.get("STREAM_MIB", "200")) * MIB

#: How much more memory a worker may need than before, in bytes.
ROOM = 64 * MIB

PROGRAM = """
import asyncio
import os

from carboy import Flask, event_stream, request, send_file, stream_with_context

app = Flask(__name__)
PIECE = bytes(65536)
produced = 0
ended = []


@app.teardown_request
def end(error):
    ended.append([request.path, type(error).__name__])


@app.get("/state")
def state():
    return {"produced": produced, "ended": ended, "process": os.getpid()}


@app.get("/plain/file")
def plain_file():
    return send_file("large")


@app.get("/async/file")
async def async_file():
    return send_file("large")


@app.put("/plain/upload", stream_body=True)
def plain_upload():
    size = 0
    while chunk := request.stream.read(65536):
        size += len(chunk)
    return str(size)


@app.put("/async/upload", stream_body=True)
async def async_upload():
    size = 0
    async for chunk in request.chunks():
        size += len(chunk)
    return str(size)


def count():
    global produced
    produced += 1


@app.get("/plain/pieces/<int:number>")
@stream_with_context
def plain_pieces(number):
    for _ in range(number):
        count()
        yield PIECE


@app.get("/async/pieces/<int:number>")
@stream_with_context
async def async_pieces(number):
    for _ in range(number):
        count()
        yield PIECE


@app.get("/plain/fails")
@stream_with_context
def plain_fails():
    yield "before"
    raise LookupError("in the middle")


@app.get("/async/fails")
@stream_with_context
async def async_fails():
    yield "before"
    raise LookupError("in the middle")


@app.get("/async/events")
async def async_events():
    async def source():
        yield {"last": request.last_event_id}
        await asyncio.Event().wait()

    return event_stream(source(), keep_alive=0.01, retry=50)


@app.get("/plain/events")
def plain_events():
    def source():
        yield {"last": request.last_event_id}
        while True:
            yield None

    return event_stream(source(), retry=50)
"""


@pytest.fixture(scope="module", params=["wsgi", "asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def program(interface: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for the tests that only ask it something."""
    folder = prepared(tmp_path_factory.mktemp(interface))
    with starting() as start:
        yield serve(start, interface, folder)


def prepared(folder: Path) -> Path:
    (folder / "program.py").write_text(PROGRAM)
    with open(folder / "large", "wb") as file:
        # Without a byte on the disk.
        file.truncate(SIZE)
    return folder


def serve(start: Start, interface: str, folder: Path) -> Program:
    options = "--interface", interface, "--port", "0"
    return start(COMMAND, "--app", "program", "serve", *options, folder=folder)


def state(program: Program) -> dict[str, object]:
    answer: dict[str, object] = json.loads(program.get("/state").body)
    return answer


def peak(program: Program) -> int:
    """The most memory that the worker has had, in bytes."""
    status = Path(f"/proc/{state(program)['process']}/status")
    kibibytes = status.exists() and re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    if not kibibytes:
        pytest.skip("the system does not tell how much memory a process has had")
    return int(kibibytes[1]) * 1024


def connection(program: Program) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(*program.address, PATIENCE))


def size_of(answer: http.client.HTTPResponse) -> int:
    size = 0
    buffer = bytearray(MIB)
    while count := answer.readinto(buffer):
        size += count
    return size


def wait_for_end(program: Program, path: str, endings: int) -> list[str]:
    """How the streams at *path* ended, once there are so many."""
    for _ in range(100_000):
        ended = [how for at, how in state(program)["ended"] if at == path]
        if len(ended) >= endings:
            return ended
    raise AssertionError(f"{path} does not end: {ended}")


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_large_file_takes_no_memory(program: Program, kind: str) -> None:
    before = peak(program)
    with connection(program) as client:
        client.request("GET", f"/{kind}/file")
        answer = client.getresponse()
        assert int(answer.headers["Content-Length"]) == SIZE
        assert size_of(answer) == SIZE
    with connection(program) as client:
        client.request("GET", f"/{kind}/file", headers={"Range": f"bytes={MIB}-"})
        answer = client.getresponse()
        assert answer.status == 206
        assert size_of(answer) == SIZE - MIB
    assert peak(program) - before < ROOM


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_large_upload_takes_no_memory(program: Program, kind: str, is_chunked: bool) -> None:
    before = peak(program)
    piece = bytes(MIB)
    with connection(program) as client:
        body = (piece for _ in range(SIZE // MIB))
        headers = {} if is_chunked else {"Content-Length": str(SIZE)}
        client.request("PUT", f"/{kind}/upload", body, headers, encode_chunked=is_chunked)
        assert client.getresponse().read() == str(SIZE).encode()
    assert peak(program) - before < ROOM


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_large_stream_takes_no_memory(program: Program, kind: str) -> None:
    before = peak(program)
    with connection(program) as client:
        client.request("GET", f"/{kind}/pieces/{SIZE // 65536}")
        assert size_of(client.getresponse()) == SIZE
    assert peak(program) - before < ROOM


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_who_does_not_read_stops_a_stream_and_who_leaves_ends_it(
    interface: str, start: Start, tmp_path: Path, kind: str
) -> None:
    program = serve(start, interface, prepared(tmp_path))
    path = f"/{kind}/pieces/{2**20}"
    before = peak(program)
    with connection(program) as client:
        client.request("GET", path)
        answer = client.getresponse()
        answer.read(MIB)
        # Each of these would see it grow by more than there is room for.
        seen = [state(program)["produced"] for _ in range(200)]
        assert seen[-1] * 65536 < ROOM
        client.sock.close()
        answer.close()
    # Once after the view, and once after the stream.
    assert wait_for_end(program, path, 2)[1] in {"GeneratorExit", "CancelledError"}
    assert peak(program) - before < ROOM


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_stream_that_fails(interface: str, start: Start, tmp_path: Path, kind: str) -> None:
    program = serve(start, interface, prepared(tmp_path))
    with connection(program) as client:
        client.request("GET", f"/{kind}/fails")
        if interface == "wsgi":
            # Granian may end the connection before it has sent the head.
            with pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected)):
                client.getresponse().read()
        else:
            answer = client.getresponse()
            assert answer.status == 200
            with pytest.raises(http.client.IncompleteRead):
                answer.read()
    assert wait_for_end(program, f"/{kind}/fails", 2) == ["NoneType", "LookupError"]
    assert program.stop() == 0
    assert program.said.count("LookupError: in the middle") == 1


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_events(program: Program, kind: str) -> None:
    path = f"/{kind}/events"
    with connection(program) as client:
        client.request("GET", path, headers={"Last-Event-ID": "7"})
        answer = client.getresponse()
        lines = [answer.readline() for _ in range(8)]
        assert b"".join(lines) == b'retry: 50\n\ndata: {"last": "7"}\n\n:\n\n:\n\n'
        client.sock.close()
        answer.close()
    assert wait_for_end(program, path, 2)[1] in {"GeneratorExit", "CancelledError"}
