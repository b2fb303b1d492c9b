"""Where ``async def`` functions run, and plain ones beside them.

Lives here: :func:`run`, with which a thread has a coroutine run and waits for it, and
:func:`in_thread`, with which a coroutine has a plain function run and waits for it, or
:func:`in_own_thread`.
Must not know: what runs.

How it works: under a server that knows no ``await``, coroutines run on one loop for the process,
in a thread of its own; as it lives on between requests, so do the connection pools and clients
that views keep. Under a server with a loop they run on the server's: the context in which a plain
function runs in a worker thread says whose thread it is, or the context of the request does.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from .globals import _current_ctx

if TYPE_CHECKING:
    from .threads import Threads

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
#: The loop that waits for what is computed in this context.
_waiting_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar(
    "carboy.waiting_loop", default=None
)
_MISSING = object()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine* on the loop, in a copy of the caller's context, and wait for its result.

    What it changes in the context is seen by the caller.

    :raises RuntimeError: called on the loop itself, which cannot wait for itself
    :raises BaseException: what the coroutine raises
    """
    loop = waiting_loop() or background_loop()
    if asyncio._get_running_loop() is loop:
        coroutine.close()
        raise RuntimeError(
            "An async function was called as a plain one on the event loop, which would"
            " wait for itself. Await it, or call what calls it with"
            " 'await asyncio.to_thread(...)'."
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
    finally:
        _adopt(context)


async def in_thread(
    threads: Threads,
    func: Callable[..., T],
    *args: Any,
    context: Context | None = None,
) -> T:
    """Run a plain function in a worker thread, in a copy of the caller's context.

    What it changes in the context is seen by the caller. :func:`run` leads back from there to the
    loop of the caller. A function that runs is waited for, also by a caller that is cancelled: it
    cannot be stopped, and what comes after must not meet it.

    :param threads: the threads
    :param context: to run it in, with the caller's variables; so that a function finds the tokens
        valid that one before it got
    :raises BaseException: what the function raises
    """
    loop = asyncio.get_running_loop()
    if context is None:
        context = copy_context()
    else:
        context.run(_adopt, copy_context())
    if _waiting_loop.get() is loop:
        work = partial(context.run, func, *args)
    else:
        work = partial(context.run, _with_loop, loop, func, args)
    hop: _Hop[T] = _Hop(threads, work, loop)
    threads.submit(hop)
    try:
        return await hop
    finally:
        del hop  # Its exception would lead to it, and it to its exception.
        _adopt(context)


class _Hop(asyncio.Future[T]):
    """What a thread computes, for a task that cannot be cancelled while the thread runs.

    :param threads: the threads
    :param work: how to compute it
    """

    _value: T
    _error: BaseException | None = None

    def __init__(
        self, threads: Threads, work: Callable[[], T], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(loop=loop)
        self._threads = threads
        self._work = work
        way_back = _ways_back.get(loop)
        if way_back is None:
            way_back = _ways_back[loop] = _WayBack()
        self._way_back = way_back

    def __call__(self) -> None:
        """Compute it, in the thread."""
        try:
            self._value = self._work()
        except BaseException as e:
            self._error = e
        self._way_back.take(self)
        # The traceback of the error leads here.
        del self

    def cancel(self, msg: Any = None) -> bool:
        # The task is told once the work is done, if it has begun.
        return self._threads.withdraw(self) and super().cancel(msg)

    def settle(self) -> None:
        """Tell the task, on the loop."""
        error = self._error
        if isinstance(error, StopIteration):
            # A future does not take it: it would end the coroutine that waits.
            stop, error = error, RuntimeError("A plain function raised StopIteration.")
            error.__cause__ = stop
        if error is None:
            self.set_result(self._value)
        else:
            self.set_exception(error)


class _WayBack:
    """Takes to a loop what threads have computed.

    The loop is woken once for all that is there until it comes to look, and not each time with a
    system call.
    """

    def __init__(self) -> None:
        self.done: deque[_Hop[Any]] = deque()
        self.is_told = False
        self.context = Context()

    def take(self, hop: _Hop[Any]) -> None:
        self.done.append(hop)
        if not self.is_told:
            self.is_told = True
            # A loop that is closed has nobody who waits.
            with suppress(RuntimeError):
                hop.get_loop().call_soon_threadsafe(self.settle, context=self.context)

    def settle(self) -> None:
        # What comes from here on wakes the loop again.
        self.is_told = False
        for _ in range(len(self.done)):
            self.done.popleft().settle()


#: They do not hold their loops, unless something is on its way.
_ways_back: WeakKeyDictionary[asyncio.AbstractEventLoop, _WayBack] = WeakKeyDictionary()


def waiting_loop() -> asyncio.AbstractEventLoop | None:
    """The server's loop, where it has one and this is called on behalf of a request."""
    loop = _waiting_loop.get()
    if loop is None and (ctx := _current_ctx(None)) is not None:
        loop = ctx._loop
    return loop


def wait_here() -> asyncio.AbstractEventLoop:
    """:func:`lead_to` the running loop."""
    loop = asyncio.get_running_loop()
    # A server that has said so for all its requests spares each of them half of the time.
    if _waiting_loop.get() is not loop:
        _waiting_loop.set(loop)
    return loop


def lead_to(loop: asyncio.AbstractEventLoop) -> None:
    """Have :func:`run` lead to *loop* from the threads that this context goes to."""
    _waiting_loop.set(loop)


async def in_own_thread(func: Callable[..., T], /, **kwargs: Any) -> T:
    """:func:`in_thread` for what takes long: in a thread that is made for it."""
    loop = asyncio.get_running_loop()
    context = copy_context()
    done: Future[T] = Future()
    # It goes on when nobody waits for it any more.
    done.set_running_or_notify_cancel()

    def work() -> None:
        try:
            done.set_result(context.run(_with_loop, loop, partial(func, **kwargs), ()))
        except BaseException as e:
            done.set_exception(e)

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wrap_future(done)


def _with_loop(loop: asyncio.AbstractEventLoop, func: Callable[..., T], args: tuple[Any, ...]) -> T:
    token = _waiting_loop.set(loop)
    try:
        return func(*args)
    finally:
        _waiting_loop.reset(token)


def _adopt(context: Context) -> None:
    for var, value in context.items():
        if var.get(_MISSING) is not value:
            var.set(value)


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop of the process for coroutines that no server's loop waits for."""
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
