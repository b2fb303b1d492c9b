"""Programs made ready to be asked inside this process.

Must not know: what a scenario is about, how it is timed.
"""

import asyncio
import logging
from dataclasses import replace
from types import TracebackType
from typing import Self

from bench import asgi, rsgi, wsgi
from bench.apps import FRAMEWORKS, App, Interface, bare, content
from bench.http import Call, Request
from bench.scenarios import Scenario

#: Functions without a framework; what they cost, every program costs here.
BARE: dict[str, tuple[App, Interface]] = {
    "bare WSGI": (bare.wsgi, "wsgi"),
    "bare ASGI": (bare.asgi, "asgi"),
}
#: The name of the framework that is called over RSGI under this one; it says hello only.
OVER_RSGI = {"carboy-rsgi": "carboy-async"}


class Stage:
    """Where programs run: one loop for all that are async. Leaving it ends their lifespans."""

    def __init__(self) -> None:
        content.make_files()

    def __enter__(self) -> Self:
        # Some tell of every 404, and what configures the logs of one does it for all.
        logging.disable()
        self._runner = asyncio.Runner()
        self._lifespans: list[asgi.Lifespan] = []
        self._programs: dict[tuple[str, str], tuple[App, asgi.Message]] = {}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for lifespan in self._lifespans:
            lifespan.end()
        self._runner.close()
        logging.disable(logging.NOTSET)

    def calls(self, scenario: Scenario, names: list[str]) -> dict[str, Call]:
        """The request of *scenario* to each framework in *names* that has means for it."""
        return {name: self.call(scenario, name) for name in names if self.has(scenario, name)}

    def has(self, scenario: Scenario, name: str) -> bool:
        """Whether the framework *name* has means for *scenario*."""
        key = scenario.key
        if name in BARE or name in OVER_RSGI:
            return key == "hello"
        return key not in FRAMEWORKS[name].lacks

    def call(self, scenario: Scenario, name: str) -> Call:
        """The request of *scenario* to the framework *name*, whose programs are built once."""
        if name in BARE:
            return self.visit(*BARE[name], scenario.request)
        if name in OVER_RSGI:
            app = FRAMEWORKS[OVER_RSGI[name]].programs[scenario.program]()
            return self.visit(app, "rsgi", scenario.request)
        framework = FRAMEWORKS[name]
        interface = framework.interface
        if (name, scenario.program) not in self._programs:
            self._programs[name, scenario.program] = self._build(name, scenario.program)
        app, state = self._programs[name, scenario.program]
        request = scenario.request
        if scenario.signed_in:
            signed_in = self.visit(app, interface, Request("/sign-in"), state=state).answer()
            request = replace(request, cookies={**request.cookies, **signed_in.cookies()})
        return self.visit(app, interface, request, scenario.at_once, state)

    def visit(
        self,
        app: App,
        interface: Interface,
        request: Request,
        at_once: int = 1,
        state: asgi.Message | None = None,
    ) -> Call:
        """*request* to *app*, whose lifespan gave *state*."""
        if interface == "wsgi":
            return wsgi.Visit(app, request)
        if interface == "rsgi":
            return rsgi.Visit(app, request, self._runner)
        return asgi.Visit(app, request, self._runner, state or {}, at_once)

    def _build(self, name: str, program: str) -> tuple[App, asgi.Message]:
        """A program, and what its lifespan gave to the requests."""
        framework = FRAMEWORKS[name]
        app = framework.programs[program]()
        if framework.interface == "wsgi":
            return app, {}
        if name == "carboy-async":
            app = app.asgi
        self._lifespans.append(asgi.Lifespan(app, self._runner))
        return app, self._lifespans[-1].state
