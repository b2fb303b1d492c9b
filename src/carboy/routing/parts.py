"""One part of a rule: what stands between two slashes and holds a variable.

Lives here: ``Part``, and the test that tells whether a text fits it and what its variables are.
Must not know: rules, maps, and how parts make a tree.

How it works: a part says the same as Werkzeug's ``RulePart``, with the same regular expression.
A part that is nothing but one common variable is tested by a plain function instead, one with
several variables by ``runs`` as soon as backtracking could get expensive. The regular
expression is compiled when the part is first reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from werkzeug.routing.rules import RulePart, Weighting

from .runs import Element, groups, repeats

#: ``Weighting`` with tuples for its lists, so that it can be hashed.
Weight = tuple[int, tuple[tuple[int, int], ...], int, tuple[int, ...]]

#: The values of a part's variables in a text; ``None`` when it does not fit.
Test = Callable[[str], Sequence[str | None] | None]

_SUFFIX = r"(?<!/)(/?)"
# Beyond this many steps in the worst case, do not let ``re`` backtrack: about a millisecond.
_MOST_STEPS = 250_000


def _signed(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _path(text: str) -> bool:
    return not text.startswith("/") and text != "" and text.find("\n", 1) < 0


# ``\d`` accepts every character that is decimal in Unicode, as ``isdecimal`` does. A segment
# never holds a slash, so what is left of ``[^/]+`` is that it isn't empty.
_WHOLE: dict[tuple[str, bool], Callable[[str], bool]] = {
    (rf"(?P<__werkzeug_0>{regex})\Z", final): test
    for regex, final, test in (
        ("[^/]{1,}", False, bool),
        ("[^/]+", False, bool),
        (r"\d+", False, str.isdecimal),
        (r"-?\d+", False, _signed),
        ("[^/].*?", True, _path),
    )
}


class Part(NamedTuple):
    """A part with variables.

    :param content: the regular expression that the whole part must match
    :param final: the part spans all the segments that are left
    :param suffixed: the part is final, and a slash may follow its last variable's suffix
    :param weight: the order among the parts that may stand at this place
    :param variables: the elements of each variable, as a slice of *elements*
    :param elements: the part as a sequence of runs, where that is known
    :param anchors: a text that fits begins and ends with one of these pairs of literal texts
    """

    content: str
    final: bool
    suffixed: bool
    weight: Weight
    variables: tuple[tuple[int, int], ...] = ()
    elements: tuple[Element, ...] | None = None
    anchors: tuple[tuple[str, str], ...] = (("", ""),)

    @property
    def key(self) -> tuple[str, bool, bool, Weight]:
        """Parts with the same key are one transition of the tree."""
        return self.content, self.final, self.suffixed, self.weight

    @property
    def whole(self) -> Callable[[str], bool] | None:
        """A plain test, where the part is one variable and its value the text itself."""
        return _WHOLE.get((self.content, self.final))

    def test(self) -> Test:
        """The test by regular expression. That of a suffixed part gives the slash last."""
        match: Callable[[str], re.Match[str] | None] | None = None
        pick: Callable[[re.Match[str]], Sequence[str | None]] = re.Match.groups

        def by_pattern(text: str) -> Sequence[str | None] | None:
            nonlocal match, pick
            if match is None:
                pattern = re.compile(self.content)
                pick = _picker(pattern, self.suffixed)
                match = pattern.match
            found = match(text)
            return None if found is None else pick(found)

        elements = self.elements
        if elements is None or (power := repeats(elements)) < 2:
            return by_pattern

        def by_runs(text: str) -> Sequence[str | None] | None:
            if len(text) ** power < _MOST_STEPS:
                return by_pattern(text)
            if not self.suffixed:
                return groups(elements, self.variables, text)
            bare = text.removesuffix("/")
            if bare.endswith("/"):
                return None
            values = groups(elements, self.variables, bare)
            return None if values is None else (*values, text[len(bare) :])

        return by_runs

    def as_rule_part(self) -> RulePart:
        """The same part as Werkzeug's matcher wants it."""
        return RulePart(self.content, self.final, False, self.suffixed, weighting(self.weight))


def weighting(weight: Weight) -> Weighting:
    """*weight* as Werkzeug says it."""
    return Weighting(weight[0], list(weight[1]), weight[2], list(weight[3]))


def from_rule_part(part: RulePart) -> str | Part:
    """The part of a rule that Werkzeug parsed; a text when it holds no variable."""
    if part.static:
        return part.content
    weight = part.weight
    return Part(
        part.content,
        part.final,
        part.suffixed,
        (weight[0], tuple(weight[1]), weight[2], tuple(weight[3])),
    )


@lru_cache(maxsize=256)
def whole_part(regex: str, weight: int) -> Part:
    """The part that is one variable of one segment and nothing else."""
    content = rf"(?P<__werkzeug_0>{regex})\Z"
    return Part(content, False, False, (0, (), -1, (weight,)))


def pattern_of(body: str, suffixed: bool) -> str:
    """The regular expression of a part whose variables and literal texts are *body*."""
    return rf"{body}{_SUFFIX if suffixed else ''}\Z"


def _picker(
    pattern: re.Pattern[str], suffixed: bool
) -> Callable[[re.Match[str]], Sequence[str | None]]:
    """How to get the variables from a match: a converter may have groups of its own."""
    ours = sorted(
        (int(name.removeprefix("__werkzeug_")), index)
        for name, index in pattern.groupindex.items()
        if name.startswith("__werkzeug_")
    )
    indices = [index for _, index in ours]
    if suffixed:
        indices.append(pattern.groups)
    if indices == list(range(1, pattern.groups + 1)):
        return re.Match.groups
    return lambda match: [match[index] for index in indices]
