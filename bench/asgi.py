"""An ASGI server reduced to one call: make a scope, call, collect what is sent.

Must not know: which framework it calls.

How it works: one loop, of asyncio, serves all programs. As with a server, the lifespan of a program
is begun before its first request, and whoever asks for more after the body is told of a disconnect
when the answer is complete. What the driver costs is measured too, by the row of the bare ASGI
function.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from bench.http import Answer, Request

Message = dict[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Any]], Any]

VERSIONS = {"version": "3.0", "spec_version": "2.4"}


def scope_of(request: Request) -> Message:
    """The scope that a server makes for *request*."""
    path, _, query = request.target.partition("?")
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in request.all_headers()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
    }


def _ends(message: Message) -> bool:
    """Whether *message* is the last of an answer."""
    return message["type"] == "http.response.body" and not message.get("more_body", False)


class Lifespan:
    """The lifespan of *app*, begun when this is made and over after :meth:`end`."""

    def __init__(self, app: App, runner: asyncio.Runner) -> None:
        self.state: dict[str, Any] = {}
        self._runner = runner
        self._asked: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._task = runner.run(self._begin(app))

    async def _begin(self, app: App) -> "asyncio.Task[None]":
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}

        async def live() -> None:
            # A program that knows no lifespan refuses it with an error.
            with suppress(Exception):
                await app(scope, self._asked.get, self._told.put)

        task = asyncio.create_task(live())
        await self._say("lifespan.startup", task)
        return task

    async def _say(self, what: str, task: "asyncio.Task[None]") -> None:
        await self._asked.put({"type": what})
        told = asyncio.create_task(self._told.get())
        await asyncio.wait([told, task], return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            told.cancel()
        elif told.result()["type"].endswith(".failed"):
            raise RuntimeError(told.result().get("message", what))

    def end(self) -> None:
        """Let the program shut down."""
        if not self._task.done():
            self._runner.run(self._say("lifespan.shutdown", self._task))


class Visit:
    """One request that can be sent to *app* again and again.

    :param at_once: how many of them are on their way at a time
    """

    def __init__(
        self, app: App, request: Request, runner: asyncio.Runner, state: Message, at_once: int = 1
    ) -> None:
        self.app = app
        self.scope = scope_of(request)
        self.body: Message = {"type": "http.request", "body": request.body, "more_body": False}
        self.runner = runner
        self.state = state
        self.at_once = at_once

    async def __call__(self) -> list[Message]:
        """Send the request and collect the messages of the answer."""
        scope = self.scope.copy()
        scope["state"] = self.state.copy()
        unread = [self.body]
        sent: list[Message] = []

        answered: list[asyncio.Future[None]] = []

        async def receive() -> Message:
            if unread:
                return unread.pop().copy()
            answered.append(asyncio.get_running_loop().create_future())
            if not (sent and _ends(sent[-1])):
                await answered[-1]
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if answered and _ends(message):
                for future in answered:
                    if not future.done():
                        future.set_result(None)

        await self.app(scope, receive, send)
        return sent

    def repeat(self, count: int) -> None:
        """Send the request *count* times."""
        self.runner.run(self._repeat(count))

    async def _repeat(self, count: int) -> None:
        if self.at_once == 1:
            for _ in range(count):
                await self()
            return
        for begin in range(0, count, self.at_once):
            await asyncio.gather(*(self() for _ in range(min(self.at_once, count - begin))))

    def answer(self) -> Answer:
        """Send the request and say all that came back."""
        start, *rest = self.runner.run(self())
        headers = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        return Answer(start["status"], headers, b"".join(m.get("body", b"") for m in rest))
