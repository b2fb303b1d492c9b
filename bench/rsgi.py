"""An RSGI server reduced to one call: make a scope, call, collect what is sent.

Must not know: which framework it calls.

How it works: as Granian does, the names of headers are in lower case, the path is decoded, and an
answer that is not streamed comes in one call. Requests have no body, and nobody leaves early.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bench.http import Answer, Request

App = Callable[["Scope", "Protocol"], Awaitable[None]]


class Headers:
    """The headers of a request."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = dict(fields)

    def keys(self) -> list[str]:
        return list(self._fields)

    def get(self, name: str, default: str | None = None) -> str | None:
        return self._fields.get(name, default)

    def get_all(self, name: str) -> list[str]:
        return [self._fields[name]] if name in self._fields else []

    def items(self) -> list[tuple[str, str]]:
        return list(self._fields.items())


class Scope:
    """What a server tells of *request*."""

    proto = "http"
    http_version = "1.1"
    rsgi_version = "1.5"
    server = "127.0.0.1:8000"
    client = "127.0.0.1:50000"
    scheme = "http"
    authority = None

    def __init__(self, request: Request) -> None:
        self.path, _, self.query_string = request.target.partition("?")
        self.method = request.method
        self.headers = Headers(request.all_headers())


class Protocol:
    """What takes the answer."""

    answer: Answer

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self.answer = Answer(status, headers, body.encode())

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = Answer(status, headers, body)

    async def client_disconnect(self) -> None:
        await asyncio.get_running_loop().create_future()


class Visit:
    """One request that can be sent to *app* again and again."""

    def __init__(self, app: Any, request: Request, runner: asyncio.Runner) -> None:
        self.app: App = getattr(app, "__rsgi__", app)
        self.scope = Scope(request)
        self.runner = runner

    async def __call__(self) -> Answer:
        """Send the request and take the answer."""
        protocol = Protocol()
        await self.app(self.scope, protocol)
        return protocol.answer

    def repeat(self, count: int) -> None:
        """Send the request *count* times."""
        self.runner.run(self._repeat(count))

    async def _repeat(self, count: int) -> None:
        for _ in range(count):
            await self()

    def answer(self) -> Answer:
        """Send the request and say all that came back."""
        return self.runner.run(self())
