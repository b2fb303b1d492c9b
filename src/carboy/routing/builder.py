"""Build a path for an endpoint.

Lives here: what a rule's path is put together from, and the query behind it.
Must not know: how an endpoint's rules are found, hosts, schemes, where the application is mounted.

How it works: a rule becomes a sequence of literal texts and variables. Most values are numbers,
or texts that need no quoting, which one look tells; the rest goes to the converter, and to
Werkzeug's own encoding of the query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from werkzeug.routing import BaseConverter, Rule, ValidationError
from werkzeug.routing.converters import NumberConverter

# What https://url.spec.whatwg.org/#url-path-segment-string leaves as it is.
_SAFE = "!$&'()*+,/:;=@"
_plain_in_path = re.compile(rf"[A-Za-z0-9_.~{re.escape(_SAFE)}-]*").fullmatch
# What https://url.spec.whatwg.org/#percent-encoded-bytes leaves as it is.
_SAFE_IN_QUERY = "!$'()*,/:;?@"
_plain_in_query = re.compile(rf"[A-Za-z0-9_.~{re.escape(_SAFE_IN_QUERY)}-]*").fullmatch

_BUILDING = ("build", "suitable_for", "_encode_query_vars", "_compile_builder")

#: A variable: its name, its converter's function, whether that only quotes texts, whether it
#: leaves integers as they are, and the literal text behind it.
Slot = tuple[str, Callable[[Any], str], bool, bool, str]


class PathBuilder:
    """Builds the path of one rule."""

    __slots__ = ("_alone", "_defaults", "_head", "_known", "_slots", "rule")

    def __init__(self, rule: Rule, head: str, slots: tuple[Slot, ...]) -> None:
        self.rule = rule
        self._head = head
        self._slots = slots
        self._defaults = dict(rule.defaults or {})
        self._known = {*(slot[0] for slot in slots), *map(str, self._defaults)}
        #: The path without values, which most links of a page are.
        self._alone = self._build({})

    @classmethod
    def of(cls, rule: Rule, domain: str) -> PathBuilder | None:
        """The builder for *rule*; ``None`` when its URLs need more than a path in *domain*."""
        if rule.websocket or any(
            getattr(type(rule), name) is not getattr(Rule, name) for name in _BUILDING
        ):
            return None
        trace = rule._trace
        bar = next(index for index, (_, data) in enumerate(trace) if data == "|")
        host, path = trace[:bar], trace[bar + 1 :]
        if any(variable for variable, _ in host) or domain != "".join(
            quote(data, safe=_SAFE) for _, data in host
        ):
            return None

        defaults = rule.defaults or {}
        names: list[str] = []
        texts = [""]
        for variable, data in path:
            if not variable:
                texts[-1] += quote(data, safe=_SAFE)
            elif data in defaults:
                texts[-1] += rule._converters[data].to_url(defaults[data])
            else:
                names.append(data)
                texts.append("")
        head, *tails = texts
        slots = (
            _slot(name, rule._converters[name], tail)
            for name, tail in zip(names, tails, strict=True)
        )
        return cls(rule, head, tuple(slots))

    def build(self, values: Mapping[str, Any]) -> str | None:
        """The path with the query; ``None`` when *values* don't suit the rule."""
        return self._build(values) if values else self._alone

    def _build(self, values: Mapping[str, Any]) -> str | None:
        for slot in self._slots:
            if values.get(slot[0]) is None:
                return None
        for name, default in self._defaults.items():
            value = values.get(name)
            if value is not None and default != value:
                return None

        path = self._head
        try:
            for name, to_url, quotes, counts, tail in self._slots:
                value = values[name]
                kind = type(value)
                if kind is str and quotes and _plain_in_path(value):
                    path += value + tail
                elif kind is int and counts:
                    path += str(value) + tail
                else:
                    path += to_url(value) + tail
        except ValidationError:
            return None
        if len(values) > len(self._slots):
            path += self._query(values)
        # An adapter puts exactly one slash between the application's root and the path.
        return path if path[1:2] != "/" else "/" + path.lstrip("/")

    def _query(self, values: Mapping[str, Any]) -> str:
        known = self._known
        rest = {k: v for k, v in values.items() if v is not None and k not in known}
        if not rest:
            return ""
        query = None if self.rule.map.sort_parameters else _simple_query(rest)
        if query is None:
            query = self.rule._encode_query_vars(rest)
        return f"?{query}" if query else ""


def _slot(name: str, converter: BaseConverter, tail: str) -> Slot:
    own = type(converter).to_url
    quotes = own is BaseConverter.to_url
    counts = quotes or (
        isinstance(converter, NumberConverter)
        and own is NumberConverter.to_url
        and converter.num_convert is int
        and not converter.fixed_digits
    )
    return name, converter.to_url, quotes, counts, tail


def _simple_query(values: Mapping[str, Any]) -> str | None:
    """The query, if it holds nothing but texts and integers; otherwise ``None``."""
    pairs = []
    for name, value in values.items():
        if not isinstance(name, str):
            raise TypeError("keywords must be strings")
        if type(value) is int:
            value = str(value)
        elif type(value) is not str:
            return None
        pairs.append(f"{_quoted(name)}={_quoted(value)}")
    return "&".join(pairs)


def _quoted(text: str) -> str:
    return text if _plain_in_query(text) else quote_plus(text, safe=_SAFE_IN_QUERY)
