"""Load environment variables from files.

Must not know: commands. python-dotenv reads the files; without it there is only a hint.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

#: The variables of this process that files gave to it.
_given: set[str] = set()

#: The files that this process has read, or would have read, had they been there.
_files: set[str] = set()


def settings_files() -> list[str]:
    """The files that have been loaded, and those that would have been, had they been there."""
    return sorted(_files)


def environment_without_files() -> dict[str, str]:
    """The environment of this process as it would be without the files."""
    return {name: value for name, value in os.environ.items() if name not in _given}


def load_dotenv(path: str | os.PathLike[str] | None = None, load_defaults: bool = True) -> bool:
    """Set the environment variables that "dotenv" files give and that are not set yet.

    The given file wins over ``.env``, which wins over ``.flaskenv``; these two are looked for
    in the current directory and above. Without python-dotenv nothing happens.

    :param path: the file to load
    :param load_defaults: also load ``.env`` and ``.flaskenv``
    :returns: whether a file gave any variable
    """
    try:
        import dotenv
    except ImportError:
        from ..server.handover import VARIABLE  # with python-dotenv nobody asks for it

        # What starts the program anew has said so already.
        is_first = VARIABLE not in os.environ
        if is_first and (path or os.path.isfile(".env") or os.path.isfile(".flaskenv")):
            click.secho(
                " * Tip: There are .env files present. Install python-dotenv to use them.",
                fg="yellow",
                err=True,
            )
        return False

    files: list[str | os.PathLike[str]] = []
    if load_defaults:
        files += [dotenv.find_dotenv(name, usecwd=True) for name in (".flaskenv", ".env")]
    if path is not None:
        files.append(path)
    _remember(files, load_defaults)
    values: dict[str, str | None] = {}
    for file in files:
        if os.path.isfile(file):
            values |= dotenv.dotenv_values(file, encoding="utf-8")
    for name, value in values.items():
        if value is not None and name not in os.environ:
            os.environ[name] = value
            _given.add(name)
    return bool(values)


def _remember(files: Iterable[str | os.PathLike[str]], load_defaults: bool) -> None:
    _files.update(os.path.abspath(file) for file in files if file)
    if load_defaults:
        _files.update(os.path.abspath(name) for name in (".flaskenv", ".env"))
