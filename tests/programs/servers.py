"""Servers that are not ours: what each carries, and how a program is started on one.

Lives here: :data:`SERVERS`, the table of them, and :func:`serving`.
Must not know: the programs.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .conftest import PATIENCE, Program, starting

PYTHON = sys.executable

#: Waitress ends in order when it is interrupted, and a process that a shell has started in the
#: background ignores SIGINT.
_WAITRESS = (
    "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler);"
    "from waitress.runner import run; run()"
)


@dataclass(frozen=True)
class Server:
    """A server, and what it carries.

    :param says: what it says when it serves, with the port if it chose one
    :param breaks_off: whether it lets a client know that an answer failed half-way
    :param websockets: whether it carries them, and, below, what of them
    """

    name: str
    command: tuple[str, ...]
    says: str
    has_loop: bool = True
    breaks_off: bool = True
    http_2: bool = False
    websockets: bool = True
    subprotocols: bool = True
    codes: bool = True
    headers: bool = True
    bodies: bool = True


def _granian(interface: str, threads: int = 1) -> tuple[str, ...]:
    options = "--interface", interface, "--port", "{port}", "--blocking-threads", str(threads)
    return (PYTHON, "-m", "granian", *options, "program:app")


_SERVERS = [
    Server(
        "gunicorn",
        (PYTHON, "-m", "gunicorn", "-b", "127.0.0.1:0", "--threads", "8", "program:app"),
        r"Listening at: http://127\.0\.0\.1:(\d+)",
        has_loop=False,
        websockets=False,
    ),
    Server(
        "waitress",
        (PYTHON, "-c", _WAITRESS, "--listen", "127.0.0.1:0", "--threads", "8", "program:app"),
        r"Serving on http://127\.0\.0\.1:(\d+)",
        has_loop=False,
        websockets=False,
    ),
    Server(
        "granian-wsgi",
        _granian("wsgi", threads=8),
        r"Started worker-1$()",
        has_loop=False,
        http_2=True,
        websockets=False,
    ),
    Server(
        "uvicorn",
        (PYTHON, "-m", "uvicorn", "--port", "0", "program:app"),
        r"running on http://127\.0\.0\.1:(\d+)",
    ),
    Server(
        "hypercorn",
        (PYTHON, "-m", "hypercorn", "--bind", "127.0.0.1:0", "program:app.asgi"),
        r"Running on http://127\.0\.0\.1:(\d+)",
        http_2=True,
    ),
    Server("granian-asgi", _granian("asgi"), r"Started worker-1$()", http_2=True, headers=False),
    Server(
        "granian-rsgi",
        _granian("rsgi"),
        r"Started worker-1$()",
        # Its connection is found among the files of the process.
        breaks_off=os.path.isdir("/dev/fd"),
        http_2=True,
        subprotocols=False,
        codes=False,
        headers=False,
        bodies=False,
    ),
]

SERVERS = {server.name: server for server in _SERVERS}


class Served:
    """A program on one of the servers."""

    def __init__(self, server: Server, program: Program, port: int) -> None:
        self.server = server
        self.program = program
        self.port = port

    def connect(self) -> closing[http.client.HTTPConnection]:
        """A connection that HTTP is spoken on."""
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE))

    def raw(self, data: bytes) -> socket.socket:
        """A connection on which these bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.sendall(data)
        return connection


@contextmanager
def launching(server: Server, text: str, folder: Path) -> Iterator[tuple[Program, int]]:
    """The program *text* on its way to being served, and the port for a server that takes one."""
    (folder / "program.py").write_text(text)
    with _free_port() as port, starting() as start:
        command = (word.format(port=port) for word in server.command)
        yield start(*command, folder=folder, PYTHONPATH=str(folder)), port


@contextmanager
def serving(server: Server, text: str, folder: Path) -> Iterator[Served]:
    """The program *text* on a server while the block runs; then the server ends in order."""
    with launching(server, text, folder) as (program, port):
        # Granian takes the port that it is given.
        port = int(program.wait_for(server.says)[1] or port)
        _wait_until_it_listens(program, port)
        yield Served(server, program, port)
        program.stop()


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that nobody else gets while the block runs, but a server that shares ports, as
    Granian does. Somebody else could also be who asks whether the server listens: a connection
    from a free port to that port is one with itself."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def _wait_until_it_listens(program: Program, port: int) -> None:
    """Granian says that it has started a little before."""
    while True:
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return
        assert program.process.poll() is None, program.said
