"""What an application and a blueprint have in common: registering.

Lives here: the decorators that register views, hooks and error handlers, the public registries
they fill, and the static and template folders.
Must not know: how a request runs. The pipeline reads the registries while it serves, so what an
extension puts into them directly counts from the next request on.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, update_wrapper
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar

from werkzeug.exceptions import HTTPException, default_exceptions

from . import typing as ft
from .globals import current_app
from .helpers import get_root_path, send_from_directory
from .hooks import Hooks
from .packages import find_package as find_package
from .wrappers import Response

if TYPE_CHECKING:
    from .cli import AppGroup

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
T_route = TypeVar("T_route", bound="ft.RouteCallable")
T_websocket = TypeVar("T_websocket", bound="ft.WebSocketCallable")
T_before_request = TypeVar("T_before_request", bound="ft.BeforeRequestCallable")
T_after_websocket = TypeVar("T_after_websocket", bound="ft.AfterWebSocketCallable")
T_after_request = TypeVar("T_after_request", bound="ft.AfterRequestCallable[Any]")
T_teardown = TypeVar("T_teardown", bound="ft.TeardownCallable")
T_error_handler = TypeVar("T_error_handler", bound="ft.ErrorHandlerCallable")
T_template_context_processor = TypeVar(
    "T_template_context_processor", bound="ft.TemplateContextProcessorCallable"
)
T_template_filter = TypeVar("T_template_filter", bound="ft.TemplateFilterCallable")
T_template_global = TypeVar("T_template_global", bound="ft.TemplateGlobalCallable")
T_template_test = TypeVar("T_template_test", bound="ft.TemplateTestCallable")
T_url_defaults = TypeVar("T_url_defaults", bound="ft.URLDefaultCallable")
T_url_value_preprocessor = TypeVar(
    "T_url_value_preprocessor", bound="ft.URLValuePreprocessorCallable"
)


def setupmethod(f: F) -> F:
    """Have the method *f* refuse to work when it is too late for it to have an effect."""
    name = f.__name__

    def wrapper(self: Scaffold, *args: Any, **kwargs: Any) -> Any:
        self._check_setup_finished(name)
        return f(self, *args, **kwargs)

    return update_wrapper(wrapper, f)  # type: ignore[return-value]


def adding_decorator(add: Callable[..., None], name: str | None) -> Callable[[F], F]:
    """A decorator that has the decorated function registered.

    :param add: the method that registers it
    :param name: under which name; the function's own when left out
    """

    def decorator(f: F) -> F:
        add(f, name=name)
        return f

    return decorator


class Scaffold:
    """Registers views, hooks and error handlers, and knows where static files and templates are.

    :param import_name: the module it belongs to, usually ``__name__``
    :param static_folder: the folder of static files, relative to *root_path*
    :param static_url_path: where they are served; ``/`` and the folder's name when left out
    :param template_folder: the folder of templates, relative to *root_path*
    :param root_path: the folder that other paths are relative to; the module's when left out
    """

    name: str
    _static_folder: str | None = None
    _static_url_path: str | None = None

    def __init__(
        self,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        root_path: str | None = None,
    ) -> None:
        self.import_name = import_name
        self.static_folder = static_folder
        self.static_url_path = static_url_path
        self.template_folder = template_folder
        self.root_path = get_root_path(import_name) if root_path is None else root_path

        # In all of these the first key is the name of a blueprint, None for the application.
        self.view_functions: dict[str, ft.RouteCallable] = {}
        self.error_handler_spec: dict[
            ft.AppOrBlueprintKey,
            dict[int | None, dict[type[Exception], ft.ErrorHandlerCallable]],
        ] = defaultdict(lambda: defaultdict(dict))
        self.before_request_funcs: dict[ft.AppOrBlueprintKey, list[ft.BeforeRequestCallable]] = (
            Hooks()
        )
        self.before_websocket_funcs: dict[ft.AppOrBlueprintKey, list[ft.BeforeRequestCallable]] = (
            Hooks()
        )
        self.after_websocket_funcs: dict[ft.AppOrBlueprintKey, list[ft.AfterWebSocketCallable]] = (
            Hooks()
        )
        self.after_request_funcs: dict[ft.AppOrBlueprintKey, list[ft.AfterRequestCallable[Any]]] = (
            Hooks()
        )
        self.teardown_request_funcs: dict[ft.AppOrBlueprintKey, list[ft.TeardownCallable]] = Hooks()
        self.template_context_processors: dict[
            ft.AppOrBlueprintKey, list[ft.TemplateContextProcessorCallable]
        ] = Hooks()
        self.url_value_preprocessors: dict[
            ft.AppOrBlueprintKey, list[ft.URLValuePreprocessorCallable]
        ] = Hooks()
        self.url_default_functions: dict[ft.AppOrBlueprintKey, list[ft.URLDefaultCallable]] = (
            Hooks()
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_setup_finished(self, f_name: str) -> None:
        raise NotImplementedError

    @cached_property
    def cli(self) -> AppGroup:
        """The Click group for commands of this application or blueprint."""
        # Click costs a fifth of the import, and a served application has no use for it.
        from .cli import AppGroup

        return AppGroup(self.name)

    # Static files and templates

    @property
    def static_folder(self) -> str | None:
        """The absolute path of the folder of static files; ``None`` when there is none."""
        if self._static_folder is None:
            return None
        return os.path.join(self.root_path, self._static_folder)

    @static_folder.setter
    def static_folder(self, value: str | os.PathLike[str] | None) -> None:
        self._static_folder = None if value is None else os.fspath(value).rstrip(r"\/")

    @property
    def has_static_folder(self) -> bool:
        """Whether :attr:`static_folder` is set."""
        return self.static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """The URL prefix of the static files; made of the folder's name when not set."""
        if self._static_url_path is not None:
            return self._static_url_path
        if self.static_folder is None:
            return None
        return f"/{os.path.basename(self.static_folder)}".rstrip("/")

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = None if value is None else value.rstrip("/")

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """How long a file may be cached: ``SEND_FILE_MAX_AGE_DEFAULT``, in seconds.

        Override it to decide by name.

        :param filename: the name of the file that is being sent
        :returns: seconds, or ``None`` to have the browser ask each time
        """
        value = current_app.config["SEND_FILE_MAX_AGE_DEFAULT"]
        return int(value.total_seconds()) if isinstance(value, timedelta) else value

    def send_static_file(self, filename: str) -> Response:
        """The view of the static files.

        :param filename: the path below :attr:`static_folder`
        :raises RuntimeError: there is no static folder
        """
        folder = self.static_folder
        if folder is None:
            raise RuntimeError("'static_folder' must be set to serve static_files.")
        return send_from_directory(folder, filename, max_age=self.get_send_file_max_age(filename))

    @cached_property
    def jinja_loader(self) -> ft.BaseLoader | None:
        """Loads the templates of :attr:`template_folder`; ``None`` when there is none."""
        if self.template_folder is None:
            return None
        from jinja2 import FileSystemLoader

        return FileSystemLoader(os.path.join(self.root_path, self.template_folder))

    def open_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[Any]:
        """Open a file that lies beside the module, for reading.

        :param resource: a path relative to :attr:`root_path`
        :param mode: ``"r"``, ``"rt"`` or ``"rb"``
        :param encoding: of the text, when it is not opened for bytes
        :raises ValueError: *mode* is one that writes
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError("Resources can only be opened for reading.")
        path = os.path.join(self.root_path, resource)
        return open(path, mode, encoding=None if mode == "rb" else encoding)

    # Views

    def _method_route(
        self, method: str, rule: str, options: dict[str, Any]
    ) -> Callable[[T_route], T_route]:
        if "methods" in options:
            raise TypeError("Use the 'route' decorator to use the 'methods' argument.")
        return self.route(rule, methods=[method], **options)

    @setupmethod
    def get(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """:meth:`route` with ``methods=["GET"]``."""
        return self._method_route("GET", rule, options)

    @setupmethod
    def post(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """:meth:`route` with ``methods=["POST"]``."""
        return self._method_route("POST", rule, options)

    @setupmethod
    def put(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """:meth:`route` with ``methods=["PUT"]``."""
        return self._method_route("PUT", rule, options)

    @setupmethod
    def delete(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """:meth:`route` with ``methods=["DELETE"]``."""
        return self._method_route("DELETE", rule, options)

    @setupmethod
    def patch(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """:meth:`route` with ``methods=["PATCH"]``."""
        return self._method_route("PATCH", rule, options)

    @setupmethod
    def websocket(self, rule: str, **options: Any) -> Callable[[T_websocket], T_websocket]:
        """Register the decorated function as the view for WebSockets at *rule*.

        ::

            @app.websocket("/ws/<room>")
            async def chat(room):
                async for message in websocket:
                    await websocket.send(message)

        :param rule: a path with variables, as of :meth:`route`
        :param options: ``endpoint`` and what else ``werkzeug.routing.Rule`` takes
        """
        register: Callable[[Any], Any] = self._method_route(
            "GET",
            rule,
            {
                "provide_automatic_options": False,
                **options,
                "websocket": True,
                "speaks_websocket": True,
            },
        )
        return register

    @setupmethod
    def before_websocket(self, f: T_before_request) -> T_before_request:
        """Have *f* called before the view of a WebSocket, after the before-request functions.

        :param f: plain or ``async``; what it returns instead of ``None`` refuses the connection
        """
        self.before_websocket_funcs[None].append(f)
        return f

    @setupmethod
    def after_websocket(self, f: T_after_websocket) -> T_after_websocket:
        """Have *f* called when a WebSocket that was accepted has ended.

        :param f: plain or ``async``, without parameters
        """
        self.after_websocket_funcs[None].append(f)
        return f

    @setupmethod
    def route(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register the decorated function as the view for *rule*.

        ::

            @app.route("/user/<int:id>", methods=["GET", "POST"])
            def user(id): ...

        :param rule: a path with variables, as in Werkzeug
        :param options: ``endpoint``, ``methods``, ``stream_body=True`` to have the view called
            before the body has been received, and what else ``werkzeug.routing.Rule`` takes
        """

        def decorator(f: T_route) -> T_route:
            self.add_url_rule(rule, options.pop("endpoint", None), f, **options)
            return f

        return decorator

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register *rule* for *endpoint*, and *view_func* as its view.

        :param rule: a path with variables, as in Werkzeug
        :param endpoint: the name for building URLs; the function's name when left out
        :param view_func: the view; may be given later with :meth:`endpoint`
        :param provide_automatic_options: answer ``OPTIONS`` without a view of its own
        :param options: ``methods`` and what else ``werkzeug.routing.Rule`` takes
        """
        raise NotImplementedError

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Register the decorated function as the view of *endpoint*, whose rule is added apart.

        :param endpoint: the name that a rule was or will be given
        """

        def decorator(f: F) -> F:
            self.view_functions[endpoint] = f
            return f

        return decorator

    # Hooks

    @setupmethod
    def before_request(self, f: T_before_request) -> T_before_request:
        """Call *f* before each request; what it returns, if anything, is the answer."""
        self.before_request_funcs[None].append(f)
        return f

    @setupmethod
    def after_request(self, f: T_after_request) -> T_after_request:
        """Call *f* with the response after each request; it returns the response to send."""
        self.after_request_funcs[None].append(f)
        return f

    @setupmethod
    def teardown_request(self, f: T_teardown) -> T_teardown:
        """Call *f* when a request is over, with the exception that ended it or ``None``."""
        self.teardown_request_funcs[None].append(f)
        return f

    @setupmethod
    def context_processor(self, f: T_template_context_processor) -> T_template_context_processor:
        """Add what *f* returns, a dictionary, to the variables of each template."""
        self.template_context_processors[None].append(f)
        return f

    @setupmethod
    def url_value_preprocessor(self, f: T_url_value_preprocessor) -> T_url_value_preprocessor:
        """Call *f* with the endpoint and the values of the rule, to change, before the hooks."""
        self.url_value_preprocessors[None].append(f)
        return f

    @setupmethod
    def url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """Call *f* with the endpoint and the values, which it may change, when a URL is built."""
        self.url_default_functions[None].append(f)
        return f

    @setupmethod
    def errorhandler(
        self, code_or_exception: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Register the decorated function to answer for an error.

        :param code_or_exception: a status code, or a class of exceptions
        """

        def decorator(f: T_error_handler) -> T_error_handler:
            self.register_error_handler(code_or_exception, f)
            return f

        return decorator

    @setupmethod
    def register_error_handler(
        self, code_or_exception: type[Exception] | int, f: ft.ErrorHandlerCallable
    ) -> None:
        """Register *f* to answer for an error; the same as :meth:`errorhandler`."""
        exc_class, code = self._get_exc_class_and_code(code_or_exception)
        self.error_handler_spec[None][code][exc_class] = f

    @staticmethod
    def _get_exc_class_and_code(
        exc_class_or_code: type[Exception] | int,
    ) -> tuple[type[Exception], int | None]:
        exc_class: type[Exception]
        if isinstance(exc_class_or_code, int):
            try:
                exc_class = default_exceptions[exc_class_or_code]
            except KeyError:
                raise ValueError(
                    f"'{exc_class_or_code}' is not a recognized HTTP error code. Use a"
                    " subclass of HTTPException with that code instead."
                ) from None
        else:
            exc_class = exc_class_or_code
        if isinstance(exc_class, Exception):
            raise TypeError(
                f"{exc_class!r} is an instance, not a class. Handlers can only be"
                " registered for Exception classes or HTTP error codes."
            )
        if not issubclass(exc_class, Exception):
            raise ValueError(
                f"'{exc_class.__name__}' is not a subclass of Exception. Handlers can"
                " only be registered for Exception classes or HTTP error codes."
            )
        if issubclass(exc_class, HTTPException):
            return exc_class, exc_class.code
        return exc_class, None


def _endpoint_from_view_func(view_func: ft.RouteCallable) -> str:
    assert view_func is not None, "expected view func if endpoint is not provided."
    return view_func.__name__
