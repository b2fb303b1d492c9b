"""The signals of an application's life, one name each.

Lives here: the ten signals, for ``signal.connect(receiver, app)``.
Must not know: when they are sent. The module that sends a signal tests ``signal.receivers``
first, so that a signal nobody listens to costs one truth test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import blinker
from blinker import ANY, Namespace

from . import old_names
from .hooks import changes

F = TypeVar("F", bound=Callable[..., Any])


class NamedSignal(blinker.NamedSignal):
    """A signal that leaves a mark when it gets a receiver."""

    def connect(self, receiver: F, sender: Any = ANY, weak: bool = True) -> F:
        """Have *receiver* called when *sender* sends the signal.

        :param receiver: takes the sender and what is sent with it
        :param sender: any by default
        :param weak: until nobody else holds *receiver*
        """
        try:
            return super().connect(receiver, sender, weak)
        finally:
            changes.mark = object()


_signals = Namespace()


def _signal(name: str) -> NamedSignal:
    signal = _signals[name] = NamedSignal(name)
    return signal


template_rendered = _signal("template-rendered")
"""A template was rendered; receives ``template`` and ``context``."""

before_render_template = _signal("before-render-template")
"""A template is about to be rendered; receives ``template`` and ``context``."""

request_started = _signal("request-started")
"""The request context is pushed and nothing of the request has been handled yet."""

request_finished = _signal("request-finished")
"""The response is ready to be sent; receives ``response``."""

request_tearing_down = _signal("request-tearing-down")
"""The request context is being torn down; receives ``exc``, an exception or ``None``."""

got_request_exception = _signal("got-request-exception")
"""An exception that no handler took is about to become an error page; receives
``exception``."""

appcontext_tearing_down = _signal("appcontext-tearing-down")
"""The application context is being torn down; receives ``exc``, an exception or ``None``."""

appcontext_pushed = _signal("appcontext-pushed")
"""An application context was pushed."""

appcontext_popped = _signal("appcontext-popped")
"""An application context was popped."""

message_flashed = _signal("message-flashed")
"""A message was flashed; receives ``message`` and ``category``."""


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
