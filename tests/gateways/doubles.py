"""Stand-ins for servers: they carry one request to an application, and its answer back.

Lives here: `Request`, `Answer`, and `ask`, which sends one to an application through a gateway; and
`know`, which stands in for earlier requests.
Must not know: what the application should answer.

How it works: the stand-ins say what real servers were observed to say. That of ASGI follows
uvicorn and hypercorn; that of RSGI follows Granian 2.8, which gives an empty piece at the end of
a body and one more when the client left before it, leaves out the headers whose values are not
ASCII, and lets the application answer a client that has left.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from io import BytesIO
from types import FunctionType
from typing import Any
from urllib.parse import unquote

from carboy.driver import is_async

Fields = list[tuple[str, str]]


@dataclass
class Request:
    """A request as a server reads it.

    :param target: path and query as they were sent
    :param body: the pieces in which the body arrives
    :param is_cut: the client leaves when it has sent these pieces, and has promised more
    :param leaves: set when the client leaves
    :param on_piece: called with the number of pieces that were sent, after each
    :param arriving: what the application has not received of the body
    """

    target: str = "/"
    method: str = "GET"
    fields: Fields = field(default_factory=list)
    body: tuple[bytes, ...] = ()
    is_cut: bool = False
    http_version: str = "1.1"
    scheme: str = "http"
    root_path: str = ""
    server: tuple[str, int | None] | None = ("127.0.0.1", 8000)
    client: tuple[str, int] | None = ("127.0.0.1", 50000)
    authority: str | None = None
    leaves: asyncio.Event = field(default_factory=asyncio.Event)
    on_piece: Callable[[int], object] = lambda number: None
    arriving: list[bytes] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path, decoded as servers do."""
        return unquote(self.target.partition("?")[0], errors="replace")

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass
class Answer:
    """What the client gets. Without a status it gets none."""

    status: int | None = None
    fields: Fields = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    is_complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def text(self) -> str:
        return self.body.decode()

    def __getitem__(self, name: str) -> str:
        """The header *name*, in small letters."""
        return dict(self.fields)[name]


class Gone(Exception):
    """What the server of RSGI raises when there is nobody to send to."""


async def ask_asgi(app: Any, request: Request, answer: Answer | None = None) -> Answer:
    """Send *request* to an ASGI application.

    :param answer: filled meanwhile
    """
    answer = Answer() if answer is None else answer
    path, _, query = request.target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.http_version,
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": request.root_path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request.fields],
        "server": request.server,
        "client": request.client,
        "state": {},
    }
    arriving = request.arriving = list(request.body)
    if not arriving and not request.is_cut:
        arriving.append(b"")

    async def receive() -> dict[str, Any]:
        if arriving:
            piece = arriving.pop(0)
            more = bool(arriving) or request.is_cut
            return {"type": "http.request", "body": piece, "more_body": more}
        if not request.is_cut:
            await request.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if request.leaves.is_set():
            raise OSError("The client has left.")
        if message["type"] == "http.response.start":
            assert answer.status is None
            answer.status = message["status"]
            answer.fields = [
                (n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]
            ]
            return
        assert message["type"] == "http.response.body"
        assert answer.status is not None
        assert not answer.is_complete
        if body := message.get("body", b""):
            answer.pieces.append(body)
            request.on_piece(len(answer.pieces))
        answer.is_complete = not message.get("more_body", False)

    await app(scope, receive, send)
    return answer


class _Headers:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def get_all(self, key: str) -> list[str]:
        return [value for name, value in self.items() if name == key]

    def get(self, key: str, default: str | None = None) -> str | None:
        return next(iter(self.get_all(key)), default)

    def keys(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self._fields))

    def items(self) -> Fields:
        return [(name, value) for name, value in self._fields if value.isascii()]


class _Scope:
    def __init__(self, request: Request) -> None:
        self.proto = "http"
        self.http_version = {"1.0": "1"}.get(request.http_version, request.http_version)
        self.rsgi_version = "1.6"
        self.server = _address(request.server)
        self.client = _address(request.client)
        self.scheme = request.scheme
        self.method = request.method
        self.path = request.path
        self.query_string = request.query.encode("latin-1").decode()
        self.authority = request.authority
        self.headers = _Headers(request.fields)


def _address(address: tuple[str, int | None] | None) -> str:
    if address is None:
        return ""
    host, port = address
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Protocol:
    def __init__(self, request: Request, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._is_read = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._is_read:
            raise RuntimeError("RSGI protocol error")
        self._is_read = True
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        for piece in self._request.body:
            yield piece
        if self._request.is_cut:
            yield b""
        yield b""

    async def client_disconnect(self) -> None:
        if not self._request.is_cut:
            await self._request.leaves.wait()

    def response_bytes(self, status: int, fields: Fields, body: bytes) -> None:
        self._start(status, fields)
        self._answer.pieces.append(body)
        self._answer.is_complete = True

    def response_stream(self, status: int, fields: Fields) -> _Transport:
        self._start(status, fields)
        return _Transport(self._request, self._answer)

    def response_file(self, status: int, fields: Fields, file: str) -> None:
        with open(file, "rb") as body:
            self.response_bytes(status, fields, body.read())

    def response_file_range(
        self, status: int, fields: Fields, file: str, start: int, end: int
    ) -> None:
        with open(file, "rb") as body:
            body.seek(start)
            self.response_bytes(status, fields, body.read(end - start))

    def _start(self, status: int, fields: Fields) -> None:
        assert self._answer.status is None
        if not self._request.leaves.is_set():
            self._answer.status = status
            self._answer.fields = [(n, v) for n, v in fields if "\n" not in v]


class _Transport:
    def __init__(self, request: Request, answer: Answer) -> None:
        self._request = request
        self._answer = answer

    async def send_bytes(self, piece: bytes) -> None:
        await asyncio.sleep(0)
        if self._request.leaves.is_set():
            raise Gone
        self._answer.pieces.append(piece)
        self._request.on_piece(len(self._answer.pieces))


async def ask_rsgi(app: Any, request: Request, answer: Answer | None = None) -> Answer:
    """Send *request* to an RSGI application.

    :param answer: filled meanwhile
    """
    answer = Answer() if answer is None else answer
    await app.__rsgi__(_Scope(request), _Protocol(request, answer))
    # The server ends a stream when the application returns.
    answer.is_complete = answer.status is not None
    return answer


async def ask_wsgi(app: Any, request: Request, answer: Answer | None = None) -> Answer:
    """Send *request* to a WSGI application, from a thread as a server does.

    :param answer: filled meanwhile
    """
    answer = Answer() if answer is None else answer
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": request.root_path,
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(b"".join(request.body)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
    }
    for name, value in request.fields:
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value

    def start_response(status: str, fields: Fields, exc_info: object = None) -> None:
        answer.status = int(status[:3])
        answer.fields = [(name.lower(), value) for name, value in fields]

    def call() -> None:
        body = app(environ, start_response)
        try:
            for piece in body:
                if request.leaves.is_set():
                    return
                if piece:
                    answer.pieces.append(piece)
                    request.on_piece(len(answer.pieces))
            answer.is_complete = True
        finally:
            getattr(body, "close", lambda: None)()

    await asyncio.get_running_loop().run_in_executor(_THREADS, copy_context().run, call)
    return answer


#: Those of the WSGI server.
_THREADS = ThreadPoolExecutor(40)


ASK = {"wsgi": ask_wsgi, "asgi": ask_asgi, "rsgi": ask_rsgi}


def know(app: Any, request: Request) -> None:
    """Have *app* know what it would know if it had answered *request* and others before.

    To send requests before those of a test would change what it finds.
    """
    short = app._the_short_way()
    if short is None or not short.is_direct or not short.lazy_sessions:
        return
    app.__dict__["_got_first_request"] = True
    hosts = [value for name, value in request.fields if name == "host"]
    if set(hosts) <= {"localhost", "127.0.0.1:8000"}:
        short.hosts_on_loops.update([None, *hosts, *(host.encode() for host in hosts)])
    for view in app.view_functions.values():
        if is_async(view) and isinstance(view, FunctionType):
            short.quick_views.add(view)
