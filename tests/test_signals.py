"""The signals: their names, and whom they reach."""

import flask
import pytest
from blinker import NamedSignal

import carboy
from carboy import Flask, signals

NAMES = sorted(name for name, value in vars(signals).items() if isinstance(value, NamedSignal))


def test_the_signals_are_flasks():
    theirs = {n: v.name for n, v in vars(flask.signals).items() if isinstance(v, NamedSignal)}
    assert {name: getattr(signals, name).name for name in NAMES} == theirs


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_is_the_same_wherever_it_is_imported_from(name):
    assert getattr(carboy, name) is getattr(signals, name)


def test_a_receiver_hears_of_its_own_application_only():
    ours, other = Flask("ours"), Flask("other")
    heard = []

    def receive(sender, **extra):
        heard.append(sender)

    with signals.appcontext_pushed.connected_to(receive, ours):
        for app in (ours, other):
            with app.app_context():
                pass
    with ours.app_context():
        pass
    assert heard == [ours]
