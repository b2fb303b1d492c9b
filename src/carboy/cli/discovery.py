"""Find the application that a command is about, and explain when there is none.

Lives here: from ``hello.py``, ``package.module:name`` or ``module:factory("argument")`` to an
application object; the search where nothing is given; :class:`ScriptInfo`, which remembers it.
Must not know: commands, options, the server.

How it works: the part before the colon becomes a module name, the module is imported, and in
it the name is looked up, or the one object that can be meant. What goes wrong on the way is a
:exc:`NoAppException` with a sentence for the user; what the user's own code raises is not.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from ..app import Flask
from ..helpers import get_debug_flag

#: The names that an application, or a function that makes one, is known by.
APPLICATION_NAMES = ("app", "application")
FACTORY_NAMES = ("create_app", "make_app")

#: The files that are looked for when no application is given.
DEFAULT_FILES = ("wsgi.py", "app.py")


class NoAppException(click.UsageError):
    """An application could not be found or made. The message says why."""


class BrokenImport(NoAppException):
    """The module of an application is there, but fails to import something."""


def find_best_app(module: ModuleType) -> Flask:
    """The application in a module that is meant when none is named.

    It is the object called ``app`` or ``application``, or the only application there is, or
    what ``create_app`` or ``make_app`` returns.

    :raises NoAppException: there is none, or more than one
    """
    for name in APPLICATION_NAMES:
        application = getattr(module, name, None)
        if isinstance(application, Flask):
            return application

    names = _applications(module)
    if len(names) == 1:
        found: Flask = getattr(module, names[0])
        return found
    if names:
        raise NoAppException(
            f"Detected multiple Flask applications in module {module.__name__!r}. Use"
            f" '{module.__name__}:name' to specify the correct one. (There are"
            f" {', '.join(names)}.)"
        )

    for name in FACTORY_NAMES:
        factory = getattr(module, name, None)
        if not inspect.isfunction(factory):
            continue
        if not _accepts(factory, (), {}):
            raise NoAppException(
                f"Detected factory {name!r} in module {module.__name__!r}, but could not"
                f" call it without arguments. Use '{module.__name__}:{name}(args)' to"
                " specify arguments."
            )
        application = factory()
        if isinstance(application, Flask):
            return application

    looked_for = ", ".join((*APPLICATION_NAMES, *FACTORY_NAMES))
    raise NoAppException(
        f"Failed to find Flask application or factory in module {module.__name__!r}. Use"
        f" '{module.__name__}:name' to specify one. (Looked in {_place(module)} for"
        f" {looked_for} or any Flask object.)"
    )


def find_app_by_string(module: ModuleType, app_name: str) -> Flask:
    """The application in a module that a name, or the call of a factory, stands for.

    :param app_name: ``name`` or ``name(literal, arguments=...)``
    :raises NoAppException: the string cannot be understood, or does not lead to an application
    """
    name, args, kwargs = _parse_reference(app_name)
    try:
        application = getattr(module, name)
    except AttributeError:
        there = ", ".join(_applications(module)) or "none"
        raise NoAppException(
            f"Failed to find attribute {name!r} in {module.__name__!r}."
            f" (Looked in {_place(module)}; the applications there: {there}.)"
        ) from None
    if inspect.isfunction(application):
        if not _accepts(application, args, kwargs):
            raise NoAppException(
                f"The factory {app_name!r} in module {module.__name__!r} could not be"
                " called with the specified arguments."
            )
        application = application(*args, **kwargs)
    if isinstance(application, Flask):
        return application
    raise NoAppException(
        "A valid Flask application was not obtained from"
        f" '{module.__name__}:{app_name}'. (It is {application!r}.)"
    )


def _parse_reference(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """The name and the arguments in ``name`` or ``name(arguments)``."""
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        expression = None
    if isinstance(expression, ast.Name):
        return expression.id, [], {}
    if not isinstance(expression, ast.Call):
        raise NoAppException(f"Failed to parse {text!r} as an attribute name or function call.")
    if not isinstance(expression.func, ast.Name):
        raise NoAppException(f"Function reference must be a simple name: {text!r}.")
    try:
        args = [ast.literal_eval(value) for value in expression.args]
        kwargs: dict[str, Any] = {}
        for keyword in expression.keywords:
            value = ast.literal_eval(keyword.value)
            kwargs.update(value if keyword.arg is None else {keyword.arg: value})
    except (TypeError, ValueError):
        raise NoAppException(f"Failed to parse arguments as literal values: {text!r}.") from None
    return expression.func.id, args, kwargs


def _accepts(
    function: Callable[..., Any], args: list[Any] | tuple[()], kwargs: dict[str, Any]
) -> bool:
    """Whether a function can be called so, told without calling it."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _applications(module: ModuleType) -> list[str]:
    """The names of the applications in a module."""
    return [name for name, value in vars(module).items() if isinstance(value, Flask)]


def _place(module: ModuleType) -> str:
    return repr(getattr(module, "__file__", None) or module.__name__)


def prepare_import(path: str) -> str:
    """The name under which a file or module can be imported, once its folder is on the path.

    :param path: a file, a package's folder, or a dotted name, seen from the current directory
    """
    target = Path(os.path.realpath(path))
    if target.suffix == ".py":
        target = target.with_suffix("")
    if target.name == "__init__":
        target = target.parent
    names = [target.name]
    folder = target.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    if sys.path[0] != str(folder):
        sys.path.insert(0, str(folder))
    return ".".join(names)


def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: bool = True
) -> Flask | None:
    """Import a module and find the application in it.

    :param module_name: an importable name
    :param app_name: see :func:`find_app_by_string`; ``None`` for :func:`find_best_app`
    :param raise_if_not_found: whether a missing module is an error
    :returns: ``None`` when there is no such module and that is no error
    :raises NoAppException: with the traceback when the module itself fails to import
    """
    try:
        __import__(module_name)
    except ImportError as error:
        if not _is_missing(module_name, error):
            raise BrokenImport(
                f"While importing {module_name!r}, an ImportError was raised:"
                f"\n\n{_user_traceback(error)}"
            ) from None
        if raise_if_not_found:
            raise NoAppException(
                f"Could not import {module_name!r}. (There is no such module in"
                f" {os.getcwd()!r} or elsewhere on the import path.)"
            ) from None
        return None
    module = sys.modules[module_name]
    if app_name is None:
        return find_best_app(module)
    return find_app_by_string(module, app_name)


def _is_missing(module_name: str, error: ImportError) -> bool:
    """Whether an import failed because the module, or a package it is in, does not exist."""
    return (
        isinstance(error, ModuleNotFoundError)
        and error.name is not None
        and f"{module_name}.".startswith(f"{error.name}.")
    )


def _user_traceback(error: ImportError) -> str:
    """The traceback from where the user's module begins."""
    frames = error.__traceback__
    return "".join(traceback.format_exception(error.with_traceback(frames and frames.tb_next)))


class ScriptInfo:
    """Knows which application a command is about, and loads it once.

    :param app_import_path: where the application is, as ``--app`` takes it
    :param create_app: called to make the application instead
    :param set_debug_flag: set ``app.debug`` from ``FLASK_DEBUG``
    :param load_dotenv_defaults: load ``.env`` and ``.flaskenv``
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Flask] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.set_debug_flag = set_debug_flag
        self.load_dotenv_defaults = load_dotenv_defaults
        #: For the program's own use.
        self.data: dict[Any, Any] = {}
        self._loaded_app: Flask | None = None

    def load_app(self) -> Flask:
        """The application; the first call loads it.

        :raises NoAppException: it cannot be found
        """
        if self._loaded_app is None:
            application = self._find()
            if application is None:
                raise NoAppException(
                    "Could not locate a Flask application. Use the 'carboy --app' option,"
                    " 'FLASK_APP' environment variable, or a 'wsgi.py' or 'app.py' file in the"
                    f" current directory ({os.getcwd()!r})."
                )
            if self.set_debug_flag:
                application.debug = get_debug_flag()
            self._loaded_app = application
        return self._loaded_app

    def _find(self) -> Flask | None:
        if self.create_app is not None:
            return self.create_app()
        if self.app_import_path:
            # A colon before a slash belongs to a Windows drive.
            path, *name = re.split(r":(?![\\/])", self.app_import_path, maxsplit=1)
            return locate_app(prepare_import(path), name[0] if name else None)
        found = (
            locate_app(prepare_import(file), None, raise_if_not_found=False)
            for file in DEFAULT_FILES
        )
        return next((each for each in found if each is not None), None)


pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)
