"""The worker threads in which plain functions run: how many, what for, and how they end."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from carboy import Flask, g, request

from .conftest import Ask, run
from .doubles import ASK, Request
from .test_async import turned


class Failure(Exception):
    """What the application raises in these tests."""


@pytest.fixture
def named(app: Flask) -> Flask:
    """It tells which thread answers."""
    app.get("/name")(lambda: threading.current_thread().name)
    return app


def raising(what: type[BaseException]) -> Callable[[], str]:
    def view() -> str:
        raise what

    return view


@pytest.mark.parametrize("what", [Failure, StopIteration, SystemExit, KeyboardInterrupt])
def test_it_goes_on_after(named: Flask, ask_loop: Ask, what: type[BaseException]) -> None:
    named.config["WORKER_THREADS"] = 1
    named.config["PROPAGATE_EXCEPTIONS"] = True
    named.get("/raise")(raising(what))

    async def main() -> None:
        with pytest.raises((Failure, RuntimeError)):
            await ask_loop("/raise")
        assert (await ask_loop("/name")).text == f"{named.import_name}-worker_0"

    run(main())


def test_there_must_be_one(named: Flask, ask_loop: Ask) -> None:
    named.config["WORKER_THREADS"] = 0
    with pytest.raises(ValueError, match="at least one"):
        run(ask_loop("/name"))


def test_those_that_wait_do_not_keep_the_others_waiting(app: Flask, ask_loop: Ask) -> None:
    app.config["WORKER_THREADS"] = 3
    goes_on = threading.Event()
    app.get("/wait")(lambda: str(goes_on.wait(60)))
    app.get("/<n>", endpoint="n")(lambda n: n)

    async def main() -> None:
        waiting = [asyncio.create_task(ask_loop("/wait")) for _ in range(2)]
        answers = await asyncio.gather(*(ask_loop(f"/{n}") for n in range(50)))
        assert [answer.text for answer in answers] == [str(n) for n in range(50)]
        goes_on.set()
        assert {answer.text for answer in await asyncio.gather(*waiting)} == {"True"}

    run(main())


def test_views_that_wait_for_each_other(app: Flask, ask_loop: Ask) -> None:
    @app.get("/<int:n>")
    def view(n: int) -> str:
        assert steps[n + 1].wait(60)
        steps[n].set()
        return str(n)

    async def main() -> None:
        nonlocal steps
        for _ in range(3):
            # Each is let go by the one after it, so all are called before the first returns.
            steps = [threading.Event() for _ in range(41)]
            steps[40].set()
            answers = await asyncio.gather(*(ask_loop(f"/{n}") for n in range(40)))
            assert [answer.text for answer in answers] == [str(n) for n in range(40)]

    steps: list[threading.Event] = []

    run(main())


def test_a_plain_view_is_waited_for_by_a_task_that_is_cancelled(app: Flask, ask_loop: Ask) -> None:
    order: list[str] = []
    began, goes_on = threading.Event(), threading.Event()

    @app.get("/")
    def view() -> str:
        began.set()
        assert goes_on.wait(60)
        order.append("view")
        return "x"

    app.teardown_request(lambda error: order.append("teardown"))

    async def main() -> None:
        asking = asyncio.create_task(ask_loop("/"))
        await asyncio.to_thread(began.wait, 60)
        for _ in range(3):
            asking.cancel()
            await asyncio.sleep(0)
        assert not asking.done()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(main())
    assert order == ["view", "teardown"]


def test_some_of_those_that_wait_are_cancelled(app: Flask, ask_loop: Ask) -> None:
    app.config["WORKER_THREADS"] = 1
    began, goes_on = threading.Event(), threading.Event()
    called: list[int] = []

    @app.get("/first")
    def first() -> str:
        began.set()
        return str(goes_on.wait(60))

    @app.get("/<int:n>")
    def view(n: int) -> str:
        called.append(n)
        return ""

    async def main() -> None:
        running = asyncio.create_task(ask_loop("/first"))
        await asyncio.to_thread(began.wait, 60)
        others = [asyncio.create_task(ask_loop(f"/{n}")) for n in range(10)]
        await asyncio.sleep(0)
        for other in others[::2]:
            other.cancel()
        goes_on.set()
        found = await asyncio.gather(running, *others, return_exceptions=True)
        assert [type(one) for one in found[1::2]] == [asyncio.CancelledError] * 5

    run(main())
    assert called == [1, 3, 5, 7, 9]


def test_plain_hooks_see_the_tokens_of_each_other_from_other_threads(
    app: Flask, ask_loop: Ask
) -> None:
    number: ContextVar[int] = ContextVar("number", default=0)
    threads: set[int] = set()
    all_there = threading.Barrier(5)
    after: list[int] = []

    @app.before_request
    def enter() -> None:
        all_there.wait(60)
        g.token = number.set(int(request.args["n"]))
        threads.add(threading.get_ident())

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        number.reset(g.token)
        after.append(number.get())

    app.add_url_rule("/", "view", turned(lambda: str(number.get())))

    async def main() -> None:
        answers = await asyncio.gather(*(ask_loop(f"/?n={n}") for n in range(1, 6)))
        assert [answer.text for answer in answers] == ["1", "2", "3", "4", "5"]

    run(main())
    assert after == [0] * 5
    assert len(threads) == 5


def test_several_loops_at_once(app: Flask, ask_loop: Ask) -> None:
    app.config["WORKER_THREADS"] = 2
    app.get("/<n>", endpoint="n")(lambda n: n)
    loops = 4
    all_there = threading.Barrier(loops)
    found: list[list[str]] = []

    async def main() -> None:
        all_there.wait(60)
        answers = await asyncio.gather(*(ask_loop(f"/{n}") for n in range(50)))
        found.append([answer.text for answer in answers])

    threads = [threading.Thread(target=run, args=(main(),)) for _ in range(loops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [[str(n) for n in range(50)]] * loops


def test_a_loop_that_is_gone_when_the_view_returns(named: Flask, ask_loop: Ask) -> None:
    named.config["WORKER_THREADS"] = 1
    began, goes_on = threading.Event(), threading.Event()

    @named.get("/")
    def view() -> str:
        began.set()
        return str(goes_on.wait(60))

    gone = asyncio.new_event_loop()
    asking = gone.create_task(ask_loop("/"))
    # Nobody is told of it, by any more than the loop.
    asking._log_destroy_pending = False  # type: ignore[attr-defined]
    gone.run_until_complete(asyncio.wait_for(asyncio.to_thread(began.wait, 60), 60))
    gone.run_until_complete(gone.shutdown_default_executor())
    gone.close()
    goes_on.set()
    assert run(ask_loop("/name")).text == f"{named.import_name}-worker_0"


@pytest.mark.parametrize("view_is_async", [False, True])
@pytest.mark.parametrize("failing", [None, "hook", "view"])
def test_no_cycle_keeps_what_a_request_had(
    app: Flask, ask_loop: Ask, view_is_async: bool, failing: str | None
) -> None:
    class Kept:
        """What a hook gets for a request."""

    # It has let go of one request when it begins with the next.
    app.config["WORKER_THREADS"] = 1
    seen: list[weakref.ref[Kept]] = []

    @app.before_request
    def enter() -> None:
        g.kept = Kept()
        seen.append(weakref.ref(g.kept))
        if failing == "hook":
            raise Failure

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        assert g.kept

    app.register_error_handler(Failure, lambda error: "handled")
    view = raising(Failure) if failing == "view" else lambda: "x"
    app.add_url_rule("/", "view", turned(view, view_is_async))
    run(ask_loop("/"))  # Whatever the first request brings about.
    gc.collect()
    gc.disable()
    try:
        run(ask_loop("/"))
        run(ask_loop("/"))
        assert seen[1]() is None
    finally:
        gc.enable()


def test_they_end_with_the_application() -> None:
    app = Flask("short-lived")
    all_there = threading.Barrier(3)
    app.get("/")(lambda: str(all_there.wait(60)))

    async def main(app: Flask) -> None:
        await asyncio.gather(*(ASK["rsgi"](app, Request()) for _ in range(3)))

    run(main(app))
    threads = [t for t in threading.enumerate() if t.name.startswith("short-lived-worker_")]
    assert len(threads) == 3
    del app
    gc.collect()
    for thread in threads:
        for _ in range(600):
            # The first time it may still have had hold of its request.
            gc.collect()
            thread.join(0.1)
            if not thread.is_alive():
                break
        assert not thread.is_alive()


@pytest.mark.parametrize("others", [0, 1])
def test_a_system_without_a_thread_to_give(
    named: Flask, ask_loop: Ask, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        for _ in range(others):
            await ask_loop("/name")
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            asks = (ask_loop("/name") for _ in range(5))
            found = await asyncio.gather(*asks, return_exceptions=True)
        if others:
            # Those that are there do it.
            names = {answer.text for answer in found}  # type: ignore[union-attr]
            assert names == {f"{named.import_name}-worker_0"}
        else:
            assert {str(error) for error in found} == {"can't start new thread"}
        assert (await ask_loop("/name")).status == 200

    run(main())


def python(program: str) -> list[str]:
    """What *program* prints. It can `ask` its `app`, over RSGI."""
    begin = """\
import asyncio, os, sys, threading
from carboy import Flask
from gateways.doubles import Request, ask_rsgi

app = Flask("app")
app.config["WORKER_THREADS"] = 1

def ask(target="/"):
    return ask_rsgi(app, Request(target))

"""
    folders = [os.path.dirname(os.path.dirname(__file__)), *sys.path]
    ran = subprocess.run(
        [sys.executable, "-c", begin + program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ran.stdout.split("\n")[:-1]


def test_what_was_begun_is_done_when_the_interpreter_ends() -> None:
    assert python("""\
began, goes_on = threading.Event(), threading.Event()

@app.get("/<name>")
def view(name):
    began.set()
    goes_on.wait()
    print(name, flush=True)
    return ""

async def main():
    tasks.extend([asyncio.create_task(ask("/first")), asyncio.create_task(ask("/second"))])
    await asyncio.to_thread(began.wait)

tasks = []
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
print("end", flush=True)
goes_on.set()
""") == ["end", "first", "second"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="The system has none.")
def test_after_a_fork() -> None:
    assert python("""\
app.get("/")(lambda: threading.current_thread().name)
print(asyncio.run(ask()).text, flush=True)
if pid := os.fork():
    print("child", os.waitpid(pid, 0)[1])
else:
    print(asyncio.run(ask()).text, flush=True)
""") == ["app-worker_0", "app-worker_0", "child 0"]


def test_a_cookie_that_the_server_drops(app: Flask, ask_loop: Ask) -> None:
    app.secret_key = "key"
    app.get("/")(lambda: "x")
    assert run(ask_loop("/", fields=[("cookie", "session=é")])).text == "x"
