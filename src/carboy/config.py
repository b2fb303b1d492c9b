"""The settings of an application, and where they come from.

Lives here: ``Config``, a dictionary that can be filled from objects, files and the
environment, and ``ConfigAttribute``, an attribute whose value lives in such a dictionary.
Must not know: which settings exist. The application gives the defaults.

How it works: every source ends in one rule, *names in capitals are settings*, applied in
``from_mapping`` and ``from_object``; files and environment only produce what these take.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, overload

from werkzeug.utils import import_string

from . import old_names

T = TypeVar("T")

if TYPE_CHECKING:
    from .app import Flask

    class _Configured(Protocol):
        @property
        def config(self) -> dict[str, Any]: ...


class ConfigAttribute(Generic[T]):
    """A class attribute that reads and writes ``self.config[name]``.

    :param name: the setting
    :param get_converter: applied to the value each time it is read
    """

    def __init__(self, name: str, get_converter: Callable[[Any], T] | None = None) -> None:
        self.__name__ = name
        self.get_converter = get_converter

    @overload
    def __get__(self, obj: None, owner: None) -> Self: ...

    @overload
    def __get__(self, obj: _Configured, owner: type[_Configured]) -> T: ...

    def __get__(self, obj: _Configured | None, owner: type[_Configured] | None = None) -> T | Self:
        if obj is None:
            return self
        value: T = obj.config[self.__name__]
        return value if self.get_converter is None else self.get_converter(value)

    def __set__(self, obj: _Configured, value: Any) -> None:
        obj.config[self.__name__] = value


class Config(dict[str, Any]):
    """A dictionary of settings that can be filled from files, objects and the environment.

    Only names in capitals are taken, so a configuration file can use other names for its own
    purposes::

        app.config.from_object("project.default_settings")
        app.config.from_pyfile("settings.cfg", silent=True)
        app.config.from_prefixed_env()

    :param root_path: the directory that file names are relative to; the application's
        ``root_path``
    :param defaults: the settings to begin with
    """

    def __init__(
        self,
        root_path: str | os.PathLike[str],
        defaults: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {super().__repr__()}>"

    if TYPE_CHECKING:
        # `typing.get_type_hints` of a subclass would not find the class of a higher layer.
        _app: Callable[[], Flask | None] | None
    #: The application in which settings of earlier lines of Flask take effect.
    _app = None

    def __missing__(self, key: str) -> Any:
        if key in old_names.SETTINGS:
            default = old_names.SETTINGS[key]
            return (os.environ.get("FLASK_ENV") or default) if key == "ENV" else default
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if key in old_names.SETTINGS:
            self._heed(key)

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """The setting *key*, set to *default* first when there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set the items of a mapping, of an iterable of pairs, and of keyword arguments."""
        settings = dict(*args, **kwargs)
        super().update(settings)
        for key in old_names.SETTINGS.keys() & settings.keys():
            self._heed(key)

    def _heed(self, key: str) -> None:
        app = None if self._app is None else self._app()
        if app is not None:
            app._heed_old_setting(key, stacklevel=3)

    def __getstate__(self) -> dict[str, Any]:
        # The reference to the application can neither be copied nor be pickled.
        return {name: value for name, value in vars(self).items() if name != "_app"}

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Load the Python file whose name is in an environment variable.

        :param variable_name: the environment variable
        :param silent: whether a variable that is not set, or a file that does not exist, is
            all right
        :returns: whether a file was loaded
        :raises RuntimeError: the variable is not set or is empty
        """
        filename = os.environ.get(variable_name)
        if filename:
            return self.from_pyfile(filename, silent=silent)
        if silent:
            return False
        raise RuntimeError(
            f"The environment variable {variable_name!r} is not set and as such"
            " configuration could not be loaded. Set this variable and make it point to a"
            " configuration file"
        )

    def from_prefixed_env(
        self, prefix: str = "FLASK", *, loads: Callable[[str], Any] = json.loads
    ) -> bool:
        """Load every environment variable that begins with *prefix* and an underscore.

        The rest of the variable's name is the setting. Two underscores reach into a nested
        dictionary, which is made when it is not there: ``FLASK_DATABASE__HOST`` sets
        ``config["DATABASE"]["HOST"]``. Variables are taken in alphabetical order.

        :param prefix: what the names begin with
        :param loads: makes a value of the text; when it raises, the text is the value
        :returns: always ``True``
        """
        prefix = f"{prefix}_"
        for name in sorted(os.environ):
            if not name.startswith(prefix):
                continue
            value: Any = os.environ[name]
            with suppress(Exception):  # text that is not JSON is meant as text
                value = loads(value)
            *parents, key = name.removeprefix(prefix).split("__")
            settings: dict[str, Any] = self
            for parent in parents:
                settings = settings.setdefault(parent, {})
            settings[key] = value
        return True

    def from_pyfile(self, filename: str | os.PathLike[str], silent: bool = False) -> bool:
        """Run a Python file and load the names in capitals that it defines.

        :param filename: the file, absolute or relative to ``root_path``
        :param silent: whether a file that does not exist is all right
        :returns: whether the file was loaded
        :raises OSError: the file cannot be read
        """
        filename = os.path.join(self.root_path, filename)
        module = ModuleType("config")
        module.__file__ = filename
        try:
            with open(filename, "rb") as file:
                code = compile(file.read(), filename, "exec")
                exec(code, module.__dict__)
        except OSError as error:
            if silent and error.errno in {errno.ENOENT, errno.EISDIR, errno.ENOTDIR}:
                return False
            _say_what_was_loaded(error)
            raise
        self.from_object(module)
        return True

    def from_object(self, obj: object | str) -> None:
        """Load the attributes of *obj* whose names are in capitals.

        A class is taken as it is: give an instance when its settings are properties.

        :param obj: a module, class or other object, or the import name of one
        :raises werkzeug.utils.ImportStringError: there is no object of that name
        """
        if isinstance(obj, str):
            obj = import_string(obj)
        for name in dir(obj):
            if name.isupper():
                self[name] = getattr(obj, name)

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, Any]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Load a file in any format::

            app.config.from_file("config.toml", load=tomllib.load, text=False)

        :param filename: the file, absolute or relative to ``root_path``
        :param load: makes a mapping of the open file
        :param silent: whether a file that does not exist is all right
        :param text: whether the file is opened as UTF-8 text or as bytes
        :returns: whether the file was loaded
        :raises OSError: the file cannot be read
        """
        filename = os.path.join(self.root_path, filename)
        try:
            with open(filename, "r" if text else "rb", encoding="utf-8" if text else None) as file:
                settings = load(file)
        except OSError as error:
            if silent and error.errno in {errno.ENOENT, errno.EISDIR}:
                return False
            _say_what_was_loaded(error)
            raise
        return self.from_mapping(settings)

    def from_json(self, filename: str | os.PathLike[str], silent: bool = False) -> bool:
        """Load a file of JSON; :meth:`from_file` with ``json.load`` does the same."""
        old_names.deprecated(
            "config.from_json", "Use 'config.from_file(filename, load=json.load)' instead."
        )
        return self.from_file(filename, json.load, silent)

    def from_mapping(self, mapping: Mapping[str, Any] | None = None, **kwargs: Any) -> bool:
        """Load the items whose keys are in capitals.

        :param mapping: settings
        :param kwargs: more settings, which win over those of *mapping*
        :returns: always ``True``
        """
        settings = {**dict(mapping or {}), **kwargs}
        self.update({key: settings[key] for key in settings if key.isupper()})
        return True

    def get_namespace(
        self, namespace: str, lowercase: bool = True, trim_namespace: bool = True
    ) -> dict[str, Any]:
        """The settings whose names begin with *namespace*, ready to be keyword arguments.

        :param namespace: what the names begin with, such as ``"IMAGE_STORE_"``
        :param lowercase: whether the keys of the result are in lower case
        :param trim_namespace: whether the keys of the result are without *namespace*
        :returns: a new dictionary
        """
        found = {}
        for name, value in self.items():
            if name.startswith(namespace):
                key = name.removeprefix(namespace) if trim_namespace else name
                found[key.lower() if lowercase else key] = value
        return found


def _say_what_was_loaded(error: OSError) -> None:
    error.strerror = f"Unable to load configuration file ({error.strerror})"
