"""The WebSocket that a view talks through.

Lives here: ``WebSocket`` for ``async def`` views, ``BlockingWebSocket`` for plain ones, and
``Channel``, what a protocol has to offer to carry them.
Must not know: any one protocol, the application's registries. Of the current application, if there
is one, it reads ``json``.

How it works: a WebSocket begins as a request for a page, the handshake, and so the object is the
request, with all that a request knows. Messages come and go through its channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from .request import Request

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

T = TypeVar("T")
Message = str | bytes
Fields = list[tuple[str, str]]

#: How long a view may be busy with something else before somebody looks whether the client is
#: still there, in seconds.
_LOOK_AFTER: Final = 1.0

#: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
NORMAL: Final = 1000
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
INVALID_DATA: Final = 1007
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011


class WebSocketClosed(Exception):
    """The connection is closed, so there is nothing to receive and nobody to send to.

    A view need not catch it: it ends the view as a return would.

    :param code: the status code of the closing (RFC 6455, section 7.4)
    :param reason: what the one who closed it said
    """

    def __init__(self, code: int = NO_STATUS, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"The WebSocket is closed, with the code {self.code}" + (
            f": {self.reason}" if self.reason else "."
        )


class Channel(Protocol):
    """A WebSocket connection, as a server with an event loop carries it."""

    environ: WSGIEnvironment

    async def accept(self, subprotocol: str | None, fields: Fields) -> None:
        """Complete the handshake."""

    async def refuse(self, status: int, fields: Fields, body: bytes) -> None:
        """Answer the handshake as any other request."""

    async def receive(self) -> Message:
        """The next message.

        :raises WebSocketClosed: the client has closed the connection, or is gone
        """

    async def send(self, message: Message) -> None:
        """Send a message, and return when there is room for the next one.

        :raises WebSocketClosed: the client is gone
        """

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""


class _Connection(Request):
    """What the WebSockets for both kinds of view have in common."""

    _channel: Channel
    #: Gives the headers that go with the acceptance, as the session's cookie.
    _fields: Callable[[], Awaitable[Fields]]
    _task: asyncio.Task[Any] | None = None
    _ahead: asyncio.Task[Message] | None = None
    _timer: asyncio.TimerHandle | None = None
    _receiving = False
    #: Whether the handshake has been completed.
    accepted = False
    #: Why the connection is closed, once it is.
    closed: WebSocketClosed | None = None
    #: The subprotocol that was accepted.
    subprotocol: str | None = None

    @property
    def requested_subprotocols(self) -> list[str]:
        """The subprotocols that the client offers, the preferred one first."""
        offered = self.headers.get("Sec-WebSocket-Protocol", "")
        return [name for part in offered.split(",") if (name := part.strip())]

    async def _accept(
        self, headers: Iterable[tuple[str, str]] | dict[str, str] | None, subprotocol: str | None
    ) -> None:
        if self.accepted:
            return
        if subprotocol is not None and subprotocol not in self.requested_subprotocols:
            raise ValueError(
                f"The client does not offer the subprotocol {subprotocol!r}, but"
                f" {', '.join(self.requested_subprotocols) or 'none'}. A client ends a connection"
                " with a subprotocol that it did not offer (RFC 6455, section 4.1)."
            )
        fields = list(headers.items() if isinstance(headers, dict) else headers or ())
        fields = [(name.lower(), value) for name, value in fields + await self._fields()]
        await self._channel.accept(subprotocol, fields)
        self.accepted = True
        self.subprotocol = subprotocol
        self._look_later()

    async def _receive(self) -> Message:
        if self.closed is not None:
            raise self.closed
        await self._accept(None, None)
        if self._timer is not None:
            self._timer.cancel()
        self._receiving = True
        try:
            if (ahead := self._ahead) is None:
                message = await self._channel.receive()
            else:
                message = await asyncio.shield(ahead)
                self._ahead = None
        except WebSocketClosed as e:
            self.closed = e
            raise
        finally:
            self._receiving = False
        limit = self.max_content_length
        if limit is not None and len(message) > limit:
            await self._close(TOO_BIG, "The message is too big.")
            raise WebSocketClosed(TOO_BIG)
        self._look_later()
        return message

    def _look_later(self) -> None:
        """Look whether the client is still there if the view is busy for long."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK_AFTER, self._look)

    def _look(self) -> None:
        if not self._receiving and self._ahead is None and self.closed is None:
            self._ahead = asyncio.ensure_future(self._channel.receive())
            self._ahead.add_done_callback(self._looked)

    def _looked(self, ahead: asyncio.Task[Message]) -> None:
        if ahead.cancelled() or not isinstance(e := ahead.exception(), WebSocketClosed):
            return
        if not self._receiving:
            self.closed = e
            if self._task is not None:
                self._task.cancel()

    def _rest(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
        if self._ahead is not None:
            self._ahead.cancel()

    async def _receive_text(self) -> str:
        message = await self._receive()
        if isinstance(message, str):
            return message
        await self._close(UNSUPPORTED_DATA, "Text was expected.")
        raise WebSocketClosed(UNSUPPORTED_DATA)

    async def _receive_bytes(self) -> bytes:
        message = await self._receive()
        if isinstance(message, bytes):
            return message
        await self._close(UNSUPPORTED_DATA, "Bytes were expected.")
        raise WebSocketClosed(UNSUPPORTED_DATA)

    async def _receive_json(self) -> Any:
        message = await self._receive()
        try:
            return self.json_module.loads(message)
        except ValueError:
            await self._close(INVALID_DATA, "JSON was expected.")
            raise WebSocketClosed(INVALID_DATA) from None

    async def _send(self, message: Message) -> None:
        if self.closed is not None:
            raise self.closed
        if not isinstance(message, (str, bytes)):
            if not isinstance(message, (bytearray, memoryview)):
                raise TypeError(
                    f"A message is text or bytes, not {type(message).__name__}."
                    " send_json() takes everything that JSON can hold."
                )
            message = bytes(message)
        await self._accept(None, None)
        try:
            await self._channel.send(message)
        except WebSocketClosed as e:
            self.closed = e
            raise

    async def _close(self, code: int, reason: str) -> None:
        if self.closed is not None:
            return
        await self._accept(None, None)
        self.closed = WebSocketClosed(code, reason)
        self._rest()
        await self._channel.close(code, reason)


class WebSocket(_Connection):
    """The WebSocket of an ``async def`` view, with all that the request of its handshake knows.

    What sends or receives accepts the connection first, if the view has not done so.
    """

    async def accept(
        self,
        headers: Iterable[tuple[str, str]] | dict[str, str] | None = None,
        subprotocol: str | None = None,
    ) -> None:
        """Complete the handshake.

        :param headers: more headers for the answer
        :param subprotocol: one of :attr:`requested_subprotocols`
        :raises ValueError: it is none of them
        """
        await self._accept(headers, subprotocol)

    async def receive(self) -> Message:
        """The next message, text or bytes as it was sent.

        :raises WebSocketClosed: there is none, because the connection is closed
        """
        return await self._receive()

    async def receive_text(self) -> str:
        """The next message, which must be text; bytes close the connection with 1003."""
        return await self._receive_text()

    async def receive_bytes(self) -> bytes:
        """The next message, which must be bytes; text closes the connection with 1003."""
        return await self._receive_bytes()

    async def receive_json(self) -> Any:
        """The data in the next message; what is not JSON closes the connection with 1007."""
        return await self._receive_json()

    async def send(self, message: Message) -> None:
        """Send a message; return when there is room for the next one.

        :param message: text or bytes
        :raises WebSocketClosed: the connection is closed
        """
        await self._send(message)

    async def send_json(self, *args: Any, **kwargs: Any) -> None:
        """Send data as JSON.

        :param args: the data, or the items of a list
        :param kwargs: the items of a dictionary
        """
        await self._send(_dumps(self, args, kwargs))

    async def close(self, code: int = NORMAL, reason: str = "") -> None:  # type: ignore[override]
        """Close the connection.

        :param code: 1000, or 3000 to 4999 for meanings of one's own
        :param reason: up to 123 bytes of text
        """
        await self._close(code, reason)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        try:
            return await self._receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None


class BlockingWebSocket(_Connection):
    """The WebSocket of a plain view, which has a thread of its own: its methods wait.

    See :class:`WebSocket` for what each does.
    """

    _loop: asyncio.AbstractEventLoop

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def accept(
        self,
        headers: Iterable[tuple[str, str]] | dict[str, str] | None = None,
        subprotocol: str | None = None,
    ) -> None:
        """See :meth:`WebSocket.accept`."""
        self._wait(self._accept(headers, subprotocol))

    def receive(self) -> Message:
        """See :meth:`WebSocket.receive`."""
        return self._wait(self._receive())

    def receive_text(self) -> str:
        """See :meth:`WebSocket.receive_text`."""
        return self._wait(self._receive_text())

    def receive_bytes(self) -> bytes:
        """See :meth:`WebSocket.receive_bytes`."""
        return self._wait(self._receive_bytes())

    def receive_json(self) -> Any:
        """See :meth:`WebSocket.receive_json`."""
        return self._wait(self._receive_json())

    def send(self, message: Message) -> None:
        """See :meth:`WebSocket.send`."""
        self._wait(self._send(message))

    def send_json(self, *args: Any, **kwargs: Any) -> None:
        """See :meth:`WebSocket.send_json`."""
        self.send(_dumps(self, args, kwargs))

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """See :meth:`WebSocket.close`."""
        self._wait(self._close(code, reason))

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        try:
            return self.receive()
        except WebSocketClosed:
            raise StopIteration from None


def _dumps(websocket: _Connection, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    if args and kwargs:
        raise TypeError("send_json() takes either args or kwargs, not both")
    data = args[0] if len(args) == 1 else args or kwargs or None
    return websocket.json_module.dumps(data)  # type: ignore[no-any-return]
