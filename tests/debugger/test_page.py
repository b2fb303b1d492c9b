"""The error page: what it shows of an exception, and how that is copied."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from carboy import Flask, render_template, render_template_string, request
from carboy.debugger import install
from carboy.debugger.editor import editor_link

from .conftest import BROWSER, Page, Pages, fail_with


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
    assert Path(__file__).name in frame


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


TEMPLATES = {
    "base.html": "<html>\n{% block body %}{% endblock %}",
    "inherits.html": '{% extends "base.html" %}\n{% block body %}\n{{ 1 // zero }}{% endblock %}',
    "part.html": "one\n{{ 1 // zero }}",
    "includes.html": 'top\n{% include "part.html" %}',
    "undefined.html": "{{ customer.name }}",
    "wrong.html": "fine\n{% if x %}\n{{ y }",
    "includes_wrong.html": 'top\n{% include "wrong.html" %}',
    "macros.html": "{% macro field(zero) %}\n{{ 1 // zero }}{% endmacro %}",
    "imports.html": '{% from "macros.html" import field %}\n{{ field(0) }}',
    "lacks.html": '{% include "nowhere.html" %}',
}


@pytest.mark.parametrize(
    ("template", "message", "lines"),
    [
        ("inherits", "modulo by zero", ["{{ 1 // zero }}", "{% block body %}", "{% extends"]),
        ("includes", "modulo by zero", ["{{ 1 // zero }}", '{% include "part.html" %}']),
        ("undefined", "'customer' is undefined", ["{{ customer.name }}"]),
        ("wrong", "unexpected '}'", ["{{ y }"]),
        ("includes_wrong", "unexpected '}'", ["{{ y }", '{% include "wrong.html" %}']),
        ("imports", "modulo by zero", ["{{ 1 // zero }}", "{{ field(0) }}"]),
        ("lacks", "nowhere.html", ['{% include "nowhere.html" %}']),
    ],
)
def test_errors_in_templates_that_use_others(
    tmp_path: Path, template: str, message: str, lines: list[str]
) -> None:
    (tmp_path / "templates").mkdir()
    for name, source in TEMPLATES.items():
        (tmp_path / "templates" / name).write_text(source)
    app = Flask("templates_in_a_folder", root_path=str(tmp_path))
    app.debug = True
    assert install(app)
    app.get("/")(lambda: render_template(f"{template}.html", zero=0))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert message in shown.text
    pattern = r'class="frame template" open>.*?line current">.*?class="code">(.*?)\n'
    found = [html.unescape(line) for line in re.findall(pattern, shown.html, re.S)]
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))


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


# Copying, the editor


def test_markdown_for_a_bug_report(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("a ``` fence"))
    text = page("/?a=1").data["markdown"]
    assert text.startswith("### `ValueError: a ''' fence`\n\n````pytb\nTraceback (most recent")
    assert "ValueError: a ``` fence\n````\n" in text
    assert "- Request: `GET /?a=1 (rule '/', endpoint '/')`" in text
    assert re.search(r"- Python 3\.\d+\.\d+, Carboy ", text)


def test_the_path_stays_in_its_line_of_a_report(app: Flask, page: Pages) -> None:
    """It is whoever wrote the link that chose it, and the report is for the public."""
    fail_with(app, ValueError("x"))
    shown = page("/?a=%60%20![](http://evil.example/)%0AValueError:%20fake%1B[31m%E2%80%AE").data
    path = "/?a={} ![](http://evil.example/)%0AValueError: fake%1B[31m%E2%80%AE (rule"
    assert f"\nRequest: GET {path.format('`')}" in shown["text"]
    assert f"\n- Request: `GET {path.format('%60')}" in shown["markdown"]


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
    @app.get("/")
    def index() -> str:
        raise ValueError

    assert 'class="editor"' not in page().html
    monkeypatch.setenv("CARBOY_EDITOR", "vscode")
    assert f'href="vscode://file{__file__}:' in page().html
