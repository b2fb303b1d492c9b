"""Jinja for an application: its environment, its loaders, and the functions that render.

Lives here: the environment class, the loader that looks into the application's templates and
then into its blueprints', and ``render_template`` with its kin.
Must not know: the application class. This module imports Jinja, so it is itself imported only
by programs that render.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import markupsafe
from jinja2 import BaseLoader, Template, TemplateNotFound
from jinja2 import Environment as BaseEnvironment
from jinja2.compiler import CodeGenerator
from jinja2.runtime import Context, new_context
from markupsafe import Markup, escape

from . import old_names
from .ctx import _default_template_ctx_processor as _default_template_ctx_processor
from .ctx import has_request_context
from .globals import _find_app
from .signals import before_render_template, template_rendered
from .streaming import StreamedInContext

if TYPE_CHECKING:
    from .app import App, Flask
    from .scaffold import Scaffold

#: Jinja's answer for a template: source, file name, and whether it is still current.
_Source: TypeAlias = "tuple[str, str | None, Callable[[], bool] | None]"


_DICT_ATTRIBUTES: Final = frozenset(dir(dict))


# Private, but what is left of `escape()` when the text need not know that it is escaped.
_escape_text: Callable[[str], str] = getattr(markupsafe, "_escape_inner", escape)


def _escaped(value: Any) -> str:
    """What ``escape(value)`` says, as plain text: it becomes a part of the output at once."""
    kind = type(value)
    if kind is str:
        return _escape_text(value)
    if kind is Markup:
        return value  # type: ignore[no-any-return]
    return str(value) if kind is int else escape(value)


class _CodeGenerator(CodeGenerator):
    """Has what a template puts out escaped by :func:`_escaped`.

    It spares the object that says of each value that it is escaped: a third of the time that a
    table takes to render.
    """

    def write_commons(self) -> None:
        super().write_commons()
        # A template may be compiled for another environment.
        self.writeline("escaped = getattr(environment, 'escaped', escape)")

    def _output_child_pre(self, node: Any, frame: Any, finalize: Any) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            super()._output_child_pre(node, frame, finalize)
            return
        self.write("escaped(")
        if finalize.src is not None:
            self.write(finalize.src)


class _Template(Template):
    """Has the global variables looked through once and not one by one: a tenth of the time that
    a small page takes to render."""

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> Context:
        """The variables of the template while it is rendered; see Jinja's method."""
        variables: MutableMapping[str, Any] = self.globals
        if type(variables) is ChainMap:
            found: dict[str, Any] = {}
            for layer in reversed(variables.maps):
                found.update(layer)
            variables = found
        return new_context(
            self.environment, self.name, self.blocks, vars, shared, variables, locals
        )


_Template.__name__ = "Template"  # what `repr` calls a template


class Environment(BaseEnvironment):
    """A Jinja environment whose templates come from an application and its blueprints.

    :param app: the application
    :param options: for ``jinja2.Environment``
    """

    code_generator_class = _CodeGenerator
    template_class = _Template
    escaped = staticmethod(_escaped)

    def __init__(self, app: App, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        super().__init__(**options)
        self.app = app

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What ``obj.attribute`` is in a template: an attribute, or else an item.

        For a key of a dictionary, the usual case, without the attribute that is not found:
        a fifth of the time that a table takes to render.
        """
        if type(obj) is dict and attribute in obj and attribute not in _DICT_ATTRIBUTES:
            return obj[attribute]
        return super().getattr(obj, attribute)


class DispatchingJinjaLoader(BaseLoader):
    """Looks for a template in the application, then in each blueprint as registered.

    :param app: the application
    """

    def __init__(self, app: App) -> None:
        self.app = app

    def get_source(self, environment: BaseEnvironment, template: str) -> _Source:
        """The first source of *template*; with ``EXPLAIN_TEMPLATE_LOADING`` all are logged.

        :raises jinja2.TemplateNotFound: nobody has it
        """
        if self.app.config["EXPLAIN_TEMPLATE_LOADING"]:
            return self._get_source_explained(environment, template)
        for _, loader in self._iter_loaders(template):
            try:
                return loader.get_source(environment, template)
            except TemplateNotFound:
                continue
        raise TemplateNotFound(template)

    def _get_source_explained(self, environment: BaseEnvironment, template: str) -> _Source:
        from .debughelpers import explain_template_loading_attempts

        attempts: list[tuple[BaseLoader, Scaffold, _Source | None]] = []
        for owner, loader in self._iter_loaders(template):
            try:
                source = loader.get_source(environment, template)
            except TemplateNotFound:
                source = None
            attempts.append((loader, owner, source))
        explain_template_loading_attempts(self.app, template, attempts)
        found = next((s for _, _, s in attempts if s is not None), None)
        if found is None:
            raise TemplateNotFound(template)
        return found

    def _iter_loaders(self, template: str) -> Iterator[tuple[Scaffold, BaseLoader]]:
        for owner in (self.app, *self.app.iter_blueprints()):
            if (loader := owner.jinja_loader) is not None:
                yield owner, loader

    def list_templates(self) -> list[str]:
        """The names of all templates of the application and its blueprints."""
        names: set[str] = set()
        for _, loader in self._iter_loaders(""):
            names.update(loader.list_templates())
        return list(names)


def _render(app: Flask, template: Template, context: dict[str, Any]) -> str:
    app.update_template_context(context)
    if before_render_template.receivers:
        before_render_template.send(
            app, _async_wrapper=app.ensure_sync, template=template, context=context
        )
    rendered = template.render(context)
    if template_rendered.receivers:
        template_rendered.send(
            app, _async_wrapper=app.ensure_sync, template=template, context=context
        )
    return rendered


def _stream(app: Flask, template: Template, context: dict[str, Any]) -> Iterator[str]:
    app.update_template_context(context)
    before_render_template.send(
        app, _async_wrapper=app.ensure_sync, template=template, context=context
    )

    def generate() -> Iterator[str]:
        yield from template.generate(context)
        template_rendered.send(
            app, _async_wrapper=app.ensure_sync, template=template, context=context
        )

    return StreamedInContext(generate()) if has_request_context() else generate()


def render_template(
    template_name_or_list: str | Template | list[str | Template], **context: Any
) -> str:
    """Render a template of the current application.

    :param template_name_or_list: a name, a template, or several of which the first is taken
    :param context: the variables of the template
    :raises jinja2.TemplateNotFound: there is no such template
    """
    app = _find_app()
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return _render(app, template, context)


def render_template_string(source: str, **context: Any) -> str:
    """Render *source*, with its variables escaped for HTML.

    :param source: the text of a template, never one that a client sends
    :param context: the variables of the template
    """
    app = _find_app()
    return _render(app, app.jinja_env.from_string(source), context)


def stream_template(
    template_name_or_list: str | Template | list[str | Template], **context: Any
) -> Iterator[str]:
    """Render a template piece by piece; return the result from a view to stream it.

    :param template_name_or_list: a name, a template, or several of which the first is taken
    :param context: the variables of the template
    :raises jinja2.TemplateNotFound: there is no such template
    """
    app = _find_app()
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return _stream(app, template, context)


def stream_template_string(source: str, **context: Any) -> Iterator[str]:
    """Render *source* piece by piece; return the result from a view to stream it.

    :param source: the text of a template, never one that a client sends
    :param context: the variables of the template
    """
    app = _find_app()
    return _stream(app, app.jinja_env.from_string(source), context)


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
