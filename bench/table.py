"""What was measured, against what was to be reached, as Markdown and as JSON.

Must not know: how anything was measured.
"""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

HEADINGS = (
    "what",
    "unit",
    "Carboy",
    "rival",
    "rival's",
    "times better",
    "goal",
    "reached",
)


@dataclass(frozen=True)
class Rounds:
    """One side's results, round by round.

    :param more_is_better: for rates; times want to be small
    """

    values: tuple[float, ...]
    more_is_better: bool = False

    @property
    def best(self) -> float:
        return max(self.values) if self.more_is_better else min(self.values)

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        return f"{figure(self.best)} ({figure(self.median)})"


@dataclass(frozen=True)
class Comparison:
    """Carboy beside one rival at one thing.

    :param goal: how many times better Carboy has to be, if that is settled
    """

    what: str
    unit: str
    carboy: Rounds
    rival: str
    theirs: Rounds
    goal: float | None = None

    @property
    def times(self) -> float:
        """How many times better Carboy was, best round against best round."""
        ours, theirs = self.carboy.best, self.theirs.best
        return ours / theirs if self.carboy.more_is_better else theirs / ours

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; ``None`` when there is none."""
        return None if self.goal is None else self.times >= self.goal


def markdown(comparisons: Iterable[Comparison]) -> str:
    """The table: each side's best round, its median in brackets."""
    rows = [HEADINGS]
    for c in comparisons:
        goal = "" if c.goal is None else f"≥ {c.goal:.3g}"
        reached = {True: "yes", False: "**no**", None: ""}[c.reached]
        sides = (str(c.carboy), c.rival, str(c.theirs))
        rows.append((c.what, c.unit, *sides, figure(c.times), goal, reached))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def as_json(comparisons: Iterable[Comparison]) -> dict[str, object]:
    """The same for a program to read, with every round and where it was measured."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in ("carboy", "flask", "werkzeug")},
        "comparisons": [
            {
                "what": c.what,
                "unit": c.unit,
                "carboy": c.carboy.values,
                "rival": c.rival,
                "theirs": c.theirs.values,
                "times": c.times,
                "goal": c.goal,
                "reached": c.reached,
            }
            for c in comparisons
        ],
    }


def figure(value: float) -> str:
    """*value* to three figures, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
