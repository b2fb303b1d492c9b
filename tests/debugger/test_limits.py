"""What cannot be shown: values, messages, sources and chains that are broken or have no end."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import json
import os
import re
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from carboy import Flask
from carboy.debugger.failures import examine, place_of
from carboy.debugger.plain import as_text

from .conftest import BROWSER, Pages, fail_with


class Broken:
    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    def __repr__(self) -> str:
        raise self.failure


def test_values_that_cannot_be_shown(app: Flask, page: Pages) -> None:
    waiting = threading.Event()

    class Endless:
        def __repr__(self) -> str:
            waiting.wait(60)
            return "at last"

    class NoText:
        def __repr__(self) -> str:
            return 3  # type: ignore[return-value]

    @app.get("/")
    def index() -> str:
        ring: list[object] = []
        ring.append(ring)
        nested: list[object] = []
        for _ in range(10_000):
            nested = [nested]
        broken, leaving = Broken(LookupError()), Broken(SystemExit())
        endless, endless_too, no_text = Endless(), Endless(), NoText()
        huge = list(range(10_000_000))
        text = "x" * 10_000_000
        mapping = dict.fromkeys(range(1_000_000))
        number = 10**100_000
        after = "the last one"
        raise ValueError("still shown")

    begun = monotonic()
    shown = page()
    waiting.set()
    assert monotonic() - begun < 10
    assert "still shown" in shown.text and "the last one" in shown.text
    assert "cannot be shown: LookupError" in shown.text
    assert "cannot be shown: SystemExit" in shown.text
    assert "took too long" in shown.text
    assert "(10,000,000 items in all)" in shown.text
    assert "(10,000,000 characters in all)" in shown.text
    assert "an integer of 332,193 bits" in shown.text
    assert len(shown.html) < 200_000


class Exotic(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


class Numeric(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class OddNotes(Exception):
    __notes__ = "abc"


@pytest.mark.parametrize(
    "error",
    [
        Exotic(),
        Numeric(),
        OddNotes(),
        ValueError("\ud800 \x00 \u202e </script><script>alert(1)</script> ]]>"),
        ValueError("x" * 5_000_000),
        KeyError(Broken(ValueError())),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "wrong"),
        ExceptionGroup("many", [ValueError(n) for n in range(10_000)]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("accept", [BROWSER, "application/json", "*/*"])
def test_exceptions_of_all_kinds_are_shown(app: Flask, error: Exception, accept: str) -> None:
    fail_with(app, error)
    response = app.test_client().get("/", headers={"Accept": accept})
    assert response.status_code == 500
    assert type(error).__name__ in response.text
    assert "<script>alert" not in response.text or accept != BROWSER
    assert len(response.data) < 400_000


def test_recursion_without_end(app: Flask, page: Pages) -> None:
    def one() -> None:
        two()

    def two() -> None:
        one()

    app.get("/")(lambda: one())
    shown = page()
    assert re.search(r"\d+ frames are left out", shown.text)
    assert "maximum recursion depth exceeded" in shown.text
    assert len(shown.html) < 400_000
    assert "frames are left out" in shown.data["text"]


def test_chains_in_a_circle_and_without_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert as_text(examine(first, "/").failure).count("ValueError: ") == 2
    last = ValueError("0")
    for number in range(5000):
        last, last.__context__ = ValueError(str(number)), last
    assert as_text(examine(last, "/").failure).count("ValueError: ") < 100


def run_file(file: Path, source: bytes) -> Exception:
    """The exception that a source raises, as a program of that file."""
    file.write_bytes(source)
    try:
        exec(compile(source, str(file), "exec"), {"__name__": "program"})
    except Exception as e:
        return e
    raise AssertionError


def test_a_source_that_is_not_utf_8(tmp_path: Path) -> None:
    source = "# coding: latin-1\ngrüße = 'schön'; grüße / 0\n".encode("latin-1")
    frame = examine(run_file(tmp_path / "latin.py", source), "/").failure.frames[-1]
    line = frame.line  # type: ignore[union-attr]
    assert line is not None and line.mark is not None
    assert line.text[slice(*line.mark)] == "grüße / 0"


def test_a_source_that_is_gone_or_no_text(app: Flask, page: Pages, tmp_path: Path) -> None:
    file = tmp_path / "gone.py"
    error = run_file(file, b"1 / 0\n")
    file.write_bytes(b"\xff\xfe\x00" * 100)
    fail_with(app, error)
    assert "The source is not available." in page().text
    file.unlink()
    assert "The source is not available." in page().text


def test_a_line_without_end_is_shown_where_it_matters(tmp_path: Path) -> None:
    source = b"x = [" + b"0, " * 100_000 + b"1 / 0, " + b"0, " * 100_000 + b"]\n"
    frame = examine(run_file(tmp_path / "long.py", source), "/").failure.frames[-1]
    line = frame.line  # type: ignore[union-attr]
    assert line is not None and line.mark is not None
    assert line.text[slice(*line.mark)] == "1 / 0" and len(line.text) <= 300


def test_an_expression_over_several_lines(tmp_path: Path) -> None:
    source = b"def f(*a):\n    raise ValueError\nif 1:\n    (f(1,\n       2)\n     + 3)\n"
    frame = examine(run_file(tmp_path / "lines.py", source), "/").failure.frames[-2]
    marks = [line.text[slice(*line.mark)] for line in frame.lines if line.mark]  # type: ignore[union-attr]
    assert marks == ["f(1,", "2)"]


def test_a_page_that_cannot_be_made_is_an_answer_all_the_same(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("carboy.debugger.installed.render", lambda *args: 1 / 0)
    fail_with(app, ValueError("first"))
    response = app.test_client().get("/", headers={"Accept": BROWSER})
    assert response.status_code == 500 and response.mimetype == "text/plain"
    assert "ZeroDivisionError" in caplog.text and "ValueError: first" in caplog.text


@pytest.mark.parametrize(
    ("file", "root", "place"),
    [
        ("/home/ada/shop/views.py", "/home/ada/shop", "own"),
        ("/home/ada/lib.py", "/home/ada/shop", "own"),
        ("<string>", "/home/ada/shop", "own"),
        ("<frozen importlib._bootstrap>", "/home/ada/shop", "library"),
        ("/home/ada/shop/.venv/lib/python3/site-packages/x/y.py", "/home/ada/shop", "library"),
        ("/usr/lib/python3/site-packages/shop/y.py", "/usr/lib/python3/site-packages/shop", "own"),
        (json.__file__, "/", "library"),
        (sys.modules["carboy.pipeline"].__file__, "/home/ada/shop", "library"),
    ],
)
def test_whose_a_file_is(file: str, root: str, place: str) -> None:
    assert place_of(file.replace("/", os.sep), root.replace("/", os.sep)) == place
