"""The ``flask`` name: let ``import flask`` mean Carboy in this process.

Lives here: the import finder behind :func:`install_as_flask`, and the table of module names.
Must not know: what the modules contain. It answers *which module*, never *which object*.

How it works: a finder placed first on ``sys.meta_path`` answers for ``flask`` and ``flask.*``
with a loader that hands out the very module object of Carboy, so that ``flask.json`` and
``carboy.json`` are one. The import system stamps the spec of the import on a module it loads;
the loader puts Carboy's own back.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

#: Which package of Carboy stands for which of Flask's, the more particular one first: what
#: follows the name is kept.
PACKAGES = {
    "flask.sansio": "carboy",
    "flask": "carboy",
}


def carboy_name(name: str) -> str | None:
    """The name of the module that stands for a module of Flask.

    :param name: an absolute module name
    :returns: ``None`` when the name is not one of Flask's
    """
    for package, stand_in in PACKAGES.items():
        if name == package or name.startswith(f"{package}."):
            return stand_in + name[len(package) :]
    return None


class _AliasLoader(Loader):
    """Loads a module by handing out another one that exists under its own name."""

    def __init__(self, target: str) -> None:
        self.target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.target)
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module ran when it was imported under its own name; only the spec of this
        # second import has to go.
        module.__spec__ = self.own_spec


class _AliasFinder:
    """Finds ``flask`` and its submodules in Carboy."""

    @staticmethod
    def find_spec(
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        name = carboy_name(fullname)
        own = None if name is None else importlib.util.find_spec(name)
        if name is None or own is None:
            return None
        return ModuleSpec(
            fullname,
            _AliasLoader(name),
            origin=own.origin,
            is_package=own.submodule_search_locations is not None,
        )


def install_as_flask() -> None:
    """Make ``import flask``, and every ``flask.*`` module, mean Carboy in this process.

    Call it before anything imports Flask. Calling it again does nothing. Whether Flask is
    installed does not matter.

    :raises RuntimeError: Flask itself has been imported already
    """
    for name, module in list(sys.modules.items()):
        own_name = carboy_name(name)
        if own_name is not None and module is not sys.modules.get(own_name):
            raise RuntimeError(
                f"The module {name!r} of Flask itself is already imported (from"
                f" {getattr(module, '__file__', None)}), so the name can no longer stand"
                " for Carboy. Call carboy.install_as_flask() before the first import of"
                " flask, or start the program with 'python -m carboy program.py' or"
                " 'carboy run'."
            )
    if _AliasFinder not in sys.meta_path:
        sys.meta_path.insert(0, _AliasFinder)
