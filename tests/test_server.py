"""The parts of the development server: addresses, lines, and WSGI without a server."""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

from carboy.server import CannotListen, run_simple
from carboy.server.access_log import LoggedLines, logger, readable, show_access_log
from carboy.server.address import bind, owner, url
from carboy.server.develop import banner_lines, start_lines
from carboy.server.wsgi import WSGICallback

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Addresses


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected"),
    [
        ("http", "127.0.0.1", 5000, "http://127.0.0.1:5000"),
        ("http", "carboy.example", 80, "http://carboy.example"),
        ("https", "carboy.example", 443, "https://carboy.example"),
        ("https", "carboy.example", 80, "https://carboy.example:80"),
        ("http", "::1", 5000, "http://[::1]:5000"),
    ],
)
def test_url(scheme: str, host: str, port: int, expected: str) -> None:
    assert url(scheme, host, port) == expected


def test_port_0_is_a_port_of_its_own() -> None:
    with closing(bind("127.0.0.1", 0)) as one, closing(bind("localhost", 0)) as other:
        assert one.getsockname()[1] != other.getsockname()[1]
        with closing(socket.create_connection(one.getsockname())):
            pass


def test_who_replaces_the_standard_librarys_binding_learns_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = []
    original = TCPServer.server_bind

    def noting(self: TCPServer) -> None:
        original(self)
        ports.append(self.socket.getsockname()[1])

    monkeypatch.setattr(TCPServer, "server_bind", noting)
    with closing(bind("127.0.0.1", 0)) as listener:
        assert ports == [listener.getsockname()[1]]


def test_a_port_in_use_is_explained() -> None:
    with closing(bind("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            bind("127.0.0.1", port)
    error = caught.value
    said = str(error)
    assert said.startswith(f"Cannot listen on 127.0.0.1 port {port}: the port is in use by ")
    assert error.free is not None
    assert said.endswith(
        f". Stop that program, or choose another port with --port: {error.free} is free."
    )
    assert (error.host, error.port) == ("127.0.0.1", port)
    assert error.free > port
    with closing(bind("127.0.0.1", error.free)):
        pass


def test_who_has_a_port_is_told() -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("this system does not tell")
    with closing(bind("127.0.0.1", 0)) as taken, closing(bind("::1", 0)) as other:
        for sock in (taken, other):
            who = owner(sock.getsockname()[1])
            assert who is not None
            assert who.startswith(f"process {os.getpid()} (")
        port = taken.getsockname()[1]
    assert owner(port) is None


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 65536, "a port is a number from 0 to 65535"),
        ("127.0.0.1", -1, "a port is a number from 0 to 65535"),
        ("192.0.2.1", 0, "this machine has no such address"),
        ("no.such.host.invalid", 0, "must be a name or an address of this machine"),
        ("a" * 64 + ".example", 0, "must be a name or an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_is_explained(host: str, port: int, said: str) -> None:
    with pytest.raises(CannotListen, match=said):
        bind(host, port)


# What is said at the start


def test_start_lines() -> None:
    assert list(start_lines("http", "127.0.0.1", 5000)) == [
        " * Running on http://127.0.0.1:5000",
        "Press CTRL+C to quit",
    ]
    assert list(start_lines("https", "::", 5000, ["several processes", "a request handler"])) == [
        " * Without effect here: several processes, a request handler",
        " * Running on all addresses (::)",
        " * Running on https://[::1]:5000",
        "Press CTRL+C to quit",
    ]
    assert " * Running on all addresses (0.0.0.0)" in start_lines("http", "", 5000)


def test_banner_lines() -> None:
    assert list(banner_lines("hello", True)) == [
        " * Serving Carboy app 'hello'",
        " * Debug mode: on",
    ]
    assert list(banner_lines(None, None)) == []


def test_a_certificate_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    for context in (object(), ("nothing.pem", "nothing.key")):
        with pytest.raises(SystemExit) as caught:
            run_simple("127.0.0.1", 0, lambda *_: [], ssl_context=context)
        assert caught.value.code == 1
    said = capsys.readouterr().err
    assert "HTTPS needs the paths of a certificate and of its key, not <object" in said
    assert "Cannot use the certificate nothing.pem with the key nothing.key: " in said


# The line for a request


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/", "", "GET / 200 1.5 ms 5 B"),
        ("/a/b", "x=1&y=%20", "GET /a/b?x=1&y=%20 200 1.5 ms 5 B"),
        ("/caf\u00c3\u00a9", "", "GET /caf%C3%A9 200 1.5 ms 5 B"),
        ("/a\r\nGET /forged 200", "", "GET /a%0D%0AGET%20/forged%20200 200 1.5 ms 5 B"),
        ("/\x1b[31m", "q=\x9b", "GET /%1B%5B31m?q=%9B 200 1.5 ms 5 B"),
    ],
)
def test_the_line_of_a_request(
    path: str, query: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query}
    with caplog.at_level(logging.INFO, "werkzeug"):
        LoggedLines().wsgi(environ, 200, 0.0015, 5)
    assert caplog.messages == [expected]


def test_the_line_names_the_whole_path(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/app", "PATH_INFO": "/page"}
    with caplog.at_level(logging.INFO, "werkzeug"):
        LoggedLines().wsgi(environ, 404, 0, 0)
    assert caplog.messages == ["GET /app/page 404 0.0 ms 0 B"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (999_950_000, "1.0 GB"),
        (12_000_000_000, "12.0 GB"),
    ],
)
def test_sizes_are_readable(size: int, expected: str) -> None:
    assert readable(size) == expected


class Terminal(io.StringIO):
    """Takes what is written, and is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("untouched_logger")
@pytest.mark.parametrize("others_listen", [True, False])
@pytest.mark.parametrize(
    ("stream", "no_colour", "status", "expected"),
    [
        (Terminal, "", 200, "\x1b[32m200\x1b[0m"),
        (Terminal, "", 302, "\x1b[36m302\x1b[0m"),
        (Terminal, "", 404, "\x1b[33m404\x1b[0m"),
        (Terminal, "", 500, "\x1b[1;31m500\x1b[0m"),
        (Terminal, "1", 404, "404"),
        (io.StringIO, "", 404, "404"),
    ],
)
def test_the_status_is_in_colour_on_a_terminal(
    stream: type[io.StringIO],
    no_colour: str,
    status: int,
    expected: str,
    others_listen: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys, "stderr", shown := stream())
    # The test run itself listens to the root.
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logging.root, "handlers", logging.root.handlers if others_listen else [])
    show_access_log()
    LoggedLines().wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, status, 0, 1)
    logger.warning("something else")
    assert shown.getvalue() == f"GET / {expected} 0.0 ms 1 B\nsomething else\n"


@pytest.fixture
def untouched_logger() -> Iterator[None]:
    level, handlers = logger.level, list(logger.handlers)
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.mark.usefixtures("untouched_logger")
def test_a_program_may_turn_the_lines_off(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    show_access_log()
    LoggedLines().wsgi(environ, 200, 0, 0)
    assert [record.name for record in caplog.records] == ["werkzeug"]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    show_access_log()
    LoggedLines().wsgi(environ, 200, 0, 0)
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("untouched_logger")
def test_a_program_may_change_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    monkeypatch.setattr(logging.root, "handlers", [])
    show_access_log()
    (handler,) = logger.handlers
    said = []

    def ask() -> None:
        LoggedLines().wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, 200, 0, 1)
        said.append(shown.getvalue())
        shown.truncate(0)
        shown.seek(0)

    ask()
    hidden = lambda record: record.args[2] != 200  # noqa: E731
    for filtered in (logger, handler):
        filtered.addFilter(hidden)
        ask()
        filtered.removeFilter(hidden)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    ask()
    handler.setFormatter(None)
    logging.root.addHandler(logging.StreamHandler(shown))
    ask()
    line = "GET / 200 0.0 ms 1 B\n"
    assert said == [line, "", "", f"INFO {line}", line * 2]


# WSGI


class Client:
    """Stands where the server does: it asks, and takes the answer."""

    def __init__(self, application: WSGIApplication) -> None:
        self.log: list[int] = []
        self.sizes: list[int] = []
        self.callback = WSGICallback(application, self.note, multithread=True)
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    def note(self, environ: WSGIEnvironment, status: int, seconds: float, size: int) -> None:
        self.log.append(status)
        self.sizes.append(size)

    def get(self, **environ: Any) -> Client:
        given = {
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "5000",
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "HTTP_HOST": "localhost",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        }
        self.callback(self, {**given, **environ})
        return self

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def response_iter(
        self, status: int, headers: list[tuple[str, str]], body: Iterator[bytes]
    ) -> None:
        self.status, self.headers = status, headers
        while True:
            try:
                self.body += body.__next__()
            except StopIteration:
                break
        body.close()  # type: ignore[attr-defined]


Answer = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hel", b"lo"]


def hello_in_pieces(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"Hel"
    yield b"lo"


def hello_in_a_tuple(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"Hel", b"lo")


def hello_written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"Hel")
    return [b"lo"]


def hello_second_thoughts(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    start_response("404 Not Found", [])
    try:
        raise LookupError
    except LookupError as error:
        info = (LookupError, error, error.__traceback__)
        start_response("200 OK", [("Content-Type", "text/plain")], info)
    return [b"Hello"]


@pytest.mark.parametrize(
    "application",
    [hello, hello_in_pieces, hello_in_a_tuple, hello_written, hello_second_thoughts],
)
def test_every_way_to_answer(application: Answer) -> None:
    client = Client(application).get()
    assert client.status == 200
    assert client.headers == [("Content-Type", "text/plain")]
    assert client.body == b"Hello"
    assert client.log == [200]
    assert client.sizes == [5]
    assert client.callback.active == set()


@pytest.mark.parametrize("application", [hello, hello_in_pieces])
def test_it_is_wsgi(application: Answer) -> None:
    client = Client(validator(application)).get()
    assert (client.status, client.body) == (200, b"Hello")


def test_the_body_of_an_answer_is_closed() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"body"])

        def close(self) -> None:
            closed.append(True)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Body:
        start_response("200 OK", [])
        return Body()

    assert Client(application).get().body == b"body"
    assert closed == [True]


def raises(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    raise LookupError("the view failed")


def raises_at_once(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise LookupError("the view failed")
    yield b""


def never_starts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return [b"body"]


def starts_twice(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def has_no_status(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("OK", [])
    return []


def has_a_short_status(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("20", [])
    return []


@pytest.mark.parametrize(
    ("application", "said"),
    [
        (raises, "LookupError: the view failed"),
        (raises_at_once, "LookupError: the view failed"),
        (never_starts, "The application did not call start_response"),
        (starts_twice, "called a second time"),
        (has_no_status, "ValueError"),
        (has_a_short_status, "A status has three digits, not '20'"),
    ],
)
def test_an_application_that_fails_is_a_500(
    application: Answer, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(application).get(PATH_INFO="/page")
    assert client.status == 500
    assert b"Internal Server Error" in client.body
    assert client.log == [500]
    assert "Error on request GET '/page'" in caplog.text
    assert said in caplog.text
    assert client.callback.active == set()


def test_a_header_that_cannot_be_sent_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("X-Name", "Zo\xeb"), ("X-Other", "sent")])
        return []

    assert Client(application).get().headers == [("X-Other", "sent")]
    assert "The header X-Name is not sent" in caplog.text


def environment(**given: Any) -> dict[str, Any]:
    """The environment that an application sees."""
    seen: dict[str, Any] = {}

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.update(environ)
        return hello(environ, start_response)

    client = Client(application)
    # Else the server reads the body to its end.
    client.callback = WSGICallback(application, None, multithread=True, spare_threads=0)
    client.get(**given)
    return seen


def test_the_environment_of_the_process_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    monkeypatch.setenv("REMOTE_USER", "root")
    assert not {"HTTP_PROXY", "REMOTE_USER", "PATH"} & set(environment())


def test_what_the_server_has_different_is_set_right() -> None:
    assert environment(SERVER_PROTOCOL="HTTP/1")["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_HOST" not in environment(HTTP_HOST="")


class OnlyRead:
    """The body as the server has it: ``read(size)`` is all that can be relied on."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


def body_of(data: bytes, **given: str) -> io.BufferedReader:
    body = environment(**given, **{"wsgi.input": OnlyRead(data)})["wsgi.input"]
    assert isinstance(body, io.BufferedIOBase)
    return body  # type: ignore[return-value]


def test_the_body_is_a_whole_file() -> None:
    def body() -> io.BufferedReader:
        return body_of(b"one\ntwo\nthree", CONTENT_LENGTH="13")

    assert body().read() == b"one\ntwo\nthree"
    assert list(body()) == [b"one\n", b"two\n", b"three"]
    assert body().readlines() == [b"one\n", b"two\n", b"three"]
    partly = body()
    assert (partly.read(2), partly.readline(), partly.read(-1)) == (b"on", b"e\n", b"two\nthree")
    assert partly.read() == b""


@pytest.mark.parametrize(
    ("size", "expects", "left"),
    [(200_000, {}, 0), (100 << 20, {}, 36 << 20), (3, {"HTTP_EXPECT": "100-continue"}, 3)],
)
def test_what_the_application_does_not_read_is_read_within_reason(
    size: int, expects: dict[str, str], left: int
) -> None:
    class Zeros(OnlyRead):
        """A body of zeros that takes no memory."""

        def __init__(self) -> None:
            self.left = size

        def read(self, size: int) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    body = Zeros()
    client = Client(hello).get(CONTENT_LENGTH=str(size), **expects, **{"wsgi.input": body})
    assert (client.status, body.left) == (200, left)


@pytest.mark.parametrize("application", [hello, hello_in_pieces])
@pytest.mark.parametrize(("spare_threads", "read"), [(2, 2), (0, 0)])
def test_clients_that_do_not_send_what_is_not_read_are_answered(
    application: Answer, spare_threads: int, read: int
) -> None:
    bodies: list[Stalled] = []

    class Stalled:
        """A body that does not come; meanwhile the next client asks."""

        def read(self, size: int) -> bytes:
            assert client.body == b"Hello"
            ask()
            return b""

    def ask() -> None:
        bodies.append(Stalled())
        client.body = b""
        client.get(CONTENT_LENGTH="3", **{"wsgi.input": bodies[-1]})

    client = Client(application)
    client.callback = WSGICallback(application, None, multithread=True, spare_threads=spare_threads)
    ask()
    # The first of those that are not waited for ends the chain.
    assert (client.body, len(bodies)) == (b"Hello", read + 1)


def test_without_a_body_there_is_nothing_to_read() -> None:
    assert body_of(b"the next request").read() == b""


def test_werkzeug_counts_a_body_whose_length_is_known() -> None:
    assert "wsgi.input_terminated" not in environment(CONTENT_LENGTH="3")
    assert environment(HTTP_TRANSFER_ENCODING="chunked")["wsgi.input_terminated"] is True
