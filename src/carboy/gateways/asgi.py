"""The ASGI gateway (version 3 of its specification, https://asgi.readthedocs.io).

Lives here: ``http``, ``websocket`` and ``lifespan`` as an exchange, a channel and a life cycle.
Must not know: routes, hooks, sessions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from .answer import answer
from .exchange import ClientGone, Fields, environ_of

if TYPE_CHECKING:
    from ..app import Flask

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def asgi(app: Flask, scope: Scope, receive: Receive, send: Send) -> None:
    """The application as an ASGI callable.

    :raises ValueError: a type of connection that there is no way to answer
    """
    kind = scope["type"]
    if kind == "http":
        await answer(app, _HTTP(scope, receive, send))
    elif kind == "lifespan":
        await _live(app, receive, send)
    else:
        raise ValueError(f"Carboy cannot answer an ASGI connection of the type {kind!r}.")


class _HTTP:
    """An ``http`` connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._more = True
        self.environ = _environ(scope)

    async def receive(self) -> bytes:
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._more = False
                raise ClientGone
            self._more = message.get("more_body", False)
            if body := message.get("body", b""):
                return body  # type: ignore[no-any-return]
        return b""

    async def gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def send_whole(self, status: int, fields: Fields, body: bytes) -> None:
        await self.start(status, fields)
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, fields: Fields) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, piece: bytes) -> None:
        try:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        except OSError:
            # What servers raise from version 2.4 of the specification on.
            raise ClientGone from None

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def send_file(self, status: int, fields: Fields, path: str) -> bool:
        return False


def _environ(scope: Scope) -> dict[str, Any]:
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    raw_path = scope.get("raw_path")
    environ = environ_of(
        scope.get("method", "GET"),
        scope["path"],
        scope.get("query_string", b"").decode("latin-1"),
        [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]],
        scheme=scope.get("scheme", "http"),
        http_version=scope.get("http_version", "1.1"),
        root_path=scope.get("root_path", ""),
        raw_path=None if raw_path is None else raw_path.decode("latin-1"),
        # A server on a Unix socket has a path, and None for the port.
        server=(server[0], str(server[1] or 80)),
        client=(client[0], str(client[1])),
    )
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
