"""Run the view of a WebSocket, with the stages around it.

Lives here: the driver for WebSockets, which serves plain and ``async def`` views alike.
Must not know: the stages themselves, which are the pipeline's; servers.

How it works: the handshake is a request, so the before-request functions guard it, and one that
answers refuses the connection. A view that returns or raises before it accepted gives the answer to
the handshake, as any view would. After that there is nobody to send an answer to: what is raised is
logged, and closes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import Forbidden

from . import async_driver
from .ctx import RequestContext
from .loop import in_own_thread, in_thread
from .sessions import SecureCookieSessionInterface
from .signals import request_started
from .wrappers.websocket import (
    INTERNAL_ERROR,
    NORMAL,
    BlockingWebSocket,
    Channel,
    Fields,
    WebSocket,
    WebSocketClosed,
)

if TYPE_CHECKING:
    from .app import Flask
    from .wrappers import Response


Either = WebSocket | BlockingWebSocket


async def serve(app: Flask, channel: Channel) -> None:
    """Answer the handshake of *channel*, and let its view talk until it ends."""
    websocket: Either = WebSocket(channel.environ)
    websocket._channel = channel
    ctx = RequestContext(app, channel.environ, request=websocket)
    app._the_short_way()
    ctx._enter()
    app._got_first_request = True
    try:
        try:
            answer = await _talk(app, ctx, websocket)
        finally:
            websocket._rest()
        if answer is None:
            if websocket.accepted:
                await websocket._close(NORMAL, "")
                await _after(app, ctx)
        else:
            fields: Fields = [(name.lower(), value) for name, value in answer.headers]
            body = await in_thread(app._threads, answer.get_data)
            await channel.refuse(answer.status_code, fields, body)
            answer.close()
    except WebSocketClosed:
        pass
    finally:
        await async_driver.conclude(app, ctx)
        if ctx._background is not None:
            app._begin_background(ctx._background)


async def _talk(app: Flask, ctx: RequestContext, websocket: Either) -> Response | None:
    """Run the view; what is returned refuses the connection."""
    try:
        try:
            rv = await _dispatch(app, ctx, websocket)
            if websocket.accepted:
                return None
            if rv is None:
                rv = Forbidden("The WebSocket was not accepted.")
        except (Exception, asyncio.CancelledError) as e:
            if _is_end(e, websocket):
                return None
            if websocket.accepted or not isinstance(e, Exception):
                raise
            rv = await async_driver._handled(app, app.handle_user_exception, e)
        return await async_driver._process(app, ctx, app.make_response(rv))
    except Exception as e:
        ctx._error = e
        if not websocket.accepted:
            return await async_driver._handled(app, app.handle_exception, e)  # type: ignore[no-any-return]
        await async_driver._handled(app, _log(app), e)
        await websocket._close(INTERNAL_ERROR, "")
        if app.testing:
            raise
        return None
    except BaseException as e:
        ctx._error = e
        raise


def _is_end(e: BaseException, websocket: Either) -> bool:
    """Whether *e* only says that the connection is closed."""
    if isinstance(e, BaseExceptionGroup):
        return all(_is_end(inner, websocket) for inner in e.exceptions)
    if isinstance(e, asyncio.CancelledError):
        # It was the connection that cancelled the view.
        if websocket.closed is None:
            return False
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        return True
    return isinstance(e, WebSocketClosed)


def _log(app: Flask) -> Callable[[Exception], None]:
    import sys

    from .signals import got_request_exception

    def log(e: Exception) -> None:
        got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=e)
        app.log_exception(sys.exc_info())

    return log


async def _dispatch(app: Flask, ctx: RequestContext, websocket: Either) -> Any:
    if ctx._session is None and not app._opens_sessions_lazily():
        await in_thread(app._threads, ctx._open_session)
    ctx.match_request()
    if request_started.receivers:
        await in_thread(app._threads, async_driver._send, request_started, app)
    if websocket.routing_exception is not None:
        app.raise_routing_exception(websocket)
    rule, args = websocket.url_rule, websocket.view_args
    assert rule is not None and args is not None
    view = app.view_functions[rule.endpoint]
    plain = not async_driver.is_async(view)
    if plain:
        websocket.__class__ = BlockingWebSocket
        websocket.__dict__["_loop"] = asyncio.get_running_loop()
    else:
        websocket._task = asyncio.current_task()

    async def fields() -> Fields:
        return await _session_fields(app, ctx)

    websocket._fields = fields
    rv: Any = None
    if app.before_request_funcs or app.url_value_preprocessors:
        rv = await async_driver._preprocess(app, ctx)
    for name in ctx._names or app._names_of(ctx):
        for before in app.before_websocket_funcs.get(name, ()):
            if rv is None:
                rv = await _call(app, before)
    if rv is None:
        rv = await in_own_thread(view, **args) if plain else view(**args)
        if isawaitable(rv):
            rv = await rv
    return rv


async def _after(app: Flask, ctx: RequestContext) -> None:
    for name in reversed(ctx._names or app._names_of(ctx)):
        for after in reversed(app.after_websocket_funcs.get(name, ())):
            await _call(app, after)


async def _call(app: Flask, hook: Callable[[], Any]) -> Any:
    if async_driver.is_async(hook):
        return await hook()
    return await in_thread(app._threads, hook)


async def _session_fields(app: Flask, ctx: RequestContext) -> Fields:
    """The headers with which the session is saved: once, when the connection is accepted."""
    response = app.response_class()
    kept = len(response.headers)
    if type(app.session_interface) is SecureCookieSessionInterface:
        app._save_session(ctx, response)
    else:
        await in_thread(app._threads, app._save_session, ctx, response)
    return list(response.headers)[kept:]
