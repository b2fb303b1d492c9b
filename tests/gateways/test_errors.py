"""Exceptions in every place, and clients that leave: what is answered, logged, and left behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from carboy import Flask, Response, g, has_app_context, request

from .conftest import Ask, run
from .doubles import ASK, Answer, Request
from .test_async import turned


class Failure(Exception):
    """What the application raises in these tests."""


def fail(*args: Any) -> Any:
    raise Failure("on purpose")


KINDS = pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])


def errors(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno >= logging.ERROR]


@pytest.fixture
def served(app: Flask) -> list[str]:
    """Says how teardown went, and has a page that works."""
    order: list[str] = []

    @app.teardown_request
    def request_ends(error: BaseException | None) -> None:
        order.append(f"request {type(error).__name__}")

    @app.teardown_appcontext
    def context_ends(error: BaseException | None) -> None:
        order.append(f"context {type(error).__name__}")

    app.add_url_rule("/works", "works", turned(lambda: f"works {sorted(g)}"))
    return order


@KINDS
def test_in_a_view(
    app: Flask, ask: Ask, served: list[str], is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/", "view", turned(fail, is_async))

    async def main() -> None:
        assert (await ask("/")).status == 500
        assert served == ["request Failure", "context Failure"]
        assert (await ask("/works")).text == "works []"

    run(main())
    assert errors(caplog) == ["Exception on / [GET]"]


@KINDS
@pytest.mark.parametrize("stage", ["before", "after", "handler"])
def test_in_a_hook(
    app: Flask,
    ask: Ask,
    served: list[str],
    is_async: bool,
    stage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook = turned(fail, is_async)

    def view() -> str:
        if stage == "handler":
            raise LookupError
        return "x"

    if stage == "before":
        app.before_request(hook)
    elif stage == "after":
        app.after_request(hook)
    else:
        app.register_error_handler(LookupError, hook)
    app.add_url_rule("/", "view", turned(view))
    assert run(ask("/")).status == 500
    assert served == ["request Failure", "context Failure"]
    assert "Exception on / [GET]" in errors(caplog)


@KINDS
@pytest.mark.parametrize("view_is_async", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize("stage", ["request", "context"])
def test_in_teardown(app: Flask, ask: Ask, is_async: bool, view_is_async: bool, stage: str) -> None:
    ended: list[str] = []
    app.teardown_appcontext(lambda error: ended.append("first"))
    app.add_url_rule("/", "view", turned(lambda: "x", view_is_async))
    hook = turned(fail, is_async)
    (app.teardown_request if stage == "request" else app.teardown_appcontext)(hook)

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(Failure):
                await ask("/")
            assert not has_app_context()

    run(main())
    assert ended == (["first"] * 2 if stage == "request" else [])


@KINDS
def test_it_propagates_where_it_is_to(
    app: Flask, ask: Ask, served: list[str], is_async: bool
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.add_url_rule("/", "view", turned(fail, is_async))
    with pytest.raises(Failure):
        run(ask("/"))
    assert served == ["request Failure", "context Failure"]


@KINDS
def test_an_error_of_the_error_page(
    app: Flask, ask: Ask, served: list[str], is_async: bool
) -> None:
    app.register_error_handler(500, turned(fail, is_async))
    app.add_url_rule("/", "view", turned(fail))
    with pytest.raises(Failure):
        run(ask("/"))
    assert served == ["request Failure", "context Failure"]


@KINDS
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_is_no_exception(
    app: Flask, ask_loop: Ask, served: list[str], is_async: bool, kind: type[BaseException]
) -> None:
    def leave() -> None:
        raise kind("on purpose")

    app.add_url_rule("/", "view", turned(leave, is_async))

    async def main() -> None:
        with pytest.raises(RuntimeError, match=f"GET / .*{kind.__name__}"):
            await ask_loop("/")
        assert served == [f"request {kind.__name__}", f"context {kind.__name__}"]
        assert (await ask_loop("/works")).text == "works []"

    run(main())


@KINDS
def test_a_view_that_cancels_itself(
    app: Flask, ask_loop: Ask, served: list[str], is_async: bool
) -> None:
    def cancel() -> None:
        raise asyncio.CancelledError

    app.add_url_rule("/", "view", turned(cancel, is_async))

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await ask_loop("/")
        assert served == ["request CancelledError", "context CancelledError"]

    run(main())


def test_a_return_value_that_is_no_answer(app: Flask, ask: Ask, served: list[str]) -> None:
    app.add_url_rule("/", "view", turned(lambda: None))
    assert run(ask("/")).status == 500
    assert served == ["request TypeError", "context TypeError"]


class TestLeaving:
    """The client goes before it is answered."""

    @pytest.fixture(params=["asgi", "rsgi"])
    def gateway(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_an_async_view_is_cancelled(
        self, app: Flask, gateway: str, served: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        order: list[str] = []
        client = Request()

        @app.get("/")
        async def view() -> str:
            client.leaves.set()
            try:
                await asyncio.Event().wait()
            finally:
                order.append(f"{request.path} cancelled")
            return "never"

        async def main() -> None:
            client.leaves = asyncio.Event()
            answer = await ASK[gateway](app, client)
            assert answer.status is None
            task = asyncio.current_task()
            assert task is not None
            # The server may go on in the same task.
            assert task.cancelling() == 0
            assert not has_app_context()

        run(main())
        assert order == ["/ cancelled"]
        assert served == ["request CancelledError", "context CancelledError"]
        assert errors(caplog) == []

    def test_a_view_that_will_not_be_cancelled(self, app: Flask, gateway: str) -> None:
        client = Request()

        @app.get("/")
        async def view() -> str:
            client.leaves.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            return "all the same"

        async def main() -> None:
            client.leaves = asyncio.Event()
            assert (await ASK[gateway](app, client)).status is None

        run(main())

    def test_a_plain_hook_that_runs_is_waited_for(self, app: Flask, gateway: str) -> None:
        order: list[str] = []
        client = Request()
        loop: asyncio.AbstractEventLoop
        gone = threading.Event()

        @app.before_request
        def hook() -> None:
            loop.call_soon_threadsafe(client.leaves.set)
            assert gone.wait(60)
            order.append("hook")

        @app.get("/")
        async def view() -> str:
            order.append("view")
            await asyncio.Event().wait()
            return "never"

        app.teardown_request(lambda error: order.append(f"teardown {type(error).__name__}"))

        async def main() -> None:
            nonlocal loop
            loop = asyncio.get_running_loop()
            client.leaves = asyncio.Event()
            asking = asyncio.create_task(ASK[gateway](app, client))
            await client.leaves.wait()
            for _ in range(10):
                await asyncio.sleep(0)
            gone.set()
            await asking

        run(main())
        assert order[0] == "hook"
        assert order[-1] == "teardown CancelledError"

    def test_a_plain_hook_is_waited_for_by_a_task_that_is_cancelled(
        self, app: Flask, gateway: str
    ) -> None:
        order: list[str] = []
        began, goes_on = threading.Event(), threading.Event()

        @app.before_request
        def hook() -> None:
            began.set()
            assert goes_on.wait(60)
            order.append("hook")

        app.teardown_request(lambda error: order.append(f"teardown {type(error).__name__}"))
        app.add_url_rule("/", "view", turned(lambda: order.append("view") or "x"))

        async def main() -> None:
            asking = asyncio.create_task(ASK[gateway](app, Request()))
            await asyncio.to_thread(began.wait, 60)
            asking.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert not asking.done()
            goes_on.set()
            with pytest.raises(asyncio.CancelledError):
                await asking

        run(main())
        assert order == ["hook", "teardown CancelledError"]

    def test_what_waits_for_a_thread_is_not_run_when_it_is_cancelled(
        self, app: Flask, gateway: str
    ) -> None:
        app.config["WORKER_THREADS"] = 1
        order: list[str] = []
        goes_on = threading.Event()
        app.add_url_rule("/first", "first", lambda: str(goes_on.wait(60)))
        app.add_url_rule("/second", "second", lambda: order.append("second") or "x")

        async def main() -> None:
            first = asyncio.create_task(ASK[gateway](app, Request("/first")))
            await asyncio.sleep(0)
            second = asyncio.create_task(ASK[gateway](app, Request("/second")))
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            goes_on.set()
            assert (await first).text == "True"

        run(main())
        assert order == []

    def test_before_a_plain_view_is_done(self, app: Flask, gateway: str, served: list[str]) -> None:
        client = Request()

        @app.get("/")
        def view() -> str:
            loop.call_soon_threadsafe(client.leaves.set)
            return "done"

        loop: asyncio.AbstractEventLoop

        async def main() -> None:
            nonlocal loop
            loop = asyncio.get_running_loop()
            client.leaves = asyncio.Event()
            try:
                await ASK[gateway](app, client)
            except OSError:
                assert gateway == "asgi"  # The server's own, and its to handle.

        run(main())
        assert served == ["request NoneType", "context NoneType"]

    @pytest.mark.parametrize("view_is_async", [False, True], ids=["plain", "async"])
    def test_a_plain_generator_is_closed(
        self, app: Flask, gateway: str, view_is_async: bool
    ) -> None:
        closed = threading.Event()
        client = Request()

        def pieces() -> Iterator[str]:
            try:
                while True:
                    yield "piece"
            finally:
                closed.set()

        app.add_url_rule("/", "view", turned(pieces, view_is_async))

        async def main() -> Answer:
            client.leaves = asyncio.Event()
            client.on_piece = lambda number: client.leaves.set() if number == 3 else None
            answer = Answer()
            await ASK[gateway](app, client, answer)
            assert closed.is_set()
            return answer

        answer = run(main())
        assert answer.pieces[:3] == [b"piece"] * 3
        assert not answer.is_complete or gateway == "rsgi"

    def test_an_async_generator_is_closed(self, app: Flask, gateway: str) -> None:
        order: list[str] = []
        client = Request()

        async def pieces() -> AsyncIterator[str]:
            try:
                for _ in range(2):
                    yield "piece"
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                order.append("closed")

        app.add_url_rule("/", "view", turned(pieces))

        async def main() -> None:
            client.leaves = asyncio.Event()
            client.on_piece = lambda number: client.leaves.set() if number == 2 else None
            await ASK[gateway](app, client)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0

        run(main())
        assert order == ["closed"]

    def test_the_server_cancels(self, app: Flask, gateway: str, served: list[str]) -> None:
        began: asyncio.Event

        @app.get("/")
        async def view() -> str:
            began.set()
            await asyncio.Event().wait()
            return "never"

        async def main() -> None:
            nonlocal began
            began = asyncio.Event()
            asking = asyncio.create_task(ASK[gateway](app, Request()))
            await began.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

        run(main())
        assert served == ["request CancelledError", "context CancelledError"]


@KINDS
def test_in_the_middle_of_a_generator(
    app: Flask, ask: Ask, served: list[str], is_async: bool
) -> None:
    def plain() -> Iterator[str]:
        yield "one"
        raise Failure

    async def asynchronous() -> AsyncIterator[str]:
        yield "one"
        raise Failure

    app.add_url_rule("/", "view", turned(asynchronous if is_async else plain, is_async))

    async def main() -> None:
        answer = Answer()
        with pytest.raises(Failure):
            await ASK[ask.gateway](app, Request(), answer)
        assert answer.pieces == [b"one"]
        assert not answer.is_complete
        assert (await ask("/works")).text == "works []"

    run(main())
    assert served[:2] == ["request NoneType", "context NoneType"]


@KINDS
def test_more_requests_than_threads(app: Flask, ask_loop: Ask, is_async: bool) -> None:
    app.config["WORKER_THREADS"] = 2
    threads: set[int] = set()

    @app.before_request
    def note() -> None:
        threads.add(threading.get_ident())

    app.add_url_rule("/", "view", turned(lambda: request.args["n"], is_async))

    async def main() -> None:
        answers = await asyncio.gather(*(ask_loop(f"/?n={n}") for n in range(50)))
        assert [answer.text for answer in answers] == [str(n) for n in range(50)]

    run(main())
    assert len(threads) <= 2


def test_as_many_plain_views_at_once_as_there_are_threads(app: Flask, ask_loop: Ask) -> None:
    app.config["WORKER_THREADS"] = 7
    all_there = threading.Barrier(7)
    app.add_url_rule("/", "view", lambda: f"{all_there.wait(60) >= 0}")

    async def main() -> None:
        answers = await asyncio.gather(*(ask_loop("/") for _ in range(7)))
        assert {answer.text for answer in answers} == {"True"}

    run(main())


def test_functions_to_call_on_close(app: Flask, ask: Ask) -> None:
    called: list[str] = []

    def answer() -> Response:
        response = Response("x")
        response.call_on_close(lambda: called.append("closed"))
        return response

    app.add_url_rule("/plain", "plain", answer)
    app.add_url_rule("/async", "async", turned(answer))
    assert run(ask("/plain")).text == "x"
    assert run(ask("/async")).text == "x"
    assert called == ["closed"] * 2


def test_an_answer_by_write_is_refused(app: Flask, ask_loop: Ask) -> None:
    def wsgi(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])(b"written")
        return []

    app.wsgi_app = wsgi  # type: ignore[method-assign, assignment]
    with pytest.raises(NotImplementedError, match="Return the body"):
        run(ask_loop("/"))


def test_a_start_that_comes_with_the_first_piece(app: Flask, ask: Ask) -> None:
    def wsgi(environ: Any, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("201 CREATED", [("X-A", "1")])
        yield b"one"
        yield b"two"

    app.wsgi_app = wsgi  # type: ignore[method-assign, assignment]
    answer = run(ask("/"))
    assert (answer.status, answer["x-a"], answer.body) == (201, "1", b"onetwo")
