"""The event loop on which ``async def`` views run under a server that knows no ``await``.

Lives here: one loop for the process, in a thread of its own, started when first needed. As it
lives on between requests, so do the connection pools and clients that views keep.
Must not know: what it runs.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine* on the loop, in a copy of the caller's context, and wait for its result.

    :raises RuntimeError: called on the loop itself, which cannot wait for itself
    :raises BaseException: what the coroutine raises
    """
    loop = _running_loop()
    if asyncio._get_running_loop() is loop:
        coroutine.close()
        raise RuntimeError(
            "An async function was called as a plain one on the event loop, which would"
            " wait for itself. Await it instead."
        )
    result: Future[T] = Future()
    context = copy_context()
    tasks: list[asyncio.Task[None]] = []

    async def settle() -> None:
        # A task hands SystemExit and KeyboardInterrupt on to the loop, which would end.
        try:
            result.set_result(await coroutine)
        except BaseException as e:
            result.set_exception(e)

    loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(settle(), context=context)))
    try:
        return result.result()
    except BaseException:
        if not result.done():  # It is the waiting that was interrupted.
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())
        raise


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop
    if _loop is None:
        with _lock:
            if _loop is None:
                # In a context of its own, or it would keep the first request alive.
                loop = Context().run(asyncio.new_event_loop)
                threading.Thread(target=loop.run_forever, name="carboy-loop", daemon=True).start()
                _loop = loop
    return _loop


def _forget() -> None:
    global _loop, _lock
    _loop = None
    _lock = threading.Lock()


# Threads do not survive a fork: a worker starts its own loop.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
