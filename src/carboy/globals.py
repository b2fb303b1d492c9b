"""The context variable and the proxies that lead to what it holds.

Lives here: the one ``ContextVar`` of the framework, and ``request``, ``session``, ``g``,
``current_app``, ``app_ctx`` and ``request_ctx``, which resolve to the innermost context each
time they are used.
Must not know: what they point at. The types are named for readers and type checkers only.

How it works: the variable holds the context that was pushed last. Every context knows the
request and the application context that are visible from it (``_request_ctx``, ``_app_ctx``),
so that finding either is two attribute look-ups, however deep the contexts are nested.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NoReturn

from werkzeug.local import LocalProxy

from . import old_names

if TYPE_CHECKING:
    from .app import Flask
    from .ctx import AppContext, RequestContext, _AppCtxGlobals
    from .sessions import SessionMixin
    from .wrappers import Request
    from .wrappers.websocket import WebSocket

_cv_ctx: ContextVar[AppContext] = ContextVar("carboy.ctx")

# For modules that import them: Python makes a method of an imported object anew for each call.
_current_ctx: Final = _cv_ctx.get
_push_ctx: Final = _cv_ctx.set
_pop_ctx: Final = _cv_ctx.reset

_no_app_msg = """\
Working outside of application context.

This typically means that you attempted to use functionality that needed
the current application. To solve this, set up an application context
with app.app_context(). See the documentation for more information.\
"""
_no_req_msg = """\
Working outside of request context.

This typically means that you attempted to use functionality that needed
an active HTTP request. Consult the documentation on testing for
information about how to avoid this problem.\
"""


def _no_app() -> NoReturn:
    raise RuntimeError(_no_app_msg)


def _no_request() -> NoReturn:
    raise RuntimeError(_no_req_msg)


def _find_app_ctx() -> AppContext:
    ctx = _cv_ctx.get(None)
    return _no_app() if ctx is None else ctx._app_ctx


def _find_request_ctx() -> RequestContext:
    ctx = _cv_ctx.get(None)
    if ctx is None or ctx._request_ctx is None:
        _no_request()
    return ctx._request_ctx


def _find_app() -> Flask:
    ctx = _cv_ctx.get(None)
    return _no_app() if ctx is None else ctx.app


# These two look past properties and helpers: `request` and `g` are what views use most.


def _find_g() -> _AppCtxGlobals:
    ctx = _current_ctx(None)
    if ctx is None:
        _no_app()
    app_ctx = ctx._app_ctx
    g = app_ctx._g
    if g is None:
        g = app_ctx._g = app_ctx.app.app_ctx_globals_class()
    return g


def _find_request() -> Request:
    ctx = _cv_ctx.get(None)
    if ctx is None or (request_ctx := ctx._request_ctx) is None:
        _no_request()
    return request_ctx.request if request_ctx._request is None else request_ctx._request


def _find_websocket() -> WebSocket:
    websocket = _find_request_ctx().request
    if not hasattr(websocket, "subprotocol"):
        raise RuntimeError(
            "This is the request for a page and not a WebSocket. 'websocket' can be used in views"
            " that are registered with 'websocket(rule)', and 'request' in both."
        )
    return websocket  # type: ignore[return-value]


def _find_session() -> SessionMixin:
    return _find_request_ctx().session


def _read_g(name: str) -> Any:
    """``g``'s attribute *name*, found without the call of ``_find_g``: a sixth less for each."""
    if name >= "a" or name[:1] != "_":
        ctx = _current_ctx(None)
        if ctx is None or (namespace := ctx._app_ctx._g) is None:
            return getattr(_find_g(), name)
        return getattr(namespace, name)
    return object.__getattribute__(g, name)


def _proxy(find: Callable[[], Any], read: Callable[[str], Any] | None = None) -> Any:
    """A ``LocalProxy`` to what *find* returns, whose most used operations are plain calls.

    ``LocalProxy`` goes through a descriptor and a ``partial`` for each, three times the cost,
    and ``request.method`` is the most frequent expression in views.

    :param read: a quicker way to find an attribute, if there is one
    """

    def read_found(name: str) -> Any:
        # What begins with an underscore, which is before "a", may be the proxy's own.
        if name >= "a" or name[:1] != "_":
            return getattr(find(), name)
        return object.__getattribute__(proxy, name)

    class Proxy(LocalProxy[Any]):
        __slots__ = ()

        # A method would be bound anew for each use, which is an eighth of it.
        __getattribute__ = staticmethod(read or read_found)  # type: ignore[misc]

        def __getattr__(self, name: str) -> Any:
            return getattr(find(), name)

        def __setattr__(self, name: str, value: Any) -> None:
            setattr(find(), name, value)

        def __getitem__(self, key: Any) -> Any:
            return find()[key]

        def __setitem__(self, key: Any, value: Any) -> None:
            find()[key] = value

        def __contains__(self, key: Any) -> bool:
            return key in find()

        def __aiter__(self) -> Any:
            return find().__aiter__()

    Proxy.__name__ = Proxy.__qualname__ = "LocalProxy"
    proxy = Proxy(find)
    return proxy


app_ctx: AppContext = _proxy(_find_app_ctx)
request_ctx: RequestContext = _proxy(_find_request_ctx)
current_app: Flask = _proxy(_find_app)
g: _AppCtxGlobals = _proxy(_find_g, _read_g)
request: Request = _proxy(_find_request)
session: SessionMixin = _proxy(_find_session)
websocket: WebSocket = _proxy(_find_websocket)


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
