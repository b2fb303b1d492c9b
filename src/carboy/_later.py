"""Modules of others that run when somebody needs them, and not when they are imported.

Lives here: :func:`put_off`, for a package's own file, and :func:`standing_in`, for modules that
another one uses in a function or two.
Must not know: which modules, and why.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def put_off(package: str, names: frozenset[str], modules: Iterable[str]) -> None:
    """Have a package's own file run on the first use of a name which that file defines.

    Nothing happens if the package has been imported already.

    :param names: what running the file adds to the package; ``__all__`` goes with them, for a
        star import asks for it first
    :param modules: the package's modules that the file imports
    """

    class Later(ModuleType):
        """A package whose file has not run yet."""

        def __getattr__(self, name: str) -> object:
            if name in names or name == "__all__":
                # Each import is complete before its name is bound, so threads that come here at
                # the same time need no lock: they bind the same objects.
                for module in modules:
                    import_module(f"{package}.{module}")
                assert self.__spec__ is not None and self.__spec__.loader is not None
                self.__spec__.loader.exec_module(self)
            if name in self.__dict__:
                return self.__dict__[name]
            raise AttributeError(f"module {package!r} has no attribute {name!r}")

    if package not in sys.modules and (spec := find_spec(package)) is not None:
        module = module_from_spec(spec)
        module.__class__ = Later
        sys.modules[package] = module


class _Unused(ModuleType):
    """A module that is imported for each attribute that somebody asks this one for."""

    def __getattr__(self, name: str) -> object:
        # Another thread may have found this while the block of `standing_in` was running.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def standing_in(*names: str) -> Iterator[None]:
    """Have what is imported in the block get stand-ins for modules that nobody has imported yet.

    After the block whoever imports one of them gets the module itself.
    """
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
