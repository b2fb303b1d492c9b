"""The quick way of an async view, beside the long one: the same answers, and nothing left behind.

With ``ask_loop``, each test runs on both ways, and through each gateway of a loop.
"""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from carboy import (
    Flask,
    abort,
    current_app,
    g,
    has_request_context,
    json,
    request,
    session,
)
from carboy.ctx import RequestContext
from carboy.globals import request_ctx
from carboy.json.provider import DefaultJSONProvider

from .conftest import Ask, run


@pytest.fixture(autouse=True)
def nothing_left(app: Flask) -> Iterator[None]:
    """No request is watched any longer that has been answered."""
    yield
    if (watches := app._watches) is not None:
        assert not watches.young
        assert not watches.grown
        assert not watches.watched


# What is sent


def test_text_that_cannot_be_encoded(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> str:
        return "\ud800"

    assert run(ask_loop()).status == 500


def test_a_setting_that_is_gone(app: Flask, ask_loop: Ask) -> None:
    app.get("/")(_text)
    fields = [("cookie", "session=1")]
    del app.config["SESSION_REFRESH_EACH_REQUEST"]
    assert run(ask_loop(fields=fields)).status == 500
    del app.config["TRUSTED_HOSTS"]
    assert run(ask_loop()).status == 500


def test_json_is_made_once(app: Flask, ask_loop: Ask) -> None:
    made: list[object] = []
    app.json = _provider(app, lambda obj: made.append(obj))

    @app.get("/<float:seconds>")
    async def view(seconds: float) -> dict[str, object]:
        await asyncio.sleep(seconds)
        return {"is": object()}

    run(ask_loop("/0.0"))
    run(ask_loop("/0.12"))
    assert len(made) == 2


def test_json_that_uses_the_session(app: Flask, ask: Ask) -> None:
    app.json = _provider(app, lambda obj: session.setdefault("name", "Ada"))

    @app.get("/<name>")
    async def view(name: str) -> dict[str, object]:
        return {"is": object() if name == "first" else session.get("name")}

    answer = run(ask("/first"))
    assert answer["vary"] == "Cookie"
    fields = [("cookie", answer["set-cookie"].partition(";")[0])]
    assert json.loads(run(ask("/second", fields=fields)).text) == {"is": "Ada"}


def test_json_that_begins_a_task(app: Flask, ask_loop: Ask) -> None:
    begun = asyncio.Event()

    async def begin() -> None:
        begun.set()

    app.json = _provider(app, lambda obj: app.add_background_task(begin))

    @app.get("/")
    async def view() -> list[object]:
        assert request.path == "/"
        return [object()]

    async def main() -> None:
        assert (await ask_loop()).text == "[null]\n"
        await asyncio.wait_for(begun.wait(), 5)

    run(main())


def test_json_that_asks_for_the_context_leaves_nothing(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []
    app.json = _provider(app, lambda obj: seen.append(weakref.ref(_context())))

    @app.get("/")
    async def view() -> list[object]:
        return [object()]

    with _without_collector():
        run(ask_loop())
        assert seen
        assert _are_gone(seen)


def test_a_view_that_pops_and_pushes_its_context(app: Flask, ask_loop: Ask) -> None:
    @app.get("/<int:pops>")
    async def view(pops: int) -> str:
        ctx = _context()
        ctx.pop()
        if pops == 1:
            ctx.push()
        return str(has_request_context())

    assert run(ask_loop("/1")).text == "True"
    assert run(ask_loop("/2")).text == "False"


def test_names_of_headers_are_in_small_letters(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> str:
        session["name"] = "Ada"
        return ""

    names = [name for name, _ in run(ask_loop()).fields]
    assert sorted(names) == ["content-length", "content-type", "set-cookie", "vary"]


# Errors


def test_the_error_is_the_one_being_handled(app: Flask, ask_loop: Ask) -> None:
    def handle(e: Exception) -> Any:
        raise

    app.handle_user_exception = handle  # type: ignore[method-assign]
    app.testing = True

    @app.get("/")
    async def view() -> None:
        abort(418)

    with pytest.raises(Exception, match="teapot"):
        run(ask_loop())


def test_a_handled_error_leaves_nothing(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []

    @app.get("/<int:code>")
    async def view(code: int) -> None:
        seen.append(_kept_by(g))
        abort(code)

    @app.get("/fails")
    async def failing_view() -> None:
        seen.append(_kept_by(g))
        raise ValueError

    @app.errorhandler(418)
    @app.errorhandler(ValueError)
    async def handle(e: Exception) -> str:
        seen.append(_kept_by(e))
        return "short and stout"

    with _without_collector():
        assert run(ask_loop("/404")).status == 404
        assert run(ask_loop("/418")).text == "short and stout"
        assert run(ask_loop("/fails")).text == "short and stout"
        assert len(seen) == 5
        assert _are_gone(seen)


def test_a_view_with_other_parameters_than_its_rule(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []

    @app.get("/<name>")
    async def view(other: str) -> str:
        return other

    @app.errorhandler(TypeError)
    async def handle(e: TypeError) -> str:
        seen.append(_kept_by(e))
        return f"{request.path}: {e}"

    with _without_collector():
        assert "/Ada: " in run(ask_loop("/Ada")).text
        assert _are_gone(seen)
    del app.error_handler_spec[None]
    assert run(ask_loop("/Ada")).status == 500


@pytest.mark.parametrize("given", [("text", 201), ("text", 201, {}), ("text", "text", {}), ()])
def test_a_hook_that_returns_a_tuple(app: Flask, ask_loop: Ask, given: Any) -> None:
    app.after_request(lambda response: given)
    app.get("/")(_text)
    app.get("/plain")(lambda: "")
    with pytest.raises(TypeError, match="The response to send is a tuple"):
        run(ask_loop())
    with pytest.raises(TypeError, match="The response to send is a tuple"):
        run(ask_loop("/plain"))


# Contexts, tasks and threads


def test_a_task_that_outlives_its_application_context(app: Flask, ask_loop: Ask) -> None:
    async def loop() -> object:
        return asyncio.get_running_loop()

    async def later(is_over: asyncio.Event) -> object:
        await is_over.wait()
        return await asyncio.to_thread(app.ensure_sync(loop))

    async def main() -> None:
        is_over = asyncio.Event()
        tasks: list[asyncio.Task[object]] = []

        @app.get("/")
        async def view() -> str:
            with app.app_context():
                tasks.append(asyncio.create_task(later(is_over)))
            return ""

        await ask_loop()
        is_over.set()
        assert await tasks[0] is asyncio.get_running_loop()

    run(main())


class _Kept:
    """Something to be kept alive."""


def _kept_by(keeper: object) -> weakref.ref[Any]:
    keeper.kept = kept = _Kept()  # type: ignore[attr-defined]
    return weakref.ref(kept)


def _context() -> RequestContext:
    return request_ctx._get_current_object()  # type: ignore[attr-defined, no-any-return]


async def _text() -> str:
    return "text"


async def _name() -> str:
    return current_app.name


async def _path() -> str:
    return request.path


def _provider(app: Flask, default: Callable[[object], object]) -> DefaultJSONProvider:
    provider = DefaultJSONProvider(app)
    provider.default = default  # type: ignore[method-assign]
    return provider


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _are_gone(seen: list[weakref.ref[Any]]) -> bool:
    """Whether nothing is left of *seen*, when the threads that had to do with it have let go."""
    for _ in range(100):
        if not any(ref() for ref in seen):
            return True
        time.sleep(0.01)
    return False
