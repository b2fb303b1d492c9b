"""Serve an application with Granian in this process, until a signal or the reloader says stop.

Lives here: starting Granian's worker on a socket, for each of the three interfaces, and the ways
of stopping.
Must not know: how the address was chosen, the command line, what the reloader looks at.

How it works: Granian's own server class starts processes, and these must find the application
by name. Its worker classes need neither: they take a socket and a callable. Under WSGI the main
thread waits for Ctrl-C or SIGTERM, otherwise it runs the event loop. Then the worker accepts
nothing more and finishes what it has begun; what takes longer than a moment is cut off.

A signal's handler runs in the main thread, and only when that gets to it. It may be about to wait,
with its last look at signals behind it, or another thread may have been interrupted. So the main
thread waits for bytes from a socket, and Python itself writes one to it when a signal comes.

A program that makes way for the next one leaves what knocks at the listening socket to that, by
putting a socket that nobody knows in its place.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from .access_log import AccessLines, LoggedLines
from .address import BACKLOG, turn_away
from .engine import NoLoop, granian, wsgi_scheduler
from .handover import PAGES, RETIRE, STOP, Reloader
from .wsgi import WSGICallback

if TYPE_CHECKING:
    from .front import Front
    from .live_reload import LiveReload

#: How many requests are served at a time; threads are started as they are needed.
THREADS = 64

#: How many seconds a request that is being served is given when the server is stopped, and when
#: the program makes way for the next one.
GRACE = 1.0
GRACE_WHEN_RETIRING = 5.0

#: The signals that stop the server, where the system has them.
STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")

#: What is written to the socket that is waited for when the server is to stop. Python writes the
#: numbers of signals, which begin with 1.
STOP_ASKED = b"\0"

#: How many seconds a connection may take that was about to be made when others took over.
LATECOMERS = 0.05

#: How many seconds pass between two looks at whether the WebSockets are closed.
LOOK = 0.01


def serve(
    application: Any,
    sock: socket.socket,
    *,
    interface: str = "wsgi",
    threads: int = THREADS,
    certificate: tuple[str, str] | None = None,
    log: AccessLines | None = None,
    live: LiveReload | None = None,
    reloader: Reloader | None = None,
    when_serving: Callable[[], None] = lambda: None,
) -> None:
    """Serve an application until SIGINT or SIGTERM, or until the reloader says stop.

    Outside the main thread, which alone hears signals, it serves until the process ends.

    :param application: for WSGI a callable, otherwise one that has the interface
    :param sock: a listening socket; it is used up
    :param interface: ``wsgi``, ``asgi`` or ``rsgi``
    :param threads: how many requests to serve at a time under WSGI
    :param certificate: the paths of a certificate and its key, for HTTPS
    :param log: writes the line of each request
    :param live: tells pages to reload themselves
    :param reloader: gives orders
    :param when_serving: called when all is ready, right before the first request is served
    :raises SystemExit: the program has made way for the next one
    """
    server = _Server(sock, certificate, live, reloader, when_serving)
    log = log or LoggedLines()
    # Also when a request is cut off that reads from the terminal, as a debugger does.
    atexit.register(terminal_mender())
    if interface == "wsgi":
        server.serve_wsgi(application, threads, log)
    else:
        server.serve_on_loop(application, interface, log)
    if server.order == RETIRE:
        raise SystemExit(0)


class _Server:
    def __init__(
        self,
        sock: socket.socket,
        certificate: tuple[str, str] | None,
        live: LiveReload | None,
        reloader: Reloader | None,
        when_serving: Callable[[], None],
    ) -> None:
        # Granian closes the descriptor, so it must not be closed by Python as well.
        self.descriptor = sock.detach()
        self.certificate = certificate
        self.live = live
        self.reloader = reloader
        self.when_serving = when_serving
        self.order = STOP

    def serve_wsgi(self, application: Any, threads: int, log: AccessLines) -> None:
        callback = WSGICallback(
            application, log.wsgi, multithread=threads > 1, spare_threads=threads // 2
        )
        answer: Any = callback
        if self.live is not None:
            answer = self.live.wsgi(callback, multithread=threads > 1)
        stop, finished = _stopping()
        loop = NoLoop()
        scheduler = wsgi_scheduler(answer, loop)
        worker = granian().WSGIWorker(**self._options(), py_threads=threads)
        in_time = True
        try:
            with self._stop_requests() as requests:
                worker.serve_mtr(scheduler, loop, stop)
                _wait(requests)
        finally:
            callback.closing = True
            in_time = self._stop(stop, finished)
            if not in_time and callback.active:
                _cut_off()

    def serve_on_loop(self, application: Any, interface: str, log: AccessLines) -> None:
        import asyncio

        from .front import Front

        front, active = Front(log=log, when_reached=lambda: None), _Active()
        loop = granian("_loops").loops.get("auto")
        begin, end, callback = (self._rsgi if interface == "rsgi" else self._asgi)(
            application, loop, front, active
        )
        begin()
        stop, finished = _stopping()
        over = asyncio.Event()
        futures = granian("_futures")
        scheduler = futures._new_cbscheduler(
            loop, futures._future_watcher_wrapper(callback), impl_asyncio=True
        )
        kind = granian().RSGIWorker if interface == "rsgi" else granian().ASGIWorker
        worker = kind(**self._options(), websockets_enabled=True)
        serve = worker.serve_str if interface == "rsgi" else worker.serve_mtr
        in_time: list[bool] = []

        def hang_up() -> None:
            loop.call_soon_threadsafe(front.hang_up)
            # Granian cuts off what has not been told that it is over.
            end = time.monotonic() + GRACE
            while front.websockets and time.monotonic() < end:
                time.sleep(LOOK)

        def wait(requests: socket.socket) -> None:
            # The loop may be about to wait as well.
            _wait(requests, lambda: loop.call_soon_threadsafe(int))
            front.close()
            in_time.append(self._stop(stop, finished, hang_up))
            loop.call_soon_threadsafe(over.set)

        try:
            with self._stop_requests() as requests:
                serve(scheduler, loop, stop)
                threading.Thread(target=wait, args=(requests,), daemon=True).start()
                loop.run_until_complete(over.wait())
                end()
        except KeyboardInterrupt:
            # The second Ctrl-C.
            _cut_off()
        if in_time == [False] and active.count:
            _cut_off()
        loop.close()

    def _rsgi(self, application: Any, loop: Any, front: Front, active: _Active) -> Any:
        begin = getattr(application, "__rsgi_init__", None)
        end = getattr(application, "__rsgi_del__", None)
        answer: Any = active.counting(front.rsgi(application))
        return (
            lambda: begin and begin(loop),
            lambda: end and end(loop),
            answer if self.live is None else self.live.rsgi(answer),
        )

    def _asgi(self, application: Any, loop: Any, front: Front, active: _Active) -> Any:
        asgi = granian("asgi")
        answer = front.asgi(application)
        lifespan = asgi.LifespanProtocol(answer)

        def begin() -> None:
            loop.run_until_complete(lifespan.startup())
            if lifespan.interrupt:
                raise SystemExit("Error: the application's start-up failed.")

        counted: Any = active.counting(answer)
        if self.live is not None:
            counted = self.live.asgi(counted)
        return (
            begin,
            lambda: loop.run_until_complete(lifespan.shutdown()),
            asgi._callback_wrapper(counted, {}, lifespan.state),
        )

    def _options(self) -> dict[str, Any]:
        """What all of Granian's workers are made with."""
        logging.getLogger("_granian").setLevel(logging.WARNING)
        cert, key = self.certificate or (None, None)
        return {
            "worker_id": 1,
            "sock": (None, self._holder()),
            "ipc": None,
            "backpressure": BACKLOG,
            "http_mode": "1",
            "ssl_enabled": cert is not None,
            "ssl_cert": cert,
            "ssl_key": key,
            "ssl_protocol_min": "tls1.2",
        }

    def _holder(self) -> object:
        """The socket in Granian's hands; how it wants them depends on the platform."""
        holder = granian().SocketHolder
        if sys.platform == "win32":
            return holder(self.descriptor)
        if sys.platform.startswith(("linux", "freebsd")):
            return holder(self.descriptor, False, BACKLOG)
        return holder(self.descriptor, False)

    @contextmanager
    def _stop_requests(self) -> Iterator[socket.socket]:
        """A socket to which a signal or the reloader writes that the server is to stop, for as
        long as the block runs.

        A signal for which the program has a handler of its own is left to it, and one that comes
        for the second time does what it would do anywhere.
        """
        requests, asking = socket.socketpair()
        asking.setblocking(False)
        before: dict[int, Any] = {}
        wakeup_before = None

        def on_signal(number: int, frame: FrameType | None) -> None:
            _ask_to_stop(asking)
            if number in before:
                signal.signal(number, before.pop(number))

        if threading.current_thread() is threading.main_thread():
            wakeup_before = signal.set_wakeup_fd(asking.fileno(), warn_on_full_buffer=False)
            if wakeup_before != -1:
                # A loop of the program's own listens to its signals there.
                signal.set_wakeup_fd(wakeup_before)
            for number in filter(None, map(signal.__dict__.get, STOPPING)):
                if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                    before[number] = signal.signal(number, on_signal)
        if self.reloader is not None:
            threading.Thread(
                target=self._obey, args=(self.reloader, asking), name="carboy-obey", daemon=True
            ).start()
        try:
            self.when_serving()
            yield requests
        finally:
            for number, handler in list(before.items()):
                signal.signal(number, handler)
            if wakeup_before == -1:
                signal.set_wakeup_fd(-1)
            requests.close()
            asking.close()

    def _obey(self, reloader: Reloader, asking: socket.socket) -> None:
        reloader.obeyed = True
        while (order := reloader.order()) == PAGES:
            if self.live is not None:
                self.live.pages_changed()
        self.order = order
        _ask_to_stop(asking)

    def _stop(
        self,
        stop: Any,
        finished: threading.Event,
        hang_up: Callable[[], object] = lambda: None,
    ) -> bool:
        """Stop serving, and say whether all requests have ended soon enough.

        A second Ctrl-C means: at once.

        :param stop: what makes Granian stop
        :param finished: set when it has
        :param hang_up: closes the WebSockets, which would not end by themselves
        """
        if self.order == RETIRE:
            turn_away(self.descriptor)
        hang_up()
        # Pages connect again at once, and are not to come back here.
        if self.live is not None:
            self.live.close()
        grace = GRACE
        if self.order == RETIRE:
            time.sleep(LATECOMERS)
            grace = GRACE_WHEN_RETIRING
        stop.set()
        try:
            return finished.wait(grace)
        except KeyboardInterrupt:
            return False


class _Active:
    """Counts the connections that are being served on a loop."""

    def __init__(self) -> None:
        self.count = 0

    def counting(self, answer: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def counted(*connection: Any) -> None:
            self.count += 1
            try:
                await answer(*connection)
            finally:
                self.count -= 1

        return counted


def _stopping() -> tuple[Any, threading.Event]:
    """What tells Granian to stop, and an event that tells when it has."""
    finished = threading.Event()
    stop = granian().WorkerSignal()
    stop.add_cb(finished.set)
    return stop, finished


def _ask_to_stop(asking: socket.socket) -> None:
    # When it is full, it is being read; and it may be closed already.
    with suppress(OSError):
        asking.send(STOP_ASKED)


def _wait(requests: socket.socket, wake_main: Callable[[], object] = lambda: None) -> None:
    """Wait until the server is to stop, or has come to its end by itself.

    :param wake_main: has the main thread look at signals, when it is not this one
    """
    while (heard := requests.recv(64)) and STOP_ASKED not in heard:
        wake_main()


def terminal_mender() -> Callable[[], None]:
    """A function that puts the terminal right after somebody has left it as it was using it."""
    try:
        import termios

        settings = termios.tcgetattr(0)
    except (ImportError, OSError, termios.error):
        return lambda: None

    def mend() -> None:
        # It may have been closed, and in the background it is somebody else's.
        with suppress(OSError, termios.error):
            if os.tcgetpgrp(0) == os.getpgrp() and termios.tcgetattr(0) != settings:
                termios.tcsetattr(0, termios.TCSADRAIN, settings)

    return mend


def _cut_off() -> NoReturn:
    """End the process while a view still runs.

    A thread of the server that comes back to Python while the interpreter is shutting down
    would crash it, so the usual way out is not open.
    """
    print("A request was still running and was cut off.", file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
