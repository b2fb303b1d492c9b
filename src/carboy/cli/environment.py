"""Load environment variables from files.

Must not know: commands. python-dotenv reads the files; without it there is only a hint.
"""

from __future__ import annotations

import os

import click


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
        if path or os.path.isfile(".env") or os.path.isfile(".flaskenv"):
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
    values: dict[str, str | None] = {}
    for file in files:
        if os.path.isfile(file):
            values |= dotenv.dotenv_values(file, encoding="utf-8")
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)
    return bool(values)
