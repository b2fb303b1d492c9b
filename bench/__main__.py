"""The command line of the benchmarks.

Must not know: how anything is measured.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import development, inprocess, served, startup, table, websockets
from bench.scenarios import SCENARIOS

STARTUP = {
    "registration": lambda rounds: startup.compare_registration(min(rounds, 2)),
    "import": lambda rounds: startup.compare_imports(min(rounds, 10)),
}


def main() -> None:
    """Measure what the arguments ask for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument(
        "where",
        nargs="?",
        choices=["inprocess", "served", "development", "websockets"],
        default="inprocess",
        help="inside this process (default), behind Granian with wrk, the development servers,"
        " or many open WebSockets",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=[*SCENARIOS, *STARTUP],
        help="one of: " + ", ".join([*SCENARIOS, *STARTUP]) + "; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="turns of each side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds")
    parser.add_argument("--connections", type=int, default=5000, help="open WebSockets")
    options = parser.parse_args()

    if options.where == "websockets":
        try:
            print(websockets.markdown(websockets.measure_all(options.connections)))
        except served.CannotServe as error:
            sys.exit(f"Cannot measure: {error}.")
        return
    found = []
    if options.where == "served":
        try:
            found = served.compare_served(options.rounds or 5)
        except served.CannotServe as error:
            sys.exit(f"Cannot measure: {error}.")
    elif options.where == "development":
        found = development.compare_development(options.rounds or 5)
    else:
        chosen = options.only or [*SCENARIOS, *STARTUP]
        found = list(measure(chosen, options.rounds or 20))
    print(table.markdown(found))
    reached = [c.reached for c in found if c.reached is not None]
    print(f"\nBest round (median). Goals reached: {sum(reached)} of {len(reached)}.")
    if options.json:
        options.json.write_text(json.dumps(table.as_json(found), indent=2) + "\n")


def measure(names: list[str], rounds: int) -> Iterator[table.Comparison]:
    """Compare at each of *names*, telling a terminal how far it is."""
    for name in names:
        if sys.stderr.isatty():
            print(f"{name} …", end="\x1b[K\r", file=sys.stderr)
        if name in STARTUP:
            yield from STARTUP[name](rounds)
        else:
            yield from inprocess.compare(SCENARIOS[name], rounds)


if __name__ == "__main__":
    main()
