"""Names for the types of the public API: what a view returns, what a hook takes.

Lives here: type aliases, for annotations in applications and in this package, and the classes of
Jinja's that annotations name.
Must not know: anything at run time. Classes are named as strings, or imported when an annotation
that names them is evaluated, so that importing this module imports none of them.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, Union

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from jinja2 import BaseLoader as BaseLoader
    from werkzeug.datastructures import Headers
    from werkzeug.sansio.response import Response

    from .templating import DispatchingJinjaLoader as DispatchingJinjaLoader
    from .templating import Environment as Environment

# ``Union`` rather than ``|`` wherever a class is named as a string: ``"Response" | str`` cannot
# be evaluated.

ResponseValue = Union[
    "Response",
    str,
    bytes,
    # Serialised as JSON.
    list[Any],
    Mapping[str, Any],
    # Streamed.
    Iterator[str],
    Iterator[bytes],
    AsyncIterable[str],
    AsyncIterable[bytes],
]
"""What can become the body of a response, or is a response."""

HeaderValue = str | list[str] | tuple[str, ...]
"""One header's value, or its values when the header is repeated."""

HeadersValue = Union["Headers", Mapping[str, HeaderValue], Sequence[tuple[str, HeaderValue]]]
"""The headers of a response tuple."""

ResponseReturnValue = Union[
    ResponseValue,
    tuple[ResponseValue, HeadersValue],
    tuple[ResponseValue, int],
    tuple[ResponseValue, int, HeadersValue],
    "WSGIApplication",
]
"""What a view may return."""

ResponseClass = TypeVar("ResponseClass", bound="Response")

AppOrBlueprintKey = str | None
"""Where a hook is registered: a blueprint's name, or ``None`` for the application."""

AfterRequestCallable = (
    Callable[[ResponseClass], ResponseClass] | Callable[[ResponseClass], Awaitable[ResponseClass]]
)
BeforeFirstRequestCallable = Callable[[], None] | Callable[[], Awaitable[None]]
BeforeRequestCallable = (
    Callable[[], ResponseReturnValue | None] | Callable[[], Awaitable[ResponseReturnValue | None]]
)
AfterWebSocketCallable = Callable[[], None] | Callable[[], Awaitable[None]]
#: A view that returns something refuses the connection.
WebSocketCallable = (
    Callable[..., ResponseReturnValue | None] | Callable[..., Awaitable[ResponseReturnValue | None]]
)
ShellContextProcessorCallable = Callable[[], dict[str, Any]]
TeardownCallable = (
    Callable[[BaseException | None], None] | Callable[[BaseException | None], Awaitable[None]]
)
TemplateContextProcessorCallable = (
    Callable[[], dict[str, Any]] | Callable[[], Awaitable[dict[str, Any]]]
)
TemplateFilterCallable = Callable[..., Any]
TemplateGlobalCallable = Callable[..., Any]
TemplateTestCallable = Callable[..., bool]
URLDefaultCallable = Callable[[str, dict[str, Any]], None]
URLValuePreprocessorCallable = Callable[[str | None, dict[str, Any] | None], None]

# The parameter is the exception that the handler is registered for, or any exception when it
# is registered for a status code. A narrower type would refuse every handler that names its
# exception, because parameters are contravariant.
ErrorHandlerCallable = (
    Callable[[Any], ResponseReturnValue] | Callable[[Any], Awaitable[ResponseReturnValue]]
)

RouteCallable = Callable[..., ResponseReturnValue] | Callable[..., Awaitable[ResponseReturnValue]]


if not TYPE_CHECKING:  # To a type checker, every name would be one.
    _LATER = {"BaseLoader", "DispatchingJinjaLoader", "Environment"}

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return getattr(import_module("carboy.templating"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
