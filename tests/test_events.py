"""Server-sent events: how they are written, and how they are sent."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import carboy
from carboy import Flask, ServerSentEvent, event_stream, g, json, request
from streaming_servers import SERVERS, Client

Connect = Callable[..., Client]


def parse(stream: bytes) -> list[dict[str, str]]:
    """The events that a browser dispatches, by the standard's own instructions."""
    lines = io.StringIO(stream.decode().replace("\r\n", "\n").replace("\r", "\n"), newline="\n")
    events = []
    last_id = ""
    event: dict[str, str] = {}
    data: list[str] = []
    for line in (line.removesuffix("\n") for line in lines):
        if not line:
            if data:
                events.append({**event, "data": "\n".join(data), "id": last_id})
            event, data = {}, []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event["event"] = value
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isdecimal():
            event["retry"] = value
    return events


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (ServerSentEvent("text"), "data: text\n\n"),
        (ServerSentEvent(""), "data: \n\n"),
        (ServerSentEvent("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent("line\n"), "data: line\ndata: \n\n"),
        (ServerSentEvent("a\u2028b\x0bc"), "data: a\u2028b\x0bc\n\n"),
        (ServerSentEvent(" text"), "data:  text\n\n"),
        (ServerSentEvent({"a": [1, None]}), 'data: {"a": [1, null]}\n\n'),
        (ServerSentEvent([]), "data: []\n\n"),
        (ServerSentEvent(54), "data: 54\n\n"),
        (ServerSentEvent("x", event="e", id=7, retry=0), "event: e\nid: 7\nretry: 0\ndata: x\n\n"),
        (ServerSentEvent("x", id=""), "id: \ndata: x\n\n"),
        (ServerSentEvent(None, comment="two\nlines"), ": two\n: lines\n\n"),
    ],
)  # fmt: skip
def test_what_is_sent(event, sent):
    assert event.encode() == sent.encode()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"event": "a\nb"}, "The event of an event is one line"),
        ({"id": "a\rb"}, "The id of an event is one line"),
        ({"id": "a\0"}, "zero bytes"),
        ({"retry": -1}, "wait -1 ms"),
    ],
)
def test_what_would_not_arrive_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ServerSentEvent("", **fields)


one_line = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    one_line,
    one_line,
    st.integers(0, 10**6),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_browser_reads_what_was_meant(data, event, id, retry, comment):
    sent = ServerSentEvent(data, event=event, id=id, retry=retry, comment=comment).encode()
    lines = data.replace("\r\n", "\n").replace("\r", "\n")
    assert parse(sent) == [{"event": event, "data": lines, "id": id, "retry": str(retry)}]


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.ended = []  # type: ignore[attr-defined]
    app.teardown_request(lambda error: app.ended.append(type(error).__name__))  # type: ignore[attr-defined]
    return app


@pytest.fixture(params=SERVERS)
def connect(request: pytest.FixtureRequest, app: Flask) -> Connect:
    server = SERVERS[request.param]
    return lambda *args, **kwargs: server(app, *args, **kwargs)


def both(app: Flask, view: Callable[..., Any]) -> None:
    """Register *view* as it is and as an ``async def`` one."""

    async def asynchronous() -> Any:
        return view()

    app.add_url_rule("/plain", "plain", view)
    app.add_url_rule("/async", "async", asynchronous)


@pytest.mark.parametrize("path", ["/plain", "/async"])
@pytest.mark.parametrize("is_async", [False, True])
def test_events(app, connect, path, is_async):
    def plain():
        g.count = 0
        for item in ("text", {"a": 1}, ServerSentEvent("named", event="name"), None):
            g.count += 1
            yield item
        yield f"{request.path} {g.count}"

    async def asynchronous():
        for item in plain():
            await asyncio.sleep(0)
            yield item

    both(app, lambda: event_stream(asynchronous() if is_async else plain(), retry=2000))
    with connect(path) as client:
        body = client.read_all()
        client.wait()
        assert client.error is None
    assert client["content-type"] == "text/event-stream; charset=utf-8"
    assert client["cache-control"] == "no-cache"
    assert client["x-accel-buffering"] == "no"
    assert body.startswith(b"retry: 2000\n\n")
    assert b"\n\n:\n\n" in body
    assert parse(body) == [
        {"data": "text", "id": ""},
        {"data": '{"a": 1}', "id": ""},
        {"event": "name", "data": "named", "id": ""},
        {"data": f"{path} 4", "id": ""},
    ]
    assert app.ended == ["NoneType"] * 2


def test_the_page_learns_at_once_that_it_is_connected(app, connect):
    told = threading.Event()

    async def silent():
        while not told.is_set():
            await asyncio.sleep(0)
        yield "first"

    both(app, lambda: event_stream(silent(), keep_alive=None))
    for path in ("/plain", "/async"):
        told.clear()
        with connect(path) as client:
            assert client.read() == b":\n\n"
            assert client.status == 200
            told.set()
            assert client.read_all() == b"data: first\n\n"


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_a_silent_source_is_kept_alive(app, connect, path):
    told = threading.Event()

    async def silent():
        yield "first"
        while not told.is_set():
            await asyncio.sleep(0)
        yield "last"

    both(app, lambda: event_stream(silent(), keep_alive=0.001))
    with connect(path) as client:
        assert [client.read() for _ in range(4)] == [
            b":\n\n",
            b"data: first\n\n",
            b":\n\n",
            b":\n\n",
        ]
        told.set()
        assert parse(client.read_all()) == [{"data": "last", "id": ""}]


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_a_client_that_leaves_ends_a_silent_source(app, connect, path):
    ended = []

    async def silent():
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(request.path)

    both(app, lambda: event_stream(silent(), keep_alive=0.001))
    with connect(path) as client:
        client.read()
        assert client.read() == b"data: first\n\n"
        client.leave()
        client.read()
        client.wait()
        assert client.error is None
    assert ended == [path]
    assert app.ended[0] == "NoneType"
    assert app.ended[1:] in (["CancelledError"], ["GeneratorExit"])


def test_a_client_that_leaves_ends_a_plain_source(app, connect):
    ended = []

    def endless():
        try:
            while True:
                yield None
        finally:
            ended.append(request.path)

    both(app, lambda: event_stream(endless()))
    with connect("/plain") as client:
        client.read()
        client.leave()
        client.read()
        client.wait()
    assert ended == ["/plain"]
    assert app.ended == ["NoneType", "GeneratorExit"]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_source_that_fails(app, connect, is_async):
    def plain():
        yield "first"
        raise LookupError("in the middle")

    async def asynchronous():
        for item in plain():
            yield item

    both(app, lambda: event_stream(asynchronous() if is_async else plain()))
    with connect("/plain") as client:
        assert client.read_all() == b":\n\ndata: first\n\n"
        client.wait()
        assert isinstance(client.error, LookupError)
        assert not client.is_complete
    assert app.ended == ["NoneType", "LookupError"]


def test_an_iterable_will_do(app, connect):
    both(app, lambda: event_stream(["one", "two"]))
    with connect("/plain") as client:
        assert [event["data"] for event in parse(client.read_all())] == ["one", "two"]


def test_a_client_that_comes_back_says_what_it_had_last(app):
    @app.get("/")
    def view():
        return [request.last_event_id]

    client = app.test_client()
    assert client.get("/").json == [None]
    # Browsers send it as UTF-8.
    last = "\u00e97".encode().decode("latin-1")
    assert client.get("/", headers={"Last-Event-ID": last}).json == ["\u00e97"]


def test_json_is_written_as_the_application_writes_it(app):
    class Provider(json.provider.DefaultJSONProvider):
        def dumps(self, obj, **kwargs):
            return "own"

    app.json = Provider(app)
    app.get("/")(lambda: event_stream([{}]))
    assert app.test_client().get("/").data == b":\n\ndata: own\n\n"


def test_it_is_made_by_the_class_of_the_application(app):
    class Own(carboy.Response):
        pass

    app.response_class = Own
    with app.test_request_context():
        assert type(event_stream([])) is Own


def test_outside_of_a_request_there_are_no_streams():
    with pytest.raises(RuntimeError, match="request context"):
        event_stream([])
