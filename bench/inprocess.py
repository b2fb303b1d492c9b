"""Time the scenarios inside one process, without a server.

Must not know: what a scenario does.

How it works: all sides live in one process and take turns in short rounds, so that a
busy moment of the machine hits them alike. The clock is that of the processor's work for
this process, which stands still while others run. The best round says what the code costs,
the median what the machine was like. The garbage collector stays on, as in a server.
"""

import gc
import importlib
from collections.abc import Iterator, Mapping
from time import process_time

from bench.scenarios import ELSEWHERE, Call, Scenario, check
from bench.table import Comparison, Rounds
from bench.wsgi import Visit, environ

#: How long one round of one side should last, in seconds.
ROUND = 0.015


def compare(scenario: Scenario, rounds: int, duration: float = ROUND) -> Iterator[Comparison]:
    """Time *scenario* on Carboy and Flask, and "hello" on the others too.

    :param rounds: turns of each side
    :param duration: seconds that a turn should last; the least is one call
    :raises WrongAnswer: before anything is timed, if an answer is not the right one
    """
    calls: dict[str, Call] = {
        name: scenario.build(importlib.import_module(name)) for name in ("carboy", "flask")
    }
    if scenario.name == "hello":
        for name, build in ELSEWHERE.items():
            calls[name] = Visit(build(), environ("/"))
    check(scenario, calls)
    timed = take_turns(calls, rounds, duration)
    goals = {"flask": scenario.goal, "falcon": 1.0, "bottle": 1.0, "bare": None}
    ours = timed.pop("carboy")
    for rival, theirs in timed.items():
        yield Comparison(scenario.name, "µs", ours, rival, theirs, goals[rival])


def take_turns(calls: Mapping[str, Call], rounds: int, duration: float) -> dict[str, Rounds]:
    """Microseconds per call for each of *calls*, in alternating rounds."""
    counts = {name: calls_in(duration, call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(time(call, counts[name]) * 1e6)
    return {name: Rounds(tuple(values)) for name, values in times.items()}


def calls_in(duration: float, call: Call) -> int:
    """About how many calls fit into *duration* seconds."""
    count = 1
    while (each := time(call, count)) * count < duration / 4:
        count *= 2
    return max(1, round(duration / each))


def time(call: Call, count: int) -> float:
    """Seconds per call, over *count* calls."""
    start = process_time()
    for _ in range(count):
        call()
    return (process_time() - start) / count
