"""Answer a request on an event loop: the stages of ``pipeline`` for an ``async def`` view.

Lives here: the second driver of the pipeline's stages; the context of a request that it answers,
and what stands for that until it is asked for.
Must not know: the stages themselves, which are the pipeline's; servers.

How it works: what is plain, and may therefore wait for a database, runs in a worker thread, all
the hooks of a stage in one hop. What is ``async def`` runs on the loop. A stage without hooks
costs no more than a look.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import Token, copy_context
from itertools import chain
from types import CoroutineType
from typing import IO, TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import HTTPException

from . import driver
from .ctx import _MISSING, RequestContext
from .driver import METHODS_WITH_VIEWS, answers_options, is_async
from .globals import _current_ctx, _pop_ctx, _push_ctx
from .hooks import hooks_for
from .loop import in_thread
from .sessions import SecureCookieSessionInterface, must_save_unopened
from .signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    request_finished,
    request_started,
    request_tearing_down,
)
from .wrappers.response import Ready, Response

if TYPE_CHECKING:
    import asyncio
    from wsgiref.types import WSGIEnvironment

    from werkzeug.routing import Rule

    from . import typing as ft
    from .app import Flask
    from .ctx import AppContext
    from .pipeline import _Short
    from .wrappers import Request


T = TypeVar("T")


class LoopContext(RequestContext):
    """The context of a request that is answered on a loop.

    The environment is made when it is first used: it takes as long as all the rest of a small
    view.
    """

    __slots__ = ("_environ", "_loop", "asked")

    if TYPE_CHECKING:
        asked: Arrival
        _environ: WSGIEnvironment | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loop = None

    @classmethod
    def _for(cls, app: Flask, asked: Arrival, loop: asyncio.AbstractEventLoop) -> LoopContext:
        self = cls._of(app)
        self.asked = asked
        self._loop = loop
        self._environ = None
        return self

    @property
    def _has_cookies(self) -> bool:
        return self.asked.has_cookies

    @property
    def environ(self) -> WSGIEnvironment:
        """The WSGI environment of the request."""
        if self._environ is None:
            self._environ = self.asked.environ
        return self._environ

    @environ.setter
    def environ(self, environ: WSGIEnvironment | None) -> None:
        self._environ = environ

    def _is_changeable(self) -> bool:
        """Whether the environment has been made, and may say something else by now."""
        return (
            self._environ is not None
            or self.asked._environ is not None
            or (self._request is not None and "environ" in self._request.__dict__)
        )

    def _method(self) -> str:
        return super()._method() if self._is_changeable() else self.asked.method

    def _mount(self) -> str | None:
        if self._is_changeable() or self.asked.upgrades:
            return super()._mount()
        return self.asked.root_path

    def _equip(self, request: Request) -> None:
        # It can do without the environment until somebody wants that.
        if self._environ is None and request._can_wait:
            request._asked = self.asked
        else:
            super()._equip(request)


# What programs show of it.
LoopContext.__name__ = RequestContext.__name__


class Arrival(ABC):
    """A request on a loop, which stands for its context until somebody asks for that.

    To make a context and to see what has become of it takes a fifth of the time of a small view,
    which has no use for one. What the proxies look for in the current context makes it, and has it
    take this one's place.
    """

    method: str
    #: As the rules have it: decoded, without the root path.
    path: str
    #: Where the application is mounted, without a slash at its end.
    root_path: str = ""
    #: What the header ``Host`` says, as the server has it.
    host: str | bytes | None
    has_cookies: bool
    #: The body, as far as it has been received.
    body: IO[bytes] | None = None
    #: What the map has said instead of giving a rule, if it was asked.
    no_page: HTTPException | None = None

    app: Flask
    _loop: asyncio.AbstractEventLoop
    #: The rule that matched, with its arguments.
    _found: tuple[Rule, dict[str, Any]]
    #: Of the push; ``None`` before and after.
    _token: Token[Any] | None = None
    #: The context, once somebody has asked for it.
    _ctx: LoopContext | None = None

    #: Its WSGI environment, if that has been made.
    _environ: WSGIEnvironment | None = None

    @property
    @abstractmethod
    def upgrades(self) -> bool:
        """Whether the client wants to speak another protocol."""

    @property
    @abstractmethod
    def cookies(self) -> str:
        """``HTTP_COOKIE`` of the environment."""

    @property
    @abstractmethod
    def query(self) -> str:
        """``QUERY_STRING`` of the environment."""

    @property
    @abstractmethod
    def content_type(self) -> str:
        """``CONTENT_TYPE`` of the environment, or nothing."""

    @property
    @abstractmethod
    def content_length(self) -> int | None:
        """The size of the body, if that was announced and makes sense."""

    @property
    @abstractmethod
    def environ(self) -> WSGIEnvironment:
        """The WSGI environment, made when it is first asked for."""

    # What is asked of a context from outside

    @property
    def _app_ctx(self) -> AppContext:
        return self._context()._app_ctx

    @property
    def _request_ctx(self) -> RequestContext | None:
        return self._context()._request_ctx

    @property
    def _pushes(self) -> Any:
        return self._context()._pushes

    def __repr__(self) -> str:
        return object.__repr__(self) if self._token is None else repr(self._context())

    def _context(self) -> LoopContext:
        ctx = self._ctx
        if ctx is None:
            ctx = LoopContext._for(self.app, self, self._loop)
            ctx._found = self._found
            if self._token is not None:
                ctx._pushes = (self._token, None)
                ctx._app_ctx = ctx._request_ctx = ctx
                # Another thread may have done the same.
                ctx = self.__dict__.setdefault("_ctx", ctx)
        if _current_ctx(None) is self:  # type: ignore[comparison-overlap]
            _push_ctx(ctx)
        return ctx


async def respond(
    app: Flask,
    ctx: LoopContext,
    short: _Short,
    found: tuple[Rule, dict[str, Any]] | None,
    receive_body: Callable[[], Awaitable[None]] | None = None,
) -> Response | Ready:
    """What ``driver.respond(app, ctx)`` does, on the running loop.

    The caller must :func:`conclude` whatever happens.

    :param ctx: the context of a request to an application that overrides no stage
    :param short: the short way of the application
    :param found: what the map has found for the path, if that was asked already
    :param receive_body: called before the view, to receive a body that was too large so far
    """
    try:
        asked = ctx.asked
        # What `ctx._enter()` comes to for most requests.
        token = _push_ctx(ctx)
        ctx._pushes = (token, None)
        outer: Any = token.old_value
        if outer is _MISSING and not appcontext_pushed.receivers:
            ctx._app_ctx = ctx._request_ctx = ctx
        else:
            ctx._settle(outer)
        if not short.lazy_sessions and ctx._session is None:
            await _plain(app, ctx, ctx._open_session)
        if (
            (found is not None or (asked.no_page is not None and asked.method.isupper()))
            and asked.host in short.hosts_on_loops
            and not asked.upgrades
            and app.config["TRUSTED_HOSTS"] is None
        ):
            if found is None:
                ctx.request.routing_exception = asked.no_page
            else:
                ctx._found = found
                if (request := ctx._request) is not None:
                    request.url_rule, request.view_args = found
        else:
            environ = ctx.environ
            if app.url_map.has_own_converters:
                await _plain(app, ctx, driver.match, app, ctx, environ, short)
            else:
                driver.match(app, ctx, environ, short)
            if (
                environ.get("HTTP_HOST") in short.hosts
                and len(short.hosts_on_loops) < driver.MAX_KNOWN_HOSTS
            ):
                short.hosts_on_loops.add(asked.host)
        if not app._got_first_request:
            app._got_first_request = True
        rv: Any = None
        try:
            if request_started.receivers:
                await _plain(app, ctx, _send, request_started, app)
            if app.before_request_funcs or app.url_value_preprocessors:
                rv = await _preprocess(app, ctx)
            if rv is None:
                request = ctx._request
                if request is None:
                    rule, args = ctx._found  # type: ignore[misc]
                else:
                    if request.routing_exception is not None:
                        app.raise_routing_exception(request)
                    rule, args = request.url_rule, request.view_args
                if (
                    asked.method not in METHODS_WITH_VIEWS
                    and ctx.request.method == "OPTIONS"
                    and answers_options(rule)
                ):
                    rv = app.make_default_options_response()
                else:
                    if receive_body is not None:
                        await receive_body()
                    view = short.view_functions[rule.endpoint]
                    rv = view(**args) if args else view()
                    if type(rv) is CoroutineType:
                        rv = await rv
        except Exception as e:
            rv = await _handled(app, ctx, app.handle_user_exception, e)
        try:
            return await _finalize(app, ctx, short, rv)
        finally:
            # An error whose traceback leads to this frame would keep itself alive.
            del rv
    except Exception as e:
        ctx._error = e
        return await _handled(app, ctx, app.handle_exception, e)  # type: ignore[no-any-return]
    except BaseException as e:
        ctx._error = e
        raise


async def complete(
    app: Flask, ctx: LoopContext, short: _Short, rv: Any, error: BaseException | None
) -> Response | Ready:
    """What :func:`respond` does from the view on.

    :param rv: what the view returned
    :param error: what it raised instead
    """
    try:
        if error is not None:
            traceback = error.__traceback__
            try:
                raise error
            except Exception as e:
                # As it was, without this frame, to which it would lead.
                e.__traceback__ = traceback
                rv = await _handled(app, ctx, app.handle_user_exception, e)
            finally:
                del error, traceback
        return await _finalize(app, ctx, short, rv)
    except Exception as e:
        ctx._error = e
        return await _handled(app, ctx, app.handle_exception, e)  # type: ignore[no-any-return]
    except BaseException as e:
        ctx._error = e
        raise


async def _finalize(app: Flask, ctx: LoopContext, short: _Short, rv: Any) -> Response | Ready:
    asked = ctx.asked
    seen = (
        ctx._after is not None
        or app.after_request_funcs
        or (
            asked.has_cookies
            and ctx._session is None
            and must_save_unopened(app.session_interface, app, asked.cookies)
        )
    )
    response = driver.response_of(app, ctx, short, rv, seen)
    if type(response) is tuple:
        return response
    if seen or ctx._session is not None:
        response = await _process(app, ctx, response)  # type: ignore[arg-type]
    if request_finished.receivers:
        await _plain(app, ctx, _send, request_finished, app, response)
    return response


async def _plain(app: Flask, ctx: RequestContext, func: Callable[..., T], *args: Any) -> T:
    """Run *func* in a worker thread, in the same context as what was run there before for *ctx*:
    a token that one hook gets from a ``ContextVar`` is good for another."""
    context = ctx._of_threads
    if context is None:
        context = ctx._of_threads = copy_context()
    return await in_thread(app._threads, func, *args, context=context)


def _send(signal: Any, app: Flask, response: Response | None = None) -> None:
    more = {} if response is None else {"response": response}
    signal.send(app, _async_wrapper=app.ensure_sync, **more)


async def _preprocess(app: Flask, ctx: RequestContext) -> ft.ResponseReturnValue | None:
    endpoint = ctx._endpoint()
    hooks = list(chain(*hooks_for(app.before_request_funcs, endpoint)))
    if any(hooks_for(app.url_value_preprocessors, endpoint)) or not all(map(is_async, hooks)):
        return await _plain(app, ctx, driver.preprocess, app, ctx)
    for hook in hooks:
        rv: Any = await hook()  # type: ignore[misc]
        if rv is not None:
            return rv  # type: ignore[no-any-return]
    return None


async def _process(app: Flask, ctx: RequestContext, response: Response) -> Response:
    hooks: list[Callable[..., Any]] = list(ctx._after or ())
    if app.after_request_funcs:
        lists = hooks_for(app.after_request_funcs, ctx._endpoint())
        hooks.extend(reversed(list(chain(*lists))))
    if not all(map(is_async, hooks)):
        return await _plain(app, ctx, driver.process, app, ctx, response)
    for hook in hooks:
        response = await hook(response)
    if ctx._session is None and not ctx._has_cookies and app._has_lazy_sessions:
        # Without a cookie there is no session but one that somebody asked for.
        pass
    elif type(app.session_interface) is SecureCookieSessionInterface:
        driver.save_session(app, ctx, response)
    else:
        await _plain(app, ctx, driver.save_session, app, ctx, response)
    return response


async def _handled(
    app: Flask, ctx: RequestContext, handle: Callable[[Exception], Any], e: Exception
) -> Any:
    """What *handle* makes of *e*, in a thread, where the exception is the one being handled."""
    if isinstance(e, HTTPException) and not app.error_handler_spec:
        return handle(e)
    return await _plain(app, ctx, _handle, handle, e, e.__traceback__)


def _handle(handle: Callable[[Exception], Any], e: Exception, traceback: Any) -> Any:
    try:
        raise e
    except Exception:
        # As it was, without this frame.
        e.__traceback__ = traceback
        return handle(e)


def conclude_quietly(app: Flask, ctx: RequestContext) -> bool:
    """What :func:`conclude` does for a request of whose end nobody is told.

    :returns: whether it is one
    """
    pushes = ctx._pushes
    request = ctx._request
    if (
        pushes is None
        or ctx._error is not None
        or (request is not None and request.__dict__.get("files"))
        or pushes[1] is not None
        or ctx._app_ctx is not ctx
        or _current_ctx() is not ctx
        or ctx._of_threads is not None
        or app.teardown_request_funcs
        or app.teardown_appcontext_funcs
        or request_tearing_down.receivers
        or appcontext_tearing_down.receivers
        or appcontext_popped.receivers
    ):
        return False
    if request is not None and (e := request.routing_exception) is not None:
        e.__traceback__ = None
    _pop_ctx(pushes[0])
    ctx._forget()
    return True


async def conclude(app: Flask, ctx: RequestContext) -> None:
    """What ``driver.conclude(app, ctx)`` does, on the running loop."""
    error = ctx._error
    if error is not None and app.should_ignore_error(error):
        error = None
    pushes = ctx._pushes
    if pushes is None:
        return
    if pushes[1] is not None or ctx._app_ctx is not ctx or _current_ctx() is not ctx:
        ctx.pop(error)
        return
    try:
        if app.teardown_request_funcs or request_tearing_down.receivers:
            await _teardown(app, ctx, error)
        request = ctx._request
        if request is not None:
            if request.__dict__.get("files"):
                request.close()
            if (e := request.routing_exception) is not None:
                e.__traceback__ = None
    finally:
        try:
            if app.teardown_appcontext_funcs or appcontext_tearing_down.receivers:
                # They do not see the request any more.
                ctx._see(pushes[0].old_value)
                await _plain(app, ctx, app.do_teardown_appcontext, error)
        finally:
            # It holds the request's context, which holds it.
            ctx._of_threads = None
            _pop_ctx(pushes[0])
            if appcontext_popped.receivers:
                ctx._request_ctx = None
                appcontext_popped.send(app, _async_wrapper=app.ensure_sync)
            ctx._forget()


async def _teardown(app: Flask, ctx: RequestContext, error: BaseException | None) -> None:
    lists = hooks_for(app.teardown_request_funcs, ctx._endpoint())
    hooks = list(chain(*lists))[::-1]
    if request_tearing_down.receivers or not all(map(is_async, hooks)):
        await _plain(app, ctx, driver.teardown, app, ctx, error)
        return
    for hook in hooks:
        await hook(error)  # type: ignore[misc]
