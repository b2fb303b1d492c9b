"""Serve an application in a worker of the production server, until it is told to stop.

Lives here: loading the application, choosing the interface, starting Granian, and stopping so
that no request is lost.
Must not know: other workers, the command line.

How it works: the supervisor talks to a worker over one channel. A worker says :data:`READY` and
which interface, once it serves, and :data:`REPLACE` and why, when it wants to be replaced. It is
told :data:`RETIRE` when others go on serving, and :data:`STOP` when nobody will.

Stopping has three steps. First each answer becomes the last one on its connection, and a worker
that retires takes no new connections: its descriptor of the listening socket, which Granian
goes on asking, is put in the place of one that nobody connects to. Then the connections that are
idle get a moment to end by themselves. At last Granian is told to stop: it closes those that are
still idle, and finishes what it has begun.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from select import select
from typing import TYPE_CHECKING, Any

from .address import BACKLOG, turn_away
from .engine import NoLoop, granian, wsgi_scheduler
from .front import Front

if TYPE_CHECKING:
    from .production import Settings

READY, REPLACE = "ready", "replace"
RETIRE, STOP = b"retire", b"stop"

#: The interfaces, and what an application needs for each.
INTERFACES = {"wsgi": "__call__", "rsgi": "__rsgi__", "asgi": "asgi"}

#: Open connections, idle ones too, and files that a worker may have, if the system lets it.
OPEN_FILES = 65536

#: How many seconds idle connections are given to end by themselves.
IDLE_WHEN_RETIRING = 5.0
IDLE_WHEN_STOPPING = 1.0

#: How many seconds async views that were cut off are given for what they do in the end.
AFTER_CUT_OFF = 1.0

#: How long a connection may take that was about to be made when the worker was told to stop.
LATECOMERS = 0.1

#: Between two looks at what is still open, and two at the memory.
LOOK = 0.05
LOOK_AT_MEMORY = 1.0

#: Has a task begin at once, from Python 3.12 on.
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


def run(settings: Settings, listener: socket.socket, channel: socket.socket) -> int:
    """Serve until told to stop.

    :param listener: the listening socket; it does not block
    :param channel: to the supervisor
    :returns: the exit status
    """
    worker = _Worker(settings, listener, channel)
    # The supervisor hears these too, when they are sent to all processes at once.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Python calls a handler when the main thread gets to it, which may be deep in a wait.
    signal.signal(signal.SIGTERM, lambda *_: worker.is_to_end())
    signal.set_wakeup_fd(worker.wakeup.fileno(), warn_on_full_buffer=False)
    try:
        application = settings.load()
        if (debugger := getattr(application, "_debugger", None)) is not None:
            debugger.switch_off("carboy serve")
        interface = _interface(application, settings)
        if settings.scheduling == "batch" or (
            settings.scheduling == "auto" and interface != "wsgi"
        ):
            _schedule_in_batches()
        serve = worker.serve_wsgi if interface == "wsgi" else worker.serve_on_loop
        serve(application, interface)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    return status


def _schedule_in_batches() -> None:
    """Have a thread that wakes another go on, and not stop at once in its favour.

    A request goes from a thread of Granian's to the loop's and back. With Linux's usual policy each
    of the two steps is a switch of threads; with this one (``SCHED_BATCH``, sched(7)) many requests
    go together. On one core that is two fifths of what an async request takes.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # Some sandboxes do not allow it.
            # Threads inherit it from who starts them.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _interface(application: Any, settings: Settings) -> str:
    """The interface to serve an application over.

    :raises SystemExit: the application does not have it
    """
    wanted = settings.interface
    needs_prefix = settings.proxies is not None and "prefix" in settings.proxies.headers
    if wanted == "auto":
        # RSGI carries neither the subprotocol of a WebSocket nor why it was closed. It does not
        # tell how much of an answer the client has taken, and on a Unix socket nothing else does.
        needs_asgi = getattr(application, "has_websockets", False) or settings.uds is not None
        on_loop = "asgi" if needs_prefix or needs_asgi else "rsgi"
        wanted = on_loop if getattr(application, "is_async", False) else "wsgi"
    if wanted == "rsgi" and needs_prefix:
        raise SystemExit("Error: RSGI has no place for X-Forwarded-Prefix. Use --interface asgi.")
    if not hasattr(application, INTERFACES[wanted]):
        raise SystemExit(
            f"Error: the application {application!r} cannot be served over {wanted}: it has no"
            f" {INTERFACES[wanted]!r}. Choose another --interface."
        )
    return wanted


class _Worker:
    def __init__(self, settings: Settings, listener: socket.socket, channel: socket.socket) -> None:
        self.settings = settings
        self.listener = listener
        self.channel = channel
        #: The numbers of the signals that have come.
        self.signals, self.wakeup = socket.socketpair()
        self.wakeup.setblocking(False)
        self._replacement_wanted = False
        limit = settings.max_requests
        if limit is not None:
            limit += random.randint(0, settings.max_requests_jitter)
        self.front = Front(
            health=settings.health,
            log=settings.access_log,
            proxies=settings.proxies,
            limit=limit,
            body_timeout=settings.body_timeout,
            when_reached=lambda: self.ask_to_be_replaced(f"it has had {limit} requests"),
            when_held=lambda: self.ask_to_be_replaced(
                "half of its threads are held by clients that do not send what they promised"
            ),
        )

    def say(self, message: str) -> None:
        # If the supervisor has gone, that is what the worker will hear next.
        with suppress(OSError):
            self.channel.sendall(f"{message}\n".encode())

    def ask_to_be_replaced(self, reason: str) -> None:
        if not self._replacement_wanted:
            self._replacement_wanted = True
            self.say(f"{REPLACE} {reason}")

    def is_to_end(self) -> None:
        """Somebody else than the supervisor has told it to."""
        self.ask_to_be_replaced("it was asked to end")

    def serve_wsgi(self, application: Any, interface: str) -> None:
        callback = self.front.wsgi(
            application,
            threads=self.settings.threads,
            multiprocess=self.settings.workers > 1,
        )
        stop, finished = granian().WorkerSignal(), threading.Event()
        stop.add_cb(finished.set)
        loop = NoLoop()
        scheduler = wsgi_scheduler(callback, loop)
        worker = granian().WSGIWorker(
            **self._options(application), py_threads=self.settings.threads
        )
        self._method(worker, "mtr")(scheduler, loop, stop)
        self._ready(interface)
        self._stop_when_told(stop, finished)

    def serve_on_loop(self, application: Any, interface: str) -> None:
        import asyncio

        loop = granian("_loops").loops.get("auto")
        begin, end, callback = (self._rsgi if interface == "rsgi" else self._asgi)(
            application, loop
        )
        begin()
        stop, finished, over = granian().WorkerSignal(), threading.Event(), asyncio.Event()
        stop.add_cb(finished.set)
        watched = granian("_futures")._future_watcher_wrapper(callback)
        scheduler = _scheduler(loop, watched)
        kind = granian().RSGIWorker if interface == "rsgi" else granian().ASGIWorker
        worker = kind(**self._options(application), websockets_enabled=True)
        one_thread = interface == "rsgi" and self.settings.http != "2"
        self._method(worker, "str" if one_thread else "mtr")(scheduler, loop, stop)
        self._ready(interface)

        def wait() -> None:
            self._stop_when_told(
                stop, finished, lambda: loop.call_soon_threadsafe(self.front.hang_up)
            )
            loop.call_soon_threadsafe(over.set)

        threading.Thread(target=wait, name="carboy-stop", daemon=True).start()
        loop.run_until_complete(over.wait())
        end()
        # What was cut off is to run its `finally` and teardown.
        if left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=AFTER_CUT_OFF))

    def _rsgi(self, application: Any, loop: Any) -> Any:
        begin = getattr(application, "__rsgi_init__", None)
        end = getattr(application, "__rsgi_del__", None)
        return (
            lambda: begin and begin(loop),
            lambda: end and end(loop),
            self.front.rsgi(application),
        )

    def _asgi(self, application: Any, loop: Any) -> Any:
        asgi = granian("asgi")
        answer = self.front.asgi(application)
        lifespan = asgi.LifespanProtocol(answer)

        def begin() -> None:
            loop.run_until_complete(lifespan.startup())
            if lifespan.interrupt:
                raise SystemExit("Error: the application's start-up failed.")

        return (
            begin,
            lambda: loop.run_until_complete(lifespan.shutdown()),
            asgi._callback_wrapper(answer, {}, lifespan.state),
        )

    def _options(self, application: Any) -> dict[str, Any]:
        """What all of Granian's workers are made with."""
        settings = self.settings
        uds = self.listener.family == socket.AF_UNIX
        cert, key = settings.certificate or (None, None)
        mounts = list(settings.mounts)
        if settings.static and (folder := getattr(application, "static_folder", None)):
            mounts.append((application.static_url_path, folder))
        logging.getLogger("_granian").setLevel(logging.WARNING)
        return {
            "worker_id": 1,
            "sock": (None, granian().SocketHolder(self.listener.fileno(), uds, BACKLOG)),
            "ipc": None,
            "backpressure": OPEN_FILES,
            "http_mode": settings.http,
            "static_files": (mounts, None, "86400") if mounts else None,
            "ssl_enabled": cert is not None,
            "ssl_cert": cert,
            "ssl_key": key,
            "ssl_protocol_min": "tls1.2",
            "ssl_ca": settings.client_ca,
            "ssl_client_verify": settings.client_ca is not None,
        }

    def _method(self, worker: Any, runtime: str) -> Callable[..., None]:
        uds = self.listener.family == socket.AF_UNIX
        method: Callable[..., None] = getattr(worker, f"serve_{runtime}" + ("_uds" if uds else ""))
        return method

    def _ready(self, interface: str) -> None:
        if self.settings.max_memory is not None:
            watch = threading.Thread(
                target=self._watch_memory, args=(self.settings.max_memory,), daemon=True
            )
            watch.start()
        self.say(f"{READY} {interface}")

    def _watch_memory(self, limit: int) -> None:
        collector, pid = granian().ProcInfoCollector(), os.getpid()
        while True:
            used = collector.memory([pid]).get(pid, 0)
            if used > limit:
                self.ask_to_be_replaced(f"it has {used / 2**20:.0f} MiB of memory")
                return
            time.sleep(LOOK_AT_MEMORY)

    def _stop_when_told(
        self,
        stop: Any,
        finished: threading.Event,
        hang_up: Callable[[], object] = lambda: None,
    ) -> None:
        """Wait for the order to stop, and do so; return when all is answered, or time is up.

        :param stop: what makes Granian stop
        :param finished: set when it has
        :param hang_up: closes the WebSockets
        """
        while self.channel not in select([self.channel, self.signals], [], [])[0]:
            if signal.SIGTERM in self.signals.recv(64):
                self.is_to_end()
        # No order at all means that the supervisor has gone.
        order = self.channel.recv(16)
        end = time.monotonic() + self.settings.graceful_timeout
        self.front.close()
        name = self.listener.getsockname()
        if order == RETIRE:
            turn_away(self.listener.fileno())
            hang_up()
            idle = IDLE_WHEN_RETIRING
        else:
            hang_up()
            time.sleep(LATECOMERS)
            idle = IDLE_WHEN_STOPPING
        idle_end = min(end, time.monotonic() + idle)
        while time.monotonic() < idle_end and _is_connected(name):
            time.sleep(LOOK)
        stop.set()
        if not finished.wait(max(0.0, end - time.monotonic())):
            print(
                f"Worker {os.getpid()}: requests were still running after"
                f" {self.settings.graceful_timeout:g} seconds and were cut off.",
                file=sys.stderr,
            )


def _scheduler(loop: Any, watched: Any) -> Any:
    """What has requests answered on *loop*, in the place of Granian's own.

    Requests that come while the loop is busy wake it once, and not each with a system call. Where
    Python can, a request is begun in the turn in which it is found: most are answered in that turn
    and never wait for another. Both together make up for what the application costs.

    :param watched: the coroutine function that answers what it is given
    """
    import asyncio

    from ..loop import lead_to

    came: deque[Any] = deque()
    is_awake = False

    def begin() -> None:
        nonlocal is_awake
        # What comes from here on wakes the loop again.
        is_awake = False
        for _ in range(len(came)):
            watcher = came.popleft()
            task = asyncio.Task(watched(watcher), loop=loop, **_EAGER)
            if not task.done():
                watcher.taskref(task)

    def schedule(watcher: Any) -> None:
        nonlocal is_awake
        came.append(watcher)
        if not is_awake:
            is_awake = True
            loop.call_soon_threadsafe(begin, context=context)

    context = Context()
    context.run(lead_to, loop)

    class Scheduler(granian().CallbackScheduler):  # type: ignore[misc]
        def __init__(self, *args: object) -> None:
            self._schedule_fn = schedule

    tasks = asyncio.tasks
    enter, leave = partial(tasks._enter_task, loop), partial(tasks._leave_task, loop)
    return Scheduler(loop, watched, None, enter, leave)


def _is_connected(name: Any) -> bool:
    """Whether a connection to a listening socket of this name is open in this process.

    Where the system does not tell, one may be.
    """
    if not os.path.isdir("/dev/fd"):
        return True
    for entry in os.listdir("/dev/fd"):
        try:
            sock = socket.socket(fileno=int(entry))
        except OSError:
            continue
        try:
            own = sock.getsockname()
            sock.getpeername()
        except OSError:
            continue
        finally:
            sock.detach()
        if own == name or (
            isinstance(own, tuple) and isinstance(name, tuple) and own[1] == name[1]
        ):
            return True
    return False
