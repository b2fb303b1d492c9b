"""The ASGI gateway (version 3 of its specification, https://asgi.readthedocs.io).

Lives here: ``http``, ``websocket`` and ``lifespan`` as an exchange, a channel and a life cycle.
Must not know: routes, hooks, sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ..websocket_driver import serve
from ..wrappers.response import Response
from ..wrappers.websocket import (
    ABNORMAL,
    BEFORE_OR_ELSEWHERE,
    NO_STATUS,
    WebSocketClosed,
    warn_of_loss,
)
from .answer import answer, deliver
from .exchange import ClientGone, Exchange, Fields, below, decoded, environ_of
from .quick import begin, finish, go_on, take_body

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from ..app import Flask
    from ..files import Span

#: The headers that are looked at whatever the view.
_TELLING: Final = frozenset(
    {b"host", b"cookie", b"upgrade", b"content-type", b"content-length", b"transfer-encoding"}
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def asgi(app: Flask) -> Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]:
    """*app* as an ASGI callable.

    That is a function, as servers take a bound method for a callable of version 2, and Python takes
    the long way to call an object: 2 % of the time of a small view.
    """

    async def answer_connection(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a connection.

        :param scope: of the type ``http``, ``websocket`` or ``lifespan``
        :param receive: gives what the client sends
        :param send: takes what the client is to get
        :raises ValueError: a type of connection that there is no way to answer
        """
        kind = scope["type"]
        if app._awaits_start and kind != "lifespan":
            await app._life.start()
        if kind != "http":
            await _answer_other(app, scope, receive, send)
            return
        exchange = _HTTP(scope, receive, send)
        # As over RSGI. What both could share would be one more coroutine: 3 % of a small view.
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
                content_type, body, more = response
                length = len(body)
                fields = [
                    _types.get(content_type) or _type(content_type),
                    _lengths.get(length) or _length(length),
                ]
                if more:
                    fields += _encoded(more)
                await send({"type": "http.response.start", "status": 200, "headers": fields})
                await send({"type": "http.response.body", "body": body})
                return
            if response is None:
                rest = go_on(app, short, exchange, rv)
            elif type(response) is Response and (whole := response._at_hand("GET")):
                rest = exchange.send_whole(*whole)
            else:
                rest = deliver(app, exchange, response)
        await rest

    return answer_connection


async def _answer_other(app: Flask, scope: Scope, receive: Receive, send: Send) -> None:
    kind = scope["type"]
    if kind == "lifespan":
        await _live(app, receive, send)
    elif kind == "websocket":
        await serve(app, _WebSocket(scope, receive, send))
    else:
        raise ValueError(f"Carboy cannot answer an ASGI connection of the type {kind!r}.")


class _HTTP(Exchange):
    """An ``http`` connection."""

    upgrades = False
    may_have_body = False

    _cookies = b""
    _content_type: bytes | None = None
    _more = True
    _all_received: asyncio.Future[None] | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        path: str = scope["path"]
        if root_path := scope.get("root_path"):
            path = below(root_path, path)
            self.root_path = root_path.rstrip("/")
        self.path = path if path.isascii() else decoded(path)
        host: bytes | None = None
        has_cookies = False
        is_bare = True
        if scope.get("http_version", "1.1") > "1.1":
            # A body need not be announced.
            self.may_have_body = True
            is_bare = False
        for name, value in scope["headers"]:
            if name not in _TELLING:
                continue
            if name == b"host":
                host = b"%b,%b" % (host, value) if host else value
            elif name == b"cookie":
                self._cookies = b"%b; %b" % (self._cookies, value) if has_cookies else value
                has_cookies = True
            elif name == b"content-type":
                before = self._content_type
                self._content_type = value if before is None else b"%b,%b" % (before, value)
            else:
                is_bare = False
                if name == b"upgrade":
                    self.upgrades = True
                elif name == b"content-length":
                    self.announced = value
                    self.may_have_body = value != b"0"
                elif self.announced is None:
                    self.may_have_body = True
        self.host = host
        self.has_cookies = has_cookies
        self.is_bare = is_bare or not (self.may_have_body or self.upgrades)

    @property
    def cookies(self) -> str:
        return self._cookies.decode("latin-1")

    @property
    def query(self) -> str:
        query: bytes = self._scope.get("query_string", b"")
        return query.decode("latin-1")

    @property
    def content_type(self) -> str:
        return "" if self._content_type is None else self._content_type.decode("latin-1")

    def _make_environ(self) -> WSGIEnvironment:
        return _environ(self._scope)

    @property
    def sends_files(self) -> bool:
        return "http.response.pathsend" in (self._scope.get("extensions") or ())

    def close(self) -> None:
        pass

    async def receive(self) -> bytes:
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._end()
                raise ClientGone
            if not message.get("more_body", False):
                self._end()
            if body := message.get("body", b""):
                return body  # type: ignore[no-any-return]
        return b""

    def _end(self) -> None:
        self._more = False
        if self._all_received is not None and not self._all_received.done():
            self._all_received.set_result(None)

    async def gone(self) -> None:
        if self._more and self.may_have_body:
            # What comes is the body, and somebody else's.
            self._all_received = asyncio.get_running_loop().create_future()
            await self._all_received
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def send_whole(self, status: int, fields: Fields, body: bytes) -> None:
        send = self._send
        await send(_start(status, fields))
        await send({"type": "http.response.body", "body": body})

    async def start(self, status: int, fields: Fields) -> None:
        await self._send(_start(status, fields))

    async def send(self, piece: bytes) -> None:
        try:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        except OSError:
            # What servers raise from version 2.4 of the specification on.
            raise ClientGone from None

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def break_off(self) -> None:
        # Servers do so themselves when an application fails.
        pass

    async def send_file(self, status: int, fields: Fields, span: Span) -> bool:
        if not span.whole or not self.sends_files:
            return False
        await self.start(status, fields)
        await self._send({"type": "http.response.pathsend", "path": span.path})
        return True


class _WebSocket:
    """A ``websocket`` connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._answers = "websocket.http.response" in (scope.get("extensions") or {})
        self.environ = _environ(scope)
        scheme = self.environ["wsgi.url_scheme"]
        self.environ["wsgi.url_scheme"] = {"ws": "http", "wss": "https"}.get(scheme, scheme)
        # Over HTTP/2 the handshake has no such headers (RFC 8441).
        self.environ["HTTP_UPGRADE"] = "websocket"
        self.environ["HTTP_CONNECTION"] = "upgrade"

    async def _open(self) -> None:
        if (await self._receive())["type"] != "websocket.connect":
            raise WebSocketClosed(ABNORMAL)

    async def accept(self, subprotocol: str | None, fields: Fields) -> None:
        await self._open()
        server = type(getattr(self._receive, "__self__", None)).__module__
        if fields and server.startswith("granian."):
            warn_of_loss(f"the header {fields[0][0]!r}", "Granian", BEFORE_OR_ELSEWHERE)
        message = {"type": "websocket.accept", "subprotocol": subprotocol}
        await self._send({**message, "headers": _encoded(fields)})

    async def refuse(self, status: int, fields: Fields, body: bytes) -> None:
        await self._open()
        if not self._answers:
            # To the client that is a 403.
            await self._send({"type": "websocket.close", "code": 1008})
            return
        start = {"type": "websocket.http.response.start", "status": status}
        await self._send({**start, "headers": _encoded(fields)})
        await self._send({"type": "websocket.http.response.body", "body": body})
        # uvicorn takes note of it in another task, and logs an error if this one ends before.
        await asyncio.sleep(0)

    async def receive(self) -> str | bytes:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketClosed(message.get("code") or NO_STATUS, message.get("reason") or "")
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def send(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        try:
            await self._send({"type": "websocket.send", kind: message})
        except Exception as e:
            # Servers raise an OSError, or what they always raise when the client is gone.
            raise WebSocketClosed(ABNORMAL) from e

    async def close(self, code: int, reason: str) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception as e:
            raise WebSocketClosed(ABNORMAL) from e


#: Headers in bytes, which take ten times as long to encode as to look up.
_types: Final[dict[tuple[str, str], tuple[bytes, bytes]]] = {}
_lengths: Final[dict[int, tuple[bytes, bytes]]] = {}

#: The keys of a request's headers in an environment.
_keys: Final[dict[bytes, str]] = {}

#: Names of an answer's headers, in small letters.
_names: Final[dict[str, bytes]] = {}


def _type(field: tuple[str, str]) -> tuple[bytes, bytes]:
    encoded = b"content-type", field[1].encode("latin-1")
    if len(_types) < 256:
        _types[field] = encoded
    return encoded


def _length(length: int) -> tuple[bytes, bytes]:
    encoded = b"content-length", b"%d" % length
    if length < 4096:
        _lengths[length] = encoded
    return encoded


def _start(status: int, fields: Fields) -> Message:
    return {"type": "http.response.start", "status": status, "headers": _encoded(fields)}


def _encoded(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    names = _names
    return [(names.get(name) or _name(name), value.encode("latin-1")) for name, value in fields]


def _name(name: str) -> bytes:
    encoded = name.lower().encode("latin-1")
    # An application can let its clients choose: remember a limited number.
    if len(_names) < 256:
        _names[name] = encoded
    return encoded


def _environ(scope: Scope) -> dict[str, Any]:
    server = scope.get("server")
    client = scope.get("client")
    raw_path = scope.get("raw_path")
    environ = environ_of(
        scope.get("method", "GET"),
        scope["path"],
        scope.get("query_string", b"").decode("latin-1"),
        scope["headers"],
        _keys,
        scheme=scope.get("scheme", "http"),
        http_version=scope.get("http_version", "1.1"),
        root_path=scope.get("root_path", ""),
        raw_path=None if raw_path is None else raw_path.decode("latin-1"),
        # A server on a Unix socket has a path, and None for the port.
        server=(server[0], str(server[1])) if server and server[1] else ("", ""),
        client=(client[0], str(client[1])) if client else ("", ""),
    )
    if environ.get("HTTP_HOST") == "":
        # What Granian passes when there is none.
        del environ["HTTP_HOST"]
    environ["asgi.scope"] = scope
    return environ


async def _live(app: Flask, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await app._life.start()
            except Exception as e:
                app.logger.exception("The application could not be started.")
                await send({"type": "lifespan.startup.failed", "message": str(e)})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            try:
                await app._life.stop()
            except Exception as e:
                app.logger.exception("The application could not be stopped in order.")
                await send({"type": "lifespan.shutdown.failed", "message": str(e)})
                return
            await send({"type": "lifespan.shutdown.complete"})
            return
