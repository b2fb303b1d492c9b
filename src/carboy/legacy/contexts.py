"""The context stacks of earlier lines of Flask, and the context variables of the current one.

Lives here: views of the one context variable that look as those did.
Must not know: what a context holds.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any, Generic, TypeVar

from werkzeug.local import LocalProxy

from ..ctx import AppContext, RequestContext
from ..globals import _cv_ctx

C = TypeVar("C", bound=AppContext)


def _app_ctx() -> AppContext | None:
    ctx = _cv_ctx.get(None)
    return None if ctx is None else ctx._app_ctx


def _request_ctx() -> RequestContext | None:
    ctx = _cv_ctx.get(None)
    return None if ctx is None else ctx._request_ctx


class ContextStack(Generic[C]):
    """Contexts as a stack, of which only the top can be seen.

    :param find: finds the top
    """

    def __init__(self, find: Callable[[], C | None]) -> None:
        self._find = find

    #: What was used to tell who has a stack of his own.
    __ident_func__ = staticmethod(get_ident)

    @property
    def top(self) -> C | None:
        """The context that is active, or ``None``."""
        return self._find()

    def push(self, ctx: C) -> None:
        """Make *ctx* the active context; what its own ``push`` does."""
        ctx.push()

    def pop(self) -> C | None:
        """End the active context, as its own ``pop`` does.

        :returns: the context, or ``None`` when there was none
        """
        ctx = self._find()
        if ctx is not None:
            ctx.pop()
        return ctx

    def __call__(self) -> Any:
        """A proxy to the top."""
        return LocalProxy(self._find)


class ContextView(Generic[C]):
    """A ``ContextVar`` that can be read.

    :param find: finds the value
    :param name: the variable's name
    """

    def __init__(self, find: Callable[[], C | None], name: str) -> None:
        self._find = find
        self.name = name

    def get(self, *default: Any) -> Any:
        """The active context.

        :param default: returned when there is none
        :raises LookupError: there is neither
        """
        ctx = self._find()
        if ctx is not None:
            return ctx
        if default:
            return default[0]
        raise LookupError(self)

    def set(self, value: object) -> None:
        """Contexts are not set.

        :raises TypeError: always
        """
        raise TypeError(
            f"'{self.name}' can only be read. To make a context the active one, use it in a"
            " 'with' statement or call its 'push' and 'pop'."
        )

    reset = set


app_ctx_stack = ContextStack(_app_ctx)
request_ctx_stack = ContextStack(_request_ctx)
cv_app = ContextView(_app_ctx, "_cv_app")
cv_request = ContextView(_request_ctx, "_cv_request")
