"""What is shown of an exception in debug mode, to whom, and who may use the console."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import asyncio
import html
import json
import logging
import os
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from markupsafe import escape
from werkzeug.test import TestResponse

from carboy import Flask, Response, render_template, render_template_string, request, session
from carboy.debugger import Debugger, install
from carboy.debugger.console import MAX_AGE, MAX_KEPT, Store
from carboy.debugger.editor import editor_link
from carboy.debugger.failures import examine, place_of
from carboy.debugger.guard import MAX_WRONG_TOKENS, Guard, is_loopback
from carboy.debugger.installed import form_for
from carboy.debugger.plain import as_markdown, as_text
from carboy.debugger.values import MASK, Masked, describe, is_secret
from gateways.doubles import ASK, Answer, Request

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.debug = True
    app.secret_key = "key"
    assert install(app) is not None
    return app


def fail_with(app: Flask, error: BaseException, path: str = "/") -> None:
    """Have a view at *path* raise *error*."""

    def view() -> str:
        raise error

    app.add_url_rule(path, path, view, methods=["GET", "POST"])


class Page:
    """An error page as a reader finds it."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self.html = response.text
        data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', self.html, re.S)
        assert data is not None, self.html
        self.data: dict[str, Any] = json.loads(data[1])
        seen = re.sub(r"<(script|style).*?</\1>", "", self.html, flags=re.S)
        self.text = html.unescape(re.sub(r"<[^>]*>", "", seen))

    def frame(self, function: str) -> str:
        """The HTML of the first frame of a function."""
        frame = re.search(
            rf'<details class="frame[^>]*>\n<summary>\n<span class="function">[^<]*'
            rf"{re.escape(escape(function))}</span>.*?</details>(?=\n*(<details|</div>|</det|<p))",
            self.html,
            re.S,
        )
        assert frame is not None, function
        return frame[0]

    def number(self, function: str) -> int:
        """The number by which the console knows that frame."""
        number = re.search(r'data-frame="(\d+)"', self.frame(function))
        assert number is not None
        return int(number[1])


@pytest.fixture
def page(app: Flask) -> Callable[..., Page]:
    def page(path: str = "/", **options: Any) -> Page:
        options.setdefault("headers", {})
        options["headers"] = {"Accept": BROWSER, **options["headers"]}
        method = options.pop("method", "GET")
        client = app.test_client(use_cookies=False)
        return Page(client.open(path, method=method, **options))

    return page


Pages = Callable[..., Page]


# The page


def test_the_page_shows_message_source_and_the_exact_part(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        price = {"pear": None}
        return str(1 + price["pear"] * 3)

    shown = page()
    assert shown.response.status_code == 500
    assert "unsupported operand type(s) for *: 'NoneType' and 'int'" in shown.text
    frame = shown.frame("index")
    assert "own" in frame.split(">")[0] and " open" in frame.split(">")[0]
    marked = "".join(re.findall(r'<span class="[^"]*mark[^"]*">(.*?)</span>', frame))
    assert html.unescape(marked) == 'price["pear"] * 3'
    assert "test_debugger.py" in frame


def test_the_frames_of_libraries_are_folded(app: Flask, page: Pages) -> None:
    app.get("/")(lambda: json.loads("{"))
    shown = page()
    fold = re.search(r'<details class="fold">\n<summary>(.*?)</summary>', shown.html, re.S)
    assert fold is not None
    assert re.sub(r"<[^>]*>", "", fold[1]).split() == ["3", "frames", "in", "json"]
    assert "raw_decode" in shown.html


def test_how_the_application_got_there_is_left_out(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("x"))
    assert "pipeline.py" not in page().html


def test_variables_are_there_to_be_unfolded(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        fruit = "<pear>"
        raise ValueError

    frame = page().frame("index")
    assert '<th scope="row">fruit</th><td>&#39;&lt;pear&gt;&#39;</td>' in frame
    assert '<details class="variables">' in frame


def test_chains_are_told_from_the_last_to_the_first(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        try:
            try:
                raise KeyError("first")
            except KeyError as e:
                raise ValueError("second") from e
        except ValueError:
            raise TypeError("third")  # noqa: B904

    shown = page()
    found = re.findall(r'class="(?:kind|relation)">(.*?)<', shown.html)
    assert found == [
        "TypeError",
        "It happened while this was handled",
        "ValueError",
        "It was caused by",
        "KeyError",
    ]
    text = shown.data["text"]
    assert text.index("first") < text.index("direct cause") < text.index("second")
    assert text.index("second") < text.index("During handling") < text.index("third")


def test_a_suppressed_context_is_not_shown(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None

    assert 'class="relation"' not in page().html


def test_groups_are_a_tree(app: Flask, page: Pages) -> None:
    inner = ExceptionGroup("inner", [TypeError("c")])
    fail_with(app, ExceptionGroup("outer", [ValueError("a"), KeyError("b"), inner]))
    shown = page()

    class Depths(HTMLParser):
        depth = 0
        found: list[tuple[int, str]] = []
        in_kind = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.depth += ("class", "members") in attrs
            self.in_kind = ("class", "kind") in attrs

        def handle_endtag(self, tag: str) -> None:
            self.depth -= tag == "ol"

        def handle_data(self, data: str) -> None:
            if self.in_kind:
                self.found.append((self.depth, data))
                self.in_kind = False

    Depths().feed(shown.html)
    assert Depths.found == [
        (0, "ExceptionGroup"),
        (1, "ValueError"),
        (1, "KeyError"),
        (1, "ExceptionGroup"),
        (2, "TypeError"),
    ]
    assert "  |   | TypeError: c" in shown.data["text"]


def test_notes_and_the_name_that_was_meant(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        try:
            return request.user_agnt  # type: ignore[attr-defined, no-any-return]
        except AttributeError as e:
            e.add_note("A note.")
            raise

    shown = page()
    assert "A note." in shown.text
    assert "Did you mean 'user_agent'?" in shown.text


def test_a_syntax_error_shows_the_source_that_is_wrong(
    app: Flask, page: Pages, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("a = 1\nb = (2 +* 3)\n")
    app.get("/")(lambda: compile(wrong.read_text(), str(wrong), "exec"))
    shown = page()
    assert "invalid syntax" in shown.text
    frame = shown.frame("source")
    assert re.search(r'<span class="mark">\*</span>', frame), frame


# Templates


def test_an_error_in_a_template_is_shown_in_its_source(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    template = tmp_path / "templates" / "page.html"
    template.write_text("<h1>\n{% block body %}\n{{ customer.name.first }}\n{% endblock %}")
    app = Flask("templates_in_a_folder", root_path=str(tmp_path))
    assert install(app)
    app.debug = True
    app.get("/")(lambda: render_template("page.html", customer=None))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    frame = shown.frame("block 'body'")
    assert "template open" in re.sub('"', "", frame.split(">")[0])
    assert re.search(r'line current">.*?\{\{ customer\.name\.first \}\}', frame, re.S)
    assert '<th scope="row">customer</th><td>None</td>' in frame
    assert "get_flashed_messages" not in frame


@pytest.mark.parametrize(
    ("source", "current"),
    [("one\n{{ nothing.at.all }}", "{{ nothing.at.all }}"), ("one\n{% if %}", "{% if %}")],
)
def test_a_template_that_is_a_string_has_a_source_too(
    app: Flask, page: Pages, source: str, current: str
) -> None:
    app.get("/")(lambda: render_template_string(source))
    pattern = r'class="frame template.*?line current">.*?class="code">(.*?)\n'
    line = re.search(pattern, page().html, re.S)
    assert line is not None
    assert html.unescape(line[1]) == current


# The request


def secret(name: str) -> str:
    """A value that stands in no source."""
    return f"{name}-value"


def test_the_request_is_shown_without_its_secrets(app: Flask, page: Pages) -> None:
    @app.route("/<int:number>", methods=["POST"])
    def index(number: int) -> str:
        session["user"], session["csrf_token"] = "ada", secret("csrf")
        password = request.form["password"]
        copied = f"the same in a sentence: {password}"
        raise ValueError(copied)

    shown = page(
        f"/7?q=pears&api_key={secret('key')}",
        method="POST",
        data={"password": secret("pass"), "name": "Ada"},
        headers={
            "Authorization": f"Bearer {secret('bearer')}",
            "X-Auth-Token": secret("token"),
            "Cookie": f"theme={secret('cookie')}",
        },
    )
    for shown_word in ("POST", "/<int:number>", "pears", "Ada", "number", "theme", "csrf_token"):
        assert shown_word in shown.text
    for name in ("key", "bearer", "token", "cookie", "csrf"):
        assert secret(name) not in shown.html
    assert secret("pass") not in shown.html
    assert f"the same in a sentence: {MASK}" in shown.text


def test_a_form_that_nobody_asked_for_is_read_if_it_is_small(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("x"))
    assert "quince" in page("/", method="POST", data={"fruit": "quince"}).text
    many = {"fruit": "quince" * 60_000}
    assert "quince" not in page("/", method="POST", data=many).text


def test_a_body_that_cannot_be_parsed_does_not_break_the_page(app: Flask, page: Pages) -> None:
    app.config["MAX_FORM_MEMORY_SIZE"] = 10
    fail_with(app, ValueError("still shown"))
    form = {"a": "b" * 100, "Content-Type": "multipart/form-data"}
    assert "still shown" in page("/", method="POST", data=form).text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_passwd",
        "apiKey",
        "API_KEY",
        "x-api-key",
        "Authorization",
        "HTTP_COOKIE",
        "Set-Cookie",
        "client_secret",
        "csrf_token",
        "sessionid",
        "awsSecretAccessKey",
        "pin",
        "SECRET_KEY",
        "jwt",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["author", "spinner", "session", "key", "compass", "cookiecutter"])
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret(name)


def test_secrets_in_containers_and_urls_are_masked() -> None:
    class Settings(dict[str, Any]):
        def __repr__(self) -> str:
            return "everything: " + dict.__repr__(self)

    shown = describe([{"password": "p1"}, Settings(token="t1", a=1)], 1000)
    assert shown == f"[{{'password': '{MASK}'}}, Settings({{'token': '{MASK}', 'a': 1}})]"
    assert Masked()("postgres://ada:pw@host/db") == f"postgres://ada:{MASK}@host/db"


# What cannot be shown


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


# Copying, the editor


def test_markdown_for_a_bug_report(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("a ``` fence"))
    text = page("/?a=1").data["markdown"]
    assert text.startswith("### `ValueError: a ''' fence`\n\n````pytb\nTraceback (most recent")
    assert "ValueError: a ``` fence\n````\n" in text
    assert "- Request: `GET /?a=1 (rule '/', endpoint '/')`" in text
    assert re.search(r"- Python 3\.\d+\.\d+, Carboy ", text)


def test_the_text_is_a_traceback_of_python(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        return str(1 / 0)

    lines = app.test_client().get("/").text.splitlines()
    number = index.__code__.co_firstlineno + 2
    assert lines == [
        "Traceback (most recent call last):",
        f'  File "{__file__}", line {number}, in {index.__qualname__}',
        "    return str(1 / 0)",
        "               ^^^^^",
        "ZeroDivisionError: division by zero",
    ]


@pytest.mark.parametrize(
    ("editor", "link"),
    [
        ("", None),
        ("vscode", "vscode://file/a%20b/c.py:3:5"),
        ("PyCharm", "pycharm://open?file=/a%20b/c.py&line=3"),
        ("my://open?f={path}&l={line}&c={column}", "my://open?f=/a%20b/c.py&l=3&c=5"),
        ("javascript:alert('{path}')", None),
        ("no editor", None),
    ],
)
def test_links_to_the_editor(
    monkeypatch: pytest.MonkeyPatch, editor: str, link: str | None
) -> None:
    monkeypatch.setenv("CARBOY_EDITOR", editor)
    assert editor_link("/a b/c.py", 3, 4) == link
    assert editor_link("<string>", 3, 4) is None


def test_a_frame_leads_to_the_editor(
    app: Flask, page: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(app, ValueError("x"))
    assert 'class="editor"' not in page().html
    monkeypatch.setenv("CARBOY_EDITOR", "vscode")
    assert f'href="vscode://file{__file__}:' in page().html


# By who asks


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (BROWSER, "html"),
        ("", "text"),
        ("*/*", "text"),
        ("text/plain", "text"),
        ("application/json", "json"),
        ("application/problem+json", "json"),
        ("application/vnd.api+json", "json"),
        ("application/json, */*;q=0.5", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/html;q=0.5, application/json", "json"),
        ("application/json;q=0.5, text/html", "html"),
        ("text/html;q=0", "text"),
        ("image/png", "text"),
        (";;,,=", "text"),
    ],
)
def test_the_form_is_what_was_accepted(accept: str, form: str) -> None:
    assert form_for(accept) == form


def test_a_program_gets_a_problem(app: Flask) -> None:
    @app.get("/orders")
    def orders() -> str:
        try:
            raise KeyError("inner")
        except KeyError as e:
            raise ValueError("outer") from e

    response = app.test_client().get(
        "/orders?token=t-value", headers={"Accept": "application/json"}
    )
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    problem = json.loads(response.text)
    assert problem["status"] == 500 and problem["title"] == "Internal Server Error"
    assert problem["detail"] == "ValueError: outer" and problem["instance"] == "/orders"
    frame = problem["exception"]["frames"][-1]
    assert frame["file"] == __file__ and frame["code"] == 'raise ValueError("outer") from e'
    assert problem["exception"]["cause"]["message"] == "'inner'"
    assert "t-value" not in response.text


@pytest.mark.parametrize("accept", [BROWSER, "application/json", "*/*"])
def test_without_debug_mode_there_are_no_frames(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask(__name__)
    fail_with(app, ValueError("inside"))
    response = app.test_client().get("/", headers={"Accept": accept})
    assert response.status_code == 500 and "inside" not in response.text
    assert caplog.text.count("ValueError: inside") == 1


def test_without_a_debugger_the_exception_propagates() -> None:
    app = Flask(__name__)
    app.debug = True
    fail_with(app, ValueError("inside"))
    with pytest.raises(ValueError, match="inside"):
        app.test_client().get("/")


def test_the_traceback_is_in_the_log_once(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    fail_with(app, ValueError("inside"))
    app.test_client().get("/", headers={"Accept": BROWSER})
    assert caplog.text.count("ValueError: inside") == 1


def test_nobody_may_keep_or_frame_the_page_or_add_to_it(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("x"))
    shown = page()
    fields = shown.response.headers
    policy = dict(part.split(None, 1) for part in fields["Content-Security-Policy"].split("; "))
    nonce = policy["script-src"]
    assert policy == {
        "default-src": "'none'",
        "style-src": nonce,
        "script-src": nonce,
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    assert fields["Cache-Control"] == "no-store"
    assert fields["Referrer-Policy"] == "no-referrer"
    attribute = f'nonce="{nonce[7:-1]}"'
    for tag in re.findall(r"<(?:script|style)[^>]*>", shown.html):
        assert attribute in tag
    assert not re.search(r'\s(?:on\w+|style)="', shown.html)
    assert not re.findall(r'(?:src|href)="(?!#|data:)', shown.html)
    assert page().response.headers["Content-Security-Policy"] != fields["Content-Security-Policy"]


def test_a_script_of_the_server_runs_in_the_page(app: Flask) -> None:
    install(app, extra_script="const reload = 'here';")
    fail_with(app, ValueError("x"))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert re.search(r"<script nonce=[^>]*>\nconst reload = 'here';</script>", shown.html)


# Everywhere the same


def plain_view() -> str:
    raise ValueError("inside")


async def async_view() -> str:
    await asyncio.sleep(0)
    raise ValueError("inside")


@pytest.mark.parametrize("gateway", sorted(ASK))
@pytest.mark.parametrize("view", [plain_view, async_view])
def test_under_each_gateway(
    app: Flask, gateway: str, view: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app.get("/")(view)
    fields = [("accept", BROWSER), ("host", "localhost")]
    answer = asyncio.run(ASK[gateway](app, Request("/", fields=fields)))
    assert answer.status == 500
    page = b"".join(answer.pieces).decode()
    assert f'<span class="function">{view.__name__}</span>' in page
    assert "matched <code>/</code>" in page
    assert "pipeline.py" not in page and "async_driver.py" not in page
    assert caplog.text.count("ValueError: inside") == 1


@pytest.mark.parametrize("gateway", ["asgi", "rsgi"])
def test_the_console_is_reached_beside_a_view_for_everything(app: Flask, gateway: str) -> None:
    @app.route("/<path:path>", methods=["GET", "POST"])
    async def everything(path: str) -> str:
        fruit = "pear"
        raise ValueError(path)

    ask = ASK[gateway]

    async def talk() -> bytes:
        fields = [("accept", BROWSER), ("host", "localhost")]
        shown = await ask(app, Request("/a", fields=fields))
        text = b"".join(shown.pieces).decode()
        data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S)
        assert data is not None
        console = json.loads(data[1])["console"]
        number = re.findall(r'data-frame="(\d+)"', text)[0]
        asked = {"failure": console["failure"], "frame": number, "source": "fruit * 2"}
        body = json.dumps(asked).encode()
        fields = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("x-debugger-secret", console["secret"]),
        ]
        path = console["url"] + "evaluate"
        answer = await ask(app, Request(path, "POST", fields=fields, body=(body,)))
        return b"".join(answer.pieces)

    assert json.loads(asyncio.run(talk())) == {"output": "'pearpear'\n"}


@pytest.mark.parametrize("gateway", sorted(ASK))
@pytest.mark.parametrize("is_async", [False, True])
def test_a_teardown_function_that_fails(
    app: Flask, gateway: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def view() -> str:
        return "fine"

    app.get("/")(view if is_async else lambda: "fine")

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        raise ValueError("in teardown")

    answer = asyncio.run(ASK[gateway](app, Request("/")))
    assert answer.status == 500
    assert b"".join(answer.pieces).endswith(b"ValueError: in teardown\n")
    assert caplog.text.count("ValueError: in teardown") == 1


@pytest.mark.parametrize("gateway", sorted(ASK))
def test_middleware_that_fails(app: Flask, gateway: str, caplog: pytest.LogCaptureFixture) -> None:
    plain = Flask(__name__)
    plain.get("/")(lambda: "fine")

    def middleware(environ: Any, start_response: Any) -> Any:
        raise ValueError("in middleware")

    plain.wsgi_app = middleware  # type: ignore[method-assign]
    install(plain)
    answer = asyncio.run(ASK[gateway](plain, Request("/", fields=[("accept", BROWSER)])))
    assert answer.status == 500
    assert b"in middleware" in b"".join(answer.pieces)
    assert caplog.text.count("ValueError: in middleware") == 1


@pytest.mark.parametrize("gateway", sorted(ASK))
@pytest.mark.parametrize(
    ("mimetype", "notice"),
    [("text/html", b"<pre>"), ("text/plain", b"broken off here"), ("text/csv", b"")],
)
def test_a_stream_that_breaks_off_says_so(
    app: Flask, gateway: str, mimetype: str, notice: bytes
) -> None:
    def pieces() -> Iterator[str]:
        yield "first"
        raise ValueError("<in the middle>")

    app.get("/")(lambda: Response(pieces(), mimetype=mimetype))
    request = Request("/")
    answer = Answer()
    with pytest.raises(ValueError, match="<in the middle>"):
        asyncio.run(ASK[gateway](app, request, answer))
    body = b"".join(answer.pieces)
    assert body.startswith(b"first") and notice in body
    assert (b"ValueError" in body) == bool(notice)
    assert not answer.is_complete
    assert mimetype != "text/html" or b"<in the" not in body


@pytest.mark.parametrize("gateway", ["asgi", "rsgi"])
def test_an_async_stream_that_breaks_off_says_so(app: Flask, gateway: str) -> None:
    @app.get("/")
    async def index() -> Any:
        async def pieces() -> Any:
            yield "first"
            raise ValueError("in the middle")

        return Response(pieces(), mimetype="text/plain")  # type: ignore[arg-type]

    answer = Answer()
    with pytest.raises(ValueError, match="in the middle"):
        asyncio.run(ASK[gateway](app, Request("/"), answer))
    assert b"ValueError: in the middle" in b"".join(answer.pieces)


def test_a_stream_and_a_file_are_sent_as_without_a_debugger(app: Flask, tmp_path: Path) -> None:
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield from (b"a", b"b")

        def close(self) -> None:
            closed.append(True)

    app.get("/")(lambda: Response(Pieces()))  # type: ignore[arg-type]
    with app.test_client().get("/") as response:
        assert response.text == "ab"
    assert closed == [True]


def test_who_handles_the_exception_is_left_alone(app: Flask) -> None:
    fail_with(app, ValueError("x"))
    app.errorhandler(ValueError)(lambda e: ("handled", 418))
    assert app.test_client().get("/").status_code == 418


def test_propagating_can_still_be_denied(app: Flask) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    fail_with(app, ValueError("inside"))
    response = app.test_client().get("/", headers={"Accept": BROWSER})
    assert response.status_code == 500 and "inside" not in response.text


# The console


class Console:
    """What the script of a page does."""

    def __init__(self, app: Flask, page: Page, number: int) -> None:
        self.app = app
        self.offer = page.data["console"]
        self.number = number

    def ask(
        self,
        source: str,
        action: str = "evaluate",
        method: str = "POST",
        environ: dict[str, str] | None = None,
        without: tuple[str, ...] = (),
        **fields: str,
    ) -> TestResponse:
        """Send a request as a browser does; *fields* are headers that are different."""
        headers = {
            "Host": "localhost:5000",
            "Origin": "http://localhost:5000",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
            "X-Debugger-Secret": self.offer["secret"],
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        asked = {"failure": self.offer["failure"], "frame": self.number, "source": source}
        return self.app.test_client().open(
            self.offer["url"] + action,
            method=method,
            data=json.dumps(asked),
            headers={name: value for name, value in headers.items() if name not in without},
            environ_overrides=environ or {},
        )

    def evaluate(self, source: str) -> str:
        response = self.ask(source)
        assert response.status_code == 200, response.text
        return str(response.json["output"])  # type: ignore[index]


MODULE_LEVEL = "of the module"


@pytest.fixture
def console(app: Flask, page: Pages) -> Console:
    @app.get("/shop/<fruit>")
    def shop(fruit: str) -> str:
        amount = 3
        raise ValueError(fruit)

    shown = page("/shop/pear?a=b")
    return Console(app, shown, shown.number("shop"))


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
        ("__name__", f"{__name__!r}\n"),
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
    monkeypatch.setitem(globals(), "EVENTS", types_)
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


def test_frames_are_dropped_after_a_while_and_when_there_are_many() -> None:
    now = [0.0]
    store = Store(lambda: now[0])
    kept = [store.keep([], None) for _ in range(MAX_KEPT + 2)]
    assert len(store) == MAX_KEPT
    assert store.find(kept[0].id) is None and store.find(kept[-1].id) is kept[-1]
    now[0] = MAX_AGE + 1
    assert store.find(kept[-1].id) is None and len(store) == 0


def test_a_frame_that_was_dropped(app: Flask, console: Console) -> None:
    assert app._debugger is not None
    app._debugger.store.clear()
    response = console.ask("1")
    assert response.status_code == 410 and "no longer there" in response.text


def test_frames_are_kept_only_for_pages(app: Flask) -> None:
    fail_with(app, ValueError("x"))
    app.test_client().get("/", headers={"Accept": "*/*"})
    app.test_client().get("/", headers={"Accept": "application/json"})
    assert app._debugger is not None and len(app._debugger.store) == 0


# Attacks on the console. The flag shows whether anything was evaluated.

ATTACK = "import builtins; builtins.attacked = True"


@pytest.fixture
def attacked() -> Iterator[Callable[[], bool]]:
    import builtins

    yield lambda: hasattr(builtins, "attacked")
    if hasattr(builtins, "attacked"):
        del builtins.attacked


def test_the_attack_would_work(console: Console, attacked: Callable[[], bool]) -> None:
    assert console.ask(ATTACK).status_code == 200
    assert attacked()


@pytest.mark.parametrize(
    "different",
    [
        pytest.param({"without": ("X-Debugger-Secret",)}, id="without the secret"),
        pytest.param({"X_Debugger_Secret": "guessed"}, id="with a wrong secret"),
        pytest.param({"X_Debugger_Secret": "\xe4\xf6"}, id="with a secret that is no text"),
        pytest.param({"Origin": "http://evil.example"}, id="from another site"),
        pytest.param({"Origin": "http://localhost:8000"}, id="from another port"),
        pytest.param({"Origin": "null"}, id="from a sandbox"),
        pytest.param({"Origin": "http://localhost:5000.evil.example"}, id="from a longer name"),
        pytest.param({"Origin": "http://[evil"}, id="from an origin that is none"),
        pytest.param({"without": ("Origin",)}, id="from nowhere"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, id="cross-site"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, id="from another port, by its site"),
        pytest.param(
            {"Host": "evil.example:5000", "Origin": "http://evil.example:5000"}, id="DNS rebinding"
        ),
        pytest.param(
            {"Host": "localhost.evil.example", "Origin": "http://localhost.evil.example"},
            id="DNS rebinding by a name that looks local",
        ),
        pytest.param(
            {"Host": "127.0.0.1.nip.io:5000", "Origin": "http://127.0.0.1.nip.io:5000"},
            id="DNS rebinding by a name that is an address",
        ),
        pytest.param({"without": ("Host",), "environ": {"HTTP_HOST": ""}}, id="without a host"),
        pytest.param({"Content_Type": "text/plain"}, id="by a form"),
        pytest.param({"method": "GET"}, id="by a link"),
        pytest.param({"environ": {"REMOTE_ADDR": "192.168.1.7"}}, id="from the network"),
        pytest.param({"environ": {"REMOTE_ADDR": ""}}, id="from an unknown client"),
        pytest.param({"X_Forwarded_For": "1.2.3.4"}, id="through a proxy"),
        pytest.param({"Forwarded": "for=1.2.3.4"}, id="through a modern proxy"),
        pytest.param({"Via": "1.1 tunnel"}, id="through a tunnel"),
    ],
)
def test_an_attack_is_refused(
    console: Console,
    attacked: Callable[[], bool],
    different: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = console.ask(ATTACK, **different)
    assert response.status_code == 403
    assert not attacked()
    assert "A request to the console was refused." in caplog.text
    assert console.ask("fruit", "complete", **different).status_code == 403


def test_the_secret_is_of_one_page_only(
    app: Flask, page: Pages, console: Console, attacked: Callable[[], bool]
) -> None:
    other = page("/shop/quince").data["console"]
    assert console.ask(ATTACK, X_Debugger_Secret=other["secret"]).status_code == 403
    assert not attacked()


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT"])
def test_no_other_site_is_let_in(console: Console, method: str) -> None:
    response = console.ask(ATTACK, method=method, Origin="http://evil.example")
    assert not [name for name, _ in response.headers if name.lower().startswith("access-")]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "null", '{"failure": 1}', "[" * 90_000, "\xff", '"' + "x" * 200_000]
)
def test_a_question_that_is_none(app: Flask, console: Console, body: str) -> None:
    headers = {
        "Host": "localhost:5000",
        "Origin": "http://localhost:5000",
        "Content-Type": "application/json",
        "X-Debugger-Secret": console.offer["secret"],
    }
    data = body.encode("latin-1")
    response = app.test_client().post("/__debugger__/evaluate", data=data, headers=headers)
    assert response.status_code in (400, 413)


def test_what_there_is_not(console: Console) -> None:
    console.number = 99
    assert console.ask("1").status_code == 400
    console.number = 0
    assert console.ask("1", "remove").status_code == 404


def test_under_a_foreign_name_the_page_keeps_things_to_itself(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        fruit = "pear"
        session["user"] = "ada lovelace"
        raise ValueError("message")

    shown = page("/", headers={"Host": "evil.example"})
    assert "message" in shown.text
    assert 'class="variables"' not in shown.html and 'class="facts"' not in shown.html
    assert "console" not in shown.data and "open-console" not in shown.html.split("<script")[0]
    assert "There is no console here." in shown.text


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost", "[::1]:5000", "app.localhost"])
def test_a_name_of_this_machine(app: Flask, page: Pages, host: str) -> None:
    fail_with(app, ValueError("x"))
    assert "console" in page("/", headers={"Host": host}).data


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.7", "example.org"])
def test_a_server_for_others_has_no_console(host: str) -> None:
    app = Flask(__name__)
    app.debug = True
    install(app, host=host)
    fail_with(app, ValueError("x"))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert "console" not in shown.data
    assert "--debugger-allow-remote" in shown.text
    assert app._debugger is not None and len(app._debugger.store) == 0


@pytest.fixture
def remote(capsys: pytest.CaptureFixture[str]) -> tuple[Console, str]:
    """The console of a server for others, and the token that it printed."""
    app = Flask(__name__)
    app.debug = True
    install(app, host="0.0.0.0", allow_remote=True)
    printed = re.search(r"Debugger token: (\S+)", capsys.readouterr().err)
    assert printed is not None
    fail_with(app, ValueError("x"))
    from_there = {"Accept": BROWSER, "Host": "192.168.1.5:5000"}
    shown = Page(app.test_client().get("/", headers=from_there))
    assert shown.data["console"]["needsToken"]
    assert printed[1] not in shown.html
    return Console(app, shown, shown.number("view")), printed[1]


THERE = {"Host": "192.168.1.5:5000", "Origin": "http://192.168.1.5:5000"}


def test_a_remote_console_needs_the_token(
    remote: tuple[Console, str], attacked: Callable[[], bool]
) -> None:
    console, token = remote
    far: dict[str, Any] = {**THERE, "environ": {"REMOTE_ADDR": "192.168.1.7"}}
    assert console.ask(ATTACK, **far).status_code == 401
    assert console.ask(ATTACK, **far, X_Debugger_Token="guessed").status_code == 401
    assert console.ask(ATTACK, X_Debugger_Token="\xe4", **far).status_code == 401
    assert not attacked()
    right: dict[str, Any] = {**far, "X_Debugger_Token": token}
    assert console.ask(ATTACK, **{**right, "X_Debugger_Secret": "guessed"}).status_code == 403
    assert console.ask(ATTACK, **{**right, "Origin": "http://evil.example"}).status_code == 403
    assert not attacked()
    assert console.ask(ATTACK, **right).status_code == 200
    assert attacked()


def test_tokens_cannot_be_tried_without_end(remote: tuple[Console, str]) -> None:
    console, token = remote
    for number in range(MAX_WRONG_TOKENS):
        assert console.ask("1", **THERE, X_Debugger_Token=f"{number}").status_code == 401
    response = console.ask("1", **THERE, X_Debugger_Token=token)
    assert response.status_code == 403 and "Restart the server" in response.text


def test_the_token_outlives_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    first = install(Flask(__name__), host="0.0.0.0", allow_remote=True)
    assert first is not None and first.token
    again = install(Flask(__name__), host="0.0.0.0", allow_remote=True, token=first.token)
    assert again is not None and again.token == first.token
    assert capsys.readouterr().err.count("token") == 1


def test_the_console_can_be_switched_off(attacked: Callable[[], bool]) -> None:
    app = Flask(__name__)
    app.debug = True
    install(app, console=False)
    fail_with(app, ValueError("x"))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert "console" not in shown.data and "It was switched off." in shown.text


@pytest.mark.parametrize("module", ["gunicorn.arbiter", "uwsgi", "mod_wsgi", "waitress.server"])
def test_a_production_server_has_no_debugger(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    app = Flask(__name__)
    assert install(app) is None and app._debugger is None
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


def test_a_production_server_that_comes_later(
    console: Console, attacked: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", types.ModuleType("gunicorn.arbiter"))
    assert console.ask(ATTACK).status_code == 403
    assert not attacked()


def test_switched_off_for_a_production_server(
    app: Flask,
    console: Console,
    attacked: Callable[[], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    debugger: Debugger | None = app._debugger
    assert debugger is not None
    debugger.switch_off("carboy serve")
    assert [r.levelno for r in caplog.records if "switched off" in r.message] == [logging.CRITICAL]
    assert console.ask(ATTACK).status_code == 404
    assert not attacked() and len(debugger.store) == 0
    with pytest.raises(ValueError, match="pear"):
        app.test_client().get("/shop/pear")


def test_a_forked_process_has_no_console(
    console: Console, attacked: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getpid()
    monkeypatch.setattr("carboy.debugger.guard.os.getpid", lambda: here + 1)
    assert console.ask(ATTACK).status_code == 403
    assert not attacked()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_hosts_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "localhost.evil", "127.0.0.1.evil"])
def test_hosts_of_others(host: str) -> None:
    assert not is_loopback(host)


def test_the_guard_answers_the_name_of_the_application() -> None:
    guard = Guard("127.0.0.1")
    environ: dict[str, Any] = {"HTTP_HOST": "shop.test:5000"}
    assert not guard.confides(environ)
    assert guard.confides(environ, "shop.test:5000")


def test_markdown_of_a_failure_without_a_request() -> None:
    from carboy.debugger.asked import Asked

    text = as_markdown(examine(ValueError("x"), "/").failure, Asked("GET", "/"))
    assert "ValueError: x" in text
