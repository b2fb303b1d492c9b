"""``python -m carboy`` beside ``python``: the same programs, and what both do."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "show.py": """
import sys
from flask import Flask
import neighbour

main = sys.modules["__main__"]
assert main.__dict__ is globals()
print(__name__, __doc__, __package__, __spec__ and __spec__.name, type(__loader__).__name__)
print(globals().get("__file__"), globals().get("__cached__"), type(__builtins__).__name__)
print(sys.argv, sys.path[0], Flask(__name__).name, neighbour.name)
""",
    "neighbour.py": "name = __name__",
    "package/__init__.py": "",
    "package/__main__.py": "from . import inner; print(__package__, inner.Flask.__name__)",
    "package/inner.py": "from flask import Flask; import sys; print(sys.argv)",
    "package/fails.py": "from . import nothing",
    "fails.py": """
def divide(by):
    return 1 / by

try:
    divide(0)
except ZeroDivisionError as error:
    raise ValueError("not by zero") from error
""",
    "syntax.py": "print('never')\ndef broken(:\n    pass\n",
    "leaves.py": "import sys; sys.exit('with a message')",
    "status.py": "import sys; sys.exit(7)",
    "interrupted.py": "raise KeyboardInterrupt",
    "hook.py": """
import sys
sys.excepthook = lambda kind, error, frames: print(kind, frames.tb_frame.f_code.co_filename)
1 / 0
""",
    "outlived.py": """
import atexit, pickle, sys

class Thing:
    pass

atexit.register(lambda: print(type(pickle.loads(pickle.dumps(Thing()))) is Thing, sys.argv))
""",
    "latin.py": "# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))",
    "future.py": "def f(x: int): pass\nprint(f.__annotations__)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="latin-1")
    return folder


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["show.py", "--an", "argument"],
        ["./show.py", "-m"],
        ["-m", "show", "-c", "x"],
        ["-c", FILES["show.py"], "an", "argument"],
        ["-m", "package", "--help"],
        ["-m", "package.inner", "x"],
        ["-m", "package.fails"],
        ["fails.py"],
        ["-m", "fails"],
        ["syntax.py"],
        ["-c", "def broken(:"],
        ["leaves.py"],
        ["status.py"],
        ["interrupted.py"],
        ["hook.py"],
        ["outlived.py", "x"],
        ["latin.py"],
        ["future.py"],
        ["nothing.py"],
        ["./nothing"],
        ["-m", "nothing"],
        ["-m", "package.nothing.at_all"],
        ["-m", "json"],
        ["-m", "show.py"],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
def test_a_program_runs_as_python_runs_it(folder: Path, arguments: list[str]) -> None:
    ours, theirs = python(folder, "-m", "carboy", *arguments), python(folder, *arguments)
    assert ours.stdout == theirs.stdout
    assert ours.stderr == theirs.stderr
    assert ours.returncode == theirs.returncode


def test_an_interrupted_program_ends_by_the_signal(folder: Path) -> None:
    assert python(folder, "-m", "carboy", "interrupted.py").returncode == -signal.SIGINT


def test_isolated_programs_do_not_see_their_folder(folder: Path) -> None:
    done = python(folder, "-P", "-m", "carboy", "show.py")
    assert "No module named 'neighbour'" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["{folder}/which.py"],
        ["-m", "which"],
        ["-c", "import flask; print(flask.Flask.__module__)"],
    ],
    ids=["file", "module", "code"],
)
def test_flask_means_carboy_in_a_program(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "which.py").write_text("import flask; print(flask.Flask.__module__)")
    arguments = [argument.format(folder=tmp_path) for argument in arguments]
    assert python(tmp_path, "-m", "carboy", *arguments).stdout == "carboy.app\n"


@pytest.mark.parametrize("option", ["-c", "-m"])
def test_an_option_without_a_program(folder: Path, option: str) -> None:
    done = python(folder, "-m", "carboy", option)
    assert done.returncode == 2
    assert done.stderr == f"Argument expected for the {option} option\n"


def test_what_is_no_program_is_a_command(folder: Path) -> None:
    done = python(folder, "-m", "carboy", "nothing")
    assert done.returncode == 2
    assert "Usage: python -m carboy" in done.stderr
    assert "No such command 'nothing'" in done.stderr


@pytest.mark.parametrize("options", [["--app=./shop/hello.py"], ["-Ashop/hello.py"]])
def test_an_option_that_holds_a_file_is_an_option(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/hello.py").write_text("from flask import Flask\napp = Flask(__name__)")
    done = python(tmp_path, "-m", "carboy", *options, "routes")
    assert "/static/<path:filename>" in done.stdout
