"""What a request costs as a program, or what a client sends, grows.

Must not know: anything of the frameworks but Flask's names.

How it works: each axis builds a program of a size and a request to it, on Carboy and on Flask.
Both are asked in turns, as in ``inprocess``; besides the time, what the program holds in memory and
what one request needs at its peak are taken with ``tracemalloc``, before the clock runs.
"""

import importlib
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from urllib.parse import urlencode

from bench.http import Request
from bench.inprocess import take_turns
from bench.scenarios import form
from bench.wsgi import Visit

Build = Callable[[ModuleType, int], Visit]

SIDES = ("carboy", "flask")


@dataclass(frozen=True)
class Axis:
    """Something that grows.

    :param build: the program of a size and the request to it; the answer is ``right``
    :param flask_up_to: the size beyond which building Flask's program takes too long
    """

    title: str
    sizes: tuple[int, ...]
    build: Build
    flask_up_to: int | None = None


@dataclass(frozen=True)
class Point:
    """What a size costs.

    :param microseconds: of work for a request
    :param held: KiB that the program holds
    :param peak: KiB that a request needs at its peak
    """

    size: int
    microseconds: float
    held: float
    peak: float


def measure(axis: Axis, rounds: int) -> dict[str, list[Point]]:
    """The points of *axis*, for each side."""
    points: dict[str, list[Point]] = {side: [] for side in SIDES}
    for size in axis.sizes:
        visits: dict[str, Visit] = {}
        memory: dict[str, tuple[float, float]] = {}
        for side in SIDES:
            if side == "flask" and size > (axis.flask_up_to or size):
                continue
            visits[side], memory[side] = _with_memory(axis, side, size)
        for side, times in take_turns(visits, rounds).items():
            points[side].append(Point(size, min(times), *memory[side]))
    return points


def _with_memory(axis: Axis, side: str, size: int) -> tuple[Visit, tuple[float, float]]:
    """The visit of a side; KiB that its program holds, and of a request at its peak."""
    web = importlib.import_module(side)
    tracemalloc.start()
    try:
        visit = axis.build(web, size)
        if (body := visit()) != b"right":
            raise AssertionError(f"{axis.title}, {size}: {side} answered {body[:200]!r}")
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        visit()
        peak = tracemalloc.get_traced_memory()[1] - held
        return visit, (held / 1024, peak / 1024)
    finally:
        tracemalloc.stop()


def _rules(web: ModuleType, size: int) -> Visit:
    app = web.Flask(__name__)
    for number in range(size):
        app.add_url_rule(f"/cellar-{number}/<name>", f"view_{number}", lambda name: "right")
    return Visit(app, Request(f"/cellar-{size - 1}/ada"))


def _blueprints(web: ModuleType, size: int) -> Visit:
    app = web.Flask(__name__)
    for number in range(size):
        blueprint = web.Blueprint(f"cellar_{number}", __name__, url_prefix=f"/cellar-{number}")
        blueprint.add_url_rule("/", "show", lambda: "right")
        app.register_blueprint(blueprint)
    return Visit(app, Request(f"/cellar-{size - 1}/"))


def _hooks(web: ModuleType, size: int) -> Visit:
    app = web.Flask(__name__)
    for _ in range(size):
        app.before_request(lambda: None)
    app.add_url_rule("/", "show", lambda: "right")
    return Visit(app, Request("/"))


def _reading(read: Callable[[ModuleType], str | None], request: Callable[[int], Request]) -> Build:
    """Builds a program that answers what it reads from a request of a size."""

    def build(web: ModuleType, size: int) -> Visit:
        app = web.Flask(__name__)
        app.add_url_rule("/", "show", lambda: read(web), methods=["GET", "POST"])
        return Visit(app, request(size))

    return build


def _fields(size: int) -> dict[str, str]:
    """So many names and values, the last of them ``right``."""
    return {**{f"name-{number}": f"value {number}" for number in range(size - 1)}, "last": "right"}


AXES = {
    "rules": Axis("rules", (10, 100, 1000, 10_000, 100_000), _rules, flask_up_to=1000),
    "blueprints": Axis("blueprints", (1, 10, 100, 1000), _blueprints),
    "hooks": Axis("hooks before the request", (1, 10, 100, 1000), _hooks),
    "headers": Axis(
        "headers of the request",
        (1, 10, 100, 1000),
        _reading(
            lambda web: web.request.headers.get("last"),
            lambda size: Request("/", headers=_fields(size)),
        ),
    ),
    "cookies": Axis(
        "cookies",
        (1, 10, 100, 1000),
        _reading(
            lambda web: web.request.cookies.get("last"),
            lambda size: Request(
                "/", cookies={name: value.replace(" ", "") for name, value in _fields(size).items()}
            ),
        ),
    ),
    "query": Axis(
        "query parameters",
        (1, 10, 100, 1000),
        _reading(
            lambda web: web.request.args.get("last"),
            lambda size: Request("/?" + urlencode(_fields(size))),
        ),
    ),
    "form": Axis(
        "form fields",
        (1, 10, 100, 1000),
        _reading(lambda web: web.request.form.get("last"), lambda size: form("/", **_fields(size))),
    ),
    "body": Axis(
        "bytes of the body",
        (1000, 10_000, 100_000, 1_000_000, 10_000_000),
        _reading(
            lambda web: "right" if web.request.get_data()[-1:] == b"." else None,
            lambda size: Request("/", "POST", b"." * size, "application/octet-stream"),
        ),
    ),
}
