"""The application's logger.

Lives here: ``create_logger``, which is ``app.logger``, and the handler it falls back to.
Must not know: what is logged.

How it works: logging is the program's own business. Only where nothing along the logger's
chain of parents would handle a record does the application add ``default_handler``, which
writes to the stream that the server gives for errors.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO, cast

from werkzeug.local import LocalProxy

from .globals import request

if TYPE_CHECKING:
    from .app import App


def _errors_stream() -> TextIO:
    if request:
        return cast("TextIO", request.environ["wsgi.errors"])
    return sys.stderr


wsgi_errors_stream = cast("TextIO", LocalProxy(_errors_stream))
"""Where the server of the current request wants errors written; ``sys.stderr`` outside of a
request. It is looked up each time it is used, so that a handler can keep it."""

default_handler = logging.StreamHandler(wsgi_errors_stream)
"""Writes time, level, module and message to :data:`wsgi_errors_stream`."""

default_handler.setFormatter(
    logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


def has_level_handler(logger: logging.Logger) -> bool:
    """Whether a handler of *logger* or of its parents takes what *logger* lets through.

    :param logger: the logger
    """
    level = logger.getEffectiveLevel()
    current: logging.Logger | None = logger
    while current is not None:
        if any(handler.level <= level for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def create_logger(app: App) -> logging.Logger:
    """The logger that has the application's name, ready to be used.

    In debug mode its level becomes ``DEBUG`` unless it has one. :data:`default_handler` is
    added if nothing else would handle its records.

    :param app: the application
    """
    logger = logging.getLogger(app.name)
    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger
