"""Functions of earlier lines of Flask, each as it was.

Lives here: what ``flask`` and ``flask.helpers`` had.
Must not know: contexts and applications.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from threading import RLock
from typing import Any, TypeVar
from urllib.parse import quote

from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join as _safe_join
from werkzeug.utils import cached_property

T = TypeVar("T")

#: Of JSON and of signals, which once had to be installed.
available = True


def safe_join(directory: str, *pathnames: str) -> str:
    """A path below *directory*.

    :param directory: the folder to stay in
    :param pathnames: paths below it, which a client may have named
    :raises werkzeug.exceptions.NotFound: the path would leave the folder
    """
    path = _safe_join(directory, *pathnames)
    if path is None:
        raise NotFound
    return path


def total_seconds(td: timedelta) -> int:
    """The whole seconds of a duration."""
    return td.days * 60 * 60 * 24 + td.seconds


def url_quote(string: str, safe: str = "/:") -> str:
    """Text with percent signs for what a URL may not hold."""
    return quote(string, safe)


def get_env() -> str:
    """The environment that ``FLASK_ENV`` names, or ``production``."""
    return os.environ.get("FLASK_ENV") or "production"


class locked_cached_property(cached_property[T]):
    """A ``cached_property`` that computes its value once, whoever else asks for it meanwhile."""

    def __init__(
        self, fget: Callable[[Any], T], name: str | None = None, doc: str | None = None
    ) -> None:
        super().__init__(fget, name=name, doc=doc)
        self.lock = RLock()

    def __get__(self, obj: object, type: type | None = None) -> T:  # type: ignore[override]
        if obj is None:
            return self  # type: ignore[return-value]
        with self.lock:
            return super().__get__(obj, type=type)  # type: ignore[arg-type]
