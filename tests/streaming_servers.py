"""Servers in memory whose client sends and takes one piece after the other, when the test says so.

Lives here: a double of a server for each protocol, all with one face. They say what real servers
were seen to say.
"""

from __future__ import annotations

import asyncio
import io
import queue
import threading
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any
from unittest.mock import patch

from werkzeug.test import EnvironBuilder

from carboy import Flask, connections
from carboy.loop import background_loop

#: How long anything may take before the test gives up. Nothing waits this long in practice.
PATIENCE = 20

Fields = list[tuple[str, str]]


class Gone(Exception):
    """There is nobody to send to."""


class Client:
    """A client that is connected while a ``with`` block runs.

    :param app: the application
    :param path: with the query
    :param body: what the client sends at once; to be sent by :meth:`send` when left out
    :param promised: the ``Content-Length``; none for a body of unknown length
    """

    def __init__(
        self,
        app: Flask,
        path: str = "/",
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] | None = (),
        promised: int | None = None,
    ) -> None:
        self.app = app
        self.path, _, self.query = path.partition("?")
        self.method = method
        self.headers = {"host": "localhost", **{k.lower(): v for k, v in (headers or {}).items()}}
        if promised is not None:
            self.headers["content-length"] = str(promised)
        elif body is None or body:
            self.headers["transfer-encoding"] = "chunked"
        self.body = body
        self.status: int | None = None
        self.fields: Fields = []
        #: What the application raised to the server.
        self.error: BaseException | None = None
        #: Whether the answer ended as the protocol has it.
        self.is_complete = False
        #: Whether the connection was broken off.
        self.is_broken_off = False
        #: Whether the client has left.
        self.left = False
        self._taken: queue.Queue[bytes] = queue.Queue()
        self._over = threading.Event()

    # What the server does

    def _begin(self) -> None:
        raise NotImplementedError

    def _room(self) -> None:
        """The client takes one more piece."""
        raise NotImplementedError

    def _arrive(self, piece: bytes | None) -> None:
        raise NotImplementedError

    def _leave(self) -> None:
        raise NotImplementedError

    def _start(self, status: int, fields: Iterable[tuple[str, str]]) -> None:
        assert self.status is None
        self.status = status
        self.fields = [(name.lower(), value) for name, value in fields]

    def _whole(self, body: bytes) -> None:
        self._taken.put(body)
        self.is_complete = True

    def _end(self, error: BaseException | None = None) -> None:
        self.error = error
        self._taken.put(b"")
        self._over.set()

    # What the client does

    def __enter__(self) -> Client:
        def break_off(host: str, port: str, answer: object) -> bool:
            assert (host, port) == ("127.0.0.1", "50000")
            assert answer is self
            self.is_broken_off = True
            return True

        self._patch = patch.object(connections, "break_off", break_off)
        self._patch.start()
        self._begin()
        if self.body is not None:
            for piece in self.body:
                self._arrive(piece)
            self._arrive(None)
        return self

    def __exit__(self, *error: object) -> None:
        if not self._over.is_set():
            self.leave()
            for _ in range(100):
                self._room()
            assert self._over.wait(PATIENCE), "The application does not end."
        self._patch.stop()

    def send(self, *pieces: bytes) -> None:
        """Send a part of the body."""
        for piece in pieces:
            self._arrive(piece)

    def finish(self) -> None:
        """Say that this was the body."""
        self._arrive(None)

    def read(self) -> bytes:
        """Take one piece; nothing at the end."""
        self._room()
        return self._taken.get(timeout=PATIENCE)

    def read_all(self) -> bytes:
        """Take the rest."""
        return b"".join(iter(self.read, b""))

    def leave(self) -> None:
        """Close the connection."""
        self.left = True
        self._leave()

    def wait(self) -> None:
        """Wait until the application has no more to do with the request."""
        assert self._over.wait(PATIENCE), "The application does not end."

    def __getitem__(self, name: str) -> str:
        """The header *name*, in small letters."""
        return dict(self.fields)[name]


class _Input(io.RawIOBase):
    """The body as a WSGI server has it."""

    def __init__(self) -> None:
        self.arriving: queue.Queue[bytes | None] = queue.Queue()
        self.rest = b""
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self.rest and not self.is_over:
            piece = self.arriving.get(timeout=PATIENCE)
            self.is_over = piece is None
            self.rest = piece or b""
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


class OnWSGI(Client):
    """A client of a WSGI server."""

    def _begin(self) -> None:
        self.input = _Input()
        self.room = threading.Semaphore(0)
        builder = EnvironBuilder(self.path, query_string=self.query, method=self.method)
        self.environ = builder.get_environ()
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            self.environ[key if key == "CONTENT_LENGTH" else f"HTTP_{key}"] = value
        self.environ["wsgi.input"] = io.BufferedReader(self.input)
        if "transfer-encoding" in self.headers:
            self.environ["wsgi.input_terminated"] = True
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        error = None
        try:
            body = self.app(
                self.environ, lambda status, fields: self._start(int(status[:3]), fields)
            )
            try:
                if isinstance(body, list):
                    return self._whole(b"".join(body))
                for piece in body:
                    self.room.acquire()
                    if self.left:
                        return None
                    self._taken.put(piece)
                self.is_complete = True
            finally:
                if hasattr(body, "close"):
                    body.close()
        except Exception as e:
            error = e
        finally:
            self._end(error)
        return None

    def _room(self) -> None:
        self.room.release()

    def _arrive(self, piece: bytes | None) -> None:
        self.input.arriving.put(piece)

    def _leave(self) -> None:
        self.input.arriving.put(None)


class _OnLoop(Client):
    """A client of a server with a loop."""

    def _begin(self) -> None:
        self.loop = background_loop()

        async def begin() -> None:
            self.arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
            self.room = asyncio.Semaphore(0)
            self.gone = asyncio.Event()

        async def run() -> None:
            error = None
            try:
                await self._serve()
            except Exception as e:
                error = e
            finally:
                self._end(error)

        Context().run(asyncio.run_coroutine_threadsafe, begin(), self.loop).result(PATIENCE)
        self.served = Context().run(asyncio.run_coroutine_threadsafe, run(), self.loop)

    async def _serve(self) -> None:
        raise NotImplementedError

    async def _give(self, piece: bytes) -> None:
        if not piece:
            return
        room = asyncio.ensure_future(self.room.acquire())
        gone = asyncio.ensure_future(self.gone.wait())
        await asyncio.wait({room, gone}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (room, gone):
            waiting.cancel()
        if self.gone.is_set():
            raise Gone
        self._taken.put(piece)

    def _do(self, func: Callable[..., object], *args: object) -> None:
        self.loop.call_soon_threadsafe(func, *args)

    def _room(self) -> None:
        self._do(self.room.release)

    def _arrive(self, piece: bytes | None) -> None:
        self._do(self.arriving.put_nowait, piece)

    def _leave(self) -> None:
        self._do(self.gone.set)


class OnASGI(_OnLoop):
    """A client of an ASGI server, which can send files if *reads_files* says so."""

    reads_files = False

    async def _serve(self) -> None:
        self.is_received = False
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "root_path": "",
            "headers": [(n.encode(), v.encode("latin-1")) for n, v in self.headers.items()],
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
        }
        if self.reads_files:
            scope["extensions"] = {"http.response.pathsend": {}}
        await self.app.asgi(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self.is_received:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        piece = asyncio.ensure_future(self.arriving.get())
        gone = asyncio.ensure_future(self.gone.wait())
        await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not piece.done():
            piece.cancel()
            return {"type": "http.disconnect"}
        self.is_received = piece.result() is None
        return {
            "type": "http.request",
            "body": piece.result() or b"",
            "more_body": not self.is_received,
        }

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = message
            fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
            self._start(message["status"], fields)
        elif message["type"] == "http.response.pathsend":
            assert self.reads_files
            self.sent_path = message["path"]
            with open(self.sent_path, "rb") as file:
                self._whole(file.read())
        else:
            try:
                await self._give(message["body"])
            except Gone:
                raise OSError("The client has left.") from None
            self.is_complete = not message.get("more_body", False)


class OnRSGI(_OnLoop):
    """A client of an RSGI server, as Granian is one."""

    proto = "http"
    http_version = "1.1"
    scheme = "http"
    server = "127.0.0.1:8000"
    client = "127.0.0.1:50000"
    authority = None

    async def _serve(self) -> None:
        #: The file that the server was told to send, and which part of it.
        self.sent_file: tuple[str, int, int | None] | None = None
        await self.app.__rsgi__(_Scope(self), self)
        if self.status is not None and self.error is None and not self.is_broken_off:
            self.is_complete = True

    async def __aiter__(self) -> Any:
        while True:
            piece = asyncio.ensure_future(self.arriving.get())
            gone = asyncio.ensure_future(self.gone.wait())
            await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not piece.done():
                piece.cancel()
                yield b""
                break
            if piece.result() is None:
                break
            yield piece.result()
        yield b""

    async def client_disconnect(self) -> None:
        await self.gone.wait()

    def response_bytes(self, status: int, fields: Fields, body: bytes) -> None:
        self._start(status, fields)
        self._whole(body)

    def response_file(self, status: int, fields: Fields, file: str) -> None:
        self.sent_file = (file, 0, None)
        with open(file, "rb") as body:
            self.response_bytes(status, fields, body.read())

    def response_file_range(
        self, status: int, fields: Fields, file: str, start: int, end: int
    ) -> None:
        self.sent_file = (file, start, end)
        with open(file, "rb") as body:
            body.seek(start)
            self.response_bytes(status, fields, body.read(end - start))

    def response_stream(self, status: int, fields: Fields) -> OnRSGI:
        self._start(status, fields)
        return self

    async def send_bytes(self, piece: bytes) -> None:
        await self._give(piece)


class _Headers(dict[str, str]):
    def get_all(self, key: str) -> list[str]:
        return [self[key]] if key in self else []


class _Scope:
    def __init__(self, client: OnRSGI) -> None:
        for name in ("proto", "http_version", "scheme", "server", "client", "authority", "method"):
            setattr(self, name, getattr(client, name))
        self.rsgi_version = "1.5"
        self.path = client.path
        self.query_string = client.query
        self.headers = _Headers(client.headers)


SERVERS = {"wsgi": OnWSGI, "asgi": OnASGI, "rsgi": OnRSGI}
