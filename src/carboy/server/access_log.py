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
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Called when a request is over, with its environment, status, duration in seconds and the size
#: of the answer's body.
AccessLog = Callable[["WSGIEnvironment", int, float, int], None]

logger = logging.getLogger("werkzeug")


def access_line(environ: WSGIEnvironment, status: int, seconds: float) -> str:
    """One line about a request: method, path and query, status, milliseconds.

    Whatever the client sent, the line stays one line of printable characters: the path is
    quoted again.
    """
    return f"{environ['REQUEST_METHOD']} {_target(environ)} {status} {seconds * 1000:.1f} ms"


def _target(environ: WSGIEnvironment) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return target(path.encode("latin-1", "replace"), environ.get("QUERY_STRING", ""))


def target(path: str | bytes, query: str) -> str:
    """Path and query as a line shows them: printable ASCII.

    :param path: decoded
    :param query: as it was sent
    """
    shown = quote(path, safe="/:@!$&'()*+,;=~", errors="replace" if path.__class__ is str else None)
    if query:
        shown += "?" + quote(query.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~?%")
    return shown


def log_access(environ: WSGIEnvironment, status: int, seconds: float, size: int = 0) -> None:
    """Write a request's line to the logger."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(access_line(environ, status, seconds))


def show_access_log() -> None:
    """Have the lines shown, unless the program has decided about the logger itself."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())


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
        try:
            os.write(self._fd, f"{line}\n".encode())
        except OSError:
            # Whoever read the lines has gone; requests are answered all the same.
            pass
