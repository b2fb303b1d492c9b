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
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import ExecutionLoader
else:
    # Its module imports `importlib.resources` as well, which takes longer than all of this file.
    # All of its methods are written out here.
    ExecutionLoader = object

#: Which module of Carboy stands for which of Flask's, the more particular one first: what
#: follows the name is kept.
PACKAGES = {
    "flask._compat": "carboy.legacy.compat",
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


class _AliasLoader(ExecutionLoader):
    """Loads a module by handing out another one that exists under its own name.

    :param own: the spec of that other one
    """

    def __init__(self, own: ModuleSpec) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.own.name)
        assert module.__spec__ is not None
        self.own = _own(module.__spec__)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module ran when it was imported under its own name; only the spec of this
        # second import has to go.
        module.__spec__ = self.own

    def is_package(self, fullname: str) -> bool:
        return self.own.submodule_search_locations is not None

    # What `python -m flask` and those who look without importing ask for.

    def get_code(self, fullname: str) -> Any:
        return self._loader.get_code(self.own.name)

    def get_filename(self, fullname: str) -> str:
        return self._loader.get_filename(self.own.name)

    def get_source(self, fullname: str) -> str | None:
        return self._loader.get_source(self.own.name)

    @property
    def _loader(self) -> ExecutionLoader:
        return cast("ExecutionLoader", self.own.loader)


def _own(spec: ModuleSpec) -> ModuleSpec:
    """The spec under a module's own name; another thread may be importing it by an alias."""
    return spec.loader.own if isinstance(spec.loader, _AliasLoader) else spec


class _AliasFinder:
    """Finds ``flask`` and its submodules in Carboy."""

    @staticmethod
    def find_spec(
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname == "flask.ext":
            raise ModuleNotFoundError(
                "No module named 'flask.ext': extensions are modules of their own, as"
                " 'flask_login' for 'flask.ext.login'.",
                name=fullname,
            )
        name = carboy_name(fullname)
        found = None if name is None else importlib.util.find_spec(name)
        if found is None:
            return None
        own = _own(found)
        spec = ModuleSpec(fullname, _AliasLoader(own), origin=own.origin)
        spec.submodule_search_locations = own.submodule_search_locations
        return spec


def install_as_flask() -> None:
    """Make ``import flask``, and every ``flask.*`` module, mean Carboy in this process.

    Call it before anything imports Flask. Calling it again does nothing. Whether Flask is
    installed does not matter.

    :raises RuntimeError: Flask itself has been imported already
    """
    for name in sorted(sys.modules):
        own_name = carboy_name(name)
        if own_name is not None and sys.modules[name] is not sys.modules.get(own_name):
            raise RuntimeError(
                f"The module {name!r} of Flask itself is already imported (from"
                f" {getattr(sys.modules[name], '__file__', None)}), so the name can no longer stand"
                " for Carboy. Call carboy.install_as_flask() before the first import of"
                " flask, or start the program with 'python -m carboy program.py' or"
                " 'carboy run'."
            )
    if _AliasFinder not in sys.meta_path:
        sys.meta_path.insert(0, _AliasFinder)
