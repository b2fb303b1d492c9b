"""One request at work: the context with all that is known of it.

Lives here: ``RequestContext``, from the environment to the last teardown function.
Must not know: how a request is dispatched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotImplemented as HTTPNotImplemented
from werkzeug.routing import WebsocketMismatch

from ..globals import _current_ctx, _push_ctx
from ..signals import appcontext_popped, appcontext_pushed
from ..typing import AfterRequestCallable
from .app_context import _MISSING, AppContext, _AppCtxGlobals, _sentinel

if TYPE_CHECKING:
    from contextvars import Context
    from wsgiref.types import WSGIEnvironment

    from werkzeug.routing import MapAdapter, Rule

    from ..app import Flask
    from ..sessions import SessionMixin
    from ..wrappers import Request

_new: Final = object.__new__

#: Under which names servers hand out the socket of a connection.
_SOCKETS: Final = ("werkzeug.socket", "gunicorn.socket", "eventlet.input")


def _takes_socket(rule: Rule, environ: WSGIEnvironment) -> bool:
    """Whether the view of a WebSocket speaks the protocol itself, as those of extensions do."""
    return not getattr(rule, "speaks_websocket", False) and (
        any(name in environ for name in _SOCKETS)
        or environ.get("SERVER_SOFTWARE", "").startswith("gevent")
    )


class RequestContext(AppContext):
    """One request of an application; ``app.request_context(environ)`` returns it.

    :param app: the application that answers
    :param environ: the WSGI environment of the request
    :param request: an object to use in place of ``app.request_class(environ)``
    :param session: a session to use in place of the one that the request names
    """

    __slots__ = (
        "_after",
        "_background",
        "_error",
        "_found",
        "_made",
        "_of_threads",
        "_request",
        "_session",
        "environ",
        "flashes",
    )

    if TYPE_CHECKING:
        #: The WSGI environment of the request.
        environ: WSGIEnvironment
        #: The request object, once somebody has asked for it.
        _request: Request | None
        #: The rule that matched, with its arguments.
        _found: tuple[Rule, dict[str, Any]] | None
        flashes: list[tuple[str, str]] | None
        _session: SessionMixin | None
        _after: list[AfterRequestCallable[Any]] | None
        #: What is to run when the request has been answered: functions with their arguments.
        _background: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] | None
        #: The application context that was pushed for this one, if it could not be its own.
        _made: AppContext | None
        #: What the teardown functions are told when the request is over.
        _error: BaseException | None
        #: Where its plain functions run that have to leave a loop.
        _of_threads: Context | None
    _kind = "request"
    #: Whether a view that is a class may give a coroutine, for it is awaited.
    awaited = False

    def __init__(
        self,
        app: Flask,
        environ: WSGIEnvironment,
        request: Request | None = None,
        session: SessionMixin | None = None,
    ) -> None:
        self.app = app
        self.environ = environ
        self._request = app.request_class(environ) if request is None else request
        self._found = None
        self._made = None
        self._of_threads = None
        self.flashes = None
        self._session = session
        self._after = None
        self._background = None
        self._error = None
        self._g = None
        self._url_adapter = _sentinel
        self._pushes = None
        self._request_ctx = None

    @classmethod
    def _of(cls, app: Flask) -> Self:
        """``RequestContext(app, environ)`` for a request class with the stock constructor; the
        environment is the caller's to set.

        The request object is made when it is first used. That and the constructor that is
        not called save a sixth of the time that a small view takes in all.
        """
        self = _new(cls)
        self.app = app
        self._request = None
        self._found = None
        self._made = None
        self._of_threads = None
        self.flashes = None
        self._session = None
        self._after = None
        self._background = None
        self._error = None
        self._g = None
        self._url_adapter = _sentinel
        self._pushes = None
        self._request_ctx = None
        return self

    @property
    def request(self) -> Request:
        """The request."""
        request = self._request
        if request is None:
            # Only ``_of`` leaves it out, for a class with the stock constructor.
            request = self._request = _new(self.app.request_class)
            self._equip(request)
            if self._found is not None:
                request.url_rule, request.view_args = self._found
        return request

    @request.setter
    def request(self, value: Request) -> None:
        self._request = value

    def _equip(self, request: Request) -> None:
        """Give *request* what it is about."""
        request.environ = self.environ

    @property
    def g(self) -> _AppCtxGlobals:
        """The namespace of the application context that goes with this request."""
        return super().g if self._app_ctx is self else self._app_ctx.g

    @g.setter
    def g(self, value: _AppCtxGlobals) -> None:
        if self._app_ctx is not self:
            self._app_ctx.g = value
        self._g = value

    @property
    def session(self) -> SessionMixin:
        """The session of the request, opened when first asked for; asking marks it accessed."""
        session = self._session
        if session is None:
            session = self._open_session()
        session.accessed = True
        return session

    @session.setter
    def session(self, value: SessionMixin) -> None:
        self._session = value

    @property
    def _has_cookies(self) -> bool:
        return "HTTP_COOKIE" in self.environ

    def _open_session(self) -> SessionMixin:
        interface = self.app.session_interface
        session = interface.open_session(self.app, self.request)
        if session is None:
            session = interface.make_null_session(self.app)
        self._session = session
        return session

    @property
    def _after_request_functions(self) -> list[AfterRequestCallable[Any]]:
        if self._after is None:
            self._after = []
        return self._after

    def _make_url_adapter(self) -> MapAdapter | None:
        try:
            return self.app.create_url_adapter(self.request)
        except HTTPException as e:
            self.request.routing_exception = e
            return None

    def _method(self) -> str:
        """``REQUEST_METHOD`` of the environment."""
        environ = self.environ if self._request is None else self._request.environ
        method: str = environ["REQUEST_METHOD"]
        return method

    def _mount(self) -> str | None:
        """``SCRIPT_NAME`` of the environment; ``None`` where that is of a WebSocket."""
        environ = self.environ
        return None if "HTTP_UPGRADE" in environ else environ.get("SCRIPT_NAME", "")

    def copy(self) -> RequestContext:
        """Another context with the same request and session, to push in another thread."""
        return type(self)(
            self.app,
            environ=self.environ,
            request=self.request,
            # Both share the session, so it can no longer be opened by whoever asks first.
            session=self._open_session() if self._session is None else self._session,
        )

    def match_request(self) -> None:
        """Find the rule of the request; what goes wrong is kept, to be raised on dispatch."""
        if (adapter := self.url_adapter) is None:
            return
        request = self.request
        try:
            self._found = adapter.match(return_rule=True)  # type: ignore[assignment]
            request.url_rule, request.view_args = self._found  # type: ignore[misc]
            if request.url_rule.websocket and not (
                hasattr(request, "subprotocol") or _takes_socket(request.url_rule, self.environ)
            ):
                raise HTTPNotImplemented(
                    "This server does not carry WebSockets. Serve the application with"
                    " 'carboy serve', or as 'app.asgi' on an ASGI server."
                )
        except WebsocketMismatch as e:
            e.description = (
                "This URL is a page's, and not a WebSocket's."
                if adapter.websocket
                else "This URL is a WebSocket's, and not a page's."
            )
            request.routing_exception = e
        except HTTPException as e:
            request.routing_exception = e

    def push(self) -> None:
        """Make this the active context, open its session, and match its URL."""
        self.app._the_short_way()  # Finds out whether there is more to enter.
        self._enter()
        if self._session is None and not self.app._opens_sessions_lazily():
            self._open_session()
        self.match_request()

    def _enter(self) -> None:
        """Become the active context, with an application context: a current one of the same
        application, or else its own."""
        again = self._pushes
        if again is None and self.app._makes_own_contexts:
            self._make_app_ctx()
        token = _push_ctx(self)
        self._pushes = (token, again)
        if again is None:
            self._find_loop(token.old_value)
            self._settle(token.old_value)

    def _settle(self, outer: Any) -> None:
        """Find the application context that goes with this one, pushed upon *outer*."""
        # A task that outlives its request still has that for its context.
        if outer is _MISSING or outer._pushes is None:
            if appcontext_pushed.receivers:
                self._own_app_ctx(None)
                return
            self._g = None
            self._app_ctx = self
            self._request_ctx = self
        elif outer._app_ctx.app is self.app:
            self._app_ctx = outer._app_ctx
            self._request_ctx = self
        else:
            self._own_app_ctx(outer._request_ctx)

    def _make_app_ctx(self) -> None:
        """Push what an overridden ``app.app_context`` makes, to borrow it."""
        outer = _current_ctx(None)
        if outer is None or outer._app_ctx.app is not self.app:
            self._made = self.app.app_context()
            self._made.push()

    def _own_app_ctx(self, outer: RequestContext | None) -> None:
        self._g = None
        self._app_ctx = self
        if appcontext_pushed.receivers:
            # They do not see the request yet.
            self._request_ctx = outer
            try:
                appcontext_pushed.send(self.app, _async_wrapper=self.app.ensure_sync)
            finally:
                self._request_ctx = self
        self._request_ctx = self

    @contextmanager
    def _again(self) -> Iterator[None]:
        """Come back to a request that has been answered, with its ``g`` and its session."""
        token = _push_ctx(self)
        g = self._g
        self._pushes = (token, self._pushes)
        if hasattr(self, "_app_ctx"):  # It was borrowed, and is still there.
            self._request_ctx = self
        else:
            self._own_app_ctx(None)
            self._g = g
        try:
            yield
        finally:
            self.pop(None)

    def pop(self, exc: BaseException | None = _sentinel) -> None:
        """End what :meth:`push` began; the last pop runs the teardown functions.

        :param exc: what they are given; the exception being handled when left out
        :raises AssertionError: another context was pushed and not popped since; it is
            dropped, and this one is popped all the same
        """
        last = self._is_last_pop()
        if exc is _sentinel:
            exc = sys.exc_info()[1]
        if _current_ctx(None) is not self:
            return self._pop_covered(exc)
        if not last:
            return self._reset()
        try:
            self.app.do_teardown_request(exc)
            # Closes the uploaded files; a request class of the user's may lack it.
            close = getattr(self.request, "close", None)
            # A WebSocket means something else by it.
            if close is not None and not hasattr(self.request, "subprotocol"):
                close()
        finally:
            self._leave(exc)
        return None

    def _leave(self, exc: BaseException | None) -> None:
        """Stop being the active context, and end the application context that came with it."""
        assert self._pushes is not None
        owns_app_ctx = self._app_ctx is self
        if owns_app_ctx:
            # The application's teardown functions do not see the request any more.
            self._see(self._pushes[0].old_value)
            try:
                self.app.do_teardown_appcontext(exc)
            finally:
                self._reset()
            if appcontext_popped.receivers:
                appcontext_popped.send(self.app, _async_wrapper=self.app.ensure_sync)
            del self._app_ctx
        else:
            self._reset()
        # Without references to itself the context goes when its last user does, and does
        # not wait for the garbage collector.
        self._request_ctx = None
        if self._made is not None:
            self._made.pop(exc)
            self._made = None

    def _forget(self) -> None:
        """What ``_leave()`` comes to for a context of whose end nobody is told."""
        self._pushes = None
        self._request_ctx = None
        del self._app_ctx

    def _endpoint(self) -> str | None:
        """``request.endpoint``, without making a request for it."""
        if self._request is not None:
            return self._request.endpoint
        return None if self._found is None else self._found[0].endpoint

    def __enter__(self) -> RequestContext:
        self.push()
        return self

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.request.url!r}"
            f" [{self.request.method}] of {self.app.name}>"
        )
