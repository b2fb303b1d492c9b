"""How an application makes JSON and reads it.

Lives here: ``JSONProvider``, the methods that ``app.json`` has, and ``DefaultJSONProvider``,
which does them with the standard library.
Must not know: requests. A response is made with the application's ``response_class``.

How it works: a ``json.JSONEncoder`` costs more to make than a small document costs to write,
so there is one for each combination of settings, kept. The settings are read each time,
because they may be changed on the class or on the instance at any time; but the application keeps
the encoder of its responses until a setting of the instance is changed.
"""

from __future__ import annotations

import dataclasses
import json
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import lru_cache
from json.encoder import (  # type: ignore[attr-defined]
    c_make_encoder,
    encode_basestring,
    encode_basestring_ascii,
)
from typing import IO, TYPE_CHECKING, Any, AnyStr, cast

from werkzeug.http import http_date

if TYPE_CHECKING:
    from ..app import App
    from ..wrappers import Response


class JSONProvider:
    """The JSON operations of an application.

    To use another library, subclass this, implement :meth:`dumps` and :meth:`loads`, and set
    ``Flask.json_provider_class`` to the class or ``app.json`` to an instance.

    :param app: the application; held weakly, as ``_app``
    """

    def __init__(self, app: App) -> None:
        self._app: App = cast("App", weakref.proxy(app))

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialise *obj* as JSON.

        :param obj: the data
        :param kwargs: for the library underneath
        """
        raise NotImplementedError

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Serialise *obj* as JSON into a file.

        :param obj: the data
        :param fp: a file open for text, which should be UTF-8
        :param kwargs: for the library underneath
        """
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The data that *s* holds.

        :param s: text, or UTF-8 bytes
        :param kwargs: for the library underneath
        """
        raise NotImplementedError

    def load(self, fp: IO[AnyStr], **kwargs: Any) -> Any:
        """The data that a file holds.

        :param fp: a file open for text or for UTF-8 bytes
        :param kwargs: for the library underneath
        """
        return self.loads(fp.read(), **kwargs)

    def _prepare_response_obj(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and kwargs:
            raise TypeError("app.json.response() takes either args or kwargs, not both")
        if len(args) == 1:
            return args[0]
        return args or kwargs or None

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A response whose body is the arguments as JSON; what ``jsonify`` calls.

        :param args: the data, or the items of a list
        :param kwargs: the items of a dictionary
        :raises TypeError: there are arguments of both kinds
        """
        obj = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(self.dumps(obj), mimetype="application/json")


def _default(o: Any) -> Any:
    if isinstance(o, date):
        return http_date(o)
    # Whoever has one of these has imported its module; nobody else shall pay for it.
    from uuid import UUID

    if isinstance(o, UUID):
        return str(o)
    if dataclasses.is_dataclass(o):
        return dataclasses.asdict(o)  # type: ignore[arg-type]  # says so if it is a class
    if hasattr(o, "__html__"):
        return str(o.__html__())
    from decimal import Decimal

    if isinstance(o, Decimal):
        return str(o)
    raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


_scan_once = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _loads(s: str | bytes) -> Any:
    """What ``json.loads(s)`` gives, which looks for white space around it and for other
    encodings than UTF-8 before it begins."""
    text = s
    if type(text) is bytes and text[:1] in _OPENING and text[1:2] != b"\0":
        text = text.decode("utf-8", "surrogatepass")
    if type(text) is not str:
        return json.loads(s)
    try:
        value, end = _scan_once(text, 0)
    except StopIteration:
        return json.loads(s)
    return value if end == len(text) else json.loads(s)


_OPENING = frozenset({b"{", b"["})


@lru_cache(maxsize=64)
def _encode_with(
    default: Callable[[Any], Any] | None,
    ensure_ascii: bool,
    sort_keys: bool,
    *options: tuple[str, Any],
) -> Callable[[Any], str]:
    """The function that encodes with these settings; later options win over earlier ones."""
    settings = {
        "default": default,
        "ensure_ascii": ensure_ascii,
        "sort_keys": sort_keys,
        **dict(options),
    }
    encoder = json.JSONEncoder(**settings)
    if c_make_encoder is None or encoder.indent is not None or not encoder.check_circular:
        return encoder.encode
    known = (
        None,
        encoder.default,
        encode_basestring_ascii if encoder.ensure_ascii else encode_basestring,
        None,
        encoder.key_separator,
        encoder.item_separator,
        encoder.sort_keys,
        encoder.skipkeys,
        encoder.allow_nan,
    )

    iterencode = c_make_encoder(*known)

    def encode(obj: Any) -> str:
        # What ``encoder.encode`` comes to, but for the dictionary in which that keeps the
        # objects being encoded, to notice one that holds itself.
        try:
            return "".join(iterencode(obj, 0))
        except RecursionError:
            return encoder.encode(obj)

    return encode


_COMPACT: dict[str, Any] = {"separators": (",", ":")}
_INDENTED: dict[str, Any] = {"indent": 2}


class DefaultJSONProvider(JSONProvider):
    """JSON with the standard library's :mod:`json`.

    These types are serialised too: ``date`` and ``datetime`` as an HTTP date, ``Decimal`` and
    ``UUID`` as text, dataclasses as dictionaries, and objects with ``__html__``, such as
    ``Markup``, as their HTML.
    """

    default: Callable[[Any], Any] = staticmethod(_default)
    """Makes a serialisable value of an object that the library does not know."""

    ensure_ascii = True
    """Whether characters outside of ASCII are escaped."""

    sort_keys = True
    """Whether the keys of dictionaries are sorted, which keeps caches effective. Keys of
    different types cannot be."""

    compact: bool | None = None
    """Whether :meth:`response` leaves out white space; ``None`` means unless in debug mode."""

    mimetype = "application/json"
    """The type of what :meth:`response` makes."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name != "_app":
            self._changed()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._changed()

    def _changed(self) -> None:
        """Have the application ask for :meth:`_encoder` again."""
        with suppress(ReferenceError):  # The application has gone.
            self._app._forget()

    def _encoder(self) -> Callable[[Any], str] | None:
        """What makes the text of responses outside debug mode; ``None`` if :meth:`response` has to
        be asked each time."""
        kind = type(self)
        if (
            kind.response is not DefaultJSONProvider.response
            or kind.dumps is not DefaultJSONProvider.dumps
            or {"response", "dumps"} & self.__dict__.keys()
            or self.compact is False
        ):
            return None
        try:
            return _encode_with(self.default, self.ensure_ascii, self.sort_keys, *_COMPACT.items())
        except TypeError:  # a setting that cannot be kept
            return None

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialise *obj* as JSON.

        :param obj: the data
        :param kwargs: for :func:`json.dumps`; ``default``, ``ensure_ascii`` and ``sort_keys``
            are the attributes unless given
        """
        try:
            encode = _encode_with(self.default, self.ensure_ascii, self.sort_keys, *kwargs.items())
        except TypeError:  # an option that cannot be kept, or another class of encoder
            kwargs.setdefault("default", self.default)
            kwargs.setdefault("ensure_ascii", self.ensure_ascii)
            kwargs.setdefault("sort_keys", self.sort_keys)
            return json.dumps(obj, **kwargs)
        return encode(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The data that *s* holds.

        :param s: text, or UTF-8 bytes
        :param kwargs: for :func:`json.loads`
        :raises ValueError: it is not JSON, or is nested deeper than Python can follow
        """
        try:
            return json.loads(s, **kwargs) if kwargs else _loads(s)
        except RecursionError:
            raise ValueError("The JSON is nested too deeply.") from None

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A response whose body is the arguments as JSON; what ``jsonify`` calls.

        :param args: the data, or the items of a list
        :param kwargs: the items of a dictionary
        :raises TypeError: there are arguments of both kinds
        """
        text = self._text(self._prepare_response_obj(args, kwargs))
        return self._app.response_class(text, mimetype=self.mimetype)

    def _text(self, obj: Any) -> str:
        """The body of the response to be made of *obj*."""
        compact = not self._app.config["DEBUG"] if self.compact is None else self.compact
        return f"{self.dumps(obj, **(_COMPACT if compact else _INDENTED))}\n"
