"""Servers in memory that carry WebSockets over ASGI and RSGI, with a client at their other end.

Lives here: doubles of servers, which are as strict as the protocols allow. Each has the face of
``app.test_client().websocket(...)``.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from carboy import Flask
from carboy.loop import background_loop
from carboy.wrappers.websocket import WebSocketClosed

#: How long anything may take before the test gives up. Nothing waits this long in practice.
PATIENCE = 20


class Refused(Exception):
    """The handshake was answered otherwise."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class Client:
    """A client that is connected while a ``with`` block runs.

    :param app: the application
    :param path: with the query
    :param secure: whether it is known that the connection is
    """

    def __init__(
        self,
        app: Flask,
        path: str,
        headers: Mapping[str, str] | None = None,
        subprotocols: Iterable[str] = (),
        secure: bool = False,
    ) -> None:
        self.app = app
        self.secure = secure
        self.path, _, self.query = path.partition("?")
        fields = {"host": "localhost", **{k.lower(): v for k, v in (headers or {}).items()}}
        if subprotocols:
            fields["sec-websocket-protocol"] = ", ".join(subprotocols)
        self.fields = list(fields.items())
        self.subprotocol: str | None = None
        self.headers: dict[str, str] = {}
        self.closed: WebSocketClosed | None = None
        self.to_client: queue.Queue[Any] = queue.Queue()
        self.loop = background_loop()

    async def serve(self) -> None:
        """Have the application serve the connection."""
        raise NotImplementedError

    def arrive(self, message: Any) -> None:
        """Give the application what the client sends."""
        self.loop.call_soon_threadsafe(self.to_app.put_nowait, message)

    def __enter__(self) -> Any:
        async def run() -> None:
            try:
                await self.serve()
            finally:
                # Whatever happened, nothing more will come.
                self.to_client.put(WebSocketClosed(1006))

        self.to_app: asyncio.Queue[Any] = asyncio.Queue()
        self.served = Context().run(asyncio.run_coroutine_threadsafe, run(), self.loop)
        first = self.to_client.get(timeout=PATIENCE)
        if isinstance(first, Refused):
            self.served.result(PATIENCE)
            raise first
        if isinstance(first, WebSocketClosed):
            self.served.result(PATIENCE)
            raise AssertionError("The application neither accepted nor refused.")
        self.subprotocol, self.headers = first
        return self

    def __exit__(self, exc_type: object, exc_value: object, tb: object) -> None:
        self.close()
        self.served.result(PATIENCE)

    def send(self, message: str | bytes) -> None:
        self.arrive(message)

    def receive(self) -> str | bytes:
        message: Any = self.to_client.get(timeout=PATIENCE)
        if isinstance(message, WebSocketClosed):
            self.closed = message
            raise message
        return message  # type: ignore[no-any-return]

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.closed is None:
            self.closed = WebSocketClosed(code, reason)
            self.arrive(self.closed)


class ASGI(Client):
    """Over ASGI, with answers to refused handshakes."""

    carries_codes = carries_bodies = True
    extensions: dict[str, Any] = {"websocket.http.response": {}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state = "connecting"
        self.answer: list[Any] = []

    async def serve(self) -> None:
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if self.secure else "ws",
            "path": unquote(self.path),
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "root_path": "",
            "headers": [(n.encode(), v.encode()) for n, v in self.fields],
            "client": ("203.0.113.9", 4711),
            "server": ("localhost", 80),
            "subprotocols": [],
            "extensions": self.extensions,
        }
        self.to_app.put_nowait({"type": "websocket.connect"})
        await self.app.asgi(scope, self.give, self.take)
        if self.state == "connecting":
            self.to_client.put(Refused(500, {}, b""))

    async def give(self) -> Any:
        message = await self.to_app.get()
        if isinstance(message, WebSocketClosed):
            self.state = "closed"
            return {
                "type": "websocket.disconnect",
                "code": message.code,
                "reason": message.reason,
            }
        if isinstance(message, str):
            # Servers may leave the other one out, or have it be None.
            return {"type": "websocket.receive", "text": message}
        if isinstance(message, bytes):
            return {"type": "websocket.receive", "bytes": message, "text": None}
        return message

    async def take(self, message: Any) -> None:
        kind = message["type"]
        if self.state == "closed":
            raise OSError("The client is gone.")
        if kind == "websocket.accept":
            assert self.state == "connecting", self.state
            self.state = "open"
            headers = {n.decode(): v.decode() for n, v in message["headers"]}
            self.to_client.put((message.get("subprotocol"), headers))
        elif kind == "websocket.http.response.start":
            assert self.state == "connecting", self.state
            assert self.extensions
            self.state = "answering"
            self.answer = [
                message["status"],
                {n.decode(): v.decode() for n, v in message["headers"]},
            ]
        elif kind == "websocket.http.response.body":
            assert self.state == "answering", self.state
            self.state = "closed"
            self.to_client.put(Refused(*self.answer, message["body"]))
        elif kind == "websocket.close" and self.state == "connecting":
            self.state = "closed"
            self.to_client.put(Refused(403, {}, b""))
        else:
            assert self.state == "open", (self.state, message)
            if kind == "websocket.close":
                self.to_client.put(WebSocketClosed(message["code"], message["reason"]))
            else:
                assert kind == "websocket.send", kind
                await self.write(message["text"] if "text" in message else message["bytes"])

    async def write(self, message: str | bytes) -> None:
        """Have the client get a message."""
        self.to_client.put(message)


class PlainASGI(ASGI):
    """Over ASGI, without the extension for answers."""

    carries_bodies = False
    extensions = {}


@dataclass
class _Scope:
    headers: dict[str, str]
    path: str
    query_string: str
    proto: str = "ws"
    http_version: str = "1.1"
    server: str = "localhost:80"
    client: str = "203.0.113.9:4711"
    scheme: str = "http"
    method: str = "GET"
    authority: str | None = None


@dataclass
class _Incoming:
    kind: int
    data: str | bytes | None = None


@dataclass
class _Transport:
    server: RSGI
    open: bool = field(default=True)

    async def receive(self) -> _Incoming:
        if not self.open:
            raise RuntimeError("Transport not initialized or closed")
        message = await self.server.to_app.get()
        if isinstance(message, WebSocketClosed):
            self.open = False
            return _Incoming(0)
        return _Incoming(2 if isinstance(message, str) else 1, message)

    async def send_str(self, message: str) -> None:
        await self._send(message, str)

    async def send_bytes(self, message: bytes) -> None:
        await self._send(message, bytes)

    async def _send(self, message: str | bytes, kind: type) -> None:
        assert type(message) is kind
        if not self.open:
            raise RuntimeError("Transport not initialized or closed")
        self.server.to_client.put(message)


class RSGI(Client):
    """Over RSGI, which carries neither codes nor bodies; the double is its own protocol."""

    carries_codes = carries_bodies = False

    async def serve(self) -> None:
        self.accepted = False
        scope = _Scope(
            dict(self.fields),
            unquote(self.path),
            self.query,
            scheme="https" if self.secure else "http",
        )
        await self.app.__rsgi__(scope, self)

    async def accept(self) -> _Transport:
        assert not self.accepted
        self.accepted = True
        self.to_client.put((None, {}))
        self.transport = _Transport(self)
        return self.transport

    def close(self, code: int = 1000, reason: str = "") -> None:  # type: ignore[override]
        if asyncio._get_running_loop() is not self.loop:
            super().close(code, reason)
        elif self.accepted:
            self.transport.open = False
            self.to_client.put(WebSocketClosed(1005))
        else:
            self.to_client.put(Refused(code, {}, b""))
