"""The ``carboy`` command, beside Flask's: the same programs, the same arguments, both answers."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import click
import flask
import flask.cli
import pytest
from click.testing import CliRunner, Result

import carboy
import carboy.cli
from carboy import server
from carboy.cli import NoAppException, ScriptInfo
from carboy.server import Settings

HELLO = """
from flask import Flask
app = Flask(__name__)

@app.route("/")
def index():
    return "Hello"
"""

FACTORIES = """
from flask import Flask

def create_app(name):
    return Flask(name)

def defaults(first="1", *, second=2):
    app = Flask(__name__)
    app.add_url_rule(f"/{first}/{second}", "made")
    return app

def nothing():
    return None

def breaks():
    raise TypeError("inside the factory")

number = 5
"""


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A command changes its process; the next test must not see it."""
    environment, path, modules = dict(os.environ), list(sys.path), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("FLASK_"):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


class Project:
    """A folder with files, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, text: str = "") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).replace("flask", "carboy"), encoding="utf-8")

    def run(self, *args: str, input: str = "", **environment: str) -> Result:
        """Run ``carboy`` in this process."""
        return self._run(carboy.cli.cli, "carboy", args, input, environment)

    def run_on_flask(self, *args: str, input: str = "", **environment: str) -> Result:
        """Run ``flask`` on the same files, in which ``flask`` is imported instead."""
        files = {
            path: path.read_text()
            for path in self.folder.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        try:
            for path, text in files.items():
                path.write_text(text.replace("carboy", "flask"))
            # Flask leaves an application context behind when it shows the help.
            return copy_context().run(self._run, flask.cli.cli, "flask", args, input, environment)
        finally:
            for path, text in files.items():
                path.write_text(text)

    def _run(
        self,
        command: click.Command,
        name: str,
        args: tuple[str, ...],
        input: str,
        environment: dict[str, str],
    ) -> Result:
        before = set(sys.modules), dict(os.environ), list(sys.path)
        sys.dont_write_bytecode, bytecode = True, sys.dont_write_bytecode
        try:
            return CliRunner().invoke(
                command, args, input, {**os.environ, **environment}, prog_name=name
            )
        finally:
            sys.dont_write_bytecode = bytecode
            modules, environ, path = before
            for module in set(sys.modules) - modules:
                if self._is_ours(sys.modules[module]):
                    del sys.modules[module]
            os.environ.clear()
            os.environ.update(environ)
            sys.path[:] = path

    def _is_ours(self, module: ModuleType) -> bool:
        return str(getattr(module, "__file__", None) or "").startswith(str(self.folder))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def same(one: Result, other: Result) -> None:
    """Assert that both commands did and said the same, but for their own names."""
    assert plain(one.output) == plain(other.output)
    assert one.exit_code == other.exit_code


def plain(output: str) -> str:
    names = re.sub(r"(?i)carboy|flask", "X", output)
    # The one command that Flask has not.
    shared = re.sub(r"^(  serve .*|plain,serve)\n", "", names, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in shared.splitlines())


def without_details(output: str) -> str:
    """Leave out what is said in addition, about where was looked."""
    found = r" \((There is no such module in .*?import path\.|'[^']*')\)(?=\.?$)"
    return re.sub(found, "", output, flags=re.DOTALL | re.MULTILINE)


# The public names


@pytest.mark.parametrize("name", carboy.cli.__all__)
def test_public_names_have_the_signatures_of_flask(name: str) -> None:
    ours, theirs = getattr(carboy.cli, name), getattr(flask.cli, name)

    def shape(value: object) -> list[tuple[str, object, object]]:
        if not callable(value):
            return []
        parameters = inspect.signature(value).parameters.values()
        return [(each.name, each.kind, each.default) for each in parameters]

    assert shape(ours) == shape(theirs)


def test_click_is_found_where_programs_also_import_it_from() -> None:
    from carboy.cli import click

    assert click is sys.modules["click"]


def test_importing_carboy_imports_neither_click_nor_granian() -> None:
    code = "import carboy, sys; print({'click', 'granian', 'jinja2'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_the_command_line_does_not_import_granian() -> None:
    code = "import carboy.cli, sys; print({'granian', 'asyncio'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


# Finding the application

FOUND = [
    ("hello.py", HELLO, "hello"),
    ("hello.py", HELLO, "hello.py"),
    ("hello.py", HELLO, "./hello.py"),
    ("hello.py", HELLO, "hello:app"),
    ("hello.py", HELLO, "hello:app()"),
    ("hello.py", HELLO.replace("app", "application"), "hello"),
    ("hello.py", HELLO.replace("app", "site"), "hello"),
    ("app.py", HELLO, None),
    ("wsgi.py", HELLO, None),
    ("package/__init__.py", HELLO, "package"),
    ("package/module.py", HELLO, "package/module.py"),
    ("factory.py", "from flask import Flask\ndef create_app(): return Flask('a')", "factory"),
    ("factory.py", "from flask import Flask\ndef make_app(): return Flask('a')", "factory"),
    ("factory.py", FACTORIES, "factory:create_app('name')"),
    ("factory.py", FACTORIES, "factory:defaults"),
    ("factory.py", FACTORIES, "factory: defaults ( ) "),
    ("factory.py", FACTORIES, "factory:defaults('x', second=['y', 1])"),
    ("factory.py", FACTORIES, "factory:create_app(name='a:b')"),
    ("factory.py", "import flask\nmake = lambda: flask.Flask('a')", "factory:make"),
    ("factory.py", "from flask import Flask\ncreate_app = Flask('a')", "factory"),
    ("factory.py", "from flask import Flask\ncreate_app = Flask('a')", "factory:create_app"),
    ("shop.py", HELLO.replace("app", "shop") + "\napp = 'no application'", "shop.py"),
    ("a folder/hello.py", HELLO, "a folder/hello.py"),
    ("folder/deep/hello.py", HELLO, "folder.deep.hello"),
    ("folder/deep/hello.py", HELLO, "folder/deep/hello"),
]


@pytest.mark.parametrize(("file", "text", "app"), FOUND)
def test_an_application_is_found_as_flask_finds_it(
    project: Project, file: str, text: str, app: str | None
) -> None:
    project.file(file, text)
    arguments = ("routes",) if app is None else ("--app", app, "routes")
    result = project.run(*arguments)
    assert result.exit_code == 0, result.output
    assert "/static/<path:filename>" in result.output
    same(result, project.run_on_flask(*arguments))


def test_a_package_inside_packages_is_imported_by_its_full_name(project: Project) -> None:
    project.file("outer/__init__.py")
    project.file("outer/inner/__init__.py", HELLO)
    for path in ("outer.inner", "outer/inner", "outer/inner/__init__.py"):
        assert project.run("--app", path, "routes").exit_code == 0
    assert carboy.cli.prepare_import("outer/inner") == "outer.inner"
    assert sys.path[0] == str(project.folder)


def test_the_application_may_be_given_in_the_environment(project: Project) -> None:
    project.file("hello.py", HELLO)
    assert project.run("routes", FLASK_APP="hello.py").exit_code == 0


NOT_FOUND = [
    ("hello.py", HELLO, "hello:nothing"),
    ("hello.py", HELLO, "hello:nothing()"),
    ("hello.py", HELLO, "hello:index('argument')"),
    ("hello.py", HELLO, "hello:"),
    ("hello.py", HELLO, "hello:a b"),
    ("hello.py", HELLO, "hello:1"),
    ("hello.py", HELLO, "hello:app.name"),
    ("hello.py", HELLO, "hello:app.run()"),
    ("hello.py", HELLO, "other"),
    ("hello.py", HELLO, "other.py"),
    ("hello.py", HELLO, "package.other"),
    ("hello.py", HELLO, None),
    ("hello.py", HELLO, ""),
    ("empty.py", "", "empty"),
    ("two.py", "from flask import Flask\na = Flask('a'); b = Flask('b')", "two"),
    ("factory.py", FACTORIES, "factory"),
    ("factory.py", FACTORIES, "factory:create_app"),
    ("factory.py", FACTORIES, "factory:create_app('a', 'b')"),
    ("factory.py", FACTORIES, "factory:create_app(name)"),
    ("factory.py", FACTORIES, "factory:nothing"),
    ("factory.py", FACTORIES, "factory:number"),
    ("factory.py", "def create_app(): return 5", "factory"),
    ("factory.py", FACTORIES, "factory:create_app(*['a'])"),
    ("factory.py", FACTORIES, "factory:create_app('a')('b')"),
    ("factory.py", FACTORIES, "factory:create_app('a',"),
    ("factory.py", FACTORIES, "factory:create_app(a=1, a=2)"),
    ("factory.py", FACTORIES, "factory:create_app(print)"),
    ("factory.py", FACTORIES, "factory:defaults:x"),
    ("factory.py", FACTORIES, "factory::defaults"),
    ("factory.py", FACTORIES, ":defaults"),
    ("factory.py", FACTORIES, " factory:defaults"),
    ("factory.py", "from flask import Flask\nclass Factory: pass", "factory:Factory"),
    ("factory.py", "async def make(): return 1\nmade = [make]", "factory:made"),
    ("two.py", "from flask import Flask\na = b = Flask('a')", "two"),
    ("hello.py", HELLO, "hello.txt"),
    ("hello.py", HELLO, "nowhere/hello.py"),
    ("hello.py", HELLO, "/hello.py"),
    ("hello.py", HELLO, "hello.app"),
    ("package/__init__.py", "", "package/other.py"),
    ("namespace/deep/module.py", "", "namespace"),
]


@pytest.mark.parametrize(("file", "text", "app"), NOT_FOUND)
def test_what_flask_says_about_a_missing_application_is_said_too(
    project: Project, file: str, text: str, app: str | None
) -> None:
    project.file(file, text)
    arguments = ("routes",) if app is None else ("--app", app, "routes")
    ours, theirs = project.run(*arguments), project.run_on_flask(*arguments)
    assert (ours.exit_code, theirs.exit_code) == (2, 2)
    # More may be said, about where and what.
    assert plain(ours.output).startswith(plain(theirs.output).removesuffix("."))


def test_arguments_of_a_factory_may_be_spread(project: Project) -> None:
    project.file("factory.py", FACTORIES)
    app = "factory:defaults(**{'first': 'a', 'second': 3})"
    assert "/a/3" in project.run("--app", app, "routes").output
    output = project.run("--app", "factory:defaults(**['first'])", "routes").output
    assert "Failed to parse arguments as literal values" in output


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("hello:nothing", "hello.py'; the applications there: app.)"),
        ("factory:number", "(It is 5.)"),
        ("two", "(There are a, b.)"),
        ("empty", "empty.py' for app, application, create_app, make_app"),
        ("missing", "(There is no such module in '{folder}' or elsewhere"),
        ("", "in the current directory ('{folder}')"),
    ],
)
def test_the_message_says_where_it_looked(project: Project, app: str, said: str) -> None:
    project.file("hello.py", HELLO)
    project.file("factory.py", FACTORIES)
    project.file("two.py", "from flask import Flask\na = Flask('a'); b = Flask('b')")
    project.file("empty.py")
    output = project.run("--app", app, "routes").output
    assert said.format(folder=os.getcwd()) in output


def test_an_import_that_fails_inside_the_program_shows_its_traceback(project: Project) -> None:
    project.file("broken.py", "import no_such_module")
    result = project.run("--app", "broken", "routes")
    assert result.exit_code == 2
    assert "While importing 'broken', an ImportError was raised:" in result.output
    assert f'File "{project.folder / "broken.py"}", line 1, in <module>' in result.output
    assert "ModuleNotFoundError: No module named 'no_such_module'" in result.output
    assert "discovery.py" not in result.output


@pytest.mark.parametrize(
    ("text", "error"),
    [("1 / 0", ZeroDivisionError), ("def x(:", SyntaxError), ("exit(3)", SystemExit)],
)
def test_what_the_program_raises_is_not_hidden(
    project: Project, text: str, error: type[BaseException]
) -> None:
    project.file("broken.py", text)
    ours = project.run("--app", "broken", "routes")
    theirs = project.run_on_flask("--app", "broken", "routes")
    assert ours.exit_code == theirs.exit_code
    assert type(ours.exception) is type(theirs.exception) is error


def test_a_type_error_inside_a_factory_is_not_mistaken_for_a_wrong_call(
    project: Project,
) -> None:
    project.file("factory.py", FACTORIES)
    result = project.run("--app", "factory:breaks", "routes")
    assert str(result.exception) == "inside the factory"


@pytest.mark.parametrize("text", ["import no_such_module", "from os import nothing"])
@pytest.mark.parametrize("arguments", [("routes",), ("missing",), ("--help",)])
def test_an_import_that_fails_is_reported_as_by_flask(
    project: Project, text: str, arguments: tuple[str, ...]
) -> None:
    project.file("broken.py", text)
    ours = project.run("--app", "broken", *arguments)
    theirs = project.run_on_flask("--app", "broken", *arguments)
    frames_of_flask = r'  File "[^"]*site-packages[^"]*", .*\n(?:    .*\n)*'
    assert plain(ours.output) == plain(re.sub(frames_of_flask, "", theirs.output))
    assert ours.exit_code == theirs.exit_code
    assert "Traceback" in ours.output


def test_a_call_of_run_while_importing_is_ignored(project: Project) -> None:
    project.file("hello.py", HELLO + "\napp.run()")
    ours = project.run("--app", "hello", "routes")
    same(ours, project.run_on_flask("--app", "hello", "routes"))
    assert "Ignoring a call to 'app.run()'" in ours.stdout


def test_script_info_loads_the_application_once() -> None:
    made: list[carboy.Flask] = []

    def create_app() -> carboy.Flask:
        made.append(carboy.Flask(__name__))
        return made[-1]

    info = ScriptInfo(create_app=create_app)
    assert info.load_app() is info.load_app() is made[0]
    assert len(made) == 1


def test_a_factory_that_makes_nothing_is_no_application() -> None:
    info = ScriptInfo(create_app=lambda: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(NoAppException, match="Could not locate a Flask application"):
        info.load_app()


def test_a_missing_module_is_no_error_when_it_need_not_exist() -> None:
    assert carboy.cli.locate_app("no_such_module", None, raise_if_not_found=False) is None
    with pytest.raises(NoAppException, match="Could not import 'no_such_module'"):
        carboy.cli.locate_app("no_such_module", None)


# Commands of the application

COMMANDS = """
import os
import click
from flask import Blueprint, Flask, current_app
app = Flask(__name__)
print("debug while importing:", os.environ.get("FLASK_DEBUG"))

@app.cli.command()
@click.argument("name")
def greet(name):
    "Greet someone."
    print("Hello", name, "from", current_app.name)

@app.cli.command("debug", with_appcontext=False)
def debug():
    print(app.debug, os.environ.get("VALUE"), os.environ.get("FLASK_RUN_FROM_CLI"))

@app.cli.command()
def fail():
    raise ValueError("the command failed")

@app.cli.group()
def user():
    "Users."

@user.command()
def add():
    print("added in", current_app.name)

named = Blueprint("named", __name__)
named.cli.command("do")(lambda: print("named in", current_app.name))
other = Blueprint("first", __name__, cli_group="other")
other.cli.command("do")(lambda: print("other in", current_app.name))
flat = Blueprint("flat", __name__, cli_group=None)
flat.cli.command("flat-do")(lambda: print("flat in", current_app.name))
for blueprint in named, other, flat:
    app.register_blueprint(blueprint)

@app.shell_context_processor
def shell_context():
    return {"answer": 42}
"""


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((), {}),
        (("--help",), {}),
        (("--app", "program", "--help"), {}),
        (("greet", "Ada"), {}),
        (("greet",), {}),
        (("greet", "--help"), {}),
        (("user",), {}),
        (("user", "add"), {}),
        (("named", "do"), {}),
        (("other", "do"), {}),
        (("flat-do",), {}),
        (("missing",), {}),
        (("fail",), {}),
        (("debug",), {}),
        (("--debug", "debug"), {}),
        (("debug",), {"FLASK_DEBUG": "1"}),
        (("debug",), {"FLASK_DEBUG": "0"}),
        (("debug",), {"FLASK_DEBUG": "maybe"}),
        (("--no-debug", "debug"), {"FLASK_DEBUG": "1"}),
        (("--app", "nothing", "greet"), {}),
        (("--app", "nothing", "--help"), {}),
        (("--no-such-option",), {}),
    ],
)
def test_commands_of_an_application(
    project: Project, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    project.file("program.py", COMMANDS)
    environment = {"FLASK_APP": "program", **environment}
    ours = project.run(*arguments, **environment)
    theirs = project.run_on_flask(*arguments, **environment)
    assert plain(without_details(ours.output)) == plain(theirs.output)
    assert ours.exit_code == theirs.exit_code
    assert type(ours.exception) is type(theirs.exception)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("user", "--help"), {}),
        (("user", "nothing"), {}),
        (("user", "add", "extra"), {}),
        (("routes", "--app", "program"), {}),
        (("--debug", "routes"), {}),
        (("routes", "--debug"), {}),
        (("--app",), {}),
        (("--app", "", "routes"), {}),
        (("gree",), {}),
        (("--help", "greet"), {}),
        (("run", "extra"), {}),
        (("run", "--port"), {}),
        (("routes", "extra"), {}),
        (("greet",), {"FLASK_GREET_NAME": "Grace"}),
        (("routes",), {"FLASK_ROUTES_SORT": "rule"}),
        (("routes",), {"FLASK_ROUTES_SORT": "colour"}),
        (("routes",), {"FLASK_ROUTES_ALL_METHODS": "1"}),
        (("run",), {"FLASK_RUN_PORT": "many"}),
        (("run",), {"FLASK_RUN_CERT": "nothing"}),
        (("run",), {"FLASK_RUN_RELOAD": "perhaps"}),
        (("routes",), {"FLASK_APP": ""}),
    ],
)
def test_options_and_their_variables(
    project: Project, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    project.file("program.py", COMMANDS)
    environment = {"FLASK_APP": "program", **environment}
    ours = project.run(*arguments, **environment)
    theirs = project.run_on_flask(*arguments, **environment)
    assert plain(without_details(ours.output)) == plain(theirs.output)
    assert ours.exit_code == theirs.exit_code


@pytest.mark.parametrize(
    "words",
    [
        "carboy --app program ",
        "carboy --app program us",
        "carboy --app program user ",
        "carboy --app program named d",
        "carboy --app program routes --sort ",
        "carboy --app program --no-",
        "carboy r",
        "carboy --app nothing ",
        "carboy run --c",
    ],
)
def test_completion(project: Project, words: str) -> None:
    project.file("program.py", COMMANDS)
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    asked |= {"_CARBOY_COMPLETE": "bash_complete", "_FLASK_COMPLETE": "bash_complete"}
    ours, theirs = project.run(**asked), project.run_on_flask(**asked)
    assert plain(ours.stdout) == plain(theirs.stdout)
    assert plain(without_details(ours.stderr)) == plain(theirs.stderr)
    assert ours.exit_code == theirs.exit_code
    assert "plain," in ours.stdout or "nothing" in words


GROUPS = """
from contextvars import copy_context
import click
from click.testing import CliRunner
from flask import Flask, current_app, has_app_context
from flask.cli import AppGroup, FlaskGroup, ScriptInfo
from flask.cli import pass_script_info, routes_command, shell_command, with_appcontext

def create_app():
    app = Flask("made")
    app.add_url_rule("/made", "made")
    @app.cli.command("own")
    @click.option("--times", default=1)
    def own(times):
        print("own", times, current_app.name, current_app.debug)
    return app

@click.group(cls=FlaskGroup, create_app=create_app)
@click.option("--config", default="none", help="A configuration.")
@pass_script_info
def script(info, config):
    "The script of a program."
    info.data["config"] = config

@script.command()
@click.argument("value", required=False)
def top(value):
    print("top", value, current_app.name)

@script.command(with_appcontext=False)
@pass_script_info
def bare(info):
    print(has_app_context(), info.data, info.create_app is create_app, info.app_import_path)

@script.group()
def nested():
    "More commands."

@nested.command("one")
def one():
    print("one", current_app.name)

@click.group()
def of_click():
    pass

@of_click.command()
@click.pass_context
@with_appcontext
def within(ctx):
    print("within", current_app.name, ctx.info_name)

of_click.add_command(shell_command)
of_click.add_command(routes_command)

groups = {
    "script": (script, {}),
    "of click": (of_click, {"obj": ScriptInfo(create_app=create_app)}),
    "without": (of_click, {}),
    "small": (FlaskGroup(
        name="small", create_app=create_app,
        add_default_commands=False, add_version_option=False, set_debug_flag=False,
    ), {}),
    "other": (FlaskGroup(
        name="other", help="Another.", params=[click.Option(["--extra"], expose_value=False)],
        context_settings={
            "auto_envvar_prefix": "OTHER", "obj": ScriptInfo(create_app=create_app),
        },
    ), {}),
    "plain": (FlaskGroup(name="plain"), {}),
}
arguments = [
    "", "--help", "routes", "own", "own --times 3", "own --times x", "top", "top x", "bare",
    "--config z bare", "--debug bare", "nested one", "nested", "within", "--debug own",
    "--app nothing own", "--app program own", "nothing", "--extra 1 own", "shell",
]
variables = {"FLASK_OWN_TIMES": "8", "OTHER_OWN_TIMES": "9", "FLASK_DEBUG": None}
for name, (group, options) in groups.items():
    for line in arguments:
        # Flask leaves an application context behind when it shows the help.
        result = copy_context().run(
            CliRunner().invoke,
            group, line.split(), "print(app.name)", variables, prog_name="prog", **options
        )
        print(name, "|", line, "|", result.exit_code, repr(result.exception))
        print(result.output)
"""


def test_groups_of_a_program_of_its_own(project: Project) -> None:
    (project.folder / "groups.py").write_text(GROUPS)
    (project.folder / "program.py").write_text(HELLO)
    ours, theirs = (
        subprocess.run(
            [sys.executable, "-B", *options, "groups.py"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        for options in (("-m", "carboy"), ())
    )
    assert theirs.returncode == 0, theirs.stderr
    assert plain(without_details(ours.stdout)) == plain(theirs.stdout)
    assert ours.stderr == theirs.stderr
    assert "own 8 made" in ours.stdout and "own 9 made" in ours.stdout


def test_the_help_leaves_no_context_behind(project: Project) -> None:
    project.file("program.py", COMMANDS)
    assert "greet" in project.run("--app", "program", "--help").output
    assert not carboy.has_app_context()


def test_the_help_survives_a_program_that_cannot_be_imported(project: Project) -> None:
    project.file("broken.py", "1 / 0")
    result = project.run("--app", "broken", "--help")
    assert result.exit_code == 0
    assert "ZeroDivisionError" in result.stderr
    assert "run     Run a development server." in result.stdout


def test_commands_that_distributions_offer(project: Project) -> None:
    project.file("offered-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: offered\n")
    entry_points = project.folder / "offered-1.dist-info/entry_points.txt"
    entry_points.write_text("[flask.commands]\noffered = offered:command\n")
    project.file("offered.py", "import click\ncommand = click.Command('x', callback=print)\n")
    sys.path.insert(0, str(project.folder))
    group = carboy.cli.FlaskGroup(create_app=lambda: carboy.Flask(__name__))
    result = CliRunner().invoke(group, ["--help"])
    assert "offered" in result.output
    assert CliRunner().invoke(group, ["offered"]).exit_code == 0


def test_a_command_with_the_context_asked_for() -> None:
    @click.command()
    @carboy.cli.with_appcontext
    def name() -> None:
        click.echo(carboy.current_app.name)

    app = carboy.Flask("its_name")
    result = CliRunner().invoke(name, obj=ScriptInfo(create_app=lambda: app))
    assert result.output == "its_name\n"


def test_a_group_for_a_program_of_its_own() -> None:
    def create_app() -> carboy.Flask:
        return carboy.Flask("own")

    group = carboy.cli.FlaskGroup(
        name="own", add_default_commands=False, add_version_option=False, create_app=create_app
    )
    result = CliRunner().invoke(group, ["--help"])
    assert result.exit_code == 0
    assert "--version" not in result.output
    assert "run" not in result.output
    assert CliRunner().invoke(group, ["--version"]).exit_code == 2


# Files with environment variables


@pytest.fixture
def env_files(project: Project) -> Project:
    project.file("program.py", COMMANDS)
    (project.folder / ".flaskenv").write_text("FLASK_APP=program\nVALUE=flaskenv\n")
    (project.folder / ".env").write_text("VALUE=env\nFLASK_DEBUG=1\n")
    (project.folder / "other.env").write_text("VALUE=other\n")
    return project


@pytest.mark.parametrize(
    ("arguments", "environment", "output"),
    [
        (("debug",), {}, "True env true"),
        (("-e", "other.env", "debug"), {}, "True other true"),
        (("debug",), {"VALUE": "set"}, "True set true"),
        (("-e", "other.env", "debug"), {"VALUE": "set"}, "True set true"),
        (
            ("--app", "program", "debug"),
            {"FLASK_SKIP_DOTENV": "1"},
            "False None true",
        ),
        (
            ("--app", "program", "-e", "other.env", "debug"),
            {"FLASK_SKIP_DOTENV": "1"},
            "False other true",
        ),
    ],
)
def test_variables_from_files(
    env_files: Project, arguments: tuple[str, ...], environment: dict[str, str], output: str
) -> None:
    result = env_files.run(*arguments, **environment)
    assert result.output.splitlines()[-1] == output


def test_files_are_found_above_the_current_directory(
    env_files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (env_files.folder / "below").mkdir()
    monkeypatch.chdir(env_files.folder / "below")
    assert carboy.cli.load_dotenv() is True
    assert os.environ["VALUE"] == "env"
    assert carboy.cli.load_dotenv("nothing.env", load_defaults=False) is False


def test_without_python_dotenv_there_is_a_hint(
    env_files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    result = env_files.run("--app", "program", "debug")
    assert " * Tip: There are .env files present. Install python-dotenv" in result.stderr
    assert result.stdout.endswith("False None true\n")


@pytest.mark.parametrize("options", [(), ("-e", "other.env"), ("-e", "nothing.env"), ("--help",)])
def test_without_python_dotenv_both_say_the_same(
    env_files: Project, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    arguments = ("--app", "program", *options, "debug")
    same(env_files.run(*arguments), env_files.run_on_flask(*arguments))


def test_an_env_file_that_does_not_exist(env_files: Project) -> None:
    same(env_files.run("-e", "nothing"), env_files.run_on_flask("-e", "nothing"))


# Routes, shell, version

HOSTS = """
from flask import Flask
app = Flask(__name__, host_matching=True, static_host="static.example")
app.add_url_rule("/c", "a", host="b.example")
app.add_url_rule("/b", "c", host="<name>.example", methods=["PUT", "POST"])
app.add_url_rule("/a", "b", host="a.example")
"""

SUBDOMAINS = """
from flask import Flask
app = Flask(__name__, subdomain_matching=True)
app.config["SERVER_NAME"] = "carboy.example"
app.add_url_rule("/c", "a", subdomain="b")
app.add_url_rule("/b", "c", methods=["PUT", "POST"])
app.add_url_rule("/a", "b", subdomain="a")
"""

NO_ROUTES = "from flask import Flask\napp = Flask(__name__, static_folder=None)"

MANY_ROUTES = """
from flask import Blueprint, Flask
from werkzeug.routing import Rule
app = Flask(__name__)
methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
for i in range(300):
    path, name = "/part" * (i % 30), "long" * (i % 25)
    app.add_url_rule(f"{path}/{i}/<int:x>", f"{name}_{i}", methods=methods[: 1 + i % 5])
blueprint = Blueprint("sub", __name__, subdomain="<name>")
blueprint.add_url_rule("/", "index")
app.register_blueprint(blueprint)
app.add_url_rule("/\u00e9/\u00fc", "\u00fcber")
app.add_url_rule("/built", "built", build_only=True)
app.add_url_rule("/alias", "built", alias=True)
app.add_url_rule("/no", "no", methods=[])
app.add_url_rule("/asked", "asked", methods=["OPTIONS"])
app.add_url_rule("/old", "old", redirect_to="/new")
app.url_map.add(Rule("/any", endpoint="any"))
app.url_map.add(Rule("/socket", endpoint="socket", websocket=True))
"""


@pytest.mark.parametrize("text", [HELLO, HOSTS, SUBDOMAINS, NO_ROUTES, MANY_ROUTES])
@pytest.mark.parametrize("sort", ["endpoint", "methods", "domain", "rule", "match"])
@pytest.mark.parametrize("option", [(), ("--all-methods",)], ids=["", "all"])
def test_routes(project: Project, text: str, sort: str, option: tuple[str, ...]) -> None:
    project.file("app.py", text)
    arguments = ("routes", "--sort", sort, *option)
    ours = project.run(*arguments)
    assert ours.exit_code == 0, ours.output
    same(ours, project.run_on_flask(*arguments))


def test_routes_knows_how_to_sort(project: Project) -> None:
    project.file("app.py", HELLO)
    arguments = ("routes", "-s", "colour")
    same(project.run(*arguments), project.run_on_flask(*arguments))


def test_shell(project: Project) -> None:
    project.file("program.py", COMMANDS)
    project.file("startup.py", "started = 'at the start'")
    result = project.run(
        "--app",
        "program",
        "shell",
        input="print(answer, app.name, started)\n",
        PYTHONSTARTUP="startup.py",
    )
    assert result.exit_code == 0, result.output
    assert "42 program at the start" in result.stdout
    assert "App: program\nInstance: " in result.output


def test_version(project: Project) -> None:
    output = project.run("--version").output
    assert f"Carboy {carboy.__version__}\n" in output
    assert output.startswith("Python 3.")


# Run


@pytest.fixture
def served(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """Run ``carboy run`` without serving: what the server would be asked to do."""
    project.file("hello.py", HELLO)
    asked: dict[str, object] = {}

    def develop(load: Callable[[], object], settings: Settings, *, spare: bool) -> None:
        asked.update(vars(settings), application=load(), spare=spare)

    def run(*arguments: str, **environment: str) -> dict[str, object]:
        asked.clear()
        result = project.run("--app", "hello", "run", *arguments, **environment)
        asked["output"] = result.output
        return asked

    monkeypatch.setattr(server, "develop", develop)
    return run


def test_run_by_default(served: Callable[..., dict[str, object]]) -> None:
    asked = served()
    assert asked.pop("application").name == "hello"  # type: ignore[attr-defined]
    del asked["is_hopeless"], asked["settings_files"], asked["environment"]
    assert asked == {
        "host": "127.0.0.1",
        "port": 5000,
        "name": "hello",
        "debug": False,
        "reload": False,
        "debugger": None,
        "live_reload": True,
        "threads": 64,
        "interface": "auto",
        "certificate": None,
        "extra_files": (),
        "exclude_patterns": (),
        "polling": None,
        "without_effect": (),
        "spare": True,
        "output": "",
    }


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (("-h", "::1", "-p", "80"), {}, {"host": "::1", "port": 80}),
        ((), {"FLASK_RUN_HOST": "0.0.0.0", "FLASK_RUN_PORT": "1"}, {"host": "0.0.0.0", "port": 1}),
        (("--debug",), {}, {"debug": True, "reload": True}),
        (("--debug", "--no-reload"), {}, {"debug": True, "reload": False}),
        (("--reload",), {}, {"debug": False, "reload": True, "debugger": None}),
        (("--no-debugger",), {"FLASK_DEBUG": "1"}, {"reload": True, "debugger": None}),
        (
            ("--no-live-reload", "--interface", "rsgi"),
            {},
            {"live_reload": False, "interface": "rsgi"},
        ),
        (("--without-threads",), {}, {"threads": 1}),
        (("--extra-files", os.pathsep.join("ab")), {}, {"extra_files": ["a", "b"]}),
    ],
)
def test_run_with_options(
    served: Callable[..., dict[str, object]],
    arguments: tuple[str, ...],
    environment: dict[str, str],
    expected: dict[str, object],
) -> None:
    asked = served(*arguments, **environment)
    assert {name: asked[name] for name in expected} == expected


def test_run_with_the_debugger(served: Callable[..., dict[str, object]]) -> None:
    for arguments in (("--debug",), ("--debugger",), ("--debug", "--no-reload")):
        assert served(*arguments)["debugger"] is not None


def test_run_with_a_certificate(served: Callable[..., dict[str, object]], project: Project) -> None:
    project.file("cert.pem")
    project.file("key.pem")
    folder = Path(os.path.realpath(project.folder))
    asked = served("--cert", "cert.pem", "--key", "key.pem")
    assert asked["certificate"] == (str(folder / "cert.pem"), str(folder / "key.pem"))
    project.file("contexts.py", "import ssl\ntls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)")
    sys.path.insert(0, str(project.folder))
    assert type(served("--cert", "contexts:tls")["certificate"]).__name__ == "SSLContext"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cert", "hello.py"),
        ("--key", "hello.py"),
        ("--cert", "nothing"),
        ("--cert", "hello.py", "--key", "nothing"),
        ("--cert", "hello:app"),
        ("--port", "many"),
    ],
)
def test_run_refuses_what_flask_refuses(project: Project, arguments: tuple[str, ...]) -> None:
    project.file("hello.py", HELLO)
    command = ("--app", "hello", "run", *arguments)
    ours = project.run(*command)
    assert ours.exit_code == 2
    same(ours, project.run_on_flask(*command))
