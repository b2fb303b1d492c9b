"""What an application does besides answering: when serving begins and ends, and in between.

Lives here: the functions to run at start and end, and the work that goes on behind answers.
Must not know: which server runs, or how a request is answered.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from inspect import isasyncgen, isawaitable
from typing import TYPE_CHECKING, Any, cast

from .driver import is_async
from .loop import background_loop, run, waiting_loop

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
        #: The loop that the application was started on.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None]
        self._ending: asyncio.Event
        self._stops_at_exit = False
        #: What has not ended yet: its name, and what cancels it.
        self._work: dict[Future[None], tuple[str, Callable[[], object]]] = {}

    async def start(self) -> None:
        """Run what is to run before the first request, unless that was done.

        :raises Exception: what one of the functions raises; the next call tries again
        """
        if self._task is None:
            self.loop = asyncio.get_running_loop()
            self._started = self.loop.create_future()
            self._ending = asyncio.Event()
            self._task = self.loop.create_task(self._live())
            # An application of a test may just be forgotten.
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """Let background work end, then run what is to run after the last request.

        :raises Exception: the first that one of the functions raises; the others run all the same
        """
        await self._end_work()
        if self._task is not None:
            self._ending.set()
            try:
                await self._task
            finally:
                self._task = self.loop = None

    def stop_at_exit(self) -> None:
        """Have :meth:`stop` called when the process ends, for a server that does not say so."""
        with self._lock:
            if self._stops_at_exit:
                return
            self._stops_at_exit = True
        util = sys.modules.get("multiprocessing.util")
        if util is not None and sys.modules["multiprocessing"].parent_process() is not None:
            # Such a process ends without what is registered with `atexit`.
            util.Finalize(None, _stop, (weakref.ref(self),), exitpriority=0)
        else:
            atexit.register(_stop, weakref.ref(self))

    async def _live(self) -> None:
        """From start to end in one task: what was entered in a task has to be left in it."""
        running: list[Iterator[None] | AsyncIterator[None]] = []
        try:
            with self.app.app_context():
                for func in self.before:
                    await _result(func())
                for make in self.during:
                    new = make()
                    await _step(new)
                    running.append(new)
        except BaseException as e:
            try:
                await self._finish([partial(_step, one) for one in reversed(running)])
            except Exception:
                self.app.logger.exception("Exception after a failed start of serving")
            self._task = None
            self._started.set_exception(e)
            return
        self._started.set_result(None)
        await self._ending.wait()
        await self._finish([*(partial(_step, one) for one in reversed(running)), *self.after])

    async def _finish(self, steps: list[Callable[[], Any]]) -> None:
        errors: list[Exception] = []
        with self.app.app_context():
            for step in steps:
                try:
                    await _result(step())
                except Exception as e:
                    errors.append(e)
        for error in errors[1:]:
            self.app.logger.error("Exception at the end of serving", exc_info=error)
        if errors:
            raise errors[0]

    async def _end_work(self) -> None:
        grace = self.app.config.get("BACKGROUND_TASK_SHUTDOWN_TIMEOUT", 5)
        if not (
            waiting := {asyncio.wrap_future(done): work for done, work in self._work.copy().items()}
        ):
            return
        _, late = await asyncio.wait(waiting, timeout=grace)
        for done in late:
            name, cancel = waiting[done]
            self.app.logger.error(
                "The background task %s had not ended after %s s and is given up.", name, grace
            )
            cancel()
        if late:
            # What is cancelled may have something to close.
            await asyncio.wait(late, timeout=grace)

    def work(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Have *func* run in the background, within an application context."""
        done: Future[None] = Future()
        cancel: Callable[[], object] = _cannot_be_cancelled
        loop = waiting_loop() or self.loop
        if loop is None:
            self.stop_at_exit()
        if is_async(func):
            loop = loop or background_loop()
            cancel = self._begin(loop, done, func, args, kwargs)
        else:
            # One of the worker threads would be missing for views, and be waited for at exit.
            threading.Thread(
                target=copy_context().run,
                args=(self._plain, done, func, args, kwargs),
                name=f"{self.app.import_name}-background",
                daemon=True,
            ).start()
        self._work[done] = getattr(func, "__qualname__", repr(func)), cancel
        done.add_done_callback(self._work.pop)

    def _begin(
        self,
        loop: asyncio.AbstractEventLoop,
        done: Future[None],
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Callable[[], object]:
        """Have *func* run on *loop*; returns what cancels it."""
        tasks: list[asyncio.Task[None]] = []

        async def work() -> None:
            try:
                with self.app.app_context():
                    await func(*args, **kwargs)
            except Exception:
                self._log(func)
            finally:
                done.set_result(None)

        loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(work())))
        return lambda: loop.call_soon_threadsafe(lambda: tasks[0].cancel())

    def _plain(
        self,
        done: Future[None],
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        try:
            with self.app.app_context():
                func(*args, **kwargs)
        except Exception:
            self._log(func)
        finally:
            done.set_result(None)

    def _log(self, func: Callable[..., Any]) -> None:
        name = getattr(func, "__qualname__", repr(func))
        self.app.logger.exception(f"Exception in the background task {name}")


def _stop(reference: weakref.ref[Life]) -> None:
    if (life := reference()) is not None:
        run(life.stop())


def _cannot_be_cancelled() -> None:
    """A plain function in its thread."""


async def _result(value: Any) -> None:
    if isawaitable(value):
        await value


async def _step(running: Iterator[None] | AsyncIterator[None]) -> None:
    """Go on to the next ``yield``, or to the end."""
    if isasyncgen(running):
        await anext(running, None)
    else:
        next(cast("Iterator[None]", running), None)
