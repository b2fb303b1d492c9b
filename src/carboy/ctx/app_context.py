"""The application that is active, and what it keeps for that time.

Lives here: ``AppContext``, and the namespace that ``g`` leads to.
Must not know: requests. A context only passes on which of them is seen through it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..globals import _current_ctx, _pop_ctx, _push_ctx
from ..signals import appcontext_popped, appcontext_pushed

if TYPE_CHECKING:
    import asyncio

    from werkzeug.routing import MapAdapter

    from ..app import Flask
    from .request_context import RequestContext

#: Says that nothing was given or made yet, where ``None`` has a meaning of its own.
_sentinel: Final[Any] = object()

#: The token of a push and the pushes before it, innermost first.
_Pushes: TypeAlias = "tuple[Token[AppContext], _Pushes] | None"

_MISSING: Final = Token.MISSING


class _AppCtxGlobals:
    """A plain namespace for the length of an application context; what ``g`` leads to.

    ``"name" in g``, ``iter(g)`` and the methods below treat it like a dictionary.
    """

    # Names are free: whatever the application stores.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __delattr__(self, name: str) -> None:
        try:
            del self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name: str, default: Any | None = None) -> Any:
        """The attribute *name*, or *default* when there is none."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _sentinel) -> Any:
        """Remove and return the attribute *name*.

        :param default: returned instead of raising ``KeyError`` when there is none
        """
        if default is _sentinel:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The attribute *name*, set to *default* first when there is none."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, item: str) -> bool:
        return item in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        ctx = _current_ctx(None)
        return object.__repr__(self) if ctx is None else f"<flask.g of {ctx.app.name!r}>"


class AppContext:
    """The application that is active, with its ``g``; what ``app.app_context()`` returns.

    Use it in a ``with`` statement, or call :meth:`push` and :meth:`pop`.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_app_ctx",
        "_g",
        "_pushes",
        "_request_ctx",
        "_url_adapter",
        "app",
    )

    # `typing.get_type_hints` of a subclass would not find classes of higher layers.
    if TYPE_CHECKING:
        app: Flask
        _g: _AppCtxGlobals | None
        _url_adapter: MapAdapter | None
        _pushes: _Pushes
        #: What is visible while this context is the innermost one.
        _app_ctx: AppContext
        _request_ctx: RequestContext | None
        #: The loop on which the request is answered that it belongs to.
        _loop: asyncio.AbstractEventLoop | None
    _loop = None
    #: What errors call it.
    _kind = "app"

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._g = None
        self._url_adapter = _sentinel
        self._pushes = None
        self._request_ctx = None

    @property
    def g(self) -> _AppCtxGlobals:
        """The namespace of the application context, made by ``app_ctx_globals_class``."""
        if self._g is None:
            self._g = self.app.app_ctx_globals_class()
        return self._g

    @g.setter
    def g(self, value: _AppCtxGlobals) -> None:
        self._g = value

    @property
    def url_adapter(self) -> MapAdapter | None:
        """Builds URLs; ``None`` when the application has no ``SERVER_NAME``."""
        if self._url_adapter is _sentinel:
            self._url_adapter = self._make_url_adapter()
        return self._url_adapter

    @url_adapter.setter
    def url_adapter(self, value: MapAdapter | None) -> None:
        self._url_adapter = value
        self.__dict__["_has_foreign_adapter"] = True

    def _make_url_adapter(self) -> MapAdapter | None:
        return self.app.create_url_adapter(None)

    def push(self) -> None:
        """Make this the active context."""
        token = _push_ctx(self)
        self._pushes = (token, self._pushes)
        self._app_ctx = self
        self._see(token.old_value)
        self._find_loop(token.old_value)
        if appcontext_pushed.receivers:
            appcontext_pushed.send(self.app, _async_wrapper=self.app.ensure_sync)

    def pop(self, exc: BaseException | None = _sentinel) -> None:
        """End what :meth:`push` began; the last pop runs the teardown functions.

        :param exc: what they are given; the exception being handled when left out
        :raises AssertionError: another context was pushed and not popped since; it is
            dropped, and this one is popped all the same
        """
        last = self._is_last_pop()
        if _current_ctx(None) is not self:
            return self._pop_covered(exc)
        try:
            if last:
                self._teardown_app(exc)
        finally:
            self._reset()
            if self._pushes is not None:
                self._see(self._pushes[0].old_value)
        if last and appcontext_popped.receivers:
            appcontext_popped.send(self.app, _async_wrapper=self.app.ensure_sync)
        return None

    def _see(self, outer: Any) -> None:
        """Look past this context to the request that is active in *outer*."""
        self._request_ctx = None if outer is _MISSING else outer._request_ctx

    def _find_loop(self, outer: Any) -> None:
        """Belong to the loop that *outer* belongs to. A task may outlive this context, and has
        nothing else then to find the loop by."""
        loop = None if outer is _MISSING else outer._loop
        if loop is not self._loop:
            self._loop = loop

    def _is_last_pop(self) -> bool:
        if self._pushes is None:
            raise LookupError(f"{self!r} is not pushed, so that it cannot be popped.")
        return self._pushes[1] is None

    def _pop_covered(self, exc: BaseException | None) -> None:
        """:meth:`pop` when others were pushed and not popped since: they are dropped."""
        ctx = _current_ctx(None)
        _push_ctx(self)
        self.pop(exc)
        raise AssertionError(f"Popped wrong {self._kind} context. ({ctx!r} instead of {self!r})")

    def _reset(self) -> None:
        assert self._pushes is not None
        token, self._pushes = self._pushes
        _pop_ctx(token)

    def _teardown_app(self, exc: BaseException | None) -> None:
        self.app.do_teardown_appcontext(sys.exc_info()[1] if exc is _sentinel else exc)

    def __enter__(self) -> AppContext:
        self.push()
        return self

    def __exit__(
        self,
        exc_type: type | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.pop(exc_value)
