"""Names that programs for earlier lines of Flask use, and where each is to be found.

Lives here: the tables of these names, and ``find``, by which the modules answer for them.
Must not know: what the names mean. What exists nowhere else is in ``legacy``, which is imported
when one of its names is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

_AVAILABLE = ("carboy.legacy.functions.available", "It is always true.")
_APP_STACK = ("carboy.legacy.contexts.app_ctx_stack", "Use 'current_app' or 'g' instead.")
_REQUEST_STACK = (
    "carboy.legacy.contexts.request_ctx_stack",
    "Use 'request' or 'session' instead.",
)
_SAFE_JOIN = ("carboy.legacy.functions.safe_join", "Use 'werkzeug.utils.safe_join' instead.")
_PROVIDER = "Use a JSON provider, 'app.json' or 'app.json_provider_class', instead."

#: Names of modules: where the value is now, and what to tell those who use it. Of names that are
#: only private, nothing is told.
_OLD: dict[str, tuple[str, str]] = {
    "Markup": ("markupsafe.Markup", "Import 'Markup' from 'markupsafe' instead."),
    "escape": ("markupsafe.escape", "Import 'escape' from 'markupsafe' instead."),
    "safe_join": _SAFE_JOIN,
    "json_available": _AVAILABLE,
    "signals_available": _AVAILABLE,
    "_app_ctx_stack": _APP_STACK,
    "_request_ctx_stack": _REQUEST_STACK,
    "globals._app_ctx_stack": _APP_STACK,
    "globals._request_ctx_stack": _REQUEST_STACK,
    "globals._cv_app": ("carboy.legacy.contexts.cv_app", ""),
    "globals._cv_request": ("carboy.legacy.contexts.cv_request", ""),
    "helpers._endpoint_from_view_func": (
        "carboy.scaffold._endpoint_from_view_func",
        "Use the '__name__' of the view instead.",
    ),
    "helpers.get_env": ("carboy.legacy.functions.get_env", "Use 'app.debug' instead."),
    "helpers.json_available": _AVAILABLE,
    "helpers.locked_cached_property": (
        "carboy.legacy.functions.locked_cached_property",
        "Use 'werkzeug.utils.cached_property', and a lock where one is needed, instead.",
    ),
    "helpers.safe_join": _SAFE_JOIN,
    "helpers.total_seconds": (
        "carboy.legacy.functions.total_seconds",
        "Use 'timedelta.total_seconds()' instead.",
    ),
    "helpers.url_quote": ("carboy.legacy.functions.url_quote", "Use 'urllib.parse.quote' instead."),
    "json.JSONDecoder": ("carboy.legacy.json.JSONDecoder", _PROVIDER),
    "json.JSONEncoder": ("carboy.legacy.json.JSONEncoder", _PROVIDER),
    "json.htmlsafe_dumps": (
        "carboy.legacy.json.htmlsafe_dumps",
        "Use 'jinja2.utils.htmlsafe_json_dumps' instead.",
    ),
    "signals.signals_available": _AVAILABLE,
    "testing.make_test_environ_builder": (
        "carboy.testing.EnvironBuilder",
        "Use 'flask.testing.EnvironBuilder' instead.",
    ),
    "views.MethodViewType": ("builtins.type", "'MethodView' needs no metaclass."),
}

#: What modules of Flask import for their own use, and programs took from any of them.
_BORROWED = {
    "App": "carboy.app.App",
    "AppContext": "carboy.ctx.AppContext",
    "AppGroup": "carboy.cli.AppGroup",
    "BadRequest": "werkzeug.exceptions.BadRequest",
    "BadSignature": "itsdangerous.BadSignature",
    "BaseResponse": "werkzeug.wrappers.Response",
    "Blueprint": "carboy.blueprints.Blueprint",
    "BuildError": "werkzeug.routing.BuildError",
    "CliRunner": "click.testing.CliRunner",
    "Client": "werkzeug.test.Client",
    "DispatchingJinjaLoader": "carboy.templating.DispatchingJinjaLoader",
    "Environment": "carboy.templating.Environment",
    "F": "carboy.scaffold.F",
    "HTTPException": "werkzeug.exceptions.HTTPException",
    "LocalProxy": "werkzeug.local.LocalProxy",
    "Markup": "markupsafe.Markup",
    "Namespace": "blinker.Namespace",
    "RequestBase": "werkzeug.wrappers.Request",
    "RequestContext": "carboy.ctx.RequestContext",
    "ResponseBase": "werkzeug.wrappers.Response",
    "SansioBlueprint": "carboy.blueprints.Blueprint",
    "Scaffold": "carboy.scaffold.Scaffold",
    "ScriptInfo": "carboy.cli.ScriptInfo",
    "TaggedJSONSerializer": "carboy.json.tag.TaggedJSONSerializer",
    "URLSafeTimedSerializer": "itsdangerous.URLSafeTimedSerializer",
    "appcontext_tearing_down": "carboy.signals.appcontext_tearing_down",
    "current_app": "carboy.globals.current_app",
    "g": "carboy.globals.g",
    "get_debug_flag": "carboy.helpers.get_debug_flag",
    "get_flashed_messages": "carboy.helpers.get_flashed_messages",
    "get_load_dotenv": "carboy.helpers.get_load_dotenv",
    "got_request_exception": "carboy.signals.got_request_exception",
    "message_flashed": "carboy.signals.message_flashed",
    "request": "carboy.globals.request",
    "request_ctx": "carboy.globals.request_ctx",
    "request_finished": "carboy.signals.request_finished",
    "request_started": "carboy.signals.request_started",
    "request_tearing_down": "carboy.signals.request_tearing_down",
    "send_from_directory": "carboy.helpers.send_from_directory",
    "session": "carboy.globals.session",
    "stream_with_context": "carboy.helpers.stream_with_context",
}

#: Settings of earlier lines: what they were when nobody set them.
SETTINGS: dict[str, Any] = {
    "ENV": "production",
    "JSON_AS_ASCII": True,
    "JSON_SORT_KEYS": True,
    "JSONIFY_MIMETYPE": "application/json",
    "JSONIFY_PRETTYPRINT_REGULAR": False,
    "PRESERVE_CONTEXT_ON_EXCEPTION": None,
}

#: Arguments of ``send_file`` and their names now.
FILE_ARGUMENTS = {
    "add_etags": "etag",
    "attachment_filename": "download_name",
    "cache_timeout": "max_age",
}


def new_file_arguments(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``send_file`` by the names that they have now.

    :param kwargs: the arguments; those by old names win
    """
    kept = {name: value for name, value in kwargs.items() if name not in FILE_ARGUMENTS}
    for old, new in FILE_ARGUMENTS.items():
        if old in kwargs:
            deprecated(old, f"Use '{new}' instead.", stacklevel=4)
            kept[new] = kwargs[old]
    return kept


def find(module: str, name: str) -> Any:
    """The value of a name that a module does not have itself; for the module's ``__getattr__``.

    :param module: the full name of the module
    :param name: the name that it was asked for
    :raises AttributeError: it never had such a name
    """
    _, _, within = module.partition(".")
    path = f"{within}.{name}" if within else name
    # Modules that used the stacks and variables of `globals` had them as well.
    place, advice = _OLD.get(path) or _OLD.get(within and f"globals.{name}") or ("", "")
    if within and not place:
        place = _BORROWED.get(name, "")
    if not place:
        what = f"module {module!r} has no attribute {name!r}"
        if name.startswith("_") and not name.startswith("__"):
            what += ": it is private where Flask has it. Every public name of Flask is here"
        raise AttributeError(what, name=name, obj=sys.modules[module])
    if advice:
        deprecated(f"flask.{path}", advice, stacklevel=3)
    home, _, name = place.rpartition(".")
    return getattr(import_module(home), name)


def deprecated(what: str, advice: str, stacklevel: int = 2) -> None:
    """Warn of a name that is being used.

    :param what: the name
    :param advice: a sentence that says what to do instead
    :param stacklevel: whose line is at fault: 2 for the caller of the function that calls this
    """
    import warnings

    warnings.warn(f"'{what}' is deprecated. {advice}", DeprecationWarning, stacklevel + 1)
