"""From Granian's call to WSGI, as PEP 3333 wants it.

Lives here: the callback that Granian's threads call for each request, the body as a file.
Must not know: sockets, signals, the command line, Granian itself: it is given two objects.

How it works: Granian hands over most of an environment and an object that takes the answer.
What it leaves out or has different is put right here: the body is a whole file object, a body
that ends too early is noticed, a status is taken only once the application has set it, and
the variables of the process stay out of the environment, where ``HTTP_PROXY`` would pose as a
header.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from threading import Semaphore, get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import InternalServerError, RequestTimeout

from .access_log import AccessLog
from .slow_bodies import SlowBodies

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    Headers = list[tuple[str, str]]

logger = logging.getLogger(__name__)

#: What is logged of a request that the application failed to answer.
FAILED = "Error on request %(REQUEST_METHOD)s %(PATH_INFO)r"

PIECE = 64 * 1024
#: How many pieces of a body are read for nobody: 64 MiB of them.
UNREAD_PIECES = 1024


class ResponseTaker(Protocol):
    """What takes an answer to the client: Granian's side of one request."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""

    def response_iter(self, status: int, headers: Headers, body: Iterator[bytes]) -> None:
        """Send an answer piece by piece, and close its body in the end."""


class _Body(io.RawIOBase):
    """The body of a request as a raw file, over an object that only has ``read(size)``."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._source.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Answer:
    """What the application says through ``start_response`` and ``write``."""

    __slots__ = ("headers", "status", "written")

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.written: list[bytes] = []

    def start(
        self, status: str, headers: Headers, exc_info: object = None
    ) -> Callable[[bytes], object]:
        if self.status and exc_info is None:
            raise AssertionError("start_response was called a second time without exc_info")
        code = int(status[:3])
        if not 100 <= code <= 999:
            raise ValueError(f"A status has three digits, not {status!r}")
        self.status = code
        self.headers = headers
        for _, value in headers:
            if not value.isascii():
                self.headers = _sendable(headers)
                break
        return self.written.append


def _sendable(headers: Headers) -> Headers:
    """The headers that the server can send; it would leave out any other without a word."""
    kept = []
    for name, value in headers:
        if value.isascii():
            kept.append((name, value))
        else:
            logger.warning("The header %s is not sent: %r is not ASCII.", name, value)
    return kept


class _Pieces:
    """An answer that goes out piece by piece."""

    # The server looks `__next__` up on the object, so an attribute saves a call a piece.
    __slots__ = ("__next__", "_body", "when_closed")

    def __init__(self, body: Iterable[bytes], pieces: Iterator[bytes]) -> None:
        self._body = body
        #: Called once the answer is over.
        self.when_closed: Callable[[], None] | None = None
        self.__next__ = pieces.__next__

    def __iter__(self) -> Iterator[bytes]:
        return self

    def close(self) -> None:
        try:
            _close(self._body)
        finally:
            if self.when_closed is not None:
                self.when_closed()


def _close(body: Iterable[bytes]) -> None:
    if (close := getattr(body, "close", None)) is not None:
        close()


class WSGICallback:
    """What Granian calls for each request.

    :param application: the WSGI application
    :param log: called when a request is over
    :param multithread: whether several threads may call the application at a time
    :param multiprocess: whether other processes serve the same application
    :param spare_threads: how many threads at a time may wait for the rest of bodies that the
        application has left unread; the only one never does
    :param slow_bodies: looks after the bodies that the application reads
    """

    def __init__(
        self,
        application: WSGIApplication,
        log: AccessLog | None,
        *,
        multithread: bool,
        multiprocess: bool = False,
        spare_threads: int = 1,
        slow_bodies: SlowBodies | None = None,
    ) -> None:
        self.application = application
        self.log = log
        #: Whether each answer is the last one on its connection, because the server stops.
        self.closing = False
        #: The threads that are serving a request now.
        self.active: set[int] = set()
        self._spare_threads = Semaphore(spare_threads if multithread else 0)
        self._slow_bodies = slow_bodies
        self._common: WSGIEnvironment = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "Granian",
            "wsgi.errors": sys.stderr,
            "wsgi.multiprocess": multiprocess,
            "wsgi.multithread": multithread,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }

    def __call__(self, taker: ResponseTaker, environ: WSGIEnvironment) -> None:
        """Answer a request, and count as active meanwhile."""
        thread = get_ident()
        self.active.add(thread)
        try:
            self.answer(taker, environ)
        finally:
            self.active.discard(thread)

    def answer(self, taker: ResponseTaker, environ: WSGIEnvironment) -> None:
        """Answer a request."""
        log = self.log
        started = 0.0 if log is None else perf_counter()
        environ.update(self._common)
        protocol = environ["SERVER_PROTOCOL"]
        if protocol == "HTTP/1":
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        if not environ["HTTP_HOST"]:
            del environ["HTTP_HOST"]
        source = None
        if (
            "CONTENT_LENGTH" in environ
            or "HTTP_TRANSFER_ENCODING" in environ
            or protocol == "HTTP/2"
        ):
            source = environ["wsgi.input"]
            if self._slow_bodies is not None:
                source = self._slow_bodies.watched(source, taker)
            _take_body(environ, source)
        else:
            environ["wsgi.input"] = io.BytesIO()
        answer = _Answer()
        try:
            body = self.application(environ, answer.start)
            if isinstance(body, list):
                data = b"".join(answer.written + body if answer.written else body)
            else:
                pieces = iter(body)
                # A generator calls start_response only when asked for its first piece.
                if not answer.status and (first := next(pieces, None)) is not None:
                    pieces = chain((first,), pieces)
                pieces = chain(answer.written, pieces)
            if not answer.status:
                raise AssertionError("The application did not call start_response")
        except Exception:
            logger.exception(FAILED, environ)
            answer = _Answer()
            body = list(InternalServerError()(environ, answer.start))
            data = b"".join(body)
        if self.closing:
            answer.headers = last_on_connection(answer.headers)
        if isinstance(body, list):
            # Before it is sent, so that lines come in the order in which answers do.
            if log is not None:
                log(environ, answer.status, perf_counter() - started, len(data))
            taker.response_bytes(answer.status, answer.headers, data)
        else:
            self._answer_in_pieces(taker, environ, answer, _Pieces(body, pieces), started)
        # Whoever expects a 100 has sent nothing yet, and reading on would ask for it.
        if source is not None and protocol != "HTTP/2" and "HTTP_EXPECT" not in environ:
            self._read_on(source)

    def _read_on(self, source: Any) -> None:
        """Read what the application has left of a body, within reason.

        A connection that closes while bytes are still on their way is reset, and a reset can
        overtake the answer: the client would never read the 413, the 403 or the redirect that it
        was sent. But a client may also never send the rest.
        """
        if self._spare_threads.acquire(blocking=False):
            try:
                # Whoever is late has been answered all the same.
                with suppress(RequestTimeout):
                    for _ in range(UNREAD_PIECES):
                        if not source.read(PIECE):
                            return
            finally:
                self._spare_threads.release()

    def _answer_in_pieces(
        self,
        taker: ResponseTaker,
        environ: WSGIEnvironment,
        answer: _Answer,
        pieces: _Pieces,
        started: float,
    ) -> None:
        if (log := self.log) is not None:
            size = 0

            def counted(pieces: Callable[[], bytes]) -> Callable[[], bytes]:
                def next_piece() -> bytes:
                    nonlocal size
                    piece = pieces()
                    size += len(piece)
                    return piece

                return next_piece

            pieces.__next__ = counted(pieces.__next__)
            pieces.when_closed = lambda: log(environ, answer.status, perf_counter() - started, size)
        taker.response_iter(answer.status, answer.headers, pieces)


def _take_body(environ: WSGIEnvironment, source: Any) -> None:
    """Make a file of the body of a request.

    :param source: the server's side of the body
    """
    if "CONTENT_LENGTH" not in environ or "HTTP_TRANSFER_ENCODING" in environ:
        # The server knows where a body of unknown length ends; for one of known length
        # Werkzeug is left to count, so that it notices a client that went away.
        environ["wsgi.input_terminated"] = True
    environ["wsgi.input"] = io.BufferedReader(_Body(source))


def last_on_connection(headers: Headers) -> Headers:
    """The headers of an answer after which the connection is closed."""
    kept = [pair for pair in headers if pair[0].lower() != "connection"]
    return [*kept, ("Connection", "close")]
