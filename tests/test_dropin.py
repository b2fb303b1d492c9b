"""The drop-in in a fresh environment: both wheels are built, installed and used.

It needs a package index, as installing the tests did.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from carboy._version import FLASK_VERSION
from programs.conftest import starting
from test_parity import MODULES

ROOT = Path(__file__).parent.parent
VERSION = f"{FLASK_VERSION}+carboy"

HELLO = """
from flask import Flask, url_for
import flask.json as json
from flask.cli import FlaskGroup

app = Flask(__name__)

@app.get("/")
def index():
    return {"module": Flask.__module__, "here": url_for("index")}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with both wheels, and nothing from the checkout on its path."""
    folder = tmp_path_factory.mktemp("dropin")
    venv.create(folder / "env", symlinks=os.name != "nt")
    _pip("wheel", "--no-deps", "--wheel-dir", folder / "wheels", ROOT, ROOT / "dropin")
    wheels = sorted((folder / "wheels").iterdir())
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["carboy", "flask"]
    _pip("--python", _command(folder, "python"), "install", *wheels)
    (folder / "hello.py").write_text(HELLO)
    return folder


def _command(folder: Path, name: str) -> str:
    return str(folder / "env" / ("Scripts" if os.name == "nt" else "bin") / name)


def _pip(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def run(environment: Path) -> Run:
    """Run a command of the environment in its folder."""

    def run(command: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_command(environment, command), *arguments],
            cwd=environment,
            env={k: v for k, v in os.environ.items() if k[:5] not in {"FLASK", "PYTHO"}}
            | variables,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_a_program_imports_flask(run: Run) -> None:
    done = run(
        "python",
        "-W",
        "error",
        "-c",
        "from flask import Flask; import flask, flask.views, carboy, hello; assert flask is carboy;"
        "print(carboy.__file__); print(hello.app.test_client().get('/').text.strip())",
    )
    assert done.returncode == 0, done.stderr
    place, answer = done.stdout.strip().split("\n")
    assert "site-packages" in place
    assert answer == '{"here":"/","module":"carboy.app"}'


def test_the_distribution_answers_for_flask(run: Run) -> None:
    code = "from importlib.metadata import *; print(version('flask'), requires('flask'))"
    assert run("python", "-c", code).stdout.startswith(f"{VERSION} ['carboy'")


@pytest.mark.parametrize("command", [["flask"], ["python", "-m", "flask"], ["carboy"]])
def test_its_command_serves(environment: Path, command: list[str]) -> None:
    with starting() as start:
        first = _command(environment, command[0])
        program = start(first, *command[1:], "--app", "hello", "run", folder=environment)
        assert program.get("/").text == '{"here":"/","module":"carboy.app"}\n'


def test_its_module_is_the_command_line(run: Run) -> None:
    done = run("python", "-m", "flask", "--app", "hello", "routes")
    assert done.returncode == 0, done.stderr
    assert done.stdout == run("flask", "--app", "hello", "routes").stdout
    assert "index     GET      /" in done.stdout
    assert "Usage: python -m flask [OPTIONS]" in run("python", "-m", "flask", "--help").stdout


def test_a_type_checker_finds_every_module(environment: Path) -> None:
    pytest.importorskip("mypy")
    program = environment / "typed.py"
    lines = [
        "import flask",
        *(f"import {module} as m{number}" for number, module in enumerate(MODULES)),
        "from flask.ctx import _AppCtxGlobals",
        "app = flask.Flask(__name__)",
        "@app.get('/')",
        "def index() -> flask.Response:",
        "    return flask.jsonify(flask.request.args['a'])",
        "reveal_type(index())",
        "reveal_type(app.jinja_env)",
        "reveal_type(app.test_client())",
        "app.nothing",
    ]
    program.write_text("\n".join(lines))
    options = ("--strict", "--no-error-summary", "--cache-dir", os.devnull)
    python = ("--python-executable", _command(environment, "python"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *python, program.name],
        cwd=environment,
        env={k: v for k, v in os.environ.items() if k != "MYPYPATH"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert said == [
        'note: Revealed type is "carboy.wrappers.response.Response"',
        'note: Revealed type is "carboy.templating.Environment"',
        'note: Revealed type is "carboy.testing.FlaskClient"',
        'error: "Flask" has no attribute "nothing"  [attr-defined]',
    ], done.stderr


def test_extensions_find_their_requirement_met(environment: Path, run: Run) -> None:
    python = _command(environment, "python")
    output = _pip("--python", python, "install", "--dry-run", "flask-login", "flask[async]>=3.1.3")
    would = next(line for line in output.splitlines() if line.startswith("Would install"))
    assert would.lower().startswith("would install flask-login-") and would.count("-") == 2, would
    assert _pip("--python", python, "check") == "No broken requirements found.\n"


def test_threads_import_it_at_once(run: Run) -> None:
    done = run(
        "python",
        "-c",
        "import sys, threading; sys.setswitchinterval(1e-6)\n"
        "barrier, found = threading.Barrier(8), []\n"
        "def take():\n"
        "    barrier.wait()\n"
        "    from flask import Flask, request\n"
        "    found.append(Flask)\n"
        "threads = [threading.Thread(target=take) for _ in range(8)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "import flask; assert found == [flask.Flask] * 8, found\n",
    )
    assert done.returncode == 0, done.stderr


def test_flask_itself_beside_it_is_noticed(environment: Path, run: Run) -> None:
    beside = environment / "beside"
    _pip("install", "--no-deps", "--target", beside, f"flask=={FLASK_VERSION}")
    code = f"import sys; sys.path.append({str(beside)!r}); import flask; print(flask.__name__)"
    done = run("python", "-c", code)
    assert done.stdout == "carboy\n"
    assert "RuntimeWarning: Both Carboy's drop-in and Flask itself are installed" in done.stderr
    assert str(beside / "flask") in done.stderr
    # A folder that is on the path twice is no second Flask.
    code = "import sys; sys.path += sys.path; import flask"
    assert run("python", "-W", "error", "-c", code).returncode == 0


def test_and_back(environment: Path, run: Run) -> None:
    install = ["--python", _command(environment, "python"), "install", "--force-reinstall"]
    _pip(*install, "flask")
    try:
        version = run("flask", "--version").stdout
        assert "Flask 3." in version and "Carboy" not in version
        assert run("python", "-c", "import flask, carboy; assert flask is not carboy").stderr == ""
        # Carboy is still there for those who ask for it.
        assert run("carboy", "--app", "hello", "routes").returncode == 0
    finally:
        _pip(*install, "--no-deps", *(environment / "wheels").glob("flask-*"))
