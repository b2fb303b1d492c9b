"""The WebSocket that a view talks through.

Lives here: ``WebSocket`` for ``async def`` views, ``BlockingWebSocket`` for plain ones, and
``Channel``, what a protocol has to offer to carry them.
Must not know: any one protocol, the application's registries. Of the current application, if there
is one, it reads ``json``.

How it works: a WebSocket begins as a request for a page, the handshake, and so the object is the
request, with all that a request knows. Messages come and go through its channel. Only who reads
learns that the client has left. So where a view does not receive for a while, messages are received
for it and kept, until they are so many that the client has to wait.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from functools import lru_cache
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from werkzeug.datastructures import Headers

from .request import Request

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

T = TypeVar("T")
Message = str | bytes
Fields = list[tuple[str, str]]

#: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
INVALID_DATA: Final = 1007
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

#: The codes that may be sent, of those that the RFC and its registry define.
_DEFINED_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015)})
#: A control frame carries 125 bytes, and two of them are the code.
_MAX_REASON: Final = 123

#: How much memory the messages that nobody has received yet may take before no more are read.
_MAX_AHEAD: Final = 64 * 1024


def warn_of_loss(what: str, whose: str, instead: str) -> None:
    """Say that something which was to go with an acceptance does not reach the client.

    :param what: what it is
    :param whose: the protocol or server that does not carry it
    :param instead: what to do, a whole sentence
    """
    warnings.warn(
        f"A WebSocket was to be accepted with {what}, which {whose} does not carry, so the"
        f" client does not get it. {instead}",
        RuntimeWarning,
        stacklevel=3,
    )


#: What to do where an acceptance has no headers of one's own.
BEFORE_OR_ELSEWHERE: Final = (
    "Set a cookie in the answer to a page, before the WebSocket is opened, or serve with uvicorn"
    " or hypercorn."
)


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

    #: How long a view may be busy with something else before it is looked whether the client is
    #: still there, in seconds.
    look_after: float = 1.0

    _channel: Channel
    #: Gives the headers that go with the acceptance, as the session's cookie.
    _fields: Callable[[], Awaitable[Fields]] | None = None
    #: What to cancel when the client leaves while the view is busy with something else.
    _task: asyncio.Task[Any] | None = None
    _cancelled = False
    #: The next message of the channel, once somebody waits for it.
    _next: asyncio.Task[Message] | None = None
    #: The messages before that one, which came while the view was busy, and their size.
    _ahead: deque[Message] | None = None
    _size_ahead = 0
    #: Runs while the view is not busy for long.
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

    def _raise_if_closed(self) -> None:
        if (closed := self.closed) is not None:
            # Another one each time: its traceback would keep all that it leads to.
            raise WebSocketClosed(closed.code, closed.reason)

    def _ended(self, closed: WebSocketClosed) -> None:
        """Take note of the end; of two ends the first is the one that counts."""
        if self.closed is None:
            self.closed = WebSocketClosed(closed.code, closed.reason)

    async def _accept(
        self,
        headers: Iterable[tuple[str, str]] | dict[str, str] | None = None,
        subprotocol: str | None = None,
    ) -> None:
        if self.accepted and (headers or subprotocol is not None):
            raise RuntimeError(
                "The WebSocket is accepted already, so that neither headers nor a subprotocol can"
                " go with it. Call accept() before what sends or receives."
            )
        if subprotocol is not None and subprotocol not in self.requested_subprotocols:
            raise ValueError(
                f"The client does not offer the subprotocol {subprotocol!r}, but"
                f" {', '.join(self.requested_subprotocols) or 'none'}. A client ends a connection"
                " with a subprotocol that it did not offer (RFC 6455, section 4.1)."
            )
        # Several tasks of a view may send or receive first.
        async with self.__dict__.setdefault("_accepting", asyncio.Lock()):
            self._raise_if_closed()
            if self.accepted:
                return
            fields = list(Headers(headers))
            if self._fields is not None:
                fields += await self._fields()
            try:
                await self._channel.accept(subprotocol, [(n.lower(), v) for n, v in fields])
            except WebSocketClosed as e:
                self._ended(e)
                raise
            self.accepted = True
            self.subprotocol = subprotocol
            self._look_later()

    async def _receive(self) -> Message:
        if self._receiving:
            raise RuntimeError(
                "Somebody is already waiting for a message of this WebSocket. Have one task"
                " receive, and tell the others what came."
            )
        self._receiving = True
        received: asyncio.Task[Message] | None = None
        try:
            if not self.accepted:
                await self._accept()
            if self._timer is not None:
                self._timer.cancel()
            if self._ahead:
                message = self._ahead.popleft()
                self._size_ahead -= getsizeof(message)
            else:
                self._raise_if_closed()
                if (received := self._next) is None:
                    received = self._next = asyncio.ensure_future(self._channel.receive())
                # Who gives up waiting, as after a timeout, loses no message.
                message = await asyncio.shield(received)
                self._next = None
        except WebSocketClosed as e:
            self._ended(e)
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if received is not None and received.cancelled() and task and not task.cancelling():
                # It is the connection that was closed in the meantime, by another task.
                self._raise_if_closed()
            self._look_later()
            raise
        finally:
            self._receiving = False
        limit = self.max_content_length
        if limit is not None and _is_longer(message, limit):
            await self._close(TOO_BIG, "The message is too big.")
            self._raise_if_closed()
        self._look_later()
        return message

    def _look_later(self) -> None:
        """Look whether the client is still there if the view is busy for long."""
        if self.accepted and self.closed is None:
            self._timer = asyncio.get_running_loop().call_later(self.look_after, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._next is None and self.closed is None and self._size_ahead < _MAX_AHEAD:
            self._next = asyncio.ensure_future(self._channel.receive())
        if self._next is not None:
            self._next.add_done_callback(self._looked)

    def _looked(self, received: asyncio.Task[Message]) -> None:
        # Then it is the view's again, or takes its turn after the messages that are kept.
        is_back = self._receiving or self._timer is not None
        if is_back or received is not self._next or received.cancelled():
            return
        if (e := received.exception()) is None:
            message = received.result()
            self._ahead = self._ahead or deque()
            self._ahead.append(message)
            self._size_ahead += getsizeof(message)
            self._next = None
            self._look()
        elif isinstance(e, WebSocketClosed) and self.closed is None:
            self._ended(e)
            if self._task is not None:
                self._cancelled = self._task.cancel()

    def _rest(self) -> None:
        """Have nobody look any more, nor receive."""
        if self._timer is not None:
            self._timer.cancel()
        if (last := self._next) is not None and not last.cancel() and not last.cancelled():
            # Nobody else may ever ask, and asyncio would complain.
            last.exception()

    def _view_ended(self) -> None:
        """Cancel nobody any more."""
        self._rest()
        if self._cancelled and self._task is not None:
            self._task.uncancel()
        self._task = None

    def _let_go(self) -> None:
        """Be closed for whoever still has this, and keep nothing alive that is over."""
        self._ended(WebSocketClosed(ABNORMAL))
        self._rest()
        self._next = self._ahead = self._timer = self._fields = None
        self.__dict__.pop("_channel", None)

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
            pass
        await self._close(INVALID_DATA, "JSON was expected.")
        raise WebSocketClosed(INVALID_DATA)

    async def _send(self, message: Message) -> None:
        if isinstance(message, (bytearray, memoryview)):
            message = bytes(message)
        elif isinstance(message, str):
            if not message.isascii():
                # Half a surrogate pair is no text: better told here than by the server.
                message.encode()
        elif not isinstance(message, bytes):
            raise TypeError(
                f"A message is text or bytes, not {type(message).__name__}."
                " send_json() takes everything that JSON can hold."
            )
        if not self.accepted:
            await self._accept()
        self._raise_if_closed()
        try:
            await self._channel.send(message)
        except WebSocketClosed as e:
            self._ended(e)
            raise

    async def _close(self, code: int, reason: str) -> None:
        if code not in _DEFINED_CODES and not 3000 <= code <= 4999:
            raise ValueError(
                f"A WebSocket cannot be closed with the code {code}. Use 1000, one of 3000 to 4999"
                " with a meaning of your own, or another that RFC 6455, section 7.4, lets be sent."
            )
        if (size := len(reason.encode())) > _MAX_REASON:
            raise ValueError(
                f"The reason for closing a WebSocket has {size} bytes, and room for {_MAX_REASON}."
            )
        if self.closed is not None:
            return
        if not self.accepted:
            await self._accept()
        self.closed = WebSocketClosed(code, reason)
        self._rest()
        self._ahead = None
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
        :raises RuntimeError: there is more to send with an acceptance that is sent already
        """
        await self._accept(headers, subprotocol)

    async def receive(self) -> Message:
        """The next message, text or bytes as it was sent.

        :raises WebSocketClosed: there is none, because the connection is closed
        :raises RuntimeError: another task is waiting for one
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
        :raises ValueError: the code is not one that may be sent, or the reason is too long
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
        if asyncio._get_running_loop() is self._loop:
            coroutine.close()
            raise RuntimeError(
                "The WebSocket of a plain view is used in an async function, which would wait for"
                " itself. Make the view 'async def', or the function plain."
            )
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


def _is_longer(message: Message, limit: int) -> bool:
    """Whether *message* has more than *limit* bytes."""
    if len(message) > limit:
        return True
    return isinstance(message, str) and not message.isascii() and len(message.encode()) > limit


@lru_cache(maxsize=64)
def classes_for(request_class: type[Request]) -> tuple[type[WebSocket], type[BlockingWebSocket]]:
    """The classes of WebSockets that know what an application's requests know.

    :param request_class: the class of its requests
    :returns: the class for ``async def`` views, and the one for plain ones
    """
    if request_class is Request:
        return WebSocket, BlockingWebSocket
    return (
        type("WebSocket", (WebSocket, request_class), {}),
        type("BlockingWebSocket", (BlockingWebSocket, request_class), {}),
    )
