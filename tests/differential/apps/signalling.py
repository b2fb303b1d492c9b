"""Signals: who sends them, with what, in which order, and what receivers may do."""

from __future__ import annotations

import importlib
from functools import partial
from types import ModuleType
from typing import Any

from ..asking import get
from ..observing import SIGNALS

# Blinker calls the receivers of one signal in no particular order.
OWN_RECEIVERS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "signals"
    journal = app.extensions["journal"] = []
    request = flask.request

    def receive(name: str, sender: Any, **sent: Any) -> None:
        journal.append((name, sender is app, sorted(sent)))
        if name == "request_finished":
            response = sent["response"]
            response.headers["X-Changed"] = "by a receiver"
            journal.append((response.status, response.get_data()[:20]))
        if name == "before_render_template":
            sent["context"]["added"] = "by a receiver"
            journal.append((sent["template"].name, "request" in sent["context"]))
        if flask.has_request_context() and request.args.get("fail") == name:
            raise ValueError(f"in {name}")

    for name in SIGNALS:
        receiver = app.extensions[f"receiver of {name}"] = partial(receive, name)
        getattr(flask, name).connect(receiver, app)

    @app.get("/")
    def index() -> str:
        return "index"

    @app.get("/template")
    def template() -> Any:
        return flask.render_template_string("{{ added }} {{ given }}", given=1)

    @app.get("/file-template")
    def file_template() -> Any:
        return flask.render_template("child.html", name="x")

    @app.get("/stream-template")
    def stream_template() -> Any:
        return flask.stream_template("stream.html", numbers=[1, 2])

    @app.get("/flash")
    def flash() -> str:
        flask.flash("message", "category")
        return "flashed"

    @app.get("/fail")
    def fail() -> str:
        raise KeyError("view")

    @app.get("/handled")
    def handled() -> str:
        raise IndexError("handled")

    @app.get("/abort")
    def abort() -> str:
        flask.abort(403)

    @app.errorhandler(IndexError)
    def on_index_error(error: IndexError) -> str:
        return "handled"

    return app


_PATHS = [
    *("/", "/template", "/file-template", "/stream-template", "/flash", "/fail"),
    *("/handled", "/abort", "/missing"),
]

REQUESTS = [
    *(get(path) for path in _PATHS),
    *(
        get(path, query=f"fail={name}")
        for name in ("request_started", "request_finished", "request_tearing_down")
        for path in ("/", "/fail")
    ),
    get("/template", query="fail=before_render_template"),
    get("/template", query="fail=template_rendered"),
    get("/flash", query="fail=message_flashed"),
    get("/fail", query="fail=got_request_exception"),
]


def probe_the_signals(flask: ModuleType) -> object:
    module = importlib.import_module(f"{flask.__name__}.signals")
    return [
        (name, getattr(flask, name).name, getattr(module, name) is getattr(flask, name))
        for name in SIGNALS
    ]


def probe_connected_to(flask: ModuleType) -> object:
    app, other = flask.Flask(__name__), flask.Flask("other")
    journal: list[Any] = []

    def receive(sender: Any, **sent: Any) -> None:
        journal.append((sender.name, sorted(sent)))

    for one in (app, other):
        one.add_url_rule("/", "index", lambda: "index")
    app.test_client().get("/")
    with flask.request_started.connected_to(receive, app):
        app.test_client().get("/")
        other.test_client().get("/")
    app.test_client().get("/")
    with flask.appcontext_pushed.connected_to(receive), app.app_context():
        pass
    return journal


def probe_connected_while_a_request_runs(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    journal: list[Any] = []

    def receive(sender: Any, **sent: Any) -> None:
        journal.append(sorted(sent))

    @app.get("/")
    def index() -> str:
        for name in SIGNALS:
            getattr(flask, name).connect(receive, app)
        return "index"

    client = app.test_client()
    client.get("/")
    first, journal[:] = list(journal), []
    client.get("/")
    return first, journal
