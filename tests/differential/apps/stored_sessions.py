"""Sessions that are kept on the server by an interface of the program's own."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get


def create(flask: ModuleType) -> Any:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    app = flask.Flask(__name__)
    journal = app.extensions["journal"] = []
    session, request = flask.session, flask.request
    store: dict[str, dict[str, Any]] = {}

    class Session(dict, sessions.SessionMixin):
        key = ""

    class Stored(sessions.SessionInterface):
        session_class = Session

        def open_session(self, app: Any, request: Any) -> Any:
            if request.path.startswith("/without"):
                return None
            if request.path == "/open-fails":
                raise ValueError("while opening")
            key = request.cookies.get(self.get_cookie_name(app), "")
            opened = self.session_class(store.get(key, {}))
            opened.key = key or f"key{len(store)}"
            journal.append(("open", opened.key, request.endpoint))
            return opened

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            journal.append(("save", dict(session), response.status))
            if "save-fails" in session:
                raise ValueError("while saving")
            store[session.key] = dict(session)
            response.set_cookie(self.get_cookie_name(app), session.key)

    app.session_interface = Stored()

    @app.get("/")
    def index() -> str:
        return "index"

    @app.get("/without")
    def without() -> Any:
        return repr(type(session._get_current_object()).__name__)

    @app.get("/without/write")
    def without_write() -> Any:
        session["a"] = 1
        return "written"

    @app.get("/read")
    def read() -> Any:
        return dict(session)

    @app.get("/write/<name>")
    def write(name: str) -> Any:
        session[name] = session.get(name, 0) + 1
        return repr(sorted(session))

    @app.get("/<int:number>")
    def number(number: int) -> Any:
        return {"number": number, "method": request.method}

    @app.get("/fail")
    def fail() -> str:
        raise KeyError("view")

    @app.get("/save-fails")
    def save_fails() -> str:
        session["save-fails"] = True
        return "not saved"

    @app.get("/open-fails")
    def open_fails() -> str:
        return "not opened"

    return app


_PATHS = [
    *("/", "/without", "/without/write", "/read", "/write/a", "/3", "/fail", "/missing"),
    *("/save-fails", "/open-fails"),
]

REQUESTS = [
    *(get(path) for path in _PATHS),
    get("/write/a", name="twice", then=(get("/write/a"), get("/write/b"), get("/read"))),
    get("/", name="one after the other", then=tuple(map(get, _PATHS))),
]


def _plain(flask: ModuleType, session: Any, path: str) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    app = flask.Flask(__name__)
    app.session_interface = type(
        "Plain",
        (sessions.SessionInterface,),
        {"open_session": lambda *given: session(), "save_session": lambda *given: None},
    )()
    app.add_url_rule("/", "index", lambda: "index")
    app.add_url_rule("/session", "session", lambda: repr(flask.session.get("a")))
    client = importlib.import_module("werkzeug.test").Client(app)
    return [client.get(path).status for _ in range(4)]


def probe_a_plain_dictionary_unused(flask: ModuleType) -> object:
    return _plain(flask, dict, "/")


def probe_a_plain_dictionary_used(flask: ModuleType) -> object:
    return _plain(flask, dict, "/session")
