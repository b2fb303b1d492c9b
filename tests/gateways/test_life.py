"""The life of an application: its start, its end, and the work behind its answers."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from carboy import Flask, current_app, g, has_request_context, request

from .conftest import Ask, run
from .test_async import turned

KINDS = pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])

#: Runs a coroutine function between the start and the end of serving.
Serve = Callable[[Callable[[], Coroutine[Any, Any, Any]]], None]


class Lifespan:
    """What an ASGI server says of starting and ending, and what it hears."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(
            app({"type": "lifespan", "asgi": {}, "state": {}}, self.said.get, self.heard.put)
        )

    async def say(self, what: str) -> dict[str, Any]:
        await self.said.put({"type": f"lifespan.{what}"})
        return await self.heard.get()


@pytest.fixture
def serve(ask: Ask, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Serves through the gateway of *ask*."""

    def asgi(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        async def served() -> None:
            lifespan = Lifespan(app)
            started = await lifespan.say("startup")
            if started["type"] == "lifespan.startup.failed":
                raise Failed(started["message"])
            await main()
            ended = await lifespan.say("shutdown")
            await lifespan.task
            if ended["type"] == "lifespan.shutdown.failed":
                raise Failed(ended["message"])

        run(served())

    def rsgi(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            try:
                app.__rsgi_init__(loop)
            except Exception as e:
                raise Failed(str(e)) from e
            runner.run(main())
            try:
                app.__rsgi_del__(loop)
            except Exception as e:
                raise Failed(str(e)) from e

    def wsgi(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        at_exit: list[tuple[Any, ...]] = []
        monkeypatch.setattr(atexit, "register", lambda *call: at_exit.append(call))
        try:
            run(main())
        except Failure as e:
            raise Failed(str(e)) from e
        assert len(at_exit) <= 1
        try:
            for func, *args in at_exit:
                func(*args)
        except Failure as e:
            raise Failed(str(e)) from e

    return {"asgi": asgi, "rsgi": rsgi, "wsgi": wsgi}[ask.gateway]


class Failure(Exception):
    """What the application raises in these tests."""


class Failed(Exception):
    """Serving could not be started or ended in order."""


@KINDS
def test_start_and_end(app: Flask, ask: Ask, serve: Serve, is_async: bool) -> None:
    order: list[str] = []

    def note(what: str) -> Callable[[], Any]:
        def noted() -> None:
            assert current_app.name == app.name
            assert not has_request_context()
            order.append(what)

        return turned(noted, is_async)

    app.before_serving(note("before 1"))
    app.before_serving(note("before 2"))
    app.after_serving(note("after 1"))
    app.after_serving(note("after 2"))

    def during(what: str) -> Callable[[], Any]:
        def plain() -> Iterator[None]:
            order.append(f"{what} begins")
            yield
            assert current_app.name == app.name
            order.append(f"{what} ends")

        async def asynchronous() -> AsyncIterator[None]:
            for _ in plain():
                await asyncio.sleep(0)
                yield

        return asynchronous if is_async else plain

    app.while_serving(during("one"))
    app.while_serving(during("two"))
    app.add_url_rule("/", "view", turned(lambda: order.append("view") or "x", is_async))

    async def main() -> None:
        await asyncio.gather(*(ask("/") for _ in range(5)))

    serve(main)
    assert order == [
        *("before 1", "before 2", "one begins", "two begins"),
        *["view"] * 5,
        *("two ends", "one ends", "after 1", "after 2"),
    ]


def test_what_is_entered_in_a_task_is_left_in_it(app: Flask, ask: Ask, serve: Serve) -> None:
    number: ContextVar[int] = ContextVar("number", default=0)
    seen: list[Any] = []

    @app.while_serving
    async def group() -> AsyncIterator[None]:
        token = number.set(1)
        # Is only to be left by the task that entered it.
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(0))
            seen.append(asyncio.get_running_loop())
            yield
        number.reset(token)
        seen.append("left")

    @app.get("/")
    async def view() -> str:
        seen.append(asyncio.get_running_loop())
        return "x"

    async def main() -> None:
        await ask("/")

    serve(main)
    assert seen[0] is seen[1]
    assert seen[2:] == ["left"]


def test_a_start_that_fails(
    app: Flask, ask: Ask, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    order: list[str] = []

    @app.while_serving
    def resource() -> Iterator[None]:
        order.append("opened")
        yield
        order.append("closed")

    @app.while_serving
    async def failing() -> AsyncIterator[None]:
        raise Failure("no database")
        yield

    app.add_url_rule("/", "view", turned(lambda: order.append("view") or "x"))

    async def main() -> None:
        await ask("/")

    with pytest.raises(Failed, match="no database"):
        serve(main)
    assert order == ["opened", "closed"]
    if ask.gateway == "asgi":
        assert "could not be started" in caplog.text


@KINDS
def test_a_start_that_fails_is_tried_again(
    app: Flask, is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    starts: list[Flask] = []
    start = Flask._start_here
    monkeypatch.setattr(Flask, "_start_here", lambda self: starts.append(self) or start(self))

    def fail_once() -> None:
        order.append("start")
        if len(order) == 1:
            raise Failure("not yet")

    app.before_serving(turned(fail_once, is_async))
    app.get("/")(lambda: "x")
    client = app.test_client()
    with pytest.raises(Failure):
        client.get("/")
    assert client.get("/").text == "x"
    assert client.get("/").text == "x"
    assert order == ["start"] * 2
    # The third request did not ask any more.
    assert starts == [app] * 2


def test_an_end_that_fails_in_part(
    app: Flask, ask: Ask, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    order: list[str] = []

    @app.while_serving
    async def failing() -> AsyncIterator[None]:
        yield
        raise Failure("first")

    @app.after_serving
    def also_failing() -> None:
        raise Failure("second")

    app.after_serving(lambda: order.append("after"))
    app.get("/")(lambda: "x")

    async def main() -> None:
        await ask("/")

    with pytest.raises(Failed, match="first"):
        serve(main)
    assert order == ["after"]
    assert "Failure: second" in caplog.text


def test_a_server_without_lifespan(app: Flask) -> None:
    from .doubles import Request, ask_asgi

    order: list[str] = []
    app.before_serving(turned(lambda: order.append("before")))
    app.get("/")(lambda: order.append("view") or "x")

    async def main() -> None:
        await asyncio.gather(*(ask_asgi(app, Request()) for _ in range(3)))

    run(main())
    assert order == ["before", "view", "view", "view"]


@KINDS
def test_background_work(app: Flask, ask: Ask, serve: Serve, is_async: bool) -> None:
    done: list[str] = []
    finished = threading.Event()

    def work(what: str, *, times: int) -> None:
        assert current_app.name == app.name
        assert not has_request_context()
        assert "x" not in g
        done.append(what * times)
        finished.set()

    def view() -> str:
        g.x = 1
        app.add_background_task(turned(work, is_async), request.path, times=2)
        return f"answered before {done}"

    app.add_url_rule("/plain", "plain", view)
    app.add_url_rule("/async", "async", turned(view))

    async def main() -> None:
        for path in ("/plain", "/async"):
            assert (await ask(path)).text == "answered before []"
            assert await asyncio.to_thread(finished.wait, 60)
            assert done == [path * 2]
            done.clear()
            finished.clear()

    serve(main)


@KINDS
def test_background_work_outside_of_a_request(app: Flask, is_async: bool) -> None:
    finished = threading.Event()
    app.add_background_task(turned(finished.set, is_async))
    assert finished.wait(60)


def test_async_background_work_runs_on_the_servers_loop(app: Flask, ask_loop: Ask) -> None:
    loops: list[Any] = []
    finished = threading.Event()

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        if len(loops) == 2:
            finished.set()

    app.add_url_rule("/plain", "plain", lambda: app.add_background_task(work) or "x")
    app.add_url_rule("/async", "async", turned(lambda: app.add_background_task(work) or "x"))

    async def main() -> None:
        await ask_loop("/plain")
        await ask_loop("/async")
        assert await asyncio.to_thread(finished.wait, 60)
        assert loops == [asyncio.get_running_loop()] * 2

    run(main())


@KINDS
def test_background_work_that_fails(
    app: Flask, ask: Ask, serve: Serve, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise Failure("in the background")

    app.add_url_rule("/", "view", lambda: app.add_background_task(turned(fail, is_async)) or "x")

    async def main() -> None:
        assert (await ask("/")).status == 200

    serve(main)
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.getMessage().startswith("Exception in the background task ")
    assert record.getMessage().endswith("fail")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], Failure)


@KINDS
def test_the_end_waits_for_background_work(
    app: Flask, ask: Ask, serve: Serve, is_async: bool
) -> None:
    order: list[str] = []
    app.after_serving(lambda: order.append("after"))
    ending = threading.Event()

    def plain() -> None:
        assert ending.wait(60)
        order.append("work")

    async def asynchronous() -> None:
        while not ending.is_set():
            await asyncio.sleep(0)
        order.append("work")

    work = asynchronous if is_async else plain
    app.add_url_rule("/", "view", lambda: app.add_background_task(work) or "x")

    async def main() -> None:
        await ask("/")
        ending.set()

    serve(main)
    assert order == ["work", "after"]


def test_async_work_that_does_not_end_is_cancelled(
    app: Flask, ask: Ask, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.01
    order: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("cleaned up")

    app.after_serving(lambda: order.append("after"))
    app.add_url_rule("/", "view", lambda: app.add_background_task(endless) or "x")

    async def main() -> None:
        await ask("/")

    serve(main)
    assert order == ["cleaned up", "after"]
    assert "endless had not ended after 0.01 s and is given up" in caplog.text


def test_plain_work_that_does_not_end_is_left_alone(
    app: Flask, ask: Ask, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.01
    order: list[str] = []
    released = threading.Event()

    def endless() -> None:
        assert threading.current_thread().daemon
        released.wait(60)

    app.after_serving(lambda: order.append("after"))
    app.add_url_rule("/", "view", lambda: app.add_background_task(endless) or "x")

    async def main() -> None:
        await ask("/")

    serve(main)
    released.set()
    assert order == ["after"]
    assert "endless had not ended" in caplog.text


def test_long_background_work_takes_no_thread_from_views(app: Flask, ask_loop: Ask) -> None:
    app.config["WORKER_THREADS"] = 1
    released = threading.Event()
    app.add_url_rule("/", "view", lambda: app.add_background_task(released.wait, 60) or "x")

    async def main() -> None:
        for _ in range(3):
            assert (await ask_loop("/")).text == "x"

    run(main())
    released.set()


def test_several_applications_in_one_process() -> None:
    order: list[str] = []
    apps = [Flask(f"app{number}") for number in range(2)]
    for app in apps:

        @app.while_serving
        async def during() -> AsyncIterator[None]:
            name = current_app.name
            order.append(f"{name} begins")
            yield
            order.append(f"{name} ends")

        app.config["WORKER_THREADS"] = 3
        app.add_url_rule("/", "view", turned(lambda: current_app.name))

    from .doubles import Request, ask_asgi

    async def main() -> None:
        lives = [Lifespan(app) for app in apps]
        for life in lives:
            await life.say("startup")
        answers = await asyncio.gather(*(ask_asgi(app, Request()) for app in apps * 3))
        assert [answer.text for answer in answers] == ["app0", "app1"] * 3
        await lives[0].say("shutdown")
        assert (await ask_asgi(apps[1], Request())).text == "app1"
        await lives[1].say("shutdown")

    run(main())
    assert order == ["app0 begins", "app1 begins", "app0 ends", "app1 ends"]


def test_it_can_be_served_again(app: Flask, ask: Ask, serve: Serve) -> None:
    order: list[str] = []
    app.before_serving(lambda: order.append("before"))
    app.after_serving(lambda: order.append("after"))
    app.get("/")(lambda: "x")
    if ask.gateway == "wsgi":
        pytest.skip("A process ends once.")

    async def main() -> None:
        await ask("/")

    serve(main)
    serve(main)
    assert order == ["before", "after"] * 2
