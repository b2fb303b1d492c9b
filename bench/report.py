"""The results as tables in Markdown, and the page that is made from them.

Must not know: how anything was measured.

How it works: results are one dictionary, as it stands in ``results.json``, with a part for each
kind of measurement. ``page.md`` is the page's fixed text; :func:`page` fills in the parts that are
there, and says plainly which are not.
"""

import os
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

from bench.apps import FRAMEWORKS, installed
from bench.growth import AXES
from bench.scenarios import SCENARIOS
from bench.table import figure

Results = dict[str, Any]

#: What Carboy has to reach: (part, who, against whom, scenarios, how many times better).
RIVALS = [
    ("carboy", "falcon", ("hello", "json", "parameters")),
    ("carboy-async", "starlette", ("hello",)),
    ("carboy-async", "blacksheep", ("hello",)),
]
#: The same for requests per second at 32 connections, by name and server.
SERVED = [
    (("carboy", "granian"), ("bare WSGI", "granian"), 0.92),
    (("carboy", "granian"), ("falcon", "granian"), 1.0),
    (("carboy-async", "carboy serve"), ("bare RSGI", "granian"), 0.88),
    (("carboy-async", "uvicorn"), ("bare ASGI", "uvicorn"), 0.8),
    (("carboy-async", "uvicorn"), ("starlette", "uvicorn"), 1.0),
]


def about() -> dict[str, Any]:
    """Where the measurement was taken: versions and processor, no dates."""
    model = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    packages = {FRAMEWORKS[name].package for name in installed()}
    servers = {"granian", "gunicorn", "uvicorn", "hypercorn", "werkzeug", "jinja2"}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model[1] if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "versions": {name: version(name) for name in sorted(packages | servers)},
        "missing": [f.title for f in FRAMEWORKS.values() if f.version is None],
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def title(name: str) -> str:
    """How *name* of a framework or function is shown."""
    return FRAMEWORKS[name].title if name in FRAMEWORKS else name


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are figures."""
    lines: list[Sequence[str]] = [headings, ["---", *["--:"] * (len(headings) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ratios(part: dict[str, dict[str, list[float]]]) -> str:
    """How many times faster than Flask each framework was, best round against best round."""

    def cell(times: dict[str, list[float]], name: str) -> str:
        if name not in times or "flask" not in times:
            return ""
        return figure(min(times["flask"]) / min(times[name]))

    return _matrix(part, cell)


def microseconds(part: dict[str, dict[str, list[float]]]) -> str:
    """The best round of each framework, its median in brackets."""

    def cell(times: dict[str, list[float]], name: str) -> str:
        if name not in times:
            return ""
        return f"{figure(min(times[name]))} ({figure(median(times[name]))})"

    return _matrix(part, cell)


def instructions(part: dict[str, dict[str, int]]) -> str:
    """Thousands of instructions per request."""
    return _matrix(part, lambda counts, n: figure(counts[n] / 1000) if n in counts else "")


def _matrix(part: dict[str, Any], cell: Any) -> str:
    """Scenarios down, frameworks across."""
    names = list(dict.fromkeys(name for values in part.values() for name in values))
    order = [*FRAMEWORKS, "bare WSGI", "bare ASGI"]
    names.sort(key=order.index)
    rows = [[SCENARIOS[key].title, *(cell(part[key], n) for n in names)] for key in part]
    return table(["", *map(title, names)], rows)


def served(part: list[dict[str, Any]]) -> str:
    """Requests per second with p50 and p99, for each number of connections."""
    counts = list(part[0]["loads"])
    headings = ["", "on"]
    for count in counts:
        headings += [f"{count}: requests/s", "p50, ms", "p99, ms", "errors"]
    headings += ["worker, MiB", "first answer, s"]
    rows = []
    for row in sorted(part, key=_rate, reverse=True):
        cells = [title(row["name"]), row["server"]]
        for loads in row["loads"].values():
            best = max(loads, key=lambda load: load["rate"])
            cells += [figure(best[key]) for key in ("rate", "p50", "p99")]
            cells.append(str(best["errors"] or ""))
        rows.append([*cells, figure(row["memory"]), figure(row["start"])])
    return table(headings, rows)


def _rate(row: dict[str, Any]) -> float:
    """The best rate at 32 connections, or at what there is."""
    loads = row["loads"].get("32") or next(iter(row["loads"].values()))
    return float(max(load["rate"] for load in loads))


def growth(part: dict[str, dict[str, list[list[float]]]]) -> str:
    """Time and memory at the smallest and the largest size of each axis."""
    rows = []
    for axis, sides in part.items():
        for side, points in sides.items():
            for size, time, held, peak in (points[0], points[-1]):
                figures = [figure(value) for value in (time, held, peak)]
                rows.append([AXES[axis].title, title(side), f"{size:,.0f}", *figures])
    return table(["", "", "size", "µs", "held, KiB", "peak of a request, KiB"], rows)


def startup(part: list[dict[str, Any]]) -> str:
    """Imports, registration, the first request."""
    rows = [
        [row["what"], row["unit"], figure(min(row["carboy"])), figure(min(row["theirs"]))]
        for row in part
    ]
    return table(["", "unit", "Carboy", "Flask"], rows)


def goals(results: Results) -> str:
    """What was to be reached, and what was."""
    rows = []

    def add(what: str, found: float, goal: float) -> None:
        rows.append([what, f"{found:.2f}", f"≥ {goal:.3g}", "yes" if found >= goal else "**no**"])

    timed = results.get("inprocess", {})
    for key, times in timed.items():
        if (goal := SCENARIOS[key].goal) is not None and {"carboy", "flask"} <= times.keys():
            found = min(times["flask"]) / min(times["carboy"])
            add(f"{SCENARIOS[key].title}, times faster than Flask", found, goal)
    for ours, rival, keys in RIVALS:
        for key in keys:
            times = timed.get(key, {})
            if {ours, rival} <= times.keys():
                what = f"{SCENARIOS[key].title}, {title(ours)} beside {title(rival)}"
                add(what, min(times[rival]) / min(times[ours]), 1.0)
    rates = {(row["name"], row["server"]): _rate(row) for row in results.get("served", [])}
    for ours_on, rival_on, goal in SERVED:
        if {ours_on, rival_on} <= rates.keys():
            ours, rival = (f"{title(name)} on {server}" for name, server in (ours_on, rival_on))
            what = f"served, {ours} beside {rival}"
            add(what, rates[ours_on] / rates[rival_on], goal)
    memory = {(row["name"], row["server"]): row["memory"] for row in results.get("served", [])}
    ours_here, theirs_here = ("carboy", "granian"), ("flask", "granian")
    if {ours_here, theirs_here} <= memory.keys():
        add("memory of a worker, Flask beside Carboy", memory[theirs_here] / memory[ours_here], 1.0)
    for row in results.get("startup", []):
        if row["goal"] is not None:
            add(row["what"], row["times"], row["goal"])
    return table(["", "found", "goal", "reached"], rows)


def lacking() -> str:
    """Which scenario is left out for whom, and why."""
    lines = []
    for name in installed():
        reasons: dict[str, list[str]] = {}
        for key, reason in FRAMEWORKS[name].lacks.items():
            reasons.setdefault(reason, []).append(SCENARIOS[key].title)
        for reason, titles in reasons.items():
            lines.append(f"- {title(name)}, {reason}: {'; '.join(titles)}")
    return "\n".join(lines)


PARTS: dict[str, list[tuple[str, Callable[[Any], str]]]] = {
    "inprocess": [("ratios", ratios), ("microseconds", microseconds)],
    "instructions": [("instructions", instructions)],
    "served": [("served", served)],
    "growth": [("growth", growth)],
    "startup": [("startup", startup)],
}


def tables(results: Results) -> dict[str, str]:
    """Every table of *results*, by name; of a part that is not there, a sentence that says so."""
    made = {"goals": goals(results)}
    for part, makers in PARTS.items():
        for name, make in makers:
            made[name] = make(results[part]) if results.get(part) else "*Not measured here.*"
    return made


def page(results: Results, images: str, charts: Iterable[str]) -> str:
    """The page.

    :param images: where the charts are, as seen from the page
    :param charts: their names
    """
    where = results["about"]
    shown = {chart: f"![{chart}]({images}/{chart}.svg)" for chart in charts}
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    missing = f" Not installed, so left out: {', '.join(where['missing'])}." * bool(
        where["missing"]
    )
    return Template(Path(__file__).with_name("page.md").read_text()).substitute(
        tables(results),
        machine=f"Python {where['python']} on {where['system']}, {where['processor']},"
        f" {where['cores']} cores.",
        versions=f"{versions}.{missing}",
        lacking=lacking(),
        chart_ratios=shown.get("inprocess", ""),
        chart_instructions=shown.get("instructions", ""),
        chart_served=shown.get("served", ""),
        charts_growth="\n".join(shown[name] for name in shown if name.startswith("growth-")),
    )
