"""The development server, over real connections: what it says, serves, refuses, and how it ends."""

from __future__ import annotations

import http.client
import os
import pty
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from .conftest import COMMAND, PATIENCE, Program, Start, starting

PROGRAM = """
import signal, sys, threading
from flask import Flask, Response, request

app = Flask(__name__)
released = threading.Event()

@app.route("/")
def index():
    return "Hello"

@app.route("/environ/<name>")
def environ(name):
    return ascii(request.environ.get(name))

@app.route("/path/<path:path>")
def path(path):
    return ascii(path)

@app.route("/body", methods=["POST"])
def body():
    return request.get_data()

@app.route("/lines", methods=["POST"])
def lines():
    return repr(list(request.stream))

@app.route("/wait")
def wait():
    print("waiting", flush=True)
    released.wait()
    return "released"

@app.route("/release")
def release():
    released.set()
    return "released"

@app.route("/interrupted")
def interrupted():
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    return "interrupted"

@app.route("/fail")
def fail():
    raise LookupError("the view failed")

@app.route("/pieces")
def pieces():
    return Response(str(number) for number in range(3))

@app.route("/stop")
def stop():
    word = "seen in a debugger"
    breakpoint()
    return word

if __name__ == "__main__":
    app.run(port=0, **{name: True for name in sys.argv[1:]})
    print("after", app.name)
"""


@pytest.fixture
def program(start: Start, tmp_path: Path) -> Program:
    (tmp_path / "program.py").write_text(PROGRAM)
    return start(COMMAND, "--app", "program", "run", folder=tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for the tests that only ask it something."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "program.py").write_text(PROGRAM)
    with starting() as start:
        yield start(COMMAND, "--app", "program", "run", folder=folder)


def send(program: Program, data: bytes, *, leave: bool = False) -> bytes:
    """What comes back for these very bytes, up to the end of the connection.

    :param leave: tell the server that nothing more will be sent
    """
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(data)
        if leave:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read()


def test_what_it_says(program: Program) -> None:
    host, port = program.address
    assert program.said == [
        " * Serving Carboy app 'program'",
        " * Debug mode: off",
        " * Interface: wsgi, as the application has only plain views",
        f" * Running on http://{host}:{port}",
    ]
    program.get("/?a=%20b")
    program.get("/nothing")
    program.request("/", "POST")
    assert program.stop() == 0
    lines = [re.sub(r"\d+\.\d ms", "… ms", line) for line in program.said[4:]]
    assert lines == [
        "Press CTRL+C to quit",
        "GET /?a=%20b 200 … ms 5 B",
        "GET /nothing 404 … ms 207 B",
        "POST / 405 … ms 153 B",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_quietly(program: Program, number: int) -> None:
    with closing(socket.create_connection(program.address, PATIENCE)):
        program.get("/")
        assert program.stop(number) == 0
    assert program.said[-1].startswith("GET / 200 ")


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_a_signal_that_interrupts_another_thread(
    start: Start, tmp_path: Path, interface: str
) -> None:
    """As for one that comes after the last look before a wait, nothing wakes the main thread."""
    (tmp_path / "program.py").write_text(PROGRAM)
    options = "run", "--interface", interface
    program = start(COMMAND, "--app", "program", *options, folder=tmp_path)
    assert program.get("/interrupted").text == "interrupted"
    assert program.wait() == 0


#: Serves again and again. A first time until a signal comes from outside, to count the steps that
#: the main thread takes until it does nothing but wait; then once for each of them, and in the very
#: middle of that step it gets the signal.
INTERRUPTED = """
import signal, sys
from carboy import Flask

app = Flask(__name__)

@app.route("/")
def index():
    return "Hello"

def count(frame, event, arg):
    global steps
    handler = signal.getsignal(signal.SIGINT)
    # Until it serves, a signal does what it does anywhere; logging does less the second time.
    if handler is signal.default_int_handler or frame.f_globals["__name__"] == "logging":
        return
    if steps == at or frame.f_code is handler.__code__:
        sys.setprofile(None)
        if frame.f_code is not handler.__code__:
            signal.raise_signal(signal.SIGINT)
    else:
        steps += 1

def serve():
    global steps
    steps = 0
    sys.setprofile(count)
    app.run(port=0)
    sys.setprofile(None)

at = None
serve()
last = steps
for at in range(last):
    serve()
    print("stopped in step", at, "of", last, flush=True)
"""


def test_a_signal_that_comes_while_it_begins_to_wait(start: Start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(INTERRUPTED)
    program = start(sys.executable, "program.py", folder=tmp_path)
    for _ in range(5):
        assert program.get("/").text == "Hello"
    assert program.stop(signal.SIGINT) == 0
    stopped = [line for line in program.said if line.startswith("stopped")]
    assert len(stopped) > 10
    assert stopped[-1] == f"stopped in step {len(stopped) - 1} of {len(stopped)}"


def test_a_request_that_does_not_end_is_cut_off(program: Program) -> None:
    with closing(socket.create_connection(program.address, PATIENCE)) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        program.wait_for("waiting")
        assert program.stop(signal.SIGINT) == 0
    assert program.said[-1] == "A request was still running and was cut off."


def test_requests_are_served_at_the_same_time(program: Program) -> None:
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/wait")
        program.wait_for("waiting")
        assert program.get("/release").text == "released"
        assert connection.getresponse().read() == b"released"


def test_without_threads_one_request_at_a_time(start: Start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = (COMMAND, "--app", "program", "run", "--without-threads")
    program = start(*command, folder=tmp_path)
    assert program.get("/environ/wsgi.multithread").text == "False"


def test_an_error_is_shown_where_the_server_was_started(program: Program) -> None:
    answer = program.get("/fail")
    assert answer.status == 500
    assert b"the view failed" not in answer.body
    program.wait_for("LookupError: the view failed")
    program.wait_for("GET /fail 500")


def test_in_debug_mode_too(start: Start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    program = start(COMMAND, "--app", "program", "run", "--debug", folder=tmp_path)
    assert program.get("/fail").status == 500
    assert " * Debug mode: on" in program.said
    program.wait_for("LookupError: the view failed")


def test_debug_mode_on_a_system_without_the_reloader(start: Start, tmp_path: Path) -> None:
    module = "importlib.import_module('carboy.server.develop')"
    elsewhere = f"import importlib\n{module}.HAS_RELOADER = False\n"
    text = PROGRAM.partition("if __name__")[0]
    (tmp_path / "program.py").write_text(f"{elsewhere}{text}app.run(debug=True, port=0)\n")
    program = start(sys.executable, "-m", "carboy", "program.py", folder=tmp_path)
    assert program.get("/fail").text.endswith("LookupError: the view failed\n")
    assert " * Without effect here: the reloader, which needs a Unix system" in program.said


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
@pytest.mark.parametrize("options", [(), ("--debug", "--no-debugger", "--no-reload")])
def test_where_nobody_shows_an_error_it_is_told_once(
    start: Start, tmp_path: Path, options: tuple[str, ...], interface: str
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    options = "run", *options, "--interface", interface
    program = start(COMMAND, "--app", "program", *options, folder=tmp_path)
    answer = program.get("/fail")
    assert answer.status == 500
    assert "<h1>Internal Server Error</h1>" in answer.text
    program.wait_for("GET /fail 500 .* 265 B")
    program.stop()
    assert program.said.count("LookupError: the view failed") == 1


@pytest.mark.parametrize(
    ("options", "reloads", "shows"),
    [
        (("--debug",), True, True),
        (("--debug", "--no-reload"), False, True),
        (("--debug", "--no-debugger"), True, False),
        (("--reload",), True, False),
        (("--debugger",), False, False),
        ((), False, False),
    ],
)
def test_the_reloader_and_the_debugger_each_alone(
    start: Start, tmp_path: Path, options: tuple[str, ...], reloads: bool, shows: bool
) -> None:
    (tmp_path / "program.py").write_text(
        f"{PROGRAM}\n@app.route('/reloads')\ndef reloads():\n"
        "    import os\n    return str('WERKZEUG_RUN_MAIN' in os.environ)\n"
    )
    program = start(COMMAND, "--app", "program", "run", *options, folder=tmp_path)
    assert program.get("/reloads").text == str(reloads)
    assert (b"the view failed" in program.get("/fail").body) == shows
    assert any("Without effect" in line for line in program.said) == (options == ("--debugger",))


@pytest.mark.parametrize("variable", [{"FLASK_DEBUG": "1"}, {"FLASK_ENV": "development"}])
def test_debug_mode_by_the_environment(
    start: Start, tmp_path: Path, variable: dict[str, str]
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    program = start(COMMAND, "--app", "program", "run", folder=tmp_path, **variable)
    assert b"the view failed" in program.get("/fail").body
    (tmp_path / "program.py").write_text(PROGRAM.replace("Hello", "Hello again"))
    program.wait_for("Ready after")
    assert program.get("/").text == "Hello again"


def test_a_certificate_for_one_run(start: Start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    options = "--cert", "adhoc", "--reload"
    program = start(
        COMMAND, "--app", "program", "run", *options, folder=tmp_path, TMPDIR=str(tmp_path)
    )
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(*program.address, timeout=PATIENCE, context=context)
    for text in ("Hello", "Hello again"):
        with closing(connection):
            connection.request("GET", "/")
            assert connection.getresponse().read().decode() == text
        (tmp_path / "program.py").write_text(PROGRAM.replace("Hello", "Hello again"))
        if text == "Hello":
            program.wait_for("Ready after")
    assert program.stop(signal.SIGHUP) == 0
    # Nothing of the key is left behind.
    assert {path.name for path in tmp_path.iterdir()} <= {"program.py", "__pycache__"}


def test_a_port_in_use(program: Program, start: Start, tmp_path: Path) -> None:
    _, port = program.address
    command = (COMMAND, "--app", "program", "run", "--port", str(port))
    second = start(*command, folder=tmp_path)
    assert second.wait() == 1
    match = re.fullmatch(
        rf"Error: Cannot listen on 127\.0\.0\.1 port {port}: the port is in use by (.+)\. Stop that"
        r" program, or choose another port with --port: (\d+) is free\.",
        second.said[-1],
    )
    assert match
    assert int(match[2]) > port
    if Path("/proc/net/tcp").exists():
        assert match[1].startswith(f"process {program.process.pid} (")


def test_no_application(start: Start, tmp_path: Path) -> None:
    program = start(COMMAND, "run", folder=tmp_path)
    assert program.wait() == 2
    assert "Could not locate a Flask application." in program.said[-1]


def test_a_script_serves_itself(start: Start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = (sys.executable, "-m", "carboy", "program.py", "request_handler", "use_evalex")
    program = start(*command, folder=tmp_path)
    assert program.get("/").text == "Hello"
    assert " * Serving Carboy app 'program'" in program.said
    assert " * Without effect here: a request handler" in program.said
    assert program.stop(signal.SIGINT) == 0
    assert program.said[-1] == "after program"


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_signal_that_comes_to_another_thread_stops_the_server(
    start: Start, tmp_path: Path, interface: str
) -> None:
    # As one does that comes right before the main thread waits, it does not end the wait.
    other = """
threading.Thread(target=threading.Event().wait, daemon=True).start()
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
"""
    (tmp_path / "program.py").write_text(PROGRAM.partition("if __name__")[0] + other)
    options = "--app", "program", "run", "--interface", interface
    program = start(COMMAND, *options, folder=tmp_path)
    assert program.get("/").text == "Hello"
    assert program.stop(signal.SIGTERM) == 0


def test_a_port_may_be_a_text(start: Start, tmp_path: Path) -> None:
    text = PROGRAM.partition("if __name__")[0]
    (tmp_path / "program.py").write_text(f"{text}app.run(port='0')\n")
    program = start(sys.executable, "-m", "carboy", "program.py", folder=tmp_path)
    assert program.get("/").text == "Hello"


def test_an_interface_that_does_not_exist(start: Start, tmp_path: Path) -> None:
    text = PROGRAM.partition("if __name__")[0]
    (tmp_path / "program.py").write_text(f"{text}app.run(port=0, interface='fcgi')\n")
    program = start(sys.executable, "-m", "carboy", "program.py", folder=tmp_path)
    assert program.wait() == 1
    said = "Error: there is no interface 'fcgi'. Choose one of auto, wsgi, rsgi, asgi."
    assert program.said == [said]


def test_a_call_of_run_does_not_block_the_command(start: Start, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace('__name__ == "__main__"', "True"))
    program = start(COMMAND, "--app", "program", "run", folder=tmp_path)
    assert program.get("/").text == "Hello"
    assert any("Ignoring a call to 'app.run()'" in line for line in program.said)


def test_ipv6(start: Start, tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    (tmp_path / "program.py").write_text(PROGRAM)
    program = start(COMMAND, "--app", "program", "run", "-h", "::1", folder=tmp_path)
    assert program.get("/environ/SERVER_NAME").text == "'::1'"


def test_https(start: Start, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    options = "-x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", *options.split(), *names]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "program.py").write_text(PROGRAM)
    pair = "--cert", "cert.pem", "--key", "key.pem"
    program = start(COMMAND, "--app", "program", "run", *pair, folder=tmp_path)
    host, port = program.address
    assert program.said[-1] == f" * Running on https://{host}:{port}"
    context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
    with closing(connection):
        connection.request("GET", "/environ/wsgi.url_scheme")
        assert connection.getresponse().read() == b"'https'"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/path/caf%C3%A9", "caf\u00e9"),
        ("/path/a%2Fb", "a/b"),
        ("/path/%zz%", "%zz%"),
        ("/path/a+b%2B%20", "a+b+ "),
        ("/path/%E9", "\ufffd"),
        ("/path/a%00b", "a\x00b"),
        ("/path/%2e%2e/x", "../x"),
        ("http://other.example/path/absolute", "absolute"),
    ],
)
def test_odd_paths(shared: Program, target: str, path: str) -> None:
    lines = f"GET {target} HTTP/1.1", "Host: localhost", "Connection: close", "", ""
    answer = send(shared, "\r\n".join(lines).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body.decode() == ascii(path)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
        (b"GET /" + b"a" * 66_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
        (b"\x16\x03\x01 no HTTP at all\r\n\r\n", 400),
    ],
)
def test_bad_requests_are_refused(shared: Program, request_bytes: bytes, status: int) -> None:
    answer = send(shared, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert shared.get("/").text == "Hello"


def test_bodies(shared: Program) -> None:
    data = b"one\ntwo\nthree"
    assert shared.request("/body", "POST", data).body == data
    assert shared.request("/lines", "POST", data).text == "[b'one\\n', b'two\\n', b'three']"
    large = bytes(range(256)) * 4096
    assert shared.request("/body", "POST", large).body == large
    chunked = b"4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n"
    head = b"POST /body HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    assert send(shared, head + chunked).endswith(b"\r\n\r\nwikipedia")


def test_a_body_that_ends_too_early_is_a_bad_request(shared: Program) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
    assert send(shared, head + b"short", leave=True).startswith(b"HTTP/1.1 400 ")


def test_the_answer_to_a_body_that_nobody_reads_arrives(shared: Program) -> None:
    with closing(http.client.HTTPConnection(*shared.address, PATIENCE)) as connection:
        for _ in range(2):
            connection.request("POST", "/", bytes(4_000_000))
            answer = connection.getresponse()
            assert (answer.status, answer.read()[:9]) == (405, b"<!doctype")


def test_a_client_that_leaves_a_body_nobody_reads(shared: Program) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
    send(shared, head + b"short", leave=True)
    shared.wait_for("POST / 405")
    assert shared.get("/").text == "Hello"


def test_a_streamed_answer(shared: Program) -> None:
    answer = shared.get("/pieces")
    assert answer.text == "012"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert shared.request("/pieces", "HEAD").body == b""


# At a terminal


class Terminal:
    """A program at a terminal of its own: what it shows, and a keyboard."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.shown = ""
        self._read_to = 0

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read on until what is shown matches."""
        while not (match := re.search(pattern, self.shown[self._read_to :])):
            self._read()
        self._read_to += match.end()
        return match

    def _read(self) -> None:
        ready, _, _ = select.select([self.master], [], [], PATIENCE)
        assert ready, f"Nothing more is shown than {self.shown!r}"
        self.shown += os.read(self.master, 65536).decode()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait(self) -> int:
        """The exit status; reads what is shown up to the end."""
        reader = threading.Thread(target=self._read_on)
        reader.start()
        status = self.process.wait(PATIENCE)
        # The test's own end would keep the terminal alive.
        reader.join(PATIENCE)
        return status

    def _read_on(self) -> None:
        try:
            while True:
                self._read()
        except OSError:  # nobody has the other end any more
            return

    @property
    def address(self) -> tuple[str, int]:
        match = re.search(r"Running on http://([\d.]+):(\d+)", self.shown)
        assert match
        return match[1], int(match[2])


AT_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def at_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start the program at a terminal."""
    (tmp_path / "program.py").write_text(PROGRAM)
    with ExitStack() as stack:

        @contextmanager
        def starting(options: tuple[str, ...], environment: dict[str, str]) -> Iterator[Terminal]:
            master, slave = pty.openpty()
            clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "NO_"))}
            process = subprocess.Popen(
                [sys.executable, "-c", AT_TERMINAL, COMMAND, "--app", "program", "run", *options],
                cwd=tmp_path,
                env={**clean, "TERM": "xterm", "FLASK_RUN_PORT": "0", **environment},
                stdin=slave,
                stdout=slave,
                stderr=slave,
            )
            os.close(slave)
            try:
                yield Terminal(master, process)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                os.close(master)

        yield lambda *options, **environment: stack.enter_context(starting(options, environment))


@pytest.mark.parametrize("options", [(), ("--debug",), ("--reload", "--interface", "rsgi")])
def test_a_breakpoint_in_a_view(
    at_terminal: Callable[..., Terminal], options: tuple[str, ...]
) -> None:
    terminal = at_terminal(*options)
    terminal.wait_for("Press CTRL")
    with closing(http.client.HTTPConnection(*terminal.address, PATIENCE)) as connection:
        connection.request("GET", "/stop")
        terminal.wait_for(r"\(Pdb\) ")
        terminal.type("word.upper()\n")
        terminal.wait_for("'SEEN IN A DEBUGGER'")
        terminal.wait_for(r"\(Pdb\) ")
        terminal.type("word = 'changed'\ncontinue\n")
        assert connection.getresponse().read() == b"changed"
    terminal.type("\x03")
    assert terminal.wait() == 0
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("options", [(), ("--debug",)])
def test_the_terminal_is_left_as_it_was(
    at_terminal: Callable[..., Terminal], options: tuple[str, ...]
) -> None:
    terminal = at_terminal(*options)
    terminal.wait_for("Press CTRL")
    before = termios.tcgetattr(terminal.master)
    with closing(http.client.HTTPConnection(*terminal.address, PATIENCE)) as connection:
        connection.request("GET", "/stop")
        terminal.wait_for(r"\(Pdb\) ")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for("cut off")
        assert terminal.process.wait(PATIENCE) == 0
    assert termios.tcgetattr(terminal.master) == before


def test_a_breakpoint_while_the_program_is_started_anew(
    at_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    terminal = at_terminal("--debug")
    terminal.wait_for("Press CTRL")
    with closing(http.client.HTTPConnection(*terminal.address, PATIENCE)) as connection:
        connection.request("GET", "/stop")
        terminal.wait_for(r"\(Pdb\) ")
        (tmp_path / "program.py").write_text(PROGRAM.replace("Hello", "Hello again"))
        terminal.wait_for("Ready after")
        # The view has a moment to go on, as any other that is being served.
        terminal.type("continue\n")
        assert connection.getresponse().read() == b"seen in a debugger"
    terminal.type("\x03")
    assert terminal.wait() == 0


def test_a_closed_terminal(at_terminal: Callable[..., Terminal]) -> None:
    terminal = at_terminal("--debug")
    terminal.wait_for("Press CTRL")
    os.close(terminal.master)
    try:
        # 1 when it was just about to write something.
        assert terminal.process.wait(PATIENCE) in {0, 1}
    finally:
        terminal.master = os.dup(0)


def test_colours_are_for_terminals(at_terminal: Callable[..., Terminal]) -> None:
    terminal = at_terminal("--debug")
    terminal.wait_for("Press CTRL")
    with closing(http.client.HTTPConnection(*terminal.address, PATIENCE)) as connection:
        connection.request("GET", "/nothing")
        assert connection.getresponse().status == 404
    terminal.wait_for(r"GET /nothing \x1b\[33m404\x1b\[0m \d+\.\d ms \d+ B\r\n")


def test_another_port_is_offered(at_terminal: Callable[..., Terminal], program: Program) -> None:
    _, port = program.address
    terminal = at_terminal("--port", str(port))
    free = int(terminal.wait_for(r"Take port (\d+) instead\? \[Y/n\] ")[1])
    terminal.type("\n")
    terminal.wait_for("Press CTRL")
    assert terminal.address == ("127.0.0.1", free)
    terminal = at_terminal("--port", str(port))
    terminal.wait_for("instead")
    terminal.type("n\n")
    assert terminal.wait() == 1
