"""Have an application answer an exchange, on the server's loop or in a worker thread.

Lives here: the choice between the two, and how an answer's body is sent piece by piece.
Must not know: any one protocol; routes, hooks, sessions.

How it works: a request whose view is ``async def`` is answered on the loop. Any other is answered
in a worker thread by the application's WSGI callable, middleware and all, so that it meets there
what it would meet under a WSGI server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from werkzeug.exceptions import HTTPException

from .. import async_driver
from ..files import span_of
from ..loop import in_thread, wait_here
from ..pipeline import _method
from ..signals import appcontext_popped, appcontext_pushed
from ..views import MethodView, View
from ..wrappers.async_body import AsyncBody
from .exchange import (
    ClientGone,
    Exchange,
    Fields,
    UnfinishedBody,
    body_stream,
    may_have_body,
    receive_body,
)
from .wsgi import wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from ..app import Flask
    from ..pipeline import _Short

T = TypeVar("T")

#: How long a request may take before somebody watches whether its client is still there, in
#: seconds. Most are answered by then, and the watch costs as much as a small view.
_WATCH_AFTER: Final = 0.05


class Known(NamedTuple):
    """What has to be known of a request's view before it is called."""

    is_async: bool
    streams_body: bool
    is_class: bool = False


_PLAIN: Final = Known(False, False)


async def answer(app: Flask, exchange: Exchange) -> None:
    """Answer *exchange*; return when the answer has been sent, or the client has left.

    :raises Exception: what the application raises instead of answering
    """
    environ = exchange.environ
    view = _find_view(app, environ)
    body: IO[bytes] | None = None
    try:
        if may_have_body(environ):
            if view.streams_body:
                environ["carboy.receive"] = exchange.receive
                environ["wsgi.input"] = body = body_stream(exchange)
            else:
                limit = app.config["MAX_CONTENT_LENGTH"]
                environ["wsgi.input"] = body = await receive_body(exchange, limit)
        # It may have gone meanwhile: another request may have set an attribute.
        short = app._short or app._the_short_way()
        if view.is_async and short is not None:
            await _on_loop(app, exchange, short, view)
            return
        unsent = await in_thread(app._threads, _InThread(app, exchange).run)
        if unsent is not None:
            await _send(app, exchange, *unsent)
    except ClientGone:
        pass
    except (SystemExit, KeyboardInterrupt) as e:
        # A task hands these on to the loop, which would end in the middle of other requests.
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        raise RuntimeError(
            f"The answer to {line} raised {type(e).__name__}, which would end the server."
        ) from e
    finally:
        if body is not None:
            body.close()


def _find_view(app: Flask, environ: WSGIEnvironment) -> Known:
    """What is known of the view that will answer the request.

    A view is taken for plain when only the pipeline can tell: when stages are overridden, the
    WSGI callable is wrapped, or there is no such page; and when somebody listens to the signals
    of contexts, which are sent where they are pushed.
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
    if (
        short is None
        or _method(app, "wsgi_app") is not wsgi_app
        or appcontext_pushed.receivers
        or appcontext_popped.receivers
    ):
        return Known(False, streams_body)
    view = short.view_functions.get(rule.endpoint)
    if view is None or (app._debugger is not None and app._debugger.answers(path)):
        return _PLAIN
    if async_driver.is_async(view):
        return Known(True, streams_body)
    is_class = hasattr(view, "view_class") and _awaits(view, environ["REQUEST_METHOD"])
    return Known(is_class, streams_body, is_class)


def _awaits(view: Any, method: str) -> bool:
    """Whether *view*, a view function of a class, can give a coroutine in place of the answer."""
    view_class = view.view_class
    if (
        # A decorator may look at the answer.
        hasattr(view, "__wrapped__")
        or not issubclass(view_class, View)
        or _method(view_class, "as_view") is not _method(View, "as_view")
        or view_class.decorators
    ):
        return False
    called = view_class.dispatch_request
    if called is MethodView.dispatch_request:
        called = getattr(view_class, method.lower(), None)
        if called is None and method == "HEAD":
            called = getattr(view_class, "get", None)
    return called is not None and async_driver.is_async(called)


async def _on_loop(app: Flask, exchange: Exchange, short: _Short, view: Known) -> None:
    environ = exchange.environ
    wait_here()
    ctx = app.open_request(environ)
    if view.is_class:
        ctx.awaited = True
    receive = None
    watch = _Watch(exchange)
    body = environ["wsgi.input"]
    if isinstance(body, UnfinishedBody) and not view.streams_body:

        async def receive() -> None:
            limit = ctx.request.max_content_length
            environ["wsgi.input"] = await receive_body(exchange, limit, body)

    try:
        try:
            response = await _Watched(async_driver.respond(app, ctx, short, receive), watch)
        except asyncio.CancelledError:
            if watch.stop():
                raise ClientGone from None
            raise
        finally:
            left = watch.stop()
            await async_driver.conclude(app, ctx)
            if ctx._background is not None:
                app._begin_background(ctx._background)
    except Exception as e:
        if app._debugger is None or isinstance(e, ClientGone):
            raise
        response = await in_thread(app._threads, app._debugger.report, e, environ)
    if left:
        raise ClientGone
    start: list[tuple[int, Fields]] = []
    body = response(environ, _start_response(start))
    if type(body) is list and len(body) == 1:
        # As below, without a coroutine more.
        await exchange.send_whole(*start[0], body[0])
    else:
        await _send(app, exchange, *start[0], body)


async def _send(
    app: Flask, exchange: Exchange, status: int, fields: Fields, body: Iterable[bytes]
) -> None:
    if type(body) is list and len(body) == 1:
        await exchange.send_whole(status, fields, body[0])
    elif type(body) is AsyncBody:
        await _send_pieces(app, exchange, status, fields, body)
    elif (span := span_of(body)) is not None and await exchange.send_file(status, fields, span):
        body.close()  # type: ignore[attr-defined]
    else:
        await in_thread(app._threads, _InThread(app, exchange).send, status, fields, body)


class _Watch:
    """Cancels the current task when the client leaves, unless it is stopped before."""

    def __init__(self, exchange: Exchange, after: float = _WATCH_AFTER) -> None:
        self.exchange = exchange
        self.task = asyncio.current_task()
        self.left = False
        self.watcher: asyncio.Task[None] | None = None
        self.after = after
        self.timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self.timer = asyncio.get_running_loop().call_later(self.after, self.start)

    def start(self) -> None:
        self.watcher = asyncio.ensure_future(self.watch())

    async def watch(self) -> None:
        await self.exchange.gone()
        self.left = True
        if self.task is not None:
            self.task.cancel()

    def stop(self) -> bool:
        """Whether it was the client that left."""
        if self.timer is not None:
            self.timer.cancel()
        if self.watcher is not None:
            self.watcher.cancel()
        if self.left and self.task is not None:
            # What the server does in this task afterwards is not cancelled.
            self.task.uncancel()
            self.task = None
        return self.left


class _Watched(Generic[T]):
    """Awaits *coroutine*, and begins *watch* when that has to wait for something: a view that
    does not is not charged for it."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], watch: _Watch) -> None:
        self.coroutine = coroutine
        self.watch = watch

    def __await__(self) -> Generator[Any, Any, T]:
        coroutine = self.coroutine
        try:
            waited_for = coroutine.send(None)
            self.watch.begin()
            while True:
                try:
                    sent = yield waited_for
                except BaseException as e:
                    waited_for = coroutine.throw(e)
                else:
                    waited_for = coroutine.send(sent)
        except StopIteration as e:
            return e.value  # type: ignore[no-any-return]


def _start_response(start: list[tuple[int, Fields]]) -> Callable[..., Callable[[bytes], object]]:
    def start_response(
        status: str, headers: Fields, exc_info: object = None
    ) -> Callable[[bytes], object]:
        start[:] = [
            (int(status.partition(" ")[0]), [(name.lower(), value) for name, value in headers])
        ]
        return _no_write

    return start_response


def _no_write(data: bytes) -> object:
    raise NotImplementedError(
        "The write() of WSGI does not exist under this server. Return the body instead."
    )


async def _send_pieces(
    app: Flask, exchange: Exchange, status: int, fields: Fields, body: AsyncBody
) -> None:
    """Send what an asynchronous iterator gives; close it if the client leaves before its end."""
    async with _while_there(exchange):
        try:
            await exchange.start(status, fields)
            async for piece in body:
                if piece:
                    await exchange.send(piece)
                # Neither that nor the iterator need have waited, and others want to be served.
                await asyncio.sleep(0)
            await exchange.end()
        except ClientGone:
            raise
        except Exception as e:
            if app._debugger is not None:
                kind = dict(fields).get("content-type", "")
                if notice := await in_thread(app._threads, app._debugger.notice, e, kind):
                    await exchange.send(notice)
            await exchange.break_off()
            raise
        finally:
            await body.aclose()


@asynccontextmanager
async def _while_there(exchange: Exchange) -> AsyncIterator[None]:
    """Cancel what is awaited within when the client leaves, and raise :class:`ClientGone`."""
    watch = _Watch(exchange, 0)
    watch.begin()
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

    def run(self) -> tuple[int, Fields, Iterable[bytes]] | None:
        """Call the application, and return its answer if the loop can send it, or else do so."""
        start: list[tuple[int, Fields]] = []
        body = self.app.wsgi_app(self.exchange.environ, _start_response(start))
        if start and (
            (type(body) is list and len(body) == 1)
            or type(body) is AsyncBody
            or span_of(body) is not None
        ):
            return *start[0], body
        pieces = iter(body)
        # An application may leave the start until it has the first piece.
        first = b"" if start else next(pieces, b"")
        self.send(*start[0], pieces, first, body)
        return None

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
        except ClientGone:
            raise
        except Exception:
            self.wait(exchange.break_off())
            raise
        finally:
            gone.cancel()
            if (close := getattr(pieces if body is None else body, "close", None)) is not None:
                close()

    def wait(self, sending: Awaitable[object]) -> None:
        asyncio.run_coroutine_threadsafe(sending, self.loop).result()  # type: ignore[arg-type]
