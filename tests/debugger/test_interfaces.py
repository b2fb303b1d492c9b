"""It is the same over WSGI, ASGI and RSGI, and outside of views."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carboy import Flask, Response
from carboy.debugger import install
from carboy.websocket_testing import WebSocketRefused
from gateways.doubles import ASK, Answer, Request

from .conftest import BROWSER, fail_with


def plain_view() -> str:
    raise ValueError("inside")


async def async_view() -> str:
    await asyncio.sleep(0)
    raise ValueError("inside")


@pytest.mark.parametrize("gateway", sorted(ASK))
@pytest.mark.parametrize("view", [plain_view, async_view])
def test_under_each_gateway(
    app: Flask, gateway: str, view: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app.get("/")(view)
    fields = [("accept", BROWSER), ("host", "localhost")]
    answer = asyncio.run(ASK[gateway](app, Request("/", fields=fields)))
    assert answer.status == 500
    page = b"".join(answer.pieces).decode()
    assert f'<span class="function">{view.__name__}</span>' in page
    assert "matched <code>/</code>" in page
    assert "pipeline.py" not in page and "async_driver.py" not in page
    assert caplog.text.count("ValueError: inside") == 1


@pytest.mark.parametrize("gateway", ["asgi", "rsgi"])
def test_the_console_is_reached_beside_a_view_for_everything(app: Flask, gateway: str) -> None:
    @app.route("/<path:path>", methods=["GET", "POST"])
    async def everything(path: str) -> str:
        fruit = "pear"
        raise ValueError(path)

    ask = ASK[gateway]

    async def talk() -> bytes:
        fields = [("accept", BROWSER), ("host", "localhost")]
        shown = await ask(app, Request("/a", fields=fields))
        text = b"".join(shown.pieces).decode()
        data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S)
        assert data is not None
        console = json.loads(data[1])["console"]
        number = re.findall(r'data-frame="(\d+)"', text)[0]
        asked = {"failure": console["failure"], "frame": number, "source": "fruit * 2"}
        body = json.dumps(asked).encode()
        fields = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("x-debugger-secret", console["secret"]),
        ]
        path = console["url"] + "evaluate"
        answer = await ask(app, Request(path, "POST", fields=fields, body=(body,)))
        return b"".join(answer.pieces)

    assert json.loads(asyncio.run(talk())) == {"output": "'pearpear'\n"}


@pytest.mark.parametrize("is_async", [False, True])
def test_a_websocket_that_is_not_accepted_yet(
    app: Flask, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/plain")
    def plain() -> None:
        raise ValueError("inside")

    @app.websocket("/async")
    async def later() -> None:
        raise ValueError("inside")

    client = app.test_client()
    with (
        pytest.raises(WebSocketRefused) as refused,
        client.websocket("/async" if is_async else "/plain"),
    ):
        pass
    answer = refused.value.response
    text = answer.get_data(as_text=True)
    assert answer.status_code == 500 and text.endswith("ValueError: inside\n")
    assert "Traceback" in text and "websocket_driver" not in text
    assert caplog.text.count("ValueError: inside") == 1


@pytest.mark.parametrize("gateway", sorted(ASK))
@pytest.mark.parametrize("is_async", [False, True])
def test_a_teardown_function_that_fails(
    app: Flask, gateway: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def view() -> str:
        return "fine"

    app.get("/")(view if is_async else lambda: "fine")

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        raise ValueError("in teardown")

    answer = asyncio.run(ASK[gateway](app, Request("/")))
    assert answer.status == 500
    assert b"".join(answer.pieces).endswith(b"ValueError: in teardown\n")
    assert caplog.text.count("ValueError: in teardown") == 1


@pytest.mark.parametrize("gateway", sorted(ASK))
def test_middleware_that_fails(app: Flask, gateway: str, caplog: pytest.LogCaptureFixture) -> None:
    plain = Flask(__name__)
    plain.debug = True
    plain.get("/")(lambda: "fine")

    def middleware(environ: Any, start_response: Any) -> Any:
        raise ValueError("in middleware")

    plain.wsgi_app = middleware  # type: ignore[method-assign]
    install(plain)
    answer = asyncio.run(ASK[gateway](plain, Request("/", fields=[("accept", BROWSER)])))
    assert answer.status == 500
    assert b"in middleware" in b"".join(answer.pieces)
    assert caplog.text.count("ValueError: in middleware") == 1


@pytest.mark.parametrize("gateway", sorted(ASK))
@pytest.mark.parametrize(
    ("mimetype", "notice"),
    [("text/html", b"<pre>"), ("text/plain", b"broken off here"), ("text/csv", b"")],
)
def test_a_stream_that_breaks_off_says_so(
    app: Flask, gateway: str, mimetype: str, notice: bytes
) -> None:
    def pieces() -> Iterator[str]:
        yield "first"
        raise ValueError("<in the middle>")

    app.get("/")(lambda: Response(pieces(), mimetype=mimetype))
    request = Request("/")
    answer = Answer()
    with pytest.raises(ValueError, match="<in the middle>"):
        asyncio.run(ASK[gateway](app, request, answer))
    body = b"".join(answer.pieces)
    assert body.startswith(b"first") and notice in body
    assert (b"ValueError" in body) == bool(notice)
    assert not answer.is_complete
    assert mimetype != "text/html" or b"<in the" not in body


@pytest.mark.parametrize("gateway", ["asgi", "rsgi"])
def test_an_async_stream_that_breaks_off_says_so(app: Flask, gateway: str) -> None:
    @app.get("/")
    async def index() -> Any:
        async def pieces() -> Any:
            yield "first"
            raise ValueError("in the middle")

        return Response(pieces(), mimetype="text/plain")  # type: ignore[arg-type]

    answer = Answer()
    with pytest.raises(ValueError, match="in the middle"):
        asyncio.run(ASK[gateway](app, Request("/"), answer))
    assert b"ValueError: in the middle" in b"".join(answer.pieces)


def test_a_stream_and_a_file_are_sent_as_without_a_debugger(app: Flask, tmp_path: Path) -> None:
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield from (b"a", b"b")

        def close(self) -> None:
            closed.append(True)

    app.get("/")(lambda: Response(Pieces()))  # type: ignore[arg-type]
    with app.test_client().get("/") as response:
        assert response.text == "ab"
    assert closed == [True]


def test_who_handles_the_exception_is_left_alone(app: Flask) -> None:
    fail_with(app, ValueError("x"))
    app.errorhandler(ValueError)(lambda e: ("handled", 418))
    assert app.test_client().get("/").status_code == 418


def test_propagating_can_still_be_denied(app: Flask) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    fail_with(app, ValueError("inside"))
    response = app.test_client().get("/", headers={"Accept": BROWSER})
    assert response.status_code == 500 and "inside" not in response.text
