"""Streams that see the request they answer, though it is over when they are drawn.

Lives here: what ``stream_with_context`` makes of an iterator, plain or asynchronous.
Must not know: who draws the items, or what they are.

How it works: the context is entered for each item and left again. So it shows in nothing else
that the server's thread or loop does, and items may be drawn from any thread or task. When the
source ends, fails or is closed, the teardown functions run as at the end of a request.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import NoReturn, TypeVar

from .ctx import _request_ctx_for
from .globals import _cv_ctx
from .signals import appcontext_pushed

R = TypeVar("R")


class _InContext:
    """The request's context, to be entered again for each item."""

    def __init__(self) -> None:
        self._ctx = _request_ctx_for("stream_with_context")
        self._app_ctx = self._ctx._app_ctx
        self._running = False
        self._ended = False

    def _enter(self) -> None:
        ctx = self._ctx
        again = ctx._pushes is None
        ctx._pushes = (_cv_ctx.set(ctx), ctx._pushes)
        if again:
            ctx._app_ctx = self._app_ctx
            if not self._running and appcontext_pushed.receivers:
                appcontext_pushed.send(ctx.app, _async_wrapper=ctx.app.ensure_sync)
            ctx._request_ctx = ctx
        self._running = True


class StreamedInContext(_InContext, Iterator[R]):
    """Iterates over *source* within the current request context.

    :param source: what gives the items; closed with this when it has a ``close`` method
    :raises RuntimeError: outside of a request
    """

    def __init__(self, source: Iterator[R]) -> None:
        super().__init__()
        self._source = iter(source)

    def __next__(self) -> R:
        if self._ended:
            raise StopIteration
        return self._within(self._source.__next__)

    def close(self) -> None:
        """End early, as when the client has gone."""
        if not self._ended and self._running:
            with suppress(GeneratorExit):
                self._within(_abandon)
        self._ended = True

    def _close_source(self) -> None:
        if (close := getattr(self._source, "close", None)) is not None:
            close()

    def _within(self, step: Callable[[], R]) -> R:
        self._enter()
        try:
            item = step()
        except BaseException as e:
            self._ended = True
            try:
                self._close_source()
            finally:
                self._ctx.pop(None if isinstance(e, StopIteration) else e)
            raise
        self._ctx._reset()
        return item


def _abandon() -> NoReturn:
    raise GeneratorExit


class AsyncStreamedInContext(_InContext, AsyncIterator[R]):
    """Iterates over an asynchronous *source* within the current request context.

    :param source: what gives the items; closed with this when it has an ``aclose`` method
    :raises RuntimeError: outside of a request
    """

    def __init__(self, source: AsyncIterable[R]) -> None:
        super().__init__()
        self._source = aiter(source)

    async def __anext__(self) -> R:
        if self._ended:
            raise StopAsyncIteration
        try:
            return await self._within(self._source.__anext__)
        except StopAsyncIteration:
            await self._end(None)
            raise
        except BaseException as e:
            # A client that leaves has the task cancelled.
            await self._end(e)
            raise

    async def aclose(self) -> None:
        """End early, as when the client has gone."""
        if not self._ended:
            await self._end(GeneratorExit() if self._running else None)

    async def _end(self, error: BaseException | None) -> None:
        from .loop import in_thread

        self._ended = True
        try:
            await self._close_source()
        finally:
            if self._running:
                # The teardown functions may be plain, and wait for a database.
                await in_thread(self._ctx.app._threads, self._tear_down, error)

    async def _close_source(self) -> None:
        if (close := getattr(self._source, "aclose", None)) is not None:
            await (self._within(close) if self._running else close())

    def _tear_down(self, error: BaseException | None) -> None:
        self._enter()
        self._ctx.pop(error)

    async def _within(self, step: Callable[[], Awaitable[R]]) -> R:
        self._enter()
        try:
            return await step()
        finally:
            self._ctx._reset()
