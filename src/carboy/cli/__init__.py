"""The ``carboy`` command, and what an application needs to add commands of its own.

Lives here: the public names, a concept a file: ``discovery`` finds the application and
explains when it cannot, ``environment`` loads ``.env`` files, ``options`` holds what the
commands share, ``groups`` the Click groups, ``commands`` run, shell and routes.
Must not know: how an application answers a request.

Names, signatures and behaviour are those of ``flask.cli``. Nothing here is imported by
``import carboy``; Click comes with the first use of ``app.cli``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Programs take Click from here too: `from flask.cli import click`.
import click as click

from .. import old_names
from .commands import (
    cli,
    main,
    routes_command,
    run_command,
    shell_command,
    show_server_banner,
)
from .discovery import (
    NoAppException,
    ScriptInfo,
    find_app_by_string,
    find_best_app,
    locate_app,
    pass_script_info,
    prepare_import,
)
from .environment import load_dotenv
from .groups import AppGroup, FlaskGroup, with_appcontext
from .options import CertParamType, SeparatedPathType, get_version
from .options import version_option as _make_version_option

__all__ = [
    "AppGroup",
    "CertParamType",
    "FlaskGroup",
    "NoAppException",
    "ScriptInfo",
    "SeparatedPathType",
    "cli",
    "find_app_by_string",
    "find_best_app",
    "get_version",
    "load_dotenv",
    "locate_app",
    "main",
    "pass_script_info",
    "prepare_import",
    "routes_command",
    "run_command",
    "shell_command",
    "show_server_banner",
    "version_option",
    "with_appcontext",
]

version_option = _make_version_option()


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
