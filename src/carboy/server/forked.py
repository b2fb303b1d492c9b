"""A copy of this process, which goes on as the program while this one keeps the reloader.

Lives here: making the copy at a moment at which that is safe, and what is done with it then:
look whether it has ended, and end it.
Must not know: the reloader, the program.

How it works: what is imported for the command line is imported for the program as well, and a
copy has it at once, where a process that is started anew needs as long as this one has needed.
That is done for the first program only: later ones would be copies of a process with threads, and
of old code.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Those that must not be missed between a fork and the handler that is set for them.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD")


def can_fork() -> bool:
    """Whether a copy of this process would work as well as this one does."""
    # Elsewhere libraries of the system may not survive it.
    return sys.platform == "linux" and threading.active_count() == 1


@contextmanager
def held_signals() -> Iterator[None]:
    """Let signals wait until the block is left, also in a copy that is made in it."""
    numbers = {getattr(signal, name) for name in _SIGNALS}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Forked:
    """A copy of this process; it is used as a ``subprocess.Popen`` is."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while the process runs."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # Somebody else has asked.
                self._status = 0
            else:
                self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def terminate(self) -> None:
        """Ask the process to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def fork(stderr: int) -> Forked | None:
    """Make the copy.

    :param stderr: the descriptor of what is to be the standard error of the copy
    :returns: the copy; in the copy ``None``
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return Forked(pid)
    os.dup2(stderr, 2)
    return None
