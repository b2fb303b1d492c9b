"""Every public name of the installed Flask is here, and is what it is there.

Modules are compared under the names that `install_as_flask` gives Carboy's; nothing here looks
at how either is written. What differs on purpose stands in the table of names in
`docs/differences.md`, with its reason, and nowhere else: a difference that is not in the table
fails, and so does an entry that no longer differs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import flask
import flask.sansio

import carboy
from carboy.flask_alias import carboy_name

DIFFERENCES = Path(__file__).parents[1] / "docs" / "differences.md"


def _modules() -> Iterator[str]:
    yield "flask"
    # A namespace package, which the walk below does not enter.
    yield "flask.sansio"
    for path, prefix in ((flask.__path__, "flask."), (flask.sansio.__path__, "flask.sansio.")):
        for found in pkgutil.walk_packages(path, prefix):
            # This one runs the command line when it is imported.
            if not found.name.endswith("__main__"):
                yield found.name


MODULES = sorted(_modules())


def _theirs(module: str) -> ModuleType:
    return importlib.import_module(module)


def _ours(module: str) -> ModuleType:
    name = carboy_name(module)
    assert name is not None
    return importlib.import_module(name)


def _public(owner: object) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def _is_imported(module: str, name: str, value: object) -> bool:
    """Whether a name of a module of Flask is another module, or another library's, that it uses."""
    if name == "annotations":
        return True
    if isinstance(value, ModuleType):
        # Of Flask's own modules, those are public that the package leads to.
        return value.__name__ != f"{module}.{name}"
    if not inspect.isclass(value) and not inspect.isroutine(value):
        return False
    home = value.__module__
    if home.partition(".")[0] == "flask":
        return False
    if inspect.isroutine(value):
        # Or was it made by a function of another library?
        return getattr(importlib.import_module(home), value.__name__, None) is value
    return True


# What is compared of a thing


_FUNCTIONS = (
    types.FunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)


def _kind(owner: type, name: str) -> str:
    """What a class has under a name, as far as its users can tell."""
    static = inspect.getattr_static(owner, name)
    for kind in (staticmethod, classmethod, property):
        if isinstance(static, kind):
            return kind.__name__
    if isinstance(static, _FUNCTIONS):
        return "method"
    value = getattr(owner, name)
    if value is static and hasattr(type(static), "__get__"):
        return "property"
    return _type(value)


def _type(value: object) -> str:
    kind = "class" if inspect.isclass(value) else type(value).__name__
    # `Union[A, B]` and `A | B`.
    return "UnionType" if kind == "_UnionGenericAlias" else kind


def _parameters(function: Any) -> object:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return [(p.name, p.kind.name, _default(p.default)) for p in signature.parameters.values()]


def _default(value: object) -> object:
    if value is inspect.Parameter.empty or isinstance(value, str | bytes | int | float | None):
        return value
    if type(value) is object:
        return "a sentinel"
    return re.sub("carboy|flask", "", repr(value))


def _value(value: object) -> object:
    """The value of a plain class attribute, of what can be compared."""
    if isinstance(value, str | bytes | int | float | None | tuple | frozenset | set):
        return value
    return None


def _is_own(value: Any) -> bool:
    """Whether this is a class or function of Flask's."""
    home = value.__module__ if inspect.isclass(value) or inspect.isroutine(value) else None
    return isinstance(home, str) and home.partition(".")[0] == "flask"


# The differences


@dataclass(frozen=True)
class Difference:
    """One thing under *path* that is there and not here, or not the same."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def _in_module(module: str) -> Iterator[Difference]:
    try:
        ours = _ours(module)
    except ImportError:
        yield Difference(module, "there is no such module")
        return
    theirs = _theirs(module)
    for name in _public(theirs):
        value = getattr(theirs, name)
        if _is_imported(module, name, value):
            continue
        path = f"{module}.{name}"
        try:
            own = getattr(ours, name)
        except AttributeError:
            yield Difference(path, "missing")
            continue
        home = value.__module__ if _is_own(value) else module
        if home == module:
            yield from _of_thing(path, value, own)
        elif own is not getattr(_ours(home), value.__name__):
            yield Difference(path, f"is not the one of {home}")


def _of_thing(path: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if _type(theirs) != _type(ours):
        yield Difference(path, f"a {_type(ours)}, not a {_type(theirs)}")
    elif inspect.isclass(theirs):
        yield from _of_class(path, theirs, ours)
    elif inspect.isroutine(theirs):
        yield from _of_parameters(path, theirs, ours)
    elif _value(theirs) != _value(ours):
        yield Difference(path, f"{ours!r}, not {theirs!r}")


def _of_parameters(path: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    wanted = _parameters(theirs)
    # A method of a builtin type does not tell what it takes.
    if wanted is not None and (mine := _parameters(ours)) != wanted:
        yield Difference(path, f"takes {mine}, not {wanted}")


def _of_class(path: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    yield from _of_parameters(path, theirs, ours)
    for base in theirs.__mro__[1:]:
        if _is_own(base):
            own_base = getattr(_ours(base.__module__), base.__qualname__, None)
            if own_base is None or not issubclass(ours, own_base):
                yield Difference(path, f"is no {base.__module__}.{base.__qualname__}")
        elif base.__module__ != "typing" and not issubclass(ours, base):
            yield Difference(path, f"is no {base.__module__}.{base.__qualname__}")
    for name in _public(theirs):
        if not hasattr(ours, name):
            yield Difference(f"{path}.{name}", "missing")
            continue
        kind = _kind(theirs, name)
        if (own_kind := _kind(ours, name)) != kind:
            yield Difference(f"{path}.{name}", f"a {own_kind}, not a {kind}")
        elif kind in {"method", "classmethod", "staticmethod"}:
            yield from _of_parameters(f"{path}.{name}", getattr(theirs, name), getattr(ours, name))
        elif _value(getattr(theirs, name)) != _value(getattr(ours, name)):
            yield Difference(
                f"{path}.{name}", f"{getattr(ours, name)!r}, not {getattr(theirs, name)!r}"
            )


def _instances(framework: ModuleType) -> dict[str, object]:
    """One of each kind of object that has attributes of its own."""

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{framework.__name__}.{name}")

    app = framework.Flask("parity")
    app.secret_key = "parity"
    blueprint = framework.Blueprint("blueprint", "parity")
    with app.test_request_context("/") as context:
        request = framework.request._get_current_object()
        session = framework.session._get_current_object()
        response = framework.make_response("")
        app_context = app.app_context()
    return {
        "flask.app.Flask": app,
        "flask.blueprints.Blueprint": blueprint,
        "flask.blueprints.BlueprintSetupState": blueprint.make_setup_state(app, {}),
        "flask.ctx.AppContext": app_context,
        "flask.ctx.RequestContext": context,
        "flask.wrappers.Request": request,
        "flask.wrappers.Response": response,
        "flask.sessions.SecureCookieSession": session,
        "flask.sessions.SecureCookieSessionInterface": app.session_interface,
        "flask.config.Config": app.config,
        "flask.json.provider.DefaultJSONProvider": app.json,
        "flask.json.tag.TaggedJSONSerializer": module("json.tag").TaggedJSONSerializer(),
        "flask.templating.Environment": app.jinja_env,
        "flask.templating.DispatchingJinjaLoader": app.jinja_env.loader,
        "flask.testing.FlaskClient": app.test_client(),
        "flask.testing.FlaskCliRunner": app.test_cli_runner(),
        "flask.testing.EnvironBuilder": module("testing").EnvironBuilder(app),
        "flask.cli.ScriptInfo": module("cli").ScriptInfo(),
        "flask.cli.AppGroup": app.cli,
        "flask.cli.FlaskGroup": module("cli").FlaskGroup(),
    }


def _of_instances() -> Iterator[Difference]:
    theirs, ours = _instances(flask), _instances(carboy)
    for path, instance in theirs.items():
        for name in set(_public(instance)) - set(_public(type(instance))):
            if not hasattr(ours[path], name):
                yield Difference(f"{path}.{name}", "missing from an instance")


def _all_differences() -> list[Difference]:
    found = [difference for module in MODULES for difference in _in_module(module)]
    return sorted({*found, *_of_instances()}, key=str)


# The list


def _listed() -> dict[str, str]:
    """The paths in the table of names, and the reason that stands beside each."""
    text = DIFFERENCES.read_text()
    section = text.partition("## Names\n")[2].partition("\n## ")[0]
    listed = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            paths, _, reason = cells
            for path in re.findall(r"`([^`]+)`", paths):
                assert path not in listed, f"{path} is listed twice."
                listed[path] = reason
    return listed


def test_flask_has_no_name_that_is_neither_here_nor_listed() -> None:
    listed = _listed()
    unexplained = [str(found) for found in _all_differences() if found.path not in listed]
    assert unexplained == []


def test_what_is_listed_differs_and_has_its_reason() -> None:
    differing = {difference.path for difference in _all_differences()}
    listed = _listed()
    assert set(listed) <= differing
    assert all(listed.values())


def test_the_walk_finds_what_flask_is_known_for() -> None:
    assert {"flask.sansio.app", "flask.json.tag", "flask.debughelpers"} <= set(MODULES)
    assert not _is_imported("flask.app", "request", flask.request)
    assert not _is_imported("flask.app", "request_started", flask.request_started)
    assert not _is_imported("flask.app", "Request", flask.Request)
    assert _is_imported("flask.app", "os", importlib.import_module("os"))
