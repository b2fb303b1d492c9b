"""Keep the workers of the production server running.

Lives here: starting workers, replacing those that end, reloading, stopping.
Must not know: how a worker serves, the command line.

How it works: one loop, without threads, waits for signals, for what workers say and for the next
thing that is due; then it compares the workers there are with those there should be. A worker
belongs to a generation, and SIGHUP begins a new one. The first worker of a generation is started
alone: when the application cannot be loaded, it is said once, and the generation before goes on
serving. Each worker that gets ready sends one away that is out of date, so there are never fewer.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from .worker import READY, REPLACE, RETIRE, STOP, run

if TYPE_CHECKING:
    from .production import Settings

#: How many seconds a worker gets, after its requests, for what runs at the end of serving.
AT_THE_END = 10.0

#: A worker that ends sooner than this after its start has failed, in seconds.
SOON = 5.0

#: The longest pause, in seconds, before another worker is started after several have failed.
LONGEST_PAUSE = 30.0


class _Worker:
    """A process that serves."""

    def __init__(self, pid: int, channel: socket.socket, generation: int) -> None:
        self.pid = pid
        self.channel = channel
        self.generation = generation
        self.started = time.monotonic()
        self.ready = False
        #: Another one is to take its place.
        self.spent = False
        #: When it is killed; it has been told to stop if this is set.
        self.deadline: float | None = None

    def tell(self, order: bytes, seconds: float) -> None:
        """Tell the worker to stop, and when at the latest it will have."""
        self.deadline = time.monotonic() + seconds
        # It may have just ended by itself.
        with suppress(OSError):
            self.channel.send(order)


class Supervisor:
    """Runs the workers.

    :param settings: how to serve
    :param listener: the socket that all workers listen on
    :param place: where the application is to be found, as it is told
    """

    def __init__(self, settings: Settings, listener: socket.socket, place: str) -> None:
        self._settings = settings
        self._listener = listener
        self._place = place
        self._workers: dict[int, _Worker] = {}
        self._generation = 0
        #: The newest generation of which a worker has been ready.
        self._proven = -1
        self._stopping = False
        self._status = 0
        #: How many workers have failed one after the other, and when to start the next.
        self._failures = 0
        self._next_start = 0.0
        self._selector = selectors.DefaultSelector()
        self._signals, self._wakeup = socket.socketpair()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT.

        :returns: the exit status: 1 when nothing could be served
        """
        self._signals.setblocking(False)
        self._wakeup.setblocking(False)
        self._selector.register(self._signals, selectors.EVENT_READ)
        handled = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        before = {number: signal.signal(number, _leave_to_loop) for number in handled}
        wakeup_before = signal.set_wakeup_fd(self._wakeup.fileno())
        try:
            while self._workers or not self._stopping:
                self._start_missing()
                self._look()
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            self._signals.close()
            self._wakeup.close()
            self._listener.close()
            self._remove_path()
        return self._status

    # What should be

    def _current(self) -> list[_Worker]:
        """The workers that are to stay."""
        return [
            worker
            for worker in self._workers.values()
            if worker.generation == self._generation
            and not worker.spent
            and worker.deadline is None
        ]

    def _start_missing(self) -> None:
        if self._stopping or time.monotonic() < self._next_start:
            return
        wanted = self._settings.workers if self._proven == self._generation else 1
        for _ in range(wanted - len(self._current())):
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs)
        theirs.close()
        ours.setblocking(False)
        worker = self._workers[pid] = _Worker(pid, ours, self._generation)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(self, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            self._selector.close()
            # While a worker has another one's channel, that one is not told of our end.
            for sock in (ours, self._signals, self._wakeup):
                sock.close()
            for worker in self._workers.values():
                worker.channel.close()
            status = run(self._settings, self._listener, theirs)
        except BaseException:
            traceback.print_exc()
        finally:
            # The stack below belongs to the supervisor, and Granian's threads may still run.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    # What happens

    def _look(self) -> None:
        """Wait for what is next, and deal with it."""
        deadlines = [w.deadline for w in self._workers.values() if w.deadline is not None]
        if not self._stopping and self._next_start > time.monotonic():
            deadlines.append(self._next_start)
        pause = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        numbers = b""
        for key, _ in self._selector.select(pause):
            if key.data is None:
                numbers = self._signals.recv(1024)
            else:
                self._hear(key.data)
        for number in numbers:
            if number == signal.SIGHUP:
                self._reload()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
        self._bury()
        for worker in self._workers.values():
            if worker.deadline is not None and worker.deadline <= time.monotonic():
                self._say(f"Worker {worker.pid} did not end in time and is killed.")
                self._kill(worker)

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.channel.recv(4096)
        except OSError:
            said = b""
        if not said:
            # It has ended, or will soon, and its end is what counts.
            self._selector.unregister(worker.channel)
        for line in said.decode().splitlines():
            word, _, rest = line.partition(" ")
            if word == READY:
                self._is_ready(worker, rest)
            elif word == REPLACE and worker.deadline is None and not self._stopping:
                self._say(f"Worker {worker.pid} is replaced: {rest}.")
                worker.spent = True

    def _is_ready(self, worker: _Worker, interface: str) -> None:
        worker.ready = True
        if worker.generation > self._proven:
            self._proven = worker.generation
            if worker.generation == 0:
                self._announce(interface)
        out_of_date = [
            other
            for other in self._workers.values()
            if other.deadline is None and (other.spent or other.generation < worker.generation)
        ]
        serving = sum(other.ready for other in self._current())
        surplus = len(out_of_date) + serving - self._settings.workers
        for other in out_of_date[: max(0, surplus)]:
            other.tell(RETIRE, self._time_to_end)

    @property
    def _time_to_end(self) -> float:
        return self._settings.graceful_timeout + AT_THE_END

    def _announce(self, interface: str) -> None:
        settings = self._settings
        why = ""
        if settings.interface == "auto":
            kind = (
                "has only plain views" if interface == "wsgi" else "has async views or WebSockets"
            )
            why = f", as the application {kind}"
        self._say(f" * Interface: {interface}{why}")
        workers = f"{settings.workers} worker{'s' if settings.workers > 1 else ''}"
        if interface == "wsgi":
            threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
            workers += f" of {threads}" + (" each" if settings.workers > 1 else "")
        self._say(f" * {workers}, process {os.getpid()}")
        self._say(f" * Running on {self._place}")

    def _reload(self) -> None:
        if self._stopping:
            return
        if self._proven < self._generation:
            # A generation that has not shown itself yet has not read the newest code.
            for worker in self._current():
                self._kill(worker)
        self._say("Reloading.")
        self._generation += 1
        self._failures, self._next_start = 0, 0.0

    def _stop(self) -> None:
        if self._stopping:
            for worker in self._workers.values():
                self._kill(worker)
            return
        self._stopping = True
        self._close_door()
        for worker in self._workers.values():
            if worker.ready:
                worker.tell(STOP, self._time_to_end)
            else:
                self._kill(worker)

    def _close_door(self) -> None:
        """Let nobody connect any more; who already has is still served."""
        if self._listener.family == socket.AF_UNIX:
            self._remove_path()
        elif sys.platform == "linux":
            _refuse_connections(self._listener)

    def _remove_path(self) -> None:
        if (path := self._settings.uds) is not None and os.path.exists(path):
            os.unlink(path)

    def _kill(self, worker: _Worker) -> None:
        worker.deadline = time.monotonic() + self._time_to_end
        os.kill(worker.pid, signal.SIGKILL)

    def _bury(self) -> None:
        """Take note of the workers that have ended."""
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            del self._workers[worker.pid]
            if worker.channel in self._selector.get_map():
                # What it said last is read before it counts as gone.
                self._hear(worker)
            if worker.channel in self._selector.get_map():
                self._selector.unregister(worker.channel)
            worker.channel.close()
            if worker.deadline is None and not self._stopping:
                self._has_failed(worker, os.waitstatus_to_exitcode(status))

    def _has_failed(self, worker: _Worker, status: int) -> None:
        """Deal with the end of a worker that nobody told to stop."""
        if worker.ready:
            how = f"status {status}" if status >= 0 else signal.Signals(-status).name
            self._say(f"Worker {worker.pid} ended with {how}; another one takes its place.")
        elif self._proven < worker.generation:
            if not any(other.ready for other in self._workers.values()):
                self._give_up()
            elif worker.generation == self._generation:
                self._say("The reload has failed; the workers from before go on serving.")
                self._generation = self._proven
            return
        else:
            self._say(f"Worker {worker.pid} could not be started.")
            if not any(other.ready for other in self._workers.values()):
                self._give_up()
                return
        if worker.ready and time.monotonic() - worker.started > SOON:
            self._failures = 0
            return
        # The first one is replaced at once, the next after 1 s, 3 s, 7 s ...
        self._next_start = time.monotonic() + min(2.0**self._failures - 1, LONGEST_PAUSE)
        self._failures += 1

    def _give_up(self) -> None:
        self._say("Error: the application could not be loaded, so there is nothing to serve.")
        self._status = 1
        self._stop()

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def _leave_to_loop(number: int, frame: object) -> None:
    """The signal's number has been written to the wake-up socket; the loop reads it there."""


def _refuse_connections(listener: socket.socket) -> None:
    """Have the kernel drop what asks for a new connection.

    To close a listening socket is to reset the connections that wait to be accepted. Once
    nothing is added to them, the workers can take them all.
    """
    program = (
        (0x30, 0, 0, 13),  # load the flags of the TCP header
        (0x54, 0, 0, 0x12),  # keep SYN and ACK
        (0x15, 0, 1, 0x02),  # only SYN?
        (0x06, 0, 0, 0),  # yes: drop it
        (0x06, 0, 0, 0xFFFFFFFF),  # no: let it pass
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    so_attach_filter = 26
    # Some sandboxes do not know of it; there the few that come this late are reset.
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET,
            so_attach_filter,
            struct.pack("HP", len(program), ctypes.addressof(code)),
        )
