"""The application class.

Lives here: ``Flask``, and ``App``, which it is made of: the settings, and the registering that
concerns the application as a whole. Thin over the layers below: what blueprints share is in
``scaffold``, how requests are answered in ``pipeline``, how servers reach it in ``serving``, and
what concerns its templates and its URLs in ``app_templates`` and ``app_urls``.
Must not know: the command line and the servers, but for the methods that start them.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Iterable, Mapping, ValuesView
from datetime import timedelta
from functools import cached_property
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, TypeVar

from werkzeug.datastructures import ImmutableDict
from werkzeug.exceptions import Aborter

from . import old_names
from . import typing as ft
from .app_templates import Templates
from .config import Config, ConfigAttribute
from .ctx import RequestContext, _AppCtxGlobals, _default_template_ctx_processor
from .globals import _find_request_ctx
from .helpers import get_debug_flag, get_load_dotenv
from .json.provider import DefaultJSONProvider, JSONProvider
from .legacy.attributes import OldApplication
from .logging import create_logger
from .packages import find_package
from .pipeline import _STAGES
from .routing import Map, Rule
from .scaffold import T_teardown, _endpoint_from_view_func, setupmethod

# Flask has these three here as well.
from .scaffold import T_template_filter as T_template_filter
from .scaffold import T_template_global as T_template_global
from .scaffold import T_template_test as T_template_test
from .serving import Serving
from .sessions import SecureCookieSessionInterface, SessionInterface
from .wrappers import Request, Response

if TYPE_CHECKING:
    from .blueprints import Blueprint
    from .testing import FlaskClient, FlaskCliRunner

T_shell_context_processor = TypeVar(
    "T_shell_context_processor", bound="ft.ShellContextProcessorCallable"
)


def _make_timedelta(value: timedelta | int | None) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    return timedelta(seconds=value)


class App(OldApplication, Templates, Serving):
    """What :class:`Flask` is made of: the settings, the registries, the templates, the URLs.

    Other frameworks build on it under its name in Flask, ``flask.sansio.app.App``, as Quart does.
    """

    #: Replace these in a subclass or on an application to have another class used.
    request_class: type[Request] = Request
    response_class: type[Response] = Response
    aborter_class: type[Aborter] = Aborter
    app_ctx_globals_class: type[_AppCtxGlobals] = _AppCtxGlobals
    config_class: type[Config] = Config
    json_provider_class: type[JSONProvider] = DefaultJSONProvider
    url_rule_class: type[Rule] = Rule
    url_map_class: type[Map] = Map
    session_interface: SessionInterface = SecureCookieSessionInterface()
    test_client_class: type[FlaskClient] | None = None
    test_cli_runner_class: type[FlaskCliRunner] | None = None

    testing = ConfigAttribute[bool]("TESTING")
    secret_key = ConfigAttribute["str | bytes | None"]("SECRET_KEY")
    permanent_session_lifetime = ConfigAttribute[timedelta](
        "PERMANENT_SESSION_LIFETIME",
        get_converter=_make_timedelta,  # type: ignore[arg-type]
    )

    #: What the configuration begins with.
    default_config: Mapping[str, Any] = ImmutableDict(
        {
            "DEBUG": None,
            "TESTING": False,
            "PROPAGATE_EXCEPTIONS": None,
            "SECRET_KEY": None,
            "SECRET_KEY_FALLBACKS": None,
            "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
            "USE_X_SENDFILE": False,
            "TRUSTED_HOSTS": None,
            "SERVER_NAME": None,
            "APPLICATION_ROOT": "/",
            "SESSION_COOKIE_NAME": "session",
            "SESSION_COOKIE_DOMAIN": None,
            "SESSION_COOKIE_PATH": None,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SECURE": False,
            "SESSION_COOKIE_PARTITIONED": False,
            "SESSION_COOKIE_SAMESITE": None,
            "SESSION_REFRESH_EACH_REQUEST": True,
            "MAX_CONTENT_LENGTH": None,
            "MAX_FORM_MEMORY_SIZE": 500_000,
            "MAX_FORM_PARTS": 1_000,
            "SEND_FILE_MAX_AGE_DEFAULT": None,
            "TRAP_BAD_REQUEST_ERRORS": None,
            "TRAP_HTTP_EXCEPTIONS": False,
            "EXPLAIN_TEMPLATE_LOADING": False,
            "PREFERRED_URL_SCHEME": "http",
            "TEMPLATES_AUTO_RELOAD": None,
            "MAX_COOKIE_SIZE": 4093,
            "PROVIDE_AUTOMATIC_OPTIONS": True,
            "WEBSOCKET_ORIGINS": None,
        }
    )

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name=import_name,
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )
        if instance_path is None:
            instance_path = self.auto_find_instance_path()
        elif not os.path.isabs(instance_path):
            raise ValueError(
                "If an instance path is provided it must be absolute."
                " A relative path was given instead."
            )
        #: The folder for what belongs to a deployment.
        self.instance_path = instance_path
        #: The settings.
        self.config = self.make_config(instance_relative_config)
        #: Raises HTTP errors for ``abort``.
        self.aborter = self.make_aborter()
        #: Reads and writes JSON.
        self.json = self.json_provider_class(self)
        #: Called with ``(error, endpoint, values)`` when a URL cannot be built.
        self.url_build_error_handlers = []
        #: Called when an application context ends.
        self.teardown_appcontext_funcs: list[ft.TeardownCallable] = []
        #: Called for the variables of ``carboy shell``.
        self.shell_context_processors: list[ft.ShellContextProcessorCallable] = []
        #: The blueprints by the name under which they are registered.
        self.blueprints: dict[str, Blueprint] = {}
        #: A place for the state of extensions, by their name.
        self.extensions: dict[str, Any] = {}
        #: The rules.
        self.url_map = self.url_map_class(host_matching=host_matching)
        self.subdomain_matching = subdomain_matching
        self._got_first_request = False
        self._awaits_start = False
        self.template_context_processors[None].append(_default_template_ctx_processor)
        self._heed_old_settings()

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_first_request:
            raise AssertionError(
                f"The setup method '{f_name}' can no longer be called on the"
                " application. It has already handled its first request, any changes"
                " will not be applied consistently.\n"
                "Make sure all imports, decorators, functions, etc. needed to set up"
                " the application are done before running it."
            )

    # Settings

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """The import name, or the name of the file when it is run as a script."""
        if self.import_name == "__main__":
            file: str | None = getattr(sys.modules["__main__"], "__file__", None)
            if file is not None:
                return os.path.splitext(os.path.basename(file))[0]
        return self.import_name

    @cached_property
    def logger(self) -> logging.Logger:  # type: ignore[override]
        """The standard logger with the name of the application; at level DEBUG in debug mode."""
        return create_logger(self)

    @property
    def debug(self) -> bool:
        """Whether debug mode is on; the same as ``config["DEBUG"]``."""
        return self.config["DEBUG"]  # type: ignore[no-any-return]

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        if self.config["TEMPLATES_AUTO_RELOAD"] is None and "jinja_env" in vars(self):
            self.jinja_env.auto_reload = value

    def make_config(self, instance_relative: bool = False) -> Config:
        """The configuration of a new application; to override.

        :param instance_relative: read files from the instance folder
        """
        root_path = self.instance_path if instance_relative else self.root_path
        defaults = {**self.default_config, "DEBUG": get_debug_flag()}
        if env := os.environ.get("FLASK_ENV"):
            defaults["ENV"] = env
        return self.config_class(root_path, defaults)

    def make_aborter(self) -> Aborter:
        """The object that ``abort`` calls; to override."""
        return self.aborter_class()

    def auto_find_instance_path(self) -> str:
        """The folder ``instance`` beside the module, or one below the prefix it is installed in."""
        prefix, package_path = find_package(self.import_name)
        if prefix is None:
            return os.path.join(package_path, "instance")
        return os.path.join(prefix, "var", f"{self.name}-instance")

    def open_instance_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[Any]:
        """Open a file of the instance folder; unlike ``open_resource``, also for writing.

        :param resource: a path relative to :attr:`instance_path`
        :param mode: as of ``open``
        :param encoding: of the text, when it is not opened for bytes
        """
        path = os.path.join(self.instance_path, resource)
        return open(path, mode, encoding=None if "b" in mode else encoding)

    def open_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = None
    ) -> IO[Any]:
        """Open a file that lies beside the module, for reading.

        :param resource: a path relative to ``root_path``
        :param mode: ``"r"``, ``"rt"`` or ``"rb"``
        :param encoding: of the text, when it is not opened for bytes
        """
        return super().open_resource(resource, mode, encoding)

    # Registering

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register *rule* for *endpoint*, and *view_func* as its view; what ``route`` calls.

        :param rule: a path with variables, as in Werkzeug
        :param endpoint: the name for building URLs; the function's name when left out
        :param view_func: the view; may be given later with :meth:`endpoint`
        :param provide_automatic_options: answer ``OPTIONS`` without a view of its own; by
            default when *methods* does not name it
        :param options: ``methods``; ``stream_body=True`` to have the view called before the body
            of the request has been received; and what else ``werkzeug.routing.Rule`` takes
        :raises AssertionError: the endpoint has another view
        """
        if endpoint is None:
            endpoint = _endpoint_from_view_func(view_func)  # type: ignore[arg-type]
        stream_body = options.pop("stream_body", False)
        speaks_websocket = options.pop("speaks_websocket", False)
        methods = options.pop("methods", None)
        if methods is None:
            methods = getattr(view_func, "methods", None) or ("GET",)
        if isinstance(methods, str):
            raise TypeError(
                "Allowed methods must be a list of strings, for"
                ' example: @app.route(..., methods=["POST"])'
            )
        methods = {item.upper() for item in methods}
        required: Iterable[str] = getattr(view_func, "required_methods", ())
        if provide_automatic_options is None:
            provide_automatic_options = getattr(view_func, "provide_automatic_options", None)
        if provide_automatic_options is None:
            provide_automatic_options = (
                "OPTIONS" not in methods and self.config["PROVIDE_AUTOMATIC_OPTIONS"]
            )
            if provide_automatic_options:
                methods.add("OPTIONS")
        methods.update(required)

        rule_object = self.url_rule_class(rule, methods=methods, endpoint=endpoint, **options)
        rule_object.provide_automatic_options = provide_automatic_options  # type: ignore[attr-defined]
        rule_object.stream_body = stream_body  # type: ignore[attr-defined]
        #: Whether the view uses our ``websocket``, and not the socket itself.
        rule_object.speaks_websocket = speaks_websocket  # type: ignore[attr-defined]
        self.url_map.add(rule_object)

        if view_func is not None:
            old = self.view_functions.get(endpoint)
            if old is not None and old != view_func:
                raise AssertionError(
                    "View function mapping is overwriting an existing"
                    f" endpoint function: {endpoint}"
                )
            self.view_functions[endpoint] = view_func

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Register a blueprint, with other settings than its own where they are given.

        :param blueprint: the blueprint
        :param options: ``name``, ``url_prefix``, ``subdomain``, ``url_defaults``, ``cli_group``,
            and what functions given to its ``record`` look for
        """
        blueprint.register(self, options)

    def iter_blueprints(self) -> ValuesView[Blueprint]:
        """The blueprints in the order in which they were registered."""
        return self.blueprints.values()

    @setupmethod
    def teardown_appcontext(self, f: T_teardown) -> T_teardown:
        """Call *f* at the end of an application context, with its exception, if any."""
        self.teardown_appcontext_funcs.append(f)
        return f

    @setupmethod
    def shell_context_processor(self, f: T_shell_context_processor) -> T_shell_context_processor:
        """Add what *f* returns, a dictionary, to the variables of ``carboy shell``."""
        self.shell_context_processors.append(f)
        return f

    def make_shell_context(self) -> dict[str, Any]:
        """The variables of ``carboy shell``."""
        from .globals import g

        context: dict[str, Any] = {"app": self, "g": g}
        for processor in self.shell_context_processors:
            context.update(processor())
        return context

    # Logging. Here rather than in the pipeline, so that the log says `in app` as it always did.

    def log_exception(
        self,
        exc_info: tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None],
    ) -> None:
        """Log an exception of the current request, with its traceback.

        :param exc_info: as of ``sys.exc_info()``
        """
        request = _find_request_ctx().request
        self.logger.error(f"Exception on {request.path} [{request.method}]", exc_info=exc_info)

    def _log_failed_finalizing(self) -> None:
        self.logger.exception("Request finalizing failed with an error while handling an error")


class Flask(App):
    """An application: it holds the views, the settings and everything else, and answers requests.

    ::

        from carboy import Flask
        app = Flask(__name__)

    :param import_name: the module or package it belongs to, usually ``__name__``; templates,
        static files and resources are looked for beside it
    :param static_url_path: where static files are served; the folder's name when left out
    :param static_folder: the folder of static files, relative to *root_path*
    :param static_host: the host for the static route, with *host_matching*
    :param host_matching: match rules by host as well
    :param subdomain_matching: match rules by the subdomain below ``SERVER_NAME``
    :param template_folder: the folder of templates, relative to *root_path*
    :param instance_path: a folder for what belongs to a deployment, absolute
    :param instance_relative_config: read configuration files from the instance folder
    :param root_path: the folder that other paths are relative to; the module's when left out
    """

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name=import_name,
            static_url_path=static_url_path,
            static_folder=static_folder,
            static_host=static_host,
            host_matching=host_matching,
            subdomain_matching=subdomain_matching,
            template_folder=template_folder,
            instance_path=instance_path,
            instance_relative_config=instance_relative_config,
            root_path=root_path,
        )
        self._add_static_route(static_host, host_matching)

    def _add_static_route(self, static_host: str | None, host_matching: bool) -> None:
        if not self.has_static_folder:
            return
        assert bool(static_host) == host_matching, "Invalid static_host/host_matching combination"
        # A plain reference would keep every application alive until the garbage collector comes.
        reference = weakref.ref(self)

        def static(**kwargs: Any) -> Response:
            app = reference()
            assert app is not None
            return app.send_static_file(**kwargs)

        self.add_url_rule(
            f"{self.static_url_path}/<path:filename>",
            endpoint="static",
            host=static_host,
            view_func=static,
        )

    # Serving, trying out

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        """Serve the application for development, until it is interrupted.

        :param host: the address to listen on; that of ``SERVER_NAME``, or 127.0.0.1
        :param port: the port to listen on; that of ``SERVER_NAME``, or 5000
        :param debug: turn debug mode on or off
        :param load_dotenv: read the nearest ``.env`` and ``.flaskenv``
        :param options: for the development server: ``use_reloader``, ``use_debugger``,
            ``use_evalex``, ``extra_files``, ``exclude_patterns``, ``reloader_type``,
            ``reloader_interval``, ``threaded``, ``static_files``, ``ssl_context`` as in Flask;
            and ``interface`` and ``live_reload``
        """
        from .server import run_app

        if os.environ.get("FLASK_RUN_FROM_CLI") == "true":
            print(
                " * Ignoring a call to 'app.run()' that would block the current"
                " 'carboy' CLI command.\n   Only call 'app.run()' in an 'if __name__ =="
                ' "__main__"\' guard.'
            )
            return
        if get_load_dotenv(load_dotenv):
            from .cli.environment import environment_without_files, settings_files
            from .cli.environment import load_dotenv as load_dotenv_files

            load_dotenv_files()
            options["settings_files"] = settings_files()
            options["environment"] = environment_without_files()
            if "FLASK_DEBUG" in os.environ:
                self.debug = get_debug_flag()
        if debug is not None:
            self.debug = bool(debug)
        name, _, named_port = (self.config["SERVER_NAME"] or "").partition(":")
        if port is None:
            port = int(named_port or 5000)
        host = host or name or "127.0.0.1"
        evalex = options.get("use_evalex", True)

        def show_exceptions(app: Flask, token: str | None, script: str) -> str | None:
            from .debugger import install

            installed = install(app, host=host, console=evalex, token=token, extra_script=script)
            return None if installed is None else installed.token

        run_app(self, host, int(port), debugger=show_exceptions, **options)

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> FlaskClient:
        """A client that sends requests to the application without a server.

        :param use_cookies: keep the cookies that are set
        :param kwargs: for :attr:`test_client_class`
        """
        from .testing import FlaskClient

        cls = self.test_client_class or FlaskClient
        return cls(self, self.response_class, use_cookies=use_cookies, **kwargs)

    def test_cli_runner(self, **kwargs: Any) -> FlaskCliRunner:
        """A runner that invokes the application's commands.

        :param kwargs: for :attr:`test_cli_runner_class`
        """
        from .testing import FlaskCliRunner

        cls = self.test_cli_runner_class or FlaskCliRunner
        return cls(self, **kwargs)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """The context of a made-up request, for tests and the shell.

        :param args: for :class:`carboy.testing.EnvironBuilder`, the path first
        :param kwargs: for the same, as ``method="POST"`` or ``json={...}``
        """
        from .testing import EnvironBuilder

        builder = EnvironBuilder(self, *args, **kwargs)
        try:
            environ = builder.get_environ()
        finally:
            builder.close()
        return self.request_context(environ)


Flask._plain = {name: getattr(Flask, name) for name in (*_STAGES, "wsgi_app")}


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
