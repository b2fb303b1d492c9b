"""``Rule``: a URL pattern that costs little to register.

Lives here: reading a rule's text, and the rule itself.
Must not know: how rules are matched or found.

How it works: binding a rule to a map reads its text and makes its converters, so that every
mistake shows where the rule is registered. The regular expressions, and the two functions that
Werkzeug generates for building, are made when they are first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from werkzeug import routing
from werkzeug.routing import AnyConverter, BaseConverter, parse_converter_args
from werkzeug.routing.converters import DEFAULT_CONVERTERS
from werkzeug.routing.rules import RulePart

from .parts import (
    Part,
    Weight,
    from_rule_part,
    pattern_of,
    weighting,
    whole_part,
)
from .runs import Element, elements_of


class Variable(NamedTuple):
    """A variable as a rule's text names it."""

    name: str
    converter: str
    arguments: str


Token = str | Variable

_VARIABLE = r"""<(?:([a-zA-Z_][a-zA-Z0-9_]*)(?:\((.*?)\))?:)?([a-zA-Z_][a-zA-Z0-9_]*)>"""
_TOKEN = re.compile(rf"([^</]+)|{_VARIABLE}")
# Few rules need these, so ``re`` compiles them for the first that does.
_SLASH_OR_TOKEN = rf"/|[^</]+|{_VARIABLE}"
_SURROGATE = "[\ud800-\udfff]"
_SLASHES = re.compile("/{2,}")
# Nobody can tell whether two rules share an instance of these.
_SHAREABLE = frozenset(DEFAULT_CONVERTERS.values())
# Names that Python refuses as parameters, also in the builders that Werkzeug generates.
_REFUSED = frozenset(("None", "True", "False", "__debug__"))
_LAZY = ("_trace", "_parts", "_build", "_build_unknown")


class Rule(routing.Rule):
    """A URL pattern, as :class:`werkzeug.routing.Rule`, with the same parameters.

    Registering one takes microseconds: what only matching or building needs is prepared on
    first use.
    """

    _source: tuple[str, str]
    _instances: list[BaseConverter]

    def compile(self) -> None:
        """Read the rule's text and make its converters.

        :raises ValueError: for a malformed rule or malformed converter arguments
        :raises LookupError: for an unknown converter
        """
        assert self.map is not None, "rule not bound"
        domain = (self.host if self.map.host_matching else self.subdomain) or ""
        path = self.rule
        if self.merge_slashes and "//" in path:
            path = _SLASHES.sub("/", path)

        self._source = (domain, path)
        self._instances = []
        self._converters = {}
        for text in self._source:
            if "<" not in text:
                continue
            for segment in _segments(text):
                if "<" not in segment:
                    continue
                for token in _tokens_of(segment, text):
                    if isinstance(token, Variable):
                        converter = self._make_converter(token)
                        self._converters[token.name] = converter
                        self._instances.append(converter)

        self.arguments.update(self._converters)
        for name in _LAZY:
            self.__dict__.pop(name, None)
        if self._may_not_build():
            # Raises what is wrong here and now, not when the first URL is built.
            _ = self._build, self._build_unknown

    def _may_not_build(self) -> bool:
        """Whether generating the builders could fail."""
        names = len(self._instances) + len(self.defaults or ())
        return (
            len(self.arguments) != names
            or not self.arguments.isdisjoint(_REFUSED)
            or any(not t.isascii() and re.search(_SURROGATE, t) for t in self._source)
        )

    def _make_converter(self, variable: Variable) -> BaseConverter:
        kind = self.map.converters.get(variable.converter)
        inherited = type(self).get_converter is routing.Rule.get_converter
        shared: dict[object, BaseConverter] = {}
        if inherited and kind in _SHAREABLE:
            shared = getattr(self.map, "_shared_converters", shared)
        key = kind, variable.arguments
        if key not in shared:
            args, kwargs = parse_converter_args(variable.arguments)
            shared[key] = self.get_converter(variable.name, variable.converter, args, kwargs)
        return shared[key]

    def refresh(self) -> None:
        """Take over changes made to the rule in place, for matching as well as building."""
        super().refresh()
        # The map knows its rules; a rule must find its way back to have itself sorted anew.
        from .map import Map

        if isinstance(self.map, Map):
            self.map.resort()

    def pieces(self) -> list[str | Part]:
        """The parts of domain and path; one without variables is its text."""
        domain, path = self._source
        if not self._instances:
            return [*domain.split("/"), *path.split("/")]
        instances = iter(self._instances)
        return [*_read(domain, instances), *_read(path, instances)]

    @cached_property
    def _trace(self) -> list[tuple[bool, str]]:  # type: ignore[override]
        return [
            *_trace_of(self._source[0]),
            (False, "|"),
            *_trace_of(self._source[1]),
        ]

    @cached_property
    def _parts(self) -> list[RulePart]:  # type: ignore[override]
        parts: list[RulePart] = []
        before: str | Part = ""
        for piece in self.pieces():
            if isinstance(piece, Part):
                parts.append(piece.as_rule_part())
            else:
                weight: Weight = (0, (), 0, ())
                if isinstance(before, Part) and before.suffixed:
                    weight = before.weight
                elif piece:
                    weight = (-1, ((0, -len(piece)),), 0, ())
                parts.append(
                    RulePart(piece, False, True, False, weighting(weight)),
                )
            before = piece
        return parts

    @cached_property
    def _build(self) -> Callable[..., tuple[str, str]]:  # type: ignore[override]
        return self._compile_builder(False).__get__(self, None)  # type: ignore[no-any-return]

    @cached_property
    def _build_unknown(self) -> Callable[..., tuple[str, str]]:  # type: ignore[override]
        return self._compile_builder(True).__get__(self, None)  # type: ignore[no-any-return]


def pieces_of(rule: routing.Rule) -> list[str | Part]:
    """The parts of domain and path of any rule that is bound to a map."""
    if isinstance(rule, Rule):
        return rule.pieces()
    return [from_rule_part(part) for part in rule._parts]


def _segments(text: str) -> list[str]:
    """*text* between its slashes. A slash in a converter's arguments doesn't count."""
    if "(" not in text:
        return text.split("/")
    match = re.compile(_SLASH_OR_TOKEN).match
    segments = [""]
    position = 0
    while (token := match(text, position)) is not None:
        if token[0] == "/":
            segments.append("")
        else:
            segments[-1] += token[0]
        position = token.end()
    segments[-1] += text[position:]
    return segments


@lru_cache(maxsize=1024)
def _tokens(segment: str) -> tuple[Token, ...] | None:
    """The literal texts and variables of *segment*; ``None`` when it is malformed."""
    tokens: list[Token] = []
    position = 0
    while (token := _TOKEN.match(segment, position)) is not None:
        literal, converter, arguments, name = token.groups()
        tokens.append(literal or Variable(name, converter or "default", arguments or ""))
        position = token.end()
    return tuple(tokens) if position == len(segment) else None


def _tokens_of(segment: str, text: str) -> tuple[Token, ...]:
    tokens = _tokens(segment)
    if tokens is None:
        raise ValueError(f"malformed url rule: {text!r}")
    return tokens


def _trace_of(text: str) -> Iterator[tuple[bool, str]]:
    for index, segment in enumerate(_segments(text)):
        if index:
            yield False, "/"
        for token in _tokens_of(segment, text):
            yield (False, token) if isinstance(token, str) else (True, token.name)


def _read(text: str, converters: Iterator[BaseConverter]) -> Iterator[str | Part]:
    """The parts of *text*, whose variables have *converters*, in the order they stand."""
    segments = iter(_segments(text))
    for segment in segments:
        if "<" not in segment:
            yield segment
            continue
        tokens = list(_tokens_of(segment, text))
        own = [next(converters) for token in tokens if isinstance(token, Variable)]
        if all(converter.part_isolating for converter in own):
            yield _part(tokens, own, final=False)
            continue
        # A variable that spans slashes takes everything after it into its part.
        for following in segments:
            more = _tokens_of(following, text)
            own += [next(converters) for token in more if isinstance(token, Variable)]
            tokens += ["/", *more]
        part = _part(tokens, own, final=True)
        yield part
        if part.suffixed:
            yield ""


def _part(tokens: list[Token], converters: list[BaseConverter], final: bool) -> Part:
    if len(tokens) == 1 and not final and not isinstance(converters[0], AnyConverter):
        return whole_part(converters[0].regex, converters[0].weight)

    suffixed = final and tokens[-1] == "/"
    if suffixed:
        tokens = tokens[:-1]

    body = ""
    # With a single variable there is nothing to try out.
    elements: list[Element] | None = [] if len(converters) > 1 else None
    variables: list[tuple[int, int]] = []
    static_weights: list[tuple[int, int]] = []
    instances = iter(converters)
    for token in tokens:
        if isinstance(token, str):
            body += re.escape(token)
            known: tuple[Element, ...] | None = ((token,),)
            if token != "/":
                static_weights.append((len(static_weights), -len(token)))
        else:
            converter = next(instances)
            body += f"(?P<__werkzeug_{len(variables)}>{converter.regex})"
            known = elements_of(converter)
            start = len(elements or ())
            variables.append((start, start + len(known or ())))
        if elements is not None:
            elements = None if known is None else [*elements, *known]

    return Part(
        content=pattern_of(body, suffixed),
        final=final,
        suffixed=suffixed,
        weight=(
            -len(static_weights),
            tuple(static_weights),
            -len(converters),
            tuple(converter.weight for converter in converters),
        ),
        variables=tuple(variables),
        elements=None if elements is None else tuple(elements),
        anchors=_anchors(tokens, converters),
    )


def _anchors(tokens: list[Token], converters: list[BaseConverter]) -> tuple[tuple[str, str], ...]:
    if len(tokens) == 1 and type(converter := converters[0]) is AnyConverter:
        return tuple((item, "") for item in converter.items) or (("", ""),)
    named = [index for index, token in enumerate(tokens) if isinstance(token, Variable)]
    before, after = tokens[: named[0]], tokens[named[-1] + 1 :]
    return (("".join(map(str, before)), "".join(map(str, after))),)
