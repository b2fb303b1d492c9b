"""Functions for what is active: whether there is any, and what it is to do or where to follow.

Lives here: ``after_this_request``, ``copy_current_request_context``, ``has_request_context`` and
``has_app_context``, and what each template is given of the context.
Must not know: how a context is entered and left.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from ..globals import _current_ctx
from ..typing import AfterRequestCallable

if TYPE_CHECKING:
    from .request_context import RequestContext

P = ParamSpec("P")
R = TypeVar("R")


def _request_ctx_for(function: str) -> RequestContext:
    ctx = _current_ctx(None)
    if ctx is None or ctx._request_ctx is None:
        raise RuntimeError(
            f"{function!r} can only be used when a request"
            " context is active, such as in a view function."
        )
    return ctx._request_ctx


def after_this_request(f: AfterRequestCallable[Any]) -> AfterRequestCallable[Any]:
    """Have *f* called with the response of this request; it returns the response to send.

    :param f: takes and returns a response
    :returns: *f*, so that this can be a decorator
    :raises RuntimeError: outside of a request
    """
    _request_ctx_for("after_this_request")._after_request_functions.append(f)
    return f


def copy_current_request_context(f: Callable[P, R]) -> Callable[P, R]:
    """Wrap *f* so that it sees the current request wherever it runs, as in another thread.

    :param f: a function, plain or ``async``
    :returns: a function that runs *f* within a copy of the current request context; that of an
        ``async`` function is to be awaited on an event loop, and elsewhere waits for its result
    :raises RuntimeError: outside of a request
    """
    from inspect import iscoroutinefunction

    copied = _request_ctx_for("copy_current_request_context").copy()
    is_async = iscoroutinefunction(f)

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_async and _is_on_loop():
            return cast(R, _within(copied.copy(), f(*args, **kwargs)))  # type: ignore[arg-type]
        with copied as ctx:
            return cast(R, ctx.app.ensure_sync(f)(*args, **kwargs))

    return update_wrapper(wrapper, f)


def _is_on_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


async def _within(ctx: RequestContext, awaitable: Awaitable[R]) -> R:
    with ctx:
        return await awaitable


def has_request_context() -> bool:
    """Whether ``request`` and ``session`` can be used here."""
    ctx = _current_ctx(None)
    return ctx is not None and ctx._request_ctx is not None


def has_app_context() -> bool:
    """Whether ``current_app`` and ``g`` can be used here."""
    return _current_ctx(None) is not None


def _default_template_ctx_processor() -> dict[str, Any]:
    """Gives templates ``g`` and ``request`` themselves, quicker to use than the proxies.

    The session stays a proxy, one of the environment's globals: using it is what tells that the
    answer depends on it.
    """
    ctx = _current_ctx(None)
    if ctx is None:
        return {}
    values: dict[str, Any] = {"g": ctx._app_ctx.g}
    if ctx._request_ctx is not None:
        values["request"] = ctx._request_ctx.request
    return values
