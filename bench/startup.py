"""Time what a program does once: import, registration, the first request.

Must not know: how requests are timed.

How it works: imports are timed from outside, as the work of a whole interpreter less
that of one which imports nothing. Registration is timed on one application of 10,000
rules, and so is the first request to it, which pays for what registration put off. The
clock is that of the processor's work, which stands still while other programs run.
"""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import process_time

from bench.http import Request
from bench.table import Comparison, Rounds
from bench.wsgi import Visit

RULES = 10_000
SIDES = ("carboy", "flask")

#: What a fresh interpreter runs, with the framework's name filled in.
PROGRAMS = {
    "import": "import {}",
    "import, first answer": (
        "from {} import Flask; app = Flask('hello'); app.route('/')(lambda: '')\n"
        "app.test_client().get('/')"
    ),
    "--version": "import sys; from {}.cli import main; sys.argv[1:] = ['--version']; main()",
}
GOALS = {"import": 1 / 0.6, "--version": 1.0}


def compare_imports(rounds: int) -> Iterator[Comparison]:
    """Milliseconds that a program takes before it can do anything."""
    sources = {"bare": "pass"} | {
        f"{side} {what}": program.format(side)
        for what, program in PROGRAMS.items()
        for side in SIDES
    }
    lives: dict[str, list[float]] = {name: [] for name in sources}
    with TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for source in sources.values():
            life(source, environment)  # compiles the modules, so that no round has to
        for _ in range(rounds):
            for name, source in sources.items():
                lives[name].append(life(source, environment) * 1e3)
    bare = min(lives["bare"])
    for what in PROGRAMS:
        ours, theirs = (
            Rounds(tuple(value - bare for value in lives[f"{side} {what}"])) for side in SIDES
        )
        yield Comparison(what, "ms", ours, "flask", theirs, GOALS.get(what))


def life(source: str, environment: Mapping[str, str]) -> float:
    """Seconds of work from the start to the end of an interpreter that runs *source*."""
    before = getrusage(RUSAGE_CHILDREN)
    command = [sys.executable, "-c", source]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare_registration(rounds: int, rules: int = RULES) -> Iterator[Comparison]:
    """Milliseconds to register *rules* rules, and to answer the first request then."""
    steps: dict[str, list[tuple[float, float, float]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            registered, answered = register(side, rules)
            steps[side].append((registered, answered, registered + answered))
    goals = {f"register {rules:,} rules": 10.0, "first request then": None, "both": None}
    for step, (what, goal) in enumerate(goals.items()):
        ours, theirs = (Rounds(tuple(times[step] for times in steps[side])) for side in SIDES)
        yield Comparison(what, "ms", ours, "flask", theirs, goal)


def register(side: str, rules: int) -> tuple[float, float]:
    """Milliseconds for *rules* registrations, and for the first request after them."""
    app = importlib.import_module(side).Flask(__name__)

    def view(name: str, number: int) -> str:
        return f"{name} {number}"

    start = process_time()
    for i in range(rules):
        app.add_url_rule(f"/cellar-{i}/<name>/<int:number>", f"view_{i}", view)
    registered = process_time()
    body = Visit(app, Request(f"/cellar-{rules - 1}/ada/7"))()
    answered = process_time()
    if body != b"ada 7":
        raise AssertionError(f"{side} answered {body!r} after {rules} registrations")
    return (registered - start) * 1e3, (answered - registered) * 1e3
