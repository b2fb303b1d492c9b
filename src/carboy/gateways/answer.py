"""Have an application answer an exchange, on the server's loop or in a worker thread.

Lives here: the choice between the two, and how an answer's body is sent piece by piece.
Must not know: any one protocol; routes, hooks, sessions.

How it works: a request whose view is ``async def`` is answered on the loop. Any other is answered
in a worker thread by the application's WSGI callable, middleware and all, so that it meets there
what it would meet under a WSGI server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, closing
from functools import partial
from types import FunctionType
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from .. import async_driver, driver
from ..files import span_of
from ..loop import in_thread, wait_here
from ..pipeline import _method
from ..signals import appcontext_popped, appcontext_pushed
from ..views import MethodView, View
from ..wrappers import Response
from ..wrappers.async_body import AsyncBody
from ..wrappers.response import Ready, at_hand, send_ready
from .exchange import (
    ClientGone,
    Exchange,
    Fields,
    UnfinishedBody,
    body_stream,
    receive_body,
)

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from werkzeug.routing import Rule

    from ..app import Flask
    from ..pipeline import _Short

T = TypeVar("T")

#: A request that takes longer than this, in seconds, or twice that, has somebody watch whether its
#: client is still there.
_LOOK: Final = 0.05


#: A file of up to so many bytes is read at once where the server does not read it.
_SMALL: Final = 64 * 1024

# Before Python 3.12 the public one is written in Python and takes longer than a small view.
_task_on: Final[Callable[[asyncio.AbstractEventLoop], asyncio.Task[Any] | None]] = (
    asyncio.current_task
    if sys.version_info >= (3, 12)
    else getattr(asyncio.tasks, "_current_tasks").get  # noqa: B009
)


class Known(NamedTuple):
    """What has to be known of a request's view before it is called."""

    is_async: bool
    streams_body: bool
    is_class: bool = False


_PLAIN: Final = Known(False, False)
_PLAIN_STREAM: Final = Known(False, True)
_ASYNC: Final = Known(True, False)
_ASYNC_STREAM: Final = Known(True, True)


async def answer(app: Flask, exchange: Exchange) -> None:
    """Answer *exchange*; return when the answer has been sent, or the client has left.

    :raises Exception: what the application raises instead of answering
    """
    view, found = _find_view(app, exchange)
    body = exchange.body
    try:
        if body is None and exchange.may_have_body:
            if view.streams_body:
                exchange.environ["carboy.receive"] = exchange.receive
                body = body_stream(exchange)
            else:
                body = await receive_body(exchange, app.config["MAX_CONTENT_LENGTH"])
            exchange.take(body)
        # It may have gone meanwhile: another request may have set an attribute.
        short = app._short or app._the_short_way()
        if view.is_async and short is not None:
            ctx, responding = _on_loop(app, exchange, short, view, found, body)
            await finished(app, exchange, ctx, responding)
            return
        unsent = await in_thread(app._threads, _InThread(app, exchange, exchange.environ).run)
        if unsent is not None:
            await _send(app, exchange, *unsent)
    except ClientGone:
        pass
    except (SystemExit, KeyboardInterrupt) as e:
        raise _without_end(exchange, e) from e
    finally:
        if body is not None:
            body.close()
        exchange.close()


def _find_view(app: Flask, exchange: Exchange) -> tuple[Known, tuple[Rule, dict[str, Any]] | None]:
    """What is known of the view that will answer the request, and what the map found for it.

    A view is taken for plain when only the pipeline can tell: when stages are overridden, the
    WSGI callable is wrapped, or there is no such page; and when somebody listens to the signals
    of contexts, which are sent where they are pushed.
    """
    found: tuple[Rule, dict[str, Any]] | None = None
    path = exchange.path
    if app.url_map.has_own_converters:
        # They may wait for a database, and expect the context of a request.
        rule = app.url_map.find_rule(path, exchange.method)
    else:
        try:
            if exchange.no_page is None:
                found = app.url_map.find(path, exchange.method)
        except HTTPException as e:
            exchange.no_page = e.with_traceback(None)
        if exchange.no_page is not None:
            # No view is called. A debugger has pages that the map does not know.
            return (_ASYNC if app._debugger is None and _is_free(app) else _PLAIN), None
        rule = None if found is None else found[0]
    if rule is None:
        return _PLAIN, None
    streams_body = getattr(rule, "stream_body", False)
    if not _is_free(app):
        return (_PLAIN_STREAM if streams_body else _PLAIN), None
    view = app.view_functions.get(rule.endpoint)
    if view is None or (app._debugger is not None and app._debugger.answers(path)):
        return _PLAIN, None
    if driver.is_async(view):
        short = app._short
        if (
            short is not None
            and short.is_direct
            and short.lazy_sessions
            and type(view) is FunctionType
        ):
            short.quick_views.add(view)
        return (_ASYNC_STREAM if streams_body else _ASYNC), found
    is_class = hasattr(view, "view_class") and _awaits(view, exchange.method)
    return Known(is_class, streams_body, is_class), found


def _is_free(app: Flask) -> bool:
    """Whether no stage is overridden, no middleware there, and nobody listens to the signals of
    contexts, so that a request need not go through the WSGI callable."""
    short = app._short or app._the_short_way()
    return (
        short is not None
        and not short.wrapped
        and not appcontext_pushed.receivers
        and not appcontext_popped.receivers
    )


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
    return called is not None and driver.is_async(called)


def _on_loop(
    app: Flask,
    exchange: Exchange,
    short: _Short,
    view: Known,
    found: tuple[Rule, dict[str, Any]] | None,
    body: IO[bytes] | None,
) -> tuple[async_driver.LoopContext, Awaitable[Response | Ready]]:
    loop = asyncio.get_running_loop()
    ctx = async_driver.LoopContext._for(app, exchange, loop)
    if view is not _ASYNC and view.is_class:
        ctx.awaited = True
    receive = None
    if body is not None and isinstance(body, UnfinishedBody) and not view.streams_body:
        receive = partial(_receive_more, exchange, ctx, body)
    exchange.watches = watches_of(app, loop)
    exchange.watches.young[exchange] = _task_on(loop)
    return ctx, async_driver.respond(app, ctx, short, found, receive)


async def finished(
    app: Flask,
    exchange: Exchange,
    ctx: async_driver.LoopContext,
    responding: Awaitable[Response | Ready],
) -> None:
    """Send what *responding* gives, and conclude *ctx*.

    :param exchange: is being watched
    """
    left = False
    try:
        try:
            try:
                response = await responding
            finally:
                left = exchange.watches.end(exchange)
                if not async_driver.conclude_quietly(app, ctx):
                    await async_driver.conclude(app, ctx)
                if ctx._background is not None:
                    wait_here()
                    app._begin_background(ctx._background)
        except Exception as e:
            if app._debugger is None or isinstance(e, ClientGone):
                raise
            response = await in_thread(app._threads, app._debugger.report, e, exchange.environ)
        if not left:
            await deliver(app, exchange, response)
    except ClientGone:
        pass
    except asyncio.CancelledError:
        if not left:
            raise
    except (SystemExit, KeyboardInterrupt) as e:
        raise _without_end(exchange, e) from e
    finally:
        exchange.close()


def _without_end(exchange: Exchange, e: BaseException) -> RuntimeError:
    """What is raised in the place of *e*, which a task would hand on to the loop: that would end
    in the middle of other requests."""
    line = f"{exchange.method} {exchange.path}"
    return RuntimeError(
        f"The answer to {line} raised {type(e).__name__}, which would end the server."
    )


async def _receive_more(
    exchange: Exchange, ctx: async_driver.LoopContext, body: UnfinishedBody
) -> None:
    """Receive the rest of *body*, if its limit has been raised meanwhile."""
    limit = ctx.request.max_content_length
    exchange.take(await receive_body(exchange, limit, body))


async def deliver(app: Flask, exchange: Exchange, response: Response | Ready) -> None:
    """Send *response*, whose context has ended; return also if the client has left."""
    try:
        # A hook may have returned something else.
        if (type(response) is tuple or isinstance(response, Response)) and (
            whole := at_hand(response, exchange.method)
        ):
            if (sending := exchange.send_whole(*whole)) is not None:
                await sending
            return
        if type(response) is not Response:
            # Somebody else's may have something to run.
            wait_here()
        start: list[tuple[int, Fields]] = []
        take = _start_response(start)
        pieces = (
            send_ready(response, exchange.environ, take)
            if isinstance(response, tuple)
            else response(exchange.environ, take)
        )
        await _send(app, exchange, *start[0], pieces)
    except ClientGone:
        pass
    except (SystemExit, KeyboardInterrupt) as e:
        raise _without_end(exchange, e) from e
    finally:
        exchange.close()


async def _send(
    app: Flask, exchange: Exchange, status: int, fields: Fields, body: Iterable[bytes]
) -> None:
    if type(body) is list and len(body) == 1:
        if (sending := exchange.send_whole(status, fields, body[0])) is not None:
            await sending
        return
    # What makes the pieces may have something to run, too.
    wait_here()
    if type(body) is AsyncBody:
        await _send_pieces(app, exchange, status, fields, body)
    elif (span := span_of(body)) is not None and await exchange.send_file(status, fields, span):
        body.close()  # type: ignore[attr-defined]
    else:
        await in_thread(app._threads, _InThread(app, exchange, {}).send, status, fields, body)


class _Watch:
    """Cancels *task* when the client leaves, unless it is stopped before."""

    def __init__(self, exchange: Exchange, task: asyncio.Task[Any] | None) -> None:
        self.exchange = exchange
        self.task = task
        self.left = False
        self.watcher = asyncio.ensure_future(self.watch())

    async def watch(self) -> None:
        await self.exchange.gone()
        self.left = True
        if self.task is not None:
            self.task.cancel()

    def stop(self) -> bool:
        """Whether it was the client that left."""
        self.watcher.cancel()
        if self.left and self.task is not None:
            # What the server does in this task afterwards is not cancelled.
            self.task.uncancel()
            self.task = None
        return self.left


def watches_of(app: Flask, loop: asyncio.AbstractEventLoop) -> _Watches:
    """Where the requests to *app* that are answered on *loop* are to be put."""
    watches: _Watches | None = app._watches
    if watches is None or watches.loop is not loop:
        watches = app.__dict__["_watches"] = _Watches(loop)
    if watches.looks_on is None:
        watches.look_later()
    return watches


class _Watches:
    """The requests that are being answered on a loop, watched from their second look on.

    Most are answered by then: to watch one costs as much as a small view.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        #: The loop as long as there is another look to come.
        self.looks_on: asyncio.AbstractEventLoop | None = None
        self.young: dict[Exchange, asyncio.Task[Any] | None] = {}
        self.grown: dict[Exchange, asyncio.Task[Any] | None] = {}
        self.watched: dict[Exchange, _Watch] = {}

    def look_later(self) -> None:
        self.looks_on = self.loop
        self.loop.call_later(_LOOK, self.look)

    def look(self) -> None:
        for exchange, task in self.grown.items():
            self.watched[exchange] = _Watch(exchange, task)
        self.grown, self.young = self.young, {}
        self.looks_on = None
        if self.grown:
            self.look_later()

    def end(self, exchange: Exchange) -> bool:
        """Watch *exchange* no longer; whether its client has left."""
        if self.young.pop(exchange, _gone) is _gone and self.grown.pop(exchange, _gone) is _gone:
            watch = self.watched.pop(exchange, None)
            return watch is not None and watch.stop()
        return False


_gone: Final[Any] = object()


def _start_response(start: list[tuple[int, Fields]]) -> Callable[..., Callable[[bytes], object]]:
    def start_response(
        status: str, headers: Fields, exc_info: object = None
    ) -> Callable[[bytes], object]:
        start[:] = [(int(status.partition(" ")[0]), headers)]
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
                kind = Headers(fields).get("Content-Type", "")
                if notice := await in_thread(app._threads, app._debugger.notice, e, kind):
                    await exchange.send(notice)
            await exchange.break_off()
            raise
        finally:
            await body.aclose()


@asynccontextmanager
async def _while_there(exchange: Exchange) -> AsyncIterator[None]:
    """Cancel what is awaited within when the client leaves, and raise :class:`ClientGone`."""
    watch = _Watch(exchange, asyncio.current_task())
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

    def __init__(self, app: Flask, exchange: Exchange, environ: WSGIEnvironment) -> None:
        self.app = app
        self.exchange = exchange
        self.environ = environ
        self.loop = asyncio.get_running_loop()
        self.watcher: asyncio.Future[None] | None = None

    def run(self) -> tuple[int, Fields, Iterable[bytes]] | None:
        """Call the application, and return its answer if the loop can send it, or else do so."""
        start: list[tuple[int, Fields]] = []
        body = self.app.wsgi_app(self.environ, _start_response(start))
        span = span_of(body)
        if (
            start
            and span is not None
            and span.end - span.start <= _SMALL
            and not self.exchange.sends_files
        ):
            # In one piece: each takes a turn of the loop, and a thread that waits for it.
            with closing(body):  # type: ignore[type-var]
                return *start[0], [b"".join(body)]
        if start and (
            (type(body) is list and len(body) == 1) or type(body) is AsyncBody or span is not None
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
