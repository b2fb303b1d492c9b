"""Requests per second behind Granian: Carboy, a bare WSGI function and Flask.

Must not know: anything of the frameworks but the scenario "hello".

How it works: three servers of one worker each run at the same time on one core;
``wrk``, on another core, asks one after the other, in rounds. An idle server costs the
others nothing. Run as a program, ``python -m bench.served NAME PORT``, this module is
one of the servers.
"""

import importlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from wsgiref.types import WSGIApplication

from bench.scenarios import bare_app, hello
from bench.table import Comparison, Rounds
from bench.wsgi import Visit

SIDES = ("carboy", "bare", "flask")
GOALS = {"bare": 0.90, "flask": None}
CONNECTIONS = 32
SECONDS = 2


class CannotServe(Exception):
    """This machine lacks something that the measurement needs."""


def app(name: str) -> WSGIApplication:
    """The program "hello" on the framework *name*."""
    if name == "bare":
        return bare_app
    call = hello(importlib.import_module(name))
    assert isinstance(call, Visit)
    return call.app


def compare_served(rounds: int) -> list[Comparison]:
    """Requests per second of each side, and the milliseconds that 99 % stay under.

    :raises CannotServe: if ``wrk`` or the second core is missing
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotServe("wrk is not installed; on Debian: apt-get install wrk")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotServe("one core is too few: the client needs its own")
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    delays: dict[str, list[float]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        ports = {side: stack.enter_context(serving(side, cores[0])) for side in SIDES}
        for _ in range(rounds):
            for side, port in ports.items():
                rate, delay = ask(wrk, port, cores[1])
                rates[side].append(rate)
                delays[side].append(delay)
    found = []
    for rival, goal in GOALS.items():
        ours, theirs = (Rounds(tuple(rates[s]), True) for s in ("carboy", rival))
        found.append(Comparison("served", "requests/s", ours, rival, theirs, goal))
        ours, theirs = (Rounds(tuple(delays[s])) for s in ("carboy", rival))
        found.append(Comparison("served, p99", "ms", ours, rival, theirs))
    return found


@contextmanager
def serving(name: str, core: int) -> Iterator[int]:
    """A server of *name* on *core* while the block runs; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.served", name, str(port)]
    server = subprocess.Popen(pinned(core, command), stderr=subprocess.PIPE, text=True)
    try:
        await_hello(server, port)
        yield port
    finally:
        server.terminate()
        server.communicate()


def await_hello(server: subprocess.Popen[str], port: int) -> None:
    """Return when *server* says hello on *port*."""
    while server.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            body = connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
            continue
        finally:
            connection.close()
        if body == b"Hello, World!":
            return
        raise AssertionError(f"port {port} answered {body!r}")
    raise CannotServe(f"the server did not start: {server.communicate()[1]}")


def ask(wrk: str, port: int, core: int) -> tuple[float, float]:
    """Requests per second, and the latency in ms of the 99th percentile."""
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"]
    command = pinned(core, [wrk, *options, f"http://127.0.0.1:{port}/"])
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    delay = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    if rate is None or delay is None or "Non-2xx" in said:
        raise AssertionError(f"wrk said:\n{said}")
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}[delay[2]]
    return float(rate[1]), float(delay[1]) * unit


def pinned(core: int, command: list[str]) -> list[str]:
    """*command*, kept to one core together with all its threads and children."""
    return ["taskset", "--cpu-list", str(core), *command]


def serve(name: str, port: int) -> None:
    """Serve *name* on *port* until told to stop."""
    from granian.constants import Interfaces
    from granian.server import Server

    server = Server(
        "bench.served", port=port, interface=Interfaces.WSGI, log_enabled=False
    )
    server.serve(target_loader=partial(app, name), wrap_loader=False)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
