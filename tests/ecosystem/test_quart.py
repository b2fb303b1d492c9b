"""Quart, which is built on ``flask.sansio``: forms, sessions, templates, errors, a WebSocket."""

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest
import requests

from programs.conftest import starting

DISTRIBUTIONS = ["Quart"]
APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def site():
    command = ("-m", "hypercorn", "--workers", "0", "--bind", "127.0.0.1:0", "quarted:app")
    with starting() as start:
        host, port = start(sys.executable, *command, folder=APPS).address
        yield f"http://{host}:{port}"


@pytest.fixture
def visitor():
    with requests.Session() as visitor:
        visitor.trust_env = False
        yield visitor


def test_a_guest_signs_the_book(site, visitor):
    answer = visitor.post(f"{site}/guests/", {"name": "Grace <3"}, timeout=60)
    assert answer.url == f"{site}/guests/"
    assert answer.text == "1 Ada;2 Grace &lt;3;[&#39;Welcome&#39;]"
    assert visitor.get(f"{site}/guests/2", timeout=60).json() == {
        "name": "Grace <3",
        "last": "Grace <3",
    }


def test_what_is_wrong_is_said(site, visitor):
    assert "A guest has a name." in visitor.post(f"{site}/guests/", timeout=60).text
    answer = visitor.get(f"{site}/guests/99", timeout=60)
    assert (answer.status_code, answer.json()) == (404, {"error": "nobody"})
    assert visitor.get(f"{site}/nowhere", timeout=60).status_code == 404


def test_a_websocket():
    spec = importlib.util.spec_from_file_location("quarted", APPS / "quarted.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)

    async def conversation():
        async with program.app.test_client().websocket("/echo") as socket:
            await socket.send("hello")
            return await socket.receive()

    assert asyncio.run(conversation()) == "hello"
