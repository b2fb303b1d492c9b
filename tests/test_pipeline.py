"""How a request runs, where a server's own calls matter: several requests, without the client."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import flask
import pytest
from werkzeug.test import create_environ, run_wsgi_app

import carboy
from carboy import Flask, g, has_app_context, request, session
from carboy.globals import request_ctx
from carboy.sessions import SecureCookieSession, SessionInterface


@pytest.fixture
def app() -> Flask:
    return Flask(__name__)


def ask(app: Flask, path: str = "/", **environ: Any) -> tuple[str, str]:
    """The status and the text of the answer, as a server gets them."""
    body, status, _ = run_wsgi_app(app, create_environ(path, **environ), buffered=True)
    return status, b"".join(body).decode()


def test_a_session_interface_is_asked_for_each_request(app: Flask) -> None:
    class Stored(SessionInterface):
        def open_session(self, app: Flask, request: Any) -> Any:
            return SecureCookieSession({"path": request.path})

        def save_session(self, app: Flask, session: Any, response: Any) -> None:
            response.headers["X-Saved"] = session["path"]

    app.session_interface = Stored()
    app.get("/<int:number>")(lambda number: f"{number} {session['path']} {request.endpoint}")
    app.view_functions = dict(app.view_functions)

    for number in range(4):
        assert ask(app, f"/{number}")[1].startswith(f"{number} /{number} ")


@pytest.mark.parametrize("stop", [SystemExit(3), KeyboardInterrupt()])
def test_an_async_view_that_stops_leaves_the_loop_running(app: Flask, stop: BaseException) -> None:
    @app.get("/stop")
    async def stopping() -> str:
        raise stop

    @app.get("/")
    async def index() -> str:
        return "still here"

    with pytest.raises(type(stop)):
        ask(app, "/stop")
    assert ask(app) == ("200 OK", "still here")
    assert not has_app_context()


def test_the_loop_keeps_no_request_alive(app: Flask) -> None:
    class Kept:
        pass

    seen: list[weakref.ref[Kept]] = []

    @app.get("/")
    async def index() -> str:
        g.kept = Kept()
        seen.append(weakref.ref(g.kept))
        return ""

    for _ in range(3):
        ask(app)
    gc.collect()
    assert [reference() for reference in seen] == [None, None, None]


def test_a_context_that_a_view_leaves_open_does_not_reach_the_next_request(app: Flask) -> None:
    ended: list[str] = []
    app.teardown_request(lambda error: ended.append("request"))
    app.teardown_appcontext(lambda error: ended.append("application"))

    @app.get("/leave")
    def leave() -> str:
        app.app_context().push()
        g.secret = "somebody's"
        return "left"

    app.get("/")(lambda: str(g.get("secret")))

    with pytest.raises(AssertionError, match="Popped wrong request context"):
        ask(app, "/leave")
    assert not has_app_context()
    assert ended == ["request", "application"]
    assert ask(app) == ("200 OK", "None")


STAGES = ["full_dispatch_request", "dispatch_request", "process_response", "make_response"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_patched_on_the_class(
    app: Flask, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    called: list[str] = []
    plain = getattr(Flask, stage)

    def patched(self: Flask, *args: Any) -> Any:
        called.append(stage)
        return plain(self, *args)

    monkeypatch.setattr(Flask, stage, patched)
    app.get("/")(lambda: "answered")

    assert ask(app) == ("200 OK", "answered")
    assert ask(app) == ("200 OK", "answered")
    assert called == [stage, stage]


@pytest.mark.parametrize("stage", STAGES)
def test_the_client_notices_a_class_that_was_patched_late(
    app: Flask, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    app.get("/")(lambda: "answered")
    client = app.test_client()
    client.get("/")
    called: list[str] = []
    plain = getattr(Flask, stage)
    monkeypatch.setattr(
        Flask, stage, lambda self, *args: called.append(stage) or plain(self, *args)
    )

    assert client.get("/").text == "answered"
    assert called == [stage]


def _replace_views(app: Flask) -> None:
    app.view_functions = {**app.view_functions, "index": lambda: "replaced"}


def _replace_view(app: Flask) -> None:
    app.view_functions["index"] = lambda: "replaced"


def _replace_stage(app: Flask) -> None:
    app.dispatch_request = lambda: "replaced"  # type: ignore[method-assign]


def _replace_map(app: Flask) -> None:
    app.url_map = carboy.Flask(__name__).url_map
    app.url_map.add(app.url_rule_class("/", endpoint="other", methods=["GET"]))
    app.view_functions["other"] = lambda: "replaced"


def _add_hook(app: Flask) -> None:
    app.before_request_funcs.setdefault(None, []).append(lambda: "replaced")


@pytest.mark.parametrize(
    "change", [_replace_views, _replace_view, _replace_stage, _replace_map, _add_hook]
)
def test_a_change_between_requests_counts_from_the_next_one(
    app: Flask, change: Callable[[Flask], None]
) -> None:
    app.add_url_rule("/", "index", lambda: "first")
    assert ask(app) == ask(app) == ("200 OK", "first")

    change(app)
    assert ask(app) == ask(app) == ("200 OK", "replaced")


def test_an_adapter_of_ones_own_builds_the_urls(app: Flask) -> None:
    @app.before_request
    def below_a_tenant() -> None:
        request_ctx.url_adapter = app.url_map.bind("example.org", script_name="/tenant")

    app.add_url_rule("/", "index", lambda: carboy.url_for("index"))

    assert [ask(app)[1] for _ in range(3)] == ["/tenant/"] * 3


def test_a_request_class_makes_its_objects_itself(app: Flask) -> None:
    class Tagged(carboy.Request):
        def __new__(cls, *args: Any, **kwargs: Any) -> Tagged:
            self = super().__new__(cls)
            self.tag = "made"
            return self

    app.request_class = Tagged
    app.get("/")(lambda: request.tag)  # type: ignore[attr-defined]

    assert [ask(app)[1] for _ in range(3)] == ["made"] * 3


def test_a_generator_is_closed_when_the_client_leaves(app: Flask) -> None:
    events: list[str] = []

    @app.get("/")
    def index() -> Iterator[str]:
        def generate() -> Iterator[str]:
            try:
                yield request.path
                yield "never sent"
            finally:
                events.append(f"closed at {request.path}")

        return carboy.stream_with_context(generate())  # type: ignore[return-value]

    app.teardown_request(lambda error: events.append("teardown"))
    body, _, _ = run_wsgi_app(app, create_environ("/"))
    assert next(iter(body)) == b"/"
    body.close()  # type: ignore[attr-defined]

    assert events == ["teardown", "closed at /", "teardown"]
    assert not has_app_context()


def test_an_application_context_inside_a_request_forgets_the_request_with_it(app: Flask) -> None:
    ctx = app.app_context()
    ctx.push()
    with app.test_request_context(), ctx:
        assert carboy.has_request_context()
    assert not carboy.has_request_context()
    ctx.pop()


class Names:
    """A namespace of a program's own, which finds every name."""

    def __getattr__(self, name: str) -> str:
        return f"made {name}"


def attributes(web: ModuleType, app: Any) -> Iterator[object]:
    """What reading, setting and deleting attributes of ``g`` comes to."""
    g = web.g
    for name in ("a", "_a", "__a__", "Ä", "pop"):
        for change in (lambda: None, lambda name=name: setattr(g, name, 1), lambda: g.__dict__):
            yield outcome(change)
            yield outcome(lambda name=name: getattr(g, name)) if name != "pop" else callable(g.pop)
            yield name in dir(g)
        for _ in range(2):
            yield outcome(lambda name=name: delattr(g, name))
    yield type(g._get_current_object()).__name__
    yield g.__class__ is type(web.globals.app_ctx.g)
    yield outcome(lambda: g.pop("b", default=2))


def outcome(action: Callable[[], object]) -> object:
    try:
        return action()
    except Exception as e:
        return type(e), str(e)


@pytest.mark.parametrize("namespace", [None, Names])
@pytest.mark.parametrize("pushed", [True, False])
def test_attributes_of_g_are_those_of_flasks(pushed: bool, namespace: type | None) -> None:
    def seen(web: ModuleType) -> list[object]:
        app = web.Flask(__name__)
        if namespace is not None:
            app.app_ctx_globals_class = namespace
        if not pushed:
            return [outcome(lambda: web.g.a), outcome(lambda: web.g._a), repr(web.g)]
        with app.app_context():
            return list(attributes(web, app))

    assert seen(carboy) == seen(flask)
