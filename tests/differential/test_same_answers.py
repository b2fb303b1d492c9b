"""Every application in `apps/`, asked the same on Flask and on Carboy.

Three times over: as it is; with receivers on every signal and on the log; and
with every stage replaced on the instance. The first is had several times, so that it
runs the shortest way through the engine; the other two go the ways that must not be
shortened. Conversations are held once more with the two taking turns, so that each
reads the other's cookies.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import lru_cache, partial
from types import ModuleType

import pytest

from . import apps
from .asking import Ask
from .intended import INTENDED
from .observing import Recorder, alike, converse, forget_loggers, logs, signals, stages, told

Create = Callable[[ModuleType], object]
Probe = Callable[[ModuleType], object]

flask = importlib.import_module("flask")
subject = importlib.import_module(os.environ.get("DIFFERENTIAL_SUBJECT", "carboy"))

APPS: list[ModuleType] = [
    importlib.import_module(f"{apps.__name__}.{found.name}")
    for found in pkgutil.iter_modules(apps.__path__)
]


def _short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _identity(module: ModuleType, asked: Ask | Probe) -> str:
    return f"{_short(module)}: {asked.id if isinstance(asked, Ask) else asked.__name__}"


def _readable(text: str) -> str:
    text = re.sub(r"[^\x21-\x7e]", "_", text)
    return text if len(text) < 90 else f"{text[:87]}..."


@lru_cache
def _kept(create: Create, framework: ModuleType) -> object:
    return create(framework)


def _create(module: ModuleType) -> Create:
    stateless = getattr(module, "STATELESS", False)
    return partial(_kept, module.create) if stateless else module.create


def _requests(
    wanted: Callable[[ModuleType, Ask], object] = lambda module, ask: True,
) -> list[object]:
    return [
        pytest.param(module, ask, id=_readable(_identity(module, ask)))
        for module in APPS
        for ask in module.REQUESTS
        if wanted(module, ask)
    ]


def _probes() -> list[object]:
    return [
        pytest.param(module, probe, id=_identity(module, probe))
        for module in APPS
        for probe in _found(module)
    ]


def _found(module: ModuleType) -> list[Probe]:
    return [value for name, value in vars(module).items() if name.startswith("probe_")]


def _assert_same(ours: object, theirs: object, *identities: str) -> None:
    for identity in identities:
        if subject is not flask and (wanted := INTENDED.get(identity)):
            assert wanted.carboy or wanted.flask
            assert _only_in(wanted.carboy, ours, theirs)
            assert _only_in(wanted.flask, theirs, ours)
            return
    assert ours == theirs


def _only_in(words: str, answer: object, other: object) -> bool:
    return not words or (words in repr(answer) and words not in repr(other))


def _compare(
    module: ModuleType, ask: Ask, way: str, attach: Sequence[Recorder] = (), times: int = 1
) -> None:
    create = _create(module)
    ours = converse([subject], create, ask, attach=attach, times=times)
    theirs = converse([flask], create, ask, attach=attach, times=times)
    identity = _identity(module, ask)
    _assert_same(ours, theirs, identity, f"{identity} [{way}]")


def _observable(module: ModuleType, ask: Ask) -> bool:
    return not getattr(module, "OWN_RECEIVERS", False)


def _transferable(module: ModuleType, ask: Ask) -> bool:
    return bool(ask.then) and getattr(module, "STATE_IN_COOKIES", False)


every_request = pytest.mark.parametrize(("module", "ask"), _requests())


@every_request
def test_the_answer_is_the_same(module: ModuleType, ask: Ask) -> None:
    _compare(module, ask, "plain", times=3)


@pytest.mark.parametrize(("module", "ask"), _requests(_observable))
def test_signals_and_log_are_the_same(module: ModuleType, ask: Ask) -> None:
    _compare(module, ask, "signals", [signals, logs])


@every_request
def test_the_stages_are_the_same(module: ModuleType, ask: Ask) -> None:
    _compare(module, ask, "stages", [stages])


@pytest.mark.parametrize(("module", "ask"), _requests(_transferable))
def test_one_goes_on_where_the_other_stopped(module: ModuleType, ask: Ask) -> None:
    alone = converse([flask], _create(module), ask)
    assert converse([flask, subject], _create(module), ask) == alone
    assert converse([subject, flask], _create(module), ask) == alone


@pytest.mark.parametrize(("module", "probe"), _probes())
def test_what_happens_without_a_request_is_the_same(module: ModuleType, probe: Probe) -> None:
    _assert_same(_probed(probe, subject), _probed(probe, flask), _identity(module, probe))


def test_importing_the_package_makes_the_same_modules_reachable() -> None:
    # In a process of its own, for here every module has been imported by now.
    program = """
import importlib, sys
package = importlib.import_module(sys.argv[1])
print([name for name in sys.argv[2:] if not hasattr(package, name)])
"""
    names = ("app", "blueprints", "cli", "config", "ctx", "globals", "helpers", "json")
    names += ("logging", "sessions", "signals", "templating", "typing", "wrappers")
    for package in (flask, subject):
        command = [sys.executable, "-c", program, package.__name__, *names]
        assert subprocess.check_output(command, text=True) == "[]\n"


@pytest.mark.skipif(subject is flask, reason="Flask does not differ from itself.")
def test_every_intended_difference_is_one_of_these() -> None:
    asked = [(module, asked) for module in APPS for asked in (*module.REQUESTS, *_found(module))]
    identities = {_identity(*one) for one in asked}
    assert {re.sub(r" \[\w+\]$", "", key) for key in INTENDED} <= identities


def _probed(probe: Probe, framework: ModuleType) -> object:
    forget_loggers()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = copy_context().run(probe, framework)
        except Exception as error:
            found = told(error)
    return alike((found, [str(warning.message) for warning in warned]))
