"""Count the processor's instructions per request, which the machine's mood does not change.

Must not know: what a scenario does.

How it works: valgrind's callgrind runs one framework's programs in an interpreter of their own,
with the order of hashes fixed and the garbage collector off. There each scenario is asked N times
and then 2N times, and the difference divided by N: what is done once, and what the counting costs,
falls out. The limits of each count are calls of ``os.getsid``, at which callgrind writes its
counters down. Run as a program, ``python -m bench.instructions NAME KEY...``, this module is what
is counted.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.apps import FRAMEWORKS, installed
from bench.calls import BARE, Stage
from bench.scenarios import SCENARIOS, check

#: Left out: a thousand registrations, and waiting, are not worth their minutes under valgrind.
LEFT_OUT = {"rules", "file-10MB", "sleeps"}
#: Requests before the first count, and N.
WARM_UP, COUNT = 5, 10


class CannotCount(Exception):
    """This machine lacks something that the counting needs."""


def count_all(keys: Iterable[str], names: Iterable[str] = ()) -> dict[str, dict[str, int]]:
    """Instructions per request for each scenario of *keys*, by framework.

    :param names: the frameworks; none for all that are installed
    :raises CannotCount: if valgrind is missing or fails
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is not installed; on Debian: apt-get install valgrind")
    chosen = [key for key in keys if key not in LEFT_OUT]
    # Django answers with the program that was built last.
    chosen.sort(key=lambda key: SCENARIOS[key].program)
    found: dict[str, dict[str, int]] = {key: {} for key in chosen}
    if not chosen:
        return found
    names = list(names) or [*installed(), *BARE]
    # Counts are the same however many run at a time.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, counts in zip(
            names, pool.map(lambda name: _count(valgrind, name, chosen), names), strict=True
        ):
            for key, count in counts.items():
                found[key][name] = count
    return found


def _count(valgrind: str, name: str, keys: list[str]) -> Mapping[str, int]:
    keys = [key for key in keys if _has(name, key)]
    if not keys:
        return {}
    with TemporaryDirectory() as folder:
        tool = [valgrind, "--tool=callgrind", "--dump-before=getsid", "-q"]
        out = f"--callgrind-out-file={folder}/counts"
        command = [*tool, out, sys.executable, "-m", "bench.instructions", name, *keys]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotCount(f"{name}: {done.stderr[-2000:]}")
        # Before each of N and 2N a counter is written, and after: of four, the even ones count.
        counts = [_total(Path(folder, f"counts.{n}")) for n in range(1, 4 * len(keys) + 1)]
    return {key: (counts[4 * at + 3] - counts[4 * at + 1]) // COUNT for at, key in enumerate(keys)}


def _has(name: str, key: str) -> bool:
    return key == "hello" if name in BARE else key not in FRAMEWORKS[name].lacks


def _total(counts: Path) -> int:
    total = re.search(r"^totals: (\d+)", counts.read_text(), re.MULTILINE)
    if total is None:
        raise CannotCount("callgrind wrote no totals")
    return int(total[1])


def run(name: str, keys: list[str]) -> None:
    """What is counted: each scenario of *keys* on the framework *name*."""
    with Stage() as stage:
        for key in keys:
            scenario = SCENARIOS[key]
            call = stage.call(scenario, name)
            if name not in BARE:
                check(scenario, {name: call})
            call.repeat(WARM_UP)
            gc.collect()
            gc.disable()
            for count in (COUNT, 2 * COUNT):
                os.getsid(0)
                call.repeat(count)
                os.getsid(0)
            gc.enable()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
