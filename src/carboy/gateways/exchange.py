"""One request and its answer, as a server with an event loop carries them.

Lives here: what each such protocol has to offer (:class:`Exchange`), the WSGI environment that is
made of its request, and how the request's body is received.
Must not know: any one protocol; routes, hooks, sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from io import BufferedReader, BytesIO, RawIOBase
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

#: A body up to this many bytes is kept in memory, a longer one in a temporary file.
SPOOL_SIZE: Final = 1024 * 1024

Fields = list[tuple[str, str]]


class ClientGone(Exception):
    """The client has left; there is nobody to answer."""


class Exchange(Protocol):
    """A request, and the way to its answer. All methods are for the server's loop."""

    environ: WSGIEnvironment

    async def receive(self) -> bytes:
        """The next piece of the request's body; empty at its end.

        :raises ClientGone: the client left before the end
        """

    async def gone(self) -> None:
        """Return when the client has left; only when the body has been received."""

    async def send_whole(self, status: int, fields: Fields, body: bytes) -> None:
        """Answer with a body that is at hand."""

    async def start(self, status: int, fields: Fields) -> None:
        """Begin an answer of pieces."""

    async def send(self, piece: bytes) -> None:
        """Send a piece, and return when there is room for the next one.

        :raises ClientGone: the client has left
        """

    async def end(self) -> None:
        """End an answer of pieces."""

    async def send_file(self, status: int, fields: Fields, path: str) -> bool:
        """Answer with a whole file, which the server reads; ``False`` if it cannot."""


def environ_of(
    method: str,
    path: str,
    query: str,
    fields: Iterable[tuple[str, str]],
    *,
    scheme: str,
    http_version: str,
    root_path: str = "",
    raw_path: str | None = None,
    server: tuple[str, str],
    client: tuple[str, str],
) -> WSGIEnvironment:
    """The WSGI environment (PEP 3333) of a request.

    :param path: decoded, with the root path
    :param query: as it was sent
    :param fields: the request's headers in their order, names in small letters
    :param raw_path: as it was sent, if that is known
    :param server: host and port that the server listens on
    :param client: address and port of the client
    """
    if root_path and path.startswith(root_path):
        path = path[len(root_path) :]
    if raw_path is None:
        raw_path = quote(root_path + path, safe="/!$&'()*+,;=:@~")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": root_path,
        "PATH_INFO": path if path.isascii() else _latin1(path),
        "QUERY_STRING": query,
        "RAW_URI": f"{raw_path}?{query}" if query else raw_path,
        "SERVER_NAME": server[0],
        "SERVER_PORT": server[1],
        "SERVER_PROTOCOL": f"HTTP/{http_version}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": client[1],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": _errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ["REQUEST_URI"] = environ["RAW_URI"]
    for name, value in fields:
        key = _keys.get(name) or _key(name)
        if key is None:
            continue
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ


class _Errors:
    """``sys.stderr`` as it is when something is written to it."""

    def __getattr__(self, name: str) -> Any:
        import sys

        return getattr(sys.stderr, name)


_errors: Final = _Errors()

#: The names of headers that were seen, and their keys in an environment.
_keys: dict[str, str] = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def _key(name: str) -> str | None:
    # "X_Forwarded_For" would pose as "X-Forwarded-For".
    if "_" in name:
        return None
    key = name.upper().replace("-", "_")
    key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
    # Clients can make names without end.
    if len(_keys) < 1000:
        _keys[name] = key
    return key


def _latin1(text: str) -> str:
    return text.encode(errors="surrogateescape").decode("latin-1")


def may_have_body(environ: WSGIEnvironment) -> bool:
    """Whether to ask for a body: one is announced, or the protocol does not announce it."""
    length: str | None = environ.get("CONTENT_LENGTH")
    if length is None:
        return "HTTP_TRANSFER_ENCODING" in environ or bool(environ["SERVER_PROTOCOL"] > "HTTP/1.1")
    return length != "0"


async def receive_body(exchange: Exchange, limit: int | None) -> IO[bytes]:
    """The body of the request, received to its end, or until it is longer than *limit*.

    A body that says it is longer is left to be received when it is read.

    :param limit: in bytes
    :raises ClientGone: the client left before the end
    """
    length = exchange.environ.get("CONTENT_LENGTH", "")
    if limit is not None and length.isascii() and length.isdigit() and int(length) > limit:
        return body_stream(exchange)
    piece = await exchange.receive()
    size = len(piece)
    more = await exchange.receive() if piece else b""
    if not more:
        return BytesIO(piece)
    body: IO[bytes] = SpooledTemporaryFile(SPOOL_SIZE)  # noqa: SIM115  # closed with the request
    body.write(piece)
    while more and (limit is None or size <= limit):
        body.write(more)
        size += len(more)
        more = await exchange.receive()
    body.seek(0)
    return body


def body_stream(exchange: Exchange) -> IO[bytes]:
    """A stream that receives the body of the request while it is read, in a worker thread."""
    return BufferedReader(_Incoming(exchange, asyncio.get_running_loop()))


class _Incoming(RawIOBase):
    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self.exchange = exchange
        self.loop = loop
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self.rest:
            if asyncio._get_running_loop() is self.loop:
                raise RuntimeError(
                    "The body of this request is still being received, and reading it here would"
                    " stop the event loop that receives it. Use"
                    " 'async for chunk in request.chunks()' in an 'async def' view."
                )
            receiving = asyncio.run_coroutine_threadsafe(self.exchange.receive(), self.loop)
            try:
                self.rest = receiving.result()
            except ClientGone:
                # Werkzeug answers what ends early with a 400.
                return 0
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
