"""JSON that keeps the types JSON does not have, for session cookies.

Lives here: ``TaggedJSONSerializer`` and the tags of its types. A value of another type becomes
an object whose only key is the tag: ``(1, 2)`` is written ``{" t": [1, 2]}``.
Must not know: who signs or stores the text. The format is Flask's, so either reads the
other's cookies.

How it works: the tags are asked in order and the first whose ``check`` is true writes the
value; containers ask again for what they hold. Dictionaries are first asked whether they look
like a tag themselves, and escaped if so. Most sessions hold only text and numbers, which no
tag of ours takes: a dictionary of these is left alone without asking, unless the tags were
changed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any

from markupsafe import Markup
from werkzeug.http import http_date, parse_date

from . import dumps, loads


class JSONTag:
    """Writes and reads the values of one type; subclass it for a type of your own.

    :param serializer: the serializer that the tag is registered with
    """

    __slots__ = ("serializer",)

    key: str = ""
    """Marks a value of this type. Without a key the tag only prepares values for JSON, and
    they are read as what JSON makes of them."""

    def __init__(self, serializer: TaggedJSONSerializer) -> None:
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Whether this tag takes *value*."""
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        """What JSON can write for *value*, without the tag."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """The value that :meth:`to_json` made *value* of."""
        raise NotImplementedError

    def tag(self, value: Any) -> dict[str, Any]:
        """What JSON can write for *value*, with the tag."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """Escapes a dictionary whose only key is a tag, by two underscores after the key."""

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            and len(value) == 1
            and next(iter(value)) in self.serializer.tags
        )

    def to_json(self, value: Any) -> Any:
        [(key, item)] = value.items()
        return {f"{key}__": self.serializer.tag(item)}

    def to_python(self, value: Any) -> Any:
        key = next(iter(value))
        return {key[:-2]: value[key]}


class PassDict(JSONTag):
    """Leaves a dictionary as it is, and tags its values."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, dict)

    def to_json(self, value: Any) -> Any:
        # JSON has text keys only; they need no tag.
        return {key: self.serializer.tag(item) for key, item in value.items()}

    tag = to_json


class TagTuple(JSONTag):
    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """Leaves a list as it is, and tags its items."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, list)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    tag = to_json


class TagBytes(JSONTag):
    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode("ascii")

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """Keeps any object that has ``__html__`` as the ``Markup`` of its HTML."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        return Markup(value)


class TagUUID(JSONTag):
    __slots__ = ()
    key = " u"

    # Whoever has one has imported its module; nobody else shall pay for it.

    def check(self, value: Any) -> bool:
        from uuid import UUID

        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        from uuid import UUID

        return UUID(value)


class TagDateTime(JSONTag):
    """Keeps a date and time to the second, in UTC."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return http_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


_DEFAULT_TAGS: list[type[JSONTag]] = [
    TagDict,
    PassDict,
    TagTuple,
    PassList,
    TagBytes,
    TagMarkup,
    TagUUID,
    TagDateTime,
]

_UNTAGGED = frozenset({str, int, float, bool, type(None)})
"""The types that no default tag takes."""


class TaggedJSONSerializer:
    """Serialises as compact JSON, keeping more types than JSON has.

    These are ``dict``, ``tuple``, ``bytes``, ``Markup``, ``UUID`` and ``datetime``; more can
    be registered.
    """

    __slots__ = ("_tags_at_first", "order", "tags")

    default_tags: list[type[JSONTag]] = [*_DEFAULT_TAGS]
    """The tags that a new serializer has, in the order in which they are asked."""

    def __init__(self) -> None:
        self.tags: dict[str, JSONTag] = {}
        self.order: list[JSONTag] = []
        for tag_class in self.default_tags:
            self.register(tag_class)
        plain = self.default_tags == _DEFAULT_TAGS and type(self).tag is TaggedJSONSerializer.tag
        self._tags_at_first = [*self.order] if plain else []

    def register(
        self, tag_class: type[JSONTag], force: bool = False, index: int | None = None
    ) -> None:
        """Add a tag.

        :param tag_class: the tag's class
        :param force: whether a tag with the same key may be replaced
        :param index: where in the order the tag is asked, such as 0 for a special case of a
            type that has a tag; by default it is asked last
        :raises KeyError: there is a tag with the same key, and *force* is false
        """
        tag = tag_class(self)
        if tag.key:
            if not force and tag.key in self.tags:
                raise KeyError(f"Tag '{tag.key}' is already registered.")
            self.tags[tag.key] = tag
        if index is None:
            self.order.append(tag)
        else:
            self.order.insert(index, tag)

    def tag(self, value: Any) -> Any:
        """What JSON can write for *value*, tagged if its type needs it."""
        if self.order == self._tags_at_first and self._needs_no_tag(value):
            return value
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)
        return value

    def _needs_no_tag(self, value: Any) -> bool:
        if type(value) is not dict:
            return type(value) in _UNTAGGED
        if len(value) == 1 and next(iter(value)) in self.tags:
            return False
        return _UNTAGGED.issuperset(map(type, value.values()))

    def untag(self, value: dict[str, Any]) -> Any:
        """The value that a JSON object stands for: itself, unless its only key is a tag."""
        if len(value) != 1:
            return value
        [(key, item)] = value.items()
        tag = self.tags.get(key)
        return value if tag is None else tag.to_python(item)

    def _untag_scan(self, value: Any) -> Any:
        if isinstance(value, dict):
            if not _UNTAGGED.issuperset(map(type, value.values())):
                value = {key: self._untag_scan(item) for key, item in value.items()}
            return self.untag(value)
        if isinstance(value, list):
            return [self._untag_scan(item) for item in value]
        return value

    def dumps(self, value: Any) -> str:
        """The tagged JSON text for *value*."""
        return dumps(self.tag(value), separators=(",", ":"))

    def loads(self, value: str) -> Any:
        """The value that tagged JSON text stands for."""
        return self._untag_scan(loads(value))
