"""Every application in `apps/`, asked through ASGI and RSGI what Flask is asked through WSGI.

On ASGI once more with every plain view turned into an `async def`, so that the loop's own driver
answers, hooks and all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import wraps
from types import ModuleType
from typing import Any

import pytest
from werkzeug.http import HTTP_STATUS_CODES

from .asking import Ask
from .gateways import Gateway, is_expressible, loop
from .observing import Answer, converse
from .test_same_answers import (
    Create,
    _assert_same,
    _create,
    _identity,
    _requests,
    flask,
    subject,
)

#: What shows the server itself, or what it makes of an answer that is none.
OF_SERVER = {
    "environs: GET /attributes",
    "environs: GET /attributes (no path)",
    "environs: GET /attributes (every header broken)",
    "environs: GET /attributes (a token)",
    "environs: GET /attributes (a scheme alone)",
    "requests: GET /environ",
    "requests: POST /environ",
    "returns: GET /body, bad status str",
    "returns: GET /body, zero",
    "returns: GET /body, header beyond Latin-1",
    "returns: GET /iterator of integers",
    "returns: GET /two strings",
}


@pytest.fixture(scope="module")
def server_loop() -> Iterator[asyncio.AbstractEventLoop]:
    with loop() as running:
        yield running


def _compare(
    module: ModuleType,
    ask: Ask,
    gateway: str,
    loop: asyncio.AbstractEventLoop,
    create: Create | None = None,
    way: str | None = None,
    is_known: bool = False,
) -> None:
    identity = _identity(module, ask)
    if identity in OF_SERVER or not _carries(gateway, ask):
        return
    call = Gateway(gateway, subject, loop, is_known)
    ours = converse([subject], create or _create(module), ask, call=call)
    theirs = converse([flask], _create(module), ask)
    _assert_same(
        list(map(_carried, ours)),
        list(map(_carried, theirs)),
        f"{identity} [{way or gateway}]",
        identity,
        f"{identity} [plain]",
    )


def _carried(answer: Answer) -> Answer:
    """*answer* without what not every protocol carries: reasons, the case of names, and pieces;
    and without what is sent of an answer that fails, which is for the server to decide."""
    if answer.raised:
        return replace(answer, status=None, headers=[], chunks=[])
    return replace(
        answer,
        status=answer.status and _status_line(int(answer.status[:3])),
        headers=sorted((name.lower(), *rest) for name, *rest in answer.headers),
        chunks=[b"".join(c for c in answer.chunks if isinstance(c, bytes))],
    )


def _status_line(code: int) -> str:
    return f"{code} {HTTP_STATUS_CODES.get(code, '').upper()}"


def _carries(gateway: str, ask: Ask) -> bool:
    return all(is_expressible(gateway, one.build()) for one in (ask, *ask.then))


def _wanted(module: ModuleType, ask: Ask) -> bool:
    return _carries("asgi", ask) and _identity(module, ask) not in OF_SERVER


expressible = pytest.mark.parametrize(("module", "ask"), _requests(_wanted))


@pytest.mark.parametrize("gateway", ["asgi", "rsgi"])
@expressible
def test_the_answer_is_the_same(
    module: ModuleType, ask: Ask, gateway: str, server_loop: asyncio.AbstractEventLoop
) -> None:
    _compare(module, ask, gateway, server_loop)


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize(
    ("module", "ask"),
    # A view that waits for another view on its own loop waits for itself.
    _requests(lambda module, ask: _wanted(module, ask) and ask.path != "/nested-client"),
)
def test_the_answer_of_async_views_is_the_same(
    module: ModuleType, ask: Ask, server_loop: asyncio.AbstractEventLoop, is_known: bool
) -> None:
    def create(framework: ModuleType) -> object:
        return _turned_async(_create(module), framework)

    _compare(module, ask, "asgi", server_loop, create, "async", is_known)


def _turned_async(create: Create, framework: ModuleType) -> object:
    app: Any = create(framework)
    for endpoint, view in app.view_functions.items():
        if not asyncio.iscoroutinefunction(view):
            app.view_functions[endpoint] = _async(view)
    return app


def _async(view: Any) -> Any:
    @wraps(view)
    async def turned(*args: object, **kwargs: object) -> object:
        await asyncio.sleep(0)
        return view(*args, **kwargs)

    return turned
