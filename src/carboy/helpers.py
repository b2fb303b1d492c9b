"""What views and scripts call: build URLs, answer, flash, send files.

Lives here: the functions of the public API that act on the current application or request.
Must not know: the application class. They reach the application through ``current_app``, so a
subclass that overrides a method is heard.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from functools import update_wrapper
from typing import IO, TYPE_CHECKING, Any, AnyStr, NoReturn, ParamSpec, overload

from werkzeug.exceptions import abort as _wz_abort
from werkzeug.wrappers import Response as BaseResponse

from . import files, old_names
from .globals import _cv_ctx, _find_app, _find_request_ctx, current_app, session
from .signals import message_flashed
from .streaming import AsyncStreamedInContext, StreamedInContext

if TYPE_CHECKING:
    from .wrappers import Response

P = ParamSpec("P")


def get_debug_flag() -> bool:
    """Whether ``FLASK_DEBUG`` (or the older ``FLASK_ENV=development``) asks for debug mode."""
    value = os.environ.get("FLASK_DEBUG")
    if value:
        return value.lower() not in {"0", "false", "no"}
    if os.environ.get("FLASK_ENV") == "development":
        old_names.deprecated("FLASK_ENV", "Set 'FLASK_DEBUG=1' instead.", stacklevel=4)
        return True
    return False


def get_load_dotenv(default: bool = True) -> bool:
    """Whether ``.env`` files are to be loaded: not when ``FLASK_SKIP_DOTENV`` says so.

    :param default: the answer when the variable is not set
    """
    value = os.environ.get("FLASK_SKIP_DOTENV")
    return value.lower() in {"0", "false", "no"} if value else default


@overload
def stream_with_context(
    generator_or_function: Iterator[AnyStr],
) -> Iterator[AnyStr]: ...


@overload
def stream_with_context(
    generator_or_function: AsyncIterator[AnyStr],
) -> AsyncIterator[AnyStr]: ...


@overload
def stream_with_context(
    generator_or_function: Callable[P, Iterator[AnyStr]],
) -> Callable[P, Iterator[AnyStr]]: ...


@overload
def stream_with_context(
    generator_or_function: Callable[P, AsyncIterator[AnyStr]],
) -> Callable[P, AsyncIterator[AnyStr]]: ...


def stream_with_context(generator_or_function: Any) -> Any:
    """Keep ``request``, ``session`` and ``g`` usable in a generator that makes a response.

    The server draws the items after the view has returned and its context has ended::

        @app.get("/rows")
        def rows():
            @stream_with_context
            def generate():
                yield request.args["title"]
                ...
            return generate()

    :param generator_or_function: an iterator, or the function that makes one, plain or ``async``
    :returns: an iterator that enters the context again; a function when given a function
    :raises RuntimeError: outside of a request
    """
    if not callable(generator_or_function):
        return _stream(generator_or_function)
    function = generator_or_function

    def decorated(*args: Any, **kwargs: Any) -> Any:
        return _stream(function(*args, **kwargs))

    return update_wrapper(decorated, function)


def _stream(source: Any) -> Any:
    if hasattr(source, "__aiter__"):
        return AsyncStreamedInContext(source)
    return StreamedInContext(source)


def make_response(*args: Any) -> Response:
    """The response that returning *args* from a view would give, to set more on it.

    :param args: nothing for an empty response, one value, or the members of a tuple
    """
    if not args:
        return current_app.response_class()
    return current_app.make_response(args[0] if len(args) == 1 else args)


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """The URL of *endpoint* with *values*; see :meth:`carboy.Flask.url_for`."""
    if _anchor is None and _method is None and _scheme is None and _external is None:
        return _find_app().url_for(endpoint, **values)
    return _find_app().url_for(
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )


def redirect(
    location: str, code: int = 302, Response: type[BaseResponse] | None = None
) -> BaseResponse:
    """A response that sends the client to *location*.

    :param location: a URL, relative or absolute
    :param code: 301, 302, 303, 305, 307 or 308
    :param Response: the class to use, outside of an application context
    """
    ctx = _cv_ctx.get(None)
    if ctx is not None:
        return ctx.app.redirect(location, code=code)
    from werkzeug.utils import redirect as wz_redirect

    return wz_redirect(location, code=code, Response=Response)


def abort(code: int | BaseResponse, *args: Any, **kwargs: Any) -> NoReturn:
    """End the request with an HTTP error, or with a response.

    :param code: a status code that the application's ``aborter`` knows, or a response
    :param args: for the exception
    :param kwargs: for the exception, as ``description="..."``
    :raises werkzeug.exceptions.HTTPException: always
    """
    ctx = _cv_ctx.get(None)
    if ctx is not None:
        ctx.app.aborter(code, *args, **kwargs)
    _wz_abort(code, *args, **kwargs)


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """A macro or variable that a template exports.

    :param template_name: the template's name
    :param attribute: the name of a top-level macro or variable
    """
    return getattr(current_app.jinja_env.get_template(template_name).module, attribute)


def flash(message: str, category: str = "message") -> None:
    """Keep *message* for the next request of this client, see :func:`get_flashed_messages`.

    :param message: what to show; anything that the session can store
    :param category: any word, by custom ``message``, ``error``, ``info`` or ``warning``
    """
    flashes = session.get("_flashes", [])
    flashes.append((category, message))
    # Assigning tells the session of the change, which a nested list does not.
    session["_flashes"] = flashes
    if message_flashed.receivers:
        app = _find_app()
        message_flashed.send(
            app, _async_wrapper=app.ensure_sync, message=message, category=category
        )


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """The messages flashed by the last request; the same ones all through this request.

    :param with_categories: give pairs of category and message
    :param category_filter: only these categories
    """
    ctx = _find_request_ctx()
    if ctx.flashes is None:
        ctx.flashes = session.pop("_flashes") if "_flashes" in session else []
    flashes = ctx.flashes
    if category_filter:
        flashes = [f for f in flashes if f[0] in category_filter]
    return flashes if with_categories else [message for _, message in flashes]


def _prepare_send_file_kwargs(**kwargs: Any) -> dict[str, Any]:
    if not old_names.FILE_ARGUMENTS.keys().isdisjoint(kwargs):
        kwargs = old_names.new_file_arguments(kwargs)
    environ = _find_request_ctx().request.environ
    app = _find_app()
    if kwargs.get("max_age") is None:
        kwargs["max_age"] = app.get_send_file_max_age
    kwargs.update(
        environ=environ,
        use_x_sendfile=app.config["USE_X_SENDFILE"],
        response_class=app.response_class,
        _root_path=app.root_path,
    )
    return kwargs


def send_file(
    path_or_file: os.PathLike[AnyStr] | str | IO[bytes],
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | int | float | None = None,
    max_age: None | (int | Callable[[str | None], int | None]) = None,
    **old: Any,
) -> Response:
    """A response with the contents of a file. Never give it a path that the client names.

    :param path_or_file: a path, relative to ``app.root_path``, or a file open for bytes
    :param mimetype: guessed from the name when left out
    :param as_attachment: have the browser save rather than show it
    :param download_name: the name to save it under; needed with a file object
    :param conditional: answer conditional and range requests
    :param etag: make an ``ETag``, or use this one
    :param last_modified: a date, or seconds since the epoch; a path's own when left out
    :param max_age: how long it may be cached, in seconds, or a function of the name
    :param old: arguments by the names that they had in earlier lines of Flask
    """
    for name in old:
        if name not in old_names.FILE_ARGUMENTS:
            raise TypeError(f"send_file() got an unexpected keyword argument {name!r}")
    return files.send_file(  # type: ignore[return-value]
        **_prepare_send_file_kwargs(
            path_or_file=path_or_file,
            mimetype=mimetype,
            as_attachment=as_attachment,
            download_name=download_name,
            conditional=conditional,
            etag=etag,
            last_modified=last_modified,
            max_age=max_age,
            **old,
        )
    )


def send_from_directory(
    directory: os.PathLike[str] | str, path: os.PathLike[str] | str, **kwargs: Any
) -> Response:
    """A response with the file *path* below *directory*; safe for a path of the client's.

    :param directory: relative to ``app.root_path``, or absolute
    :param path: relative to *directory*
    :param kwargs: for :func:`send_file`
    :raises werkzeug.exceptions.NotFound: there is no such file, or it is not below *directory*
    """
    # Flask says first that the application is missing.
    _find_app()
    return files.send_from_directory(  # type: ignore[return-value]
        directory, path, **_prepare_send_file_kwargs(**kwargs)
    )


def get_root_path(import_name: str) -> str:
    """The folder of a module or package, the working directory for an interactive session.

    :param import_name: the module's name
    :raises RuntimeError: the module has no place in the file system
    """
    module = sys.modules.get(import_name)
    file: str | None = getattr(module, "__file__", None)
    if file is not None:
        return os.path.dirname(os.path.abspath(file))
    try:
        spec = importlib.util.find_spec(import_name)
    except (ImportError, ValueError):
        spec = None
    # A folder of that name that nobody has imported is a coincidence, not the package.
    if spec is None or spec.loader is None:
        return os.getcwd()
    if spec.origin is None or not spec.has_location:
        raise RuntimeError(
            f"No root path can be found for the provided module {import_name!r}."
            " This can happen because the module came from an import hook that does"
            " not provide file name information or because it's a namespace package."
            " In this case the root path needs to be explicitly provided."
        )
    return os.path.dirname(os.path.abspath(spec.origin))


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
