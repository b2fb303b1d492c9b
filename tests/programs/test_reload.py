"""The development server's reloader, with real files, processes and connections."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .browser import browsing
from .conftest import COMMAND, PATIENCE, Program, Start

PROGRAM = """
import os
from flask import Flask, render_template
import words

app = Flask(__name__)

@app.route("/")
def index():
    return words.WORD

@app.route("/page")
def page():
    return f"<!doctype html><title>x</title><body>{words.WORD}</body>"

@app.route("/template")
def template():
    return render_template("page.html")

@app.route("/variable")
def variable():
    return os.environ.get("WORD", "")

@app.route("/pid")
def pid():
    return str(os.getpid())

@app.route("/wait")
def wait():
    print("waiting", flush=True)
    with open("fifo") as file:
        return words.WORD + file.read()

@app.route("/crash")
def crash():
    os._exit(3)

@app.route("/lazy")
def lazy():
    import later
    return later.WORD
"""

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Sec_Fetch_Dest": "document"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "words.py").write_text("WORD = 'one'")
    (tmp_path / "later.py").write_text("WORD = 'one'")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("one")
    (tmp_path / ".env").write_text("WORD=one")
    return tmp_path


Run = Callable[..., Program]


@pytest.fixture
def run(start: Start, folder: Path) -> Run:
    """Start the program in debug mode, and wait until it serves."""

    def run(*options: str, **environment: str) -> Program:
        command = (COMMAND, "--app", "program", "run", "--debug", *options)
        program = start(*command, folder=folder, **environment)
        program.wait_for("Press CTRL")
        return program

    return run


# The address is asked for after it has been said.
def _address(program: Program) -> Program:
    lines = (re.search(r"Running on https?://([\d.]+):(\d+)", line) for line in program.said)
    host, port = next(match.groups() for match in lines if match)
    program._address = host, int(port)  # type: ignore[attr-defined]
    return program


@pytest.fixture
def program(run: Run) -> Program:
    return _address(run())


def reloaded(program: Program) -> None:
    """Wait until the next program serves."""
    program.wait_for("Ready after")


def failed(program: Program) -> None:
    """Wait until the next program has failed."""
    program.wait_for("It is started again when a file is saved")


def reloads(program: Program) -> list[str]:
    """What the reloads so far were made for."""
    lines = (re.search("Reloading, as (.+) ha(s|ve) changed", line) for line in program.said)
    return [match[1] for match in lines if match]


def replace(path: Path, content: str) -> None:
    """Save a file as many editors do."""
    (new := path.with_name(f".{path.name}.new~")).write_text(content)
    new.replace(path)


def test_what_it_says(program: Program, folder: Path) -> None:
    host, port = program.address
    assert program.said == [
        " * Serving Carboy app 'program'",
        " * Debug mode: on",
        " * Interface: wsgi, as the application has only plain views",
        f" * Running on http://{host}:{port}",
        "Press CTRL+C to quit",
    ]
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    program.get("/")
    assert program.stop() == 0
    assert program.said[5] == " * Reloading, as words.py has changed"
    assert re.fullmatch(r" \* Ready after \d\.\d\d seconds", program.said[6])
    assert re.fullmatch(r"GET / 200 \d+\.\d ms 3 B", program.said[7])
    assert len(program.said) == 8


def masked(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run."""
    text = re.sub(r"\d+\.\d+ (ms|s)", r"… \1", "\n".join(lines))
    text = re.sub(r"127\.0\.0\.1:\d+", "…", text)
    return re.sub(r'"/.*/hello.py"', "…", text).splitlines()


def test_what_the_page_about_it_tells(start: Start, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "developing.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    started, saved, broken, *_ = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    hello = tmp_path / "hello.py"
    hello.write_text(source)
    program = start(COMMAND, "--app", "hello", "run", "--debug", folder=tmp_path)
    assert program.get("/").text in source
    program.wait_for("GET /")
    assert masked(program.said) == masked(started.splitlines()[1:])
    program.said.clear()
    hello.write_text(f"{source}\n")
    reloaded(program)
    assert masked(program.said) == masked(saved.splitlines())
    program.said.clear()
    hello.write_text(source.replace("index():", "index(:"))
    failed(program)
    hello.write_text(source)
    reloaded(program)
    assert masked(program.said) == masked(broken.splitlines())


def test_each_save_is_seen_also_when_they_follow_quickly(program: Program, folder: Path) -> None:
    assert program.get("/").text == "one"
    # Of the same size, and several of them in one second.
    for word in ("two", "six", "ten"):
        (folder / "words.py").write_text(f"WORD = '{word}'")
        reloaded(program)
        assert program.get("/").text == word
    assert reloads(program) == ["words.py"] * 3


def test_a_file_that_replaces_another(program: Program, folder: Path) -> None:
    replace(folder / "words.py", "WORD = 'two'")
    reloaded(program)
    assert program.get("/").text == "two"
    (folder / "words.py").rename(folder / "words.py~")
    replace(folder / "words.py", "WORD = 'six'")
    program.wait_for("Ready after")
    assert program.get("/").text == "six"


def test_what_is_no_change(program: Program, folder: Path) -> None:
    words = folder / "words.py"
    words.touch()
    words.write_text(words.read_text())
    replace(words, words.read_text())
    words.chmod(0o600)
    (folder / "notes.txt").write_text("unrelated")
    (folder / "test_program.py").write_text("import nothing")
    (folder / "later.py").write_text("WORD = 'not imported yet'")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "x.py").write_text("")
    (folder / "program.py").write_text(PROGRAM + "#")
    reloaded(program)
    assert reloads(program) == ["program.py"]


def test_several_saves_are_one_reload(program: Program, folder: Path) -> None:
    for name in ("words.py", "program.py"):
        (folder / name).write_text((folder / name).read_text() + "\n#")
    reloaded(program)
    assert reloads(program) == ["program.py and words.py"]


def test_a_module_that_a_request_has_imported(program: Program, folder: Path) -> None:
    assert program.get("/lazy").text == "one"
    (folder / "later.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get("/lazy").text == "two"


def test_a_request_in_flight_ends(program: Program, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/wait")
        program.wait_for("waiting")
        (folder / "words.py").write_text("WORD = 'two'")
        reloaded(program)
        assert program.get("/").text == "two"
        (folder / "fifo").write_text(" after all")
        assert connection.getresponse().read() == b"one after all"


def test_nobody_is_refused(program: Program, folder: Path) -> None:
    (folder / "words.py").write_text("WORD = 'two'")
    # Each is a connection of its own, and fails the test if it is not answered.
    while (word := program.get("/").text) != "two":
        assert word == "one"
    replace(folder / "words.py", "WORD = 'six'")
    while (word := program.get("/").text) != "six":
        assert word == "two"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("WORD = '<one", "SyntaxError: unterminated string literal"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("WORD = 1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('<not today>')", "<not today>"),
    ],
)
def test_a_program_that_cannot_be_started(
    program: Program, folder: Path, content: str, said: str
) -> None:
    (folder / "words.py").write_text(content)
    failed(program)
    assert any(said in line for line in program.said)
    plain = program.get("/")
    assert plain.status == 500
    assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert plain.text.startswith("The program could not be started.\n\n")
    assert said in plain.text
    # Nothing of what the user did not write.
    assert "site-packages" not in plain.text
    assert "carboy" not in plain.text
    page = program.get("/page", **BROWSER)
    assert (page.status, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert said.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#x27;") in page.text
    assert "/_carboy/reload.js" in page.text
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get("/").text == "two"


SECRET = "raise RuntimeError('no postgresql://ada:' + 'hunter' + '22@host')"
ELSEWHERE = "What it said is to be seen where it was started."


@pytest.mark.parametrize("options", [("--no-debug", "--reload"), ("--no-debugger",)])
def test_where_exceptions_are_not_shown_it_is_not_told_why(
    run: Run, folder: Path, options: tuple[str, ...]
) -> None:
    program = _address(run(*options))
    (folder / "words.py").write_text(SECRET)
    failed(program)
    assert any("hunter22" in line for line in program.said)
    for accept in ("*/*", "application/json", "text/html"):
        text = program.get("/", Accept=accept).text
        assert "The program could not be started." in text and ELSEWHERE in text
        assert "RuntimeError" not in text and "words.py" not in text


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"Host": "evil.example:5000"}, id="DNS rebinding"),
        pytest.param({"X_Forwarded_For": "1.2.3.4"}, id="through a tunnel"),
        pytest.param({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}, id="by a script"),
    ],
)
def test_others_are_not_told_why(program: Program, folder: Path, asked: dict[str, str]) -> None:
    (folder / "words.py").write_text(SECRET)
    failed(program)
    for accept in ("*/*", "application/json", "text/html"):
        text = program.get("/", Accept=accept, **asked).text
        assert ELSEWHERE in text and "RuntimeError" not in text
        text = program.get("/", Accept=accept).text
        assert "RuntimeError" in text and "hunter22" not in text


def test_a_missing_module_that_is_made(program: Program, folder: Path) -> None:
    (folder / "words.py").write_text("from missing import WORD")
    failed(program)
    (folder / "missing.py").write_text("WORD = 'found'")
    reloaded(program)
    assert program.get("/").text == "found"


def test_a_folder_that_is_removed_and_made_again(program: Program, folder: Path) -> None:
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("WORD = 'in a package'")
    (folder / "words.py").write_text("from package import WORD")
    reloaded(program)
    assert program.get("/").text == "in a package"
    package.rename(folder / "gone")
    package.mkdir()
    (package / "__init__.py").write_text("WORD = 'in another'")
    while program.get("/").text != "in another":
        pass
    (package / "__init__.py").write_text("WORD = 'and changed'")
    while program.get("/").text != "and changed":
        pass


def test_modules_that_several_requests_import_at_once(run: Run, folder: Path) -> None:
    names = [f"part_{number}_of_a_program_with_long_names_{'x' * 100}" for number in range(300)]
    (folder / "parts").mkdir()
    for name in names:
        (folder / "parts" / f"{name}.py").write_text("WORD = 'one'")
    (folder / "program.py").write_text(
        f"""{PROGRAM}
from importlib import import_module

@app.route("/part/<name>")
def part(name):
    return import_module(f"parts.{{name}}").WORD
"""
    )
    program = _address(run())
    with ThreadPoolExecutor(16) as pool:
        found = [*pool.map(lambda name: program.get(f"/part/{name}").text, names)]
    assert found == ["one"] * len(names)
    (folder / "parts" / f"{names[-1]}.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get(f"/part/{names[-1]}").text == "two"


def test_a_module_that_is_deleted(program: Program, folder: Path) -> None:
    (folder / "words.py").unlink()
    failed(program)
    assert "No module named 'words'" in program.get("/").text
    (folder / "words.py").write_text("WORD = 'back'")
    reloaded(program)
    assert program.get("/").text == "back"


def test_a_program_that_is_broken_from_the_start(run: Run, folder: Path) -> None:
    (folder / "words.py").write_text("WORD = (")
    program = _address(run())
    assert program.said[0] == "Traceback (most recent call last):"
    assert f'File "{folder / "program.py"}"' in program.said[1]
    assert "SyntaxError: '(' was never closed" in program.get("/").text
    (folder / "words.py").write_text("WORD = 'one'")
    reloaded(program)
    assert program.get("/").text == "one"


def test_no_application(start: Start, tmp_path: Path) -> None:
    for arguments in ((), ("--app", "nothing")):
        program = start(COMMAND, *arguments, "run", "--debug", folder=tmp_path)
        assert program.wait() == 2
        assert "Could not " in program.said[-1]
        assert not any("Running on" in line for line in program.said)


def test_a_program_that_crashes(program: Program, folder: Path) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        program.get("/crash")
    failed(program)
    assert " * The program ended with status 3. It is started again" in program.said[-1]
    assert "The program ended with status 3." in program.get("/").text
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    os.kill(int(program.get("/pid").text), signal.SIGKILL)
    failed(program)
    assert "The program ended with SIGKILL." in program.get("/").text
    (folder / "words.py").write_text("WORD = 'six'")
    reloaded(program)
    assert program.get("/").text == "six"


def test_settings_files(program: Program, folder: Path) -> None:
    assert program.get("/variable").text == "one"
    (folder / ".env").write_text("WORD=two")
    reloaded(program)
    assert program.get("/variable").text == "two"
    (folder / ".env").unlink()
    reloaded(program)
    assert program.get("/variable").text == ""
    (folder / ".flaskenv").write_text("WORD=six")
    reloaded(program)
    assert program.get("/variable").text == "six"
    assert reloads(program) == [".env", ".env", ".flaskenv"]


def test_that_settings_files_are_not_read_is_said_once(run: Run, folder: Path) -> None:
    (folder / "without").mkdir()
    (folder / "without" / "dotenv.py").write_text("raise ImportError")
    path = os.pathsep.join([str(folder / "without"), os.environ.get("PYTHONPATH", "")])
    program = _address(run(PYTHONPATH=path))
    (folder / "words.py").write_text("WORD =")
    failed(program)
    assert "Tip" not in program.get("/").text
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    program.stop()
    tip = " * Tip: There are .env files present. Install python-dotenv to use them."
    assert [line for line in program.said if "Tip" in line] == [tip]


def test_extra_files_and_excluded_ones(run: Run, folder: Path) -> None:
    (folder / "data" / "deep").mkdir(parents=True)
    program = _address(
        run("--extra-files", "settings.toml:data", "--exclude-patterns", "words.py:*/x.csv")
    )
    (folder / "words.py").write_text("WORD = 'not seen'")
    (folder / "data" / "x.csv").write_text("")
    (folder / "settings.toml").write_text("")
    reloaded(program)
    (folder / "data" / "deep" / "new.csv").write_text("")
    reloaded(program)
    assert reloads(program) == ["settings.toml", "data/deep/new.csv"]


def test_a_link_to_a_module(run: Run, folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "words.py").rename(folder / "elsewhere" / "real.py")
    (folder / "words.py").symlink_to(folder / "elsewhere" / "real.py")
    program = _address(run())
    (folder / "elsewhere" / "real.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get("/").text == "two"


def test_looking_where_the_system_tells_nothing(start: Start, folder: Path) -> None:
    run = "app.run(port=0, debug=True, reloader_type='stat', reloader_interval=0.05)"
    (folder / "program.py").write_text(PROGRAM + f"\nif __name__ == '__main__': {run}")
    # What is looked at is the second of the last change.
    os.utime(folder / "words.py", (0, 0))
    program = start(sys.executable, "-m", "carboy", "program.py", folder=folder)
    assert program.get("/").text == "one"
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get("/").text == "two"


# How a program is started

SCRIPT = """
import words
from {package} import Flask

app = Flask(__name__)

@app.route("/")
def index():
    return words.WORD

if __name__ == "__main__":
    app.run(port=0, debug=True)
    print("after", words.WORD, flush=True)
"""


@pytest.mark.parametrize(
    ("command", "package"),
    [
        ((), "carboy"),
        (("-m", "carboy"), "flask"),
        (("-m", "script"), "carboy"),
        (("-c", "import script; script.app.run(port=0, debug=True)"), "carboy"),
    ],
    ids=["script", "carboy", "module", "code"],
)
def test_a_script(start: Start, folder: Path, command: tuple[str, ...], package: str) -> None:
    (folder / "script.py").write_text(SCRIPT.format(package=package))
    arguments = command if len(command) == 2 and command[1] != "carboy" else (*command, "script.py")
    program = start(sys.executable, *arguments, folder=folder)
    assert program.get("/").text == "one"
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get("/").text == "two"
    assert program.stop(signal.SIGINT) == 0
    if "script.py" in arguments:
        assert program.said[-1] == "after two"


def test_a_script_that_is_broken(start: Start, folder: Path) -> None:
    script = SCRIPT.format(package="carboy")
    (folder / "script.py").write_text(script)
    program = start(sys.executable, "script.py", folder=folder)
    assert program.get("/").text == "one"
    (folder / "words.py").write_text("WORD = ")
    failed(program)
    assert "SyntaxError: invalid syntax" in program.get("/").text
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    (folder / "script.py").write_text("x = (")
    failed(program)
    assert "SyntaxError: '(' was never closed" in program.get("/").text
    (folder / "script.py").write_text(script)
    reloaded(program)
    assert program.get("/").text == "two"


def test_a_script_that_no_longer_serves(start: Start, folder: Path) -> None:
    script = SCRIPT.format(package="carboy")
    (folder / "script.py").write_text(script)
    program = start(sys.executable, "script.py", folder=folder)
    assert program.get("/").text == "one"
    (folder / "script.py").write_text(script.replace("__main__", "never"))
    failed(program)
    assert "The program ended without serving anything." in program.get("/").text
    (folder / "script.py").write_text(script)
    reloaded(program)
    assert program.get("/").text == "one"


def test_a_factory_in_a_package(start: Start, tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from flask import Flask\n"
        "def create_app(name):\n"
        "    from . import views\n"
        "    app = Flask(name)\n"
        "    app.add_url_rule('/', view_func=views.index)\n"
        "    return app\n"
    )
    (package / "views.py").write_text("def index(): return 'one'")
    app = "shop:create_app('shop')"
    program = start(COMMAND, "--app", app, "run", "--debug", folder=tmp_path)
    assert program.get("/").text == "one"
    (package / "views.py").write_text("def index(): return 'two'")
    reloaded(program)
    assert program.get("/").text == "two"
    assert reloads(program) == ["shop/views.py"]


def test_a_program_that_nobody_can_start_again(start: Start, tmp_path: Path) -> None:
    code = "import sys; sys.ps1 = '>>> '; import carboy; carboy.Flask('x').run(0, 0, debug=True)"
    program = start(sys.executable, "-c", code.replace("(0, 0", "(port=0"), folder=tmp_path)
    assert program.wait() == 1
    assert program.said[-1] == (
        "Error: A program that is typed in cannot be started anew. Turn the reloader off, with"
        " --no-reload or use_reloader=False."
    )


# The end


def children(program: Program) -> list[int]:
    """The processes that a program has started, without those that these have."""
    pid = program.process.pid
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("this system does not tell")
    return [int(child) for child in path.read_text().split()]


def is_running(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has asked how it ended has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_all_processes_end(program: Program, number: int) -> None:
    with closing(socket.create_connection(program.address, PATIENCE)):
        serving = int(program.get("/pid").text)
        assert serving in children(program)
        # They have the other end of the pipe, so this waits for the last of them.
        status = program.stop(number)
    assert status == (-number if number == signal.SIGKILL else 0)
    assert not is_running(serving)
    assert not any("Traceback" in line for line in program.said)


def test_all_processes_end_while_nothing_runs(program: Program, folder: Path) -> None:
    (folder / "words.py").write_text("WORD = ")
    failed(program)
    assert program.get("/").status == 500
    assert program.stop(signal.SIGINT) == 0
    assert program.said[-1].startswith("GET / 500 ")


def test_the_end_while_the_program_is_being_loaded(start: Start, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "words.py").write_text("WORD = open('fifo').read()")
    program = start(COMMAND, "--app", "program", "run", "--debug", folder=folder)
    # It can be written to once it is being read.
    with (folder / "fifo").open("w"):
        assert program.stop(signal.SIGINT) == 0
    assert program.said == []


def test_a_program_that_hangs_in_its_imports(program: Program, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "words.py").write_text("WORD = open('fifo').read()")
    # It can be written to once it is being read.
    with (folder / "fifo").open("w"):
        # The next save is not kept waiting.
        (folder / "words.py").write_text("WORD = 'two'")
        reloaded(program)
    assert program.get("/").text == "two"
    (folder / "words.py").write_text("WORD = open('fifo').read()")
    with (folder / "fifo").open("w"):
        # What it says ends only once nobody is left.
        assert program.stop(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_does_not_end(run: Run, folder: Path, number: int) -> None:
    (folder / "program.py").write_text(
        f"{PROGRAM}\nimport threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    )
    program = _address(run())
    assert program.get("/").text == "one"
    assert program.stop(number) == (-number if number == signal.SIGKILL else 0)


def test_a_closed_terminal_ends_all_processes(program: Program) -> None:
    serving = int(program.get("/pid").text)
    assert program.stop(signal.SIGHUP) == 0
    assert not is_running(serving)


def test_what_is_ignored_stays_ignored(start: Start, folder: Path) -> None:
    run = f"exec {COMMAND} --app program run --debug"
    program = start("sh", "-c", f"trap '' HUP INT; {run}", folder=folder)
    assert program.get("/").text == "one"
    for number in (signal.SIGHUP, signal.SIGINT):
        program.process.send_signal(number)
    (folder / "words.py").write_text("WORD = 'two'")
    reloaded(program)
    assert program.get("/").text == "two"
    assert program.stop() == 0


def test_processes_that_the_program_has_forked(run: Run, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "program.py").write_text(
        PROGRAM
        + """
@app.route("/fork")
def fork():
    if not (pid := os.fork()):
        open("fifo").read()
        os._exit(0)
    return str(pid)
"""
    )
    program = _address(run())
    program.get("/fork")
    with (folder / "fifo").open("w"):
        os.kill(int(program.get("/pid").text), signal.SIGKILL)
        failed(program)
        (folder / "words.py").write_text("WORD = 'two'")
        reloaded(program)
        assert program.get("/").text == "two"


# Interfaces


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ("async def hello(): return words.WORD", "rsgi, as the application has async views"),
        (
            "def hello(): return words.WORD\n@app.websocket('/ws')\nasync def ws(): pass",
            "asgi, as the application has WebSockets",
        ),
    ],
)
def test_the_interface_that_fits(run: Run, folder: Path, views: str, said: str) -> None:
    (folder / "program.py").write_text(f"{PROGRAM}\n@app.get('/hello')\n{views}\n")
    program = _address(run())
    assert program.said[2] == f" * Interface: {said}"
    assert program.get("/hello").text == "one"
    (folder / "words.py").write_text("WORD = 'two'")
    while (word := program.get("/hello").text) != "two":
        assert word == "one"
    (folder / "program.py").write_text(PROGRAM)
    program.wait_for(r"Interface: wsgi")
    assert program.get("/").text == "two"
    assert program.stop() == 0


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_an_open_websocket_is_closed(run: Run, folder: Path, interface: str) -> None:
    (folder / "program.py").write_text(
        f"""{PROGRAM}
import asyncio
from carboy import websocket

@app.websocket("/ws")
async def echo():
    await websocket.send(words.WORD)
    try:
        async for message in websocket:
            await websocket.send(message)
    finally:
        # As whoever tells a database that somebody has left.
        await asyncio.sleep(0.2)
"""
    )
    program = _address(run("--interface", interface))
    host, port = program.address
    with connect(f"ws://{host}:{port}/ws") as first:
        assert first.recv(PATIENCE) == "one"
        (folder / "words.py").write_text("WORD = 'two'")
        with pytest.raises(ConnectionClosed) as closed:
            first.recv(PATIENCE)
        # Granian sends no code under RSGI.
        code = 1001 if interface == "asgi" else 1005
        assert closed.value.rcvd and closed.value.rcvd.code == code
        # Whoever connects again at once comes to the next program.
        with connect(f"ws://{host}:{port}/ws") as second:
            assert second.recv(PATIENCE) == "two"
            second.send("x")
            assert second.recv(PATIENCE) == "x"
            program.wait_for("WEBSOCKET /ws 101 ")
            # And at the end.
            assert program.stop() == 0
            with pytest.raises(ConnectionClosed) as closed:
                second.recv(PATIENCE)
            assert closed.value.rcvd and closed.value.rcvd.code == code
    assert not any("cut off" in line or "Traceback" in line for line in program.said)


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_an_open_stream_does_not_keep_the_next_program_waiting(
    run: Run, folder: Path, interface: str
) -> None:
    (folder / "program.py").write_text(
        f"""{PROGRAM}
@app.route("/stream")
def stream():
    def pieces():
        yield words.WORD
        open("fifo").read()
        yield "end"
    return pieces()
"""
    )
    os.mkfifo(folder / "fifo")
    program = _address(run("--interface", interface))
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        assert answer.read1() == b"one"
        (folder / "words.py").write_text("WORD = 'two'")
        reloaded(program)
        assert program.get("/").text == "two"
        (folder / "fifo").write_text("")
        assert answer.read() == b"end"


def test_a_start_up_that_fails(run: Run, folder: Path) -> None:
    source = f"""{PROGRAM}
@app.websocket("/ws")
async def ws(): pass

@app.before_serving
def begin():
    import deep.settings
    deep.settings.VALUE
"""
    (folder / "deep").mkdir()
    (folder / "deep" / "settings.py").write_text("")
    (folder / "program.py").write_text(source)
    program = _address(run())
    text = program.get("/").text
    assert "has no attribute 'VALUE'" in text
    (folder / "deep" / "settings.py").write_text("VALUE = 1")
    reloaded(program)
    assert program.get("/").text == "one"


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_an_interface_that_is_asked_for(run: Run, folder: Path, interface: str) -> None:
    program = _address(run("--interface", interface))
    assert program.said[2] == f" * Interface: {interface}"
    os.mkfifo(folder / "fifo")
    with closing(http.client.HTTPConnection(*program.address, PATIENCE)) as connection:
        connection.request("GET", "/wait")
        program.wait_for("waiting")
        (folder / "words.py").write_text("WORD = 'two'")
        reloaded(program)
        assert program.get("/").text == "two"
        (folder / "fifo").write_text(" after all")
        assert connection.getresponse().read() == b"one after all"
    program.wait_for("GET /wait 200 ")
    assert program.stop(signal.SIGINT) == 0


# Pages that reload themselves


class Events:
    """The events that a page hears."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        connection.request("GET", "/_carboy/events")
        self._answer = connection.getresponse()
        assert self._answer.headers["Content-Type"] == "text/event-stream"

    def next(self) -> str | None:
        """What the next event says; ``None`` at the end of the stream."""
        while line := self._answer.readline():
            if line.startswith(b"data: "):
                return line[6:].decode().strip()
        return None


@pytest.fixture
def listen() -> Iterator[Callable[[Program], Events]]:
    """Listen to the events of a program."""
    with ExitStack() as connections:

        def listen(program: Program) -> Events:
            connection = http.client.HTTPConnection(*program.address, PATIENCE)
            return Events(connections.enter_context(closing(connection)))

        yield listen


def version(page: str) -> str:
    """The version that a page's script knows."""
    match = re.search(r'<script src="/_carboy/reload.js" data-version="([\d.]+)"></script>', page)
    assert match
    return match[1]


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_a_page_hears_of_changes(
    run: Run, folder: Path, interface: str, listen: Callable[[Program], Events]
) -> None:
    program = _address(run("--interface", interface))
    page = program.get("/page", **BROWSER)
    events = listen(program)
    assert events.next() == version(page.text)
    assert int(page.headers["Content-Length"]) == len(page.body)
    script = program.get("/_carboy/reload.js")
    assert script.headers["Content-Type"] == "text/javascript"
    assert "EventSource" in script.text
    # A template concerns pages only.
    (folder / "templates" / "page.html").write_text("two")
    assert events.next() not in (None, version(page.text))
    assert program.get("/template").text == "two"
    assert version(program.get("/page", **BROWSER).text) != version(page.text)
    assert reloads(program) == []
    # Of another program it hears by a new connection.
    (folder / "words.py").write_text("WORD = ")
    assert events.next() is None
    events = listen(program)
    broken = version(program.get("/page", **BROWSER).text)
    assert events.next() == broken
    (folder / "words.py").write_text("WORD = 'two'")
    assert events.next() is None
    events = listen(program)
    recovered = program.get("/page", **BROWSER).text
    assert events.next() == version(recovered)
    assert len({version(page.text), broken, version(recovered)}) == 3
    # What the page asks for of itself is nothing to read about.
    assert program.stop() == 0
    assert not any("_carboy" in line for line in program.said)


def test_one_thread_is_not_kept_by_a_page(run: Run, listen: Callable[[Program], Events]) -> None:
    program = _address(run("--without-threads"))
    events = listen(program)
    assert events.next() == version(program.get("/page", **BROWSER).text)
    assert events.next() is None


def test_a_page_in_a_browser(program: Program, folder: Path) -> None:
    host, port = program.address
    with browsing() as browser:
        browser.open(f"http://{host}:{port}/page")
        assert browser.run("document.body.innerText") == "one"

        def shows(text: str) -> None:
            browser.wait_for("Page.loadEventFired")
            while text not in browser.run("document.body.innerText"):
                browser.wait_for("Page.loadEventFired")

        (folder / "words.py").write_text("WORD = 'two'")
        shows("two")
        (folder / "words.py").write_text("WORD = <")
        shows("SyntaxError: invalid syntax")
        (folder / "words.py").write_text("WORD = 'six'")
        shows("six")
        assert {url.partition("/")[2] for url in browser.asked} <= {
            f"/{host}:{port}/{path}" for path in ("page", "_carboy/events", "_carboy/reload.js")
        } | {f"/{host}:{port}/favicon.ico"}


def test_who_gets_the_script(program: Program) -> None:
    plain = "<!doctype html><title>x</title><body>one</body>"
    assert program.get("/page").text == plain
    assert program.get("/page", Accept="*/*", Sec_Fetch_Dest="empty").text == plain
    assert program.request("/page", "HEAD").headers["Content-Length"] == str(len(plain))
    assert "_carboy" in program.get("/page", Accept="text/html").text


@pytest.mark.parametrize("options", [("--no-live-reload",), ("--no-reload",)])
def test_pages_without_the_script(run: Run, options: tuple[str, ...]) -> None:
    program = _address(run(*options))
    assert "_carboy" not in program.get("/page", **BROWSER).text
    assert program.get("/_carboy/events").status == 404


def test_the_token_of_the_debugger_stays(run: Run, folder: Path) -> None:
    program = run("--host", "0.0.0.0", "--debugger-allow-remote")
    assert sum("Debugger token: " in line for line in program.said) == 1
    # What starts first, what waited, and what waited while another served.
    for word in ("two", "six", "ten"):
        (folder / "words.py").write_text(f"WORD = '{word}'")
        reloaded(program)
    assert sum("token" in line for line in program.said) == 1


def test_a_setting_turns_the_script_off(run: Run, folder: Path) -> None:
    (folder / "program.py").write_text(PROGRAM + "\napp.config['LIVE_RELOAD'] = False")
    assert "_carboy" not in _address(run()).get("/page", **BROWSER).text


def test_without_debug_mode_templates_are_code(start: Start, folder: Path) -> None:
    program = start(COMMAND, "--app", "program", "run", "--reload", folder=folder)
    assert program.get("/template").text == "one"
    assert "_carboy" not in program.get("/page", **BROWSER).text
    (folder / "templates" / "page.html").write_text("two")
    reloaded(program)
    assert program.get("/template").text == "two"
    (folder / "templates" / "new").mkdir()
    (folder / "templates" / "new" / "other.html").write_text("")
    reloaded(program)
