"""The RSGI gateway (version 1 of its specification, https://github.com/emmett-framework/granian).

Lives here: an HTTP connection as an exchange, a WebSocket as a channel.
Must not know: routes, hooks, sessions.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

from ..websocket_driver import serve
from ..wrappers.websocket import WebSocketClosed
from .answer import answer
from .exchange import ClientGone, Fields, environ_of

if TYPE_CHECKING:
    from ..app import Flask


class Headers(Protocol):
    """The headers of a request."""

    def items(self) -> list[tuple[str, str]]: ...


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


async def rsgi(app: Flask, scope: Scope, protocol: Any) -> None:
    """The application as an RSGI callable."""
    if scope.proto == "http":
        await answer(app, _HTTP(scope, protocol))
    else:
        await serve(app, _WebSocket(scope, protocol))


class _HTTP:
    """An HTTP connection."""

    def __init__(self, scope: Scope, protocol: Any) -> None:
        self._protocol = protocol
        self._body: AsyncIterator[bytes] | None = None
        self._transport: Any = None
        self.environ = _environ(scope)

    async def receive(self) -> bytes:
        if self._body is None:
            self._body = self._protocol.__aiter__()
        try:
            while not (piece := await anext(self._body)):
                pass
        except StopAsyncIteration:
            return b""
        except Exception as e:
            raise ClientGone from e
        return piece

    async def gone(self) -> None:
        await self._protocol.client_disconnect()

    async def send_whole(self, status: int, fields: Fields, body: bytes) -> None:
        self._protocol.response_bytes(status, fields, body)

    async def start(self, status: int, fields: Fields) -> None:
        self._transport = self._protocol.response_stream(status, fields)

    async def send(self, piece: bytes) -> None:
        try:
            await self._transport.send_bytes(piece)
        except Exception as e:
            raise ClientGone from e

    async def end(self) -> None:
        pass

    async def send_file(self, status: int, fields: Fields, path: str) -> bool:
        self._protocol.response_file(status, fields, path)
        return True


class _WebSocket:
    """A WebSocket connection. RSGI carries neither subprotocols nor codes and reasons of closing,
    no headers with an acceptance, and no body with a refusal."""

    def __init__(self, scope: Scope, protocol: Any) -> None:
        self._protocol = protocol
        self._transport: Any = None
        self.environ = _environ(scope)

    async def accept(self, subprotocol: str | None, fields: Fields) -> None:
        if subprotocol is not None or fields:
            what = "a subprotocol" if subprotocol is not None else f"the header {fields[0][0]!r}"
            warnings.warn(
                f"A WebSocket was to be accepted with {what}, which RSGI does not carry, so the"
                " client does not get it. Serve with '--interface asgi'.",
                RuntimeWarning,
                stacklevel=2,
            )
        self._transport = await self._protocol.accept()

    async def refuse(self, status: int, fields: Fields, body: bytes) -> None:
        self._protocol.close(status)

    async def receive(self) -> str | bytes:
        try:
            message = await self._transport.receive()
        except Exception as e:
            raise WebSocketClosed(1006) from e
        if message.kind == 0:
            raise WebSocketClosed
        return message.data  # type: ignore[no-any-return]

    async def send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                await self._transport.send_str(message)
            else:
                await self._transport.send_bytes(message)
        except Exception as e:
            raise WebSocketClosed(1006) from e

    async def close(self, code: int, reason: str) -> None:
        self._protocol.close(code)
        # Granian closes the connection when nobody holds it any more.
        self._transport = None


def _environ(scope: Scope) -> dict[str, Any]:
    environ = environ_of(
        scope.method,
        scope.path,
        scope.query_string,
        scope.headers.items(),
        scheme=scope.scheme,
        http_version=scope.http_version,
        server=_host_and_port(scope.server),
        client=_host_and_port(scope.client),
    )
    if scope.authority is not None:
        environ["HTTP_HOST"] = scope.authority
    environ["rsgi.scope"] = scope
    return environ


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "localhost", port or "80"
