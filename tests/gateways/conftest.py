"""An application, and the ways to send it a request."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, Protocol

import pytest

from carboy import Flask, appcontext_popped, appcontext_pushed, has_app_context

from .doubles import ASK, Answer, Request, know


class Ask(Protocol):
    """Sends a request to an application: a target and fields of `Request`, or a `Request`."""

    gateway: str

    def __call__(self, *args: Any, **fields: Any) -> Coroutine[Any, Any, Answer]: ...


@pytest.fixture(autouse=True)
def nobody_listens() -> None:
    """Receivers that another test has left, as long as they have not been collected, have each
    request answered in a thread."""
    if appcontext_pushed.receivers or appcontext_popped.receivers:
        gc.collect()
    assert not appcontext_pushed.receivers
    assert not appcontext_popped.receivers


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.secret_key = "key"
    return app


def _asks(gateway: str, app: Flask, is_known: bool = False) -> Ask:
    async def ask(target: str | Request = "/", method: str = "GET", **fields: Any) -> Answer:
        request = Request(target, method, **fields) if isinstance(target, str) else target
        if is_known:
            know(app, request)
        try:
            return await ASK[gateway](app, request)
        finally:
            assert not has_app_context()

    ask.gateway = gateway  # type: ignore[attr-defined]
    return ask  # type: ignore[return-value]


_WAYS = {
    "wsgi": ("wsgi", False),
    "asgi": ("asgi", False),
    "rsgi": ("rsgi", False),
    "asgi-known": ("asgi", True),
    "rsgi-known": ("rsgi", True),
}


@pytest.fixture(params=_WAYS)
def ask(request: pytest.FixtureRequest, app: Flask) -> Ask:
    """Sends requests through each gateway."""
    gateway, is_known = _WAYS[request.param]
    return _asks(gateway, app, is_known)


@pytest.fixture(params=list(_WAYS)[1:])
def ask_loop(request: pytest.FixtureRequest, app: Flask) -> Ask:
    """Sends requests through each gateway of a server with a loop."""
    gateway, is_known = _WAYS[request.param]
    return _asks(gateway, app, is_known)


@pytest.fixture
def ask_asgi(app: Flask) -> Ask:
    return _asks("asgi", app)


@pytest.fixture
def ask_rsgi(app: Flask) -> Ask:
    return _asks("rsgi", app)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run *coroutine* on a loop of its own, and give up after a minute."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))
