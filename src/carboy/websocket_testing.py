"""Try out a WebSocket without a server; what ``app.test_client().websocket(path)`` returns.

Lives here: a channel in memory, and the client at its other end.
Must not know: how the view is run.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers

from .loop import background_loop
from .websocket_driver import serve
from .wrappers.websocket import (
    ABNORMAL,
    INTERNAL_ERROR,
    NORMAL,
    Fields,
    Message,
    WebSocketClosed,
)

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import WSGIEnvironment

    from .app import Flask
    from .wrappers import Response


class WebSocketRefused(Exception):
    """The application answered the handshake as any other request.

    :param response: the answer
    """

    def __init__(self, response: Response) -> None:
        super().__init__(f"The WebSocket was refused: {response.status}")
        self.response = response


class _Channel:
    """The application's end."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ
        self.to_app: asyncio.Queue[Message | WebSocketClosed] = asyncio.Queue()
        self.to_client: queue.Queue[Any] = queue.Queue()
        self.gone: WebSocketClosed | None = None

    async def accept(self, subprotocol: str | None, fields: Fields) -> None:
        self.to_client.put((subprotocol, fields))

    async def refuse(self, status: int, fields: Fields, body: bytes) -> None:
        self.to_client.put((status, fields, body))

    async def receive(self) -> Message:
        message = await self.to_app.get()
        if isinstance(message, WebSocketClosed):
            self.gone = message
            raise message
        return message

    async def send(self, message: Message) -> None:
        if self.gone is not None:
            raise self.gone
        self.to_client.put(message)

    async def close(self, code: int, reason: str) -> None:
        self.to_client.put(WebSocketClosed(code, reason))


class TestWebSocket:
    """The client's end of a WebSocket, to be used in a ``with`` statement.

    :param app: the application
    :param environ: the handshake
    :param on_accept: told of the headers of the acceptance
    :param timeout: how long to wait for the application, in seconds
    """

    __test__ = False  # It is no test case of pytest's.

    def __init__(
        self,
        app: Flask,
        environ: WSGIEnvironment,
        on_accept: Callable[[Headers], None],
        timeout: float,
    ) -> None:
        self.app = app
        self.timeout = timeout
        self._environ = environ
        self._on_accept = on_accept
        self._channel: _Channel
        self._served: Future[None]
        #: The subprotocol that was accepted.
        self.subprotocol: str | None = None
        #: The headers of the acceptance.
        self.headers = Headers()
        #: How the application closed the connection, once it has.
        self.closed: WebSocketClosed | None = None

    def __enter__(self) -> TestWebSocket:
        # A queue of asyncio's belongs to the loop on which it is first used.
        self._channel = channel = _Channel(self._environ)

        async def run() -> None:
            try:
                await serve(self.app, channel, look_after=0)
            finally:
                # Whatever happened, nothing more will come.
                channel.to_client.put(WebSocketClosed(ABNORMAL))

        # Without the contexts of the test, as on a server.
        self._served = Context().run(asyncio.run_coroutine_threadsafe, run(), background_loop())
        try:
            answer = self._next()
        except TimeoutError:
            self._served.cancel()
            raise
        if isinstance(answer, WebSocketClosed):
            self._served.result(self.timeout)
            raise answer
        if len(answer) == 3:
            status, fields, body = answer
            self._served.result(self.timeout)
            raise WebSocketRefused(self.app.response_class(body, status, fields))
        self.subprotocol = answer[0]
        self.headers = Headers(answer[1])
        self._on_accept(self.headers)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()
        try:
            self._served.result(self.timeout)
        except Exception:
            # Of two errors the first is the one to show.
            if exc_value is None:
                raise

    def _next(self) -> Any:
        try:
            return self._channel.to_client.get(timeout=self.timeout)
        except queue.Empty:
            raise TimeoutError(
                f"The application sent nothing for {self.timeout} seconds."
            ) from None

    def _put(self, message: Message | WebSocketClosed) -> None:
        background_loop().call_soon_threadsafe(self._channel.to_app.put_nowait, message)

    def send(self, message: Message) -> None:
        """Send a message, text or bytes.

        :raises WebSocketClosed: the connection is closed
        :raises TypeError: it is neither
        """
        if self.closed is not None:
            raise self.closed
        if not isinstance(message, str | bytes):
            raise TypeError(
                f"A message is text or bytes, not {type(message).__name__}."
                " send_json() takes everything that JSON can hold."
            )
        self._put(message)

    def send_json(self, data: Any) -> None:
        """Send *data* as JSON."""
        self.send(self.app.json.dumps(data))

    def receive(self) -> Message:
        """The next message of the application.

        :raises WebSocketClosed: it has closed the connection
        :raises Exception: what the view raised, if that propagates
        :raises TimeoutError: it sends nothing
        """
        if self.closed is not None:
            raise self.closed
        message: Message | WebSocketClosed = self._next()
        if isinstance(message, WebSocketClosed):
            self.closed = message
            if message.code in {INTERNAL_ERROR, ABNORMAL}:
                # If an error of the view is the cause, it tells more.
                with suppress(TimeoutError):
                    self._served.result(self.timeout)
            raise message
        return message

    def receive_json(self) -> Any:
        """The data in the next message of the application."""
        return self.app.json.loads(self.receive())

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the connection, as a client that leaves does."""
        if self.closed is None:
            self._put(WebSocketClosed(code, reason))
            self.closed = WebSocketClosed(code, reason)
