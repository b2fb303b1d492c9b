"""Granian, of which its type stubs tell too little, without what only its own command needs.

Lives here: access to its parts, and what has it call an application under WSGI. Must be imported
before anything of Granian.
Must not know: what is served, and for whom.

Why: ``import granian.x`` runs ``granian/__init__.py``, which imports the server that its command
starts, and with it multiprocessing. Its scheduler brings asyncio, of which WSGI has no need. Both
together were 5 MiB in each worker, and a quarter of the time that ``carboy run`` took to start.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from .._later import put_off

put_off(
    "granian",
    frozenset({"Granian", "__version__", "loops", "server"}),
    ("_granian", "_loops", "server"),
)


def granian(module: str = "_granian") -> Any:
    """A part of Granian, imported where it is used."""
    return import_module(f"granian.{module}")


class NoLoop:
    """What Granian takes for an event loop under WSGI, where nothing runs on one."""

    def call_soon(self, *args: object) -> NoReturn:
        """Refuse."""
        raise RuntimeError("There is no event loop under WSGI.")


def wsgi_scheduler(answer: Callable[..., None], loop: NoLoop) -> Any:
    """What has Granian call *answer* for each request."""
    return granian().CallbackScheduler(loop, answer, None, None, None)
