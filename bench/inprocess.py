"""Time the scenarios inside one process, without a server.

Must not know: what a scenario does.

How it works: all sides live in one process and take turns in short rounds, so that a
busy moment of the machine hits them alike. The clock is that of the processor's work for
this process, which stands still while others run. The best round says what the code costs,
the median what the machine was like. The garbage collector stays on, as in a server.
"""

import gc
from collections.abc import Mapping
from time import perf_counter, process_time

from bench.apps import installed
from bench.calls import BARE, Stage
from bench.http import Call
from bench.scenarios import Scenario, check

#: How long one round of one side should last, in seconds.
ROUND = 0.015


def compare(scenario: Scenario, rounds: int, duration: float = ROUND) -> dict[str, list[float]]:
    """Microseconds per request of *scenario*, round by round, for each framework that has it.

    :param rounds: turns of each side
    :param duration: seconds that a turn should last; the least is one request
    :raises WrongAnswer: before anything is timed, if an answer is not the right one
    """
    with Stage() as stage:
        calls = stage.calls(scenario, [*installed(), *BARE])
        check(scenario, {name: call for name, call in calls.items() if name not in BARE})
        return take_turns(calls, rounds, duration)


def take_turns(
    calls: Mapping[str, Call], rounds: int, duration: float = ROUND
) -> dict[str, list[float]]:
    """Microseconds per request for each of *calls*, in alternating rounds."""
    counts = {name: calls_in(duration, call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(time(call, counts[name]) * 1e6)
    return times


def calls_in(duration: float, call: Call) -> int:
    """About how many requests fit into *duration* seconds of the clock on the wall."""
    count = 1
    while True:
        start = perf_counter()
        call.repeat(count)
        took = perf_counter() - start
        if took >= duration / 4:
            return max(1, round(duration * count / took))
        count *= 2


def time(call: Call, count: int) -> float:
    """Seconds of work per request, over *count* requests."""
    start = process_time()
    call.repeat(count)
    return (process_time() - start) / count
