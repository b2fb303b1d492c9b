"""JSON as the current application wants it.

Lives here: ``dumps``, ``dump``, ``loads``, ``load`` and ``jsonify``, with the signatures of the
standard library's functions.
Must not know: how JSON is made. Inside a context every function asks ``current_app.json``;
outside of one, the first four are the standard library's, and ``dumps`` knows the extra types
of the default provider.
"""

from __future__ import annotations

import json as _json
from typing import IO, TYPE_CHECKING, Any, AnyStr

from .. import old_names
from ..globals import _cv_ctx, current_app
from .provider import _default

if TYPE_CHECKING:
    from ..wrappers import Response


def dumps(obj: Any, **kwargs: Any) -> str:
    """Serialise *obj* as JSON, through ``current_app.json.dumps`` in a context.

    :param obj: the data
    :param kwargs: for the provider, or for :func:`json.dumps`
    """
    if (ctx := _cv_ctx.get(None)) is not None:
        return ctx.app.json.dumps(obj, **kwargs)
    kwargs.setdefault("default", _default)
    return _json.dumps(obj, **kwargs)


def dump(obj: Any, fp: IO[str], **kwargs: Any) -> None:
    """Serialise *obj* as JSON into a file, through ``current_app.json.dump`` in a context.

    :param obj: the data
    :param fp: a file open for text, which should be UTF-8
    :param kwargs: for the provider, or for :func:`json.dump`
    """
    if (ctx := _cv_ctx.get(None)) is not None:
        ctx.app.json.dump(obj, fp, **kwargs)
        return
    kwargs.setdefault("default", _default)
    _json.dump(obj, fp, **kwargs)


def loads(s: str | bytes, **kwargs: Any) -> Any:
    """The data that *s* holds, through ``current_app.json.loads`` in a context.

    :param s: text, or UTF-8 bytes
    :param kwargs: for the provider, or for :func:`json.loads`
    """
    if (ctx := _cv_ctx.get(None)) is not None:
        return ctx.app.json.loads(s, **kwargs)
    return _json.loads(s, **kwargs)


def load(fp: IO[AnyStr], **kwargs: Any) -> Any:
    """The data that a file holds, through ``current_app.json.load`` in a context.

    :param fp: a file open for text or for UTF-8 bytes
    :param kwargs: for the provider, or for :func:`json.load`
    """
    if (ctx := _cv_ctx.get(None)) is not None:
        return ctx.app.json.load(fp, **kwargs)
    return _json.load(fp, **kwargs)


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """A response whose body is the arguments as JSON.

    A view may return a dictionary or a list instead. One positional argument is the data;
    several are a list; keyword arguments are a dictionary; none at all is ``null``. In debug
    mode the text is indented.

    :param args: the data, or the items of a list
    :param kwargs: the items of a dictionary
    :raises TypeError: there are arguments of both kinds
    :raises RuntimeError: there is no application context
    """
    return current_app.json.response(*args, **kwargs)


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
