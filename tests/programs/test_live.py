"""The example of a live page, over HTTP and in a real browser."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .browser import browsing
from .conftest import COMMAND, PATIENCE, Program, Start, starting

EXAMPLE = Path(__file__).parents[2] / "examples" / "live"


@pytest.fixture(scope="module", params=["wsgi", "asgi", "rsgi"])
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    with starting() as start:
        yield serve(start, request.param)


def serve(start: Start, interface: str, port: int = 0) -> Program:
    # Streams of events end when they are cut off.
    options = "--interface", interface, "--port", str(port), "--graceful-timeout", "0.1"
    return start(COMMAND, "--app", "live.py", "serve", *options, folder=EXAMPLE, BREATH="0.02")


def event_of(answer: http.client.HTTPResponse) -> dict[str, str]:
    """The next event that is not a comment."""
    event: dict[str, str] = {}
    while (line := answer.readline().decode().removesuffix("\n")) or "data" not in event:
        name, _, value = line.partition(": ")
        event[name] = value
    return event


def connection(program: Program) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(*program.address, PATIENCE))


def ask(client: http.client.HTTPConnection, **headers: str) -> http.client.HTTPResponse:
    client.request("GET", "/events", headers={n.replace("_", "-"): v for n, v in headers.items()})
    return client.getresponse()


def test_it_tells_what_happens(program: Program) -> None:
    with connection(program) as client:
        answer = ask(client)
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        numbers = []
        for _ in range(3):
            event = event_of(answer)
            assert event["event"] == "breath"
            cellar: list[dict[str, Any]] = json.loads(event["data"])
            assert [carboy["number"] for carboy in cellar] == [1, 2, 3, 4]
            numbers.append(int(event["id"].partition("-")[2]))
        assert numbers[1:] == [numbers[0] + 1, numbers[0] + 2]
        assert program.request("/stir/2", "POST").status == 204
        while event["event"] != "stirred":
            event = event_of(answer)
        assert json.loads(event["data"]) == {"number": 2, "name": "Orchard cider"}
        client.sock.close()
        answer.close()
    assert program.request("/stir/5", "POST").status == 404


def test_who_comes_back_gets_what_was_missed(program: Program) -> None:
    with connection(program) as client:
        answer = ask(client)
        run, _, last = event_of(answer)["id"].partition("-")
        event_of(answer)
        client.sock.close()
        answer.close()
    with connection(program) as client:
        answer = ask(client, Last_Event_ID=f"{run}-{last}")
        missed = [event_of(answer)["id"] for _ in range(2)]
        client.sock.close()
        answer.close()
    assert missed == [f"{run}-{int(last) + 1}", f"{run}-{int(last) + 2}"]


@pytest.mark.parametrize("last", ["another-1", "nonsense", ""])
def test_who_had_something_else_gets_how_it_is(program: Program, last: str) -> None:
    with connection(program) as client:
        answer = ask(client, Last_Event_ID=last)
        assert event_of(answer)["event"] == "breath"
        client.sock.close()
        answer.close()


def test_the_page_in_a_browser(start: Start) -> None:
    program = serve(start, "rsgi")
    host, port = program.address
    with browsing() as page, browsing() as other:
        for browser in (page, other):
            browser.open(f"http://{host}:{port}/")
            browser.wait_until("document.querySelector('#state').textContent === 'Live'")
        page.wait_until("document.querySelector('#carboy-3 [data-show=rate]').textContent > 0")
        page.wait_until("document.querySelectorAll('#carboy-3 .bubbles circle').length > 0")
        page.wait_until("document.querySelector('#carboy-3 polyline').points.length > 9")
        other.run("document.querySelector('#carboy-4 [data-stir]').click()")
        page.wait_until("document.querySelector('#journal').textContent.includes('the Perry')")
        assert page.complaints == other.complaints == []
        assert all(url.startswith((f"http://{host}:{port}/", "data:")) for url in page.asked)

        assert program.stop() == 0
        page.wait_until(
            "document.querySelector('#state').textContent.startsWith('Connection lost')"
        )
        # Elsewhere, the browser would not come back to it.
        assert serve(start, "rsgi", port).address == (host, port)
        page.wait_until("document.querySelector('#state').textContent === 'Live'")
