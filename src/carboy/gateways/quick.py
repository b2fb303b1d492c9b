"""Have a view answer on the server's loop, when nothing else has a say in it.

Lives here: what comes before such a view and what comes after it, as two functions for the
coroutine of a gateway. Together they take half of the time that `answer` does.
Must not know: any one protocol; routes, sessions.

How it works: ``begin`` looks whether all is absent that the long way has stages for until the view
is called: plain hooks, receivers of signals, middleware, and so on. ``finish`` looks for what comes
after the view, and again for the rest, for the view may have changed that, or another request
meanwhile. Either gives a request back to the long way when there is something, which then goes on
from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from io import BytesIO
from itertools import chain
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from werkzeug.exceptions import HTTPException

from .. import driver
from ..async_driver import LoopContext, complete
from ..ctx import _MISSING
from ..globals import _current_ctx, _pop_ctx, _push_ctx
from ..hooks import Hooks, changes, hooks_for
from ..sessions import must_save_unopened
from ..signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    request_finished,
    request_started,
    request_tearing_down,
)
from ..wrappers.response import Ready, Response
from .answer import _task_on, _Watches, finished, watches_of
from .exchange import ClientGone, receive_body

if TYPE_CHECKING:
    from ..app import Flask
    from ..pipeline import _Short
    from ..sessions import SessionMixin
    from .exchange import Exchange

#: ``HEAD`` and ``OPTIONS`` are answered in ways of their own.
_METHODS: Final = driver.METHODS_WITH_VIEWS - {"HEAD"}

_SIGNALS: Final = (
    request_started,
    request_finished,
    request_tearing_down,
    appcontext_pushed,
    appcontext_popped,
    appcontext_tearing_down,
)

_running_loop: Final = asyncio.get_running_loop


async def take_body(app: Flask, exchange: Exchange) -> bool:
    """Receive the body of the request, unless there may be a view that wants to do so.

    :returns: whether the client is still there
    """
    if app._short is not None and not app.url_map.streams_bodies and exchange.may_have_body:
        try:
            body = await receive_body(exchange, app.config["MAX_CONTENT_LENGTH"])
        except ClientGone:
            exchange.close()
            return False
        exchange.take(body)
        # One of many pieces has to be closed.
        exchange.is_bare = type(body) is BytesIO and not exchange.upgrades
    return True


def begin(app: Flask, short: _Short, exchange: Exchange) -> Coroutine[Any, Any, Any] | None:
    """Push *exchange* in the place of its context, and call its view.

    :param short: the short way of the application
    :returns: the coroutine of the view; ``None`` if there is more to it, and nothing has been done
    """
    try:
        if (
            not exchange.is_bare
            or exchange.host not in short.hosts_on_loops
            or exchange.method not in _METHODS
            or app.url_map.has_own_converters
            or app.config["TRUSTED_HOSTS"] is not None
        ):
            return None
        is_quiet = short.quiet_at is changes.mark
        if not (is_quiet or short.hooks_at is changes.mark or _look(app, short)):
            return None
        found = short.find(exchange.path, exchange.method)
        if found is None:
            return None
        rule, args = found
        view = short.view_functions[rule.endpoint]
        if view not in short.quick_views:
            return None
        before: list[Any] = []
        if not is_quiet:
            before.extend(chain(*hooks_for(app.before_request_funcs, rule.endpoint)))
            if not all(map(driver.is_async, before)):
                return None
    except HTTPException as e:
        exchange.no_page = e.with_traceback(None)
        return None
    except Exception:
        # There is no view or setting, a view that cannot be in a set, or a hook that cannot say
        # here what it is. What to do about it is known to the long way.
        return None
    # It stands for one.
    token = _push_ctx(exchange)  # type: ignore[arg-type]
    if token.old_value is not _MISSING:
        # There is a context around it, and more to say of that.
        _pop_ctx(token)
        return None
    loop = _running_loop()
    exchange.app = app
    exchange._loop = loop
    exchange._found = found
    exchange._token = token
    watches: _Watches | None = app._watches
    if watches is None or watches.looks_on is not loop:
        watches = watches_of(app, loop)
    exchange.watches = watches
    watches.young[exchange] = _task_on(loop)
    if before:
        return _after_hooks(app, short, exchange, before)
    try:
        running: Any = view(**args) if args else view()
        return running  # type: ignore[no-any-return]
    except TypeError as e:
        # It has other parameters than the rule.
        return _raise(e)


async def _after_hooks(app: Flask, short: _Short, exchange: Exchange, before: list[Any]) -> Any:
    """What the first of the functions *before* the view returns, or else the view."""
    for hook in before:
        rv = await hook()
        if rv is not None:
            return rv
    rule, args = exchange._found
    if exchange._ctx is not None and (request := exchange._ctx._request) is not None:
        # A hook may have put something else into it.
        if request.routing_exception is not None:
            app.raise_routing_exception(request)
        rule, args = request.url_rule, request.view_args  # type: ignore[assignment]
    view = short.view_functions[rule.endpoint]
    rv = view(**args) if args else view()
    return await rv if type(rv) is CoroutineType else rv


def finish(app: Flask, short: _Short, exchange: Exchange, rv: Any) -> Response | Ready | None:
    """Make a response of what the view returned, and pop what was pushed.

    :param short: the short way of the application, as it was in the beginning
    :param rv: what the view returned
    :returns: what is to be sent; ``None`` if there is more to do before
    """
    kind = type(rv)
    if (
        app._short is not short
        or (kind is not str and kind is not dict and kind is not list and kind is not Response)
        or (short.quiet_at is not changes.mark and not _ends_quietly(app, short, exchange))
        or app.teardown_appcontext_funcs
    ):
        return None
    ctx = exchange._ctx
    session: SessionMixin | None = None
    token: Any
    if ctx is None:
        if _current_ctx(None) is not exchange:  # type: ignore[comparison-overlap]
            return None
        token = exchange._token
    else:
        session, request, pushes = ctx._session, ctx._request, ctx._pushes
        if (
            _current_ctx(None) is not ctx
            # The view may have pushed or popped it.
            or pushes is None
            or pushes[1] is not None
            or ctx._after is not None
            or ctx._background is not None
            or (
                request is not None
                and (request.__dict__.get("files") or request.routing_exception is not None)
            )
        ):
            return None
        token = pushes[0]
    young = exchange.watches.young
    if young.pop(exchange, None) is None:
        # It takes long, and its client may be watched.
        return None
    response: Response | Ready | None
    try:
        if (
            exchange.has_cookies
            and session is None
            and must_save_unopened(app.session_interface, app, exchange.cookies)
        ):
            response = None
        elif kind is str and session is None and short.content_type is not None:
            # What `response_of()` comes to for most text, without a call.
            response = short.content_type, rv.encode(), ()
        else:
            response = driver.response_of(app, ctx, short, rv, False)
            # To make it may have taken a context, a session, or something to do afterwards.
            if exchange._ctx is not ctx or (ctx is not None and not _is_over(ctx, response)):
                response = None
    except Exception:
        # It is raised again where it is handled.
        response = None
    if response is None:
        young[exchange] = _task_on(exchange._loop)
        return None
    _pop_ctx(token)
    exchange._token = None
    if ctx is not None:
        ctx._forget()
        # Either holds the other.
        del exchange._ctx
    return response


def _is_over(ctx: LoopContext, response: Response | Ready) -> bool:
    """Whether nothing is to be done for *ctx* but to send *response*."""
    return ctx._background is None and (ctx._session is None or type(response) is tuple)


def _look(app: Flask, short: _Short) -> bool:
    """Find out whether nobody but hooks of *app* has a say in its requests, and whether there are
    hooks at all; and keep that.

    To ask them all for each request would be a tenth of it.
    """
    mark = changes.mark
    registries = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    if (
        not all(type(registry) is Hooks for registry in (*registries, app.url_value_preprocessors))
        or app.url_value_preprocessors
        or any(signal.receivers for signal in _SIGNALS)
    ):
        return False
    if not any(registries):
        short.quiet_at = mark
    short.hooks_at = mark
    return True


def _ends_quietly(app: Flask, short: _Short, exchange: Exchange) -> bool:
    """Whether no hook is to be called after the view of *exchange*."""
    if short.hooks_at is not changes.mark and not _look(app, short):
        return False
    ctx = exchange._ctx
    try:
        endpoint = exchange._found[0].endpoint if ctx is None else ctx._endpoint()
        return not any(hooks_for(app.after_request_funcs, endpoint)) and not any(
            hooks_for(app.teardown_request_funcs, endpoint)
        )
    except Exception:
        # It is raised again where it is handled, if anybody asks there.
        return False


async def _raise(e: Exception) -> NoReturn:
    try:
        raise e
    finally:
        # Its traceback leads to this frame.
        del e


def go_on(
    app: Flask, short: _Short, exchange: Exchange, rv: Any, error: BaseException | None = None
) -> Coroutine[Any, Any, None]:
    """The long way from the view on.

    :param rv: what the view returned
    :param error: what it raised instead
    """
    ctx = exchange._context()
    exchange._token = None
    del exchange._ctx
    return finished(app, exchange, ctx, complete(app, ctx, short, rv, error))
