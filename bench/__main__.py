"""The command line of the benchmarks.

Must not know: how anything is measured.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from bench import (
    development,
    growth,
    guard,
    inprocess,
    instructions,
    report,
    served,
    startup,
    table,
    websockets,
)
from bench.apps import content
from bench.scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent
STARTUP = {
    "registration": lambda rounds: startup.compare_registration(min(rounds, 2)),
    "import": lambda rounds: startup.compare_imports(min(rounds, 10)),
}
Keys = list[str]


def main() -> None:
    """Measure what the arguments ask for, print the tables and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument(
        "where",
        nargs="?",
        choices=["all", *PARTS, "page", "guard", "development", "websockets"],
        default="all",
        help="all of the parts that follow (default); inside this process; the same in the"
        " processor's instructions; behind servers, with wrk; growing; starting. Or: write"
        " docs/benchmarks.md from the results; hold what scenarios take to the stored figures; the"
        " development servers; many open WebSockets",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=[*SCENARIOS, *growth.AXES, *STARTUP],
        help="one of: " + ", ".join([*SCENARIOS, *growth.AXES, *STARTUP]) + "; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="turns of each side")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=content.BUILD / "results.json",
        help="where the results are kept, part by part (default: %(default)s)",
    )
    parser.add_argument("--connections", type=int, default=5000, help="open WebSockets")
    parser.add_argument("--update", action="store_true", help="store the figures of the guard")
    options = parser.parse_args()

    try:
        if options.where == "page":
            write_page(options.json)
        elif options.where == "guard":
            print((guard.update if options.update else guard.guard)(guard.STORED))
        elif options.where == "websockets":
            print(websockets.markdown(websockets.measure_all(options.connections)))
        elif options.where == "development":
            found = development.compare_development(options.rounds or 5)
            print(table.markdown(found))
            reached = [c.reached for c in found if c.reached is not None]
            print(f"\nBest round (median). Goals reached: {sum(reached)} of {len(reached)}.")
        else:
            chosen = list(PARTS) if options.where == "all" else [options.where]
            measure(chosen, options.only or [], options.rounds, options.json)
    except (served.CannotServe, instructions.CannotCount) as error:
        sys.exit(f"Cannot measure: {error}.")
    except guard.Slower as error:
        sys.exit(str(error))


def measure(parts: list[str], only: Keys, rounds: int | None, kept: Path) -> None:
    """Measure *parts*, print their tables, and put them into the file *kept*.

    :param only: what is measured of them, if not everything; it is printed and not kept
    """
    results: report.Results = {"about": report.about()}
    for part in parts:
        try:
            if found := PARTS[part](only, rounds):
                results[part] = found
        except (served.CannotServe, instructions.CannotCount) as error:
            if len(parts) == 1:
                raise
            print(f"{part}: cannot measure: {error}.", file=sys.stderr)
    if not only:
        earlier = json.loads(kept.read_text()) if kept.exists() else {}
        _write(kept, earlier | results)
    shown = report.tables(results)
    for part, makers in report.PARTS.items():
        for name, _ in makers:
            if part in results:
                print(f"\n## {name}\n\n{shown[name]}")
    print(f"\n## goals\n\n{shown['goals']}")


def write_page(kept: Path) -> None:
    """Write ``docs/benchmarks.md`` and its charts from the results in *kept*."""
    from bench import charts  # a plotting library is a lot to import for a measurement

    results = json.loads(kept.read_text())
    drawn = charts.draw(results, ROOT / "docs" / "images" / "benchmarks")
    (ROOT / "docs" / "benchmarks.md").write_text(report.page(results, "images/benchmarks", drawn))
    _write(ROOT / "docs" / "benchmarks.json", results)


def _write(path: Path, results: report.Results) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def _tell(what: str) -> None:
    """Tell a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"{what} …", end="\x1b[K\r", file=sys.stderr)


def _inprocess(only: Keys, rounds: int | None) -> Any:
    found = {}
    for key in [key for key in SCENARIOS if not only or key in only]:
        _tell(key)
        found[key] = inprocess.compare(SCENARIOS[key], rounds or 12)
    return found


def _instructions(only: Keys, rounds: int | None) -> Any:
    _tell("instructions")
    return instructions.count_all([key for key in SCENARIOS if not only or key in only])


def _served(only: Keys, rounds: int | None) -> Any:
    _tell("served")
    return [] if only else served.measure(rounds or 2)


def _growth(only: Keys, rounds: int | None) -> Any:
    found = {}
    for name, axis in growth.AXES.items():
        if not only or name in only:
            _tell(f"growth: {name}")
            sides = growth.measure(axis, rounds or 5)
            found[name] = {side: [astuple(p) for p in points] for side, points in sides.items()}
    return found


def _startup(only: Keys, rounds: int | None) -> Any:
    chosen = [name for name in STARTUP if not only or name in only]
    found = [row for name in chosen for row in STARTUP[name](rounds or 10)]
    return table.as_json(found)["comparisons"]


#: What can be measured: the names given to ``--only``, if any, and the rounds, to the results.
PARTS: dict[str, Callable[[Keys, int | None], Any]] = {
    "inprocess": _inprocess,
    "instructions": _instructions,
    "served": _served,
    "growth": _growth,
    "startup": _startup,
}

if __name__ == "__main__":
    main()
