"""The templates of an application: its Jinja environment, and what is registered for templates.

Lives here: ``Templates``, the part of an application that makes the environment and adds to it.
Templates build URLs, so it stands on ``app_urls``.
Must not know: how a template is found or rendered, which is in ``templating``. That imports
Jinja, and an application without templates does without.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from . import driver
from . import typing as ft
from .app_urls import URLs
from .globals import _cv_ctx, g, request, session
from .helpers import get_flashed_messages
from .hooks import hooks_for
from .scaffold import (
    T_template_filter,
    T_template_global,
    T_template_test,
    adding_decorator,
    setupmethod,
)


class _Imported:
    """A class attribute whose value is imported when it is first asked for."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __get__(self, obj: object, owner: type | None = None) -> Any:
        from importlib import import_module

        return getattr(import_module(self._module, __package__), self._name)


class Templates(URLs):
    """The part of an application that concerns templates; see :class:`carboy.Flask`."""

    #: Replace it in a subclass or on an application to have another class used.
    jinja_environment: type[ft.Environment] = _Imported(".templating", "Environment")  # type: ignore[assignment]

    #: Options for the Jinja environment.
    jinja_options: dict[str, Any] = {}

    @cached_property
    def jinja_env(self) -> ft.Environment:
        """The Jinja environment, made when it is first used."""
        return self.create_jinja_environment()

    def create_jinja_environment(self) -> ft.Environment:
        """A Jinja environment with the application's options, globals and policies."""
        options = dict(self.jinja_options)
        options.setdefault("autoescape", self.select_jinja_autoescape)
        auto_reload = self.config["TEMPLATES_AUTO_RELOAD"]
        options.setdefault("auto_reload", self.debug if auto_reload is None else auto_reload)
        env = self.jinja_environment(self, **options)  # type: ignore[arg-type]
        env.globals.update(
            # Jinja looks for marks on what it calls, which takes long on a bound method.
            url_for=partial(self.url_for),
            get_flashed_messages=get_flashed_messages,
            config=self.config,
            # Templates have these from the context processor; imported ones need the proxies.
            request=request,
            session=session,
            g=g,
        )
        env.policies["json.dumps_function"] = self.json.dumps
        return env

    def create_global_jinja_loader(self) -> ft.DispatchingJinjaLoader:
        """The loader of the Jinja environment; to override."""
        from .templating import DispatchingJinjaLoader

        return DispatchingJinjaLoader(self)  # type: ignore[arg-type]

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Whether a template's variables are escaped: by the ending of its name.

        :param filename: ``None`` for a template that is a string
        """
        if filename is None:
            return True
        return filename.endswith((".html", ".htm", ".xml", ".xhtml", ".svg"))

    def update_template_context(self, context: dict[str, Any]) -> None:
        """Add what the context processors give to *context*; what is there already stays.

        :param context: the variables of a template
        """
        ctx = _cv_ctx.get(None)
        req = None if ctx is None else ctx._request_ctx
        given = context.copy()
        endpoint = None if req is None else req.request.endpoint
        for processors in hooks_for(self.template_context_processors, endpoint):
            for processor in processors:
                context.update(driver.call(self, processor))
        context.update(given)

    @setupmethod
    def template_filter(
        self, name: str | None = None
    ) -> Callable[[T_template_filter], T_template_filter]:
        """Register the decorated function as a filter.

        :param name: the function's own when left out
        """
        return adding_decorator(self.add_template_filter, name)

    @setupmethod
    def add_template_filter(self, f: ft.TemplateFilterCallable, name: str | None = None) -> None:
        """Register *f* as a filter; the same as :meth:`template_filter`."""
        self.jinja_env.filters[name or f.__name__] = f

    @setupmethod
    def template_test(
        self, name: str | None = None
    ) -> Callable[[T_template_test], T_template_test]:
        """Register the decorated function as a test.

        :param name: the function's own when left out
        """
        return adding_decorator(self.add_template_test, name)

    @setupmethod
    def add_template_test(self, f: ft.TemplateTestCallable, name: str | None = None) -> None:
        """Register *f* as a test; the same as :meth:`template_test`."""
        self.jinja_env.tests[name or f.__name__] = f

    @setupmethod
    def template_global(
        self, name: str | None = None
    ) -> Callable[[T_template_global], T_template_global]:
        """Register the decorated function as a global of the templates.

        :param name: the function's own when left out
        """
        return adding_decorator(self.add_template_global, name)

    @setupmethod
    def add_template_global(self, f: ft.TemplateGlobalCallable, name: str | None = None) -> None:
        """Register *f* as a global; the same as :meth:`template_global`."""
        self.jinja_env.globals[name or f.__name__] = f
