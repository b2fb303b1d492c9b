"""The console: what it evaluates and completes, and for how long."""

from __future__ import annotations

import gc
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from carboy import Flask
from carboy.debugger.console import MAX_AGE, MAX_KEPT, Store

from . import conftest
from .conftest import BROWSER, Console, Page


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("amount", "3\n"),
        ("fruit * amount", "'pearpearpear'\n"),
        ("[amount for _ in range(2)]", "[3, 3]\n"),
        ("(lambda: amount)()", "3\n"),
        ("MODULE_LEVEL", "'of the module'\n"),
        ("None", ""),
        ("", ""),
        ("x = amount + 1\nx", "4\n"),
        ("def double(n):\n    return n * 2\n\ndouble(amount)", "6\n"),
        ("for i in range(2):\n    print(i)\n", "0\n1\n"),
        ("import sys; _ = sys.stderr.write('error\\n')", "error\n"),
        ("request.path, request.args['a']", "('/shop/pear', 'b')\n"),
        ("import asyncio\nawait asyncio.sleep(0, 'slept')", "'slept'\n"),
        ("__name__", f"{conftest.__name__!r}\n"),
    ],
)
def test_evaluating(console: Console, source: str, output: str) -> None:
    assert console.evaluate(source) == output


def test_what_is_assigned_is_kept(console: Console) -> None:
    console.evaluate("amount = 10\nother = []")
    console.evaluate("other.append(amount)")
    assert console.evaluate("other") == "[10]\n"
    assert console.evaluate("_ * 2") == "[10, 10]\n"


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("nothing", "NameError: name 'nothing' is not defined"),
        ("(", "SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("x = \x00", "null bytes"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("'(' * 100000; eval(_)", "NameError"),
    ],
)
def test_errors_are_shown(console: Console, source: str, last: str) -> None:
    assert last in console.evaluate(source).splitlines()[-1]


def test_an_error_leaves_out_how_it_was_evaluated(console: Console) -> None:
    lines = console.evaluate("print('before')\n1 / 0").splitlines()
    assert lines[:2] == ["before", "Traceback (most recent call last):"]
    assert all("carboy" not in line for line in lines)


def test_output_has_an_end(console: Console) -> None:
    assert len(console.evaluate("print('x' * 10_000_000)")) < 30_000
    assert len(console.evaluate("list(range(10_000_000))")) < 30_000


def test_what_others_print_meanwhile_is_not_shown(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
import threading
thread = threading.Thread(target=print, args=("from elsewhere",))
thread.start(); thread.join()
print("from here")
"""
    assert console.evaluate(source) == "from here\n"
    assert "from elsewhere" in capsys.readouterr().out


def test_one_evaluation_at_a_time(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carboy.debugger.console._WAIT", 0.01)
    begun, release = threading.Event(), threading.Event()
    types_ = types.SimpleNamespace(begun=begun, release=release)
    monkeypatch.setitem(vars(conftest), "EVENTS", types_)
    source = "EVENTS.begun.set(); EVENTS.release.wait(60)"
    waiting = threading.Thread(target=console.evaluate, args=(source,))
    waiting.start()
    begun.wait(60)
    assert "Another evaluation has not ended yet" in console.evaluate("1")
    release.set()
    waiting.join()
    assert console.evaluate("1") == "1\n"


def test_completing(console: Console) -> None:
    def names(text: str) -> list[str]:
        return console.ask(text, "complete").json["names"]  # type: ignore[index, no-any-return]

    assert names("amo") == ["amount"]
    assert "MODULE_LEVEL" in names("MOD")
    assert names("fruit.startsw") == ["fruit.startswith"]
    assert names("nothing.at") == []
    for refused in ("print(1).x", "fruit[0].", "a b", "__import__('os')."):
        assert names(refused) == []


class Clock:
    """A clock that is set by hand, and the timers that go by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def __call__(self) -> float:
        return self.now

    def timer(self, seconds: float, function: Callable[[], None]) -> Any:
        self.timers.append(Timer(self.now + seconds, function))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        """Let time go by, and what is to happen then happen."""
        self.now += seconds
        for timer in [timer for timer in self.timers if timer.at <= self.now]:
            self.timers.remove(timer)
            if not timer.is_cancelled:
                timer.function()


class Timer:
    daemon = False
    is_started = is_cancelled = False

    def __init__(self, at: float, function: Callable[[], None]) -> None:
        self.at = at
        self.function = function

    def start(self) -> None:
        # A process can end without waiting for it.
        assert self.daemon
        self.is_started = True

    def cancel(self) -> None:
        self.is_cancelled = True


def test_of_many_failures_the_last_are_kept() -> None:
    store = Store()
    kept = [store.keep([], None) for _ in range(MAX_KEPT + 2)]
    assert len(store) == MAX_KEPT
    assert store.find(kept[0].id) is None and store.find(kept[-1].id) is kept[-1]
    store.clear()


def test_frames_are_dropped_in_time_though_nobody_asks() -> None:
    clock = Clock()
    store = Store(clock, clock.timer)
    first = store.keep([], None)
    assert [timer.is_started for timer in clock.timers] == [True]
    clock.advance(MAX_AGE / 2)
    second = store.keep([], None)
    assert len(clock.timers) == 1
    clock.advance(MAX_AGE / 2)
    assert len(store) == 1 and store.find(first.id) is None
    assert store.find(second.id) is second
    clock.advance(MAX_AGE / 2)
    assert len(store) == 0 and clock.timers == []
    store.keep([], None)
    assert len(clock.timers) == 1


def test_no_timer_runs_for_what_is_gone() -> None:
    clock = Clock()
    store = Store(clock, clock.timer)
    store.keep([], None)
    store.clear()
    assert clock.timers[0].is_cancelled
    store.keep([], None)
    gone = weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None and clock.timers[1].is_cancelled
    clock.timers[1].function()


def test_a_timer_is_a_thread_that_nothing_waits_for() -> None:
    store = Store()
    store.keep([], None)
    timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
    assert timers and all(timer.daemon for timer in timers)
    store.clear()
    for timer in timers:
        timer.join(60)
        assert not timer.is_alive()


class Customer:
    """What a frame holds."""


@pytest.mark.parametrize("accept", [BROWSER, "application/json", "*/*"])
def test_what_dropped_frames_held_is_gone(
    app: Flask, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    @app.get("/")
    def index() -> str:
        customer = Customer()
        held.append(weakref.ref(customer))
        raise ValueError

    # What is logged keeps the exception for the test.
    monkeypatch.setattr(app.logger, "disabled", True)
    app.test_client().get("/", headers={"Accept": accept})
    gc.collect()
    assert app._debugger is not None
    # Frames are kept only for pages.
    assert (held[0]() is not None) == (accept == BROWSER) == bool(len(app._debugger.store))
    app._debugger.store.clear()
    gc.collect()
    assert held[0]() is None


def test_a_frame_that_was_dropped(app: Flask, console: Console) -> None:
    assert app._debugger is not None
    app._debugger.store.clear()
    response = console.ask("1")
    assert response.status_code == 410 and "no longer there" in response.text


def test_nothing_is_evaluated_after_the_frames_were_dropped(console: Console) -> None:
    debugger = console.app._debugger
    assert debugger is not None
    debugger.store = Store(lambda: 0.0)
    source = "import builtins; builtins.attacked = True"
    assert console.ask(source).status_code == 410
    assert not hasattr(__import__("builtins"), "attacked")


def test_standard_error_is_shown_and_that_of_others_is_not(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
import sys, threading
thread = threading.Thread(target=lambda: print("from elsewhere", file=sys.stderr))
thread.start(); thread.join()
print("one")
print("two", file=sys.stderr)
print("three", file=sys.stdout)
"""
    assert console.evaluate(source) == "one\ntwo\nthree\n"
    printed = capsys.readouterr()
    assert "from elsewhere" in printed.err and "from elsewhere" not in printed.out


def test_the_request_can_be_named_where_nobody_has_imported_it(
    app: Flask,
) -> None:
    program: dict[str, Any] = {"app": app, "__name__": "a_program"}
    exec("@app.get('/bare/<int:number>')\ndef bare(number): return 1 / 0", program)
    shown = Page(app.test_client().get("/bare/3?a=b", headers={"Accept": BROWSER}))
    bare = Console(app, shown, shown.number("bare"))
    assert bare.evaluate("request.path, number, current_app.name, '__file__' in dir()") == (
        f"('/bare/3', 3, {app.name!r}, False)\n"
    )
    assert bare.ask("reques", "complete").json == {"names": ["request"]}
    assert bare.evaluate("request = 5\nrequest") == "5\n"
