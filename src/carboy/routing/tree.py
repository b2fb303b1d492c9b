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

#: An argument: its name, the function from text to value (``None`` when the value is the
#: text), and where the text is found.
Slot = tuple[str, Callable[[str], Any] | None, int]

#: A state to return to, the position there, how many values there were before, and the ways
#: that are left to try.
Branching = tuple["State", int, int, Iterator[Way]]

# With as many transitions as this, trying them one by one is as fast as an index.
_FEW = 8


class Leaf:
    """A rule at the end of its way, with what turns texts into arguments.

    ``special`` rules ask for more than arguments once they match: a redirect, a websocket.
    ``direct`` says where the arguments stand among the parts of a path, for a rule that has
    no others and whose variables are all whole parts; it is known after the first match.
    """

    __slots__ = ("_positions", "_slots", "direct", "rule", "special")

    def __init__(self, rule: Rule, positions: Sequence[int] | None) -> None:
        self.rule = rule
        self.special = bool(rule.websocket or rule.alias or rule.redirect_to is not None)
        self.direct: tuple[Slot, ...] | None = None
        self._slots: tuple[Slot, ...] | None = None
        self._positions = positions

    def accepts(self, method: str, websocket: bool) -> bool:
        """Whether the rule is for *method*, and for a websocket or not."""
        rule = self.rule
        return rule.websocket == websocket and (rule.methods is None or method in rule.methods)

    def arguments(self, values: Sequence[str]) -> dict[str, Any] | None:
        """The arguments for the view; ``None`` when a converter refuses its value."""
        slots = self._slots or self._prepare()
        arguments: dict[str, Any] = {}
        for name, convert, index in slots:
            if convert is None:
                arguments[name] = values[index]
                continue
            try:
                arguments[name] = convert(values[index])
            except ValueError as error:
                # Python refuses to read an int of thousands of digits.
                if convert is int or isinstance(error, ValidationError):
                    return None
                raise
        if self.rule.defaults:
            arguments.update(self.rule.defaults)
        return arguments

    def _prepare(self) -> tuple[Slot, ...]:
        rule = self.rule
        self._slots = tuple(
            (str(name), _convert(converter), index)
            for index, (name, converter) in enumerate(rule._converters.items())
        )
        if self._positions is not None and not self.special and not rule.defaults:
            self.direct = tuple(
                (name, convert, self._positions[index]) for name, convert, index in self._slots
            )
        return self._slots


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
    """A place in the tree, reached by the parts that lead to it.

    ``first`` is the test of its first way and where that leads, if the test is a plain one
    for one part.
    """

    __slots__ = ("first", "index", "leaves", "static", "transitions", "ways")

    def __init__(self) -> None:
        self.static: dict[str, State] = {}
        self.leaves: list[Leaf] = []
        self.transitions: dict[object, tuple[Part, Way]] | None = None
        # Replaced, never changed, for a search may be walking over them.
        self.ways: tuple[Way, ...] = ()
        self.index: Index | None = None
        self.first: tuple[Callable[[str], bool], State] | None = None

    def way(self, part: Part) -> tuple[Way, bool]:
        """The way for *part*, and whether it is a new one."""
        if self.transitions is None:
            self.transitions = {}
        transition = self.transitions.get(part.key)
        if transition is not None:
            return transition[1], False
        plain = part.whole
        test: Callable[[str], Any] = part.test() if plain is None else plain
        way = part.final, part.suffixed, plain is not None, test, State()
        self.transitions[part.key] = part, way
        return way, True

    def sort(self) -> None:
        """Put the ways in the order in which they are tried."""
        assert self.transitions is not None
        ordered = sorted(self.transitions.values(), key=lambda entry: entry[0].weight)
        self.ways = tuple(way for _, way in ordered)
        self.index = Index(ordered) if len(ordered) > _FEW else None
        final, _, plain, test, following = self.ways[0]
        self.first = (test, following) if plain and not final else None


class Index:
    """The transitions of a state by the literal texts that they begin and end with."""

    __slots__ = ("_shapes",)

    def __init__(self, transitions: Iterable[tuple[Part, Way]]) -> None:
        # The lengths of the two texts make a shape, of which there are few.
        self._shapes: dict[
            tuple[bool, bool, int, int], dict[tuple[str, str], list[tuple[int, Way]]]
        ] = {}
        for order, (part, way) in enumerate(transitions):
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
        for _, way in sorted(found, key=lambda entry: entry[0]):
            yield way


class Tree:
    """Rules sorted by their parts.

    :param domain: the domain whose exact paths are kept apart; ``None`` for no domain
    """

    def __init__(self, domain: str | None) -> None:
        self.domain = domain
        self._root = State()
        #: The rules that match a path of the domain as it stands, and take no arguments.
        self.exact: dict[str, Rule] = {}
        #: Further ones with other methods, in the order in which they are tried.
        self.exact_too: dict[str, tuple[Rule, ...]] = {}
        #: Where a search for a path of the domain may begin.
        self.entrance: State | None = None

    def grow(self, rules: Iterable[Rule]) -> None:
        """Sort *rules* in."""
        unsorted: dict[int, State] = {}
        for rule in rules:
            self._insert(rule, unsorted)
        for state in unsorted.values():
            state.sort()
        self.entrance = self._find_entrance()

    def _insert(self, rule: Rule, unsorted: dict[int, State]) -> None:
        state = self._root
        positions: list[int] | None = []
        pieces = pieces_of(rule)
        for depth, piece in enumerate(pieces):
            if isinstance(piece, str):
                following = state.static.get(piece)
                if following is None:
                    following = state.static[piece] = State()
            else:
                (final, _, plain, _, following), new = state.way(piece)
                if new:
                    unsorted[id(state)] = state
                if final or not plain:
                    positions = None
                elif positions is not None:
                    # A path has no domain in front.
                    positions.append(depth - 1)
            state = following

        leaf = Leaf(rule, positions)
        state.leaves.append(leaf)
        if not any(leaf.special or leaf.rule.arguments for leaf in state.leaves):
            domain, *parts = map(str, pieces)
            path = "/".join(parts)
            if domain != self.domain or not path.startswith("/") or path[1:2] == "/":
                return
            if self.exact.setdefault(path, rule) is not rule:
                self.exact_too[path] = (*self.exact_too.get(path, ()), rule)

    def _find_entrance(self) -> State | None:
        """The state that the domain leads to, where nothing else can match it.

        ``None`` when a search must begin before it: because patterns of domains may match as
        well, or because there are paths that an adapter would look at without a slash of theirs.
        """
        if self.domain is None or self._root.ways:
            return None
        state = self._root.static.get(self.domain)
        if state is None or state.ways or state.static.keys() != {""}:
            return None
        doubled = state.static[""].static.get("")
        return state if doubled is None or not (doubled.static or doubled.ways) else None

    def search(
        self,
        parts: Sequence[str],
        method: str,
        websocket: bool = False,
        entrance: State | None = None,
    ) -> Outcome:
        """Follow *parts* through the tree.

        :param parts: the domain, then the path between its slashes
        :param entrance: begin here, with *parts* that hold no domain
        :raises SlashRequired: when a rule would match with one more slash
        """
        state = entrance or self._root
        position = 0
        end = len(parts)
        values: list[str] = []
        allowed: set[str] | None = None
        mismatch = False
        branchings: list[Branching] = []
        # None on arrival at a state.
        ways: Iterator[Way] | None = None

        while True:
            leaves: Iterable[Leaf] = ()
            if position == end:
                leaves = state.leaves
            else:
                part = parts[position]
                if ways is None:
                    index = state.index
                    ways = iter(state.ways) if index is None else index.near(parts, position)
                    if part in state.static:
                        if state.ways or not part:
                            branchings.append((state, position, len(values), ways))
                        state = state.static[part]
                        position += 1
                        ways = None
                        continue

                for final, suffixed, plain, test, following in ways:
                    text = "/".join(parts[position:]) if final else part
                    if fit := test(text):
                        branchings.append((state, position, len(values), ways))
                        state = following
                        position = end if final else position + 1
                        if plain:
                            values.append(text)
                        elif suffixed:
                            *fit, slash = fit
                            values += fit
                            position -= len(slash)
                        else:
                            values += fit
                        ways = None
                        break
                if ways is None:
                    continue
                if not part and position == end - 1:
                    leaves = [leaf for leaf in state.leaves if not leaf.rule.strict_slashes]

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
            state, position, kept, ways = branchings.pop()
            del values[kept:]
