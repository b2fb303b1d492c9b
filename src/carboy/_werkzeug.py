"""Werkzeug without its development server and test client until somebody asks for them.

Lives here: a stand-in for the package ``werkzeug`` that runs the package's own file on the first
use of a name which that file defines. Must be imported before anything of Werkzeug.

Why: ``import werkzeug.x`` runs ``werkzeug/__init__.py``, which imports ``serving`` and ``test``
and with them http.server, ssl and socketserver. That is an eighth of the time that ``import
carboy`` takes (``make bench ARGS="--only import"``).
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType

#: What running the package's file adds to the package, and what a star import asks for first.
LATER = frozenset({"Client", "Request", "Response", "run_simple", "serving", "test", "__all__"})


class _Later(ModuleType):
    """A package whose file has not run yet."""

    def __getattr__(self, name: str) -> object:
        if name in LATER:
            from importlib import import_module

            # Each import is complete before its name is bound, so threads that come here at the
            # same time need no lock: they bind the same objects.
            for module in ("serving", "test", "wrappers"):
                import_module(f"{self.__name__}.{module}")
            assert self.__spec__ is not None and self.__spec__.loader is not None
            self.__spec__.loader.exec_module(self)
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


if "werkzeug" not in sys.modules and (_spec := find_spec("werkzeug")) is not None:
    _package = module_from_spec(_spec)
    _package.__class__ = _Later
    sys.modules["werkzeug"] = _package
