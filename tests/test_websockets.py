"""WebSockets: over the test client, and over ASGI and RSGI in memory.

After each test it is looked whether anything was left: a task, a thread, a context.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from sys import getsizeof
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from carboy import (
    Blueprint,
    Flask,
    Request,
    abort,
    current_app,
    g,
    redirect,
    request,
    session,
    websocket,
    websocket_driver,
)
from carboy.loop import background_loop
from carboy.signals import got_request_exception
from carboy.views import MethodView
from carboy.websocket_testing import WebSocketRefused
from carboy.wrappers import websocket as websocket_wrapper
from carboy.wrappers.websocket import BlockingWebSocket, WebSocket, WebSocketClosed
from websocket_servers import ASGI, PATIENCE, RSGI, PlainASGI, Refused


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    contexts: weakref.WeakSet[Any] = weakref.WeakSet()
    make = websocket_driver.RequestContext

    def recorded(*args: Any, **kwargs: Any) -> Any:
        ctx = make(*args, **kwargs)
        contexts.add(ctx)
        return ctx

    monkeypatch.setattr(websocket_driver, "RequestContext", recorded)
    # Servers look after a second whether a client is still there; here nobody waits so long.
    monkeypatch.setattr(WebSocket, "look_after", 0)
    monkeypatch.setattr(BlockingWebSocket, "look_after", 0)
    before = set(threading.enumerate())
    log = logging.getLogger(__name__)
    log.addFilter(as_text)
    yield
    log.removeFilter(as_text)
    loop = background_loop()
    pending = asyncio.run_coroutine_threadsafe(ending(), loop).result(PATIENCE)
    assert not pending
    for thread in set(threading.enumerate()) - before:
        # The application keeps its workers, and the process its loop, which keeps its own.
        if "-worker" not in thread.name and not thread.name.startswith(("carboy-loop", "asyncio_")):
            thread.join(PATIENCE)
            assert not thread.is_alive()
    for _ in range(20):
        gc.collect()
        if not contexts:
            break
        # A worker may not have let go yet of what it has done.
        asyncio.run_coroutine_threadsafe(_turns(1), loop).result(PATIENCE)
    assert not list(contexts)


def as_text(record: logging.LogRecord) -> bool:
    """Have the log keep the text of a traceback, and nothing that the traceback leads to."""
    if record.exc_info:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
    return True


async def ending() -> set[asyncio.Task[Any]]:
    """The tasks that do not end, though each had its time."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return (await asyncio.wait(others, timeout=PATIENCE))[1] if others else set()  # type: ignore[return-value]


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.secret_key = "sharp"
    return app


class OverTestClient:
    """``app.test_client().websocket(...)`` with the face of the others."""

    carries_codes = carries_bodies = True

    def __init__(self, app: Flask, path: str, **kwargs: Any) -> None:
        client = app.test_client()
        # It keeps cookies, and sends no others.
        if cookie := kwargs.get("headers", {}).get("Cookie"):
            client.set_cookie(*cookie.split("="))
        self.opened = client.websocket(path, **kwargs)

    def __enter__(self) -> Any:
        try:
            return self.opened.__enter__()
        except WebSocketRefused as e:
            response = e.response
            raise Refused(
                response.status_code, dict(response.headers), response.get_data()
            ) from None

    def __exit__(self, *args: Any) -> None:
        self.opened.__exit__(*args)


Connect = Any


@pytest.fixture(params=[OverTestClient, ASGI, RSGI], ids=["client", "asgi", "rsgi"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """What opens a WebSocket to an application: ``connect(app, path)``."""
    return request.param


@contextmanager
def closing_with(code: int, reason: str = "", connect: Connect = OverTestClient) -> Iterator[None]:
    """Expect the connection to be closed with a code, where codes are carried."""
    with pytest.raises(WebSocketClosed) as caught:
        yield
    if connect.carries_codes:
        assert (caught.value.code, caught.value.reason) == (code, reason)


def echo_at(app: Flask, rule: str = "/echo") -> None:
    @app.websocket(rule, endpoint=f"echo {rule}")
    async def echo() -> None:
        async for message in websocket:
            await websocket.send(message)


def still_serves(app: Flask, connect: Connect = OverTestClient) -> None:
    """Have one more connection talk."""
    if "/still" not in {rule.rule for rule in app.url_map.iter_rules()}:
        app._got_first_request = False  # It is the test that comes late.
        echo_at(app, "/still")
    with connect(app, "/still") as ws:
        ws.send("still")
        assert ws.receive() == "still"


# Talking


@pytest.mark.parametrize("message", ["text", "Grüße ☃ 🎈", b"\x00\xff", "", b"", "x" * 100_000])
def test_an_async_view_echoes(app: Flask, connect: Connect, message: str | bytes) -> None:
    echo_at(app)
    with connect(app, "/echo") as ws:
        ws.send(message)
        assert ws.receive() == message


@pytest.mark.parametrize("message", ["text", b"\x00\xff"])
def test_a_plain_view_echoes_in_a_thread_of_its_own(
    app: Flask, connect: Connect, message: str | bytes
) -> None:
    threads = set()

    @app.websocket("/echo")
    def echo() -> None:
        threads.add(threading.current_thread())
        for message in websocket:  # type: ignore[attr-defined]
            websocket.send(message)

    with connect(app, "/echo") as one, connect(app, "/echo") as two:
        for ws in (one, two):
            ws.send(message)
            assert ws.receive() == message
    assert len(threads) == 2


def test_a_view_that_is_a_class(app: Flask, connect: Connect) -> None:
    class Echo(MethodView):
        async def get(self, name: str) -> None:
            await websocket.send(f"{name} {await websocket.receive()}")

    app.add_url_rule("/echo/<name>", view_func=Echo.as_view("echo"), websocket=True)
    with connect(app, "/echo/ada") as ws:
        ws.send("?")
        assert ws.receive() == "ada ?"


def test_rules_have_converters_and_blueprints_their_prefix(app: Flask, connect: Connect) -> None:
    rooms = Blueprint("rooms", __name__, url_prefix="/rooms")

    @rooms.websocket("/<int:number>/<path:rest>")
    async def room(number: int, rest: str) -> None:
        await websocket.send_json(number, rest, websocket.endpoint, websocket.blueprint)

    app.register_blueprint(rooms)
    with connect(app, "/rooms/7/a/b%20c") as ws:
        assert ws.receive() == '[7,"a/b c","rooms.room","rooms"]'.replace(",", ", ")
    with pytest.raises(Refused, match="404"), connect(app, "/rooms/seven/a"):
        pass


def test_what_the_handshake_tells(app: Flask, connect: Connect) -> None:
    @app.websocket("/at/<where>")
    async def at(where: str) -> None:
        await websocket.send_json(
            header=websocket.headers["X-Thing"],
            args=websocket.args.to_dict(),
            cookie=websocket.cookies["crumb"],
            url=websocket.url,
            address=websocket.remote_addr,
            offered=websocket.requested_subprotocols,
            view_args=websocket.view_args,
            same=websocket.path == request.path and websocket == request,
            app=current_app.name,
        )

    headers = {"X-Thing": "a thing", "Cookie": "crumb=42"}
    with connect(app, "/at/home?q=1&r=%C3%A9", headers=headers, subprotocols=("b", "a")) as ws:
        said = app.json.loads(ws.receive())
    assert said.pop("address") in {"127.0.0.1", "203.0.113.9"}
    assert said == {
        "header": "a thing",
        "args": {"q": "1", "r": "é"},
        "cookie": "42",
        "url": "http://localhost/at/home?q=1&r=é",
        "offered": ["b", "a"],
        "view_args": {"where": "home"},
        "same": True,
        "app": __name__,
    }


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_json_text_and_bytes(app: Flask, connect: Connect, kind: str) -> None:
    @app.websocket("/async")
    async def talk() -> None:
        await websocket.send_json(await websocket.receive_json())
        await websocket.send_json("one", 2)
        await websocket.send_json(a=None)
        await websocket.send_json()
        await websocket.send(await websocket.receive_text())
        await websocket.send(bytearray(await websocket.receive_bytes()))
        await websocket.send(memoryview(b"seen"))  # type: ignore[arg-type]

    @app.websocket("/plain")
    def talk_plainly() -> None:
        ws: Any = websocket
        ws.send_json(ws.receive_json())
        ws.send_json("one", 2)
        ws.send_json(a=None)
        ws.send_json()
        ws.send(ws.receive_text())
        ws.send(bytearray(ws.receive_bytes()))
        ws.send(memoryview(b"seen"))

    with connect(app, f"/{kind}") as ws:
        ws.send('{"b": [1, "ü"]}')
        answers = [app.json.loads(ws.receive()) for _ in range(4)]
        assert answers == [{"b": [1, "ü"]}, ["one", 2], {"a": None}, None]
        ws.send("text")
        ws.send(b"bytes")
        assert [ws.receive() for _ in range(3)] == ["text", b"bytes", b"seen"]


def test_sending_or_receiving_accepts(app: Flask, connect: Connect) -> None:
    accepted = []

    @app.websocket("/send")
    async def send() -> None:
        accepted.append(websocket.accepted)
        await websocket.send("first")
        accepted.append(websocket.accepted)
        await websocket.accept()  # is accepted already, and may be said again

    @app.websocket("/receive")
    async def receive() -> None:
        await websocket.receive()

    with connect(app, "/send") as ws:
        assert ws.receive() == "first"
        with closing_with(1000, connect=connect):
            ws.receive()
    assert accepted == [False, True]
    with connect(app, "/receive") as ws:
        ws.send("anything")
        with closing_with(1000, connect=connect):
            ws.receive()


def test_the_view_closes_with_a_code_and_a_reason(app: Flask, connect: Connect) -> None:
    @app.websocket("/async")
    async def leave() -> None:
        await websocket.close(4001, "Ciao, bellà")

    @app.websocket("/plain")
    def leave_plainly() -> None:
        websocket.close(4001, "Ciao, bellà")

    for path in ("/async", "/plain"):
        with connect(app, path) as ws, closing_with(4001, "Ciao, bellà", connect):
            ws.receive()


def test_why_the_client_left(app: Flask) -> None:
    codes: list[Any] = []

    @app.websocket("/")
    async def hear() -> None:
        async for _ in websocket:
            pass
        codes.append(websocket.closed)
        with pytest.raises(WebSocketClosed) as caught:
            await websocket.send("anyone?")
        codes.append(caught.value)

    for connect in (OverTestClient, ASGI):
        with connect(app, "/") as ws:
            ws.close(4002, "bored")
        assert [(c.code, c.reason) for c in codes] == [(4002, "bored")] * 2
        assert str(codes.pop()) == "The WebSocket is closed, with the code 4002: bored"
        codes.clear()


def test_subprotocols(app: Flask) -> None:
    @app.websocket("/")
    async def choose() -> None:
        await websocket.accept(subprotocol=websocket.args["choose"])
        await websocket.send(str(websocket.subprotocol))

    for connect in (OverTestClient, ASGI):
        with connect(app, "/?choose=chat.2", subprotocols=["chat.1", "chat.2"]) as ws:
            assert ws.subprotocol == "chat.2" == ws.receive()
        with pytest.raises(Refused, match="500"), connect(app, "/?choose=x", subprotocols=["a"]):
            pass
    app.testing = True
    message = r"does not offer the subprotocol 'x', but none\. .*RFC 6455"
    with pytest.raises(ValueError, match=message), OverTestClient(app, "/?choose=x"):
        pass


def test_headers_that_go_with_the_acceptance(app: Flask) -> None:
    @app.websocket("/<kind>")
    async def accept(kind: str) -> None:
        headers: Any = {"pairs": [("X-Thing", "1"), ("X-Other", "2")], "dict": {"X-Thing": "1"}}
        await websocket.accept(headers[kind])

    for connect in (OverTestClient, ASGI):
        with connect(app, "/pairs") as ws:
            assert (ws.headers["x-thing"], ws.headers["x-other"]) == ("1", "2")
        with connect(app, "/dict") as ws:
            assert ws.headers["x-thing"] == "1"


def test_what_rsgi_does_not_carry_is_told(app: Flask) -> None:
    @app.websocket("/session")
    async def write() -> None:
        session["name"] = "ada"
        await websocket.send("hello")

    @app.websocket("/protocol")
    async def choose() -> None:
        await websocket.accept(subprotocol="chat")
        await websocket.send("hello")

    wanted = [("/session", "the header 'set-cookie'"), ("/protocol", "a subprotocol")]
    for path, what in wanted:
        with (
            pytest.warns(RuntimeWarning, match=f"{what}, which RSGI does not carry"),
            RSGI(app, path, subprotocols=["chat"]) as ws,
        ):
            assert ws.receive() == "hello"


# The session


def test_the_session_is_read_and_saved_on_acceptance(app: Flask) -> None:
    @app.get("/login")
    def login() -> str:
        session["name"] = "ada"
        return "ok"

    @app.websocket("/count")
    async def count() -> None:
        session["count"] = session.get("count", 0) + 1
        await websocket.send_json(session["name"], session["count"])

    @app.websocket("/plain")
    def plain() -> None:
        session["count"] += 10
        websocket.send(session["name"])

    client = app.test_client()
    client.get("/login")
    for number in (1, 2):
        with client.websocket("/count") as ws:
            assert ws.receive_json() == ["ada", number]
            assert "session=" in ws.headers["Set-Cookie"]
    with client.websocket("/plain") as ws:
        assert ws.receive() == "ada"
    with client.session_transaction() as kept:
        assert kept["count"] == 12


def test_a_session_that_is_only_read_sets_no_cookie(app: Flask, connect: Connect) -> None:
    @app.websocket("/")
    async def read() -> None:
        await websocket.send(session.get("name", "nobody"))

    with connect(app, "/") as ws:
        assert ws.receive() == "nobody"
        assert "set-cookie" not in ws.headers


def test_a_session_changed_by_what_refuses_is_saved_too(app: Flask) -> None:
    @app.websocket("/")
    async def refuse() -> None:
        session["tried"] = True
        abort(403)

    with pytest.raises(Refused) as caught, ASGI(app, "/"):
        pass
    assert caught.value.headers["set-cookie"].startswith("session=")


# Refusing


def refusing(app: Flask) -> None:
    """Views that do not accept."""

    class Odd(Exception):
        pass

    @app.errorhandler(Odd)
    def odd(e: Odd) -> tuple[str, int]:
        return f"odd: {websocket.path}", 409

    @app.errorhandler(410)
    async def gone(e: Exception) -> tuple[dict[str, str], int]:
        return {"gone": "yes"}, 410

    @app.websocket("/abort")
    async def aborting() -> None:
        abort(403)

    @app.websocket("/plain")
    def plain() -> None:
        abort(403)

    @app.websocket("/return")
    async def returning() -> tuple[str, int, dict[str, str]]:
        return "teapot", 418, {"X-Pot": "tea"}

    @app.websocket("/nothing")
    async def nothing() -> None:
        pass

    @app.websocket("/odd")
    async def raising() -> None:
        raise Odd

    @app.websocket("/gone")
    def going() -> None:
        abort(410)

    @app.websocket("/redirect")
    async def redirecting() -> Any:
        return redirect("/login")

    @app.websocket("/stream")
    async def streaming() -> Any:
        return (piece for piece in ("a", "b")), 400

    @app.websocket("/nonsense")
    async def nonsense() -> Any:
        return object()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/abort", 403, "403 Forbidden"),
        ("/plain", 403, "403 Forbidden"),
        ("/return", 418, "teapot"),
        ("/nothing", 403, "The WebSocket was not accepted."),
        ("/odd", 409, "odd: /odd"),
        ("/gone", 410, '{"gone":"yes"}'),
        ("/redirect", 302, "Redirecting"),
        ("/stream", 400, "ab"),
        ("/nowhere", 404, "404 Not Found"),
        ("/page", 400, "This URL is a page&#39;s, and not a WebSocket&#39;s."),
        ("/nonsense", 500, "500 Internal Server Error"),
    ],
)
def test_refusing_is_an_answer_over_http(
    app: Flask, connect: Connect, path: str, status: int, body: str
) -> None:
    refusing(app)
    app.get("/page")(lambda: "page")
    seen: list[Any] = []
    app.after_request(lambda response: (seen.append(response.status_code), response)[1])
    app.teardown_request(lambda e: seen.append("teardown"))
    with pytest.raises(Refused) as caught, connect(app, path):
        pass
    assert caught.value.status == status
    assert seen == [status, "teardown"]
    if connect.carries_bodies:
        assert body in caught.value.body.decode()
        headers = {name.lower(): value for name, value in caught.value.headers.items()}
        assert headers["content-length"] == str(len(caught.value.body))
        assert "location" not in headers or headers["location"] == "/login"
    still_serves(app, connect)


def test_a_server_without_answers_closes(app: Flask) -> None:
    refusing(app)
    with pytest.raises(Refused, match="403"), PlainASGI(app, "/return"):
        pass
    still_serves(app, PlainASGI)


def test_only_trusted_hosts(app: Flask, connect: Connect) -> None:
    echo_at(app)
    app.config["TRUSTED_HOSTS"] = ["good.example"]
    with connect(app, "/echo", headers={"Host": "good.example"}) as ws:
        ws.send("hello")
        assert ws.receive() == "hello"
    for host in ("evil.example", "good.example.evil", "a b"):
        with (
            pytest.raises(Refused, match="400"),
            connect(app, "/echo", headers={"Host": host}),
        ):
            pass


def test_a_page_asked_for_at_a_websockets_url(app: Flask) -> None:
    echo_at(app)
    app.get("/page")(lambda: "page")
    client = app.test_client()
    answer = client.get("/echo")
    assert (answer.status_code, "This URL is a WebSocket" in answer.text) == (400, True)
    handshake = {"Upgrade": "websocket", "Connection": "keep-alive, Upgrade"}
    answer = client.get("/echo", headers=handshake)
    assert (answer.status_code, "does not carry WebSockets" in answer.text) == (501, True)
    assert "carboy serve" in answer.text
    assert client.get("/page", headers=handshake).status_code == 400
    assert client.post("/echo").status_code == 405
    assert client.get("/page").text == "page"


def test_a_view_of_an_extension_takes_the_socket_from_the_server(app: Flask) -> None:
    echo_at(app)
    app.add_url_rule("/raw", "raw", lambda: request.environ["gunicorn.socket"], websocket=True)
    client = app.test_client()
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade"}
    handed_out = {"gunicorn.socket": "a socket"}
    answer = client.get("/raw", headers=handshake, environ_overrides=handed_out)
    assert (answer.status_code, answer.text) == (200, "a socket")
    assert client.get("/raw", headers=handshake).status_code == 501
    # One of ours has no use for it.
    answer = client.get("/echo", headers=handshake, environ_overrides=handed_out)
    assert answer.status_code == 501


def test_the_proxy_tells_where_it_can_be_used(app: Flask) -> None:
    @app.get("/")
    def page() -> str:
        with pytest.raises(RuntimeError, match="request for a page and not a WebSocket"):
            _ = websocket.path
        return "page"

    assert app.test_client().get("/").text == "page"
    with pytest.raises(RuntimeError, match="Working outside of request context"):
        _ = websocket.path


def test_a_client_that_leaves_during_the_handshake(app: Flask) -> None:
    class Leaving(ASGI):
        async def give(self) -> Any:
            return {"type": "websocket.disconnect", "code": 1006}

    raised: list[Any] = []
    torn_down = []
    app.teardown_request(torn_down.append)

    @app.websocket("/accept")
    async def accept() -> None:
        try:
            await websocket.accept()
        except WebSocketClosed as e:
            raised.append(e.code)
            raise

    @app.websocket("/refuse")
    async def refuse() -> None:
        abort(403)

    for path in ("/accept", "/refuse"):
        with pytest.raises(Refused), Leaving(app, path):
            pass
    assert raised == [1006]
    assert torn_down == [None, None]


# Pages of other sites


def from_page(connect: Connect, app: Flask, origin: str, host: str, secure: bool = False) -> Any:
    """A WebSocket that a page opens to ``/echo``."""
    wishes: dict[str, Any] = {"secure": secure}
    if connect is OverTestClient:
        wishes = {"url_scheme": "https" if secure else "http"}
    return connect(app, "/echo", headers={"Origin": origin, "Host": host}, **wishes)


def connects(opened: Any) -> bool:
    """Whether it is accepted; if not, it has to be with a 403."""
    try:
        with opened as ws:
            ws.send("hello")
            assert ws.receive() == "hello"
    except Refused as refused:
        assert refused.status == 403
        return False
    return True


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost", "localhost", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("HTTP://LocalHost", "localHOST", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        # A proxy that ends TLS may hide it, and name the port or not.
        ("https://app.example", "app.example", True),
        ("https://app.example", "app.example:443", True),
        ("http://app.example", "app.example:80", True),
        ("https://app.example:8443", "app.example:8443", True),
        ("http://localhost:8000", "localhost", False),
        ("http://localhost", "localhost:8000", False),
        ("https://app.example", "app.example:80", False),
        ("http://app.example", "app.example:443", False),
        ("https://app.example.evil.example", "app.example", False),
        ("https://evil.example", "app.example", False),
        ("https://other.app.example", "app.example", False),
        ("https://app.example", "other.app.example", False),
        ("https://evilapp.example", "app.example", False),
        ("null", "null", False),
        ("", "localhost", False),
        ("localhost", "localhost", False),
        ("//localhost", "localhost", False),
        ("://localhost", "localhost", False),
        ("ftp://localhost", "localhost", False),
        ("ws://localhost", "localhost", False),
        ("chrome-extension://localhost", "localhost", False),
        ("http://localhost/", "localhost", False),
        ("http://localhost/page", "localhost", False),
        ("http://localhost:", "localhost", False),
        ("http://evil@localhost", "localhost", False),
        ("http://localhost http://evil.example", "localhost", False),
        ("http://localhost, http://localhost", "localhost", False),
        ("http://\xe9", "localhost", False),
        ("http://", "", False),
        ("https://:443", ":443", False),
    ],
)
def test_pages_of_the_same_host_may_connect(
    app: Flask, connect: Connect, origin: str, host: str, allowed: bool
) -> None:
    echo_at(app)
    assert connects(from_page(connect, app, origin, host)) is allowed


def test_who_sends_no_origin_may_connect(app: Flask, connect: Connect) -> None:
    echo_at(app)
    assert connects(connect(app, "/echo"))


def test_several_origins_are_none(app: Flask) -> None:
    echo_at(app)
    same = ("origin", "http://localhost")
    for others in ([], [same], [("origin", "http://evil.example")]):
        opened = ASGI(app, "/echo")
        opened.fields += [same, *others]
        assert connects(opened) is (not others)
        assert connects(OverTestClient(app, "/echo", headers=Headers([same, *others]))) is (
            not others
        )


def test_a_page_that_came_over_plain_http_opens_no_secure_one(app: Flask, connect: Connect) -> None:
    echo_at(app)
    for port in ("", ":8443"):
        host = f"app.example{port}"
        assert connects(from_page(connect, app, f"https://{host}", host, secure=True))
        assert not connects(from_page(connect, app, f"http://{host}", host, secure=True))
    app.config["WEBSOCKET_ORIGINS"] = ["http://app.example"]
    assert connects(from_page(connect, app, "http://app.example", "app.example", secure=True))


@pytest.mark.parametrize(
    ("setting", "origin", "allowed"),
    [
        (["https://app.example", "capacitor://localhost"], "https://app.example", True),
        (["https://app.example", "capacitor://localhost"], "capacitor://localhost", True),
        (("https://App.example:8000",), "https://app.example:8000", True),
        (["https://app.example"], "https://localhost", True),
        ("https://app.example", "https://app.example", True),
        (["https://app.example"], "http://app.example", False),
        (["https://app.example"], "https://app.example:8000", False),
        (["https://app.example"], "https://other.app.example", False),
        (["https://app.example"], "https://app.example,https://app.example", False),
        ("https://app.example", "https://app", False),
        (["app.example"], "https://app.example", False),
        (["https://*.example"], "https://app.example", False),
        ([], "https://app.example", False),
        (["https://app.example"], "null", False),
        ("*", "https://app.example", True),
        (["*"], "https://app.example", True),
        ("*", "null", True),
    ],
)
def test_pages_of_listed_origins_may_connect(
    app: Flask, connect: Connect, setting: Any, origin: str, allowed: bool
) -> None:
    echo_at(app)
    app.config["WEBSOCKET_ORIGINS"] = setting
    assert connects(from_page(connect, app, origin, "localhost")) is allowed


def test_nothing_of_the_program_runs_for_a_page_of_another_site(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def saying(word: str) -> Callable[..., None]:
        return lambda *args, **kwargs: ran.append(word)

    app.before_request(saying("before request"))
    app.before_websocket(saying("before"))
    app.after_websocket(saying("after"))
    app.after_request(saying("after request"))
    app.teardown_request(saying("teardown"))
    app.errorhandler(403)(saying("handler"))
    app.websocket("/echo")(saying("view"))
    with pytest.raises(Refused) as caught, from_page(connect, app, "https://evil.example", "a:1"):
        pass
    assert caught.value.status == 403
    assert ran == []
    if connect.carries_bodies:
        assert caught.value.body == b"Pages of this origin may not open a WebSocket here.\n"
    [record] = caplog.records
    assert record.levelname == "WARNING"
    for word in ("'https://evil.example'", "'http://a:1'", "WEBSOCKET_ORIGINS, which is None"):
        assert word in record.getMessage()


def test_a_page_of_another_site_that_leaves_during_the_handshake(app: Flask) -> None:
    class Leaving(ASGI):
        async def give(self) -> Any:
            return {"type": "websocket.disconnect", "code": 1006}

    echo_at(app)
    with pytest.raises(Refused, match="500"), from_page(Leaving, app, "null", "localhost"):
        pass
    still_serves(app, ASGI)


def test_pages_are_not_asked_for_an_origin(app: Flask) -> None:
    app.get("/page")(lambda: "page")
    headers = {"Origin": "https://elsewhere.example"}
    assert app.test_client().get("/page", headers=headers).text == "page"


# Hooks


def test_the_hooks_and_their_order(app: Flask, connect: Connect) -> None:
    said: list[str] = []
    blueprint = Blueprint("inner", __name__)
    other = Blueprint("other", __name__)

    def saying(word: str, plain: bool = True) -> Callable[..., Any]:
        async def later(*args: Any) -> None:
            said.append(word)

        return (lambda *args: said.append(word)) if plain else later

    for plain in (True, False):
        kind = "plain" if plain else "async"
        app.before_request(saying(f"before request, {kind}", plain))
        app.before_websocket(saying(f"before, {kind}", plain))
        app.after_websocket(saying(f"after, {kind}", plain))
        app.teardown_request(saying(f"teardown, {kind}", plain))
        blueprint.before_websocket(saying(f"before inner, {kind}", plain))
        blueprint.after_websocket(saying(f"after inner, {kind}", plain))
    other.before_websocket(saying("never"))
    other.after_websocket(saying("never"))
    other.before_app_websocket(saying("before, of another"))
    other.after_app_websocket(saying("after, of another"))

    @blueprint.websocket("/")
    async def view() -> None:
        said.append("view")
        await websocket.send("hello")

    app.register_blueprint(blueprint)
    app.register_blueprint(other)
    with connect(app, "/") as ws:
        ws.receive()
    assert said == [
        "before request, plain",
        "before request, async",
        "before, plain",
        "before, async",
        "before, of another",
        "before inner, plain",
        "before inner, async",
        "view",
        "after inner, async",
        "after inner, plain",
        "after, of another",
        "after, async",
        "after, plain",
        "teardown, async",
        "teardown, plain",
    ]


@pytest.mark.parametrize("hook", ["before_request", "before_websocket"])
@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize("view", ["async", "plain"])
def test_a_hook_guards_the_handshake(
    app: Flask, connect: Connect, hook: str, kind: str, view: str
) -> None:
    reached = []
    app.after_websocket(lambda: reached.append("after"))

    def guard() -> Any:
        return None if websocket.args.get("key") == "right" else ("Who are you?", 401)

    async def guard_async() -> Any:
        return guard()

    getattr(app, hook)(guard if kind == "plain" else guard_async)

    @app.websocket("/async")
    async def talk() -> None:
        reached.append("view")
        await websocket.send("hello")

    @app.websocket("/plain")
    def talk_plainly() -> None:
        reached.append("view")
        websocket.send("hello")

    with pytest.raises(Refused, match="401"), connect(app, f"/{view}?key=wrong"):
        pass
    assert reached == []
    with connect(app, f"/{view}?key=right") as ws:
        assert ws.receive() == "hello"
    assert reached == ["view", "after"]


def test_members_only(app: Flask) -> None:
    """As Flask-Login does it: the user is loaded from the session, views ask for one."""
    members = {"1": "ada"}

    @app.before_request
    def load_user() -> None:
        g.user = members.get(session.get("_user_id", ""))

    def login_required(view: Any) -> Any:
        async def guarded(**kwargs: Any) -> Any:
            if g.user is None:
                abort(401)
            return await view(**kwargs)

        return guarded

    @app.post("/login")
    def login() -> str:
        session["_user_id"] = "1"
        return "welcome"

    @app.websocket("/members")
    @login_required
    async def club() -> None:
        async for message in websocket:
            await websocket.send(f"{g.user}: {message}")

    client = app.test_client()
    with pytest.raises(WebSocketRefused) as caught, client.websocket("/members"):
        pass
    assert caught.value.response.status_code == 401
    client.post("/login")
    with client.websocket("/members") as ws:
        ws.send("hello")
        assert ws.receive() == "ada: hello"


def test_url_value_preprocessors_run(app: Flask, connect: Connect) -> None:
    @app.url_value_preprocessor
    def language(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        g.language = values.pop("language")

    @app.websocket("/<language>/talk")
    async def talk() -> None:
        await websocket.send(g.language)

    with connect(app, "/fr/talk") as ws:
        assert ws.receive() == "fr"


def test_an_overridden_stage_guards_too(connect: Connect) -> None:
    class Guarded(Flask):
        def preprocess_request(self) -> Any:
            return ("no", 401) if "key" not in request.args else super().preprocess_request()

        def process_response(self, response: Any) -> Any:
            response.status_code += 1
            return super().process_response(response)

    app = Guarded(__name__)
    echo_at(app)
    with pytest.raises(Refused, match="402"), connect(app, "/echo"):
        pass
    with connect(app, "/echo?key") as ws:
        ws.send("hello")
        assert ws.receive() == "hello"


def test_the_websocket_is_a_request_of_the_applications_class(connect: Connect) -> None:
    class Tenants(Request):
        @property
        def tenant(self) -> str:
            return self.host.partition(".")[0]

    class Application(Flask):
        request_class = Tenants

    app = Application(__name__)

    @app.websocket("/async")
    async def talk() -> None:
        await websocket.send(f"{websocket.tenant} {isinstance(websocket, Tenants)}")  # type: ignore[attr-defined]

    @app.websocket("/plain")
    def talk_plainly() -> None:
        websocket.send(f"{request.tenant} {isinstance(request, Tenants)}")  # type: ignore[attr-defined]

    for path in ("/async", "/plain"):
        with connect(app, path, headers={"Host": "acme.example"}) as ws:
            assert ws.receive() == "acme True"


def test_an_application_that_makes_its_own_contexts(connect: Connect) -> None:
    class Application(Flask):
        def app_context(self) -> Any:
            return super().app_context()

    app = Application(__name__)
    ended = []
    app.teardown_appcontext(ended.append)
    echo_at(app)
    with connect(app, "/echo") as ws:
        ws.send("hello")
        assert ws.receive() == "hello"
    assert ended == [None]


# Contexts


def test_each_connection_has_its_own_context(app: Flask, connect: Connect) -> None:
    torn_down: list[Any] = []

    @app.teardown_appcontext
    def teardown(e: BaseException | None) -> None:
        torn_down.append(g.name)

    @app.websocket("/async/<name>")
    async def talk(name: str) -> None:
        g.name = name
        async for _ in websocket:
            await asyncio.sleep(0)
            await websocket.send(f"{g.name} {request.view_args} {websocket.path}")

    @app.websocket("/plain/<name>")
    def talk_plainly(name: str) -> None:
        g.name = name
        for _ in websocket:  # type: ignore[attr-defined]
            websocket.send(f"{g.name} {request.view_args} {websocket.path}")

    for kind in ("async", "plain"):
        with connect(app, f"/{kind}/a") as one, connect(app, f"/{kind}/b") as two:
            for _ in range(3):
                for name, ws in (("a", one), ("b", two)):
                    ws.send("?")
                    assert ws.receive() == f"{name} {{'name': '{name}'}} /{kind}/{name}"
        assert sorted(torn_down) == ["a", "b"]
        torn_down.clear()


def test_it_does_not_share_the_context_of_the_test(app: Flask) -> None:
    @app.websocket("/")
    async def look() -> None:
        await websocket.send(g.get("name", "nobody"))

    async def teardown(e: BaseException | None) -> None:
        pass

    app.teardown_request(teardown)
    with app.test_request_context("/other"):
        g.name = "the test's"
        with app.test_client().websocket("/") as ws:
            assert ws.receive() == "nobody"


def test_background_work_begins_when_the_connection_has_ended(app: Flask) -> None:
    done: list[Any] = []
    ran = threading.Event()

    def work(name: str) -> None:
        done.append(name)
        ran.set()

    @app.after_websocket
    def after() -> None:
        done.append("ended")

    @app.websocket("/")
    async def talk() -> None:
        app.add_background_task(work, "worked")
        await websocket.send("hello")

    with app.test_client().websocket("/") as ws:
        ws.receive()
    assert ran.wait(PATIENCE)
    assert done == ["ended", "worked"]


# Several tasks, several connections


def test_a_task_reads_and_another_writes(app: Flask, connect: Connect) -> None:
    ended: list[str] = []

    @app.websocket("/")
    async def talk() -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def read() -> None:
            async for message in websocket:
                heard.put_nowait(str(message))
            ended.append("reader")

        async def write() -> None:
            while (message := await heard.get()) != "bye":
                await websocket.send(message.upper())
            await websocket.close(4000, "bye")
            ended.append("writer")

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(write())
        ended.append("view")

    with connect(app, "/") as ws:
        for word in ("one", "two"):
            ws.send(word)
            assert ws.receive() == word.upper()
        ws.send("bye")
        with closing_with(4000, "bye", connect):
            ws.receive()
    assert sorted(ended[:2]) == ["reader", "writer"]
    assert ended[2:] == ["view"]


def test_a_client_that_leaves_ends_the_writer_of_a_task_group(app: Flask, connect: Connect) -> None:
    ended: list[str] = []

    @app.websocket("/")
    async def talk() -> None:
        async def read() -> None:
            while True:
                await websocket.receive()

        async def write() -> None:
            await websocket.send("hello")
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("writer")

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(write())

    app.teardown_request(lambda e: ended.append(f"teardown {e}"))
    with connect(app, "/") as ws:
        ws.receive()
    assert ended == ["writer", "teardown None"]


def test_an_error_in_a_task_group_is_logged(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/")
    async def talk() -> None:
        async def fail() -> None:
            await websocket.send("hello")
            raise LookupError("the writer failed")

        async def read() -> None:
            await websocket.receive()

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(read())

    with connect(app, "/") as ws:
        ws.receive()
        with closing_with(1011, connect=connect):
            ws.receive()
    assert "the writer failed" in caplog.text
    still_serves(app, connect)


def test_first_messages_of_several_tasks_accept_once(app: Flask, connect: Connect) -> None:
    @app.websocket("/")
    async def talk() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(websocket.send(str(number)))

    with connect(app, "/") as ws:
        assert sorted(ws.receive() for _ in range(5)) == list("01234")


def test_two_tasks_cannot_receive_at_once(app: Flask, connect: Connect) -> None:
    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept()
        first = asyncio.ensure_future(websocket.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already waiting for a message"):
            await websocket.receive()
        await websocket.send("refused")
        await websocket.send(await first)

    with connect(app, "/") as ws:
        assert ws.receive() == "refused"
        ws.send("hello")
        assert ws.receive() == "hello"


def test_who_gives_up_waiting_loses_no_message(app: Flask, connect: Connect) -> None:
    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await websocket.receive()
            await asyncio.sleep(0)
        await websocket.send("late")
        async for message in websocket:
            await websocket.send(message)

    with connect(app, "/") as ws:
        assert ws.receive() == "late"
        for message in ("one", "two"):
            ws.send(message)
            assert ws.receive() == message


def test_a_broadcast_reaches_all(app: Flask, connect: Connect) -> None:
    everybody: set[Any] = set()

    @app.websocket("/")
    async def talk() -> None:
        everybody.add(websocket._get_current_object())  # type: ignore[attr-defined]
        await websocket.send("in")
        try:
            async for message in websocket:
                async with asyncio.TaskGroup() as group:
                    for one in everybody:
                        group.create_task(one.send(message))
        finally:
            everybody.discard(websocket._get_current_object())  # type: ignore[attr-defined]

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(app, "/")) for _ in range(20)]
        for ws in clients:
            assert ws.receive() == "in"
        clients[7].send("to all")
        assert [ws.receive() for ws in clients] == ["to all"] * 20
    assert not everybody


def test_the_end_of_another_connection_is_not_ones_own(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    others: list[Any] = []

    @app.websocket("/first")
    async def first() -> None:
        others.append(websocket._get_current_object())  # type: ignore[attr-defined]
        await websocket.receive()

    @app.websocket("/second")
    async def second() -> None:
        await websocket.accept()
        await others.pop().send("anyone?")

    with connect(app, "/first"):
        pass
    with connect(app, "/second") as ws, closing_with(1011, connect=connect):
        ws.receive()
    assert "WebSocketClosed: The WebSocket is closed, with the code" in caplog.text


# Ends


@pytest.mark.parametrize("where", ["receiving", "iterating", "elsewhere", "sending", "plain"])
def test_a_client_that_leaves_ends_the_view(app: Flask, connect: Connect, where: str) -> None:
    ended: list[Any] = []
    left = threading.Event()
    app.after_websocket(lambda: ended.append("after"))
    app.teardown_request(lambda e: ended.append(e))

    @app.websocket("/receiving")
    async def receiving() -> None:
        await websocket.send("hello")
        try:
            await websocket.receive()
        except WebSocketClosed as e:
            ended.append(type(e))
            raise

    @app.websocket("/iterating")
    async def iterating() -> None:
        await websocket.send("hello")
        async for _ in websocket:
            pass
        ended.append(StopAsyncIteration)

    @app.websocket("/elsewhere")
    async def elsewhere() -> None:
        await websocket.send("hello")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as e:
            ended.append(type(e))
            raise

    @app.websocket("/sending")
    async def sending() -> None:
        await websocket.send("hello")
        try:
            while True:
                await websocket.send("more")
                await asyncio.sleep(0)
        except (WebSocketClosed, asyncio.CancelledError):
            ended.append("sending")
            raise

    @app.websocket("/plain")
    def plain() -> None:
        websocket.send("hello")
        assert left.wait(PATIENCE)
        try:
            while True:
                websocket.send("more")
        except WebSocketClosed as e:
            ended.append(type(e))
            raise

    ends = {
        "receiving": WebSocketClosed,
        "iterating": StopAsyncIteration,
        "elsewhere": asyncio.CancelledError,
        "sending": "sending",
        "plain": WebSocketClosed,
    }
    with connect(app, f"/{where}") as ws:
        assert ws.receive() == "hello"
        ws.close()
        left.set()
    assert ended == [ends[where], "after", None]
    still_serves(app, connect)


def test_the_view_may_take_its_time_to_end(app: Flask, connect: Connect) -> None:
    said: list[str] = []

    @app.websocket("/")
    async def talk() -> None:
        await websocket.send("hello")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            # Cancelled once, and then no more.
            async with asyncio.timeout(PATIENCE):
                await asyncio.sleep(0)
            said.append("cleaned up")

    @app.teardown_request
    async def teardown(e: BaseException | None) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.sleep(0)
        said.append("teardown")

    with connect(app, "/") as ws:
        ws.receive()
    assert said == ["cleaned up", "teardown"]


def test_a_message_that_nobody_received_yet_is_kept(app: Flask, connect: Connect) -> None:
    proceed = threading.Event()

    @app.websocket("/")
    async def talk() -> None:
        await websocket.send("hello")
        # Somebody looks for the client meanwhile, and finds the message.
        await asyncio.to_thread(proceed.wait, PATIENCE)
        await websocket.send(await websocket.receive())
        await websocket.send(await websocket.receive())

    with connect(app, "/") as ws:
        ws.receive()
        ws.send("one")
        ws.send("two")
        proceed.set()
        assert [ws.receive(), ws.receive()] == ["one", "two"]


@pytest.mark.parametrize("sent", [1, 3])
@pytest.mark.parametrize("heard", [0, 1])
def test_a_client_leaves_whose_messages_nobody_takes(
    app: Flask, connect: Connect, sent: int, heard: int
) -> None:
    ended: list[Any] = []

    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept()
        for _ in range(heard):
            await websocket.receive()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("view")

    app.after_websocket(lambda: ended.append(websocket.closed and websocket.closed.code))
    app.teardown_request(ended.append)
    with connect(app, "/") as ws:
        for number in range(heard + sent):
            ws.send(str(number))
    assert ended == ["view", 1000 if connect.carries_codes else 1005, None]


@pytest.mark.parametrize("view", ["async", "plain"])
def test_messages_that_came_before_the_client_left_are_received(
    app: Flask, connect: Connect, view: str
) -> None:
    heard: list[Any] = []
    away = threading.Event()

    @app.websocket("/async")
    async def talk() -> None:
        await websocket.send("hello")
        # A view that ends may still want what was sent to it.
        with contextlib.suppress(asyncio.CancelledError):
            away.set()
            await asyncio.Event().wait()
        async for message in websocket:
            heard.append(message)
        with pytest.raises(WebSocketClosed):
            await websocket.send("anyone?")

    @app.websocket("/plain")
    def talk_plainly() -> None:
        ws: Any = websocket
        ws.send("hello")
        away.set()
        while ws.closed is None:
            asyncio.run_coroutine_threadsafe(_turns(1), background_loop()).result(PATIENCE)
        heard.extend(ws)

    with connect(app, f"/{view}") as ws:
        ws.receive()
        assert away.wait(PATIENCE)
        for message in ("one", b"two", ""):
            ws.send(message)
    assert heard == ["one", b"two", ""]


def test_a_view_that_comes_back_gets_all_in_order(app: Flask, connect: Connect) -> None:
    @app.websocket("/")
    async def talk() -> None:
        await websocket.send("hello")
        # Now messages are read ahead, now they are waited for.
        for turns in range(200):
            await _turns(turns % 7)
            await websocket.send(await websocket.receive())

    with connect(app, "/") as ws:
        ws.receive()
        for number in range(200):
            ws.send(str(number))
        assert [ws.receive() for _ in range(200)] == [str(number) for number in range(200)]


@pytest.mark.parametrize("message", ["", "x" * 1000, b"x" * 100_000])
def test_a_client_that_sends_too_much_has_to_wait(app: Flask, message: str | bytes) -> None:
    given = 0
    most = -(-websocket_wrapper._MAX_AHEAD // getsizeof(message))
    full, proceed = threading.Event(), threading.Event()

    class Counting(ASGI):
        async def give(self) -> Any:
            nonlocal given
            received = await super().give()
            given += received["type"] == "websocket.receive"
            if given == most:
                full.set()
            return received

    @app.websocket("/")
    async def talk() -> None:
        await websocket.send("hello")
        await asyncio.to_thread(proceed.wait, PATIENCE)
        async for message in websocket:
            await websocket.send(str(len(message)))

    with Counting(app, "/") as ws:
        ws.receive()
        for _ in range(most + 10):
            ws.send(message)
        assert full.wait(PATIENCE)
        asyncio.run_coroutine_threadsafe(_turns(100), background_loop()).result(PATIENCE)
        assert given == most
        proceed.set()
        assert [ws.receive() for _ in range(most + 10)] == [str(len(message))] * (most + 10)


@pytest.mark.parametrize("view", ["async", "plain"])
def test_sending_after_closing_and_closing_twice(app: Flask, connect: Connect, view: str) -> None:
    raised: list[Any] = []

    @app.websocket("/async")
    async def talk() -> None:
        await websocket.accept()
        await websocket.close(4000)
        await websocket.close(4001)
        for act in (websocket.send("late"), websocket.receive(), websocket.send_json(1)):
            with pytest.raises(WebSocketClosed) as caught:
                await act
            raised.append(caught.value.code)
        async for _ in websocket:
            raised.append("a message")

    @app.websocket("/plain")
    def talk_plainly() -> None:
        ws: Any = websocket
        ws.accept()
        ws.close(4000)
        ws.close(4001)
        for act in (lambda: ws.send("late"), ws.receive, lambda: ws.send_json(1)):
            with pytest.raises(WebSocketClosed) as caught:
                act()
            raised.append(caught.value.code)
        for _ in ws:
            raised.append("a message")

    with connect(app, f"/{view}") as ws, closing_with(4000, connect=connect):
        ws.receive()
    assert raised == [4000, 4000, 4000]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda ws: ws.close(1005), ValueError, "cannot be closed with the code 1005"),
        (lambda ws: ws.close(1006), ValueError, "the code 1006"),
        (lambda ws: ws.close(1015), ValueError, "the code 1015"),
        (lambda ws: ws.close(999), ValueError, r"the code 999\. Use 1000, one of 3000 to 4999"),
        (lambda ws: ws.close(2000), ValueError, "the code 2000"),
        (lambda ws: ws.close(5000), ValueError, "the code 5000"),
        (lambda ws: ws.close(4000, "é" * 62), ValueError, "has 124 bytes, and room for 123"),
        (lambda ws: ws.send(None), TypeError, "text or bytes, not NoneType.*send_json"),
        (lambda ws: ws.send({"a": 1}), TypeError, "not dict"),
        (lambda ws: ws.send("half a pair: \ud800"), UnicodeEncodeError, "surrogates"),
        (lambda ws: ws.send_json(1, a=2), TypeError, "either args or kwargs"),
        (lambda ws: ws.send_json(object()), TypeError, "not JSON serializable"),
        (lambda ws: ws.accept({"X": "a\r\nSet-Cookie: b"}), (ValueError, RuntimeError), None),
    ],
)
@pytest.mark.parametrize("view", ["async", "plain"])
def test_mistakes_are_told_before_the_server_hears_of_them(
    app: Flask, connect: Connect, view: str, act: Any, error: Any, message: str
) -> None:
    @app.websocket("/async")
    async def talk() -> None:
        await websocket.accept()
        with pytest.raises(error, match=message):
            await act(websocket)
        await websocket.send("and on")

    @app.websocket("/plain")
    def talk_plainly() -> None:
        websocket.accept()
        with pytest.raises(error, match=message):
            act(websocket)
        websocket.send("and on")

    with connect(app, f"/{view}") as ws:
        assert ws.receive() == "and on"
        with closing_with(1000, connect=connect):
            ws.receive()


def test_no_header_can_be_smuggled_into_the_acceptance(app: Flask) -> None:
    app.testing = True

    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept({"X": "a\r\nSet-Cookie: b"})

    with pytest.raises(ValueError, match="newline"), app.test_client().websocket("/"):
        pass


def test_what_comes_too_late_to_go_with_the_acceptance(app: Flask, connect: Connect) -> None:
    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept()
        with pytest.raises(RuntimeError, match="accepted already"):
            await websocket.accept({"X": "y"})
        with pytest.raises(RuntimeError, match="accepted already"):
            await websocket.accept(subprotocol="chat")
        await websocket.send("and on")

    with connect(app, "/", subprotocols=["chat"]) as ws:
        assert ws.receive() == "and on"


def test_the_websocket_of_a_plain_view_in_an_async_hook(app: Flask) -> None:
    app.testing = True

    @app.before_websocket
    async def hook() -> None:
        websocket.accept()  # type: ignore[unused-coroutine]

    @app.websocket("/")
    def talk() -> None:
        pass

    message = r"used in an async function.*Make the view 'async def', or the function plain"
    with pytest.raises(RuntimeError, match=message), app.test_client().websocket("/"):
        pass


# Bad input


@pytest.mark.parametrize("view", ["async", "plain"])
@pytest.mark.parametrize(
    ("receive", "message", "code", "reason"),
    [
        ("receive_bytes", "text", 1003, "Bytes were expected."),
        ("receive_text", b"bytes", 1003, "Text was expected."),
        ("receive_json", "{", 1007, "JSON was expected."),
        ("receive_json", "", 1007, "JSON was expected."),
        ("receive_json", b"\xff\xfe{", 1007, "JSON was expected."),
        ("receive_json", "[" * 100_000, 1007, "JSON was expected."),
        ("receive", "x" * 200_001, 1009, "The message is too big."),
        ("receive", b"x" * 200_001, 1009, "The message is too big."),
        ("receive_json", "é" * 100_001, 1009, "The message is too big."),
    ],
)
def test_messages_that_are_not_what_was_promised(
    app: Flask,
    connect: Connect,
    view: str,
    receive: str,
    message: Any,
    code: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 200_000
    raised: list[Any] = []

    @app.websocket("/async")
    async def talk() -> None:
        try:
            await getattr(websocket, receive)()
        except WebSocketClosed as e:
            raised.append(e.code)
            raise

    @app.websocket("/plain")
    def talk_plainly() -> None:
        try:
            getattr(websocket, receive)()
        except WebSocketClosed as e:
            raised.append(e.code)
            raise

    with connect(app, f"/{view}") as ws:
        ws.send(message)
        with closing_with(code, reason, connect):
            ws.receive()
    assert raised == [code]
    assert not caplog.records
    still_serves(app, connect)


def test_a_message_as_big_as_is_allowed(app: Flask, connect: Connect) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10
    echo_at(app)
    with connect(app, "/echo") as ws:
        for message in ("0123456789", "é" * 5, b"0123456789"):
            ws.send(message)
            assert ws.receive() == message


def test_a_close_in_mid_message_ends_the_view(app: Flask) -> None:
    # The server tells 1006, whatever it has of the message is nobody's.
    echo_at(app)
    with ASGI(app, "/echo") as ws:
        ws.close(1006)
    still_serves(app, ASGI)


def test_a_client_that_stops_reading_stops_the_view(app: Flask) -> None:
    class Slow(ASGI):
        """With room for two messages."""

        async def write(self, message: str | bytes) -> None:
            await room.acquire()
            self.to_client.put(message)

    room: asyncio.Semaphore
    sent: list[int] = []
    full = threading.Event()

    @app.websocket("/")
    async def flood() -> None:
        nonlocal room
        room = asyncio.Semaphore(2)
        for number in range(10):
            if room.locked():
                full.set()
            await websocket.send(str(number))
            sent.append(number)
        await websocket.receive()

    with Slow(app, "/") as ws:
        assert full.wait(PATIENCE)
        # No more is sent than there is room for: not even when everybody else had his turn.
        asyncio.run_coroutine_threadsafe(_turns(100), background_loop()).result(PATIENCE)
        assert sent == [0, 1]
        background_loop().call_soon_threadsafe(lambda: [room.release() for _ in range(10)])
        assert [ws.receive() for _ in range(10)] == [str(number) for number in range(10)]


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_the_client_of_a_full_connection_leaves(app: Flask) -> None:
    stuck = threading.Event()
    ended: list[str] = []

    class Stuck(ASGI):
        async def write(self, message: str | bytes) -> None:
            stuck.set()
            await asyncio.Event().wait()

    @app.websocket("/")
    async def flood() -> None:
        try:
            await websocket.send("never read")
        finally:
            ended.append("view")

    with Stuck(app, "/"):
        assert stuck.wait(PATIENCE)
    assert ended == ["view"]
    still_serves(app, ASGI)


# Errors in each place


class Broken(Exception):
    pass


@pytest.mark.parametrize("view", ["async", "plain"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_an_error_of_the_view(
    app: Flask, connect: Connect, view: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    app.teardown_request(lambda e: told.append(type(e)))
    app.after_websocket(lambda: told.append("after"))

    def signalled(sender: Flask, exception: Exception, **_: Any) -> None:
        told.append(("signal", type(exception)))

    @app.websocket("/async")
    async def talk() -> None:
        if where == "after":
            await websocket.accept()
        raise Broken("the view failed")

    @app.websocket("/plain")
    def talk_plainly() -> None:
        if where == "after":
            websocket.accept()
        raise Broken("the view failed")

    with got_request_exception.connected_to(signalled, app):
        if where == "before":
            with pytest.raises(Refused, match="500"), connect(app, f"/{view}"):
                pass
            assert told == [("signal", Broken), Broken]
        else:
            with connect(app, f"/{view}") as ws, closing_with(1011, connect=connect):
                ws.receive()
            assert told == [("signal", Broken), "after", Broken]
    (record,) = caplog.records
    assert record.getMessage() == f"Exception on /{view} [GET]"
    assert record.levelno == logging.ERROR
    assert "Broken: the view failed" in caplog.text
    still_serves(app, connect)


def test_an_error_in_the_loop(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/")
    async def divide() -> None:
        async for message in websocket:
            await websocket.send_json(1 / int(message))

    with connect(app, "/") as ws:
        ws.send("2")
        assert ws.receive() == "0.5"
        ws.send("0")
        with closing_with(1011, connect=connect):
            ws.receive()
    assert "ZeroDivisionError" in caplog.text
    still_serves(app, connect)


def test_an_error_handler_does_not_answer_an_accepted_connection(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[Any] = []

    @app.errorhandler(Broken)
    def handle(e: Broken) -> str:
        called.append(e)
        return "handled"

    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept()
        raise Broken

    with connect(app, "/") as ws, closing_with(1011, connect=connect):
        ws.receive()
    assert called == []
    assert "Broken" in caplog.text


def test_an_error_of_a_hook_is_answered(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    @app.before_websocket
    def hook() -> None:
        if websocket.path != "/still":
            raise Broken("the hook failed")

    echo_at(app)
    echo_at(app, "/still")
    with pytest.raises(Refused, match="500"), connect(app, "/echo"):
        pass
    assert "the hook failed" in caplog.text
    still_serves(app, connect)


def test_an_error_after_the_end_is_logged_and_the_rest_goes_on(
    app: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[Any] = []
    app.teardown_request(lambda e: said.append(type(e)))
    app.after_websocket(lambda: said.append("the other"))

    @app.after_websocket
    async def after() -> None:
        if websocket.path == "/echo":
            raise Broken("afterwards")

    echo_at(app)
    with connect(app, "/echo"):
        pass
    assert said == ["the other", Broken]
    assert "afterwards" in caplog.text
    still_serves(app, connect)


def test_an_error_of_a_teardown_function_is_the_servers(app: Flask) -> None:
    @app.teardown_request
    def teardown(e: BaseException | None) -> None:
        if websocket.path == "/echo":
            raise Broken("teardown")

    ended: list[Any] = []
    app.teardown_appcontext(ended.append)
    echo_at(app)
    for connect in (ASGI, RSGI):
        with pytest.raises(Broken), connect(app, "/echo"):
            pass
        still_serves(app, connect)
    assert ended == [None] * 4


def test_in_tests_the_error_of_the_view_is_raised(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.testing = True

    @app.websocket("/before")
    async def before() -> None:
        raise Broken

    @app.websocket("/after")
    async def after() -> None:
        await websocket.receive()
        raise Broken

    client = app.test_client()
    with pytest.raises(Broken), client.websocket("/before"):
        pass
    with pytest.raises(Broken), client.websocket("/after") as ws:
        ws.send("go")
        ws.receive()
    with pytest.raises(Broken), client.websocket("/after") as ws:
        ws.send("go")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with client.websocket("/after") as ws:
        ws.send("go")
        with closing_with(1011):
            ws.receive()


@pytest.mark.parametrize("view", ["async", "plain"])
def test_a_server_that_stops_ends_the_view(app: Flask, view: str) -> None:
    said: list[Any] = []
    app.after_websocket(lambda: said.append("after"))
    app.teardown_request(lambda e: said.append(type(e)))
    ended = threading.Event()

    @app.websocket("/async")
    async def talk() -> None:
        await websocket.accept()
        try:
            await websocket.receive()
        except asyncio.CancelledError:
            ended.set()
            raise

    @app.websocket("/plain")
    def talk_plainly() -> None:
        websocket.accept()
        try:
            websocket.receive()
        except WebSocketClosed:
            ended.set()
            raise

    with contextlib.suppress(CancelledError), ASGI(app, f"/{view}") as ws:
        asyncio.run_coroutine_threadsafe(_turns(10), background_loop()).result(PATIENCE)
        (serving,) = (
            task
            for task in asyncio.all_tasks(background_loop())
            if "Client.__enter__" in task.get_coro().__qualname__  # type: ignore[union-attr]
        )
        background_loop().call_soon_threadsafe(serving.cancel)
        with pytest.raises(WebSocketClosed):
            ws.receive()
        assert ended.wait(PATIENCE)
    assert said == ["after", asyncio.CancelledError]


# The test client


def test_the_test_client_does_not_wait_for_ever(app: Flask) -> None:
    @app.websocket("/silent")
    async def silent() -> None:
        await websocket.accept()
        await asyncio.Event().wait()

    @app.websocket("/never")
    async def never() -> None:
        await asyncio.Event().wait()

    client = app.test_client()
    with client.websocket("/silent", timeout=0.01) as ws:
        ws.timeout = 0.01
        with pytest.raises(TimeoutError, match=r"sent nothing for 0\.01 seconds"):
            ws.receive()
        ws.timeout = PATIENCE
    with pytest.raises(TimeoutError), client.websocket("/never", timeout=0.01):
        pass


def test_the_test_client_sends_nothing_but_text_and_bytes(app: Flask) -> None:
    @app.websocket("/echoed")
    async def echoed() -> None:
        await websocket.send(await websocket.receive())

    with app.test_client().websocket("/echoed") as ws:
        with pytest.raises(TypeError, match="A message is text or bytes, not int"):
            ws.send(5)  # type: ignore[arg-type]
        ws.send("hello")
        assert ws.receive() == "hello"


def test_the_test_client_sends_json_and_knows_why_it_ended(app: Flask) -> None:
    @app.websocket("/")
    async def talk() -> None:
        await websocket.send_json(await websocket.receive_json())
        await websocket.close(4003, "done")

    with app.test_client().websocket("/") as ws:
        ws.send_json({"a": [1]})
        assert ws.receive_json() == {"a": [1]}
        with closing_with(4003, "done"):
            ws.receive()
        assert ws.closed is not None
        for act in (ws.receive, lambda: ws.send("late")):
            with closing_with(4003, "done"):
                act()


def test_two_hundred_at_once(app: Flask, connect: Connect) -> None:
    everybody: list[Any] = []

    @app.websocket("/")
    async def talk() -> None:
        everybody.append(websocket._get_current_object())  # type: ignore[attr-defined]
        async for message in websocket:
            if message == "all":
                for one in everybody:
                    await one.send("to all")
            else:
                await websocket.send(message)

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(app, "/")) for _ in range(200)]
        for number, ws in enumerate(clients):
            ws.send(str(number))
        assert [ws.receive() for ws in clients] == [str(number) for number in range(200)]
        clients[0].send("all")
        assert {ws.receive() for ws in clients} == {"to all"}
    everybody.clear()
