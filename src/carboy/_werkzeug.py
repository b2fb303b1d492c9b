"""Werkzeug without what it imports for the few programs that use it, until one of them does.

Lives here: a stand-in for the package ``werkzeug``, which runs the package's own file on the first
use of a name which that file defines; and stand-ins for modules of the standard library, in those
modules alone which use them in a function or two. Must be imported before anything of Werkzeug.

Why: ``import werkzeug.x`` runs ``werkzeug/__init__.py``, which imports ``serving`` and ``test``
and with them http.server, ssl and socketserver: an eighth of the time that ``import carboy`` took.
The modules of the standard library took a sixth (``make bench ARGS="--only import"``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType

#: What running the package's file adds to the package, and what a star import asks for first.
LATER = frozenset({"Client", "Request", "Response", "run_simple", "serving", "test", "__all__"})

#: What is imported when it is used first, and what for.
UNUSED = (
    "difflib",  # what an endpoint that does not exist may have meant
    "email.utils",  # dates in headers
    "ipaddress",  # URLs with brackets
    "pkgutil",  # `find_modules()`
    "shutil",  # folders for a time, in `tempfile`
    "uuid",  # variables of rules
)


class _Later(ModuleType):
    """A package whose file has not run yet."""

    def __getattr__(self, name: str) -> object:
        if name in LATER:
            # Each import is complete before its name is bound, so threads that come here at the
            # same time need no lock: they bind the same objects.
            for module in ("serving", "test", "wrappers"):
                import_module(f"{self.__name__}.{module}")
            assert self.__spec__ is not None and self.__spec__.loader is not None
            self.__spec__.loader.exec_module(self)
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Unused(ModuleType):
    """A module that is imported for each attribute that somebody asks this one for."""

    def __getattr__(self, name: str) -> object:
        # Another thread may have found this while Werkzeug was being imported.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def _standing_in(*names: str) -> Iterator[None]:
    """Have what is imported in the block get stand-ins for modules that nobody has imported yet."""
    made = [_Unused(name) for name in names if name not in sys.modules]
    for module in made:
        sys.modules[module.__name__] = module
        package, _, name = module.__name__.rpartition(".")
        if package:
            setattr(import_module(package), name, module)
    try:
        yield
    finally:
        for module in made:
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]


if "werkzeug" not in sys.modules and (_spec := find_spec("werkzeug")) is not None:
    _package = module_from_spec(_spec)
    _package.__class__ = _Later
    sys.modules["werkzeug"] = _package

with _standing_in(*UNUSED):
    import_module("werkzeug.routing")
    import_module("werkzeug.wrappers")
