"""The programs that are timed: the same four for each framework, a module for each.

Lives here: the list of the frameworks. Must not know: what the programs do.

How it works: a module offers ``PROGRAMS``, which maps the names ``plain``, ``rules``, ``blueprint``
and ``session`` to functions that build them, and writes them as its framework's documentation does.
What the framework has no means for is in ``LACKS``, by scenario and with the reason; no program
builds by hand what its framework leaves out. ``content`` has what all of them speak of.
"""

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Any WSGI, ASGI or RSGI application.
App = Any
Interface = Literal["wsgi", "asgi", "rsgi"]


@dataclass(frozen=True)
class Framework:
    """One that is measured.

    :param module: where its programs are, within this package
    :param package: the distribution that has to be installed
    :param interface: how its programs are called
    :param server: the production server that its documentation names first
    :param needs: distributions that its programs cannot do without
    """

    title: str
    module: str
    package: str
    interface: Interface
    server: str
    needs: tuple[str, ...] = ()

    @property
    def version(self) -> str | None:
        """The installed version; ``None`` if it or what it needs is not installed."""
        try:
            for package in self.needs:
                importlib.metadata.version(package)
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def programs(self) -> Mapping[str, Callable[[], App]]:
        found: Mapping[str, Callable[[], App]] = self._module().PROGRAMS
        return found

    @property
    def lacks(self) -> Mapping[str, str]:
        """The scenarios that it has no means for, and why."""
        found: Mapping[str, str] = getattr(self._module(), "LACKS", {})
        return found

    def _module(self) -> Any:
        return importlib.import_module(f"bench.apps.{self.module}")


#: By the name that options and results use.
FRAMEWORKS = {
    "carboy": Framework("Carboy", "carboy", "carboy", "wsgi", "carboy serve"),
    "carboy-async": Framework("Carboy, async", "carboy_async", "carboy", "asgi", "carboy serve"),
    "flask": Framework("Flask", "flask", "flask", "wsgi", "gunicorn"),
    "bottle": Framework("Bottle", "bottle", "bottle", "wsgi", "gunicorn"),
    "falcon": Framework("Falcon", "falcon", "falcon", "wsgi", "gunicorn"),
    "django": Framework("Django", "django", "django", "wsgi", "gunicorn"),
    "quart": Framework("Quart", "quart", "quart", "asgi", "hypercorn"),
    "starlette": Framework(
        "Starlette", "starlette", "starlette", "asgi", "uvicorn", ("python-multipart",)
    ),
    "fastapi": Framework("FastAPI", "fastapi", "fastapi", "asgi", "uvicorn", ("python-multipart",)),
    "litestar": Framework("Litestar", "litestar", "litestar", "asgi", "uvicorn", ("cryptography",)),
    "blacksheep": Framework("BlackSheep", "blacksheep", "blacksheep", "asgi", "uvicorn"),
}


def installed() -> list[str]:
    """The names of the frameworks that can be measured here."""
    return [name for name, framework in FRAMEWORKS.items() if framework.version is not None]
