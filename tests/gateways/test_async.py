"""Async functions in every place, mixed with plain ones, under each gateway."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

import pytest
from click import ClickException

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
    flash,
    g,
    get_flashed_messages,
    got_request_exception,
    has_request_context,
    render_template_string,
    request,
    request_finished,
    request_started,
    request_tearing_down,
    session,
)
from carboy.views import MethodView, View

from .conftest import Ask, run

number: ContextVar[int] = ContextVar("number", default=0)


def turned(func: Callable[..., Any], is_async: bool = True) -> Callable[..., Any]:
    """*func*, or an async function that does the same after it has given way once."""
    if not is_async:
        return func

    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return func(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize("kinds", ["PPPPPP", "AAAAAA", "PAPAPA", "APAPAP", "PPAAPP", "AAPPAA"])
@pytest.mark.parametrize("is_async", [False, True])
def test_hooks_of_both_kinds_in_any_order(app: Flask, ask: Ask, kinds: str, is_async: bool) -> None:
    order: list[str] = []
    blueprint = Blueprint("area", __name__)

    def before(name: str) -> None:
        order.append(f"before {name}")
        assert request.path == "/x"
        g.setdefault("seen", []).append(name)
        session[name] = "set"
        number.set(number.get() + 1)

    def after(name: str, response: Response) -> Response:
        order.append(f"after {name}")
        assert session["d"] == "set"
        number.set(number.get() + 1)
        response.headers["X-Seen"] = f"{g.seen} {number.get()}"
        return response

    def teardown(name: str, error: BaseException | None) -> None:
        order.append(f"teardown {name} {error} {number.get()} {has_request_context()}")

    def hook(func: Callable[..., Any], name: str) -> Callable[..., Any]:
        return turned(lambda *args: func(name, *args), kinds["abcdef".index(name)] == "A")

    for owner, names in ((app, "ab"), (blueprint, "cd")):
        for name in names:
            owner.before_request(hook(before, name))
            owner.after_request(hook(after, name))
            owner.teardown_request(hook(teardown, name))
    for name in "ef":
        app.teardown_appcontext(hook(teardown, name))

    def view() -> str:
        assert session["d"] == "set"
        return f"{g.seen} {number.get()}"

    blueprint.add_url_rule("/x", "view", turned(view, is_async))
    app.register_blueprint(blueprint)
    answer = run(ask("/x"))
    assert answer.text == "['a', 'b', 'c', 'd'] 4"
    assert answer["x-seen"] == "['a', 'b', 'c', 'd'] 8"
    assert "session=" in answer["set-cookie"]
    assert order == [
        *(f"before {name}" for name in "abcd"),
        *(f"after {name}" for name in "dcba"),
        *(f"teardown {name} None 8 True" for name in "dcba"),
        *(f"teardown {name} None 8 False" for name in "fe"),
    ]


@pytest.mark.parametrize("is_async", [False, True])
def test_async_preprocessors_of_urls(app: Flask, ask: Ask, is_async: bool) -> None:
    @app.url_value_preprocessor  # type: ignore[arg-type]
    async def take(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        await asyncio.sleep(0)
        g.lang = values.pop("lang")

    app.add_url_rule("/<lang>/x", "x", turned(lambda: g.lang, is_async))
    assert run(ask("/de/x")).text == "de"


@pytest.mark.parametrize("hook_is_async", [False, True])
@pytest.mark.parametrize("view_is_async", [False, True])
def test_a_hook_that_answers(
    app: Flask, ask: Ask, hook_is_async: bool, view_is_async: bool
) -> None:
    app.before_request(turned(lambda: "from the hook", hook_is_async))
    app.add_url_rule("/", "view", turned(lambda: "from the view", view_is_async))
    assert run(ask("/")).text == "from the hook"


@pytest.mark.parametrize("handler_is_async", [False, True])
@pytest.mark.parametrize("view_is_async", [False, True])
def test_error_handlers(app: Flask, ask: Ask, handler_is_async: bool, view_is_async: bool) -> None:
    def fail(what: str) -> str:
        if what == "lookup":
            raise LookupError("lost")
        if what == "zero":
            raise ZeroDivisionError
        abort(int(what))

    def handle(error: Any) -> Any:
        original = getattr(error, "original_exception", None)
        assert sys.exc_info()[1] is (original or error) or handler_is_async
        return f"{type(error).__name__} {type(original).__name__} {request.path}", 418

    for what in (LookupError, 404, 500):
        app.register_error_handler(what, turned(handle, handler_is_async))
    app.add_url_rule("/<what>", "fail", turned(fail, view_is_async))
    assert run(ask("/lookup")).text == "LookupError NoneType /lookup"
    assert run(ask("/404")).text == "NotFound NoneType /404"
    assert run(ask("/a/b")).text == "NotFound NoneType /a/b"
    assert run(ask("/500")).text == "InternalServerError NoneType /500"
    assert run(ask("/403")).status == 403
    assert run(ask("/zero")).text == "InternalServerError ZeroDivisionError /zero"


@pytest.mark.parametrize("is_async", [False, True])
def test_functions_for_this_request_only(app: Flask, ask: Ask, is_async: bool) -> None:
    def mark(response: Response) -> Response:
        response.headers["X-Mark"] = "1"
        return response

    def view() -> str:
        after_this_request(turned(mark, not is_async))
        return "x"

    app.add_url_rule("/", "view", turned(view, is_async))
    assert run(ask("/"))["x-mark"] == "1"


def test_an_async_context_processor(app: Flask, ask: Ask) -> None:
    app.context_processor(turned(lambda: {"name": f"Ada {request.path}"}))
    app.get("/plain")(lambda: render_template_string("{{ name }}"))

    @app.get("/async")
    async def view() -> str:
        return await asyncio.to_thread(render_template_string, "{{ name }}")

    assert run(ask("/plain")).text == "Ada /plain"
    assert run(ask("/async")).text == "Ada /async"


def test_an_async_context_processor_on_the_loop_itself(app: Flask, ask: Ask) -> None:
    app.testing = True
    app.context_processor(turned(lambda: {"name": "Ada"}))

    @app.get("/")
    async def view() -> str:
        return render_template_string("{{ name }}")

    with pytest.raises(RuntimeError, match="to_thread"):
        run(ask("/"))


def test_a_plain_context_processor_in_an_async_view(app: Flask, ask: Ask) -> None:
    app.context_processor(lambda: {"name": f"Ada {request.path}"})

    @app.get("/")
    async def view() -> str:
        flash("message")
        await asyncio.sleep(0)
        assert get_flashed_messages() == ["message"]
        return render_template_string("{{ name }} {{ session.get('x', 0) }} {{ g.get('y') }}")

    assert run(ask("/")).text == "Ada / 0 None"


def test_a_command(app: Flask) -> None:
    @app.cli.command("greet")
    async def greet() -> None:
        await asyncio.sleep(0)
        assert current_app.name == app.name
        print("hello from", current_app.name)

    @app.cli.command("fail")
    async def fail() -> None:
        raise ClickException("It failed.")

    blueprint = Blueprint("area", __name__)

    @blueprint.cli.command("also")
    async def also() -> None:
        print("also from", current_app.name)

    app.register_blueprint(blueprint)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["greet"]).output == f"hello from {app.name}\n"
    assert runner.invoke(args=["area", "also"]).output == f"also from {app.name}\n"
    failed = runner.invoke(args=["fail"])
    assert failed.exit_code == 1
    assert "It failed." in failed.output


def test_a_command_without_an_application(app: Flask) -> None:
    @app.cli.command("bare", with_appcontext=False)
    async def bare() -> None:
        print("bare")

    assert app.test_cli_runner().invoke(args=["bare"]).output == "bare\n"


class Mixed(MethodView):
    def get(self) -> str:
        return "plain get"

    async def post(self) -> str:
        await asyncio.sleep(0)
        return f"async {request.method}"


class Whole(View):
    methods = ["GET", "POST"]

    async def dispatch_request(self) -> str:
        await asyncio.sleep(0)
        return f"async {request.method}"


def shout(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that looks at the answer, as extensions' do."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> str:
        answer: str = current_app.ensure_sync(view)(*args, **kwargs)
        return answer.upper()

    return wrapper


def whisper(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that hides what it decorates."""
    return lambda: shout(view)().lower()


def test_a_page_that_does_not_exist(app: Flask, ask_loop: Ask) -> None:
    app.add_url_rule("/here", view_func=lambda: "x")
    answer = run(ask_loop("/nowhere"))
    assert (answer.status, answer["content-type"]) == (404, "text/html; charset=utf-8")
    assert run(ask_loop("/here", "POST")).status == 405
    # Nothing had to leave the loop for that.
    assert "_own_threads" not in app.__dict__


def test_what_a_program_has_for_a_page_that_does_not_exist(app: Flask, ask_loop: Ask) -> None:
    seen: list[tuple[str, bool]] = []

    def note(what: str) -> None:
        seen.append((what, threading.current_thread() is threading.main_thread()))

    app.before_request(lambda: note("before"))
    app.teardown_request(lambda error: note("teardown"))
    app.after_request(lambda response: note("after") or response)
    app.register_error_handler(404, lambda error: note("handler") or "lost")
    assert run(ask_loop("/nowhere")).text == "lost"
    assert seen == [(what, False) for what in ("before", "handler", "after", "teardown")]


class Decorated(Mixed):
    decorators = [shout]


class Hidden(Mixed):
    decorators = [whisper]


class AsyncHead(MethodView):
    async def get(self) -> str:
        return "async get"


def test_views_that_are_classes(app: Flask, ask: Ask) -> None:
    app.add_url_rule("/mixed", view_func=Mixed.as_view("mixed"))
    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.add_url_rule("/decorated", view_func=Decorated.as_view("decorated"))
    app.add_url_rule("/hidden", view_func=Hidden.as_view("hidden"))
    app.add_url_rule("/outside", view_func=shout(Mixed.as_view("outside")))
    app.add_url_rule("/head", view_func=AsyncHead.as_view("head"))
    assert run(ask("/mixed")).text == "plain get"
    assert run(ask("/mixed", "POST")).text == "async POST"
    assert run(ask("/whole")).text == "async GET"
    assert run(ask("/whole", "POST")).text == "async POST"
    assert run(ask("/decorated")).text == "PLAIN GET"
    assert run(ask("/decorated", "POST")).text == "ASYNC POST"
    assert run(ask("/outside", "POST")).text == "ASYNC POST"
    assert run(ask("/hidden", "POST")).text == "async post"
    assert run(ask("/head", "HEAD")).body == b""
    assert run(ask("/head", "HEAD"))["content-length"] == "9"
    assert run(ask("/head", "POST")).status == 405
    assert run(ask("/mixed", "OPTIONS"))["allow"]


def test_a_class_runs_on_the_servers_loop(app: Flask, ask_loop: Ask) -> None:
    seen: list[Any] = []

    class Noting(MethodView):
        async def get(self) -> str:
            seen.append(asyncio.get_running_loop())
            return "x"

    app.add_url_rule("/", view_func=Noting.as_view("noting"))
    app.add_url_rule("/shouted", view_func=shout(Noting.as_view("shouted")))

    async def main() -> None:
        await ask_loop("/")
        await ask_loop("/shouted")
        assert seen == [asyncio.get_running_loop()] * 2

    run(main())


class Callable_:
    async def __call__(self) -> str:
        await asyncio.sleep(0)
        return f"object {request.path}"

    # Without a hash, as a dataclass.
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


async def _with_argument(prefix: str) -> str:
    await asyncio.sleep(0)
    return f"{prefix} {request.path}"


@pytest.mark.parametrize("is_overridden", [False, True])
def test_what_does_not_look_like_an_async_function(
    app: Flask, ask: Ask, is_overridden: bool
) -> None:
    def naive(view: Callable[..., Any]) -> Callable[..., Any]:
        # Passes on the coroutine.
        @functools.wraps(view)
        def wrapper() -> Any:
            g.called = True
            return view()

        return wrapper

    app.add_url_rule("/object", "object", Callable_())
    app.add_url_rule("/partial", "partial", functools.partial(_with_argument, "partial"))
    app.add_url_rule("/naive", "naive", naive(Callable_()))
    app.add_url_rule("/lambda", "lambda", lambda: _with_argument("lambda"))
    app.before_request(functools.partial(_nothing, 1))
    app.before_request(lambda: _nothing(2))
    app.after_request(functools.partial(_same, 1))
    app.teardown_request(lambda error: _nothing(error))
    app.teardown_appcontext(lambda error: _nothing(error))
    app.register_error_handler(404, lambda error: _with_argument("handler"))
    if is_overridden:
        app.make_response = app.make_response  # type: ignore[method-assign]
        app.dispatch_request = functools.partial(Flask.dispatch_request, app)  # type: ignore[method-assign]
    assert run(ask("/object")).text == "object /object"
    assert run(ask("/partial")).text == "partial /partial"
    assert run(ask("/naive")).text == "object /naive"
    assert run(ask("/lambda")).text == "lambda /lambda"
    assert run(ask("/nothing")).text == "handler /nothing"


async def _nothing(argument: object) -> None:
    await asyncio.sleep(0)


async def _same(argument: object, response: Response) -> Response:
    return response


def test_decorators_of_extensions(app: Flask, ask: Ask) -> None:
    def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if "user" not in session and request.args.get("user") is None:
                return "log in", 401
            return current_app.ensure_sync(view)(*args, **kwargs)

        return wrapper

    async def view(name: str) -> str:
        await asyncio.sleep(0)
        return f"{name} {request.args['user']}"

    app.add_url_rule("/<name>", view_func=login_required(view))
    app.add_url_rule("/twice/<name>", "twice", shout(login_required(view)))
    assert run(ask("/a")).status == 401
    assert run(ask("/a?user=ada")).text == "a ada"
    assert run(ask("/twice/a?user=ada")).text == "A ADA"


def test_async_to_sync(app: Flask, ask: Ask) -> None:
    add = app.async_to_sync(_with_argument)
    app.get("/plain")(lambda: add("sync"))

    @app.get("/async")
    async def view() -> str:
        return await asyncio.to_thread(add, "thread")

    assert add.__name__ == "_with_argument"
    assert run(ask("/plain")).text == "sync /plain"
    assert run(ask("/async")).text == "thread /async"


def test_a_plain_call_on_the_loop_says_what_to_do(app: Flask, ask: Ask) -> None:
    app.testing = True
    call = app.ensure_sync(_with_argument)

    @app.get("/")
    async def view() -> str:
        return call("x")  # type: ignore[no-any-return]

    with pytest.raises(RuntimeError, match=r"Await it.*asyncio\.to_thread"):
        run(ask("/"))


def test_the_context_across_await(app: Flask, ask: Ask) -> None:
    @app.before_request
    def set_up() -> None:
        g.items = []
        number.set(5)

    async def note(what: str) -> None:
        await asyncio.sleep(0)
        g.items.append(f"{what} {request.args['q']} {number.get()} {session.get('s')}")

    @app.get("/")
    async def view() -> str:
        session["s"] = "s"
        await note("awaited")
        await asyncio.gather(note("gathered"), note("gathered"))
        async with asyncio.TaskGroup() as group:
            group.create_task(note("grouped"))
        await asyncio.to_thread(lambda: asyncio.run(note("threaded")))
        async with asyncio.timeout(60):
            await note("timed")
        return " | ".join(g.items)

    assert run(ask("/?q=1")).text == (
        "awaited 1 5 s | gathered 1 5 s | gathered 1 5 s"
        " | grouped 1 5 s | threaded 1 5 s | timed 1 5 s"
    )


@pytest.mark.parametrize("view_is_async", [False, True])
def test_tokens_of_one_plain_hook_are_good_in_another(
    app: Flask, ask: Ask, view_is_async: bool
) -> None:
    after: list[int] = []

    @app.before_request
    def enter() -> None:
        g.token = number.set(7)

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        token: Token[int] = g.token
        number.reset(token)
        after.append(number.get())

    app.add_url_rule("/", "view", turned(lambda: str(number.get()), view_is_async))
    assert run(ask("/")).text == "7"
    assert after == [0]


def test_tokens_of_one_async_hook_are_good_in_another(app: Flask, ask_loop: Ask) -> None:
    after: list[int] = []

    @app.before_request
    async def enter() -> None:
        g.token = number.set(7)

    @app.teardown_request
    async def leave(error: BaseException | None) -> None:
        number.reset(g.token)
        after.append(number.get())

    app.add_url_rule("/", "view", turned(lambda: str(number.get())))
    assert run(ask_loop("/")).text == "7"
    assert after == [0]


def test_a_copied_context_for_an_async_function(app: Flask, ask: Ask) -> None:
    found: list[str] = []
    tasks: list[asyncio.Task[Any]] = []

    async def later(what: str) -> None:
        await answered.wait()
        found.append(f"{what} {request.path} {session['s']}")

    @app.get("/")
    async def view() -> str:
        nonlocal answered
        answered = asyncio.Event()
        session["s"] = "s"
        copied = copy_current_request_context(later)
        tasks.extend(asyncio.create_task(copied(what)) for what in ("one", "two"))
        return "answered"

    @app.get("/wait")
    async def wait() -> str:
        answered.set()
        await asyncio.gather(*tasks)
        return "waited"

    answered: asyncio.Event

    async def main() -> None:
        assert (await ask("/")).text == "answered"
        assert (await ask("/wait")).text == "waited"

    run(main())
    assert found == ["one / s", "two / s"]


def test_a_copied_context_for_an_async_function_in_a_thread(app: Flask, ask: Ask) -> None:
    found: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        found.append(request.path)

    @app.get("/")
    def view() -> str:
        thread = threading.Thread(target=copy_current_request_context(work))
        thread.start()
        thread.join()
        return "x"

    run(ask("/"))
    assert found == ["/"]


def test_async_views_share_one_loop(app: Flask, ask: Ask) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    both = 0
    met: asyncio.Event | None = None

    @app.get("/")
    async def view() -> str:
        nonlocal both, met
        loops.append(asyncio.get_running_loop())
        met = met or asyncio.Event()
        both += 1
        if both == 2:
            met.set()
        await met.wait()
        return "met"

    async def main() -> asyncio.AbstractEventLoop:
        answers = await asyncio.gather(ask("/"), ask("/"))
        assert [answer.text for answer in answers] == ["met", "met"]
        return asyncio.get_running_loop()

    loop = run(main())
    assert loops[0] is loops[1]
    assert (loops[0] is loop) == (ask.gateway != "wsgi")


def test_the_loop_of_a_server_runs_everything_async(app: Flask, ask_loop: Ask) -> None:
    loops: set[asyncio.AbstractEventLoop] = set()

    def note(*args: Any) -> None:
        loops.add(asyncio.get_running_loop())

    @app.before_request
    @app.teardown_request
    async def hook(*args: Any) -> None:
        note()

    @app.after_request
    async def after(response: Response) -> Response:
        note()
        return response

    app.before_request(lambda: None)
    app.add_url_rule("/async", "async", turned(lambda: note() or "x"))
    app.add_url_rule("/plain", "plain", lambda: "x")

    async def main() -> None:
        await ask_loop("/async")
        await ask_loop("/plain")
        assert loops == {asyncio.get_running_loop()}

    run(main())


def test_a_plain_view_does_not_stop_the_loop(app: Flask, ask_loop: Ask) -> None:
    released = threading.Event()

    @app.get("/plain")
    def plain() -> str:
        assert released.wait(60)
        return "released"

    @app.get("/async")
    async def release() -> str:
        released.set()
        return "release"

    async def main() -> None:
        waiting = asyncio.create_task(ask_loop("/plain"))
        await asyncio.sleep(0)
        assert (await ask_loop("/async")).text == "release"
        assert (await waiting).text == "released"

    run(main())


@pytest.mark.parametrize("kind", ["before", "after", "teardown", "context", "handler", "started"])
def test_a_plain_hook_of_an_async_view_does_not_stop_the_loop(
    app: Flask, ask_loop: Ask, kind: str
) -> None:
    released = threading.Event()

    def wait(*args: Any, **kwargs: Any) -> Any:
        if request.path == "/wait" if has_request_context() else True:
            assert released.wait(60)
        return args[0] if kind == "after" else "handled" if kind == "handler" else None

    @app.get("/wait")
    async def view() -> str:
        if kind == "handler":
            raise LookupError
        return "x"

    @app.get("/release")
    async def release() -> str:
        released.set()
        return "release"

    register: dict[str, Callable[[], object]] = {
        "before": lambda: app.before_request(wait),
        "after": lambda: app.after_request(wait),
        "teardown": lambda: app.teardown_request(wait),
        "context": lambda: app.teardown_appcontext(wait),
        "handler": lambda: app.register_error_handler(LookupError, wait),
        "started": lambda: request_started.connect(wait, app),
    }
    register[kind]()

    async def main() -> None:
        waiting = asyncio.create_task(ask_loop("/wait"))
        await asyncio.sleep(0)
        assert (await ask_loop("/release")).text == "release"
        assert (await waiting).text == ("handled" if kind == "handler" else "x")

    run(main())


def test_requests_do_not_see_each_other(app: Flask, ask: Ask) -> None:
    arrived = 0

    @app.before_request
    async def arrive() -> None:
        number.set(int(request.args["n"]))
        g.n = request.args["n"]

    @app.get("/")
    async def view() -> str:
        nonlocal arrived
        arrived += 1
        while arrived < 20:
            await asyncio.sleep(0)
        assert number.get() == int(g.n) == int(request.args["n"])
        session["n"] = g.n
        return str(g.n)

    async def main() -> None:
        answers = await asyncio.gather(*(ask(f"/?n={n}") for n in range(20)))
        assert [answer.text for answer in answers] == [str(n) for n in range(20)]

    run(main())


@pytest.mark.parametrize("view_is_async", [False, True])
def test_signals(app: Flask, ask: Ask, view_is_async: bool) -> None:
    seen: list[str] = []

    def receiver(name: str, is_async: bool) -> Callable[..., Any]:
        def receive(sender: object, **sent: Any) -> None:
            seen.append(f"{name} {sorted(sent)} {has_request_context()}")

        return turned(receive, is_async)

    signals = [request_started, request_finished, request_tearing_down, appcontext_tearing_down]
    receivers = []
    for number_, signal in enumerate([*signals, appcontext_pushed, appcontext_popped]):
        for is_async in (number_ % 2 == 0, number_ % 2 == 1):
            receivers.append(receive := receiver(f"{signal.name} {is_async}", is_async))
            signal.connect(receive, app)
    app.add_url_rule("/", "view", turned(lambda: "x", view_is_async))
    assert run(ask("/")).text == "x"
    assert sorted(seen) == sorted(
        f"{name} {is_async} {sent} {within}"
        for is_async in (True, False)
        for name, sent, within in [
            ("request-started", [], True),
            ("request-finished", ["response"], True),
            ("request-tearing-down", ["exc"], True),
            ("appcontext-tearing-down", ["exc"], False),
            ("appcontext-pushed", [], False),
            ("appcontext-popped", [], False),
        ]
    )


@pytest.mark.parametrize("signal", [appcontext_pushed, appcontext_popped])
def test_one_signal_of_contexts(app: Flask, ask: Ask, signal: Any) -> None:
    seen: list[str] = []

    async def receive(sender: Flask) -> None:
        await asyncio.sleep(0)
        seen.append(sender.name)

    signal.connect(receive, app)
    app.add_url_rule("/", "view", turned(lambda: "x"))
    assert run(ask("/")).text == "x"
    assert seen == [app.name]


@pytest.mark.parametrize("view_is_async", [False, True])
def test_the_signal_of_an_exception(app: Flask, ask: Ask, view_is_async: bool) -> None:
    seen: list[Any] = []

    @functools.partial(got_request_exception.connect, sender=app)
    async def receive(sender: object, exception: Exception) -> None:
        seen.append(exception)

    error = LookupError("lost")

    def fail() -> None:
        raise error

    app.add_url_rule("/", "view", turned(fail, view_is_async))
    assert run(ask("/")).status == 500
    assert seen == [error]


def test_a_session_interface_that_blocks(app: Flask, ask: Ask) -> None:
    from carboy.sessions import SecureCookieSessionInterface

    threads: list[threading.Thread] = []

    class Blocking(SecureCookieSessionInterface):
        def open_session(self, *args: Any) -> Any:
            threads.append(threading.current_thread())
            return super().open_session(*args)

        def save_session(self, *args: Any) -> None:
            threads.append(threading.current_thread())
            super().save_session(*args)

    app.session_interface = Blocking()

    @app.get("/")
    async def view() -> str:
        session["n"] = session.get("n", 0) + 1
        threads.append(threading.current_thread())
        return str(session["n"])

    answer = run(ask("/"))
    cookie = answer["set-cookie"].partition(";")[0]
    assert run(ask("/", fields=[("cookie", cookie)])).text == "2"
    opened, viewed, saved = threads[:3]
    assert viewed not in (opened, saved)


def test_an_attribute_that_is_set_meanwhile(app: Flask, ask_loop: Ask) -> None:
    # Setting one has the application find out anew whether a stage is overridden.
    @app.post("/")
    async def view() -> str:
        for _ in range(5):
            current_app.note = "x"  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        return request.get_data(as_text=True)

    async def main() -> None:
        fields = [("content-length", "2")]
        asks = (ask_loop("/", "POST", fields=fields, body=(b"a", b"b")) for _ in range(10))
        assert {answer.text for answer in await asyncio.gather(*asks)} == {"ab"}

    run(main())


def test_a_plain_view_that_raises_stop_iteration(app: Flask, ask_loop: Ask) -> None:
    app.testing = True
    app.get("/")(lambda: next(iter(())))
    with pytest.raises(RuntimeError, match="StopIteration"):
        run(ask_loop("/"))


def test_async_views_of_an_application_in_another(app: Flask, ask: Ask) -> None:
    other = Flask("other")
    other.get("/")(turned(lambda: f"{current_app.name} {request.path}"))

    @app.get("/out")
    def view() -> str:
        inner = other.test_client().get("/").text
        return f"{inner} in {request.path} of {current_app.name}"

    assert run(ask("/out")).text == f"other / in /out of {app.name}"
