"""Carboy: the Flask API on a new engine.

Lives here: the public names. Those that need Jinja or the command line, and those that not every
program uses, are imported when they are first asked for, so that ``import carboy`` stays cheap.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _werkzeug as _werkzeug  # before anything that imports Werkzeug

# isort: split
from . import json, old_names
from .app import Flask
from .config import Config
from .ctx import (
    after_this_request,
    copy_current_request_context,
    has_app_context,
    has_request_context,
)
from .globals import current_app, g, request, session, websocket
from .helpers import (
    abort,
    flash,
    get_flashed_messages,
    get_template_attribute,
    make_response,
    redirect,
    send_file,
    send_from_directory,
    stream_with_context,
    url_for,
)
from .json import jsonify
from .signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_request_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    template_rendered,
)
from .wrappers import Request, Response

if TYPE_CHECKING:
    from ._version import __version__ as __version__
    from .blueprints import Blueprint
    from .events import ServerSentEvent, event_stream
    from .flask_alias import install_as_flask
    from .templating import (
        render_template,
        render_template_string,
        stream_template,
        stream_template_string,
    )

#: Where the names are that are imported when they are first asked for.
_LATER = {
    "Blueprint": ".blueprints",
    "ServerSentEvent": ".events",
    "event_stream": ".events",
    "install_as_flask": ".flask_alias",
    "render_template": ".templating",
    "render_template_string": ".templating",
    "stream_template": ".templating",
    "stream_template_string": ".templating",
}

# So that a star import brings the later ones as well, and the modules that Flask's brings.
__all__ = [
    "Blueprint",
    "Config",
    "Flask",
    "Request",
    "Response",
    "ServerSentEvent",
    "abort",
    "after_this_request",
    "app",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "blueprints",
    "cli",
    "config",
    "copy_current_request_context",
    "ctx",
    "current_app",
    "event_stream",
    "flash",
    "g",
    "get_flashed_messages",
    "get_template_attribute",
    "globals",
    "got_request_exception",
    "has_app_context",
    "has_request_context",
    "helpers",
    "install_as_flask",
    "json",
    "jsonify",
    "logging",
    "make_response",
    "message_flashed",
    "redirect",
    "render_template",
    "render_template_string",
    "request",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "sansio",
    "send_file",
    "send_from_directory",
    "session",
    "sessions",
    "signals",
    "stream_template",
    "stream_template_string",
    "stream_with_context",
    "template_rendered",
    "templating",
    "typing",
    "url_for",
    "websocket",
    "wrappers",
]


#: Modules that Flask has imported by now, and that are imported here when asked for.
_MODULES = {"blueprints", "cli", "templating", "typing"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if (module := _LATER.get(name)) is not None:
        value = getattr(import_module(module, __name__), name)
        setattr(import_module(__name__), name, value)
        return value
    if name == "sansio":
        return sys.modules[__name__]
    if name == "__version__":
        return _find_version()
    return old_names.find(__name__, name)


def __dir__() -> list[str]:
    return sorted({*vars(sys.modules[__name__]), *__all__})


def _find_version() -> str:
    from ._version import FLASK_VERSION
    from ._version import __version__ as own

    if sys.modules.get("flask") is not sys.modules[__name__]:
        return own
    # Those who ask by this name want to know what this line of Flask can do.
    old_names.deprecated(
        "flask.__version__",
        "Use feature detection or 'importlib.metadata.version(\"flask\")' instead.",
        stacklevel=3,
    )
    return FLASK_VERSION
