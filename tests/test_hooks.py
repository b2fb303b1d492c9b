"""Registries of hooks that a program changes while it serves."""

import copy
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

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
