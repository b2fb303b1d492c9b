"""The line that the server writes for each request.

Must not know: where requests come from. A line is made from the WSGI environment, the status
and the time it took.

How it works: the lines go to the logger ``werkzeug``, which is where programs written for
Flask turn them off or redirect them. When logging has not been set up, they go to standard
error as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Called when a request is over, with its environment, status and duration in seconds.
AccessLog = Callable[["WSGIEnvironment", int, float], None]

logger = logging.getLogger("werkzeug")


def access_line(environ: WSGIEnvironment, status: int, seconds: float) -> str:
    """One line about a request: method, path and query, status, milliseconds.

    Whatever the client sent, the line stays one line of printable characters: the path is
    quoted again.
    """
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    target = quote(path.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~")
    if query := environ.get("QUERY_STRING"):
        target += "?" + quote(query.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~?%")
    return f"{environ['REQUEST_METHOD']} {target} {status} {seconds * 1000:.1f} ms"


def log_access(environ: WSGIEnvironment, status: int, seconds: float) -> None:
    """Write a request's line to the logger."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(access_line(environ, status, seconds))


def show_access_log() -> None:
    """Have the lines shown, unless the program has decided about the logger itself."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
