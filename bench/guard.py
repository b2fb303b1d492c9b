"""Refuse a change that makes a scenario slower, by counts that no machine's mood changes.

Lives here: what Carboy's scenarios take, what they took when ``guard.json`` was written, and the
table of both. Must not know: what a scenario does.

How it works: two things are counted, in interpreters of their own. *Bytecodes*, with a trace
function, between N requests and 2N: the count is exact, needs no tool, and is the same with every
build of one minor version of Python. It does not see what C does, such as matching, copying, JSON.
*Instructions* do, and need valgrind. As a multiple of what Flask's hello takes in the same run they
stay within some hundredths from build to build, but for a 404, whose exceptions took a fourth more
on one. So they are held to the tenth where the build is the one that was stored, and to a third
elsewhere.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from bench import instructions
from bench.apps import FRAMEWORKS
from bench.calls import OVER_RSGI, Stage
from bench.counting import executed
from bench.http import Call
from bench.report import table
from bench.scenarios import SCENARIOS, check

STORED = Path(__file__).with_name("guard.json")

#: What may be added to a scenario, and to its instructions where the build is another.
LIMIT, OF_ANOTHER_BUILD = 1.1, 4 / 3
#: What instructions are counted in.
UNIT = ("flask", "hello")
#: Left out where instructions are counted, as copying memory takes others on each processor.
COPIES = {"upload"}
#: Requests to each scenario; then twice as many, in turns.
REQUESTS, TURNS = 4, 4

ASYNC = {"carboy-async": "async over ASGI", **dict.fromkeys(OVER_RSGI, "async over RSGI")}
#: What requests to async views may ask for without an environ, and hooks.
ON_LOOPS = ("query", "cookies", "json-in", "blueprint")
UPDATE = "`make guard-update`"


@dataclass(frozen=True)
class Figures:
    """What each scenario takes.

    :param build: of Python and the C library
    :param versions: of what Carboy stands on
    :param bytecodes: by name of the side and the scenario, as in ``carboy/hello``
    :param instructions: in those of Flask's hello; ``None`` where they cannot be counted
    """

    build: str
    versions: dict[str, str]
    bytecodes: dict[str, int]
    instructions: dict[str, float] | None


@dataclass(frozen=True)
class Row:
    """What became of one count of one scenario.

    :param was: the stored figure; ``None`` for a scenario that is new
    :param now: ``None`` for a scenario that is gone
    :param limit: by what the figure may grow
    """

    scenario: str
    unit: str
    was: float | None
    now: float | None
    limit: float

    @property
    def fails(self) -> bool:
        return self.was is None or self.now is None or self.now > self.was * self.limit

    @property
    def to_do(self) -> str:
        """What there is to do about it, if anything."""
        if self.was is None:
            return f"new: {UPDATE}"
        if self.now is None:
            return f"gone: {UPDATE}"
        if self.fails:
            return f"**slower**: make it faster, or, if it has to be, {UPDATE}"
        return f"faster: {UPDATE} keeps it so" if self.now * self.limit < self.was else ""


class Slower(Exception):
    """A scenario takes more than it may; the message has the table and says what to do."""


def guard(stored: Path) -> str:
    """Count what the scenarios take and hold it to the figures in *stored*.

    :returns: the table, and what there is to say about it
    :raises Slower: if a scenario takes more than it may
    """
    python, figures = _python(), _load(stored)
    if python not in figures:
        return (
            f"Nothing is guarded: {stored.name} has figures of Python {', '.join(figures)}, and"
            f" Python {python} has other bytecodes. {UPDATE} stores its figures as well."
        )
    remarks = []
    try:
        valgrind = instructions.tool()
    except instructions.CannotCount as error:
        valgrind = None
        remarks.append(f"Only bytecodes are counted, which do not see the work of C: {error}.")
    was, now = figures[python], count(valgrind)
    rows = compare(was, now)
    if now.instructions and was.build != now.build:
        remarks.append(
            f"The stored instructions are those of {was.build}, and this is {now.build}: they may"
            " be a third more."
        )
    if was.versions != now.versions:
        remarks.append(
            f"Stored with {_listed(was.versions)}; counted with {_listed(now.versions)}."
        )
    text = "\n".join([show(rows), "", *remarks])
    if failing := sum(row.fails for row in rows):
        raise Slower(
            f"{text}\n{failing} of {len(rows)} figures are not what {stored.name} allows. `python"
            f" -m bench inprocess --only NAME` tells the time. {UPDATE} accepts what is: review"
            " its difference."
        )
    return f"{text}\nAll {len(rows)} figures are within what {stored.name} allows."


def update(stored: Path) -> str:
    """Write what the scenarios take on this Python into *stored*.

    :returns: what it says
    :raises CannotCount: without valgrind, as instructions would be of another state than bytecodes
    """
    figures = _load(stored) | {_python(): count(instructions.tool())}
    shown = {python: asdict(figures[python]) for python in sorted(figures)}
    stored.write_text(json.dumps(shown, indent=1) + "\n")
    return f"{stored.name} has the figures of Python {_python()} as they are now."


def count(valgrind: str | None) -> Figures:
    """What each scenario takes now.

    :param valgrind: where it is, if it is
    """
    command = [sys.executable, "-m", "bench.guard", *map("/".join, pairs())]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    return Figures(
        build=" ".join([*platform.python_build(), *platform.libc_ver(), platform.machine()]),
        versions={name: version(name) for name in ("werkzeug", "jinja2", "itsdangerous")},
        bytecodes=json.loads(said),
        instructions=None if valgrind is None else _instructions(valgrind),
    )


def _instructions(valgrind: str) -> dict[str, float]:
    """Those of the plain views: what a loop does depends on the time as well."""
    unwanted = COPIES | instructions.LEFT_OUT
    wanted = [pair for pair in pairs() if pair[0] == "carboy" and pair[1] not in unwanted]
    counts = instructions.count(valgrind, [*wanted, UNIT])
    return {"/".join(pair): round(counts[pair] / counts[UNIT], 4) for pair in wanted}


def pairs() -> list[instructions.Pair]:
    """The sides and scenarios that are guarded: all but waiting, and some on loops."""
    keys = [key for key in SCENARIOS if key not in {"sleeps", *FRAMEWORKS["carboy"].lacks}]
    on_loops = [*((name, "hello") for name in ASYNC), *(("carboy-async", key) for key in ON_LOOPS)]
    return [*(("carboy", key) for key in keys), *on_loops]


def compare(was: Figures, now: Figures) -> list[Row]:
    """The stored figures beside those of now, scenario by scenario."""
    rows = _rows("bytecodes", was.bytecodes, now.bytecodes, LIMIT)
    if now.instructions is not None:
        limit = LIMIT if was.build == now.build else OF_ANOTHER_BUILD
        rows += _rows("instructions", was.instructions or {}, now.instructions, limit)
    return rows


def _rows(unit: str, was: Mapping[str, float], now: Mapping[str, float], limit: float) -> list[Row]:
    return [Row(name, unit, was.get(name), now.get(name), limit) for name in {**was, **now}]


def show(rows: Iterable[Row]) -> str:
    """The table, what fails on top."""
    lines = []
    for row in sorted(rows, key=lambda row: not row.fails):
        change = "" if row.was is None or row.now is None else f"{row.now / row.was - 1:+.1%}"
        figures = [_figure(row.was, row.unit), _figure(row.now, row.unit), change]
        lines.append([_title(row.scenario), row.unit, *figures, row.to_do])
    return table(["scenario", "count", "stored", "now", "change", "what to do"], lines)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,}" if unit == "bytecodes" else f"{value:.3f}"


def _title(scenario: str) -> str:
    """How ``carboy/hello`` is shown."""
    side, _, key = scenario.partition("/")
    title = SCENARIOS[key].title if key in SCENARIOS else key
    return f"{title}, {ASYNC[side]}" if side in ASYNC else title


def bytecodes(call: Call) -> int:
    """How many bytecodes one request of *call* takes, what precedes and follows left out."""
    counts: dict[int, int] = {}
    # Of several turns the least: what is done once, or once in a second, only adds.
    for requests in TURNS * (REQUESTS, 2 * REQUESTS):
        found = executed(partial(call.repeat, requests))
        counts[requests] = min(found, counts.get(requests, found))
    return (counts[2 * REQUESTS] - counts[REQUESTS]) // REQUESTS


def _count_bytecodes(names: Iterable[str]) -> dict[str, int]:
    found = {}
    with Stage() as stage:
        for name in names:
            side, _, key = name.partition("/")
            call = stage.call(SCENARIOS[key], side)
            check(SCENARIOS[key], {side: call})
            call.repeat(REQUESTS)
            found[name] = bytecodes(call)
    return found


def _python() -> str:
    return "{}.{}".format(*sys.version_info)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _load(stored: Path) -> dict[str, Figures]:
    found = json.loads(stored.read_text()) if stored.exists() else {}
    return {python: Figures(**figures) for python, figures in found.items()}


if __name__ == "__main__":
    print(json.dumps(_count_bytecodes(sys.argv[1:])))
