"""The tree of parts through which a path is followed to its rule.

Lives here: the tree, the table of exact paths beside it, and the order in which rules win.
Must not know: maps, redirects, what becomes of an answer.

How it works: each rule is a way through the tree, one part a step. A search follows the text of
a part before the parts with variables, these by their weight, and returns to the last branching
when a way ends. It keeps its place in a list, so that no path is too deep, and enters a state at
most once. States with many transitions find the few that come into question by the literal texts
that they begin and end with, so that the number of rules does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from werkzeug.routing import BaseConverter, Rule, ValidationError
from werkzeug.routing.converters import NumberConverter
from werkzeug.routing.matcher import SlashRequired

from .parts import Part
from .rules import pieces_of

#: A transition as the search wants it: whether the part spans all that is left, whether it is
#: suffixed, whether its test is a plain one and its value the text, the test, where it leads.
Way = tuple[bool, bool, bool, Callable[[str], Any], "State"]

#: What a search found: the rule and the texts of its variables, or no rule; the methods of the
#: rules that fit but for their methods; whether one fitted but for being a websocket.
Outcome = tuple["Leaf | None", Sequence[str], set[str] | None, bool]

# With as many transitions as this, trying them one by one is as fast as an index.
_FEW = 8


class Leaf:
    """A rule at the end of its way, with what turns texts into arguments.

    ``special`` rules need more than arguments once they match: a redirect, a websocket.
    """

    __slots__ = ("_converts", "_names", "rule", "special")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.special = bool(rule.websocket or rule.alias or rule.redirect_to is not None)
        self._names = tuple(map(str, rule._converters))
        self._converts = tuple(map(_convert, rule._converters.values()))

    def accepts(self, method: str, websocket: bool) -> bool:
        """Whether the rule is for *method*, and for a websocket or not."""
        rule = self.rule
        return rule.websocket == websocket and (rule.methods is None or method in rule.methods)

    def arguments(self, values: Sequence[str]) -> dict[str, Any] | None:
        """The arguments for the view; ``None`` when a converter refuses its value."""
        arguments: dict[str, Any] = {}
        for name, convert, value in zip(self._names, self._converts, values, strict=False):
            if convert is None:
                arguments[name] = value
                continue
            try:
                arguments[name] = convert(value)
            except ValueError as error:
                # Python refuses to read an int of thousands of digits.
                if convert is int or isinstance(error, ValidationError):
                    return None
                raise
        if self.rule.defaults:
            arguments.update(self.rule.defaults)
        return arguments


def _convert(converter: BaseConverter) -> Callable[[str], Any] | None:
    """The function from text to value; ``None`` when the value is the text."""
    own = type(converter).to_python
    if own is BaseConverter.to_python:
        return None
    if (
        isinstance(converter, NumberConverter)
        and own is NumberConverter.to_python
        and not converter.fixed_digits
        and converter.min is None
        and converter.max is None
        and converter.num_convert in (int, float)
    ):
        return converter.num_convert
    return converter.to_python


class State:
    """A place in the tree, reached by the parts that lead to it."""

    __slots__ = ("index", "leaves", "static", "transitions", "ways")

    def __init__(self) -> None:
        self.static: dict[str, State] = {}
        self.transitions: dict[object, tuple[Part, State]] | None = None
        self.leaves: list[Leaf] = []
        # Both are replaced, never changed, for a search may be walking over them.
        self.ways: tuple[Way, ...] = ()
        self.index: Index | None = None

    def sort(self) -> None:
        """Put the transitions in the order in which they are tried."""
        assert self.transitions is not None
        ordered = sorted(self.transitions.values(), key=lambda t: t[0].weight)
        ways = tuple(_way(part, state) for part, state in ordered)
        self.index = Index(ordered, ways) if len(ways) > _FEW else None
        self.ways = ways


def _way(part: Part, state: State) -> Way:
    plain = part.whole
    test: Callable[[str], Any] = part.test() if plain is None else plain
    return part.final, part.suffixed, plain is not None, test, state


class Index:
    """The transitions of a state by the literal texts that they begin and end with."""

    __slots__ = ("_shapes",)

    def __init__(self, transitions: Sequence[tuple[Part, State]], ways: Sequence[Way]) -> None:
        # The lengths of the two texts make a shape, of which there are few.
        self._shapes: dict[
            tuple[bool, bool, int, int], dict[tuple[str, str], list[tuple[int, Way]]]
        ] = {}
        for order, ((part, _), way) in enumerate(zip(transitions, ways, strict=True)):
            for anchor in part.anchors:
                shape = part.final, part.suffixed, len(anchor[0]), len(anchor[1])
                table = self._shapes.setdefault(shape, {})
                table.setdefault(anchor, []).append((order, way))

    def near(self, parts: Sequence[str], position: int) -> Iterator[Way]:
        """The transitions that can fit, in the order in which they are tried."""
        part = parts[position]
        rest = "/".join(parts[position:])
        found: list[tuple[int, Way]] = []
        for (final, suffixed, head, tail), table in self._shapes.items():
            text = rest if final else part
            if suffixed:
                text = text.removesuffix("/")
            found += table.get((text[:head], text[len(text) - tail :]), ())
        found.sort(key=lambda entry: entry[0])
        return (way for _, way in found)


class Tree:
    """Rules sorted by their parts.

    :param domain: the domain whose exact paths are kept apart; ``None`` for no domain
    """

    def __init__(self, domain: str | None) -> None:
        self.domain = domain
        self._root = State()
        #: The rules that match a path of the domain as it stands, and take no arguments.
        self.exact: dict[str, Rule] = {}

    def grow(self, rules: Iterable[Rule]) -> None:
        """Sort *rules* in."""
        unsorted: dict[int, State] = {}
        for rule in rules:
            self._insert(rule, unsorted)
        for state in unsorted.values():
            state.sort()

    def _insert(self, rule: Rule, unsorted: dict[int, State]) -> None:
        state = self._root
        pieces = pieces_of(rule)
        for piece in pieces:
            if isinstance(piece, str):
                following = state.static.get(piece)
                if following is None:
                    following = state.static[piece] = State()
            else:
                if state.transitions is None:
                    state.transitions = {}
                key = piece.key
                if key not in state.transitions:
                    state.transitions[key] = piece, State()
                    unsorted[id(state)] = state
                following = state.transitions[key][1]
            state = following

        leaf = Leaf(rule)
        state.leaves.append(leaf)
        if state.leaves[0] is leaf and not leaf.special and not rule.arguments:
            domain, *path = map(str, pieces)
            if domain == self.domain:
                self.exact["/".join(path)] = rule

    def entrance(self) -> State | None:
        """Where the empty text before a path's first slash leads in the domain.

        ``None`` when a search must begin at the domain, because patterns of domains may match
        as well.
        """
        if self.domain is None or self._root.ways:
            return None
        state = self._root.static.get(self.domain)
        return None if state is None or state.ways else state.static.get("")

    def search(
        self,
        parts: Sequence[str],
        method: str,
        websocket: bool = False,
        entrance: State | None = None,
    ) -> Outcome:
        """Follow *parts* through the tree.

        :param parts: the domain, then the path between its slashes
        :param entrance: begin here, with the second of *parts*
        :raises SlashRequired: when a rule would match with one more slash
        """
        state = entrance or self._root
        position = 0 if entrance is None else 1
        end = len(parts)
        values: list[str] = []
        allowed: set[str] | None = None
        mismatch = False
        ways: Iterator[Way] | None = None
        # Where to go on, by which ways, with how many values, should the way taken end.
        branchings: list[tuple[State, int, Iterator[Way], int]] = []

        while True:
            leaves: Iterable[Leaf] = ()
            if position == end:
                leaves = state.leaves
            else:
                part = parts[position]
                if ways is None:
                    if state.index is None:
                        ways = iter(state.ways)
                    else:
                        ways = state.index.near(parts, position)
                    if (following := state.static.get(part)) is not None:
                        if state.ways or not part:
                            branchings.append((state, position, ways, len(values)))
                        state = following
                        position += 1
                        ways = None
                        continue

                for final, suffixed, plain, test, following in ways:
                    text = "/".join(parts[position:]) if final else part
                    if not (fit := test(text)):
                        continue
                    branchings.append((state, position, ways, len(values)))
                    state = following
                    position = end if final else position + 1
                    if plain:
                        values.append(text)
                    elif not suffixed:
                        values += fit
                    else:
                        *fit, slash = fit
                        values += fit
                        position -= len(slash)
                    ways = None
                    break
                if ways is None:
                    continue
                if not part and position == end - 1:
                    leaves = (x for x in state.leaves if not x.rule.strict_slashes)

            for leaf in leaves:
                rule = leaf.rule
                if rule.methods is not None and method not in rule.methods:
                    allowed = allowed or set()
                    allowed.update(rule.methods)
                elif rule.websocket != websocket:
                    mismatch = True
                else:
                    return leaf, values, allowed, mismatch
            if position == end and "" in state.static:
                for leaf in state.static[""].leaves:
                    if leaf.accepts(method, websocket):
                        if leaf.rule.strict_slashes:
                            raise SlashRequired
                        return leaf, values, allowed, mismatch

            if not branchings:
                return None, values, allowed, mismatch
            state, position, ways, kept = branchings.pop()
            del values[kept:]
