"""Match a text against several variables in time linear in its length.

Lives here: what the built-in converters accept, said as runs of characters, and the one
function that lays a sequence of them over a text as Python's ``re`` would.
Must not know: rules, maps, converters that are not built in.

How it works: backtracking tries every way to cut a text into *n* variables, so that a client
can make ``<a>-<int:b>-<c>`` take time in the *n*-th power of a segment's length. Here the
elements are walked from the last to the first, noting from which positions the rest fits;
then from the first to the last, each taking the end that ``re`` would have preferred.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from werkzeug.routing import AnyConverter, BaseConverter, UUIDConverter


class Run(NamedTuple):
    """From *least* to *most* characters that ``chars`` (a pattern of one or more) accepts."""

    chars: re.Pattern[str]
    least: int = 1
    most: int = sys.maxsize
    lazy: bool = False


#: One step over a text: a run, or the first that fits of some literal texts.
Element = Run | tuple[str, ...]

_NOT_SLASH = re.compile("[^/]+")
_HEX = re.compile("[A-Fa-f0-9]+")
_SIGN = Run(re.compile("-+"), 0, 1)
_DIGITS = Run(re.compile(r"\d+"))

_ELEMENTS: dict[str, tuple[Element, ...]] = {
    "[^/]+": (Run(_NOT_SLASH),),
    "[^/].*?": (Run(_NOT_SLASH, 1, 1), Run(re.compile(".+"), 0, lazy=True)),
    r"\d+": (_DIGITS,),
    r"-?\d+": (_SIGN, _DIGITS),
    r"\d+\.\d+": (_DIGITS, (".",), _DIGITS),
    r"-?\d+\.\d+": (_SIGN, _DIGITS, (".",), _DIGITS),
    UUIDConverter.regex: (
        *(e for n in (8, 4, 4, 4) for e in (Run(_HEX, n, n), ("-",))),
        Run(_HEX, 12, 12),
    ),
}
_LENGTHS = re.compile(r"\[\^/]\{(\d+)(,?)(\d*)}")
_ALTERNATIVE = re.compile(r"(?:[^|\\]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def elements_of(converter: BaseConverter) -> tuple[Element, ...] | None:
    """What *converter* accepts; ``None`` when only its own regular expression can tell."""
    if (known := _ELEMENTS.get(converter.regex)) is not None:
        return known
    if (lengths := _LENGTHS.fullmatch(converter.regex)) is not None:
        least, comma, most = lengths.groups()
        limit = int(most) if most else sys.maxsize if comma else int(least)
        return (Run(_NOT_SLASH, int(least), limit),)
    if type(converter) is AnyConverter and converter.items and "" not in converter.items:
        body = converter.regex.removeprefix("(?:").removesuffix(")")
        return (tuple(_ESCAPED.sub(r"\1", x) for x in _ALTERNATIVE.findall(body)),)
    return None


def repeats(elements: tuple[Element, ...]) -> int:
    """How many of *elements* can end at many positions: the power that backtracking costs."""
    return sum(isinstance(e, Run) and e.most > e.least + 1 for e in elements)


def lay_out(elements: tuple[Element, ...], text: str) -> list[int] | None:
    """The positions between *elements* laid over the whole of *text*, from 0 to its length.

    :return: one position more than there are elements; ``None`` when *text* does not fit
    """
    length = len(text)
    # nearest[p] is the first position from p on where the elements that follow fit the rest.
    nearest = [length] * (length + 1)
    steps: list[tuple[Element, list[int], list[int]]] = []
    for element in reversed(elements):
        reach = _reach(element, text)
        steps.append((element, reach, nearest))
        nearest = _starts(element, reach, nearest, text)
    if nearest[0] != 0:
        return None

    positions = [0]
    for element, reach, following in reversed(steps):
        position = positions[-1]
        if not isinstance(element, Run):
            position = next(
                end
                for option in element
                if text.startswith(option, position)
                and following[end := position + len(option)] == end
            )
        elif element.lazy:
            position = following[position + element.least]
        else:
            position = min(position + element.most, reach[position])
            while following[position] != position:
                position -= 1
        positions.append(position)
    return positions


def groups(
    elements: tuple[Element, ...], variables: tuple[tuple[int, int], ...], text: str
) -> tuple[str, ...] | None:
    """The texts of *variables*, each the elements from one index up to another."""
    positions = lay_out(elements, text)
    if positions is None:
        return None
    return tuple(text[positions[first] : positions[last]] for first, last in variables)


def _reach(element: Element, text: str) -> list[int]:
    """For each position, where the characters that *element* accepts end."""
    reach = list(range(len(text) + 1))
    if isinstance(element, Run):
        for run in element.chars.finditer(text):
            start, end = run.span()
            reach[start:end] = [end] * (end - start)
    return reach


def _starts(element: Element, reach: list[int], following: list[int], text: str) -> list[int]:
    """``nearest`` for the elements from *element* on, given it for those *following*."""
    length = len(text)
    nearest = [length + 1] * (length + 2)
    for position in range(length, -1, -1):
        if isinstance(element, Run):
            start = position + element.least
            end = min(position + element.most, reach[position])
            fits = start <= length and following[start] <= end
        else:
            fits = any(
                text.startswith(option, position)
                and following[end := position + len(option)] == end
                for option in element
            )
        nearest[position] = position if fits else nearest[position + 1]
    return nearest
