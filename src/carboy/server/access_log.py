"""The line that the server writes for each request.

Must not know: where requests come from. A line is made from the WSGI environment, the status
and the time it took.

How it works: the lines of the development server go to the logger ``werkzeug``, which is where
programs written for Flask turn them off or redirect them. When logging has not been set up, they
go to standard error as they are. Those of the production server (:class:`AccessLines`) go straight
to standard output, each with one write, so that the lines of several processes do not mix.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Called when a request is over, with its environment, status, duration in seconds and the size
#: of the answer's body.
AccessLog = Callable[["WSGIEnvironment", int, float, int], None]

logger = logging.getLogger("werkzeug")

#: The line of a request: method, path and query, status, milliseconds, size of the answer.
LINE = "%s %s %s %.1f ms %s"


def _target(environ: WSGIEnvironment) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return target(path.encode("latin-1", "replace"), environ.get("QUERY_STRING", ""))


def target(path: bytes, query: str) -> str:
    """Path and query as a line shows them: printable ASCII.

    :param path: unquoted
    :param query: as it was sent
    """
    shown = quote(path, safe="/:@!$&'()*+,;=~")
    if query:
        shown += "?" + quote(query.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~?%")
    return shown


def show_access_log() -> None:
    """Have the lines shown, unless the program has decided about the logger itself."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        logger.addHandler(_Shown())


#: The colours of the statuses, by their first digit.
_COLOURS = {"2": "32", "3": "36", "4": "33", "5": "1;31"}


class _Shown(logging.StreamHandler[TextIO]):
    """Shows the lines on standard error, on a terminal with the status in colour."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._coloured = self.stream.isatty() and not os.environ.get("NO_COLOR")

    def line(self, method: str, path: str, status: int, milliseconds: float, size: str) -> str:
        shown = str(status)
        if self._coloured:
            shown = f"\x1b[{_COLOURS.get(shown[0], '0')}m{shown}\x1b[0m"
        return LINE % (method, path, shown, milliseconds, size)

    def format(self, record: logging.LogRecord) -> str:
        if record.msg is LINE and self.formatter is None and isinstance(record.args, tuple):
            return self.line(*record.args)  # type: ignore[arg-type]
        return super().format(record)

    def is_all(self) -> bool:
        """Whether the lines are shown here and have no other way to go, nor to be changed."""
        return (
            logger.handlers == [self]
            and not (logging.root.handlers or logger.filters or self.filters)
            and self.formatter is None
            and logging.getLogRecordFactory() is logging.LogRecord
            and logger.isEnabledFor(logging.INFO)
        )


class AccessLines:
    """Writes the lines of the production server.

    :param as_json: a JSON object instead of a line of text
    :param fd: the file descriptor they go to
    """

    def __init__(self, *, as_json: bool = False, fd: int = 1) -> None:
        self._as_json = as_json
        self._fd = fd
        self._second = 0
        self._stamp = ""

    def wsgi(self, environ: WSGIEnvironment, status: int, seconds: float, size: int) -> None:
        """Write the line of a request that came over WSGI."""
        client = environ.get("REMOTE_ADDR", "")
        self.write(client, environ["REQUEST_METHOD"], _target(environ), status, seconds, size)

    def write(
        self, client: str, method: str, target: str, status: int, seconds: float, size: int
    ) -> None:
        """Write the line of a request.

        :param client: its address
        :param target: see :func:`target`
        :param seconds: how long it took
        :param size: the bytes of the answer's body
        """
        now = int(time.time())
        if now != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
            self._second = now
        if self._as_json:
            fields = {
                "time": self._stamp,
                "client": client,
                "method": method,
                "path": target,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "size": size,
            }
            line = json.dumps(fields)
        else:
            # A trusted proxy may name a client that is no address.
            client = quote(client, safe=":.") or "-"
            line = (
                f"{self._stamp} {client} {method} {target} {status}"
                f" {seconds * 1000:.1f} ms {size} bytes"
            )
        # Whoever read the lines may have gone; requests are answered all the same.
        with suppress(OSError):
            os.write(self._fd, f"{line}\n".encode())


class LoggedLines(AccessLines):
    """Writes the lines of the development server to the logger.

    Whatever the client sent, a line stays one line of printable characters.
    """

    def write(
        self, client: str, method: str, target: str, status: int, seconds: float, size: int
    ) -> None:
        """Write the line of a request; see :meth:`AccessLines.write`."""
        handler = logger.handlers[0] if logger.handlers else None
        fields = (method, target, status, seconds * 1000, readable(size))
        # A record costs more than all else about a small request.
        if isinstance(handler, _Shown) and handler.is_all():
            with suppress(OSError, ValueError):
                handler.stream.write(f"{handler.line(*fields)}\n")
        else:
            logger.info(LINE, *fields)


def readable(size: int) -> str:
    """A number of bytes with at most four digits."""
    if size < 1000:
        return f"{size} B"
    amount = size / 1000
    for unit in ("kB", "MB"):
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
