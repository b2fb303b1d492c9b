"""Requests per second of the program "hello" behind production servers, asked by ``wrk``.

Must not know: how a framework is used.

How it works: every framework is served by Granian and by the server that its documentation names
first, with one worker each, beside bare functions and nginx as limits. All servers run at the same
time on one core; ``wrk``, on another core, asks one after the other, in rounds. An idle server
costs the others nothing. Where other programs keep the machine busy, the work of the processor for
each request is the figure to trust. Run as a program, ``python -m bench.served NAME SERVER PORT``,
this module is one of the servers.
"""

import asyncio
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.apps import FRAMEWORKS, App, Interface, bare, content, installed

CONNECTIONS = (1, 32, 512)
SECONDS = 1

#: Functions without a framework, by name.
BARE: dict[str, tuple[App, Interface]] = {
    "bare WSGI": (bare.wsgi, "wsgi"),
    "bare ASGI": (bare.asgi, "asgi"),
    "bare RSGI": (bare.rsgi, "rsgi"),
}
#: Servers that its documentation names besides the first.
OTHERS = {"carboy-async": "uvicorn"}
LIMITS = [
    ("nginx", "nginx"),
    ("bare WSGI", "granian"),
    ("bare RSGI", "granian"),
    ("bare ASGI", "granian"),
    ("bare ASGI", "uvicorn"),
]

NGINX = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    default_type "text/html; charset=utf-8";
    location / {{ return 200 "Hello, World!"; }}
  }}
}}
"""


class Load(NamedTuple):
    """What one round of requests to one server found.

    :param rate: requests per second
    :param p50: milliseconds that half of the answers took at most
    :param p99: milliseconds that 99 % of the answers took at most
    :param work: microseconds of the server's processor for each request
    :param errors: connections that broke or waited for too long
    """

    rate: float
    p50: float
    p99: float
    work: float
    errors: int


class Server(NamedTuple):
    """A server that answers on *port*.

    :param start: seconds from the command to the first answer
    """

    port: int
    pid: int
    start: float


class CannotServe(Exception):
    """This machine lacks something that the measurement needs."""


def targets(names: Iterable[str]) -> list[tuple[str, str]]:
    """What is served, and by which server, of the frameworks *names*; and the limits."""
    pairs = [
        (name, server)
        for name in names
        for server in {FRAMEWORKS[name].server: 0, "granian": 0, OTHERS.get(name, "granian"): 0}
    ]
    return [(name, server) for name, server in [*pairs, *LIMITS] if _there(server)]


def _there(server: str) -> bool:
    if server == "nginx":
        return shutil.which("nginx") is not None
    return find_spec(server.partition(" ")[0]) is not None


def measure(
    rounds: int,
    pairs: list[tuple[str, str]] | None = None,
    connections: Iterable[int] = CONNECTIONS,
) -> list[dict[str, Any]]:
    """How many requests each server answers, how long they wait, and what it takes to run.

    :param pairs: names and servers; all by default
    :returns: for each of them ``name``, ``server``, ``start`` in seconds, ``memory`` of the worker
        in MiB after a round, where it was least, and ``loads``: rounds of :class:`Load` by number
        of connections
    :raises CannotServe: if ``wrk`` or the second core is missing
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotServe("wrk is not installed; on Debian: apt-get install wrk")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotServe("one core is too few: the client needs its own")
    rows: list[dict[str, Any]] = []
    if pairs is None:
        pairs = targets(installed())
    with ExitStack() as stack:
        cache = stack.enter_context(TemporaryDirectory())
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        servers: list[Server] = []
        for name, server in pairs:
            # Compiles the modules: what that takes, also of memory, is not to be measured.
            with serving(name, server, cores[0], environment):
                pass
            servers.append(stack.enter_context(serving(name, server, cores[0], environment)))
            rows.append({"name": name, "server": server, "start": servers[-1].start})
        for row in rows:
            row["loads"] = {str(count): [] for count in connections}
        for _ in range(rounds):
            for row, running in zip(rows, servers, strict=True):
                for count, loads in row["loads"].items():
                    loads.append(ask(wrk, running, cores[1], int(count))._asdict())
                # How soon Granian gives back what connections took is a matter of chance.
                row["memory"] = min(memory_of_worker(running.pid), row.get("memory", math.inf))
    return rows


@contextmanager
def serving(
    name: str, server: str, core: int, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """*name* served by *server* on *core* while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.served", name, server, str(port)]
    begin = time.perf_counter()
    process = subprocess.Popen(
        pinned(core, command), env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        await_hello(process, port)
        yield Server(port, process.pid, time.perf_counter() - begin)
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
            time.sleep(0.005)
            continue
        finally:
            connection.close()
        if body == b"Hello, World!":
            return
        raise AssertionError(f"port {port} answered {body!r}")
    raise CannotServe(f"the server did not start: {server.communicate()[1]}")


def ask(wrk: str, server: Server, core: int, connections: int) -> Load:
    """Send *server* as many requests as it answers, for a while."""
    options = ["-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency"]
    command = pinned(core, [wrk, *options, f"http://127.0.0.1:{server.port}/"])
    before = seconds_of_work(server.pid)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    work = seconds_of_work(server.pid) - before
    requests = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if requests is None or rate is None or "Non-2xx" in said:
        raise AssertionError(f"wrk said:\n{said}")
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said
    )
    return Load(
        rate=float(rate[1]),
        p50=_percentile(said, 50),
        p99=_percentile(said, 99),
        work=work * 1e6 / max(int(requests[1]), 1),
        errors=sum(map(int, errors.groups())) if errors else 0,
    )


def _percentile(said: str, percent: int) -> float:
    """Milliseconds, from what ``wrk`` said."""
    delay = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)\b", said)
    if delay is None:
        raise AssertionError(f"wrk said:\n{said}")
    return float(delay[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[delay[2]]


def seconds_of_work(pid: int) -> float:
    """How long the processor has worked for the process *pid* and its children."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(seconds_of_work, _children(pid)))


def memory_of_worker(pid: int) -> float:
    """MiB of the largest process that *pid* started, or of itself if there is none."""
    workers = [memory_of_worker(child) for child in _children(pid)]
    if workers:
        return max(workers)
    rss = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(rss[1]) / 1024 if rss else 0.0


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def pinned(core: int, command: list[str]) -> list[str]:
    """*command*, kept to one core together with all its threads and children."""
    return ["taskset", "--cpu-list", str(core), *command]


def app(name: str) -> App:
    """The program with "hello" on the framework *name*."""
    content.make_files()
    return BARE[name][0] if name in BARE else FRAMEWORKS[name].programs["plain"]()


def _interface(name: str) -> Interface:
    """What Granian speaks with *name*."""
    if name in BARE:
        return BARE[name][1]
    return "rsgi" if name == "carboy-async" else FRAMEWORKS[name].interface


def serve(name: str, server: str, port: int) -> None:
    """Serve *name* on *port* until told to stop."""
    if server == "nginx":
        folder = content.BUILD / "nginx"
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, port=port))
        os.execvp("nginx", ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(settings)])
    elif server == "gunicorn":
        # Its documentation recommends threads where connections are kept alive.
        options = ["--workers=1", "--threads=8", f"--bind=127.0.0.1:{port}", "--log-level=critical"]
        command = [sys.executable, "-m", "gunicorn", *options, f"bench.served:app({name!r})"]
        os.execv(sys.executable, command)
    elif server == "carboy serve":
        command = [sys.executable, "-m", "carboy", "--app", f"bench.served:app({name!r})"]
        options = [f"--port={port}", f"--interface={_interface(name)}"]
        os.execv(sys.executable, [*command, "serve", *options])
    elif server == "uvicorn":
        import uvicorn

        program: Any = app(name)
        # As its documentation has it.
        program = program.asgi if name == "carboy-async" else program
        uvicorn.run(program, port=port, log_level="critical", access_log=False)
    elif server == "hypercorn":
        from hypercorn.asyncio import serve as hypercorn
        from hypercorn.config import Config

        config = Config()
        config.bind = [f"127.0.0.1:{port}"]
        config.loglevel = "CRITICAL"
        asyncio.run(hypercorn(app(name), config))
    else:
        from granian.constants import Interfaces
        from granian.server import Server as Granian

        interface = _interface(name)
        granian = Granian(
            "bench.served",
            port=port,
            interface=Interfaces(interface),
            # By itself Granian starts hundreds, which on one core are in each other's way.
            blocking_threads=1 if interface == "wsgi" else None,
            log_enabled=False,
        )
        granian.serve(target_loader=partial(app, name), wrap_loader=False)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
