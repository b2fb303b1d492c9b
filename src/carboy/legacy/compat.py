"""What ``flask._compat`` had when Flask ran on Python 2 as well.

Lives here: the names that extensions took from it, each what it was on Python 3.
Must not know: anything of the framework.
"""

from __future__ import annotations

from collections import abc as collections_abc
from collections.abc import Iterator, Mapping
from io import StringIO
from os import fspath
from types import TracebackType
from typing import Any, TypeVar

from ..old_names import deprecated

__all__ = [
    "PY2",
    "StringIO",
    "collections_abc",
    "fspath",
    "implements_to_string",
    "integer_types",
    "iteritems",
    "iterkeys",
    "itervalues",
    "reraise",
    "string_types",
    "text_type",
    "with_metaclass",
]

K = TypeVar("K")
V = TypeVar("V")

# Between this and the line with the import are the alias and importlib.
deprecated("flask._compat", "Use what Python 3 has by itself instead.", stacklevel=4)

PY2 = False
text_type = str
string_types = (str,)
integer_types = (int,)


def iterkeys(d: Mapping[K, Any]) -> Iterator[K]:
    """The keys of a dictionary."""
    return iter(d.keys())


def itervalues(d: Mapping[Any, V]) -> Iterator[V]:
    """The values of a dictionary."""
    return iter(d.values())


def iteritems(d: Mapping[K, V]) -> Iterator[tuple[K, V]]:
    """The items of a dictionary."""
    return iter(d.items())


def reraise(tp: type, value: BaseException, tb: TracebackType | None = None) -> None:
    """Raise *value*, with the traceback *tb* if that is another one than its own."""
    raise value.with_traceback(tb) if value.__traceback__ is not tb else value


def implements_to_string(cls: V) -> V:
    """The class as it is."""
    return cls


def with_metaclass(meta: type, *bases: type) -> Any:
    """A base of which subclasses have *bases*, and *meta* for their class."""

    class Temporary(type):
        def __new__(cls, name: str, _: tuple[type, ...], namespace: dict[str, Any]) -> Any:
            return meta(name, bases, namespace)

    return type.__new__(Temporary, "temporary_class", (), {})
