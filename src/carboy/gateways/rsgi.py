"""The RSGI gateway (version 1 of its specification, https://github.com/emmett-framework/granian).

Lives here: an HTTP connection as an exchange, a WebSocket as a channel.
Must not know: routes, hooks, sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from .. import connections
from ..websocket_driver import serve
from ..wrappers.response import Response, at_hand
from ..wrappers.websocket import (
    ABNORMAL,
    BEFORE_OR_ELSEWHERE,
    WebSocketClosed,
    warn_of_loss,
)
from .answer import answer, deliver
from .exchange import ClientGone, Exchange, Fields, decoded, environ_of, latin1
from .quick import begin, finish, go_on, take_body

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from socket import socket
    from wsgiref.types import WSGIEnvironment

    from ..app import Flask
    from ..files import Span

#: How long the server may take to tell that a client has left, in seconds. Only who sends a body
#: of unknown length over HTTP/2 waits for it.
_NOTICE: Final = 0.05

#: After how many bytes of an answer to wait until the client has caught up.
_MAX_AHEAD: Final = 1024 * 1024

#: The keys of headers in an environment.
_keys: Final[dict[str, str]] = {}

#: What waits for clients to give up on answers that have failed.
_held: Final[set[asyncio.Future[None]]] = set()


class Headers(Protocol):
    """The headers of a request."""

    def items(self) -> list[tuple[str, str]]: ...

    def get(self, key: str, default: str | None = None) -> str | None: ...

    def get_all(self, key: str) -> list[str]: ...

    def keys(self) -> list[str]: ...


class Scope(Protocol):
    """What the server tells of a connection."""

    proto: str
    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None

    @property
    def headers(self) -> Headers: ...


def rsgi(app: Flask, scope: Scope, protocol: Any) -> Coroutine[Any, Any, None]:
    """The application as an RSGI callable."""
    if scope.proto == "http":
        return _answer(app, scope, protocol)
    return serve(app, _WebSocket(scope, protocol))


async def _answer(app: Flask, scope: Scope, protocol: Any) -> None:
    exchange = _HTTP(scope, protocol)
    if not exchange.is_bare and not await take_body(app, exchange):
        return
    short = app._short
    if short is None or (running := begin(app, short, exchange)) is None:
        await answer(app, exchange)
        return
    try:
        rv = await running
    except BaseException as e:
        rest = go_on(app, short, exchange, None, e)
    else:
        response = finish(app, short, exchange, rv)
        if type(response) is tuple:
            status, fields, body = at_hand(response, "GET")  # type: ignore[misc]
            protocol.response_bytes(status, _lower(fields) if len(fields) > 2 else fields, body)
            return
        if type(response) is Response and (whole := response._at_hand("GET")):
            exchange.send_whole(*whole)
            return
        if response is None:
            rest = go_on(app, short, exchange, rv)
        else:
            rest = deliver(app, exchange, response)
    await rest


class _HTTP(Exchange):
    """An HTTP connection."""

    sends_files = True
    upgrades = False
    may_have_body = False

    #: The client's, once so much was sent that it has to be asked whether it takes more.
    connection: socket | None
    _ahead = 0
    _body: AsyncIterator[bytes] | None = None
    _ended = False
    _size = 0
    _transport: Any = None

    def __init__(self, scope: Scope, protocol: Any) -> None:
        self._scope = scope
        self._protocol = protocol
        self.connection = None
        self.method = scope.method
        path = scope.path
        self.path = path if path.isascii() else decoded(path)
        headers = scope.headers
        # Each question to the server takes as long as twenty to this list.
        names = headers.keys()
        hosts = headers.get_all("host")
        self.host = scope.authority or (hosts[0] if len(hosts) == 1 else ",".join(hosts)) or None
        self.has_cookies = "cookie" in names
        self.upgrades = "upgrade" in names
        self.announced = length = (
            headers.get("content-length") if "content-length" in names else None
        )
        self.may_have_body = (
            length != "0"
            if length is not None
            else "transfer-encoding" in names or scope.http_version > "1.1"
        )
        self.is_bare = not self.may_have_body and not self.upgrades

    @property
    def cookies(self) -> str:
        return "; ".join(self._scope.headers.get_all("cookie"))

    @property
    def query(self) -> str:
        return latin1(self._scope.query_string)

    @property
    def content_type(self) -> str:
        return ",".join(self._scope.headers.get_all("content-type"))

    def _make_environ(self) -> WSGIEnvironment:
        return _environ(self._scope)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    async def receive(self) -> bytes:
        if self._ended:
            return b""
        if self._body is None:
            self._body = self._protocol.__aiter__()
        empty = 0
        while True:
            # The built-in anext() with a default, and `async for`, crash on Granian's iterator.
            try:
                piece: bytes = await self._body.__anext__()
            except StopAsyncIteration:
                break
            if piece:
                self._size += len(piece)
                return piece
            empty += 1
        self._ended = True
        await self._check_end(empty)
        return b""

    async def _check_end(self, empty: int) -> None:
        """Find out whether the body ended early, which the server does not tell.

        :param empty: the number of empty pieces at the end; there is always one
        :raises ClientGone: it did
        """
        if self.announced is not None:
            early = self._size < (self.content_length or 0)
        elif self._scope.http_version < "2":
            # The other one is the error, unless it is the trailer.
            early = empty > 1 and self._scope.headers.get("trailer") is None
        else:
            gone = asyncio.ensure_future(self.gone())
            early = bool((await asyncio.wait([gone], timeout=_NOTICE))[0])
            gone.cancel()
        if early:
            raise ClientGone

    async def gone(self) -> None:
        await self._protocol.client_disconnect()

    def send_whole(self, status: int, fields: Fields, body: bytes) -> None:
        self._protocol.response_bytes(status, _lower(fields), body)

    async def start(self, status: int, fields: Fields) -> None:
        self._transport = self._protocol.response_stream(status, _lower(fields))

    async def send(self, piece: bytes) -> None:
        try:
            await self._transport.send_bytes(piece)
        except Exception as e:
            raise ClientGone from e
        self._ahead += len(piece)
        if self._ahead >= _MAX_AHEAD:
            self._ahead = 0
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Wait until the client has taken what was sent: the server would keep any amount."""
        if self.connection is None:
            self.connection = connections.find(*self._client())
        if self.connection is not None:
            await connections.taken(self.connection)

    async def end(self) -> None:
        # Granian ends the answer when nobody holds it any more.
        self._transport = None

    async def break_off(self) -> None:
        if not connections.break_off(*self._client(), self._transport):
            # Who is on a Unix socket has to give up: the answer would seem to be whole.
            waiting = asyncio.ensure_future(self._hold(self._transport))
            _held.add(waiting)
            waiting.add_done_callback(_held.discard)

    async def _hold(self, transport: object) -> None:
        await self.gone()

    def _client(self) -> tuple[str, str]:
        scope = self._scope
        # Whom a proxy names as the client is not who is connected.
        return _host_and_port(getattr(scope, "peer", scope.client))

    async def send_file(self, status: int, fields: Fields, span: Span) -> bool:
        path, start, end, whole = span
        if whole:
            self._protocol.response_file(status, _lower(fields), path)
        else:
            self._protocol.response_file_range(status, _lower(fields), path, start, end)
        return True


class _WebSocket:
    """A WebSocket connection. RSGI carries neither subprotocols nor codes and reasons of closing,
    no headers with an acceptance, and no body with a refusal.

    Granian closes the connection, and answers a client that does, when nobody holds its transport
    any more.
    """

    def __init__(self, scope: Scope, protocol: Any) -> None:
        self._protocol = protocol
        self._transport: Any = None
        self.environ = _environ(scope)
        # Over HTTP/2 the handshake has no such headers (RFC 8441).
        self.environ["HTTP_UPGRADE"] = "websocket"
        self.environ["HTTP_CONNECTION"] = "upgrade"

    async def accept(self, subprotocol: str | None, fields: Fields) -> None:
        if subprotocol is not None:
            warn_of_loss("a subprotocol", "RSGI", "Serve with '--interface asgi'.")
        if fields:
            warn_of_loss(f"the header {fields[0][0]!r}", "RSGI", BEFORE_OR_ELSEWHERE)
        self._transport = await self._protocol.accept()

    async def refuse(self, status: int, fields: Fields, body: bytes) -> None:
        self._protocol.close(status)

    async def receive(self) -> str | bytes:
        try:
            message = await self._transport.receive()
        except Exception as e:
            self._transport = None
            raise WebSocketClosed(ABNORMAL) from e
        if message.kind == 0:
            self._transport = None
            raise WebSocketClosed
        return message.data  # type: ignore[no-any-return]

    async def send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                await self._transport.send_str(message)
            else:
                await self._transport.send_bytes(message)
        except Exception as e:
            self._transport = None
            raise WebSocketClosed(ABNORMAL) from e

    async def close(self, code: int, reason: str) -> None:
        self._protocol.close(code)
        self._transport = None


def _lower(fields: Fields) -> Fields:
    return [(name.lower(), value) for name, value in fields]


def _environ(scope: Scope) -> dict[str, Any]:
    environ = environ_of(
        scope.method,
        scope.path,
        latin1(scope.query_string),
        scope.headers.items(),
        _keys,
        scheme=scope.scheme,
        http_version=scope.http_version,
        server=_host_and_port(scope.server),
        client=_host_and_port(scope.client),
    )
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    environ["rsgi.scope"] = scope
    return environ


def _host_and_port(address: str) -> tuple[str, str]:
    """*address* in two; nothing of it for that of a Unix socket."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), port) if host else ("", "")
