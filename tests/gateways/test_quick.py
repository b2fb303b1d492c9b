"""The quick way of an async view, beside the long one: the same answers, and nothing left behind.

With ``ask_loop``, each test runs on both ways, and through each gateway of a loop.
"""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.exceptions import Gone
from werkzeug.local import LocalProxy

from carboy import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    copy_current_request_context,
    current_app,
    g,
    has_request_context,
    json,
    request,
    request_finished,
    request_started,
    request_tearing_down,
    session,
    stream_with_context,
)
from carboy.ctx import AppContext, RequestContext
from carboy.globals import app_ctx, request_ctx
from carboy.json.provider import DefaultJSONProvider

from .conftest import Ask, run
from .doubles import Request, ask_asgi


@pytest.fixture(autouse=True)
def nothing_left(app: Flask) -> Iterator[None]:
    """No request is watched any longer that has been answered."""
    yield
    if (watches := app._watches) is not None:
        assert not watches.young
        assert not watches.grown
        assert not watches.watched


# What is sent


def test_text_that_cannot_be_encoded(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> str:
        return "\ud800"

    assert run(ask_loop()).status == 500


def test_a_setting_that_is_gone(app: Flask, ask_loop: Ask) -> None:
    app.get("/")(_text)
    fields = [("cookie", "session=1")]
    del app.config["SESSION_REFRESH_EACH_REQUEST"]
    assert run(ask_loop(fields=fields)).status == 500
    del app.config["TRUSTED_HOSTS"]
    assert run(ask_loop()).status == 500


def test_json_is_made_once(app: Flask, ask_loop: Ask) -> None:
    made: list[object] = []
    app.json = _provider(app, lambda obj: made.append(obj))

    @app.get("/<float:seconds>")
    async def view(seconds: float) -> dict[str, object]:
        await asyncio.sleep(seconds)
        return {"is": object()}

    run(ask_loop("/0.0"))
    run(ask_loop("/0.12"))
    assert len(made) == 2


def test_json_that_uses_the_session(app: Flask, ask: Ask) -> None:
    app.json = _provider(app, lambda obj: session.setdefault("name", "Ada"))

    @app.get("/<name>")
    async def view(name: str) -> dict[str, object]:
        return {"is": object() if name == "first" else session.get("name")}

    answer = run(ask("/first"))
    assert answer["vary"] == "Cookie"
    fields = [("cookie", answer["set-cookie"].partition(";")[0])]
    assert json.loads(run(ask("/second", fields=fields)).text) == {"is": "Ada"}


def test_json_that_begins_a_task(app: Flask, ask_loop: Ask) -> None:
    begun = asyncio.Event()

    async def begin() -> None:
        begun.set()

    app.json = _provider(app, lambda obj: app.add_background_task(begin))

    @app.get("/")
    async def view() -> list[object]:
        assert request.path == "/"
        return [object()]

    async def main() -> None:
        assert (await ask_loop()).text == "[null]\n"
        await asyncio.wait_for(begun.wait(), 5)

    run(main())


def test_json_that_asks_for_the_context_leaves_nothing(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []
    app.json = _provider(app, lambda obj: seen.append(weakref.ref(_context())))

    @app.get("/")
    async def view() -> list[object]:
        return [object()]

    with _without_collector():
        run(ask_loop())
        assert seen
        assert _are_gone(seen)


def test_a_view_that_pops_and_pushes_its_context(app: Flask, ask_loop: Ask) -> None:
    @app.get("/<int:pops>")
    async def view(pops: int) -> str:
        ctx = _context()
        ctx.pop()
        if pops == 1:
            ctx.push()
        return str(has_request_context())

    assert run(ask_loop("/1")).text == "True"
    assert run(ask_loop("/2")).text == "False"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_client_that_leaves_a_response_of_pieces(
    app: Flask, ask_loop: Ask, is_async: bool
) -> None:
    ended: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            ended.append("async")

    def plain_pieces() -> Iterator[str]:
        try:
            while True:
                yield "x"
        finally:
            ended.append("plain")

    @app.get("/")
    async def view() -> Response:
        return Response(pieces() if is_async else plain_pieces())

    request = Request("/")
    request.on_piece = lambda number: request.leaves.set() if number == 3 else None
    run(ask_loop(request))
    assert ended == ["async" if is_async else "plain"]


def test_a_response_of_pieces_that_would_end_the_server(app: Flask, ask_loop: Ask) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "x"
        raise SystemExit

    @app.get("/")
    async def view() -> Response:
        return Response(pieces())

    with pytest.raises(RuntimeError, match="would end the server"):
        run(ask_loop())


def test_a_response_of_pieces_runs_everything_async_on_the_servers_loop(
    app: Flask, ask_loop: Ask
) -> None:
    async def loop() -> object:
        return asyncio.get_running_loop()

    async def pieces() -> AsyncIterator[str]:
        found = await asyncio.to_thread(app.ensure_sync(loop))
        yield str(found is asyncio.get_running_loop())

    @app.get("/")
    async def view() -> Response:
        return Response(pieces())

    assert run(ask_loop()).text == "True"


def test_a_response_of_pieces_that_uses_the_request(app: Flask, ask_loop: Ask) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield request.path
        yield g.name

    @app.get("/page")
    async def view() -> Response:
        g.name = "!"
        return Response(stream_with_context(pieces()))

    assert run(ask_loop("/page")).text == "/page!"


def test_names_of_headers_are_in_small_letters(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> str:
        session["name"] = "Ada"
        return ""

    names = [name for name, _ in run(ask_loop()).fields]
    assert sorted(names) == ["content-length", "content-type", "set-cookie", "vary"]


# Errors


def test_the_error_is_the_one_being_handled(app: Flask, ask_loop: Ask) -> None:
    def handle(e: Exception) -> Any:
        raise

    app.handle_user_exception = handle  # type: ignore[method-assign]
    app.testing = True

    @app.get("/")
    async def view() -> None:
        abort(418)

    with pytest.raises(Exception, match="teapot"):
        run(ask_loop())


def test_a_handled_error_leaves_nothing(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []

    @app.get("/<int:code>")
    async def view(code: int) -> None:
        seen.append(_kept_by(g))
        abort(code)

    @app.get("/fails")
    async def failing_view() -> None:
        seen.append(_kept_by(g))
        raise ValueError

    @app.errorhandler(418)
    @app.errorhandler(ValueError)
    async def handle(e: Exception) -> str:
        seen.append(_kept_by(e))
        return "short and stout"

    with _without_collector():
        assert run(ask_loop("/404")).status == 404
        assert run(ask_loop("/418")).text == "short and stout"
        assert run(ask_loop("/fails")).text == "short and stout"
        assert len(seen) == 5
        assert _are_gone(seen)


def test_a_view_with_other_parameters_than_its_rule(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []

    @app.get("/<name>")
    async def view(other: str) -> str:
        return other

    @app.errorhandler(TypeError)
    async def handle(e: TypeError) -> str:
        seen.append(_kept_by(e))
        return f"{request.path}: {e}"

    with _without_collector():
        assert "/Ada: " in run(ask_loop("/Ada")).text
        assert _are_gone(seen)
    del app.error_handler_spec[None]
    assert run(ask_loop("/Ada")).status == 500


@pytest.mark.parametrize("given", [("text", 201), ("text", 201, {}), ("text", "text", {}), ()])
def test_a_hook_that_returns_a_tuple(app: Flask, ask_loop: Ask, given: Any) -> None:
    app.after_request(lambda response: given)
    app.get("/")(_text)
    app.get("/plain")(lambda: "")
    with pytest.raises(TypeError, match="The response to send is a tuple"):
        run(ask_loop())
    with pytest.raises(TypeError, match="The response to send is a tuple"):
        run(ask_loop("/plain"))


# Contexts, tasks and threads


@pytest.mark.parametrize("within", ["app_context", "test_request_context"])
def test_a_task_that_outlives_a_context(app: Flask, ask_loop: Ask, within: str) -> None:
    async def loop() -> object:
        return asyncio.get_running_loop()

    async def later(is_over: asyncio.Event) -> object:
        await is_over.wait()
        return await asyncio.to_thread(app.ensure_sync(loop))

    async def main() -> None:
        is_over = asyncio.Event()
        tasks: list[asyncio.Task[object]] = []

        @app.get("/")
        async def view() -> str:
            with getattr(app, within)():
                tasks.append(asyncio.create_task(later(is_over)))
            return ""

        await ask_loop()
        is_over.set()
        assert await tasks[0] is asyncio.get_running_loop()

    run(main())


def test_child_tasks_share_the_context(app: Flask, ask_loop: Ask) -> None:
    async def child(name: str) -> str:
        await asyncio.sleep(0)
        setattr(g, name, request.path)
        return name

    @app.get("/page")
    async def view() -> str:
        await asyncio.gather(child("a"), child("b"))
        return str(sorted(g))

    assert run(ask_loop("/page")).text == "['a', 'b']"


def test_threads_share_the_context(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> str:
        found = [asyncio.to_thread(_context) for _ in range(8)]
        return str(len({id(ctx) for ctx in await asyncio.gather(*found)}))

    assert run(ask_loop()).text == "1"


@pytest.mark.parametrize("user", ["nobody", "view", "task", "both"])
def test_a_task_that_outlives_its_request(app: Flask, ask_loop: Ask, user: str) -> None:
    seen: list[object] = []

    async def later(is_over: asyncio.Event) -> None:
        if user in {"task", "both"}:
            seen.append(request.path)
        await is_over.wait()
        seen.append(has_request_context())
        seen.append(current_app.name)
        with app.test_request_context("/other"):
            seen.append(request.path)
        seen.append(has_request_context())

    async def main() -> None:
        is_over = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []

        @app.get("/page")
        async def view() -> str:
            if user in {"view", "both"}:
                assert request.path == "/page"
            tasks.append(asyncio.create_task(later(is_over)))
            await asyncio.sleep(0)
            return "first"

        assert (await ask_loop("/page")).text == "first"
        is_over.set()
        await tasks[0]

    run(main())
    assert seen[-4:] == [False, app.name, "/other", False]


def test_a_task_that_outlives_its_request_leaves_nothing(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []

    async def later(is_over: asyncio.Event) -> None:
        await is_over.wait()
        assert not has_request_context()

    async def main() -> None:
        is_over = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []

        @app.get("/")
        async def view() -> str:
            tasks.append(asyncio.create_task(later(is_over)))
            seen.append(weakref.ref(asyncio.current_task()))  # type: ignore[arg-type]
            return ""

        await asyncio.create_task(ask_loop())
        is_over.set()
        await tasks.pop()

    with _without_collector():
        run(main())
        assert _are_gone(seen)


@pytest.mark.parametrize("is_used", [False, True])
def test_contexts_within_a_request(app: Flask, ask_loop: Ask, is_used: bool) -> None:
    other = Flask("other")

    @app.get("/page")
    async def view() -> str:
        seen = [request.path] if is_used else []
        with app.app_context():
            seen.append(f"{app_ctx._get_current_object().__class__ is AppContext}")  # type: ignore[attr-defined]
        with other.app_context():
            seen.append(current_app.name)
        with app.test_request_context("/other"):
            seen.append(request.path)
        return " ".join([*seen, current_app.name, request.path])

    expected = f"True other /other {app.name} /page"
    assert run(ask_loop("/page")).text == ("/page " if is_used else "") + expected


def test_a_context_that_is_left_pushed(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> str:
        app.app_context().push()
        return ""

    with pytest.raises(AssertionError, match="Popped wrong request context"):
        run(ask_loop())


def test_a_client_of_the_same_application(app: Flask, ask_loop: Ask) -> None:
    @app.get("/inner")
    async def inner() -> str:
        return request.path

    @app.get("/outer")
    async def outer() -> str:
        answer = await asyncio.to_thread(app.test_client().get, "/inner")
        return answer.text + request.path

    assert run(ask_loop("/outer")).text == "/inner/outer"


def test_an_application_called_by_a_view_of_another(app: Flask, ask_loop: Ask) -> None:
    other = Flask("other")
    other.get("/")(_name)

    @app.get("/")
    async def view() -> str:
        answers = [await ask_asgi(other.asgi, Request()) for _ in range(3)]
        return " ".join([*(answer.text for answer in answers), current_app.name])

    assert run(ask_loop()).text == f"other other other {app.name}"


def test_a_copied_context(app: Flask, ask_loop: Ask) -> None:
    @app.get("/page")
    async def view() -> str:
        return await asyncio.to_thread(copy_current_request_context(lambda: request.path))

    assert run(ask_loop("/page")).text == "/page"


def test_functions_in_threads_lead_to_the_servers_loop(app: Flask, ask_loop: Ask) -> None:
    async def loop() -> object:
        return asyncio.get_running_loop()

    @app.get("/")
    async def view() -> str:
        find = app.ensure_sync(loop)
        found = [await asyncio.to_thread(find)]
        found.append(await asyncio.to_thread(copy_current_request_context(find)))
        with app.app_context(), Flask("other").test_request_context():
            found.append(await asyncio.to_thread(find))
        return str({one is asyncio.get_running_loop() for one in found})

    assert run(ask_loop()).text == "{True}"


def test_a_context_goes_with_its_request(app: Flask, ask_loop: Ask) -> None:
    seen: list[weakref.ref[Any]] = []

    @app.get("/<user>")
    async def view(user: str) -> Any:
        seen.append(weakref.ref(_context()))
        if user == "task":
            await asyncio.gather(_path(), _path())
        elif user == "thread":
            await asyncio.to_thread(lambda: request.path)
        elif user == "session":
            session["name"] = "Ada"
        return {"json": {}, "response": Response()}.get(user, "")

    with _without_collector():
        for user in ["nobody", "task", "thread", "session", "json", "response"]:
            run(ask_loop(f"/{user}"))
            assert _are_gone(seen), user


# Hooks


@pytest.fixture
def called(app: Flask) -> list[str]:
    """Which hooks of the blueprint `cellar` were called: for `/cellar/`, and not for `/`."""
    called: list[str] = []
    cellar = Blueprint("cellar", __name__, url_prefix="/cellar")

    @cellar.before_request
    async def before() -> None:
        await asyncio.sleep(0)
        called.append("before")

    @cellar.after_request
    async def after(response: Response) -> Response:
        called.append("after")
        return response

    @cellar.teardown_request
    async def teardown(error: BaseException | None) -> None:
        called.append("teardown")

    cellar.get("/")(_path)
    app.get("/")(_path)
    app.register_blueprint(cellar)
    return called


def test_hooks_of_a_blueprint_are_for_its_views(
    app: Flask, ask_loop: Ask, called: list[str]
) -> None:
    for _ in range(2):
        assert run(ask_loop("/")).text == "/"
    assert called == []
    assert run(ask_loop("/cellar/")).text == "/cellar/"
    assert called == ["before", "after", "teardown"]


def test_hooks_that_a_view_registers_for_itself(
    app: Flask, ask_loop: Ask, called: list[str]
) -> None:
    app.before_request_funcs[None] = [_nothing]

    @app.get("/register")
    async def register() -> str:
        app.after_request_funcs[None].append(lambda response: called.append("after") or response)  # type: ignore[func-returns-value]
        app.teardown_request_funcs[None].append(lambda error: called.append("teardown"))
        return ""

    run(ask_loop("/register"))
    assert called == ["after", "teardown"]


@pytest.mark.parametrize("answers", ["text", "error"])
def test_a_hook_that_answers(app: Flask, ask_loop: Ask, called: list[str], answers: str) -> None:
    @app.before_request
    async def answer() -> str:
        if answers == "error":
            abort(418)
        return "text"

    @app.errorhandler(418)
    async def handle(error: Exception) -> str:
        called.append(type(error).__name__)
        return "error"

    assert run(ask_loop("/cellar/")).text == answers
    assert called == ["ImATeapot"] * (answers == "error") + ["after", "teardown"]


def test_a_hook_that_raises(app: Flask, ask_loop: Ask, called: list[str]) -> None:
    @app.before_request
    async def fail() -> None:
        raise ValueError

    assert run(ask_loop("/cellar/")).status == 500
    assert called == ["after", "teardown"]


def test_a_plain_hook_among_async_ones(app: Flask, ask_loop: Ask, called: list[str]) -> None:
    loops: list[object] = []

    def plain() -> None:
        loops.append(asyncio._get_running_loop())

    app.before_request_funcs[None] = [_nothing]
    app.get("/both")(_path)
    run(ask_loop("/both"))
    app.before_request_funcs[None].append(plain)
    run(ask_loop("/both"))
    assert loops == [None]


def test_a_hook_that_cannot_be_hashed(app: Flask, ask_loop: Ask) -> None:
    class Hook:
        __hash__ = None  # type: ignore[assignment]
        count = 0

        async def __call__(self) -> None:
            self.count += 1

    hook = Hook()
    app.before_request_funcs[None] = [hook]
    app.get("/")(_path)
    for _ in range(2):
        assert run(ask_loop()).text == "/"
    assert hook.count == 2


def test_a_hook_that_changes_what_is_called(app: Flask, ask_loop: Ask) -> None:
    @app.get("/<name>")
    async def view(name: str) -> str:
        return f"view {name}"

    @app.get("/other/<name>")
    def other(name: str) -> str:
        return f"other {name}"

    @app.get("/no/arguments")
    async def without() -> str:
        return "without"

    @app.before_request
    async def change() -> None:
        name = request.path[1:].partition("/")[0]
        if name == "arguments":
            request.view_args = {"name": "changed"}
        elif name == "no":
            request.view_args = None
        elif name == "rule":
            request.url_rule = next(app.url_map.iter_rules("other"))
        elif name == "view":
            app.view_functions["view"] = other
        elif name == "exception":
            request.routing_exception = Gone()

    assert run(ask_loop("/nothing")).text == "view nothing"
    assert run(ask_loop("/arguments")).text == "view changed"
    assert run(ask_loop("/no")).status == 500
    assert run(ask_loop("/no/arguments")).text == "without"
    assert run(ask_loop("/rule")).text == "other rule"
    assert run(ask_loop("/exception")).status == 410
    assert run(ask_loop("/view")).text == "other view"


def test_a_plain_hook_that_is_registered_by_an_async_one(app: Flask, ask_loop: Ask) -> None:
    loops: list[object] = []
    hooks: list[Any] = app.before_request_funcs[None]

    @app.before_request
    async def register() -> None:
        hooks[1:] = [lambda: loops.append(asyncio._get_running_loop())]

    app.get("/")(_path)
    assert run(ask_loop()).text == "/"
    assert loops == []
    assert run(ask_loop()).text == "/"
    assert loops == [None]


@pytest.mark.parametrize("name", ["before_request_funcs", "after_request_funcs"])
def test_a_hook_behind_a_proxy(app: Flask, ask_loop: Ask, name: str) -> None:
    async def hook(*args: Any) -> Any:
        called.append(current_app.name)
        return args[0] if args else None

    called: list[str] = []
    app.extensions["hook"] = hook
    getattr(app, name)[None] = [LocalProxy(lambda: current_app.extensions["hook"])]
    app.get("/")(_path)
    for _ in range(2):
        assert run(ask_loop()).text == "/"
    assert called == [app.name] * 2


def test_a_rule_that_is_none(app: Flask, ask_loop: Ask) -> None:
    app.before_request(_nothing)

    @app.get("/")
    async def view() -> str:
        request.url_rule = "no rule"  # type: ignore[assignment]
        return "text"

    assert run(ask_loop()).text == "text"


def test_functions_for_one_request_go_with_it(app: Flask, ask_loop: Ask) -> None:
    kept: list[weakref.ref[Any]] = []

    @app.get("/")
    async def view() -> str:
        async def after(response: Response) -> Response:
            return response

        after_this_request(after)
        kept.append(weakref.ref(after))
        return ""

    run(ask_loop())
    run(ask_loop())
    gc.collect()
    assert [ref() for ref in kept] == [None, None]


def test_a_client_that_leaves_in_a_hook(app: Flask, ask_loop: Ask, called: list[str]) -> None:
    @app.before_request
    async def wait() -> None:
        leaves.set()
        try:
            await asyncio.sleep(60)
        finally:
            called.append("cancelled")

    leaves = asyncio.Event()
    run(ask_loop(Request("/cellar/", leaves=leaves)))
    assert called == ["cancelled", "teardown"]


# What others do meanwhile


def test_hooks_that_are_registered_meanwhile(app: Flask, ask_loop: Ask) -> None:
    called: list[str] = []

    @app.get("/")
    async def view() -> str:
        def after(response: Response) -> Response:
            called.append("after")
            return response

        app.after_request_funcs.setdefault(None, []).append(after)
        app.teardown_request_funcs.setdefault(None, []).append(lambda e: called.append("request"))
        app.teardown_appcontext_funcs.append(lambda e: called.append("application"))
        return ""

    run(ask_loop())
    assert called == ["after", "request", "application"]


def test_a_function_for_this_request_only(app: Flask, ask_loop: Ask) -> None:
    @app.get("/<int:status>")
    async def view(status: int) -> str:
        @after_this_request
        async def change(response: Response) -> Response:
            response.status_code = status
            return response

        return ""

    assert run(ask_loop("/201")).status == 201


def test_a_receiver_that_is_connected_meanwhile(app: Flask, ask_loop: Ask) -> None:
    sent: list[str] = []

    def receive(sender: Flask, response: Response, **more: object) -> None:
        sent.append(response.get_data(as_text=True))

    @app.get("/")
    async def view() -> str:
        request_finished.connect(receive, app)
        return "text"

    try:
        run(ask_loop())
    finally:
        request_finished.disconnect(receive, app)
    assert sent == ["text"]


def _assigned(registry: dict[Any, Any], hook: Callable[..., Any]) -> None:
    registry[None] = [hook]


def _appended(registry: dict[Any, Any], hook: Callable[..., Any]) -> None:
    registry[None].append(hook)


def _defaulted(registry: dict[Any, Any], hook: Callable[..., Any]) -> None:
    registry.setdefault(None, []).append(hook)


def _updated(registry: dict[Any, Any], hook: Callable[..., Any]) -> None:
    registry.update({None: [hook]})


def _merged(registry: dict[Any, Any], hook: Callable[..., Any]) -> None:
    registry |= {None: [hook]}


@pytest.mark.parametrize("put", [_assigned, _appended, _defaulted, _updated, _merged])
@pytest.mark.parametrize(
    "name",
    [
        "before_request_funcs",
        "url_value_preprocessors",
        "after_request_funcs",
        "teardown_request_funcs",
    ],
)
def test_a_hook_that_is_put_into_a_registry_between_requests(
    app: Flask, ask_loop: Ask, name: str, put: Callable[..., Any]
) -> None:
    called: list[str] = []

    def hook(*args: Any) -> Any:
        called.append(name)
        return args[0] if name == "after_request_funcs" else None

    app.get("/")(_text)
    run(ask_loop())
    assert called == []
    put(getattr(app, name), hook)
    run(ask_loop())
    run(ask_loop())
    assert called == [name, name]
    getattr(app, name).clear()
    run(ask_loop())
    assert called == [name, name]


def test_a_plain_dictionary_in_the_place_of_a_registry(app: Flask, ask_loop: Ask) -> None:
    called: list[int] = []
    app.get("/")(_text)
    app.before_request_funcs = {}
    run(ask_loop())
    run(ask_loop())
    app.before_request_funcs[None] = [lambda: called.append(1)]
    run(ask_loop())
    assert called == [1]


def test_a_function_for_the_end_of_the_context_between_requests(app: Flask, ask_loop: Ask) -> None:
    called: list[object] = []
    app.get("/")(_text)
    run(ask_loop())
    app.teardown_appcontext_funcs.append(called.append)
    run(ask_loop())
    assert called == [None]


@pytest.mark.parametrize(
    "signal",
    [
        request_started,
        request_finished,
        request_tearing_down,
        appcontext_pushed,
        appcontext_popped,
        appcontext_tearing_down,
    ],
)
@pytest.mark.parametrize("way", ["connect", "connect_via", "connected_to"])
def test_a_receiver_that_is_connected_between_requests(
    app: Flask, ask_loop: Ask, signal: Any, way: str
) -> None:
    called: list[object] = []

    def receive(sender: object, **more: object) -> None:
        called.append(sender)

    app.get("/")(_text)
    run(ask_loop())
    if way == "connected_to":
        with signal.connected_to(receive, app):
            run(ask_loop())
    else:
        if way == "connect":
            signal.connect(receive, app)
        else:
            signal.connect_via(app)(receive)
        run(ask_loop())
        signal.disconnect(receive)
    assert called == [app]
    run(ask_loop())
    assert called == [app]


def test_attributes_that_are_set_meanwhile(app: Flask, ask_loop: Ask) -> None:
    class Other(Response):
        default_mimetype = "text/plain"

    @app.get("/")
    async def view() -> str:
        await asyncio.sleep(0.01)
        return ""

    async def main() -> None:
        asking = asyncio.create_task(ask_loop())
        await asyncio.sleep(0)
        app.response_class = Other
        await asking
        assert (await ask_loop())["content-type"] == "text/plain; charset=utf-8"

    run(main())


def test_a_view_in_the_place_of_another(app: Flask, ask_loop: Ask) -> None:
    async def other() -> str:
        return "other"

    app.add_url_rule("/", "page", _text)
    assert run(ask_loop()).text == "text"
    app.view_functions["page"] = other
    assert run(ask_loop()).text == "other"
    app.view_functions["page"] = lambda: "plain"
    assert run(ask_loop()).text == "plain"
    del app.view_functions["page"]
    assert run(ask_loop()).status == 500


def test_trusted_hosts_that_are_set_later(app: Flask, ask_loop: Ask) -> None:
    app.get("/")(_text)
    fields = [("host", "localhost")]
    assert run(ask_loop(fields=fields)).status == 200
    app.config["TRUSTED_HOSTS"] = ["example.org"]
    assert run(ask_loop(fields=fields)).status == 400


# Clients that leave, and tasks that are cancelled


@pytest.mark.parametrize("seconds", [0, 0.03, 0.08, 0.14])
@pytest.mark.parametrize("does", ["raises", "answers", "fails"])
def test_a_client_that_leaves(app: Flask, ask_loop: Ask, does: str, seconds: float) -> None:
    ended: list[bool] = []

    @app.get("/")
    async def view() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.append(has_request_context())
            if does == "raises":
                raise
            if does == "fails":
                raise ValueError from None
        return ""

    async def main() -> None:
        request = Request()
        asyncio.get_running_loop().call_later(seconds, request.leaves.set)
        assert (await ask_loop(request)).status is None
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    run(main())
    assert ended == [True]


@pytest.mark.parametrize("seconds", [0.01, 0.14])
def test_a_request_whose_task_is_cancelled(app: Flask, ask_loop: Ask, seconds: float) -> None:
    told: list[object] = []

    @app.teardown_request
    async def tell(e: BaseException | None) -> None:
        told.append(type(e))

    @app.get("/")
    async def view() -> None:
        await asyncio.sleep(10)

    async def main() -> None:
        asking = asyncio.create_task(ask_loop())
        await asyncio.sleep(seconds)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(main())
    assert told == [asyncio.CancelledError]


def test_loops_one_after_the_other_and_within_each_other(app: Flask, ask_loop: Ask) -> None:
    @app.get("/<int:depth>")
    async def view(depth: int) -> str:
        if not depth:
            return "0"
        # Without the context of this request.
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(None, run, ask_loop(f"/{depth - 1}"))
        return f"{answer.text} {depth}"

    for _ in range(2):
        assert run(ask_loop("/3")).text == "0 1 2 3"


class _Kept:
    """Something to be kept alive."""


def _kept_by(keeper: object) -> weakref.ref[Any]:
    keeper.kept = kept = _Kept()  # type: ignore[attr-defined]
    return weakref.ref(kept)


def _context() -> RequestContext:
    return request_ctx._get_current_object()  # type: ignore[attr-defined, no-any-return]


async def _text() -> str:
    return "text"


async def _nothing() -> None:
    pass


async def _name() -> str:
    return current_app.name


async def _path() -> str:
    return request.path


def _provider(app: Flask, default: Callable[[object], object]) -> DefaultJSONProvider:
    provider = DefaultJSONProvider(app)
    provider.default = default  # type: ignore[method-assign]
    return provider


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _are_gone(seen: list[weakref.ref[Any]]) -> bool:
    """Whether nothing is left of *seen*, when the threads that had to do with it have let go."""
    for _ in range(100):
        if not any(ref() for ref in seen):
            return True
        time.sleep(0.01)
    return False
