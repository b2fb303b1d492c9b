"""What an application does besides answering: when serving begins and ends, and in between.

Lives here: the functions to run at start and end, and the work that goes on behind answers.
Must not know: which server runs, or how a request is answered.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from inspect import isasyncgen, isawaitable
from typing import TYPE_CHECKING, Any, cast

from .loop import background_loop

if TYPE_CHECKING:
    from .app import Flask


class Life:
    """The life of an application in one process.

    :param app: the application
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.before: list[Callable[[], Any]] = []
        self.after: list[Callable[[], Any]] = []
        self.during: list[Callable[[], Iterator[None] | AsyncIterator[None]]] = []
        self.started = False
        #: The loop that the application was started on.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._starting: asyncio.Task[None] | None = None
        self._running: list[Iterator[None] | AsyncIterator[None]] = []
        self._work: set[Future[Any] | asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Run what is to run before the first request, unless that was done.

        :raises Exception: what one of the functions raises; the next call tries again
        """
        if self.started:
            return
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        try:
            await asyncio.shield(self._starting)
        finally:
            self._starting = None

    async def _start(self) -> None:
        self.loop = asyncio.get_running_loop()
        with self.app.app_context():
            for func in self.before:
                await _result(func())
            for make in self.during:
                running = make()
                await _step(running)
                self._running.append(running)
        self.started = True

    async def stop(self) -> None:
        """Let background work end, then run what is to run after the last request."""
        grace = self.app.config.get("BACKGROUND_TASK_SHUTDOWN_TIMEOUT", 5)
        work = [w if isinstance(w, asyncio.Task) else asyncio.wrap_future(w) for w in self._work]
        if work:
            _, late = await asyncio.wait(work, timeout=grace)
            for task in late:
                self.app.logger.error("Background work was cancelled, %s s after the end.", grace)
                task.cancel()
        with self.app.app_context():
            for running in reversed(self._running):
                await _step(running)
            self._running.clear()
            for func in self.after:
                await _result(func())
        self.started = False
        self.loop = None

    def work(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Have *func* run in the background, within an application context."""
        context = copy_context()
        if not asyncio.iscoroutinefunction(func):
            done = self.app._threads.submit(context.run, self._plain, func, args, kwargs)
            self._keep(done)
            return
        loop = self.loop or background_loop()

        def begin() -> None:
            self._keep(loop.create_task(self._async(func, args, kwargs), context=context))

        if asyncio._get_running_loop() is loop:
            begin()
        else:
            loop.call_soon_threadsafe(begin)

    def _keep(self, work: Future[Any] | asyncio.Task[Any]) -> None:
        self._work.add(work)
        work.add_done_callback(self._work.discard)

    def _plain(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            with self.app.app_context():
                func(*args, **kwargs)
        except Exception:
            self._log(func)

    async def _async(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            with self.app.app_context():
                await func(*args, **kwargs)
        except Exception:
            self._log(func)

    def _log(self, func: Callable[..., Any]) -> None:
        name = getattr(func, "__qualname__", repr(func))
        self.app.logger.exception(f"Exception in the background task {name}")


async def _result(value: Any) -> None:
    if isawaitable(value):
        await value


async def _step(running: Iterator[None] | AsyncIterator[None]) -> None:
    """Go on to the next ``yield``, or to the end."""
    if isasyncgen(running):
        await anext(running, None)
    else:
        next(cast("Iterator[None]", running), None)
