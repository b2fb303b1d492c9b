"""One request and its answer, as a server with an event loop carries them.

Lives here: what each such protocol has to offer (:class:`Exchange`), the WSGI environment that is
made of its request, and how the request's body is received.
Must not know: any one protocol; routes, hooks, sessions.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable
from functools import lru_cache
from io import SEEK_END, BufferedReader, BytesIO, RawIOBase
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, AnyStr, Final
from urllib.parse import quote

from werkzeug.exceptions import ClientDisconnected

from ..async_driver import Arrival

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from ..files import Span
    from .answer import _Watches

#: A body up to this many bytes is kept in memory, a longer one in a temporary file.
SPOOL_SIZE: Final = 1024 * 1024

#: How many bytes of a body that is read while it is received are taken at a time.
_PIECE: Final = 64 * 1024

Fields = list[tuple[str, str]]


def below(root_path: str, path: str) -> str:
    """*path* without *root_path*, if it begins with that."""
    root_path = root_path.rstrip("/")
    if root_path and f"{path}/".startswith(f"{root_path}/"):
        return path[len(root_path) :]
    return path


class ClientGone(ConnectionError):
    """The client has left; there is nobody to answer."""


class Exchange(Arrival, ABC):
    """A request, and the way to its answer. All methods are for the server's loop.

    The headers of an answer come in any spelling, and go to the server in small letters.
    """

    #: Whether nothing more is to come of it: neither a body nor another protocol.
    is_bare: bool
    #: What ``Content-Length`` says.
    announced: str | bytes | None = None
    #: Where its client is watched.
    watches: _Watches

    @property
    def environ(self) -> WSGIEnvironment:
        environ = self._environ
        if environ is None:
            environ = self._make_environ()
            if self.body is not None:
                environ["wsgi.input"] = self.body
            # Another thread may have done the same.
            environ = self.__dict__.setdefault("_environ", environ)
        return environ

    @property
    def content_length(self) -> int | None:
        length = self.announced
        if length is not None and length.isascii() and length.isdigit() and len(length) < 600:
            return int(length)
        return None

    @abstractmethod
    def _make_environ(self) -> WSGIEnvironment: ...

    def take(self, body: IO[bytes]) -> None:
        """Have *body* for that of the request."""
        self.body = body
        if self._environ is not None:
            self._environ["wsgi.input"] = body

    @property
    @abstractmethod
    def may_have_body(self) -> bool:
        """Whether to ask for a body: one is announced, or the protocol does not announce it."""

    @property
    @abstractmethod
    def sends_files(self) -> bool:
        """Whether the server can read a file that is to be sent."""

    @abstractmethod
    async def receive(self) -> bytes:
        """The next piece of the request's body; empty at its end.

        :raises ClientGone: the client left before the end
        """

    @abstractmethod
    async def gone(self) -> None:
        """Return when the client has left."""

    @abstractmethod
    def send_whole(self, status: int, fields: Fields, body: bytes) -> Awaitable[None] | None:
        """Answer with a body that is at hand.

        :returns: what is left to be awaited, if anything
        """

    @abstractmethod
    async def start(self, status: int, fields: Fields) -> None:
        """Begin an answer of pieces."""

    @abstractmethod
    async def send(self, piece: bytes) -> None:
        """Send a piece, and return when there is room for the next one.

        :raises ClientGone: the client has left
        """

    @abstractmethod
    async def end(self) -> None:
        """End an answer of pieces."""

    @abstractmethod
    async def break_off(self) -> None:
        """See to it that an answer of pieces, which is about to fail, does not look complete."""

    @abstractmethod
    async def send_file(self, status: int, fields: Fields, span: Span) -> bool:
        """Answer with a file or a part of it, which the server reads; ``False`` if it cannot."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds."""


def environ_of(
    method: str,
    path: str,
    query: str,
    fields: Iterable[tuple[AnyStr, AnyStr]],
    keys: dict[AnyStr, str],
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
    :param fields: the request's headers in their order
    :param keys: the names of headers that were seen, and their keys in an environment
    :param raw_path: as it was sent, if that is known
    :param server: host and port that the server listens on, empty for a Unix socket
    :param client: address and port of the client, empty for a Unix socket
    """
    environ: WSGIEnvironment = _start(scheme, http_version, root_path, server).copy()
    if root_path:
        path = below(root_path, path)
    if raw_path is None:
        raw_path = quote(root_path.rstrip("/") + path, safe="/!$&'()*+,;=:@~")
    environ["REQUEST_METHOD"] = method
    environ["PATH_INFO"] = path if path.isascii() else latin1(path)
    environ["QUERY_STRING"] = query
    environ["RAW_URI"] = environ["REQUEST_URI"] = f"{raw_path}?{query}" if query else raw_path
    environ["wsgi.input"] = BytesIO()
    if client[0]:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client
    for name, value in fields:
        try:
            key = keys[name]
        except KeyError:
            if (key := _key(name, keys)) == "":
                continue
        text = value if isinstance(value, str) else value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


@lru_cache(256)
def _start(
    scheme: str, http_version: str, root_path: str, server: tuple[str, str]
) -> WSGIEnvironment:
    """What the requests of many clients have in common."""
    root_path = root_path.rstrip("/")
    return {
        "SCRIPT_NAME": root_path if root_path.isascii() else latin1(root_path),
        "SERVER_NAME": server[0] or "localhost",
        "SERVER_PORT": server[1] or "80",
        "SERVER_PROTOCOL": "HTTP/1.0" if http_version == "1" else f"HTTP/{http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input_terminated": True,
        "wsgi.errors": _errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


class _Errors:
    """``sys.stderr`` as it is when something is written to it."""

    def __getattr__(self, name: str) -> Any:
        import sys

        return getattr(sys.stderr, name)


_errors: Final = _Errors()


def _key(name: AnyStr, keys: dict[AnyStr, str]) -> str:
    """The key for a header; empty if there is none for it."""
    text = name if isinstance(name, str) else name.decode("latin-1")
    # "X_Forwarded_For" would pose as "X-Forwarded-For".
    if "_" in text:
        return ""
    key = text.upper().replace("-", "_")
    key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
    # Clients can make names without end.
    if len(keys) < 1000:
        keys[name] = key
    return key


def latin1(text: str) -> str:
    """*text* as an environment has it: each byte of its UTF-8 a character."""
    return text.encode(errors="surrogateescape").decode("latin-1")


def decoded(path: str) -> str:
    """*path* as the rules have it, where it is not UTF-8."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


class UnfinishedBody(BufferedReader):
    """A body that is received while it is read, in a worker thread, because it is too large."""

    raw: _Incoming


async def receive_body(
    exchange: Exchange, limit: int | None, begun: UnfinishedBody | None = None
) -> IO[bytes]:
    """The body of the request, received to its end, or until it is longer than *limit*.

    What is longer is left to be received when it is read.

    :param limit: in bytes
    :param begun: what this returned for a smaller limit
    :raises ClientGone: the client left before the end
    """
    if limit is not None and (exchange.content_length or 0) > limit:
        return begun or body_stream(exchange)
    body: IO[bytes]
    if begun is None:
        piece = await exchange.receive()
        more = await exchange.receive() if piece else b""
        if not more:
            return BytesIO(piece)
        body = SpooledTemporaryFile(SPOOL_SIZE)  # noqa: SIM115  # closed with the request
        size = body.write(piece) + body.write(more)
    elif begun.raw.was_read:
        return begun
    else:
        body = begun.raw.start
        size = body.seek(0, SEEK_END)
    while limit is None or size <= limit:
        if not (piece := await exchange.receive()):
            body.seek(0)
            return body
        size += body.write(piece)
    body.seek(0)
    return body_stream(exchange, body)


def body_stream(exchange: Exchange, start: IO[bytes] | None = None) -> UnfinishedBody:
    """A stream that receives the body of the request while it is read, in a worker thread.

    :param start: what was received of it already
    """
    if start is None:
        start = SpooledTemporaryFile(SPOOL_SIZE)  # noqa: SIM115  # closed with the request
    return UnfinishedBody(_Incoming(exchange, asyncio.get_running_loop(), start), _PIECE)


class _Incoming(RawIOBase):
    def __init__(
        self, exchange: Exchange, loop: asyncio.AbstractEventLoop, start: IO[bytes]
    ) -> None:
        self.exchange = exchange
        self.loop = loop
        self.start = start
        self.rest: bytes | memoryview = b""
        self.was_read = False

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.start.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        self.was_read = True
        if not self.rest:
            self.rest = self.start.read(len(buffer))
        if not self.rest:
            if asyncio._get_running_loop() is self.loop:
                raise RuntimeError(
                    "The body of this request is still being received, and reading it here would"
                    " stop the event loop that receives it. Use"
                    " 'async for chunk in request.chunks()' in an 'async def' view, or raise"
                    " 'request.max_content_length' earlier, in a before_request function."
                )
            receiving = asyncio.run_coroutine_threadsafe(self.exchange.receive(), self.loop)
            try:
                self.rest = memoryview(receiving.result())
            except ClientGone as e:
                raise ClientDisconnected from e
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
