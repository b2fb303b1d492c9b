"""Requests per second behind Granian: Carboy, a bare WSGI function and Flask.

Must not know: anything of the frameworks but the scenario "hello".

How it works: three servers of one worker each run at the same time on one core;
``wrk``, on another core, asks one after the other, in rounds. An idle server costs the
others nothing. Where other programs keep the machine busy, the work of the processor for
each request is the figure to trust. Run as a program, ``python -m bench.served NAME PORT``,
this module is one of the servers.
"""

import importlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple
from wsgiref.types import WSGIApplication

from bench.scenarios import bare_app, hello
from bench.table import Comparison, Rounds
from bench.wsgi import Visit

SIDES = ("carboy", "bare", "flask")
GOALS = {"bare": 0.90, "flask": None}
CONNECTIONS = 32
SECONDS = 2


class Load(NamedTuple):
    """What one round of requests to one server found.

    :param rate: requests per second
    :param p99: milliseconds that 99 % of the answers took at most
    :param work: microseconds of the server's processor for each request
    """

    rate: float
    p99: float
    work: float


MEASURES: list[tuple[str, str, Callable[[Load], float]]] = [
    ("served", "requests/s", attrgetter("rate")),
    ("served, p99", "ms", attrgetter("p99")),
    ("served, work", "µs", attrgetter("work")),
]


class Server(NamedTuple):
    """A server that answers on *port*."""

    port: int
    pid: int


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
    """Requests per second of each side; how long they wait, and how much work they are.

    :raises CannotServe: if ``wrk`` or the second core is missing
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotServe("wrk is not installed; on Debian: apt-get install wrk")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotServe("one core is too few: the client needs its own")
    answers: dict[str, list[Load]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        servers = {side: stack.enter_context(serving(side, cores[0])) for side in SIDES}
        for _ in range(rounds):
            for side, server in servers.items():
                answers[side].append(ask(wrk, server, cores[1]))
    found = []
    for rival, goal in GOALS.items():
        for what, unit, pick in MEASURES:
            rate = unit == "requests/s"
            ours, theirs = (
                Rounds(tuple(map(pick, answers[side])), more_is_better=rate)
                for side in ("carboy", rival)
            )
            found.append(Comparison(what, unit, ours, rival, theirs, goal if rate else None))
    return found


@contextmanager
def serving(name: str, core: int) -> Iterator[Server]:
    """A server of *name* on *core* while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.served", name, str(port)]
    process = subprocess.Popen(pinned(core, command), stderr=subprocess.PIPE, text=True)
    try:
        await_hello(process, port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.communicate()


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


def ask(wrk: str, server: Server, core: int) -> Load:
    """Send *server* as many requests as it answers, for a while."""
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"]
    command = pinned(core, [wrk, *options, f"http://127.0.0.1:{server.port}/"])
    before = seconds_of_work(server.pid)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    work = seconds_of_work(server.pid) - before
    requests = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    delay = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    if requests is None or rate is None or delay is None or "Non-2xx" in said:
        raise AssertionError(f"wrk said:\n{said}")
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}[delay[2]]
    return Load(float(rate[1]), float(delay[1]) * unit, work * 1e6 / int(requests[1]))


def seconds_of_work(pid: int) -> float:
    """How long the processor has worked for the process *pid* and its children."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(seconds_of_work(int(child)) for child in children)


def pinned(core: int, command: list[str]) -> list[str]:
    """*command*, kept to one core together with all its threads and children."""
    return ["taskset", "--cpu-list", str(core), *command]


def serve(name: str, port: int) -> None:
    """Serve *name* on *port* until told to stop."""
    from granian.constants import Interfaces
    from granian.server import Server as Granian

    granian = Granian(
        "bench.served",
        port=port,
        interface=Interfaces.WSGI,
        # By itself Granian starts hundreds, which on one core are in each other's way.
        blocking_threads=1,
        log_enabled=False,
    )
    granian.serve(target_loader=partial(app, name), wrap_loader=False)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
