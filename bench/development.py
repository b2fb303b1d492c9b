"""The development servers, Carboy's beside Flask's: start, reload, requests per second.

Must not know: how either server works.

How it works: each serves the example, which runs on Flask too, in debug mode. A start is timed
from the command to the first answer. A reload is timed from the moment a file is saved to the
first answer of the new code, asked for again and again; between two of them a developer would
look at the page, so a second or two pass. Requests per second are those of a program that says
hello, without debug mode.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import Comparison, Rounds

SIDES = ("carboy", "flask")
EXAMPLE = Path(__file__).parent.parent / "examples" / "quickstart"
VIEW = "\n\n@app.get('/saved')\ndef saved():\n    return {!r}\n"
HELLO = "from {} import Flask\napp = Flask(__name__)\n@app.get('/saved')\ndef hello(): return '0'\n"

#: How long a developer looks at the page, in seconds, and how long anything may take.
LOOK = 1.0
PATIENCE = 30.0


class CannotServe(Exception):
    """A server did not do what was to be timed."""


def compare_development(rounds: int, look: float = LOOK) -> list[Comparison]:
    """Seconds to start and to reload, requests per second.

    :param look: the seconds between two reloads
    """
    starts, reloads, rates = (_empty() for _ in range(3))
    with TemporaryDirectory() as folder:
        programs = {side: _example(side, Path(folder) / side) for side in SIDES}
        # By turns, so that what else the machine does concerns both sides.
        for number in range(rounds + 1):
            for side, program in programs.items():
                with _serving(side, program, "--debug") as (_, start):
                    if number:  # the first start compiles the modules
                        starts[side].append(start)
        with ExitStack() as stack:
            saves = {}
            for side, program in programs.items():
                port, _ = stack.enter_context(_serving(side, program, "--debug"))
                saves[side] = _reloads(program, port, look)
            for _ in range(rounds):
                for side in SIDES:
                    reloads[side].append(next(saves[side]))
        if (wrk := shutil.which("wrk")) is not None:
            with ExitStack() as stack:
                ports = {}
                for side, program in programs.items():
                    hello = program.with_name("hello.py")
                    hello.write_text(HELLO.format(side))
                    ports[side], _ = stack.enter_context(_serving(side, hello))
                for _ in range(min(rounds, 3)):
                    for side in SIDES:
                        rates[side].append(_rate(wrk, ports[side]))
    found = [
        _comparison("carboy run, start", "s", starts, goal=1.0),
        _comparison("carboy run, reload", "s", reloads, goal=1.0),
    ]
    if all(rates.values()):
        found.append(_comparison("carboy run, served", "requests/s", rates, goal=10.0))
    return found


def _empty() -> dict[str, list[float]]:
    return {side: [] for side in SIDES}


def _comparison(
    what: str, unit: str, values: dict[str, list[float]], goal: float | None = None
) -> Comparison:
    ours, theirs = (
        Rounds(tuple(values[side]), more_is_better=unit == "requests/s") for side in SIDES
    )
    return Comparison(what, unit, ours, "flask run", theirs, goal)


def _example(side: str, folder: Path) -> Path:
    """The example, on the framework *side*, with a view that tells which one it is."""
    shutil.copytree(EXAMPLE, folder)
    program = folder / "quickstart.py"
    source = program.read_text()
    program.write_text(re.sub(r"^from carboy\b", f"from {side}", source, flags=re.MULTILINE))
    _save(program, "0")
    return program


def _save(program: Path, text: str) -> None:
    source = program.read_text().partition("\n\n@app.get('/saved')")[0]
    new = program.with_suffix(".new")
    new.write_text(source + VIEW.format(text))
    new.replace(program)


@contextmanager
def _serving(side: str, program: Path, *options: str) -> Iterator[tuple[int, float]]:
    """The port on which a program is served, and how many seconds its start took."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", side, "--app", program.stem, "run", "--port", str(port)]
    clean = {name: value for name, value in os.environ.items() if name[:6] != "FLASK_"}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*command, *options],
        cwd=program.parent,
        env=clean,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Flask's server leaves a process behind when only the first is told to stop.
        start_new_session=True,
    )
    try:
        _await(port, "0")
        yield port, time.perf_counter() - begin
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _reloads(program: Path, port: int, look: float) -> Iterator[float]:
    """Seconds from each save to the first answer of the new code."""
    for number in count(1):
        # A server that looks every second is not always to be met at the same moment.
        time.sleep(look * (1 + number * 0.618 % 1))
        _save(program, str(number))
        begin = time.perf_counter()
        _await(port, str(number))
        yield time.perf_counter() - begin


def _await(port: int, text: str) -> None:
    """Return when the program says *text*."""
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/saved")
            if connection.getresponse().read() == text.encode():
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise CannotServe(f"the answer {text!r} did not come within {PATIENCE:g} seconds")


def _rate(wrk: str, port: int) -> float:
    """How many requests a server answers in a second."""
    command = [wrk, "-t1", "-c16", "-d2s", f"http://127.0.0.1:{port}/saved"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if rate is None or "Non-2xx" in said:
        raise CannotServe(f"wrk said:\n{said}")
    return float(rate[1])
