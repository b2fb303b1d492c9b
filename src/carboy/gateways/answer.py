"""Have an application answer an exchange, on the server's loop or in a worker thread.

Lives here: the choice between the two, and how an answer's body is sent piece by piece.
Must not know: any one protocol; routes, hooks, sessions.

How it works: a request whose view is ``async def`` is answered on the loop. Any other is answered
in a worker thread by the application's WSGI callable, middleware and all, so that it meets there
what it would meet under a WSGI server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from werkzeug.exceptions import HTTPException

from .. import async_driver
from ..loop import in_thread
from ..pipeline import _method
from ..wrappers.async_body import AsyncBody
from .exchange import ClientGone, Exchange, Fields, body_stream, may_have_body, receive_body
from .wsgi import wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from ..app import Flask

#: How long a request may take before somebody watches whether its client is still there, in
#: seconds. Most are answered by then, and the watch costs as much as a small view.
_WATCH_AFTER: Final = 0.05


class View(NamedTuple):
    """What has to be known of a request's view before it is called."""

    is_async: bool
    streams_body: bool


_PLAIN: Final = View(False, False)


async def answer(app: Flask, exchange: Exchange) -> None:
    """Answer *exchange*; return when the answer has been sent, or the client has left.

    :raises Exception: what the application raises instead of answering
    """
    environ = exchange.environ
    view = _find_view(app, environ)
    try:
        if may_have_body(environ):
            if view.streams_body:
                environ["carboy.receive"] = exchange.receive
                environ["wsgi.input"] = body_stream(exchange)
            else:
                limit = app.config["MAX_CONTENT_LENGTH"]
                environ["wsgi.input"] = await receive_body(exchange, limit)
        if view.is_async:
            await _on_loop(app, exchange, environ)
        else:
            await in_thread(app._threads, _InThread(app, exchange).run)
    except ClientGone:
        pass


def _find_view(app: Flask, environ: WSGIEnvironment) -> View:
    """What is known of the view that will answer the request.

    A view is taken for plain when only the pipeline can tell: when stages are overridden, the
    WSGI callable is wrapped, or there is no such page.
    """
    short = app._short or app._the_short_way()
    path: str = environ["PATH_INFO"]
    if not path.isascii():
        path = path.encode("latin-1").decode(errors="replace")
    try:
        found = app.url_map.find(path, environ["REQUEST_METHOD"])
    except HTTPException:
        return _PLAIN
    if found is None:
        return _PLAIN
    rule = found[0]
    streams_body = getattr(rule, "stream_body", False)
    if short is None or _method(app, "wsgi_app") is not wsgi_app:
        return View(False, streams_body)
    view = short.view_functions.get(rule.endpoint)
    return View(_awaits(view, environ["REQUEST_METHOD"]), streams_body)


def _awaits(view: Any, method: str) -> bool:
    view_class = getattr(view, "view_class", None)
    if view_class is not None and not async_driver.is_async(view):
        view = getattr(view_class, method.lower(), None) or (
            view_class.dispatch_request if method != "HEAD" else getattr(view_class, "get", None)
        )
    return view is not None and async_driver.is_async(view)


async def _on_loop(app: Flask, exchange: Exchange, environ: WSGIEnvironment) -> None:
    ctx = app.open_request(environ)
    watch = None
    if "carboy.receive" not in environ:
        watch = _Watch(exchange)
    try:
        response = await async_driver.respond(app, ctx)
    finally:
        left = watch is not None and watch.stop()
        await async_driver.conclude(app, ctx)
        if ctx._background is not None:
            app._begin_background(ctx._background)
    if left:
        raise ClientGone
    start: list[tuple[int, Fields]] = []
    body = response(environ, _start_response(start))
    status, fields = start[0]
    if type(body) is list and len(body) == 1:
        await exchange.send_whole(status, fields, body[0])
    elif isinstance(response.response, AsyncBody) and environ["REQUEST_METHOD"] != "HEAD":
        try:
            await _send_pieces(exchange, status, fields, response.response)
        finally:
            response.close()
    else:
        await in_thread(app._threads, _InThread(app, exchange).send, status, fields, body)


class _Watch:
    """Cancels the current task when the client leaves, unless it is stopped before."""

    def __init__(self, exchange: Exchange, after: float = _WATCH_AFTER) -> None:
        self.exchange = exchange
        self.task = asyncio.current_task()
        self.left = False
        self.watcher: asyncio.Task[None] | None = None
        self.timer = asyncio.get_running_loop().call_later(after, self.start)

    def start(self) -> None:
        self.watcher = asyncio.ensure_future(self.watch())

    async def watch(self) -> None:
        await self.exchange.gone()
        self.left = True
        if self.task is not None:
            self.task.cancel()

    def stop(self) -> bool:
        """Whether it was the client that left."""
        self.timer.cancel()
        if self.watcher is not None:
            self.watcher.cancel()
        return self.left


def _start_response(start: list[tuple[int, Fields]]) -> Callable[..., Callable[[bytes], object]]:
    def start_response(
        status: str, headers: Fields, exc_info: object = None
    ) -> Callable[[bytes], object]:
        start[:] = [(int(status[:3]), [(name.lower(), value) for name, value in headers])]
        return _no_write

    return start_response


def _no_write(data: bytes) -> object:
    raise NotImplementedError(
        "The write() of WSGI does not exist under this server. Return the body instead."
    )


async def _send_pieces(exchange: Exchange, status: int, fields: Fields, body: AsyncBody) -> None:
    """Send what an asynchronous iterator gives; close it if the client leaves before its end."""
    async with _while_there(exchange):
        try:
            await exchange.start(status, fields)
            async for piece in body:
                if piece:
                    await exchange.send(piece)
            await exchange.end()
        finally:
            await body.aclose()


@asynccontextmanager
async def _while_there(exchange: Exchange) -> AsyncIterator[None]:
    """Cancel what is awaited within when the client leaves, and raise :class:`ClientGone`."""
    watch = _Watch(exchange, 0)
    try:
        yield
    except asyncio.CancelledError:
        if watch.stop():
            raise ClientGone from None
        raise
    finally:
        watch.stop()


class _InThread:
    """A WSGI server of one request, in a worker thread."""

    def __init__(self, app: Flask, exchange: Exchange) -> None:
        self.app = app
        self.exchange = exchange
        self.loop = asyncio.get_running_loop()
        self.watcher: asyncio.Future[None] | None = None

    def run(self) -> None:
        """Call the application, and send its answer."""
        start: list[tuple[int, Fields]] = []
        body = self.app.wsgi_app(self.exchange.environ, _start_response(start))
        if type(body) is list and len(body) == 1 and start:
            self.wait(self.exchange.send_whole(*start[0], body[0]))
            return
        pieces = iter(body)
        # An application may leave the start until it has the first piece.
        first = b"" if start else next(pieces, b"")
        self.send(*start[0], pieces, first, body)

    def send(
        self,
        status: int,
        fields: Fields,
        pieces: Iterable[bytes],
        first: bytes = b"",
        body: Any = None,
    ) -> None:
        """Send the pieces one by one; close the body at its end, or when the client has left."""
        exchange = self.exchange
        gone = asyncio.run_coroutine_threadsafe(exchange.gone(), self.loop)
        try:
            self.wait(exchange.start(status, fields))
            if first:
                self.wait(exchange.send(first))
            for piece in pieces:
                if gone.done():
                    raise ClientGone
                if piece:
                    self.wait(exchange.send(piece))
            self.wait(exchange.end())
        finally:
            gone.cancel()
            if (close := getattr(pieces if body is None else body, "close", None)) is not None:
                close()

    def wait(self, sending: Awaitable[object]) -> None:
        asyncio.run_coroutine_threadsafe(sending, self.loop).result()  # type: ignore[arg-type]
