"""Answer a request on the thread that asks: the stages of ``pipeline``, one after the other.

Lives here: the first driver of the stages, and what a stage does with its hooks.
Must not know: servers and their protocols. A gateway opens a request, has it answered, sends the
answer, and concludes. How a stage is overridden, which is the pipeline's.

How it works: as long as no stage is overridden, the stages run in one function, without a call for
each. These are functions and no methods of the application: Python finds a method of an object
with many attributes, and the methods of an imported object, by the long way each time. Both
together are half of the time that a small view takes in all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from inspect import CO_COROUTINE, iscoroutinefunction
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import HTTPException

from .ctx import _MISSING, RequestContext
from .globals import _current_ctx, _pop_ctx, _push_ctx
from .hooks import both_ways, hooks_for
from .sessions import fields_for, must_save_unopened
from .signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    request_finished,
    request_started,
    request_tearing_down,
)
from .wrappers.response import Ready, Response, json_ready

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from . import typing as ft
    from .pipeline import Pipeline, _Short
    from .sessions import SessionMixin

#: The methods that are a view's own business.
METHODS_WITH_VIEWS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

#: Hosts that were found valid and are not looked at again; more than this many are not kept.
MAX_KNOWN_HOSTS: Final = 1000


def respond(app: Pipeline, ctx: RequestContext) -> Response | Ready:
    """Push *ctx* and answer its request; errors become responses where they may.

    The caller must :func:`conclude` whatever happens, when the response has been sent.

    :param ctx: the context of the request, not yet pushed
    :raises Exception: one that is to propagate, as in debug mode without a debugger
    """
    try:
        short = app._short
        if short is None:
            ctx.push()
            return app.full_dispatch_request()
        # From here on `ctx.push()` and `app.full_dispatch_request()` in one.
        token = _push_ctx(ctx)
        ctx._pushes = (token, None)
        outer = token.old_value
        if outer is _MISSING and not appcontext_pushed.receivers:
            ctx._app_ctx = ctx._request_ctx = ctx
        else:
            ctx._settle(outer)
        if not short.lazy_sessions and ctx._session is None:
            ctx._open_session()
        environ = ctx.environ
        match(app, ctx, environ, short)
        if not app._got_first_request:
            app._got_first_request = True
        rv: Any = None
        try:
            if request_started.receivers:
                request_started.send(app, _async_wrapper=app.ensure_sync)
            if app.before_request_funcs or app.url_value_preprocessors:
                rv = preprocess(app, ctx)
            if rv is None:
                request = ctx._request
                if request is None:
                    rule, args = ctx._found  # type: ignore[misc]
                else:
                    # A hook may have put something else into it.
                    if request.routing_exception is not None:
                        app.raise_routing_exception(request)
                    rule, args = request.url_rule, request.view_args
                if (
                    environ["REQUEST_METHOD"] not in METHODS_WITH_VIEWS
                    and ctx.request.method == "OPTIONS"
                    and answers_options(rule)
                ):
                    rv = app.make_default_options_response()
                else:
                    view = short.view_functions[rule.endpoint]
                    rv = view(**args) if args else view()
                    if type(rv) is CoroutineType:
                        rv = run(rv)
        except Exception as e:
            rv = app.handle_user_exception(e)
        seen = (
            ctx._after is not None
            or app.after_request_funcs
            or (
                "HTTP_COOKIE" in environ
                and ctx._session is None
                and must_save_unopened(app.session_interface, app, environ["HTTP_COOKIE"])  # type: ignore[arg-type]
            )
        )
        response = response_of(app, ctx, short, rv, seen)
        # An error whose traceback leads to this frame would keep itself alive.
        rv = None
        if type(response) is tuple:
            return response
        if seen or ctx._session is not None:
            response = process(app, ctx, response)  # type: ignore[arg-type]
        if request_finished.receivers:
            request_finished.send(app, _async_wrapper=app.ensure_sync, response=response)
        return response
    except Exception as e:
        ctx._error = e
        return app.handle_exception(e)
    except BaseException as e:
        ctx._error = e
        raise


def response_of(
    app: Pipeline, ctx: RequestContext | None, short: _Short, rv: Any, seen: object
) -> Response | Ready:
    """What becomes of *rv*, which a view, a hook or a handler returned.

    :param ctx: the context of the request, if there is one already
    :param seen: true if somebody wants to see the response before it is sent; the signal
        ``request_finished`` and the session are asked here
    """
    kind = type(rv)
    if kind is str:
        if not seen and short.content_type is not None and not request_finished.receivers:
            body = rv.encode()
            if ctx is None or ctx._session is None:
                return short.content_type, body, ()
            if (fields := _session_fields(app, ctx._session, short)) is not None:
                return short.content_type, body, fields
        of_text = short.of_text
        return of_text(rv)
    if kind is dict or kind is list:
        if not seen and short.json is not None and not request_finished.receivers:
            # The plain way, and what it comes to for most, in four fifths of the request's time.
            made: Response | Ready
            if short.encode is None or app.config["DEBUG"]:
                made = json_ready(short.json, rv)
            else:
                made = short.json_type, f"{short.encode(rv)}\n".encode(), ()
            if ctx is None or ctx._session is None or type(made) is not tuple:
                return made
            if (fields := _session_fields(app, ctx._session, short)) is not None:
                return made[0], made[1], fields
        return app.json.response(rv)
    if kind is Response and short.content_type is not None:
        return rv  # type: ignore[no-any-return]
    return app.make_response(rv)


def _session_fields(
    app: Pipeline, session: SessionMixin, short: _Short
) -> list[tuple[str, str]] | None:
    """The headers that saving *session* puts into a response, if that does without one.

    A response would be a sixth of what it takes to read a session.
    """
    # The view may have set another interface.
    if not short.lazy_sessions or app._short is not short:
        return None
    return fields_for(app.session_interface, app, session)  # type: ignore[arg-type]


def match(app: Pipeline, ctx: RequestContext, environ: WSGIEnvironment, short: _Short) -> None:
    """``ctx.match_request()`` without an adapter, where the map can do without."""
    if (
        environ.get("HTTP_HOST") in short.hosts
        and "HTTP_UPGRADE" not in environ
        and app.config["TRUSTED_HOSTS"] is None
    ):
        path: str = environ.get("PATH_INFO", "")
        if not path.isascii():
            path = path.encode("latin-1").decode(errors="replace")
        method: str = environ["REQUEST_METHOD"]
        find = short.find
        try:
            found = find(path, method)
            if found is not None:
                ctx._found = found
                if (request := ctx._request) is not None:
                    # A session interface has had it made already.
                    request.url_rule, request.view_args = found
                return
        except HTTPException as e:
            # A method in small letters is the adapter's to understand.
            if method.isupper():
                ctx.request.routing_exception = e
                return
    ctx.match_request()
    if ctx.url_adapter is not None and len(short.hosts) < MAX_KNOWN_HOSTS:
        short.hosts.add(environ.get("HTTP_HOST"))


def conclude(app: Pipeline, ctx: RequestContext) -> None:
    """End the request: run the teardown functions and pop *ctx*, if it was pushed."""
    pushes = ctx._pushes
    error = ctx._error
    if (
        pushes is None
        or error is not None
        or pushes[1] is not None
        or app._short is None
        or ctx._app_ctx is not ctx
        or _current_ctx() is not ctx
        or "werkzeug.debug.preserve_context" in ctx.environ
    ):
        if error is not None and app.should_ignore_error(error):
            error = None
        if (preserve := ctx.environ.get("werkzeug.debug.preserve_context")) is not None:
            preserve(ctx)
        if pushes is not None:
            ctx.pop(error)
        return
    # What follows is `ctx.pop(None)`, without the calls for which there is no work.
    try:
        if app.teardown_request_funcs or request_tearing_down.receivers:
            teardown(app, ctx, None)
        request = ctx._request
        if request is not None:
            if request.__dict__.get("files"):
                request.close()
            if (e := request.routing_exception) is not None:
                # Its traceback leads to frames that hold the request, which holds it.
                e.__traceback__ = None
    finally:
        if (
            app.teardown_appcontext_funcs
            or appcontext_tearing_down.receivers
            or appcontext_popped.receivers
        ):
            ctx._leave(None)
        else:
            _pop_ctx(pushes[0])
            # `ctx._forget()`, whose call is a hundredth of a small view.
            ctx._pushes = None
            ctx._request_ctx = None
            del ctx._app_ctx


# What the stages do with their hooks


def preprocess(app: Pipeline, ctx: RequestContext) -> ft.ResponseReturnValue | None:
    """Call the URL value preprocessors and the before-request functions, until one answers."""
    rv: Any
    if app.url_value_preprocessors:
        request = ctx.request
        for preprocessors in hooks_for(app.url_value_preprocessors, request.endpoint):
            for preprocessor in preprocessors:
                call(app, preprocessor, request.endpoint, request.view_args)
    if app.before_request_funcs:
        # `call(app, before)`, without a call more for each hook; so in the next two.
        plain = app._short is not None
        try:
            # What `both_ways()` comes to for most, and in the next two: without the calls, which
            # are a twentieth of a small request with three hooks.
            endpoint = ctx._found[0].endpoint if ctx._request is None else ctx._endpoint()  # type: ignore[index]
            inwards = app.before_request_funcs.found[endpoint][0]  # type: ignore[attr-defined]
        except (AttributeError, KeyError, TypeError):
            inwards = both_ways(app.before_request_funcs, ctx._endpoint())[0]
        for hooks in inwards:
            for before in hooks:
                rv = before() if plain else app.ensure_sync(before)()
                if rv is None:
                    continue
                if type(rv) is CoroutineType:
                    rv = run(rv)
                if rv is not None:
                    return rv  # type: ignore[no-any-return]
    return None


def process(app: Pipeline, ctx: RequestContext, response: Response) -> Response:
    """Call the after-request functions, the last one first, and save the session."""
    if ctx._after is not None:
        for after in ctx._after:
            response = call(app, after, response)
    if app.after_request_funcs:
        plain = app._short is not None
        try:
            endpoint = ctx._found[0].endpoint if ctx._request is None else ctx._endpoint()  # type: ignore[index]
            outwards = app.after_request_funcs.found[endpoint][1]  # type: ignore[attr-defined]
        except (AttributeError, KeyError, TypeError):
            outwards = both_ways(app.after_request_funcs, ctx._endpoint())[1]
        for hooks in outwards:
            # `hooks[::-1]` and `reversed(hooks)` take seven times as long: a hundredth for each.
            for after in hooks.__reversed__():
                rv: Any = after(response) if plain else app.ensure_sync(after)(response)
                response = run(rv) if type(rv) is CoroutineType else rv
    # Without a cookie there is no session but one that somebody asked for.
    if ctx._session is not None or "HTTP_COOKIE" in ctx.environ or not app._has_lazy_sessions:
        save_session(app, ctx, response)
    return response


def save_session(app: Pipeline, ctx: RequestContext, response: Response) -> None:
    """Have the session interface put what it has to into *response*."""
    interface = app.session_interface
    session = ctx._session
    if session is None and app._opens_sessions_lazily():
        cookies = ctx.environ.get("HTTP_COOKIE", "")
        if not must_save_unopened(interface, app, cookies):  # type: ignore[arg-type]
            return
        session = ctx._open_session()
    if not interface.is_null_session(session):
        interface.save_session(app, session, response)  # type: ignore[arg-type]


def teardown(app: Pipeline, ctx: RequestContext, exc: BaseException | None) -> None:
    """Call the teardown functions of the request, the last one first."""
    if app.teardown_request_funcs:
        plain = app._short is not None
        try:
            endpoint = ctx._found[0].endpoint if ctx._request is None else ctx._endpoint()  # type: ignore[index]
            outwards = app.teardown_request_funcs.found[endpoint][1]  # type: ignore[attr-defined]
        except (AttributeError, KeyError, TypeError):
            outwards = both_ways(app.teardown_request_funcs, ctx._endpoint())[1]
        rv: Any
        for hooks in outwards:
            for hook in hooks.__reversed__():
                rv = hook(exc) if plain else app.ensure_sync(hook)(exc)
                if rv is not None and type(rv) is CoroutineType:
                    run(rv)
    if request_tearing_down.receivers:
        request_tearing_down.send(app, _async_wrapper=app.ensure_sync, exc=exc)


def call(app: Pipeline, func: Callable[..., Any], *args: Any) -> Any:
    """``app.ensure_sync(func)(*args)``, which looks at the result rather than at *func*."""
    rv = func(*args) if app._short is not None else app.ensure_sync(func)(*args)
    return run(rv) if type(rv) is CoroutineType else rv


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Have the loop of this process run *coroutine*, and wait for its result."""
    # asyncio takes as long to import as all of this; only async programs pay for it.
    from .loop import run as run_on_loop

    return run_on_loop(coroutine)


def answers_options(rule: object) -> bool:
    """Whether ``OPTIONS`` for *rule* is answered without its view."""
    return bool(getattr(rule, "provide_automatic_options", False))


def is_async(func: object) -> bool:
    """Whether calling *func* gives a coroutine, as far as it can be told without calling it."""
    # As each request asks: iscoroutinefunction() takes ten times as long.
    if type(func) is FunctionType:
        return func.__code__.co_flags & CO_COROUTINE != 0
    if (code := getattr(func, "__code__", None)) is not None:
        return bool(code.co_flags & CO_COROUTINE)
    while isinstance(func, functools.partial):
        func = func.func
    return iscoroutinefunction(func) or iscoroutinefunction(getattr(func, "__call__", None))  # noqa: B004
