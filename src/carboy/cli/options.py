"""The options that commands share, and the types of their values.

Must not know: what the commands do with them.
"""

from __future__ import annotations

import os
import platform
from importlib import util
from typing import Any

import click
from click.core import ParameterSource
from werkzeug.utils import import_string

from .._version import __version__
from .discovery import ScriptInfo
from .environment import load_dotenv


def get_version(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Print the versions and leave; the callback of ``--version``."""
    if not value or ctx.resilient_parsing:
        return
    from importlib import metadata  # takes as long as Click, and few commands need it

    click.echo(
        f"Python {platform.python_version()}\n"
        f"Carboy {__version__}\n"
        f"Werkzeug {metadata.version('werkzeug')}",
        color=ctx.color,
    )
    ctx.exit()


def _set_app(ctx: click.Context, param: click.Option, value: str | None) -> str | None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value
    return value


def _set_debug(ctx: click.Context, param: click.Option, value: bool) -> bool | None:
    # Only a choice is recorded: the default must not turn off what the environment says.
    source = ctx.get_parameter_source(str(param.name))
    if source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return None
    # The program may look at the variable while it is being imported.
    os.environ["FLASK_DEBUG"] = "1" if value else "0"
    return value


def _load_env_file(ctx: click.Context, param: click.Option, value: str | None) -> str | None:
    if value is not None:
        try:
            import dotenv  # noqa: F401
        except ImportError:
            message = "python-dotenv must be installed to load an env file."
            raise click.BadParameter(message) from None
    defaults = ctx.ensure_object(ScriptInfo).load_dotenv_defaults
    if value is not None or defaults:
        load_dotenv(value, load_defaults=defaults)
    return value


def app_option() -> click.Option:
    """``-A/--app``. It is eager, so that the help can list the application's commands."""
    return click.Option(
        ["-A", "--app"],
        metavar="IMPORT",
        help=(
            "The Flask application or factory function to load, in the form 'module:name'."
            " Module can be a dotted import or file path. Name is not required if it is"
            " 'app', 'application', 'create_app', or 'make_app', and can be 'name(args)'"
            " to pass arguments."
        ),
        is_eager=True,
        expose_value=False,
        callback=_set_app,
    )


def debug_option() -> click.Option:
    """``--debug/--no-debug``."""
    return click.Option(
        ["--debug/--no-debug"],
        help="Set debug mode.",
        expose_value=False,
        callback=_set_debug,
    )


def env_file_option() -> click.Option:
    """``-e/--env-file``. It is eager, so that the file can set ``FLASK_APP``."""
    return click.Option(
        ["-e", "--env-file"],
        type=click.Path(exists=True, dir_okay=False),
        help=(
            "Load environment variables from this file, taking precedence over those set by"
            " '.env' and '.flaskenv'. Variables set directly in the environment take"
            " highest precedence. python-dotenv must be installed."
        ),
        is_eager=True,
        expose_value=False,
        callback=_load_env_file,
    )


def version_option() -> click.Option:
    """``--version``."""
    return click.Option(
        ["--version"],
        help="Show the Carboy version.",
        expose_value=False,
        callback=get_version,
        is_flag=True,
        is_eager=True,
    )


class CertParamType(click.ParamType):  # type: ignore[type-arg]  # Click 8.1 has no such
    """The value of ``--cert``: a file, ``adhoc``, or the import of an ``SSLContext``."""

    name = "path"

    def __init__(self) -> None:
        self.path_type = click.Path(exists=True, dir_okay=False, resolve_path=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.path_type(value, param, ctx)
        except click.BadParameter:
            text = str(value)
            if text.lower() == "adhoc":
                if util.find_spec("cryptography") is None:
                    raise click.BadParameter(
                        "Using ad-hoc certificates requires the cryptography library.",
                        ctx,
                        param,
                    ) from None
                return "adhoc"
            context = import_string(text, silent=True)
            if _is_ssl_context(context):
                return context
            raise


def _is_ssl_context(value: object) -> bool:
    # Whoever has one has imported the module; nobody else shall pay for it.
    from ssl import SSLContext

    return isinstance(value, SSLContext)


class SeparatedPathType(click.Path):
    """Several paths, separated as the platform separates them in ``PATH``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        convert = super().convert
        return [convert(item, param, ctx) for item in self.split_envvar_value(value)]


def validate_key(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Join ``--cert`` and ``--key`` to a pair; the callback of ``--key``."""
    cert = ctx.params.get("cert")
    if cert is None:
        if value is not None:
            raise click.BadParameter('"--cert" must also be specified.', ctx, param)
    elif cert == "adhoc" or _is_ssl_context(cert):
        if value is not None:
            kind = '"adhoc"' if cert == "adhoc" else "an SSLContext object"
            raise click.BadParameter(f'When "--cert" is {kind}, "--key" is not used.', ctx, param)
    elif value is None:
        raise click.BadParameter('Required when using "--cert".', ctx, param)
    else:
        ctx.params["cert"] = cert, value
    return value
