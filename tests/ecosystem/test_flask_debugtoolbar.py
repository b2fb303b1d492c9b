"""The toolbar in a page: panels for queries, templates, logs, ``g``, routes and the profiler.

Explaining a query from its panel needs an SQLAlchemy before 2.0, and is left out.
"""

from __future__ import annotations

import re
from html import unescape

import pytest

DISTRIBUTIONS = ["Flask-DebugToolbar"]
APP = "debugtoolbar.py"


def panel(page, name):
    """What a panel of the toolbar shows, without the markup."""
    (_, html) = page.text.split(f'<div id="flDebug{name}Panel-content"')
    html = html.partition('<div id="flDebug')[0].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.fixture(scope="module", autouse=True)
def a_note(program):
    program.post("/", "text=hello")


def test_the_toolbar_stands_before_the_end_of_the_page(visitor):
    page = visitor.get("/")
    assert 0 < page.text.index("<p>hello</p>") < page.text.index('id="flDebug"')
    assert page.text.rstrip().endswith("</body>")
    assert int(page.headers["Content-Length"]) == len(page.content)


def test_its_own_files_are_served(visitor):
    page = visitor.get("/")
    (path,) = re.findall(r'src="([^"]+/toolbar\.js)"', page.text)
    script = visitor.get(path)
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "fldt" in script.text
    assert visitor.get(path.replace("toolbar.js", "..%2f__init__.py")).status_code == 404


def test_panels_show_what_the_request_did(visitor):
    page = visitor.get("/?like=hell", headers={"Cookie": "taste=vanilla"})
    assert "WHERE (note.line LIKE" in panel(page, "SQLAlchemy")
    assert "Somebody reads hell" in panel(page, "Logging")
    assert "reader Ada Lovelace" in panel(page, "g")
    request = panel(page, "RequestVars")
    assert "'like' 'hell'" in request
    assert "'taste' 'vanilla'" in request
    assert "/note/<int:number>" in panel(page, "RouteList")
    assert "SQLALCHEMY_RECORD_QUERIES True" in panel(page, "ConfigVars")


def test_the_log_of_one_request_is_not_in_the_next(visitor):
    visitor.get("/?like=one")
    second = panel(visitor.get("/?like=two"), "Logging")
    assert "Somebody reads two" in second
    assert "Somebody reads one" not in second


def test_the_profiler_runs_when_its_cookie_says_so(visitor):
    assert "flDebugProfilerPanel-content" not in visitor.get("/").text
    visitor.cookies.set("fldt_active", "flDebugProfilerPanel")
    assert "(notes)" in panel(visitor.get("/"), "Profiler")


def test_a_redirect_is_stopped_for_a_look(visitor):
    stopped = visitor.post("/", {"text": "written"}, allow_redirects=False)
    assert stopped.status_code == 200
    assert "Location" not in stopped.headers
    assert '<a href="/">' in stopped.text
    assert visitor.get("/notes.json").json()[-1] == "written"


def test_what_is_no_page_stays_as_it_is(visitor):
    assert visitor.get("/notes.json").json()[0] == "hello"
    assert visitor.get("/fragment").text == "<p>Not a page"


def test_error_pages_have_it_too(visitor):
    page = visitor.get("/note/4711")
    assert page.status_code == 404
    assert "No such note" in page.text
    assert "WHERE note.id = ?" in panel(page, "SQLAlchemy")
    assert visitor.get("/note/none").status_code == 404


def test_a_template_is_tried_with_the_values_of_an_earlier_request(visitor):
    (path,) = re.findall(r'href="(/_debug_toolbar/views/template/[^"]+)"', visitor.get("/").text)
    editor = visitor.get(path)
    assert "{% for note in notes %}" in unescape(editor.text)
    tried = visitor.post(path, {"content": "<i>{{ notes[0].id }}</i>"})
    assert tried.text == "<i>1</i>"
    refused = visitor.post(path, {"content": "{{ notes"})
    assert refused.status_code == 400
    assert refused.json()["lineno"] == 1


def test_a_query_that_it_did_not_sign_is_refused(visitor):
    forged = visitor.get("/_debug_toolbar/views/sqlalchemy/sql_select?query=forged&duration=1")
    assert forged.status_code == 406
