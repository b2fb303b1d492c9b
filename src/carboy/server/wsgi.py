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
from itertools import chain
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import InternalServerError

from .access_log import AccessLog

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    Headers = list[tuple[str, str]]

logger = logging.getLogger(__name__)


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
        self.headers = [pair for pair in headers if _is_sendable(pair)]
        return self.written.append


def _is_sendable(header: tuple[str, str]) -> bool:
    """Whether the server can send a header; it would leave out any other without a word."""
    name, value = header
    if value.isascii():
        return True
    logger.warning("The header %s is not sent: %r is not ASCII.", name, value)
    return False


class _Pieces:
    """An answer that goes out piece by piece; calls *when_closed* once it is over."""

    # The server looks `__next__` up on the object, so an attribute saves a call a piece.
    __slots__ = ("__next__", "_body", "_when_closed")

    def __init__(
        self,
        body: Iterable[bytes],
        pieces: Iterator[bytes],
        when_closed: Callable[[], None],
    ) -> None:
        self._body = body
        self._when_closed = when_closed
        self.__next__ = pieces.__next__

    def __iter__(self) -> Iterator[bytes]:
        return self

    def close(self) -> None:
        try:
            _close(self._body)
        finally:
            self._when_closed()


def _close(body: Iterable[bytes]) -> None:
    if (close := getattr(body, "close", None)) is not None:
        close()


class WSGICallback:
    """What Granian calls for each request.

    :param application: the WSGI application
    :param log: called when a request is over
    :param multithread: whether several threads may call the application at a time
    """

    def __init__(self, application: WSGIApplication, log: AccessLog, *, multithread: bool) -> None:
        self.application = application
        self.log = log
        #: The threads that are serving a request now.
        self.active: set[int] = set()
        self._common: WSGIEnvironment = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "Granian",
            "wsgi.errors": sys.stderr,
            "wsgi.multiprocess": False,
            "wsgi.multithread": multithread,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }

    def __call__(self, taker: ResponseTaker, environ: WSGIEnvironment) -> None:
        thread = get_ident()
        self.active.add(thread)
        try:
            self._serve(taker, environ)
        finally:
            self.active.discard(thread)

    def _serve(self, taker: ResponseTaker, environ: WSGIEnvironment) -> None:
        started = perf_counter()
        self._complete(environ)
        answer = _Answer()
        try:
            body = self.application(environ, answer.start)
            if isinstance(body, list):
                data = b"".join(answer.written + body)
            else:
                pieces = iter(body)
                # A generator calls start_response only when asked for its first piece.
                if not answer.status and (first := next(pieces, None)) is not None:
                    pieces = chain((first,), pieces)
                pieces = chain(answer.written, pieces)
            if not answer.status:
                raise AssertionError("The application did not call start_response")
        except Exception:
            logger.exception("Error on request %(REQUEST_METHOD)s %(PATH_INFO)r", environ)
            answer = _Answer()
            body = list(InternalServerError()(environ, answer.start))
            data = b"".join(body)

        def over() -> None:
            self.log(environ, answer.status, perf_counter() - started)

        if isinstance(body, list):
            # Before it is sent, so that lines come in the order in which answers do.
            over()
            taker.response_bytes(answer.status, answer.headers, data)
        else:
            pieces_out = _Pieces(body, pieces, over)
            taker.response_iter(answer.status, answer.headers, pieces_out)

    def _complete(self, environ: WSGIEnvironment) -> None:
        """Put in what the server leaves out and set right what it has different."""
        environ.update(self._common)
        if environ["SERVER_PROTOCOL"] == "HTTP/1":
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        if not environ["HTTP_HOST"]:
            del environ["HTTP_HOST"]
        if "HTTP_TRANSFER_ENCODING" in environ:
            # The server knows where a body of unknown length ends; for one of known length
            # Werkzeug is left to count, so that it notices a client that went away.
            environ["wsgi.input_terminated"] = True
        elif "CONTENT_LENGTH" not in environ:
            environ["wsgi.input"] = io.BytesIO()
            return
        environ["wsgi.input"] = io.BufferedReader(_Body(environ["wsgi.input"]))
