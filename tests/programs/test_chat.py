"""The example of a chat: through the test client, and with two people in real browsers."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from carboy.testing import FlaskClient
from carboy.websocket_testing import TestWebSocket, WebSocketRefused
from carboy.wrappers.websocket import WebSocketClosed

from .browser import Browser, browsing
from .conftest import COMMAND, Program, Start

EXAMPLE = Path(__file__).parents[2] / "examples" / "chat"


# Through the test client


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example, with an empty memory."""
    spec = importlib.util.spec_from_file_location("chat", EXAMPLE / "chat.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "chat", module)
    spec.loader.exec_module(module)
    module.app.testing = True
    return module


def visitor(chat: ModuleType, name: str) -> FlaskClient:
    """Somebody who has chosen a name."""
    client: FlaskClient = chat.app.test_client()
    answer = client.post("/", data={"name": name, "room": "cellar"})
    assert (answer.status_code, answer.location) == (302, "/cellar")
    return client


@contextmanager
def in_room(client: FlaskClient, room: str = "cellar") -> Iterator[tuple[TestWebSocket, Any]]:
    """A connection, and the messages that it got first."""
    with client.websocket(f"/{room}/talk") as page:
        yield page, page.receive_json()["history"]


def hear(page: TestWebSocket, what: str) -> Any:
    """The next news of a kind."""
    while what not in (news := page.receive_json()):
        pass
    return news[what]


def test_two_talk_and_see_each_other(chat: ModuleType) -> None:
    with in_room(visitor(chat, "Ada")) as (ada, history):
        assert history == []
        assert hear(ada, "here") == {"cellar": ["Ada"], "orchard": [], "kitchen": []}
        with in_room(visitor(chat, "Grace")) as (grace, _):
            assert hear(ada, "came") == "Grace"
            assert hear(ada, "here")["cellar"] == hear(grace, "here")["cellar"] == ["Ada", "Grace"]
            ada.send("  <b>hello</b>\n")
            said = hear(ada, "said")
            assert (said["name"], said["text"]) == ("Ada", "<b>hello</b>")
            assert hear(grace, "said") == said
        assert hear(ada, "left") == "Grace"
        assert hear(ada, "here")["cellar"] == ["Ada"]


def test_rooms_do_not_hear_each_other_but_see_who_is_where(chat: ModuleType) -> None:
    with in_room(visitor(chat, "Ada")) as (ada, _):
        hear(ada, "here")
        with in_room(visitor(chat, "Grace"), "orchard") as (grace, _):
            assert ada.receive_json() == {
                "here": {"cellar": ["Ada"], "orchard": ["Grace"], "kitchen": []}
            }
            grace.send("hello, trees")
            hear(grace, "said")
        assert ada.receive_json() == {"here": {"cellar": ["Ada"], "orchard": [], "kitchen": []}}


def test_who_comes_later_gets_the_last_messages(chat: ModuleType) -> None:
    with in_room(visitor(chat, "Ada")) as (ada, _):
        for number in range(chat.KEPT + 2):
            ada.send(str(number))
            hear(ada, "said")
    with in_room(visitor(chat, "Grace")) as (_, history):
        assert [message["text"] for message in history] == [
            str(number) for number in range(2, chat.KEPT + 2)
        ]


def test_two_pages_of_one_person(chat: ModuleType) -> None:
    client = visitor(chat, "Ada")
    with in_room(visitor(chat, "Grace")) as (grace, _):
        hear(grace, "here")
        with in_room(client):
            assert hear(grace, "came") == "Ada"
            hear(grace, "here")
            with in_room(client):
                assert grace.receive_json()["here"]["cellar"] == ["Ada", "Grace"]
            assert grace.receive_json()["here"]["cellar"] == ["Ada", "Grace"]
        assert hear(grace, "left") == "Ada"


def test_who_has_no_name_is_told(chat: ModuleType) -> None:
    client: FlaskClient = chat.app.test_client()
    assert client.get("/orchard").location == "/?room=orchard"
    with pytest.raises(WebSocketClosed) as caught, client.websocket("/cellar/talk") as page:
        page.receive()
    assert caught.value.code == chat.NO_NAME


@pytest.mark.parametrize("name", ["", "   ", "x" * 25, "Ad\u202ea", "ada"])
def test_names_that_cannot_be_chosen(chat: ModuleType, name: str) -> None:
    with in_room(visitor(chat, "Ada")):
        answer = chat.app.test_client().post("/", data={"name": name, "room": "cellar"})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text


def test_rooms_that_do_not_exist(chat: ModuleType) -> None:
    client = visitor(chat, "Ada")
    assert client.get("/attic").status_code == 404
    with pytest.raises(WebSocketRefused, match="404"), client.websocket("/attic/talk"):
        pass


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost", True),
        ("http://localhost:8000", False),
        ("http://localhost.example", False),
        ("null", False),
    ],
)
def test_pages_of_other_sites_are_refused(chat: ModuleType, origin: str, allowed: bool) -> None:
    client = visitor(chat, "Ada")
    if allowed:
        with client.websocket("/cellar/talk", headers={"Origin": origin}) as page:
            page.receive()
        return
    with (
        pytest.raises(WebSocketRefused, match="403"),
        client.websocket("/cellar/talk", headers={"Origin": origin}),
    ):
        pass


def test_long_messages(chat: ModuleType) -> None:
    with in_room(visitor(chat, "Ada")) as (ada, _):
        ada.send("x" * 2000)
        assert hear(ada, "said")["text"] == "x" * chat.LONGEST
        ada.send("x" * 9000)
        with pytest.raises(WebSocketClosed) as caught:
            ada.receive()
    assert caught.value.code == 1009


def test_a_sign_of_life_is_no_message_and_without_one_the_connection_ends(
    chat: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = visitor(chat, "Ada")
    with in_room(client) as (ada, _):
        ada.send("")
        ada.send("after it")
        assert hear(ada, "said")["text"] == "after it"
    monkeypatch.setattr(chat, "SILENCE", 0)
    with in_room(client) as (ada, history):
        assert len(history) == 1
        with pytest.raises(WebSocketClosed) as caught:
            hear(ada, "said")
    assert caught.value.code == 1000
    assert chat.rooms["cellar"].names == []


def test_who_does_not_keep_up_is_sent_away(chat: ModuleType) -> None:
    with in_room(visitor(chat, "Ada")) as (ada, _):
        [guest] = chat.rooms["cellar"].guests
        guest.keeps_up = False
        ada.send("one more")
        with pytest.raises(WebSocketClosed) as caught:
            while True:
                ada.receive()
    assert caught.value.code == chat.TRY_AGAIN


def test_what_a_guest_is_behind_is_bounded(chat: ModuleType) -> None:
    guest = chat.Guest("Ada")
    for number in range(chat.BEHIND):
        guest.tell(number=number)
    assert guest.keeps_up
    guest.tell(number="one more")
    assert not guest.keeps_up
    assert guest.outbox.qsize() == chat.BEHIND


# In browsers


def serve(start: Start, *command: str) -> Program:
    return start(COMMAND, "--app", "chat.py", *command, folder=EXAMPLE, SECRET_KEY="not secret")


def enter(browser: Browser, program: Program, name: str) -> None:
    """Come in by the door, into the first room."""
    host, port = program.address
    browser.open(f"http://{host}:{port}/")
    # The field has the focus a moment after the page is there, and a key before that is lost.
    browser.run(
        "new Promise(done => document.activeElement.id === 'name' ? done()"
        " : addEventListener('focusin', () => done(), {once: true}))"
    )
    browser.type(f"{name}\n")
    browser.wait_for("Page.loadEventFired")
    connected(browser)


def connected(browser: Browser) -> None:
    browser.wait_until("document.querySelector('#state')?.textContent === 'Connected'")


def sees(browser: Browser, text: str) -> None:
    browser.wait_until(f"document.querySelector('#messages').textContent.includes({text!r})")


@pytest.mark.parametrize(
    "command",
    [("serve", "--port"), ("serve", "--interface", "rsgi", "--port"), ("run", "--port")],
    ids=["serve", "serve-rsgi", "run"],
)
def test_two_browsers(start: Start, command: tuple[str, ...]) -> None:
    program = serve(start, *command, "0")
    host, port = program.address
    with browsing() as ada, browsing() as grace:
        enter(ada, program, "Ada")
        enter(grace, program, "Grace")
        sees(ada, "Grace came in")
        ada.wait_until("document.querySelectorAll('#here li').length === 2")

        html = "<b>hello</b> <img src=x onerror=alert(1)>"
        ada.type(f"{html}\n")
        for browser in (ada, grace):
            sees(browser, html)
            assert browser.run("document.querySelector('#messages :is(p b, img, script)')") is None
            assert browser.run("document.querySelector('#text').value") == ""
        grace.type("Good morning\n")
        sees(ada, "Good morning")

        assert program.stop() == 0
        for browser in (ada, grace):
            browser.wait_until("document.querySelector('#state').dataset.state === 'waiting'")
            # Who types meanwhile loses nothing.
            assert browser.run("document.querySelector('#say button').disabled")
        ada.type("Are you back?\n")
        program = serve(start, *command, str(port))
        assert program.address == (host, port)
        for browser in (ada, grace):
            connected(browser)
        ada.wait_until("document.querySelectorAll('#here li').length === 2")
        assert ada.run("document.querySelector('#text').value") == "Are you back?"
        ada.type("\n")
        sees(grace, "Are you back?")

        grace.open("about:blank")
        sees(ada, "Grace left")
        # Nobody has heard what was before the restart but those who were there.
        enter(grace, program, "Grace")
        sees(grace, "Are you back?")
        assert "Good morning" not in grace.run("document.querySelector('#messages').textContent")

        site = (f"http://{host}:{port}/", f"ws://{host}:{port}/", "data:", "about:")
        for browser in (ada, grace):
            assert all(url.startswith(site) for url in browser.asked)
            unexpected = [c for c in browser.complaints if "WebSocket connection to" not in c]
            assert unexpected == []


def test_a_page_whose_name_is_forgotten_goes_to_the_door(start: Start) -> None:
    program = serve(start, "serve", "--port", "0")
    with browsing() as ada:
        enter(ada, program, "Ada")
        ada.tell("Network.clearBrowserCookies")
        assert program.stop() == 0
        serve(start, "serve", "--port", str(program.address[1])).wait_for("Running on")
        ada.wait_for("Page.loadEventFired")
        ada.wait_until("document.querySelector('#name') !== null")
        assert ada.run("location.pathname + location.search") == "/?room=cellar"
