"""Many WebSockets open at once on one worker: what they cost, and how quickly they are served.

Must not know: anything of Carboy but the public API, in :func:`app`.

How it works: each server runs one worker on one core and this process on another. Every client
sends a message and waits for its echo; then one of them asks for a message to all. The memory is
what the server's processes have in addition once all are connected and served. Run as a program,
``python -m bench.websockets INTERFACE PORT``, this module is one of the servers.
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
HEADINGS = (
    "server",
    "connections",
    "opened, per s",
    "echoes, per s",
    "to all, ms",
    "memory of each, KiB",
)

#: How many handshakes are on their way at a time.
AT_ONCE = 64
#: How long anything may take before the measurement is given up, in seconds.
PATIENCE = 40


@dataclass(frozen=True)
class Crowd:
    """What many connections to one server were like.

    :param opened: handshakes per second
    :param echoed: messages per second that came back
    :param to_all: milliseconds until all had the message to all
    :param memory: KiB of the server for each connection
    """

    server: str
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


def measure_all(connections: int) -> Iterator[Crowd]:
    """Measure each of the servers.

    :raises SystemExit: this machine cannot open so many connections
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if connections + 200 > hard:
        sys.exit(f"Cannot measure: a process may open {hard} files here; see 'ulimit -Hn'.")
    for interface in SERVERS:
        yield measure(interface, connections)


def measure(interface: str, connections: int) -> Crowd:
    """Have a server carry so many connections.

    :param interface: one of ``SERVERS``
    """
    _allow_files()
    cores = sorted(os.sched_getaffinity(0))
    with serving(interface, cores[0]) as (port, pid):
        if len(cores) > 1:
            os.sched_setaffinity(0, cores[1:])
        try:
            opened, echoed, to_all, memory = asyncio.run(
                _crowd(port, connections, lambda: memory_of(pid))
            )
        finally:
            os.sched_setaffinity(0, cores)
    return Crowd(SERVERS[interface], connections, opened, echoed, to_all, memory)


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
def serving(interface: str, core: int) -> Iterator[tuple[int, int]]:
    """The port of a server on *core* while the block runs, and the number of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.websockets", interface, str(port)]
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
        rows.append((c.server, f"{c.connections:,}", *map(figure, numbers)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _allow_files() -> None:
    """Raise the soft limit of open files to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve(interface: str, port: int) -> None:
    """Serve on *port* until told to stop."""
    _allow_files()
    if interface == "uvicorn":
        import uvicorn

        uvicorn.run(app().asgi, port=port, log_level="error", ws="websockets-sansio")
        return
    from granian.constants import Interfaces
    from granian.server import Server as Granian

    granian = Granian(
        "bench.websockets",
        port=port,
        interface=Interfaces(interface),
        backlog=2048,
        log_enabled=False,
        # It waits for connections to end, and they end with the client.
        workers_kill_timeout=5,
    )
    load = app if interface == "rsgi" else lambda: app().asgi
    granian.serve(target_loader=partial(load), wrap_loader=False)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
