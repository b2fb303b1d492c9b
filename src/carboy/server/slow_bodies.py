"""Give up on clients that are slow to send the bodies of their requests.

Lives here: how long a body is waited for, and the answer when it has not come.
Must not know: sockets, processes, the application.

How it works: a thread that reads a body waits in Granian, where nothing wakes it but its client.
But any thread can send the answer. So one looks after all that wait, and answers 408 where it was
for too long, upon which a client that means no harm leaves, and the reader wakes up and raises the
same. Reader and watcher both take a body out of the set of those that are waited for; who finds it
there decides. When half of the threads are held by clients that stay, the worker is no good any
more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import RequestTimeout

if TYPE_CHECKING:
    from .wsgi import ResponseTaker

#: Bytes that earn a body one second more: slower than any client that means it.
RATE = 1024

#: How many seconds a client has to leave after it was answered.
LEAVE = 5.0

#: Between two looks at those that wait, in seconds, at most.
LOOK = 1.0


class SlowBodies:
    """The bodies that threads wait for, and the end of those that take too long.

    :param seconds: how long a body may be waited for in all; what has arrived adds to it again
    :param threads: how many threads there are
    :param when_held: called when half of them are held by clients that were given up on
    """

    def __init__(self, seconds: float, threads: int, when_held: Callable[[], None]) -> None:
        self.seconds = seconds
        self._most_held = (threads + 1) // 2
        self._when_held = when_held
        self._awaited: set[_Watched] = set()
        #: Those that were given up on, and are waited for all the same.
        self._held: set[_Watched] = set()

    def start(self) -> None:
        """Begin to look after them."""
        threading.Thread(target=self._watch, name="carboy-slow-bodies", daemon=True).start()

    def watched(self, source: Any, taker: ResponseTaker) -> Any:
        """The body *source*, whose ``read`` raises :exc:`RequestTimeout` when it is too slow.

        :param taker: what takes the answer to the request
        """
        return _Watched(self, source, taker)

    def wait_for(self, body: _Watched) -> None:
        """A thread begins to read."""
        self._awaited.add(body)

    def has_come(self, body: _Watched) -> bool:
        """A thread has read; whether nobody has given up on it."""
        if self._take(body):
            return True
        self._held.discard(body)
        return False

    def _take(self, body: _Watched) -> bool:
        try:
            self._awaited.remove(body)
        except KeyError:
            return False
        return True

    def _watch(self) -> None:
        while True:
            time.sleep(min(LOOK, self.seconds))
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Answer where a body has been waited for too long."""
        for body in tuple(self._awaited):
            if body.deadline <= now:
                # Before the reader can find that it is not waited for any more.
                self._held.add(body)
                if self._take(body):
                    body.give_up()
                else:
                    self._held.discard(body)
        if sum(body.deadline + LEAVE <= now for body in tuple(self._held)) >= self._most_held:
            self._when_held()


class _Watched:
    """A body as its server has it, and how long it may still be waited for."""

    __slots__ = ("_is_late", "_left", "_slow_bodies", "_source", "_taker", "deadline")

    def __init__(self, slow_bodies: SlowBodies, source: Any, taker: ResponseTaker) -> None:
        self._slow_bodies = slow_bodies
        self._source = source
        self._taker = taker
        self._left = slow_bodies.seconds
        self._is_late = False
        self.deadline = 0.0

    def read(self, size: int) -> bytes:
        """The next bytes, *size* at most.

        :raises RequestTimeout: they did not come in time
        """
        if not self._is_late:
            self.deadline = time.monotonic() + self._left
            self._slow_bodies.wait_for(self)
            try:
                data: bytes = self._source.read(size)
            finally:
                self._is_late = not self._slow_bodies.has_come(self)
            if not self._is_late:
                left = self.deadline - time.monotonic() + len(data) / RATE
                self._left = max(0.0, min(left, self._slow_bodies.seconds))
                return data
        raise RequestTimeout

    def give_up(self) -> None:
        """Answer, unless there is an answer already."""
        error = RequestTimeout("The body of the request did not arrive in time.")
        headers = [(name.lower(), value) for name, value in error.get_headers()]
        headers.append(("connection", "close"))
        self._taker.response_bytes(408, headers, error.get_body().encode())
