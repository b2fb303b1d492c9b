"""Blueprints: parts of an application that are registered on it as a whole.

Lives here: ``Blueprint``, which records what is to be registered, and ``BlueprintSetupState``,
which knows the name, prefix and options of one registration.
Must not know: how a request runs. Registering fills the application's public registries and
URL map, and that is all the pipeline sees of a blueprint.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeAlias

from . import old_names
from . import typing as ft
from .ctx import _sentinel
from .legacy.attributes import OldBlueprint
from .scaffold import (
    Scaffold,
    T_after_request,
    T_after_websocket,
    T_before_request,
    T_error_handler,
    T_teardown,
    T_template_context_processor,
    T_template_filter,
    T_template_global,
    T_template_test,
    T_url_defaults,
    T_url_value_preprocessor,
    _endpoint_from_view_func,
    adding_decorator,
    setupmethod,
)

if TYPE_CHECKING:
    from .app import App


class BlueprintSetupState:
    """One registration of a blueprint; what the functions given to ``record`` receive.

    :param blueprint: the blueprint that is registered
    :param app: the application it is registered on
    :param options: the keyword arguments of ``register_blueprint``
    :param first_registration: the blueprint was not on this application before
    """

    def __init__(
        self,
        blueprint: Blueprint,
        app: App,
        options: Any,
        first_registration: bool,
    ) -> None:
        self.app = app
        self.blueprint = blueprint
        self.options: dict[str, Any] = options
        self.first_registration = first_registration

        subdomain = options.get("subdomain")
        self.subdomain = blueprint.subdomain if subdomain is None else subdomain
        url_prefix = options.get("url_prefix")
        self.url_prefix = blueprint.url_prefix if url_prefix is None else url_prefix
        self.name = options.get("name", blueprint.name)
        self.name_prefix = options.get("name_prefix", "")
        #: Values for every rule of the blueprint.
        self.url_defaults = {
            **blueprint.url_values_defaults,
            **options.get("url_defaults", {}),
        }

    @property
    def _full_name(self) -> str:
        return f"{self.name_prefix}.{self.name}".lstrip(".")

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        **options: Any,
    ) -> None:
        """Add a rule to the application, under the blueprint's prefix and name.

        :param rule: the path below the prefix
        :param endpoint: the name within the blueprint; the view's when left out
        :param view_func: the view
        :param options: for ``app.add_url_rule``
        """
        if self.url_prefix is not None:
            rule = f"{self.url_prefix.rstrip('/')}/{rule.lstrip('/')}" if rule else self.url_prefix
        options.setdefault("subdomain", self.subdomain)
        if endpoint is None:
            endpoint = _endpoint_from_view_func(view_func)  # type: ignore[arg-type]
        defaults = {**self.url_defaults, **options.pop("defaults", {})}
        self.app.add_url_rule(
            rule,
            f"{self._full_name}.{endpoint}",
            view_func,
            defaults=defaults,
            **options,
        )


DeferredSetupFunction: TypeAlias = Callable[[BlueprintSetupState], None]


class Blueprint(OldBlueprint, Scaffold):
    """A part of an application: views, hooks, templates and files under a common name.

    :param name: the prefix of its endpoints; unique within the application, without a dot
    :param import_name: the module it belongs to, usually ``__name__``
    :param static_folder: a folder of static files, relative to *root_path*
    :param static_url_path: where they are served, below *url_prefix*
    :param template_folder: templates that come after the application's own
    :param url_prefix: put before each of its rules
    :param subdomain: its rules match on this subdomain
    :param url_defaults: values for all of its rules
    :param root_path: the folder that other paths are relative to; the module's when left out
    :param cli_group: the name of the group for its commands; the blueprint's when left out,
        ``None`` to put them beside the application's own
    :raises ValueError: the name is empty or contains a dot
    """

    _got_registered_once = False

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _sentinel,
    ) -> None:
        super().__init__(
            import_name=import_name,
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )
        if not name:
            raise ValueError("'name' may not be empty.")
        if "." in name:
            raise ValueError("'name' may not contain a dot '.' character.")
        self.name = name
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.url_values_defaults = url_defaults or {}
        self.cli_group = cli_group
        self.deferred_functions: list[DeferredSetupFunction] = []
        self._blueprints: list[tuple[Blueprint, dict[str, Any]]] = []

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_registered_once:
            raise AssertionError(
                f"The setup method '{f_name}' can no longer be called on the blueprint"
                f" '{self.name}'. It has already been registered at least once, any"
                " changes will not be applied consistently.\n"
                "Make sure all imports, decorators, functions, etc. needed to set up"
                " the blueprint are done before registering it."
            )

    @setupmethod
    def record(self, func: DeferredSetupFunction) -> None:
        """Call *func* with the :class:`BlueprintSetupState` at each registration."""
        self.deferred_functions.append(func)

    @setupmethod
    def record_once(self, func: DeferredSetupFunction) -> None:
        """:meth:`record`, for the first registration on an application only."""

        def wrapper(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(update_wrapper(wrapper, func))

    def make_setup_state(
        self, app: App, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        """The object that :meth:`register` hands to the recorded functions; to override."""
        return BlueprintSetupState(self, app, options, first_registration)

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Nest *blueprint* in this one; it is registered with it.

        :param blueprint: any other blueprint
        :param options: as for :meth:`carboy.Flask.register_blueprint`
        """
        if blueprint is self:
            raise ValueError("Cannot register a blueprint on itself")
        self._blueprints.append((blueprint, options))

    def register(self, app: App, options: dict[str, Any]) -> None:
        """Add everything recorded to *app*; ``app.register_blueprint`` calls this.

        :param app: the application
        :param options: the keyword arguments of ``register_blueprint``
        :raises ValueError: the name is taken on this application
        """
        first_registration = not any(b is self for b in app.blueprints.values())
        state = self.make_setup_state(app, options, first_registration)
        name = state._full_name
        self._take_name(app, name, state.name)
        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                endpoint="static",
                view_func=self.send_static_file,
            )
        self._merge_blueprint_funcs(app, name)
        for deferred in self.deferred_functions:
            deferred(state)
        self._add_commands(app, name, options.get("cli_group", self.cli_group))
        self._register_nested(app, state)

    def _take_name(self, app: App, name: str, own_name: str) -> None:
        if (holder := app.blueprints.get(name)) is not None:
            which = "this" if holder is self else "a different"
            where = "" if own_name == name else f" {name!r}"
            raise ValueError(
                f"The name {own_name!r} is already registered for {which}"
                f" blueprint{where}. Use 'name=' to provide a unique name."
            )
        app.blueprints[name] = self
        self._got_registered_once = True

    def _merge_blueprint_funcs(self, app: App, name: str) -> None:
        """Put the blueprint's hooks, handlers and views into the registries of *app*."""

        def key(own: str | None) -> str:
            return name if own is None else f"{name}.{own}"

        for own, by_code in self.error_handler_spec.items():
            for code, handlers in by_code.items():
                app.error_handler_spec[key(own)][code].update(handlers)
        for endpoint, view in self.view_functions.items():
            app.view_functions[endpoint] = view
        for registry in (
            "before_request_funcs",
            "after_request_funcs",
            "before_websocket_funcs",
            "after_websocket_funcs",
            "teardown_request_funcs",
            "url_default_functions",
            "url_value_preprocessors",
            "template_context_processors",
        ):
            merged = getattr(app, registry)
            for own, functions in getattr(self, registry).items():
                merged[key(own)].extend(functions)

    def _add_commands(self, app: App, name: str, cli_group: str | None) -> None:
        # `cli` comes into being when first used: without it there are no commands.
        if "cli" not in self.__dict__ or not self.cli.commands:
            return
        if cli_group is None:
            app.cli.commands.update(self.cli.commands)
            return
        self.cli.name = name if cli_group is _sentinel else cli_group
        app.cli.add_command(self.cli)

    def _register_nested(self, app: App, state: BlueprintSetupState) -> None:
        for blueprint, options in self._blueprints:
            options = options.copy()
            inner_subdomain = options.get("subdomain") or blueprint.subdomain
            if state.subdomain is not None and inner_subdomain is not None:
                options["subdomain"] = f"{inner_subdomain}.{state.subdomain}"
            elif state.subdomain is not None or inner_subdomain is not None:
                options["subdomain"] = inner_subdomain or state.subdomain

            inner_prefix = options.get("url_prefix")
            if inner_prefix is None:
                inner_prefix = blueprint.url_prefix
            if state.url_prefix is not None and inner_prefix is not None:
                inner_prefix = f"{state.url_prefix.rstrip('/')}/{inner_prefix.lstrip('/')}"
            elif state.url_prefix is not None:
                inner_prefix = state.url_prefix
            if inner_prefix is not None:
                options["url_prefix"] = inner_prefix

            options["name_prefix"] = state._full_name
            blueprint.register(app, options)

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Record a rule; the same as :meth:`carboy.Flask.add_url_rule` below the prefix.

        :raises ValueError: the endpoint contains a dot
        """
        if endpoint and "." in endpoint:
            raise ValueError("'endpoint' may not contain a dot '.' character.")
        if view_func and "." in getattr(view_func, "__name__", ""):
            raise ValueError("'view_func' name may not contain a dot '.' character.")
        self.record(
            lambda state: state.add_url_rule(
                rule,
                endpoint,
                view_func,
                provide_automatic_options=provide_automatic_options,
                **options,
            )
        )

    # Hooks for all of the application's requests, not only the blueprint's

    @setupmethod
    def before_app_request(self, f: T_before_request) -> T_before_request:
        """Call *f* before each request of the application."""
        self.record_once(lambda s: s.app.before_request_funcs[None].append(f))
        return f

    @setupmethod
    def after_app_request(self, f: T_after_request) -> T_after_request:
        """Call *f* with the response after each request of the application."""
        self.record_once(lambda s: s.app.after_request_funcs[None].append(f))
        return f

    @setupmethod
    def before_app_websocket(self, f: T_before_request) -> T_before_request:
        """Call *f* before the view of each WebSocket of the application."""
        self.record_once(lambda s: s.app.before_websocket_funcs[None].append(f))
        return f

    @setupmethod
    def after_app_websocket(self, f: T_after_websocket) -> T_after_websocket:
        """Call *f* when a WebSocket of the application has ended."""
        self.record_once(lambda s: s.app.after_websocket_funcs[None].append(f))
        return f

    @setupmethod
    def teardown_app_request(self, f: T_teardown) -> T_teardown:
        """Call *f* when a request of the application is over."""
        self.record_once(lambda s: s.app.teardown_request_funcs[None].append(f))
        return f

    @setupmethod
    def app_context_processor(
        self, f: T_template_context_processor
    ) -> T_template_context_processor:
        """Add what *f* returns to the variables of each template of the application."""
        self.record_once(lambda s: s.app.template_context_processors[None].append(f))
        return f

    @setupmethod
    def app_errorhandler(
        self, code: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Answer for an error anywhere in the application.

        :param code: a status code, or a class of exceptions
        """

        def decorator(f: T_error_handler) -> T_error_handler:
            self.record_once(lambda s: s.app.register_error_handler(code, f))
            return f

        return decorator

    @setupmethod
    def app_url_value_preprocessor(self, f: T_url_value_preprocessor) -> T_url_value_preprocessor:
        """:meth:`url_value_preprocessor` for each request of the application."""
        self.record_once(lambda s: s.app.url_value_preprocessors[None].append(f))
        return f

    @setupmethod
    def app_url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """:meth:`url_defaults` for each URL of the application."""
        self.record_once(lambda s: s.app.url_default_functions[None].append(f))
        return f

    # Filters, tests and globals for all of the application's templates

    @setupmethod
    def app_template_filter(
        self, name: str | None = None
    ) -> Callable[[T_template_filter], T_template_filter]:
        """Register the decorated function as a filter.

        :param name: the function's own when left out
        """
        return adding_decorator(self.add_app_template_filter, name)

    @setupmethod
    def add_app_template_filter(
        self, f: ft.TemplateFilterCallable, name: str | None = None
    ) -> None:
        """Register *f* as a filter; the same as :meth:`app_template_filter`."""
        self.record_once(lambda s: s.app.add_template_filter(f, name))

    @setupmethod
    def app_template_test(
        self, name: str | None = None
    ) -> Callable[[T_template_test], T_template_test]:
        """Register the decorated function as a test.

        :param name: the function's own when left out
        """
        return adding_decorator(self.add_app_template_test, name)

    @setupmethod
    def add_app_template_test(self, f: ft.TemplateTestCallable, name: str | None = None) -> None:
        """Register *f* as a test; the same as :meth:`app_template_test`."""
        self.record_once(lambda s: s.app.add_template_test(f, name))

    @setupmethod
    def app_template_global(
        self, name: str | None = None
    ) -> Callable[[T_template_global], T_template_global]:
        """Register the decorated function as a global of the templates.

        :param name: the function's own when left out
        """
        return adding_decorator(self.add_app_template_global, name)

    @setupmethod
    def add_app_template_global(
        self, f: ft.TemplateGlobalCallable, name: str | None = None
    ) -> None:
        """Register *f* as a global; the same as :meth:`app_template_global`."""
        self.record_once(lambda s: s.app.add_template_global(f, name))


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
