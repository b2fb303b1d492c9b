"""Server-sent events: a page hears what happens while it is open.

Lives here: ``ServerSentEvent``, an event as the standard has it on the wire, and
``event_stream``, the response that sends one after the other.
Must not know: servers. A response with an asynchronous body is sent by whatever gateway there is.

How it works: the events of an asynchronous source are awaited in a task of their own, so that a
comment can be sent in the meantime when none comes: it tells those in between that the
connection is in use, and this end whether the client is still there.

The standard is https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Final

from . import json
from .globals import _find_app
from .streaming import AsyncStreamedInContext, StreamedInContext

if TYPE_CHECKING:
    from .wrappers import Response

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_KEEP_ALIVE: Final = b":\n\n"
_END: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    r"""An event for :func:`event_stream`.

    ::

        >>> ServerSentEvent({"litres": 54}, event="filled", id="7").encode()
        b'event: filled\nid: 7\ndata: {"litres":54}\n\n'

    :param data: text, of any number of lines; anything else but ``None`` is sent as JSON
    :param event: the name for ``addEventListener``; ``message`` when left out
    :param id: what a client that comes back says in ``Last-Event-ID``
    :param retry: how long a client is to wait before it comes back, in milliseconds
    :param comment: is not shown to the page
    :raises ValueError: *event* or *id* would not arrive, or *retry* is negative
    """

    data: Any = None
    _: KW_ONLY
    event: str | None = None
    id: str | int | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name in ("event", "id"):
            value = getattr(self, name)
            if value is not None and re.search("[\r\n\0]", str(value)):
                raise ValueError(
                    f"The {name} of an event is one line without zero bytes, not {value!r}."
                )
        if self.retry is not None and self.retry < 0:
            raise ValueError(
                f"An event asks a client to wait {self.retry} ms. Give 'retry' no less than 0."
            )

    def encode(self) -> bytes:
        """The event as it is sent."""
        lines = []
        if self.comment is not None:
            lines += [f": {line}" for line in _LINE_BREAK.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        if self.data is not None:
            data = self.data if isinstance(self.data, str) else json.dumps(self.data)
            lines += [f"data: {line}" for line in _LINE_BREAK.split(data)]
        return ("\n".join(lines) + "\n\n").encode()


def event_stream(
    source: Iterable[Any] | AsyncIterable[Any],
    *,
    keep_alive: float | None = 15,
    retry: int | None = None,
) -> Response:
    """A response that sends events for as long as *source* gives them.

    ::

        @app.get("/ticks")
        async def ticks():
            async def count():
                for number in range(int(request.last_event_id or 0) + 1, 60):
                    yield ServerSentEvent({"number": number}, id=number)
                    await asyncio.sleep(1)

            return event_stream(count())

    ``request``, ``session`` and ``g`` can be used in the source. It is closed when the client
    leaves, and the teardown functions run after it.

    A plain source holds a thread, and while it waits nothing can be sent: have it wait for no
    longer than some seconds, and give ``None``, for which a comment is sent.

    :param source: gives text, events, or what is sent as JSON; plain or asynchronous
    :param keep_alive: after how many seconds without an event of an asynchronous source a
        comment is sent; ``None`` for never
    :param retry: how long a client is to wait before it comes back, in milliseconds
    :returns: a response that no one on the way should keep or collect
    :raises RuntimeError: outside of a request
    """
    # Also without a wish: the page learns at once that it is connected.
    opening = _KEEP_ALIVE if retry is None else ServerSentEvent(retry=retry).encode()
    body: Iterator[bytes] | AsyncIterator[bytes]
    if isinstance(source, AsyncIterable):
        body = _kept_alive(AsyncStreamedInContext(_encoded_async(source)), opening, keep_alive)
    else:
        body = StreamedInContext(_encoded(source, opening))
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return _find_app().response_class(
        body,  # type: ignore[arg-type]
        mimetype="text/event-stream",
        headers=headers,
    )


def _encode(item: Any) -> bytes:
    if item is None:
        return _KEEP_ALIVE
    return (item if isinstance(item, ServerSentEvent) else ServerSentEvent(item)).encode()


def _encoded(source: Iterable[Any], opening: bytes) -> Iterator[bytes]:
    try:
        yield opening
        for item in source:
            yield _encode(item)
    finally:
        if (close := getattr(source, "close", None)) is not None:
            close()


async def _encoded_async(source: AsyncIterable[Any]) -> AsyncGenerator[bytes, None]:
    try:
        async for item in source:
            yield _encode(item)
    finally:
        if (close := getattr(source, "aclose", None)) is not None:
            await close()


async def _kept_alive(
    source: AsyncStreamedInContext[bytes], opening: bytes, keep_alive: float | None
) -> AsyncGenerator[bytes, None]:
    import asyncio

    step: asyncio.Future[bytes] | None = None
    try:
        yield opening
        while True:
            step = asyncio.ensure_future(anext(source, _END))
            while not (await asyncio.wait({step}, timeout=keep_alive))[0]:
                yield _KEEP_ALIVE
            if (piece := step.result()) is _END:
                return
            yield piece
    finally:
        if step is not None and not step.done():
            step.cancel()
            await asyncio.wait({step})
        await source.aclose()
