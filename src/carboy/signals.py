"""The signals of an application's life, one name each.

Lives here: the ten signals, for ``signal.connect(receiver, app)``.
Must not know: when they are sent. The module that sends a signal tests ``signal.receivers``
first, so that a signal nobody listens to costs one truth test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blinker import Namespace

from . import old_names

_signals = Namespace()

template_rendered = _signals.signal("template-rendered")
"""A template was rendered; receives ``template`` and ``context``."""

before_render_template = _signals.signal("before-render-template")
"""A template is about to be rendered; receives ``template`` and ``context``."""

request_started = _signals.signal("request-started")
"""The request context is pushed and nothing of the request has been handled yet."""

request_finished = _signals.signal("request-finished")
"""The response is ready to be sent; receives ``response``."""

request_tearing_down = _signals.signal("request-tearing-down")
"""The request context is being torn down; receives ``exc``, an exception or ``None``."""

got_request_exception = _signals.signal("got-request-exception")
"""An exception that no handler took is about to become an error page; receives
``exception``."""

appcontext_tearing_down = _signals.signal("appcontext-tearing-down")
"""The application context is being torn down; receives ``exc``, an exception or ``None``."""

appcontext_pushed = _signals.signal("appcontext-pushed")
"""An application context was pushed."""

appcontext_popped = _signals.signal("appcontext-popped")
"""An application context was popped."""

message_flashed = _signals.signal("message-flashed")
"""A message was flashed; receives ``message`` and ``category``."""


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
