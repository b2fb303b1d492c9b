"""The comparison itself: what differs is seen, what may differ is not."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from .asking import Ask, Upload, get
from .observing import alike, converse, logs, signals, stages

flask = importlib.import_module("flask")


def _application(change: Callable[[ModuleType, Any], object]) -> Callable[[ModuleType], Any]:
    def create(framework: ModuleType) -> Any:
        app = framework.Flask(__name__)
        app.secret_key = "observing"
        app.add_url_rule("/", "index", lambda: "index")
        change(framework, app)
        return app

    return create


def _failing() -> None:
    raise ValueError("failing")


DIFFERENCES: dict[str, Callable[[ModuleType, Any], object]] = {
    "status": lambda f, app: app.before_request(lambda: ("index", 201)),
    "header": lambda f, app: app.before_request(lambda: ("index", {"X-A": "1"})),
    "body": lambda f, app: app.before_request(lambda: "another"),
    "chunks": lambda f, app: app.before_request(lambda: iter(["in", "dex"])),
    "journal": lambda f, app: app.extensions.update(
        journal=app.before_request(lambda: app.extensions["journal"].append(1)) and []
    ),
    "raised": lambda f, app: app.teardown_request(lambda error: _failing()),
    "log": lambda f, app: app.before_request(lambda: app.logger.warning("logged")),
    "warning": lambda f, app: app.before_request(
        lambda: importlib.import_module("warnings").warn("warned", stacklevel=2)
    ),
    "context": lambda f, app: app.before_request(lambda: app.app_context().push()),
    "cookie": lambda f, app: app.before_request(lambda: f.session.update(a=1)),
}


@pytest.mark.parametrize("change", DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_seen(change: Callable[[ModuleType, Any], object]) -> None:
    plain = converse([flask], _application(lambda f, app: None), get("/"))
    assert converse([flask], _application(change), get("/")) != plain


@pytest.mark.parametrize("recorder", [signals, stages])
def test_a_recorder_sees_what_the_answer_does_not_show(recorder: Any) -> None:
    create = _application(lambda f, app: None)
    (plain,) = converse([flask], create, get("/"))
    (watched,) = converse([flask], create, get("/"), attach=[recorder])
    assert watched.chunks == plain.chunks
    assert watched.journal != plain.journal


def test_the_log_is_noted_with_its_error() -> None:
    create = _application(lambda f, app: app.before_request(_failing))
    (answer,) = converse([flask], create, get("/"), attach=[logs])
    (record,) = answer.journal
    assert record[0] == "log"
    assert record[-1] == "builtins.ValueError: failing"


def test_stages_are_put_back() -> None:
    app = _application(lambda f, app: setattr(app, "make_response", app.make_response))(flask)
    before = dict(vars(app))
    converse([flask], lambda _: app, get("/"), attach=[stages])
    assert vars(app).keys() - before.keys() <= {"logger"}
    assert vars(app)["make_response"] is before["make_response"]


def test_a_session_of_another_time_is_the_same_session() -> None:
    create = _application(lambda f, app: app.before_request(lambda: f.session.update(a=1)))
    (answer,) = converse([flask], create, get("/"))
    (cookie,) = [value for name, value, _ in answer.headers if name == "Set-Cookie"]
    assert cookie.startswith("session=eyJhIjoxfQ.<time>.<signature>; ")


def test_cookies_are_kept_and_deleted() -> None:
    def change(framework: ModuleType, app: Any) -> None:
        app.add_url_rule("/set", "set", lambda: framework.session.update(a=1) or "")
        app.add_url_rule("/clear", "clear", lambda: framework.session.clear() or "")
        app.add_url_rule("/sent", "sent", lambda: str(len(framework.request.cookies)))

    ask = get("/set", then=(get("/sent"), get("/clear"), get("/sent")))
    answers = converse([flask], _application(change), ask)
    assert [answer.chunks for answer in answers] == [[], [b"1"], [], [b"0"]]


def test_package_names_and_addresses_are_made_alike() -> None:
    assert alike("<carboy.g of 'x' at 0x7f0123456789>") == "<flask.g of 'x' at 0x>"
    assert alike({"Carboy": [b"carboy"]}) == {"Flask": [b"flask"]}
    assert alike("<Rule '/' (OPTIONS, GET, HEAD) -> x>") == "<Rule '/' (GET, HEAD, OPTIONS) -> x>"


def test_an_ask_builds_the_environ_it_describes() -> None:
    ask = Ask(
        "/a b",
        "POST",
        query="q=1",
        form={"a": "1", "f": Upload("x.txt", b"content")},
        environ={"EXTRA": "yes"},
        without=("HTTP_HOST",),
    )
    environ = ask.build()
    assert environ["PATH_INFO"] == "/a b"
    assert environ["EXTRA"] == "yes"
    assert "HTTP_HOST" not in environ
    assert environ["wsgi.input"].read() == ask.build()["wsgi.input"].read()
