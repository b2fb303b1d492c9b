"""The registries of hooks: what an application and its blueprints want called around a request.

Lives here: ``Hooks``, which is such a registry, the choice of those that concern an endpoint, and a
mark of the last change to any of them.
Must not know: what a hook does, or when it is called.

How it works: a registry is a public dictionary of lists, as programs and extensions know it. Which
of its lists concern an endpoint is found once and kept until the dictionary gets or loses one; what
is appended to a list, or taken from it, counts at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any, Final, TypeAlias, TypeVar

F = TypeVar("F")

#: The name of a blueprint, or ``None`` for the application.
Owner: TypeAlias = str | None

#: The lists that concern an endpoint, from the outside in, and the same from the inside out.
BothWays: TypeAlias = tuple[tuple[list[F], ...], tuple[list[F], ...]]

#: For more endpoints than this nothing is kept: a program may build URLs that its clients name.
_MAX_KEPT: Final = 4096


class Changes:
    """Changes to registries and to who listens to signals, in the whole process.

    Whoever has looked at many of them need not look again as long as the mark is the same.
    """

    __slots__ = ("mark",)

    #: Another object after each change, which no two threads can make the same.
    mark: object

    def __init__(self) -> None:
        self.mark = object()


changes: Final = Changes()


class Hooks(defaultdict[Owner, list[F]]):
    """A registry: lists of functions by their owner, made when first asked for."""

    __slots__ = ("found",)

    #: By endpoint, the lists that concern it.
    found: dict[str | None, BothWays[F]]

    def __init__(self, factory: Callable[[], list[F]] | None = list, *args: Any) -> None:
        self.found = {}
        super().__init__(factory, *args)

    def find(self, endpoint: str | None) -> BothWays[F]:
        """The lists that concern *endpoint*, and keep them."""
        # Whoever changes the registry meanwhile puts another one in its place.
        found = self.found
        lists = _find(self, endpoint)
        if len(found) < _MAX_KEPT:
            found[endpoint] = lists
        return lists

    def _changed(self) -> None:
        self.found = {}
        changes.mark = object()

    def __setitem__(self, owner: Owner, functions: list[F]) -> None:
        super().__setitem__(owner, functions)
        self._changed()

    def __delitem__(self, owner: Owner) -> None:
        super().__delitem__(owner)
        self._changed()

    def __ior__(self, other: Any) -> Hooks[F]:  # type: ignore[override, misc]
        self.update(other)
        return self

    def setdefault(self, owner: Owner, default: Any = None) -> Any:
        """The list of *owner*, set to *default* first when there is none."""
        functions = super().setdefault(owner, default)
        self._changed()
        return functions

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take over the lists of another dictionary."""
        super().update(*args, **kwargs)
        self._changed()

    def pop(self, *args: Any) -> Any:
        """Remove and return the list of an owner."""
        functions = super().pop(*args)
        self._changed()
        return functions

    def popitem(self) -> tuple[Owner, list[F]]:
        """Remove and return the owner that came last, and its list."""
        item = super().popitem()
        self._changed()
        return item

    def clear(self) -> None:
        """Remove all lists."""
        super().clear()
        self._changed()


# What programs show of it.
Hooks.__name__ = defaultdict.__name__


def hooks_for(registry: Mapping[Owner, list[F]], endpoint: str | None) -> tuple[list[F], ...]:
    """The lists of *registry* that concern *endpoint*: the application's, then that of the
    blueprint and of those it is nested in, from the outside in.

    :param registry: a :class:`Hooks`, or a dictionary that was put in the place of one
    :param endpoint: ``None`` where no rule matched
    """
    return both_ways(registry, endpoint)[0]


def both_ways(registry: Mapping[Owner, list[F]], endpoint: str | None) -> BothWays[F]:
    """What :func:`hooks_for` returns, and the same from the inside out."""
    if isinstance(registry, Hooks):
        return registry.found.get(endpoint) or registry.find(endpoint)
    return _find(registry, endpoint)


def _find(registry: Mapping[Owner, list[F]], endpoint: str | None) -> BothWays[F]:
    names = () if endpoint is None else endpoint.split(".")[:-1]
    owners = (None, *accumulate(names, "{}.{}".format))
    found = (functions for owner in owners if (functions := registry.get(owner)) is not None)
    # Drivers go through a list in both directions; for a tuple in the place of one, a copy will do.
    lists = tuple(list(each) if isinstance(each, tuple) else each for each in found)
    return lists, lists[::-1]
