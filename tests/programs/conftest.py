"""Start whole programs as processes of their own and talk to them over HTTP."""

from __future__ import annotations

import http.client
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

#: How long anything may take before the test gives up. Nothing waits this long in practice.
PATIENCE = 60

#: The command beside the interpreter. `PROGRAM_COMMAND=flask` runs the programs on Flask.
COMMAND = str(Path(sys.executable).with_name(os.environ.get("PROGRAM_COMMAND", "carboy")))


@dataclass
class Answer:
    """An answer as it came over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Program:
    """A program that was started: what it says, and where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _hear(self) -> Iterator[str]:
        """What the program says from now on, line by line, until it ends."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.said.append(line.rstrip("\n"))
            yield self.said[-1]
        self._lines.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read what the program says until a line matches."""
        for line in self._hear():
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"The program ended and never said {pattern!r}: {self.said}")

    def wait(self) -> int:
        """The exit status, once the program has ended and all it said is read."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for _ in self._hear():
            pass
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.wait()

    @property
    def address(self) -> tuple[str, int]:
        """Where the program listens; waits until it says so."""
        if not hasattr(self, "_address"):
            match = self.wait_for(r"Running on https?://(127\.0\.0\.1|\[::1\]):(\d+)")
            self._address = match[1].strip("[]"), int(match[2])
        return self._address

    def request(
        self,
        path: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request on a connection of its own."""
        host, port = self.address
        with closing(http.client.HTTPConnection(host, port, PATIENCE)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET request; underscores in names of headers become hyphens."""
        return self.request(path, headers=_names(headers))

    def post(self, path: str, form: str, **headers: str) -> Answer:
        """Send a form as a browser encodes it."""
        headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        return self.request(path, "POST", form, _names(headers))


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


Start = Callable[..., Program]


@contextmanager
def starting() -> Iterator[Start]:
    """A function that starts programs; they are stopped when the block is left."""
    started: list[Program] = []

    def start(*command: str, folder: Path, **environment: str) -> Program:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FLASK_")}
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**clean, "PYTHONUNBUFFERED": "1", "FLASK_RUN_PORT": "0", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(Program(process))
        return started[-1]

    try:
        yield start
    finally:
        for program in started:
            if program.process.poll() is None:
                program.process.kill()
            if program.process.stdout and not program.process.stdout.closed:
                program.wait()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program; it is stopped when the test is over."""
    with starting() as start:
        yield start
