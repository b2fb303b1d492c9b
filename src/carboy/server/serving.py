"""Serve a WSGI application with Granian in this process, until a signal says stop.

Lives here: starting Granian's worker on a socket, and the two ways of stopping.
Must not know: how the address was chosen, the command line.

How it works: Granian's own server class starts processes, and these must find the application
by name. Its worker class needs neither: it takes a socket and a callable and runs its threads
beside ours, while the main thread waits for Ctrl-C or SIGTERM. Then the worker accepts nothing
more and finishes what it has begun; what takes longer than a moment is cut off.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from .access_log import log_access
from .address import BACKLOG
from .wsgi import WSGICallback

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: How many requests are served at a time; threads are started as they are needed.
THREADS = 64

#: How many seconds a request that is being served is given when the server is stopped.
GRACE = 1.0


def serve(
    application: WSGIApplication,
    sock: socket.socket,
    *,
    threads: int = THREADS,
    certificate: tuple[str, str] | None = None,
) -> None:
    """Serve an application until SIGINT or SIGTERM.

    Outside the main thread, which alone hears signals, it serves until the process ends.

    :param application: the WSGI application
    :param sock: a listening socket; it is used up
    :param threads: how many requests to serve at a time
    :param certificate: the paths of a certificate and its key, for HTTPS
    """
    # Granian, and asyncio with it, is needed only where something is served.
    import asyncio

    granian, scheduler = _granian()
    logging.getLogger("_granian").setLevel(logging.WARNING)
    callback = WSGICallback(application, log_access, multithread=threads > 1)
    cert, key = certificate or (None, None)
    worker = granian.WSGIWorker(
        worker_id=1,
        sock=(None, _holder(granian, sock)),
        ipc=None,
        py_threads=threads,
        backpressure=BACKLOG,
        http_mode="1",
        ssl_enabled=certificate is not None,
        ssl_cert=cert,
        ssl_key=key,
        ssl_protocol_min="tls1.2",
    )
    finished = threading.Event()
    stop = granian.WorkerSignal()
    stop.add_cb(finished.set)
    # A WSGI worker runs nothing on the loop, but its scheduler wants one.
    loop = asyncio.new_event_loop()
    worker.serve_mtr(scheduler(loop, callback, impl_asyncio=True), loop, stop)
    try:
        with _stop_requested() as requested:
            _wait(requested)
    finally:
        stop.set()
        if not _in_time(finished) and callback.active:
            _cut_off()
        loop.close()


def _granian() -> tuple[Any, Any]:
    """Granian's compiled part and its scheduler, which its type stubs do not describe."""
    from granian import _futures, _granian

    return _granian, _futures._new_cbscheduler


def _holder(granian: Any, sock: socket.socket) -> object:
    """The socket in Granian's hands; how it wants them depends on the platform."""
    # Granian closes the descriptor, so it must not be closed by Python as well.
    handle = sock.detach()
    if sys.platform == "win32":
        return granian.SocketHolder(handle)
    if sys.platform.startswith(("linux", "freebsd")):
        return granian.SocketHolder(handle, False, BACKLOG)
    return granian.SocketHolder(handle, False)


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, for as long as the block runs.

    A signal for which the program has a handler of its own is left to it.
    """
    event = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        event.set()

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                before[number] = signal.signal(number, on_signal)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(event: threading.Event) -> None:
    # On Windows a wait without end does not let a signal through.
    pause = 0.5 if sys.platform == "win32" else None
    while not event.wait(pause):
        pass


def _in_time(finished: threading.Event) -> bool:
    """Whether the worker finishes soon enough; a second Ctrl-C means: at once."""
    try:
        return finished.wait(GRACE)
    except KeyboardInterrupt:
        return False


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
