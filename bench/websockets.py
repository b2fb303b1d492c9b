"""Many WebSockets open at once on one worker: what they cost, and how quickly they are served.

Must not know: anything of Carboy but the public API, in :func:`app`.

How it works: each server runs one worker on one core and this process on another, with Carboy and
with a bare function that does the same. Every client sends a message and waits for its echo; then
one of them asks for a message to all. The memory is what the server's processes have in addition
once all are connected and served. Run as a program, ``python -m bench.websockets SERVER PROGRAM
PORT``, this module is one of the servers.
"""

import asyncio
import base64
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.served import CannotServe, pinned
from bench.table import figure

SERVERS = {"rsgi": "Granian, RSGI", "asgi": "Granian, ASGI", "uvicorn": "uvicorn, ASGI"}
PROGRAMS = ("carboy", "bare")
HEADINGS = (
    "server",
    "program",
    "connections",
    "opened, per s",
    "echoes, per s",
    "to all, ms",
    "memory of each, KiB",
)

#: How many handshakes are on their way at a time.
AT_ONCE = 64
#: How long anything may take before the measurement is given up, in seconds.
PATIENCE = 60
#: Open files that a process needs besides its connections.
OTHER_FILES = 200


@dataclass(frozen=True)
class Crowd:
    """What many connections to one server were like.

    :param opened: handshakes per second
    :param echoed: messages per second that came back
    :param to_all: milliseconds until all had the message to all
    :param memory: KiB of the server for each connection
    """

    server: str
    program: str
    connections: int
    opened: float
    echoed: float
    to_all: float
    memory: float


def app() -> Any:
    """The program: it echoes, and ``all`` is said to everybody."""
    from carboy import Flask, websocket

    app = Flask("crowd")
    everybody: set[Any] = set()

    @app.websocket("/")
    async def talk() -> None:
        me = websocket._get_current_object()  # type: ignore[attr-defined]
        everybody.add(me)
        try:
            async for message in me:
                if message == "all":
                    await asyncio.gather(*(one.send("to all") for one in everybody))
                else:
                    await me.send(message)
        finally:
            everybody.discard(me)

    return app


async def bare_asgi(scope: Any, receive: Any, send: Any) -> None:
    """The same as an ASGI callable."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    _senders.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            text = message["text"]
            if text == "all":
                told = {"type": "websocket.send", "text": "to all"}
                await asyncio.gather(*(one(told) for one in _senders))
            else:
                await send({"type": "websocket.send", "text": text})
    finally:
        _senders.discard(send)


async def bare_rsgi(scope: Any, protocol: Any) -> None:
    """The same as an RSGI callable."""
    transport = await protocol.accept()
    _senders.add(transport.send_str)
    try:
        while (message := await transport.receive()).kind != 0:
            if message.data == "all":
                await asyncio.gather(*(one("to all") for one in _senders))
            else:
                await transport.send_str(message.data)
    finally:
        _senders.discard(transport.send_str)
        protocol.close()


#: How the connections of a bare program are sent something.
_senders: set[Any] = set()


def measure_all(connections: int) -> Iterator[Crowd]:
    """Measure each program on each of the servers.

    :raises CannotServe: this machine cannot open so many connections
    """
    _allow_files(connections)
    for server in SERVERS:
        for program in PROGRAMS:
            yield measure(server, program, connections)


def measure(server: str, program: str, connections: int) -> Crowd:
    """Have a server carry so many connections.

    :param server: one of ``SERVERS``
    :param program: one of ``PROGRAMS``
    """
    cores = sorted(os.sched_getaffinity(0))
    with serving(server, program, cores[0]) as (port, pid):
        if len(cores) > 1:
            os.sched_setaffinity(0, cores[1:])
        try:
            opened, echoed, to_all, memory = asyncio.run(
                _crowd(port, connections, lambda: memory_of(pid))
            )
        finally:
            os.sched_setaffinity(0, cores)
    return Crowd(SERVERS[server], program, connections, opened, echoed, to_all, memory)


async def _crowd(
    port: int, connections: int, memory: Callable[[], float]
) -> tuple[float, float, float, float]:
    async with asyncio.timeout(PATIENCE):
        # What the first ones bring into memory is everybody's.
        first = [await Client.open(port) for _ in range(10)]
        await asyncio.gather(*(client.echo("first") for client in first))
        before = memory()
        gate = asyncio.Semaphore(AT_ONCE)

        async def connect() -> Client:
            async with gate:
                return await Client.open(port)

        started = time.perf_counter()
        clients = await asyncio.gather(*(connect() for _ in range(connections)))
        opened = time.perf_counter()
        await asyncio.gather(*(c.echo(str(number)) for number, c in enumerate(clients)))
        echoed = time.perf_counter()
        each = (memory() - before) / connections
        asked = time.perf_counter()
        clients[-1].send("all")
        heard = await asyncio.gather(*(c.receive() for c in [*first, *clients]))
        told = time.perf_counter()
        assert set(heard) == {"to all"}
        for client in [*first, *clients]:
            client.writer.close()
    return (
        connections / (opened - started),
        connections / (echoed - opened),
        (told - asked) * 1000,
        each,
    )


class Client:
    """As much of RFC 6455 as short texts need, so that the server is what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> "Client":
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        client.writer.write(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        answer = await client.reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        return client

    def send(self, text: str) -> None:
        self.writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode())

    async def receive(self) -> str:
        head = await self.reader.readexactly(2)
        assert head[0] == 0x81, head
        return (await self.reader.readexactly(head[1])).decode()

    async def echo(self, text: str) -> None:
        self.send(text)
        assert await self.receive() == text


@contextmanager
def serving(server: str, program: str, core: int) -> Iterator[tuple[int, int]]:
    """The port of a server on *core* while the block runs, and the number of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.websockets", server, program, str(port)]
    process = subprocess.Popen(pinned(core, command), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    said = process.communicate()[1]
                    raise CannotServe(f"the server did not start: {said}") from None
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.communicate()


def memory_of(pid: int) -> float:
    """KiB that the process *pid* and its children have, what they share counted once."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert own is not None, rollup
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return float(own[1]) + sum(memory_of(int(child)) for child in children)


def markdown(crowds: Iterable[Crowd]) -> str:
    """The table."""
    rows = [HEADINGS]
    for c in crowds:
        numbers = (c.opened, c.echoed, c.to_all, c.memory)
        rows.append((c.server, c.program, f"{c.connections:,}", *map(figure, numbers)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _allow_files(connections: int) -> None:
    """Let this process, and those that it starts, have so many connections.

    :raises CannotServe: the system does not
    """
    wanted = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise CannotServe(
            f"{connections:,} connections need {wanted:,} open files in a process, and the system"
            f" allows {hard:,}; raise that ('ulimit -Hn'), or ask for fewer with --connections"
        )
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(server: str, program: str, port: int) -> None:
    """Serve on *port* until told to stop."""
    if server == "uvicorn":
        import uvicorn

        uvicorn.run(
            _callable(server, program), port=port, log_level="error", ws="websockets-sansio"
        )
        return
    from granian.constants import Interfaces
    from granian.server import Server as Granian

    granian = Granian(
        "bench.websockets",
        port=port,
        interface=Interfaces(server),
        backlog=2048,
        log_enabled=False,
        # It waits for connections to end, and they end with the client.
        workers_kill_timeout=5,
    )
    granian.serve(target_loader=partial(_callable, server, program), wrap_loader=False)


def _callable(server: str, program: str) -> Any:
    if program == "bare":
        return bare_rsgi if server == "rsgi" else bare_asgi
    return app() if server == "rsgi" else app().asgi


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
