"""Say in debug mode what a developer most likely did wrong.

Lives here: the errors and the log entry that replace a puzzling one while ``app.debug``
is on, and their texts.
Must not know: when to say it. Callers check for debug mode.

How it works: each error is a second type of the plain one (``KeyError``,
``AssertionError``), so that a program behaves the same with debug mode on and off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from werkzeug.routing import RequestRedirect

from . import old_names
from .globals import _cv_ctx

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2.loaders import BaseLoader
    from werkzeug.datastructures import ImmutableMultiDict

    from .app import App
    from .scaffold import Scaffold
    from .wrappers import Request

    Found = tuple[str, str | None, Callable[[], bool] | None]


class UnexpectedUnicodeError(AssertionError, UnicodeError):
    """Text where bytes are expected, or the reverse."""


class DebugFilesKeyError(KeyError, AssertionError):
    """A key of ``request.files`` is missing because the form has the wrong enctype.

    :param request: the request whose files were asked for
    :param key: the name of the file field
    """

    def __init__(self, request: Request, key: str) -> None:
        super().__init__(request, key)
        names = ", ".join(repr(name) for name in request.form.getlist(key))
        self.msg = (
            f"You tried to access the file {key!r} in the request.files dictionary but"
            f" it does not exist. The mimetype for the request is {request.mimetype!r}"
            " instead of 'multipart/form-data' which means that no file contents were"
            " transmitted. To fix this error you should provide"
            ' enctype="multipart/form-data" in your form.'
        )
        if names:
            self.msg += (
                f"\n\nThe browser instead transmitted some file names. This was submitted: {names}"
            )

    def __str__(self) -> str:
        return self.msg


class FormDataRoutingRedirect(AssertionError):
    """A redirect to the canonical URL would make the browser drop the form data.

    :param request: a request whose ``routing_exception`` is that redirect
    """

    def __init__(self, request: Request) -> None:
        redirect = request.routing_exception
        assert isinstance(redirect, RequestRedirect)
        text = (
            f"A request was sent to '{request.url}', but routing issued a redirect to"
            f" the canonical URL '{redirect.new_url}'."
        )
        if redirect.new_url.partition("?")[0] == f"{request.base_url}/":
            text += (
                " The URL was defined with a trailing slash. A request without the"
                " slash is redirected to the URL with it."
            )
        super().__init__(
            f"{text} Send requests to the canonical URL, or use 307 or 308 for routing"
            " redirects. Otherwise, browsers will drop form data.\n\n"
            "This exception is only raised in debug mode."
        )


def attach_enctype_error_multidict(request: Request) -> None:
    """Make a missing key of ``request.files`` explain itself when the form has the key.

    :param request: a request without files whose form was not multipart
    """
    plain: type[ImmutableMultiDict[str, Any]] = type(request.files)

    class Files(plain):  # type: ignore[misc, valid-type]
        def __getitem__(self, key: str) -> Any:
            try:
                return super().__getitem__(key)
            except KeyError:
                if key not in request.form:
                    raise
                raise DebugFilesKeyError(request, key) from None

    Files.__name__ = plain.__name__
    Files.__module__ = plain.__module__
    request.files.__class__ = Files


def explain_template_loading_attempts(
    app: App,
    template: str,
    attempts: Sequence[tuple[BaseLoader, Scaffold, Found | None]],
) -> None:
    """Log where a template was looked for and what was found there.

    :param app: the application, whose logger is used
    :param template: the name that was looked up
    :param attempts: each loader, the application or blueprint it belongs to, and what
        it returned
    """
    lines = [f"Locating template {template!r}:"]
    for number, (loader, source, found) in enumerate(attempts, 1):
        lines.append(f"{number:5d}: trying loader of {_describe(source, app)}")
        lines.extend(f"       {line}" for line in _settings(loader))
        found_at = "no match" if found is None else f"found ({found[1] or '<string>'!r})"
        lines.append(f"       -> {found_at}")

    matches = sum(found is not None for _, _, found in attempts)
    if matches != 1:
        lines.append(
            "Warning: multiple loaders returned a match for the template."
            if matches
            else "Error: the template could not be found."
        )
        ctx = _cv_ctx.get(None)
        request_ctx = None if ctx is None else ctx._request_ctx
        blueprint = None if request_ctx is None else request_ctx.request.blueprint
        if blueprint is not None:
            lines += (
                "  The template was looked up from an endpoint that belongs to the"
                f" blueprint {blueprint!r}.",
                "  Maybe you did not place a template in the right folder?",
                "  See https://flask.palletsprojects.com/blueprints/#templates",
            )
    app.logger.info("\n".join(lines))


def _describe(source: Scaffold, app: App) -> str:
    if source is app:
        return f"application {app.import_name!r}"
    return f"blueprint {source.name!r} ({source.import_name})"


def _settings(loader: BaseLoader) -> Iterator[str]:
    yield f"class: {type(loader).__module__}.{type(loader).__name__}"
    for name, value in sorted(vars(loader).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, (list, tuple)) and all(isinstance(x, str) for x in value):
            yield f"{name}:"
            yield from (f"  - {item}" for item in value)
        elif isinstance(value, (str, int, float, bool)):
            yield f"{name}: {value!r}"


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
