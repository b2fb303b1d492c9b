"""Worker threads for what would stop an event loop.

Lives here: :class:`Threads`, a queue of jobs and the threads that do them.
Must not know: event loops, contexts, what a job does.

How it works: a job calls one thread at the most, and none while one is on its way. A thread that
takes a job and sees others waiting calls the next thread before it begins. So jobs that wait for
something do so side by side, and of many short ones the first thread has done all before the second
gets to look: that takes two switches of threads, and not two for each job, as it does with
``concurrent.futures``.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from weakref import WeakSet, ref

Job = Callable[[], object]


class Threads:
    """Up to *most* threads, each made when it is needed.

    They end with this object. At the end of the interpreter they are waited for, and do first what
    was submitted.

    :param name: what their names begin with
    :raises ValueError: *most* is less than one
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._begin()
        if most < 1:
            raise ValueError(f"There must be at least one worker thread, not {most}.")
        _all.add(self)

    def _begin(self) -> None:
        self._jobs: deque[Job] = deque()
        self._threads: list[threading.Thread] = []
        #: What each thread without a job waits for. The last one to come is called first.
        self._idle: list[threading.Lock] = []
        #: Whether a thread was called that has not looked for a job yet.
        self._one_comes = False
        self._ended = False
        # To look for the last time and to become idle is one step for those that call.
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Have a thread call *job*, which must not raise.

        :raises RuntimeError: the interpreter ends, or the system gives not even one thread
        """
        if self._ended:
            raise RuntimeError("No function can be run in a thread while the interpreter ends.")
        self._jobs.append(job)
        if not self._one_comes:
            try:
                self._call_one()
            except RuntimeError:
                self.withdraw(job)
                raise

    def withdraw(self, job: Job) -> bool:
        """Forget *job*, if no thread has taken it; whether that was so."""
        try:
            self._jobs.remove(job)
        except ValueError:
            return False
        return True

    def _call_one(self) -> None:
        with self._lock:
            if self._one_comes:
                return
            if self._idle:
                self._one_comes = True
                self._idle.pop().release()
            elif len(self._threads) < self._most:
                self._one_comes = True
                self._start_one()

    def _start_one(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=_work, args=(ref(self),), name=name)
        try:
            thread.start()
        except RuntimeError:
            self._one_comes = False
            if not self._threads:
                raise
            # Those that are there will come to it.
        else:
            self._threads.append(thread)

    def _do_jobs(self, bell: threading.Lock) -> bool:
        """Do jobs until there are none; then whether *bell* will ring for more."""
        self._one_comes = False
        jobs = self._jobs
        while True:
            try:
                job = jobs.popleft()
            except IndexError:
                with self._lock:
                    if jobs:
                        continue
                    if not self._ended:
                        self._idle.append(bell)
                    return not self._ended
            if jobs and not self._one_comes:
                self._call_one()
            job()
            # The traceback of an error in it leads here.
            del job

    def _end(self) -> None:
        with self._lock:
            self._ended = True
            self.__del__()

    def __del__(self) -> None:
        while self._idle:
            self._idle.pop().release()


def _work(threads: ref[Threads]) -> None:
    bell = threading.Lock()
    bell.acquire()
    while (own := threads()) is not None and own._do_jobs(bell):
        # Who waits does not keep them.
        del own
        bell.acquire()


_all: WeakSet[Threads] = WeakSet()


def _end_all() -> None:
    for threads in list(_all):
        threads._end()
        for thread in threads._threads:
            thread.join()


def _begin_all() -> None:
    for threads in list(_all):
        threads._begin()


# Exit functions are called when the threads have been waited for, which wait for a job for ever.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]
# Threads do not survive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
