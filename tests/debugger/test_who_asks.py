"""The form of the answer is what the client wants."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException, InternalServerError

from carboy import Flask
from carboy.answers import form_for
from carboy.debugger import install
from gateways.doubles import ASK, Request

from .conftest import BROWSER, Page, Pages, fail_with


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


def test_what_a_problem_is_about_is_a_uri(app: Flask) -> None:
    fail_with(app, ValueError("x"), "/gr\xfc\xdfe aus K\xf6ln")
    headers = {"Accept": "application/problem+json"}
    problem = app.test_client().get("/gr\xfc\xdfe aus K\xf6ln", headers=headers).json
    assert problem["instance"] == "/gr%C3%BC%C3%9Fe%20aus%20K%C3%B6ln"


JSON = ["application/json", "application/json, text/plain, */*", "application/problem+json"]
ANY = [BROWSER, "*/*", "", "text/plain", "image/png", "text/html, application/json;q=0.9"]


@pytest.mark.parametrize("accept", [*ANY, *JSON])
def test_without_debug_mode_there_are_no_frames(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask(__name__)
    fail_with(app, ValueError("inside"))
    response = app.test_client().get("/", headers={"Accept": accept})
    assert response.status_code == 500
    for word in ("inside", "ValueError", "Traceback", ".py"):
        assert word not in response.text
    assert caplog.text.count("ValueError: inside") == 1


@pytest.mark.parametrize("accept", ANY)
def test_without_debug_mode_the_plain_500_is_that_of_flask(accept: str) -> None:
    import flask

    answers = []
    for kind in (flask.Flask, Flask):
        app = kind(__name__)
        app.logger.handlers.append(logging.NullHandler())
        app.get("/")(lambda: 1 / 0)
        response = app.test_client().get("/", headers={"Accept": accept})
        answers.append((response.status, response.data, list(response.headers)))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("accept", JSON)
@pytest.mark.parametrize("gateway", sorted(ASK))
def test_without_debug_mode_a_program_gets_a_problem_without_details(
    gateway: str, accept: str
) -> None:
    app = Flask(__name__)
    fail_with(app, ValueError("inside"))
    added = []
    app.after_request(lambda response: added.append(1) or response)
    answer = asyncio.run(ASK[gateway](app, Request("/", fields=[("accept", accept)])))
    assert answer.status == 500 and answer["content-type"] == "application/problem+json"
    assert answer["vary"] == "Accept"
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
    }
    assert added == [1]


def test_a_handler_brings_the_page_of_flask_back() -> None:
    app = Flask(__name__)
    fail_with(app, ValueError("inside"))
    app.errorhandler(500)(lambda e: e)
    response = app.test_client().get("/", headers={"Accept": "application/json"})
    assert response.data == InternalServerError().get_body().encode()
    assert response.mimetype == "text/html"


@pytest.mark.parametrize("kind", [500, HTTPException, InternalServerError, Exception])
def test_who_answers_errors_answers_programs_too(kind: Any) -> None:
    app = Flask(__name__)
    fail_with(app, ValueError("inside"))
    app.errorhandler(kind)(lambda e: ("handled", 500))
    headers = {"Accept": "application/json"}
    assert app.test_client().get("/", headers=headers).text == "handled"


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
    assert fields["X-Frame-Options"] == "SAMEORIGIN"
    assert fields["Cross-Origin-Opener-Policy"] == "same-origin"
    attribute = f'nonce="{nonce[7:-1]}"'
    for tag in re.findall(r"<(?:script|style)[^>]*>", shown.html):
        assert attribute in tag
    assert not re.search(r'\s(?:on\w+|style)="', shown.html)
    assert not re.findall(r'(?:src|href)="(?!#|data:|/__debugger__/routes")', shown.html)
    assert page().response.headers["Content-Security-Policy"] != fields["Content-Security-Policy"]


def test_a_script_of_the_server_runs_in_the_page(app: Flask) -> None:
    install(app, extra_script="const reload = 'here';")
    fail_with(app, ValueError("x"))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert re.search(r"<script nonce=[^>]*>\nconst reload = 'here';</script>", shown.html)
