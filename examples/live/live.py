"""The cellar, live: a page that hears of each bubble while it is open.

Four carboys ferment, and whoever has the page open sees how: the program sends events, which the
page shows as they come. Who stirs a carboy is seen by all others. A page that loses its connection
comes back by itself, says which event it had last, and gets those that it missed.

Start it with one worker, as the cellar is in its memory::

    carboy --app examples/live/live.py serve
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from carboy import Flask, ServerSentEvent, abort, event_stream, render_template, request
from carboy.typing import ResponseReturnValue

app = Flask(__name__)

#: How long the cellar waits between two breaths, in seconds.
BREATH = float(os.environ.get("BREATH", "1"))

#: How many events are kept for those who come back.
KEPT = 240

#: The gravity at which yeast begins, and at which nothing is left for it.
FULL, DRY = 1.09, 0.998


@dataclass
class Carboy:
    """A carboy in which something ferments."""

    number: int
    name: str
    colour: str
    gravity: float
    #: How lively the yeast is, from 0 to 1.
    vigour: float
    #: How many bubbles went through the airlock in the last breath.
    bubbles: int = 0

    def breathe(self) -> None:
        """Go on fermenting for a breath."""
        sugar = (self.gravity - DRY) / (FULL - DRY)
        self.bubbles = round(12 * self.vigour * sugar * random.uniform(0.6, 1.4))
        self.gravity = max(DRY, self.gravity - self.bubbles / 40_000)
        # What was stirred calms down again.
        self.vigour += (0.6 - self.vigour) * 0.15


class Cellar:
    """The carboys, and what happened to them lately."""

    def __init__(self) -> None:
        self.carboys = [
            Carboy(1, "Burgundy", "#8a2846", 1.071, 0.6),
            Carboy(2, "Orchard cider", "#c98a1b", 1.046, 0.8),
            Carboy(3, "Elderflower mead", "#d9c06a", 1.084, 0.5),
            Carboy(4, "Perry", "#9aa94a", 1.031, 0.7),
        ]
        self.journal: deque[tuple[int, ServerSentEvent]] = deque(maxlen=KEPT)
        self.count = 0
        # A number of another run is not one of ours.
        self._run = secrets.token_hex(3)
        self._told = asyncio.Event()

    def tell(self, name: str, data: object) -> None:
        """Have all who listen hear of something."""
        self.count += 1
        event = ServerSentEvent(data, event=name, id=self._id(self.count))
        self.journal.append((self.count, event))
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def live(self) -> None:
        """Ferment, until it is cancelled."""
        while True:
            await asyncio.sleep(BREATH)
            for carboy in self.carboys:
                carboy.breathe()
            self.tell("breath", [asdict(carboy) for carboy in self.carboys])

    def stir(self, number: int) -> None:
        """Wake the yeast of a carboy up.

        :raises LookupError: there is no such carboy
        """
        carboy = {carboy.number: carboy for carboy in self.carboys}[number]
        carboy.vigour = 1.5
        self.tell("stirred", {"number": number, "name": carboy.name})

    async def events(self, last: str | None) -> AsyncIterator[ServerSentEvent]:
        """What happens from now on, or since the event *last*."""
        seen = self._number(last)
        if seen is None:
            seen = self.count
            state = [asdict(carboy) for carboy in self.carboys]
            yield ServerSentEvent(state, event="breath", id=self._id(seen))
        while True:
            told = self._told
            for number, event in list(self.journal):
                if number > seen:
                    seen = number
                    yield event
            if seen == self.count:
                await told.wait()

    def _id(self, number: int) -> str:
        return f"{self._run}-{number}"

    def _number(self, id: str | None) -> int | None:
        """The number of an event that is so recent that all since are kept."""
        run, _, number = (id or "").partition("-")
        if run != self._run or not number.isdecimal():
            return None
        missed = self.count - int(number)
        return int(number) if 0 <= missed <= len(self.journal) else None


cellar = Cellar()


@app.while_serving
async def ferment() -> AsyncIterator[None]:
    task = asyncio.create_task(cellar.live())
    yield
    task.cancel()


@app.get("/")
def index() -> ResponseReturnValue:
    return render_template("index.html", carboys=cellar.carboys, full=FULL, dry=DRY)


@app.get("/events")
async def events() -> ResponseReturnValue:
    return event_stream(cellar.events(request.last_event_id), retry=1000)


@app.post("/stir/<int:number>")
async def stir(number: int) -> ResponseReturnValue:
    try:
        cellar.stir(number)
    except LookupError:
        abort(404)
    return "", 204


if __name__ == "__main__":
    app.run()
