"""Registries of hooks that a program changes while it serves."""

import copy
from collections import defaultdict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import flask
import pytest

import carboy
from carboy import Blueprint, Flask

Change = Callable[[Any, str], object]


def _says(what: str) -> Callable[[], str]:
    return lambda: what


def _update(hooks: Any, owner: str) -> None:
    hooks |= {owner: [_says("new")]}


CHANGES: dict[str, Change] = {
    "append": lambda hooks, owner: hooks[owner].append(_says("new")),
    "assign": lambda hooks, owner: hooks.__setitem__(owner, [_says("new")]),
    "setdefault": lambda hooks, owner: hooks.setdefault(owner, []).append(_says("new")),
    "update": lambda hooks, owner: hooks.update({owner: [_says("new")]}),
    "in place": _update,
}
REMOVALS: dict[str, Change] = {
    "del": lambda hooks, owner: hooks.__delitem__(owner),
    "pop": lambda hooks, owner: hooks.pop(owner),
    "popitem": lambda hooks, owner: hooks.popitem(),
    "clear": lambda hooks, owner: hooks.clear(),
    "empty the list": lambda hooks, owner: hooks[owner].clear(),
}


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    app.add_url_rule("/", view_func=lambda: "view", endpoint="index")
    inner.add_url_rule("/in", view_func=lambda: "view", endpoint="view")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app


def answers(app: Flask, path: str) -> str:
    client = app.test_client()
    # Twice: what is found once is kept.
    assert client.get(path).text == client.get(path).text
    return client.get(path).text


@pytest.mark.parametrize("owner", [None, "outer", "outer.inner"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_hook_that_comes_later(app: Flask, change: Change, owner: str) -> None:
    app.before_request_funcs["another"] = [_says("of another")]
    assert answers(app, "/in") == "view"
    change(app.before_request_funcs, owner)
    assert answers(app, "/in") == "new"
    assert answers(app, "/") == ("view" if owner else "new")


@pytest.mark.parametrize("owner", [None, "outer", "outer.inner"])
@pytest.mark.parametrize("change", REMOVALS.values(), ids=REMOVALS)
def test_a_hook_that_goes(app: Flask, change: Change, owner: str) -> None:
    app.before_request_funcs["another"] = [_says("of another")]
    app.before_request_funcs[owner].append(_says("old"))
    assert answers(app, "/in") == "old"
    change(app.before_request_funcs, owner)
    assert answers(app, "/in") == "view"


def test_a_registry_is_the_dictionary_that_it_was() -> None:
    hooks = Flask(__name__).before_request_funcs
    assert isinstance(hooks, defaultdict)
    assert repr(hooks) == "defaultdict(<class 'list'>, {})"
    hook = _says("a")
    hooks[None].append(hook)
    assert hooks == {None: [hook]}
    assert copy.copy(hooks) == hooks.copy() == hooks
    assert copy.copy(hooks)["other"] == []
    assert "other" not in hooks


STAGES = ["before_request", "after_request", "teardown_request"]


def calls(web: ModuleType, change: Callable[[Any, list[Any]], object]) -> list[str]:
    """Which hooks of three requests ran, when *change* was made to the application's registries.

    :param change: is given the application and the list of calls
    """
    app = web.Flask(__name__)
    inner = web.Blueprint("inner", __name__)
    other = web.Blueprint("other", __name__)
    seen: list[Any] = []
    for owner, name in ((app, "app"), (inner, "inner"), (other, "other")):
        for number in range(2):
            for stage in STAGES:
                getattr(owner, stage)(hook(seen, f"{name} {stage} {number}"))
    inner.add_url_rule("/", "index", lambda: "")
    other.add_url_rule("/other", "index", lambda: "")
    for blueprint in (inner, other):
        app.register_blueprint(blueprint)
    change(app, seen)
    for path in ("/", "/", "/nowhere"):
        app.test_client().get(path)
        seen.append(path)
    return seen


def hook(seen: list[Any], says: str) -> Callable[..., Any]:
    def called(*args: Any) -> Any:
        seen.append(says)
        # What comes in is passed on to the next: a response, but not a teardown's error.
        return args[0] if "after" in says else None

    return called


def nothing(app: Any, seen: list[Any]) -> None:
    pass


def plain_dictionaries(app: Any, seen: list[Any]) -> None:
    for stage in STAGES:
        setattr(app, f"{stage}_funcs", dict(getattr(app, f"{stage}_funcs")))


def unnoticed_dictionaries(app: Any, seen: list[Any]) -> None:
    for stage in STAGES:
        app.__dict__[f"{stage}_funcs"] = dict(getattr(app, f"{stage}_funcs"))


def tuples(app: Any, seen: list[Any]) -> None:
    for stage in STAGES:
        registry = getattr(app, f"{stage}_funcs")
        registry.update({owner: tuple(hooks) for owner, hooks in registry.items()})


def other_endpoint(app: Any, seen: list[Any]) -> None:
    def move() -> None:
        request = (flask if isinstance(app, flask.Flask) else carboy).request
        if request.url_rule is not None:
            request.url_rule = next(app.url_map.iter_rules("other.index"))

    app.before_request_funcs[None].append(move)


def growing(app: Any, seen: list[Any]) -> None:
    """Each stage gets a hook while it runs: before the one that adds it, and after it."""
    for stage in STAGES:
        for owner, at in ((None, 0), (None, 9), ("inner", 0), ("inner", 9)):
            hooks = getattr(app, f"{stage}_funcs")[owner]

            def grow(*args: Any, hooks: Any = hooks, new: str = f"{stage} {owner} {at}") -> Any:
                if len(hooks) < 9:
                    hooks.insert(int(new[-1]), hook(seen, new))
                return args[0] if args and args[0] is not None else None

            hooks.insert(1, grow)


def shrinking(app: Any, seen: list[Any]) -> None:
    """Each stage loses hooks while it runs."""
    for stage in STAGES:
        for owner in (None, "inner"):
            hooks = getattr(app, f"{stage}_funcs")[owner]

            def shrink(*args: Any, hooks: Any = hooks) -> Any:
                hooks.pop(0)
                return args[0] if args and args[0] is not None else None

            hooks.insert(1, shrink)


def emptied_by_the_view(app: Any, seen: list[Any]) -> None:
    def view() -> str:
        app.after_request_funcs.pop(None)
        app.teardown_request_funcs["inner"] = [hook(seen, "new")]
        return ""

    app.view_functions["inner.index"] = view
    app.register_error_handler(500, lambda error: "")


@pytest.mark.parametrize(
    "change",
    [
        nothing,
        plain_dictionaries,
        unnoticed_dictionaries,
        tuples,
        other_endpoint,
        growing,
        shrinking,
        emptied_by_the_view,
    ],
)
def test_the_hooks_that_run_are_those_that_run_in_flask(
    change: Callable[[Any, list[Any]], object],
) -> None:
    assert calls(carboy, change) == calls(flask, change) != []
