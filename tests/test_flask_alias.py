"""``import flask`` means Carboy once it has been asked for; each test is a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import carboy.flask_alias


def run(code: str, *options: str, folder: Path | None = None) -> str:
    """What a program prints. It fails the test by failing an assertion of its own."""
    done = subprocess.run(
        [sys.executable, *options, "-c", dedent(code)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_of_flask_is_carboys_own() -> None:
    run(
        """
        import importlib, pkgutil, sys, carboy
        carboy.install_as_flask()

        import flask
        assert flask is carboy

        from flask.json.provider import JSONProvider
        import carboy.json.provider
        assert JSONProvider is carboy.json.provider.JSONProvider

        import flask.json as json
        assert json is carboy.json
        assert importlib.import_module("flask.sessions") is sys.modules["carboy.sessions"]

        for module in pkgutil.walk_packages(carboy.__path__, "carboy."):
            if not module.name.endswith("__main__"):
                own = importlib.import_module(module.name)
                name = module.name.replace("carboy", "flask", 1)
                assert importlib.import_module(name) is own is sys.modules[name]
        """
    )


FLASK_MODULES = [
    "flask.app",
    "flask.blueprints",
    "flask.cli",
    "flask.config",
    "flask.ctx",
    "flask.globals",
    "flask.helpers",
    "flask.json",
    "flask.json.provider",
    "flask.json.tag",
    "flask.logging",
    "flask.sansio.app",
    "flask.sansio.blueprints",
    "flask.sansio.scaffold",
    "flask.sessions",
    "flask.signals",
    "flask.templating",
    "flask.testing",
    "flask.typing",
    "flask.views",
    "flask.wrappers",
]


@pytest.mark.parametrize("name", FLASK_MODULES)
def test_carboy_has_a_module_for_each_of_flask(name: str) -> None:
    stand_in = carboy.flask_alias.carboy_name(name)
    assert stand_in is not None
    assert importlib.util.find_spec(stand_in) is not None


def test_a_module_keeps_its_own_name_and_spec() -> None:
    run(
        """
        import carboy, sys
        carboy.install_as_flask()
        import flask.json.tag, flask.globals, flask.sansio.app

        for name, module in list(sys.modules.items()):
            if name.split(".")[0] == "carboy":
                assert module.__spec__.name == module.__name__ == name, name
                assert module.__loader__ is module.__spec__.loader
                assert module.__spec__.origin == module.__file__
        import importlib.resources
        assert importlib.resources.files("flask") == importlib.resources.files("carboy")
        """
    )


def test_installing_it_again_changes_nothing() -> None:
    run(
        """
        import carboy, sys
        carboy.install_as_flask()
        finders = list(sys.meta_path)
        import flask
        carboy.install_as_flask()
        assert sys.meta_path == finders
        """
    )


def test_the_names_of_other_packages_are_left_alone() -> None:
    assert carboy.flask_alias.carboy_name("flask_sqlalchemy") is None
    assert carboy.flask_alias.carboy_name("flask_login.utils") is None
    assert carboy.flask_alias.carboy_name("my.flask") is None
    assert carboy.flask_alias.carboy_name("flask") == "carboy"


def test_a_module_that_flask_does_not_have() -> None:
    run(
        """
        import carboy, importlib.util
        carboy.install_as_flask()
        assert importlib.util.find_spec("flask.nothing") is None
        try:
            import flask.nothing
        except ModuleNotFoundError as error:
            assert error.name == "flask.nothing"
            assert str(error) == "No module named 'flask.nothing'"
        else:
            raise AssertionError
        """
    )


def test_it_is_too_late_once_flask_itself_is_imported() -> None:
    output = run(
        """
        import flask, carboy
        try:
            carboy.install_as_flask()
        except RuntimeError as error:
            print(error)
        assert flask is not carboy
        """
    )
    assert "of Flask itself is already imported" in output
    assert "before the first import of flask" in output
    assert "'python -m carboy program.py'" in output


def test_flask_need_not_be_installed() -> None:
    run(
        """
        import sys

        class NoFlask:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name.split(".")[0] == "flask":
                    raise AssertionError("looked for Flask itself")

        sys.meta_path.insert(0, NoFlask)
        import carboy
        carboy.install_as_flask()
        from flask.views import MethodView
        import flask
        assert flask is carboy
        """
    )


def test_a_script_runs_with_flask_meaning_carboy(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("import flask\nname = flask.Flask.__module__\n")
    (tmp_path / "script.py").write_text(
        "import sys, neighbour\n"
        "from flask import Flask\n"
        "app = Flask(__name__)\n"
        "print(__name__, sys.argv, neighbour.name, app.name)\n"
        "raise SystemExit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "carboy", str(tmp_path / "script.py"), "--an", "argument"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    argv = [str(tmp_path / "script.py"), "--an", "argument"]
    assert done.stdout == f"__main__ {argv} carboy.app script\n"
    assert done.returncode == 3


def test_what_is_not_a_script_is_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "carboy", "missing.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "Usage: python -m carboy" in done.stderr
    assert "No such command 'missing.py'" in done.stderr
