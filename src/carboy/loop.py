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
from contextvars import copy_context
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

    def start() -> None:
        task = loop.create_task(coroutine, context=context)
        task.add_done_callback(lambda done: _settle(result, done))

    loop.call_soon_threadsafe(start)
    return result.result()


def _settle(result: Future[T], task: asyncio.Task[T]) -> None:
    if task.cancelled():
        result.set_exception(asyncio.CancelledError())
    elif (error := task.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(task.result())


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop
    if _loop is None:
        with _lock:
            if _loop is None:
                loop = asyncio.new_event_loop()
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
