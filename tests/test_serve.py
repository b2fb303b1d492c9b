"""The production server: its settings, what stands before the application, and its processes."""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.exceptions import RequestTimeout

from carboy.cli.commands import cli
from carboy.cli.serve import serve_command
from carboy.server import production
from carboy.server.access_log import AccessLines
from carboy.server.address import CannotListen, bind, bind_unix
from carboy.server.front import Front
from carboy.server.production import Settings
from carboy.server.proxies import Proxies
from carboy.server.slow_bodies import SlowBodies
from carboy.server.supervisor import _refuse_connections
from programs.conftest import COMMAND, PATIENCE, Program, Start, starting

# Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Settings]:
    """The settings that the command hands over, instead of a server."""
    found: list[Settings] = []

    def note(settings: Settings) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(production, "serve", note)
    monkeypatch.chdir(tmp_path)
    return found


def invoke(*args: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["--app", "shop", "serve", *args], env=environment)


def test_what_is_not_said_has_a_default(served: list[Settings]) -> None:
    assert invoke().exit_code == 0
    settings = served[0]
    assert settings.name == "shop"
    assert (settings.host, settings.port, settings.uds) == ("127.0.0.1", 8000, None)
    assert (settings.workers, settings.threads, settings.interface) == (1, 4, "auto")
    assert settings.proxies is settings.access_log is settings.health is None
    assert settings.max_requests is settings.max_memory is None


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    served: list[Settings],
) -> None:
    Path("pyproject.toml").write_text(
        "[tool.carboy.serve]\nworkers = 2\nthreads = 2\nport = 2\nmax-requests = 2\nstatic = true\n"
        "static_mount = '/files=.'"
    )
    invoke("--workers", "4", CARBOY_SERVE_WORKERS="3", CARBOY_SERVE_THREADS="3")
    settings = served[0]
    assert (settings.workers, settings.threads, settings.port) == (4, 3, 2)
    assert (settings.max_requests, settings.static) == (2, True)
    assert settings.mounts == (("/files", os.path.realpath(".")),)


def test_several_values(served: list[Settings]) -> None:
    Path("pyproject.toml").write_text(
        "[tool.carboy.serve]\ntrusted-proxies = ['10.0.0.0/8', 'unix']\nproxy-headers = 'host'"
    )
    invoke()
    invoke(CARBOY_SERVE_PROXY_HEADERS="for prefix")
    assert [s.proxies and s.proxies.headers for s in served] == [{"host"}, {"for", "prefix"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[tool.carboy.serve]\nworker = 2", "unknown key 'worker'. Did you mean 'workers'?"),
        ("[tool.carboy.serve]\nxyz = 2", "The keys are: access-log, body-timeout, certificate,"),
        ("[tool.carboy.serve]\nworkers = 'many'", "It is set in [tool.carboy.serve] of pyproject"),
        ("[tool.carboy.serve]\nworkers = 0", "It is set in [tool.carboy.serve] of pyproject.toml"),
        ("[tool.carboy.serve", "pyproject.toml cannot be read"),
        ("[tool.carboy]\nserve = 2", "[tool.carboy.serve] of pyproject.toml is no table"),
        ("[tool]\ncarboy = 2", "[tool.carboy.serve] of pyproject.toml is no table"),
        ("[tool.carboy.serve]\nworkers = [2]", "'workers', which is to be text or a number."),
        ("[tool.carboy.serve]\nworkers = 1.5", "'1.5' is not a valid integer"),
        ("[tool.carboy.serve]\nuds = true", "has True for 'uds', which is to be text or a number"),
        ("[tool.carboy.serve]\nstatic = 'no'", "has 'no' for 'static', which is to be true or"),
        ("[tool.carboy.serve]\ntrusted-proxies = [true]", "number, or a list of these."),
    ],
)
def test_a_mistake_in_the_file_is_explained(
    served: list[Settings], content: str, said: str
) -> None:
    Path("pyproject.toml").write_text(content)
    result = invoke()
    assert result.exit_code != 0
    assert said in result.output
    assert served == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--certificate", __file__], "needs both --certificate and --key"),
        (["--client-ca", __file__], "--client-ca needs --certificate"),
        (["--proxy-hops", "1", "--trusted-proxies", "10.0.0.1"], "Choose one of"),
        (["--trusted-proxies", "somewhere"], "'somewhere' does not appear to be"),
        (["--static-mount", "files=."], "is not a path on the server"),
        (["--static-mount", "/files=nowhere"], "and an existing folder"),
        (["--health", "healthz"], "does not begin with a slash"),
        (["--body-timeout", "nan"], "nan is no number of seconds"),
        (["--graceful-timeout", "inf"], "inf is no number of seconds"),
    ],
)
def test_options_that_cannot_be(served: list[Settings], args: list[str], said: str) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert said in result.output
    assert served == []


def test_files_that_are_no_certificates_are_told_before_anything_starts(tmp_path: Path) -> None:
    for option in ([], ["--client-ca", __file__]):
        result = invoke("--certificate", __file__, "--key", __file__, *option)
        assert result.exit_code == 1
        assert f"Cannot use the certificate {__file__} with the key {__file__}: " in result.output


# Addresses


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    bind_unix(path).close()
    with closing(bind_unix(path)) as used:
        with pytest.raises(CannotListen, match="the socket is in use by another program"):
            bind_unix(path)
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(path)
            used.accept()[0].close()


def test_paths_where_no_socket_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotListen, match="there is a file that is no socket"):
        bind_unix(str(tmp_path / "file"))
    with pytest.raises(CannotListen, match=r"No such file or directory\. Check --uds"):
        bind_unix(str(tmp_path / "none" / "socket"))
    assert (tmp_path / "file").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")
def test_a_closed_door_leaves_those_who_are_in() -> None:
    with (
        closing(bind("127.0.0.1", 0)) as listener,
        closing(socket.create_connection(listener.getsockname())) as early,
        closing(socket.socket()) as late,
    ):
        _refuse_connections(listener)
        late.setblocking(False)
        late.connect_ex(listener.getsockname())
        assert select.select([], [late], [], 0)[1] == []
        early.sendall(b"request")
        with closing(listener.accept()[0]) as accepted:
            assert accepted.recv(100) == b"request"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


# Proxies

FORWARDED = {
    "X-Forwarded-For": "1.1.1.1, 2.2.2.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example:8443",
    "X-Forwarded-Prefix": "/shop",
}


def over_wsgi(proxies: Proxies, peer: str, headers: dict[str, str]) -> tuple[str, ...]:
    environ = {
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "inner",
        "SCRIPT_NAME": "",
        **{f"HTTP_{n.upper().replace('-', '_')}": v for n, v in headers.items()},
    }
    seen: list[dict[str, str]] = []
    proxies.middleware(lambda e, s: seen.append(e) or [])(environ, lambda *_: None)
    names = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SCRIPT_NAME")
    return tuple(seen[0][name] for name in names)


def over_asgi(proxies: Proxies, peer: str, headers: dict[str, str]) -> tuple[str, ...]:
    scope = proxies.asgi(
        {
            "type": "http",
            "scheme": "http",
            "path": "/page",
            "client": (peer, 5000),
            "server": ("inner", 80),
            "headers": [(b"host", b"inner")]
            + [(n.lower().encode(), v.encode()) for n, v in headers.items()],
        }
    )
    prefix = scope.get("root_path", "")
    assert scope["path"] == f"{prefix}/page"
    host = [value for name, value in scope["headers"] if name == b"host"]
    return scope["client"][0], scope["scheme"], b"".join(host).decode(), prefix


def over_rsgi(proxies: Proxies, peer: str, headers: dict[str, str]) -> tuple[str, ...]:
    fields = {"host": "inner", **{n.lower(): v for n, v in headers.items()}}
    scope = SimpleNamespace(
        proto="http",
        http_version="1.1",
        rsgi_version="1.5",
        server="inner:80",
        client=f"{peer}:5000",
        scheme="http",
        method="GET",
        path="/page",
        query_string="",
        headers=fields,
        authority=None,
    )
    seen = proxies.rsgi(scope)
    host = fields["host"] if seen.authority is None else seen.authority
    return seen.client.rpartition(":")[0], seen.scheme, host, ""


@pytest.mark.parametrize(
    ("proxies", "peer", "headers", "expected"),
    [
        (Proxies(1), "10.0.0.1", FORWARDED, ("2.2.2.2", "https", "inner")),
        (Proxies(1), "10.0.0.1", {}, ("10.0.0.1", "http", "inner")),
        (Proxies(2), "10.0.0.1", FORWARDED, ("1.1.1.1", "http", "inner")),
        (
            Proxies(1, headers=["host"]),
            "10.0.0.1",
            FORWARDED,
            ("10.0.0.1", "http", "shop.example:8443"),
        ),
        # Who is not trusted may say what he likes.
        (Proxies(trusted=["10.0.0.0/8"]), "3.3.3.3", FORWARDED, ("3.3.3.3", "http", "inner")),
        (Proxies(trusted=["10.0.0.0/8"]), "10.0.0.1", FORWARDED, ("2.2.2.2", "https", "inner")),
        (
            Proxies(trusted=["10.0.0.1", "2.2.2.2"]),
            "10.0.0.1",
            FORWARDED,
            ("1.1.1.1", "https", "inner"),
        ),
        # All are trusted: the first one is as far as is known.
        (Proxies(trusted=["0.0.0.0/0"]), "10.0.0.1", FORWARDED, ("1.1.1.1", "https", "inner")),
        (
            Proxies(trusted=["10.0.0.1", "2.2.2.2"]),
            "::ffff:10.0.0.1",
            {"X-Forwarded-For": "4.4.4.4, 2.2.2.2:443"},
            ("4.4.4.4", "http", "inner"),
        ),
        (
            Proxies(trusted=["10.0.0.1"]),
            "10.0.0.1",
            {"X-Forwarded-For": "1.1.1.1, nobody"},
            ("nobody", "http", "inner"),
        ),
    ],
)
@pytest.mark.parametrize("over", [over_wsgi, over_asgi, over_rsgi])
def test_who_is_believed(
    over: Callable[..., tuple[str, ...]],
    proxies: Proxies,
    peer: str,
    headers: dict[str, str],
    expected: tuple[str, ...],
) -> None:
    assert over(proxies, peer, headers)[:3] == expected


@pytest.mark.parametrize("over", [over_wsgi, over_asgi])
def test_the_prefix_becomes_the_root(over: Callable[..., tuple[str, ...]]) -> None:
    assert over(Proxies(1, headers=["prefix"]), "10.0.0.1", FORWARDED)[3] == "/shop"


def test_a_unix_socket_has_no_address() -> None:
    for trusted, client in (["unix"], "2.2.2.2"), (["10.0.0.1"], ""):
        assert over_wsgi(Proxies(trusted=trusted), "", FORWARDED)[0] == client


# The line for a request


@pytest.fixture
def written() -> Iterator[Callable[[AccessLines], str]]:
    """What is written into a pipe, and the pipe's number."""
    reading, writing = os.pipe()

    def read(lines: AccessLines) -> str:
        lines._fd = writing
        environ = {
            "REMOTE_ADDR": '10.0.0.1\n"',
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/a\nb",
            "QUERY_STRING": "c=1",
        }
        lines.wsgi(environ, 200, 0.0015, 12)
        return os.read(reading, 1000).decode()

    yield read
    os.close(reading)
    os.close(writing)


def test_a_line_of_text(written: Callable[[AccessLines], str]) -> None:
    stamp, _, rest = written(AccessLines()).partition(" ")
    assert rest == "10.0.0.1%0A%22 GET /a%0Ab?c=1 200 1.5 ms 12 bytes\n"
    assert stamp[10] == "T" and stamp.endswith("Z")


def test_a_line_of_json(written: Callable[[AccessLines], str]) -> None:
    line = written(AccessLines(as_json=True))
    assert line.count("\n") == 1
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "client": '10.0.0.1\n"',
        "method": "GET",
        "path": "/a%0Ab?c=1",
        "status": 200,
        "ms": 1.5,
        "size": 12,
    }


def test_a_line_that_nobody_reads_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    AccessLines(fd=writing).write("10.0.0.1", "GET", "/", 200, 0, 0)
    os.close(writing)


# What stands before the application


class Taker:
    """Stands where Granian does."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


def ask(answer: Any, path: str = "/", **environ: str) -> Taker:
    taker = Taker()
    given = {"SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost", "REQUEST_METHOD": "GET"}
    answer(taker, {**given, "PATH_INFO": path, **environ})
    return taker


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Connection", "keep-alive"), ("X-Path", environ["PATH_INFO"])])
    return [b"hello"]


def test_health_is_answered_without_the_application() -> None:
    front = Front(health="/healthz", when_reached=lambda: None)
    answer = front.wsgi(hello, threads=2, multiprocess=False)
    assert (ask(answer, "/healthz").status, ask(answer).body) == (200, b"hello")
    front.close()
    assert (ask(answer, "/healthz").status, ask(answer).body) == (503, b"hello")


def test_the_last_answer_on_a_connection_says_so() -> None:
    front = Front(when_reached=lambda: None)
    answer = front.wsgi(hello, threads=2, multiprocess=False)
    assert ask(answer).headers == [("Connection", "keep-alive"), ("X-Path", "/")]
    front.close()
    assert ask(answer).headers == [("X-Path", "/"), ("Connection", "close")]


def test_requests_are_counted() -> None:
    reached: list[bool] = []
    front = Front(limit=2, when_reached=lambda: reached.append(True))
    answer = front.wsgi(hello, threads=2, multiprocess=False)
    assert (ask(answer).status, reached) == (200, [])
    assert (ask(answer).status, reached) == (200, [True])


class Stalled:
    """The body of a request, of which nothing comes but what :meth:`send` gives."""

    def __init__(self) -> None:
        self._came: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.send = self._came.put

    def read(self, size: int) -> bytes:
        return self._came.get(timeout=PATIENCE)


@pytest.fixture
def held() -> list[bool]:
    """Gets an item when half of the threads are held."""
    return []


@pytest.fixture
def slow_bodies(held: list[bool]) -> SlowBodies:
    return SlowBodies(10, threads=3, when_held=lambda: held.append(True))


class Reader:
    """A thread that reads a body, and what came of it."""

    def __init__(self, slow_bodies: SlowBodies) -> None:
        self.taker, self.source = Taker(), Stalled()
        self.found: list[bytes | Exception] = []
        self.body = slow_bodies.watched(self.source, self.taker)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        while self.body not in slow_bodies._awaited:
            pass

    def _read(self) -> None:
        try:
            self.found.append(self.body.read(10))
        except RequestTimeout as error:
            self.found.append(error)

    def end(self, data: bytes) -> bytes | Exception:
        self.source.send(data)
        self._thread.join(PATIENCE)
        return self.found[0]


def test_a_body_that_comes_in_time_is_read(slow_bodies: SlowBodies, held: list[bool]) -> None:
    reader = Reader(slow_bodies)
    slow_bodies.look(time.monotonic() + 9)
    assert reader.end(b"data") == b"data"
    slow_bodies.look(time.monotonic() + 100)
    assert not hasattr(reader.taker, "status")
    assert held == []


def test_a_body_that_does_not_come_is_given_up_on(
    slow_bodies: SlowBodies, held: list[bool]
) -> None:
    reader = Reader(slow_bodies)
    slow_bodies.look(time.monotonic() + 11)
    assert reader.taker.status == 408
    assert ("connection", "close") in reader.taker.headers
    assert isinstance(reader.end(b"too late"), RequestTimeout)
    with pytest.raises(RequestTimeout):
        reader.body.read(10)
    slow_bodies.look(time.monotonic() + 100)
    assert held == []


def test_clients_that_stay_when_they_were_given_up_on(
    slow_bodies: SlowBodies, held: list[bool]
) -> None:
    first, second = Reader(slow_bodies), Reader(slow_bodies)
    slow_bodies.look(time.monotonic() + 11)
    # They have a moment to leave.
    assert held == []
    slow_bodies.look(time.monotonic() + 20)
    assert held == [True]
    # Only one of three threads is held then.
    first.end(b"")
    slow_bodies.look(time.monotonic() + 20)
    assert held == [True]
    second.end(b"")


# Processes

PROGRAM = """
import os, time
from pathlib import Path
from flask import Flask, Response, request

app = Flask(__name__)
version = "VERSION"

@app.route("/", methods=["GET", "POST"])
def index():
    request.get_data()
    return version, {"X-Worker": str(os.getpid())}

@app.route("/pid")
def pid():
    return str(os.getpid())

@app.route("/wait")
def wait():
    print("waiting", flush=True)
    while not Path("released").exists():
        time.sleep(0.01)
    return "released"

@app.route("/grow")
def grow():
    app.extensions["memory"] = b"x" * 400_000_000
    return "grown"

@app.route("/client")
def client():
    return [request.remote_addr, request.url]

@app.route("/pieces")
def pieces():
    return Response(str(number) for number in range(3))

@app.route("/body", methods=["POST"])
def body():
    return f"body of {len(request.get_data())}"

@app.route("/environ")
def environ():
    return sorted(key for key in request.environ if not key.startswith(("HTTP_", "wsgi.")))
"""

ENDS = """
@app.teardown_request
def end(error):
    print("*", type(error).__name__, flush=True)
"""

ASYNC = """
import asyncio

@app.route("/async")
async def async_view():
    return "async"

@app.route("/endless")
async def endless():
    async def pieces():
        try:
            yield "begun"
            await asyncio.Event().wait()
        finally:
            print("cleared up", flush=True)
    return Response(pieces())

@app.websocket("/socket")
async def socket(ws=None):
    from carboy import websocket
    await websocket.accept()
    try:
        async for message in websocket:
            await websocket.send(message)
    finally:
        print("cleared up", flush=True)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    with starting() as start:
        yield start


Serve = Callable[..., Program]


@pytest.fixture
def serve(start: Start, tmp_path: Path) -> Serve:
    """Serve the program with options of the command."""

    def serve(*options: str, text: str = PROGRAM, **environment: str) -> Program:
        (tmp_path / "program.py").write_text(text)
        port = () if "--uds" in options or "--port" in options else ("--port", "0")
        return start(
            *(COMMAND, "--app", "program", "serve", *port, *options),
            folder=tmp_path,
            # Two versions of a program can be of the same second and size.
            PYTHONDONTWRITEBYTECODE="1",
            **environment,
        )

    return serve


def test_what_it_says(serve: Serve) -> None:
    program = serve("--access-log", "text")
    host, port = program.address
    assert program.said == [
        " * Serving Carboy app 'program'",
        " * Interface: wsgi, as the application has only plain views",
        f" * 1 worker of 4 threads, process {program.process.pid}",
        f" * Running on http://{host}:{port}",
    ]
    assert program.get("/").text == "VERSION"
    assert program.get("/pieces").text == "012"
    assert program.post("/body", "12345").text == "body of 5"
    assert program.stop() == 0
    shown = [line.partition(" ")[2] for line in program.said[4:]]
    assert [line.split(" ms ")[1] for line in shown] == ["7 bytes", "3 bytes", "9 bytes"]
    assert [" ".join(line.split()[:4]) for line in shown] == [
        "127.0.0.1 GET / 200",
        "127.0.0.1 GET /pieces 200",
        "127.0.0.1 POST /body 200",
    ]


def test_the_environment_of_the_process_stays_out_of_a_request(serve: Serve) -> None:
    keys = json.loads(serve(HTTP_PROXY="http://proxy.example", SECRET="1").get("/environ").text)
    assert "SECRET" not in keys and "PATH_INFO" in keys


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has the policy.")
@pytest.mark.parametrize(
    ("options", "in_batches"),
    [
        (("--interface", "wsgi"), False),
        (("--interface", "wsgi", "--scheduling", "batch"), True),
        (("--interface", "rsgi"), True),
        (("--interface", "asgi"), True),
        (("--interface", "rsgi", "--scheduling", "normal"), False),
    ],
)
def test_how_threads_are_scheduled(
    serve: Serve, options: tuple[str, ...], in_batches: bool
) -> None:
    view = """
@app.get("/scheduling")
def scheduling():
    return str(os.sched_getscheduler(0) == os.SCHED_BATCH)
"""
    program = serve(*options, text=f"import os\n{PROGRAM}{view}")
    assert program.get("/scheduling").text == str(in_batches)


def test_a_worker_for_plain_views_holds_no_event_loop(serve: Serve) -> None:
    view = """
@app.route("/modules")
def modules():
    import sys
    return sorted({"asyncio", "granian.server", "multiprocessing", "ssl"} & sys.modules.keys())
"""
    program = serve(text=PROGRAM + view)
    assert program.get("/modules").text.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (PROGRAM + ASYNC[: ASYNC.index("@app.websocket")], (), "Interface: rsgi, as the"),
        (PROGRAM + ASYNC, (), "Interface: asgi, as the application has async views"),
        (PROGRAM + ASYNC, ("--interface", "wsgi"), "Interface: wsgi$"),
        (PROGRAM + ASYNC, ("--interface", "asgi"), "Interface: asgi$"),
        (PROGRAM, ("--interface", "rsgi"), "Interface: rsgi$"),
        (PROGRAM, ("--interface", "asgi"), "Interface: asgi$"),
    ],
)
def test_every_interface(serve: Serve, text: str, options: tuple[str, ...], said: str) -> None:
    program = serve(
        *options,
        *("--access-log", "json", "--health", "/healthz", "--proxy-hops", "1"),
        text=text,
    )
    program.wait_for(said)
    assert program.get("/").text == "VERSION"
    assert program.get("/healthz").text == "ok\n"
    assert program.get("/pieces").text == "012"
    assert program.post("/body", "12345").text == "body of 5"
    found = program.get("/client", X_Forwarded_For="1.1.1.1", X_Forwarded_Proto="https").text
    address, url = json.loads(found)
    assert (address, url[:8]) == ("1.1.1.1", "https://")
    if text != PROGRAM:
        assert program.get("/async").text == "async"
    assert program.stop() == 0
    lines = [json.loads(line) for line in program.said if line.startswith("{")]
    seen = {line["path"]: (line["status"], line["size"]) for line in lines}
    assert "/healthz" not in seen
    assert (seen["/"], seen["/pieces"], seen["/body"]) == ((200, 7), (200, 3), (200, 9))
    assert [line["client"] for line in lines if line["path"] == "/client"] == ["1.1.1.1"]


FAILS = """
@app.route("/fails")
async def fails():
    async def pieces():
        yield "begun"
        raise LookupError("in the middle")
    return Response(pieces())
"""

OBSERVED = """
@app.route("/left")
async def left():
    print("waiting", flush=True)
    await asyncio.Event().wait()

@app.route("/file")
async def file():
    from flask import send_file
    return send_file(__file__)

@app.websocket("/away")
async def away():
    return "go", 418
"""


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_what_the_lines_say(serve: Serve, interface: str, tmp_path: Path) -> None:
    options = "--interface", interface, "--access-log", "json"
    program = serve(*options, text=PROGRAM + ASYNC + FAILS + OBSERVED)
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(b"GET /left HTTP/1.1\r\nHost: h\r\n\r\n")
        program.wait_for("waiting")
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        connection.shutdown(socket.SHUT_WR)
        program.wait_for('"status": 499')
    program.wait_for('"status": 499')
    assert not any("Traceback" in line for line in program.said)
    assert program.get("/file").status == 200
    with pytest.raises(http.client.IncompleteRead):
        program.get("/fails")
    handshake = (
        b" HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: " + b64encode(bytes(16)) + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    # A text of three bytes, and two bytes that are none.
    frames = b"\x81\x83\0\0\0\0h\xc3\xa9" + b"\x82\x82\0\0\0\0\xff\xff"
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(b"GET /socket" + handshake + frames)
        with connection.makefile("rb") as incoming:
            while incoming.readline() != b"\r\n":
                pass
            assert incoming.read(9) == b"\x81\x03h\xc3\xa9\x82\x02\xff\xff"
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(b"GET /away" + handshake)
        assert b" 418 " in connection.makefile("rb").readline()
    # It is written when the view has noticed.
    program.wait_for('"path": "/socket"')
    assert program.stop() == 0
    lines = [json.loads(line) for line in program.said if line.startswith("{")]
    size = (tmp_path / "program.py").stat().st_size
    assert {(line["method"], line["path"], line["status"], line["size"]) for line in lines} == {
        ("GET", "/left", 499, 0),
        ("POST", "/", 499, 0),
        ("GET", "/file", 200, size),
        ("GET", "/fails", 200, 5),
        ("WEBSOCKET", "/socket", 101, 5),
        # RSGI refuses without a body.
        ("WEBSOCKET", "/away", 418, 2 if interface == "asgi" else 0),
    }


def test_the_prefix_needs_an_interface_that_has_it(serve: Serve) -> None:
    options = "--proxy-hops", "1", "--proxy-headers", "prefix"
    program = serve(*options, text=PROGRAM + ASYNC)
    program.wait_for("Interface: asgi, as")
    _, url = json.loads(program.get("/client", X_Forwarded_Prefix="/shop").text)
    assert url.endswith("/shop/client")
    refused = serve(*options, "--interface", "rsgi", text=PROGRAM + ASYNC)
    assert refused.wait() == 1
    assert "Error: RSGI has no place for X-Forwarded-Prefix. Use --interface asgi." in refused.said


def test_settings_from_the_file_and_the_environment(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.carboy.serve]\nhealth = '/up'\nthreads = 2")
    program = serve(CARBOY_SERVE_THREADS="3")
    program.wait_for("1 worker of 3 threads,")
    assert program.get("/up").text == "ok\n"


def test_a_port_in_use(serve: Serve) -> None:
    with closing(bind("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = serve("--port", str(port))
        assert program.wait() == 1
    (said,) = program.said
    assert said.startswith(f"Error: Cannot listen on 127.0.0.1 port {port}: the port is in use by ")
    assert " Stop that program, or choose another port with --port" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("", "Error: Failed to find Flask application or factory in module 'program'."),
        ("raise SystemExit('not today')", "not today"),
        ("import os; os.abort()", "the application could not be loaded"),
    ],
)
def test_a_program_that_cannot_be_loaded_is_told_once(serve: Serve, text: str, said: str) -> None:
    program = serve("--workers", "3", text=text)
    assert program.wait() == 1
    output = "\n".join(program.said)
    assert output.count(said) == 1
    assert program.said[-1] == (
        "Error: the application could not be loaded, so there is nothing to serve."
    )


def test_start_up_that_fails_is_no_start(serve: Serve) -> None:
    text = (
        PROGRAM
        + "\n@app.before_serving\nasync def begin():\n    raise LookupError('no database')\n"
    )
    for interface in ("rsgi", "asgi"):
        program = serve("--interface", interface, text=text)
        assert program.wait() == 1
        assert any("LookupError: no database" in line for line in program.said)


class Load:
    """Clients that each send one request after the other on a connection that is kept."""

    def __init__(self, program: Program, clients: int = 4) -> None:
        self.program = program
        self.answers: list[set[str]] = [set() for _ in range(clients)]
        #: For each request without an answer: the worker that answered on its connection
        #: before, if one did, and the error.
        self.lost: list[tuple[str | None, str]] = []
        self._over = False
        self._seen = threading.Condition()
        self._threads = [threading.Thread(target=self._visit, args=(a,)) for a in self.answers]
        program.address  # noqa: B018  # it may be asked by one thread only

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over = True
        self.join()

    def join(self) -> None:
        """Wait until the clients have ended."""
        for thread in self._threads:
            thread.join(PATIENCE)

    def _visit(self, answers: set[str]) -> None:
        connection = http.client.HTTPConnection(*self.program.address, PATIENCE)
        while not self._over:
            try:
                connection.connect()
            except ConnectionError:
                return
            worker = None
            try:
                while not self._over and connection.sock is not None:
                    for method, body in (("GET", None), ("POST", b"body")):
                        if connection.sock is None:
                            break
                        connection.request(method, "/", body)
                        answer = connection.getresponse()
                        text, worker = answer.read().decode(), answer.headers["X-Worker"]
                        with self._seen:
                            answers.add(text)
                            self._seen.notify()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append((worker, repr(error)))
            finally:
                connection.close()

    def wait_for(self, text: str) -> None:
        """Wait until each client has had this answer."""
        with self._seen:
            assert self._seen.wait_for(lambda: all(text in a for a in self.answers), PATIENCE)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_reload_and_stop_lose_no_request(
    serve: Serve, tmp_path: Path, interface: str, workers: str
) -> None:
    text = PROGRAM if interface == "wsgi" else PROGRAM.replace("def index", "async def index")
    program = serve("--workers", workers, "--interface", interface, text=text)
    with Load(program, clients=16) as load:
        load.wait_for("VERSION")
        for version in ("one", "two"):
            (tmp_path / "program.py").write_text(text.replace("VERSION", version))
            program.process.send_signal(signal.SIGHUP)
            load.wait_for(version)
        program.process.send_signal(signal.SIGTERM)
        load.join()
    assert load.lost == []
    assert program.wait() == 0


def test_a_reload_that_fails_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    program = serve()
    before = program.get("/pid").text
    (tmp_path / "program.py").write_text("1 / 0")
    program.process.send_signal(signal.SIGHUP)
    program.wait_for("ZeroDivisionError: division by zero")
    program.wait_for("The reload has failed; the workers from before go on serving.")
    assert program.get("/pid").text == before
    (tmp_path / "program.py").write_text(PROGRAM.replace("VERSION", "mended"))
    program.process.send_signal(signal.SIGHUP)
    with Load(program) as load:
        load.wait_for("mended")
    assert load.lost == []


def test_requests_in_flight_are_finished(serve: Serve, tmp_path: Path) -> None:
    program = serve()
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/wait")
        program.wait_for("waiting")
        program.process.send_signal(signal.SIGTERM)
        (tmp_path / "released").touch()
        assert connection.getresponse().read() == b"released"
    assert program.wait() == 0


@pytest.mark.parametrize("interface", ["wsgi", "rsgi"])
def test_requests_that_do_not_end_are_cut_off(serve: Serve, interface: str) -> None:
    program = serve("--graceful-timeout", "0.2", "--interface", interface)
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/wait")
        program.wait_for("waiting")
        assert program.stop() == 0
    assert "were still running after 0.2 seconds and were cut off." in program.said[-1]


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_stream_without_end_is_cut_off_and_clears_up(serve: Serve, interface: str) -> None:
    options = "--graceful-timeout", "0.2", "--interface", interface
    program = serve(*options, text=PROGRAM + ASYNC)
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/endless")
        assert connection.getresponse().read(5) == b"begun"
        assert program.stop() == 0
    assert "cleared up" in program.said


# RSGI carries no code.
@pytest.mark.parametrize(
    ("interface", "told"), [("asgi", b"\x88\x02\x03\xe9"), ("rsgi", b"\x88\x00")]
)
def test_websockets_are_told_of_a_reload_and_of_a_stop(
    serve: Serve, interface: str, told: bytes
) -> None:
    program = serve("--interface", interface, text=PROGRAM + ASYNC)
    for number in (signal.SIGHUP, signal.SIGTERM):
        with closing(socket.create_connection(program.address, PATIENCE)) as connection:
            connection.sendall(
                b"GET /socket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: " + b64encode(bytes(16)) + b"\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n"
                # A frame of text, masked with nothing.
                b"\x81\x82\0\0\0\0hi"
            )
            with connection.makefile("rb") as incoming:
                assert b" 101 " in incoming.readline()
                while incoming.readline() != b"\r\n":
                    pass
                assert incoming.read(4) == b"\x81\x02hi"
                program.process.send_signal(number)
                assert incoming.read(len(told)) == told
        program.wait_for("cleared up")
    assert program.wait() == 0


def test_a_second_signal_ends_it_at_once(serve: Serve) -> None:
    program = serve()
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/wait")
        program.wait_for("waiting")
        program.process.send_signal(signal.SIGINT)
        # Nobody can connect any more once the first one is being dealt with.
        path = Path(f"/proc/{program.process.pid}/status")
        while int(path.read_text().split("ShdPnd:")[1].split()[0], 16):
            pass
        program.process.send_signal(signal.SIGINT)
        assert program.wait() == 0


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_a_killed_worker_is_replaced_and_only_its_own_requests_fail(
    serve: Serve, interface: str
) -> None:
    program = serve("--workers", "2", "--interface", interface)
    serving = set()
    while len(serving) < 2:
        # The second one starts when the first one serves.
        serving.add(program.get("/pid").text)
    with Load(program, clients=16) as load:
        load.wait_for("VERSION")
        with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
            connection.request("GET", "/pid")
            killed = connection.getresponse().read().decode()
            connection.request("GET", "/wait")
            program.wait_for("waiting")
            os.kill(int(killed), signal.SIGKILL)
            with pytest.raises((OSError, http.client.HTTPException)):
                connection.getresponse()
        program.wait_for(f"Worker {killed} ended with SIGKILL; another one takes its place.")
        for answers in load.answers:
            answers.clear()
        load.wait_for("VERSION")
    # Of a connection without an answer it is not known who had it.
    assert {worker for worker, _ in load.lost} <= {killed, None}
    assert len(load.lost) <= len(load.answers)
    assert program.stop() == 0


def test_a_worker_that_is_asked_to_end_is_replaced_first(serve: Serve) -> None:
    program = serve()
    with Load(program) as load:
        before = program.get("/pid").text
        os.kill(int(before), signal.SIGTERM)
        program.wait_for(f"Worker {before} is replaced: it was asked to end.")
        while program.get("/pid").text == before:
            pass
    assert load.lost == []


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_a_client_that_leaves_in_its_body(serve: Serve, interface: str) -> None:
    options = "--interface", interface, "--access-log", "text"
    program = serve(*options, text=PROGRAM + ENDS)
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n123")
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(1000).partition(b"\r\n")[0]
    program.wait_for(r"POST /body (400|499)")
    assert program.post("/body", "12345").text == "body of 5"
    assert program.stop() == 0
    # Where the body is received before the view, there was no request.
    assert program.said.count("* NoneType") == (2 if interface == "wsgi" else 1)


@pytest.mark.parametrize(
    "body",
    ["Content-Length: 5\r\n\r\n123", "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n"],
    ids=["sized", "chunked"],
)
def test_a_client_that_does_not_send_its_body(serve: Serve, body: str) -> None:
    program = serve("--body-timeout", "0.1", "--access-log", "text", text=PROGRAM + ENDS)
    head = f"POST /body HTTP/1.1\r\nHost: h\r\n{body}"
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer
    program.wait_for(r"POST /body 408")
    assert program.post("/body", "12345").text == "body of 5"
    assert program.stop() == 0
    assert program.said.count("* NoneType") == 2


def test_workers_end_with_the_process_that_started_them(serve: Serve) -> None:
    program = serve("--workers", "2")
    program.get("/pid")
    # The workers hold its standard output too, so that nothing is said any more means they ended.
    assert program.stop(signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(ConnectionError):
        program.get("/")


def test_a_worker_is_replaced_after_so_many_requests(serve: Serve) -> None:
    program = serve("--max-requests", "20", "--max-requests-jitter", "10")
    with Load(program) as load:
        number = int(program.wait_for(r"is replaced: it has had (\d+) requests")[1])
        program.wait_for(r"is replaced: it has had (\d+) requests")
    assert 20 <= number <= 30
    assert load.lost == []


def test_a_worker_with_too_much_memory_is_replaced(serve: Serve) -> None:
    program = serve("--max-memory", "300")
    before = program.get("/pid").text
    assert program.get("/grow").text == "grown"
    assert int(program.wait_for(r"is replaced: it has (\d+) MiB of memory")[1]) > 300
    while program.get("/pid").text == before:
        pass


def test_folders_are_served_without_the_application(serve: Serve, tmp_path: Path) -> None:
    for folder in ("static", "files"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page.txt").write_text(folder)
    program = serve("--static", "--static-mount", "/files=files", "--access-log", "text")
    for folder in ("static", "files"):
        answer = program.get(f"/{folder}/page.txt")
        assert (answer.text, answer.headers["Cache-Control"]) == (folder, "max-age=86400")
    for path in ("/files/none.txt", "/files/../program.py", "/files/%2e%2e/program.py"):
        assert program.get(path).status == 404
    assert program.get("/").text == "VERSION"
    program.stop()
    assert len([line for line in program.said if " GET /" in line]) == 1


def test_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    program = serve("--uds", "socket", "--trusted-proxies", "unix")
    program.wait_for(f"Running on unix:{path}")
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(
            b"GET /client HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\n"
            b"Connection: close\r\n\r\n"
        )
        with connection.makefile("rb") as answer:
            assert b'"1.1.1.1"' in answer.read()
    assert program.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "interface"), [((), "asgi"), (("--interface", "rsgi"), "rsgi")]
)
def test_a_stream_that_fails_on_a_unix_socket(
    serve: Serve, tmp_path: Path, options: tuple[str, ...], interface: str
) -> None:
    text = PROGRAM + ASYNC[: ASYNC.index("@app.websocket")] + FAILS
    program = serve("--uds", "socket", "--graceful-timeout", "0", *options, text=text)
    program.wait_for(f"Interface: {interface}")
    program.wait_for("Running on unix:")
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(tmp_path / "socket"))
        connection.sendall(b"GET /fails HTTP/1.1\r\nHost: h\r\n\r\n")
        program.wait_for("LookupError: in the middle")
        assert program.stop() == 0
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
        # Without what ends an answer of pieces.
        assert (head[:12], body) == (b"HTTP/1.1 200", b"5\r\nbegun\r\n")


def test_clients_with_certificates(serve: Serve, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    for options in (
        "-subj /CN=localhost -keyout key.pem -out cert.pem -addext subjectAltName=IP:127.0.0.1",
        "-subj /CN=client -keyout client.key -out client.pem -CA cert.pem -CAkey key.pem"
        " -addext basicConstraints=critical,CA:FALSE",
    ):
        subprocess.run(
            [openssl, *["req", "-x509", "-newkey", "rsa:2048", "-nodes"], *options.split()],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    program = serve(*("--certificate", "cert.pem", "--key", "key.pem", "--client-ca", "cert.pem"))
    program.wait_for("Interface")
    host, port = program.address
    known = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    known.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
    with closing(http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=known)) as c:
        c.request("GET", "/client")
        assert json.loads(c.getresponse().read())[1].startswith("https://")
    stranger = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    with (
        closing(http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=stranger)) as c,
        pytest.raises(OSError),
    ):
        c.request("GET", "/client")
        c.getresponse()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def test_http_2(serve: Serve) -> None:
    program = serve("--http", "2")
    # POST, http, /body, and "h" as the authority, by the static table of HPACK.
    headers = b"\x83\x86\x04\x05/body\x01\x01h"
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(4, 0, 0, b"")
            + frame(1, 4, 1, headers)
            # A body whose length is not said before.
            + frame(0, 1, 1, b"12345")
        )
        with connection.makefile("rb") as incoming:
            kind, payload = None, b""
            while kind != 0:
                head = incoming.read(9)
                kind = head[3]
                payload = incoming.read(int.from_bytes(head[:3]))
    assert payload == b"body of 5"
    assert program.stop() == 0


# The page about it

PAGE = (Path(__file__).parent.parent / "docs" / "deploying.md").read_text()


def test_the_page_names_every_option() -> None:
    rows = "".join(line for line in PAGE.splitlines() if line.startswith("| `--"))
    for option in serve_command.params:
        assert f"`{max(option.opts, key=len)}`" in rows


def test_the_example_of_the_page_can_be_read(served: list[Settings]) -> None:
    example = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    Path("pyproject.toml").write_text(example)
    assert invoke().exit_code == 0
    assert (served[0].workers, served[0].max_requests_jitter) == (4, 1000)
