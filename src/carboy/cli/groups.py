"""The Click groups: the one of an application, and the one that loads an application.

Lives here: :class:`AppGroup`, which is ``app.cli`` and ``blueprint.cli``, and
:class:`FlaskGroup`, which is the ``carboy`` command itself.
Must not know: what the commands do.

How it works: a command of an application runs inside its application context. The outer group
has its own commands and those that distributions offer under the entry point
``flask.commands``; for any other name, and for the help, it loads the application.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from functools import update_wrapper
from types import CoroutineType
from typing import Any, TypeVar

import click

from ..app import Flask
from ..globals import current_app
from ..helpers import get_load_dotenv
from .discovery import NoAppException, ScriptInfo
from .options import app_option, debug_option, env_file_option, version_option

F = TypeVar("F", bound=Callable[..., Any])


def with_appcontext(f: F) -> F:
    """Run a command's function inside the application context.

    Commands of ``app.cli`` and ``blueprint.cli`` need no such decorator.
    """

    @click.pass_context
    def in_context(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if not current_app:
            app = ctx.ensure_object(ScriptInfo).load_app()
            ctx.with_resource(app.app_context())
        return ctx.invoke(_awaited(f), *args, **kwargs)

    return update_wrapper(in_context, f)  # type: ignore[return-value]


def _awaited(f: Callable[..., Any]) -> Callable[..., Any]:
    """*f*, or for an ``async def`` function a plain one that runs it to its end.

    It runs in this thread, for Click keeps the context of a command in it.
    """

    def command(*args: Any, **kwargs: Any) -> Any:
        rv = f(*args, **kwargs)
        if type(rv) is not CoroutineType:
            return rv
        import asyncio  # takes long, and few commands need it

        return asyncio.run(rv)

    return update_wrapper(command, f)


class AppGroup(click.Group):
    """A Click group whose commands run inside the application context."""

    def command(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """As :meth:`click.Group.command`, inside the application context.

        The function may be ``async``.

        :param with_appcontext: ``False`` leaves the context out
        """
        wrapped = kwargs.pop("with_appcontext", True)
        parent = super().command

        def decorator(f: Callable[..., Any]) -> click.Command:
            command: click.Command = parent(*args, **kwargs)(
                with_appcontext(f) if wrapped else _awaited(f)
            )
            return command

        return decorator

    def group(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Group]:
        """As :meth:`click.Group.group`, but the new group is an :class:`AppGroup` too."""
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)  # type: ignore[no-any-return]


class FlaskGroup(AppGroup):
    """A command that also has the commands of the application it is used for.

    :param add_default_commands: add ``run``, ``shell`` and ``routes``
    :param create_app: makes the application, instead of looking for one
    :param add_version_option: add ``--version``
    :param load_dotenv: load ``.env`` and ``.flaskenv``
    :param set_debug_flag: set ``app.debug`` from ``FLASK_DEBUG``
    """

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Flask] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        self._app_options = (env_file_option(), app_option())
        params = [*(extra.pop("params", None) or ()), *self._app_options, debug_option()]
        if add_version_option:
            params.append(version_option())
        settings = dict(extra.pop("context_settings", None) or {})
        settings.setdefault("auto_envvar_prefix", "FLASK")
        super().__init__(params=params, context_settings=settings, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        self._plugins_loaded = False
        if add_default_commands:
            # The commands use this module's decorators.
            from .commands import routes_command, run_command, shell_command
            from .serve import serve_command

            for command in (run_command, serve_command, shell_command, routes_command):
                self.add_command(command)

    def _load_plugin_commands(self) -> None:
        if not self._plugins_loaded:
            from importlib import metadata  # takes long, and an application's group needs none

            for entry_point in metadata.entry_points(group="flask.commands"):
                self.add_command(entry_point.load(), entry_point.name)
            self._plugins_loaded = True

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name: of this group, of a distribution, or of the application."""
        self._load_plugin_commands()
        if (command := super().get_command(ctx, name)) is not None:
            return command
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as error:
            _show_error(f"Error: {error.format_message()}")
            return None
        return app.cli.get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is to run; the context of its application is there from now on."""
        found = super().resolve_command(ctx, args)
        if found[1] is not None and found[1] not in self.commands.values():
            app = ctx.ensure_object(ScriptInfo).load_app()
            if not current_app or current_app != app:
                ctx.with_resource(app.app_context())
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands. An application that fails to load is reported only."""
        self._load_plugin_commands()
        names = set(super().list_commands(ctx))
        try:
            names.update(ctx.ensure_object(ScriptInfo).load_app().cli.list_commands(ctx))
        except NoAppException as error:
            _show_error(f"Error: {error.format_message()}")
        except Exception:
            _show_error(traceback.format_exc())
        return sorted(names)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """A context whose object knows the application."""
        # So that a program that calls `app.run()` while it is imported does not block.
        os.environ["FLASK_RUN_FROM_CLI"] = "true"
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app,
                set_debug_flag=self.set_debug_flag,
                load_dotenv_defaults=get_load_dotenv(self.load_dotenv),
            )
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; the help, too, knows an application from the environment."""
        if not args or (len(args) == 1 and args[0] in self.get_help_option_names(ctx)):
            for option in self._app_options:
                option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)


def _show_error(message: str) -> None:
    click.secho(f"{message}\n", err=True, fg="red")
