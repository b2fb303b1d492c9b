"""The results as charts in SVG, made with matplotlib.

Must not know: how anything was measured.
"""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.figure import Figure

from bench.growth import AXES
from bench.report import Results, title
from bench.scenarios import SCENARIOS
from bench.table import figure as number

OURS, OTHERS = "#b3261e", "#8a94a6"


def draw(results: Results, folder: Path) -> list[str]:
    """Write a chart for each part of *results* into *folder*.

    :returns: the names of the charts, in the order of the page
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The same results make the same files.
    matplotlib.rcParams["svg.hashsalt"] = "carboy"
    made: dict[str, Figure] = {}
    if part := results.get("inprocess"):
        best = {key: {name: min(v) for name, v in times.items()} for key, times in part.items()}
        made["inprocess"] = _panels(best, "microseconds per request")
    if part := results.get("instructions"):
        counts = {k: {name: n / 1000 for name, n in found.items()} for k, found in part.items()}
        made["instructions"] = _panels(counts, "thousands of instructions per request")
    if part := results.get("served"):
        made["served"] = _served(part)
    for axis, sides in results.get("growth", {}).items():
        made[f"growth-{axis}"] = _growth(axis, sides)
    for name, figure in made.items():
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
        pyplot.close(figure)
    return list(made)


def _panels(part: dict[str, dict[str, float]], unit: str) -> Figure:
    """A panel of bars for each scenario, shortest on top."""
    columns = min(3, len(part))
    lines = -(-len(part) // columns)
    figure, grid = pyplot.subplots(
        lines, columns, figsize=(3.4 * columns, 2.5 * lines), squeeze=False, layout="constrained"
    )
    for panel in grid.flat[len(part) :]:
        panel.remove()
    for panel, (key, values) in zip(grid.flat, part.items(), strict=False):
        _bars(panel, values)
        panel.set_title(SCENARIOS[key].title, fontsize=9)
    figure.supxlabel(f"{unit}; less is better", fontsize=9)
    return figure


def _bars(panel: Any, values: dict[str, float]) -> None:
    names = sorted(values, key=lambda name: values[name], reverse=True)
    colours = [OURS if name.startswith("carboy") else OTHERS for name in names]
    bars = panel.barh([title(name) for name in names], [values[n] for n in names], color=colours)
    _label(panel, bars, number)


def _label(panel: Any, bars: Any, form: Any) -> None:
    """Write each figure at the end of its bar, which makes a scale superfluous."""
    panel.bar_label(bars, fmt=form, fontsize=7, padding=2)
    panel.margins(x=0.2, y=0.02)
    panel.tick_params(labelsize=8, length=0)
    panel.set_xticks([])
    panel.spines[["top", "right", "bottom"]].set_visible(False)


def _served(part: list[dict[str, Any]]) -> Figure:
    """Requests per second, a panel for each number of connections."""
    counts = list(part[0]["loads"])
    rows = sorted(part, key=lambda row: _best(row, counts[len(counts) // 2]))
    labels = [_named(row) for row in rows]
    colours = [OURS if row["name"].startswith("carboy") else OTHERS for row in rows]
    figure, grid = pyplot.subplots(
        1,
        len(counts),
        figsize=(10.2, 0.24 * len(part) + 1),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, count in zip(grid.flat, counts, strict=True):
        bars = panel.barh(labels, [_best(row, count) for row in rows], color=colours)
        _label(panel, bars, "{:,.0f}")
        panel.set_title(f"{count} connections" if count != "1" else "1 connection", fontsize=9)
    figure.supxlabel("requests per second; more is better", fontsize=9)
    return figure


def _named(row: dict[str, Any]) -> str:
    name, server = title(row["name"]), row["server"]
    return name if name == server else f"{name} on {server}"


def _best(row: dict[str, Any], count: str) -> float:
    return float(max(load["rate"] for load in row["loads"][count]))


def _growth(axis: str, sides: dict[str, list[list[float]]]) -> Figure:
    """Time and memory against the size, both axes logarithmic."""
    figure, panels = pyplot.subplots(1, 3, figsize=(10.2, 2.8), layout="constrained")
    for at, (panel, what) in enumerate(
        zip(panels, ("µs per request", "KiB held", "KiB, peak of a request"), strict=True), 1
    ):
        for side, points in sides.items():
            colour = OURS if side == "carboy" else OTHERS
            sizes, values = [p[0] for p in points], [p[at] for p in points]
            panel.loglog(sizes, values, marker="o", color=colour, label=title(side))
        panel.set_ylim(bottom=1)
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.yaxis.set_major_formatter("{x:,.0f}")
        panel.set_xlabel(AXES[axis].title, fontsize=9)
        panel.set_title(what, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(fontsize=8, frameon=False)
    return figure
