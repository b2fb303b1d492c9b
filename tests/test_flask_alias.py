"""``import flask`` means Carboy once it has been asked for; each test is a process of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from ast import literal_eval
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


def on_both(code: str) -> tuple[str, str]:
    """What a program prints under the alias, and on Flask itself."""
    return run("import carboy; carboy.install_as_flask()\n" + dedent(code)), run(code)


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


def test_a_module_is_imported_in_every_form() -> None:
    run(
        """
        import carboy
        carboy.install_as_flask()

        def later():
            from flask.views import View
            return View

        import importlib, sys
        assert "flask" not in sys.modules
        import flask.json as j
        from flask import json
        from flask.json import dumps
        from flask import sansio
        from flask.sansio.app import App
        assert j is json is carboy.json is sys.modules["flask.json"]
        assert dumps is carboy.json.dumps
        assert App is carboy.app.App and sansio.app is carboy.app
        assert __import__("flask.json.tag") is sys.modules["flask"] is carboy
        assert __import__("flask.json.tag", fromlist=["x"]) is sys.modules["carboy.json.tag"]
        assert importlib.import_module(".config", "flask") is carboy.config
        assert later() is sys.modules["carboy.views"].View
        names = {}
        exec("from flask import *", names)
        assert names["Flask"] is carboy.Flask and names["render_template"]
        """
    )


#: What a star import brings here and not on Flask, and what Flask itself imports for its own use.
STAR_IMPORT = (
    {"ServerSentEvent", "event_stream", "install_as_flask", "websocket"},
    {"annotations", "t"},
)


def test_a_star_import_brings_what_it_brings_on_flask() -> None:
    ours, theirs = (
        set(names.split())
        for names in on_both(
            """
            import warnings
            warnings.simplefilter("error")
            names = {}
            exec("from flask import *", names)
            print(*names)
            """
        )
    )
    assert (ours - theirs, theirs - ours) == STAR_IMPORT


def test_a_module_is_looked_at_without_being_imported() -> None:
    run(
        """
        import carboy, importlib.util, pkgutil, sys
        carboy.install_as_flask()

        spec = importlib.util.find_spec("flask.json")
        assert spec.name == "flask.json" and spec.origin == carboy.json.__file__
        assert spec.loader.is_package("flask.json") and spec.submodule_search_locations
        assert "JSON" in spec.loader.get_source("flask.json")
        assert spec.loader.get_filename("flask.json") == spec.origin
        assert "flask.json" not in sys.modules

        import flask
        there = {module.name for module in pkgutil.iter_modules(flask.__path__, "flask.")}
        assert {"flask.json", "flask.views", "flask.cli"} <= there
        """
    )


def test_a_module_is_reloaded() -> None:
    run(
        """
        import carboy, importlib
        carboy.install_as_flask()
        import flask.json
        assert importlib.reload(flask.json) is flask.json is carboy.json
        assert importlib.reload(flask) is flask is carboy
        """
    )


def test_distributions_are_what_they_were() -> None:
    run(
        """
        import carboy
        from importlib.metadata import entry_points, files, version
        def known():
            return version("flask"), files("flask"), entry_points(), version("carboy")
        before = known()
        carboy.install_as_flask()
        import flask
        assert known() == before
        """
    )


def test_threads_import_it_at_once() -> None:
    run(
        f"""
        import carboy, importlib, sys, threading
        carboy.install_as_flask()
        sys.setswitchinterval(1e-6)
        modules = {FLASK_MODULES} * 2
        barrier, found = threading.Barrier(len(modules)), []

        def take(name):
            barrier.wait()
            from flask import Blueprint, Flask
            found.append((name, importlib.import_module(name)))

        threads = [threading.Thread(target=take, args=(name,)) for name in modules]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == len(modules)
        for name, module in found:
            assert module is sys.modules[name]
            assert module.__spec__.name == module.__name__ != name
        """
    )


def test_a_pickle_made_on_flask_is_read() -> None:
    code = """
        import pickle, flask, flask.json.tag, flask.views
        names = [
            flask.Flask, flask.url_for, flask.render_template, flask.request_started,
            flask.views.MethodView, flask.json.tag.TagTuple,
        ]
        answer = flask.Response("text", 201, {"X-A": "1"}, mimetype="text/plain")
        made = pickle.dumps((names, flask.Config("/", {"A": 1}), answer))
        """
    pickled = run(code + "print(made.hex())").strip()
    run(
        "import carboy; carboy.install_as_flask()\n"
        + dedent(code)
        + f"for made in made, bytes.fromhex({pickled!r}):\n"
        + "    again, config, answer = pickle.loads(made)\n"
        + "    assert [a is b or a.name == b.name for a, b in zip(again, names, strict=True)]\n"
        + "    assert type(config) is carboy.Config and config == {'A': 1}\n"
        + "    app = flask.Flask('a')\n"
        + "    app.add_url_rule('/', view_func=lambda: answer)\n"
        + "    got = app.test_client().get('/')\n"
        + "    assert (got.text, got.status_code, got.headers['X-A']) == ('text', 201, '1')\n"
    )


def test_type_hints_are_resolved_where_flask_resolves_them() -> None:
    code = f"""
        import importlib, inspect, typing

        def resolved():
            for module in map(importlib.import_module, ["flask", *{FLASK_MODULES}]):
                for name, value in list(vars(module).items()):
                    if name[0] == "_" or not issubclass(type(value), (type, type(resolved))):
                        continue  # A proxy must not be asked for anything.
                    if not value.__module__.startswith(("flask", "carboy")):
                        continue
                    members = [n for n in dir(value) if n[0] != "_"] * isinstance(value, type)
                    for path in name, *(f"{{name}}.{{member}}" for member in members):
                        thing = getattr(value, path.partition(".")[2], value)
                        # A property, a cached one.
                        thing = getattr(thing, "fget", getattr(thing, "func", thing))
                        if not isinstance(thing, type) and not inspect.isfunction(thing):
                            continue
                        try:
                            typing.get_type_hints(thing)
                            yield path, True
                        except (NameError, TypeError):
                            yield path, False

        print(dict(resolved()))
        """
    ours, theirs = map(literal_eval, on_both(code))
    both = {path for path in ours if theirs.get(path)}
    assert len(both) > 200
    assert [path for path in both if not ours[path]] == []


def test_hints_that_name_classes_of_jinja_and_of_later_modules() -> None:
    ours, theirs = on_both(
        """
        import flask, flask.sansio.blueprints, typing
        for function in (
            flask.Flask.create_jinja_environment,
            flask.Flask.create_global_jinja_loader,
            flask.Flask.jinja_env,
            flask.Flask.jinja_loader,
            flask.Flask.logger,
            flask.Blueprint.record,
        ):
            function = getattr(function, "fget", getattr(function, "func", function))
            for hint in typing.get_type_hints(function).values():
                print((typing.get_args(hint) or [hint])[0])
        """
    )
    ours = ours.replace("carboy.blueprints", "flask.sansio.blueprints").replace("carboy", "flask")
    assert ours == theirs


def test_what_introspection_says() -> None:
    run(
        """
        import carboy, inspect, sys, typing
        carboy.install_as_flask()
        import flask, flask.json.provider, flask.sessions, flask.views

        for thing in flask.Flask, flask.redirect, flask.views.View, flask.json.dumps:
            module = inspect.getmodule(thing)
            assert module is sys.modules[thing.__module__]
            assert inspect.getfile(thing) == module.__file__ == inspect.getfile(module)
            assert inspect.getsource(thing)
        hints = typing.get_type_hints(flask.json.provider.DefaultJSONProvider.dumps)
        assert hints["return"] is str
        assert isinstance(flask.Flask("a"), carboy.Flask)
        assert isinstance(carboy.Blueprint("a", "b"), flask.Blueprint)
        assert issubclass(flask.sessions.SecureCookieSession, carboy.sessions.SessionMixin)
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


@pytest.mark.parametrize(
    "statement",
    [
        "from flask import nothing",
        "from flask.helpers import nothing",
        "from flask.json import nothing",
        "import flask.nothing",
        "import flask.json.nothing",
        "import flask.sansio.nothing",
        "import flask.app.nothing",
        "from flask.nothing import something",
        "import importlib; importlib.import_module('flask.nothing')",
        "import importlib.util; print(importlib.util.find_spec('flask.nothing'))",
        "import importlib.util; importlib.util.find_spec('flask.app.nothing')",
    ],
)
def test_what_flask_does_not_have_is_the_same_error(statement: str) -> None:
    ours, theirs = on_both(
        f"""
        try:
            {statement}
        except Exception as error:
            print(type(error).__name__, error, error.name)
        """
    )
    # The module that was found says its own name and place.
    ours = re.sub(r"carboy(?=[.' \n])", "flask", ours)
    assert re.sub(r"\(/.*?\)", "(…)", ours) == re.sub(r"\(/.*?\)", "(…)", theirs)


@pytest.mark.parametrize(
    "statement",
    [
        "import flask",
        "from flask import Flask",
        "import flask.json.tag as tag",
        "import sys, flask.globals; del sys.modules['flask']",
        "import imports_flask",
    ],
)
def test_it_is_too_late_once_flask_itself_is_imported(statement: str, tmp_path: Path) -> None:
    (tmp_path / "imports_flask.py").write_text("from flask import request\n")
    output = run(
        f"""
        {statement}
        import carboy
        try:
            carboy.install_as_flask()
        except RuntimeError as error:
            print(error)
        import flask
        assert flask is not carboy
        """,
        folder=tmp_path,
    )
    assert re.match(r"The module 'flask(\.app)?' of Flask itself is already imported", output)
    assert f"{os.sep}flask{os.sep}" in output
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


@pytest.mark.parametrize("arguments", [["--version"], ["--app", "hello", "routes"], ["nothing"]])
def test_flask_is_run_as_a_module(arguments: list[str], tmp_path: Path) -> None:
    # As in an environment in which something brings the name at the start.
    (tmp_path / "sitecustomize.py").write_text("import carboy; carboy.install_as_flask()")
    (tmp_path / "hello.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    done, same = (
        subprocess.run(
            [sys.executable, "-m", name, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        for name in ("flask", "carboy")
    )
    assert done.returncode == same.returncode
    assert done.stdout == same.stdout
    assert done.stderr == same.stderr.replace("-m carboy", "-m flask")
    assert ("Carboy" in done.stdout) == (arguments == ["--version"])
