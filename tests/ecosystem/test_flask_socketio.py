"""Events over long polling and by its own test client: rooms, sessions, namespaces, errors.

Speaks the protocol in plain requests: packets of Engine.IO 4, which carry packets of Socket.IO 5.
"""

from __future__ import annotations

import json
import runpy
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import APPS

DISTRIBUTIONS = ["Flask-SocketIO"]
APP = "chat.py"

SEPARATOR = "\x1e"


class Socket:
    """One connection over the polling transport."""

    def __init__(self, visitor, auth=None, namespace=""):
        self.visitor = visitor
        opened = visitor.get("/socket.io/?EIO=4&transport=polling")
        assert opened.text.startswith("0")
        self.path = f"/socket.io/?EIO=4&transport=polling&sid={json.loads(opened.text[1:])['sid']}"
        self.post(f"40{namespace}{json.dumps(auth) if auth else ''}")
        self.waiting = []

    def post(self, *packets):
        answer = self.visitor.post(self.path, SEPARATOR.join(packets).encode())
        assert answer.text == "OK"

    def packet(self):
        """The next packet from the server; asks for more as long as there is none."""
        while not self.waiting:
            packets = self.visitor.get(self.path).text.split(SEPARATOR)
            self.waiting = [packet for packet in packets if packet not in ("2", "6")]
        return self.waiting.pop(0)

    def emit(self, *event, number=""):
        self.post(f"42{number}{json.dumps(event)}")

    def event(self):
        """What the next packet says, which is an event."""
        packet = self.packet()
        assert packet.startswith("42"), packet
        return json.loads(packet[2:])

    def call(self, *event):
        """Emit an event, and wait for its acknowledgement."""
        self.emit(*event, number="7")
        packet = self.packet()
        assert packet.startswith("437"), packet
        return json.loads(packet[3:])


@pytest.fixture
def ada(visitor):
    visitor.post("/login", {"name": "Ada"})
    socket = Socket(visitor)
    assert socket.packet().startswith('40{"sid":')
    return socket


@pytest.fixture
def grace(visitor):
    with visitor.another() as other:
        socket = Socket(other, {"token": "guest"})
        assert socket.packet().startswith('40{"sid":')
        yield socket


def test_an_event_is_acknowledged_with_what_the_handler_returns(ada):
    assert ada.call("join", {"room": "tea"}) == [
        {"room": "tea", "path": "/socket.io/", "event": "join"}
    ]


def test_a_room_hears_who_comes_and_what_is_said(ada, grace):
    grace.call("join", {"room": "tea"})
    ada.call("join", {"room": "tea"})
    assert grace.event() == ["joined", "Ada"]
    ada.emit("message", "hello")
    assert ada.event() == grace.event() == ["message", "Ada: hello (1)"]
    assert grace.call("leave", {"room": "tea"}) == ["left"]
    ada.emit("message", "still here?")
    assert ada.event() == ["message", "Ada: still here? (2)"]
    assert grace.call("leave", {"room": "tea"}) == ["left"]


def test_events_have_a_session_of_their_own(visitor, ada):
    ada.call("join", {"room": "tea"})
    ada.emit("message", "hello")
    assert ada.event() == ["message", "Ada: hello (1)"]
    assert visitor.get("/me").json() == {"name": "Ada", "said": 0}


def test_a_view_speaks_to_all_who_wait(visitor, ada, grace):
    with ThreadPoolExecutor() as pool:
        heard = [pool.submit(socket.event) for socket in (ada, grace)]
        assert visitor.post("/announce", json={"closing": "5 pm"}).status_code == 202
        for future in heard:
            assert future.result(30) == ["announcement", {"closing": "5 pm"}]
    assert visitor.another().post("/announce", json={}).status_code == 403


def test_bytes_travel_both_ways(ada):
    content = bytes(range(256)) * 8
    ada.post(
        '451-7["upload","numbers",{"_placeholder":true,"num":0}]',
        "b" + b64encode(content).decode(),
    )
    assert ada.packet() == '461-7["numbers",2048,{"_placeholder":true,"num":0}]'
    assert b64decode(ada.packet().removeprefix("b")) == content[::-1]


def test_a_namespace_has_its_own_handlers(ada):
    ada.post("40/clock,")
    assert sorted(ada.packet()[:9] for _ in range(2)) == ["40/clock,", "42/clock,"]
    ada.post('42/clock,["tick",41]')
    assert ada.packet() == '42/clock,["tick",42]'


def test_a_failing_handler_is_reported(ada):
    ada.emit("join", {})
    assert ada.event() == ["trouble", {"kind": "KeyError", "event": "join"}]
    ada.emit("upload", "too few")
    assert ada.event() == ["trouble", {"kind": "TypeError", "event": "upload"}]


def test_an_unknown_token_is_refused(visitor):
    refused = Socket(visitor, {"token": "forged"})
    assert refused.packet() == '44{"message":"unknown token"}'


def test_the_server_hangs_up_when_the_handler_says_so(visitor, ada):
    ada.emit("leave_for_good")
    assert ada.packet() == "41"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("EIO=4&transport=polling&sid=unknown", {}),
        ("EIO=4&transport=pigeon", {}),
        ("EIO=3&transport=polling", {}),
        ("EIO=4&transport=polling", {"Origin": "http://elsewhere.example"}),
    ],
)
def test_what_is_no_connection_is_refused(visitor, query, headers):
    assert visitor.get(f"/socket.io/?{query}", headers=headers).status_code == 400


def test_a_page_of_a_known_origin_may_connect(visitor):
    origin = {"Origin": "http://chat.example"}
    opened = visitor.get("/socket.io/?EIO=4&transport=polling", headers=origin)
    assert opened.headers["Access-Control-Allow-Origin"] == "http://chat.example"


def test_its_test_client_talks_to_the_application_in_one_process():
    chat = runpy.run_path(str(APPS / "chat.py"))
    app, socketio = chat["app"], chat["socketio"]
    web = app.test_client()
    web.post("/login", data={"name": "Ada"})
    ada = socketio.test_client(app, flask_test_client=web)
    assert ada.is_connected()
    assert ada.emit("join", {"room": "tea"}, callback=True)["room"] == "tea"
    ada.send("hello")
    assert ada.get_received() == [
        {"name": "message", "args": "Ada: hello (1)", "namespace": "/"},
    ]
    ada.disconnect()
    assert not ada.is_connected()
    assert not socketio.test_client(app, auth={"token": "forged"}).is_connected()
