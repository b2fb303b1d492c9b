"""Run the view of a WebSocket, with the stages around it.

Lives here: the driver for WebSockets, which serves plain and ``async def`` views alike.
Must not know: the stages themselves, which are the pipeline's; servers.

How it works: a page of another site is refused before anything of the program runs. The browser
sends the visitor's cookies along, and so even a hook could do something in his name; and what hooks
and error handlers make of an answer no browser would show. Then the handshake is a request, so the
before-request functions guard it, and one that answers refuses the connection. A view that returns
or raises before it accepted gives the answer to the handshake, as any view would. After that there
is nobody to send an answer to: what is raised is logged, and closes the connection.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import Forbidden

from . import async_driver, driver
from .ctx import RequestContext
from .hooks import hooks_for
from .loop import in_own_thread
from .pipeline import _method
from .sessions import SecureCookieSessionInterface
from .signals import got_request_exception, request_started
from .wrappers.websocket import (
    GOING_AWAY,
    INTERNAL_ERROR,
    NORMAL,
    BlockingWebSocket,
    Channel,
    Fields,
    WebSocket,
    WebSocketClosed,
    classes_for,
)

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from .app import Flask
    from .wrappers import Response


Either = WebSocket | BlockingWebSocket

#: What a browser leaves out of an origin and of the host.
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


async def serve(app: Flask, channel: Channel, look_after: float | None = None) -> None:
    """Answer the handshake of *channel*, and let its view talk until it ends.

    :param look_after: in place of ``WebSocket.look_after``
    :raises Exception: what the view raises, if that is to propagate
    """
    origin = channel.environ.get("HTTP_ORIGIN")
    if origin is not None and not _may_connect(app, origin, channel.environ):
        with suppress(WebSocketClosed):
            await _refuse_page(app, origin, channel)
        return
    websocket: Either = classes_for(app.request_class)[0](channel.environ)  # type: ignore[arg-type]
    websocket._channel = channel
    if look_after is not None:
        websocket.look_after = look_after
    ctx = RequestContext(app, channel.environ, request=websocket)
    app._the_short_way()
    ctx._enter()
    if not app._got_first_request:
        app._got_first_request = True
    try:
        try:
            answer = await _talk(app, ctx, websocket)
        finally:
            websocket._view_ended()
            if websocket.accepted:
                with suppress(WebSocketClosed):
                    await websocket._close(NORMAL, "")
                await _after(app, ctx)
        if answer is not None:
            with suppress(WebSocketClosed):
                await _refuse(app, ctx, channel, answer)
    finally:
        websocket._let_go()
        await async_driver.conclude(app, ctx)
        if ctx._background is not None:
            app._begin_background(ctx._background)


def _may_connect(app: Flask, origin: str, environ: WSGIEnvironment) -> bool:
    """Whether a page may open a WebSocket.

    :param origin: the page's, as the browser tells it
    """
    scheme, _, host = origin.lower().partition("://")
    # A page that came over plain HTTP may be anybody's. Where a proxy hides that the connection
    # is a secure one, it cannot be told.
    if scheme == "https" or (scheme == "http" and environ["wsgi.url_scheme"] != "https"):
        port = _DEFAULT_PORTS[scheme]
        host = host.removesuffix(port)
        if host and host == environ.get("HTTP_HOST", "").lower().removesuffix(port):
            return True
    allowed: str | Iterable[str] = app.config["WEBSOCKET_ORIGINS"] or ()
    if isinstance(allowed, str):
        allowed = [allowed]
    return any(one == "*" or one.lower() == origin.lower() for one in allowed)


async def _refuse_page(app: Flask, origin: str, channel: Channel) -> None:
    environ = channel.environ
    app.logger.warning(
        "A page of %r was refused a WebSocket to %r. If it may connect, add its origin to"
        " WEBSOCKET_ORIGINS, which is %r. If it is the same site, the proxy in between has to pass"
        " on the host and the scheme that the browser used.",
        origin,
        f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}",
        app.config["WEBSOCKET_ORIGINS"],
    )
    body = b"Pages of this origin may not open a WebSocket here.\n"
    fields = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
    await channel.refuse(403, fields, body)


async def _talk(app: Flask, ctx: RequestContext, websocket: Either) -> Response | None:
    """Run the view; what is returned refuses the connection."""
    try:
        try:
            rv = await _dispatch(app, ctx, websocket)
            if websocket.accepted or websocket.closed is not None:
                return None
            if rv is None:
                rv = Forbidden("The WebSocket was not accepted.")
        except (Exception, asyncio.CancelledError) as e:
            if _is_end(e, websocket):
                return None
            if websocket.accepted or not isinstance(e, Exception):
                raise
            rv = await async_driver._handled(app, ctx, app.handle_user_exception, e)
        response = app.make_response(rv)
        if _is_overridden(app, "process_response"):
            return await async_driver._plain(app, ctx, app.process_response, response)
        return await async_driver._process(app, ctx, response)
    except Exception as e:
        if not websocket.accepted:
            ctx._error = e
            return await async_driver._handled(app, ctx, app.handle_exception, e)  # type: ignore[no-any-return]
        with suppress(WebSocketClosed):
            await websocket._close(INTERNAL_ERROR, "")
        await _report(app, ctx, e)
        return None
    except BaseException as e:
        # The server stops, or the process does.
        ctx._error = e
        if websocket.accepted:
            with suppress(Exception):
                await websocket._close(GOING_AWAY, "")
        websocket._let_go()
        raise


def _is_end(e: BaseException, websocket: Either) -> bool:
    """Whether *e* only says that the connection is closed, and not another one."""
    if websocket.closed is None:
        return False
    if isinstance(e, BaseExceptionGroup):
        return all(_is_end(inner, websocket) for inner in e.exceptions)
    if isinstance(e, asyncio.CancelledError):
        return websocket._cancelled
    return isinstance(e, WebSocketClosed)


async def _report(app: Flask, ctx: RequestContext, e: Exception) -> None:
    """Log what nobody can be answered with.

    :raises Exception: *e*, in tests, and where ``PROPAGATE_EXCEPTIONS`` says so
    """
    ctx._error = e
    await async_driver._handled(app, ctx, _log(app), e)
    propagate = app.config["PROPAGATE_EXCEPTIONS"]
    if app.testing if propagate is None else propagate:
        raise e


def _log(app: Flask) -> Callable[[Exception], None]:
    def log(e: Exception) -> None:
        got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=e)
        app.log_exception(sys.exc_info())

    return log


async def _refuse(app: Flask, ctx: RequestContext, channel: Channel, answer: Response) -> None:
    try:
        body = await async_driver._plain(app, ctx, answer.get_data)
        fields = answer.get_wsgi_headers(channel.environ)
        await channel.refuse(answer.status_code, [(n.lower(), v) for n, v in fields], body)
    finally:
        answer.close()


def _is_overridden(app: Flask, stage: str) -> bool:
    return app._short is None and _method(app, stage) is not app._plain[stage]


async def _dispatch(app: Flask, ctx: RequestContext, websocket: Either) -> Any:
    if ctx._session is None and not app._opens_sessions_lazily():
        await async_driver._plain(app, ctx, ctx._open_session)
    if app.url_map.has_own_converters:
        await async_driver._plain(app, ctx, ctx.match_request)
    else:
        ctx.match_request()
    if request_started.receivers:
        await async_driver._plain(app, ctx, async_driver._send, request_started, app)
    if _is_overridden(app, "preprocess_request"):
        rv: Any = await async_driver._plain(app, ctx, app.preprocess_request)
    elif app.before_request_funcs or app.url_value_preprocessors:
        rv = await async_driver._preprocess(app, ctx)
    else:
        rv = None
    if rv is not None:
        return rv
    if websocket.routing_exception is not None:
        app.raise_routing_exception(websocket)
    rule, args = websocket.url_rule, websocket.view_args
    assert rule is not None and args is not None
    view = app.view_functions[rule.endpoint]
    plain = not _is_async(view)
    if plain:
        websocket.__class__ = classes_for(app.request_class)[1]  # type: ignore[arg-type]
        websocket.__dict__["_loop"] = asyncio.get_running_loop()
    websocket._fields = lambda: _session_fields(app, ctx)
    for hooks in hooks_for(app.before_websocket_funcs, ctx._endpoint()):
        for before in hooks:
            if (rv := await _call(app, ctx, before)) is not None:
                return rv
    if not plain:
        websocket._task = asyncio.current_task()
        # Of a view that is a class.
        ctx.awaited = True
        rv = view(**args)
        return await rv if isawaitable(rv) else rv
    try:
        return await in_own_thread(view, **args)
    except asyncio.CancelledError:
        # A thread cannot be cancelled, but it learns of it when it next sends or receives.
        websocket._let_go()
        raise


def _is_async(view: Callable[..., Any]) -> bool:
    view_class = getattr(view, "view_class", None)
    methods = (getattr(view_class, name, None) for name in ("dispatch_request", "get"))
    return any(map(driver.is_async, (view, *methods)))


async def _after(app: Flask, ctx: RequestContext) -> None:
    for hooks in reversed(hooks_for(app.after_websocket_funcs, ctx._endpoint())):
        for after in reversed(hooks):
            try:
                await _call(app, ctx, after)
            except Exception as e:
                await _report(app, ctx, e)


async def _call(app: Flask, ctx: RequestContext, hook: Callable[[], Any]) -> Any:
    if driver.is_async(hook):
        return await hook()
    return await async_driver._plain(app, ctx, hook)


async def _session_fields(app: Flask, ctx: RequestContext) -> Fields:
    """The headers with which the session is saved: once, when the connection is accepted."""
    response = app.response_class()
    kept = len(response.headers)
    if type(app.session_interface) is SecureCookieSessionInterface:
        driver.save_session(app, ctx, response)
    else:
        await async_driver._plain(app, ctx, driver.save_session, app, ctx, response)
    # Nothing varies: what a WebSocket says is not cached.
    return [field for field in list(response.headers)[kept:] if field[0] != "Vary"]
