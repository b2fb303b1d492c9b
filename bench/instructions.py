"""Count the processor's instructions per request, which the machine's mood does not change.

Must not know: what a scenario does.

How it works: valgrind's callgrind runs one framework's programs in an interpreter of their own,
with the order of hashes fixed and the garbage collector off. There each scenario is asked N times
and then 2N times, and the difference divided by N: what is done once, and what the counting costs,
falls out. The limits of each count are calls of ``os.getsid``, at which callgrind writes its
counters down. Run as a program, ``python -m bench.instructions NAME/KEY...``, this module is what
is counted.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.apps import FRAMEWORKS, installed
from bench.calls import BARE, Stage
from bench.scenarios import SCENARIOS, check

#: Left out: a thousand registrations, and waiting, are not worth their minutes under valgrind.
LEFT_OUT = {"rules", "file-10MB", "sleeps"}
#: Requests before the first count, after which the interpreter has adapted to the code, and N.
WARM_UP, COUNT = 20, 4

#: A framework or function, and a scenario.
Pair = tuple[str, str]


class CannotCount(Exception):
    """This machine lacks something that the counting needs."""


def count_all(keys: Iterable[str], names: Iterable[str] = ()) -> dict[str, dict[str, int]]:
    """Instructions per request for each scenario of *keys*, by framework.

    :param names: the frameworks; none for all that are installed
    :raises CannotCount: if valgrind is missing or fails
    """
    valgrind = tool()
    chosen = [key for key in keys if key not in LEFT_OUT]
    # Django answers with the program that was built last.
    chosen.sort(key=lambda key: SCENARIOS[key].program)
    found: dict[str, dict[str, int]] = {key: {} for key in chosen}
    if not chosen:
        return found
    names = list(names) or [*installed(), *BARE]
    asked = {name: [(name, key) for key in chosen if _has(name, key)] for name in names}
    asked = {name: pairs for name, pairs in asked.items() if pairs}
    # Counts are the same however many run at a time.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for counts in pool.map(partial(count, valgrind), asked.values()):
            for (name, key), instructions in counts.items():
                found[key][name] = instructions
    return found


def tool() -> str:
    """Where valgrind is.

    :raises CannotCount: if it is not installed
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is not installed; on Debian: apt-get install valgrind")
    return valgrind


def count(valgrind: str, pairs: list[Pair]) -> dict[Pair, int]:
    """Instructions per request for each of *pairs*, all in one interpreter.

    :raises CannotCount: if valgrind or what it runs fails
    """
    with TemporaryDirectory() as folder:
        options = ["--tool=callgrind", "--dump-before=getsid", "-q"]
        out = f"--callgrind-out-file={folder}/counts"
        words = ["/".join(pair) for pair in pairs]
        command = [valgrind, *options, out, sys.executable, "-m", "bench.instructions", *words]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotCount(f"{words[0]}: {done.stderr[-2000:]}")
        # Before each of N and 2N a counter is written, and after: of four, the even ones count.
        counts = [_total(Path(folder, f"counts.{n}")) for n in range(1, 4 * len(pairs) + 1)]
    return {
        pair: (counts[4 * at + 3] - counts[4 * at + 1]) // COUNT for at, pair in enumerate(pairs)
    }


def _has(name: str, key: str) -> bool:
    return key == "hello" if name in BARE else key not in FRAMEWORKS[name].lacks


def _total(counts: Path) -> int:
    total = re.search(r"^totals: (\d+)", counts.read_text(), re.MULTILINE)
    if total is None:
        raise CannotCount("callgrind wrote no totals")
    return int(total[1])


def run(pairs: list[Pair]) -> None:
    """What is counted: each scenario on each framework of *pairs*."""
    with Stage() as stage:
        for name, key in pairs:
            scenario = SCENARIOS[key]
            call = stage.call(scenario, name)
            if name not in BARE:
                check(scenario, {name: call})
            call.repeat(WARM_UP)
            gc.collect()
            gc.disable()
            for number in (COUNT, 2 * COUNT):
                os.getsid(0)
                call.repeat(number)
                os.getsid(0)
            gc.enable()


if __name__ == "__main__":
    words = [word.partition("/") for word in sys.argv[1:]]
    run([(name, key) for name, _, key in words])
