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
# Few programs have a converter that needs these, so ``re`` compiles them when one does.
_LENGTHS = r"\[\^/]\{(\d+)(,?)(\d*)}"
_ALTERNATIVE = r"(?s:[^|\\]|\\.)+"
_ESCAPED = r"(?s)\\(.)"


def elements_of(converter: BaseConverter) -> tuple[Element, ...] | None:
    """What *converter* accepts; ``None`` when only its own regular expression can tell."""
    if (known := _ELEMENTS.get(converter.regex)) is not None:
        return known
    if (lengths := re.fullmatch(_LENGTHS, converter.regex)) is not None:
        least, comma, most = lengths.groups()
        limit = int(most) if most else sys.maxsize if comma else int(least)
        return (Run(_NOT_SLASH, int(least), limit),)
    if type(converter) is AnyConverter and converter.items and "" not in converter.items:
        body = converter.regex.removeprefix("(?:").removesuffix(")")
        return (tuple(re.sub(_ESCAPED, r"\1", x) for x in re.findall(_ALTERNATIVE, body)),)
    return None


def repeats(elements: tuple[Element, ...]) -> int:
    """How many of *elements* can end at many positions: the power that backtracking costs."""
    return sum(isinstance(e, Run) and e.most > e.least + 1 for e in elements)


def groups(
    elements: tuple[Element, ...], variables: tuple[tuple[int, int], ...], text: str
) -> tuple[str, ...] | None:
    """The texts of *variables* when *elements* are laid over the whole of *text*.

    :param variables: each variable's elements, from one index up to another
    :return: ``None`` when *text* does not fit
    """
    # Each a byte for a position: 1 where an element can begin so that the rest still fits.
    after = bytearray(len(text) + 1)
    after[-1] = 1
    begins = [after]
    for element in reversed(elements):
        after = _begins(element, after, text)
        begins.append(after)
    if not begins.pop()[0]:
        return None

    positions = [0]
    for element in elements:
        positions.append(_end(element, positions[-1], begins.pop(), text))
    return tuple(text[positions[first] : positions[last]] for first, last in variables)


def _begins(element: Element, after: bytearray, text: str) -> bytearray:
    """Where *element* can begin, given where what comes *after* it can."""
    if not isinstance(element, Run):
        begins = bytearray(len(after))
        for option in element:
            begin = text.find(option)
            while begin >= 0:
                begins[begin] |= after[begin + len(option)]
                begin = text.find(option, begin + 1)
        return begins

    chars, least, most, _ = element
    begins = bytearray(len(after)) if least else after.copy()
    for run in chars.finditer(text):
        start, stop = run.span()
        end = after.rfind(1, start + least, stop + 1)
        while end >= 0:
            # Every position from which this end is near enough, and not too near.
            first = max(start, end - most)
            begins[first : end - least + 1] = b"\1" * (end - least + 1 - first)
            if first == start:
                break
            end = after.rfind(1, start + least, end)
    return begins


def _end(element: Element, begin: int, after: bytearray, text: str) -> int:
    """Where *element* ends that begins at *begin*: of what is possible, what ``re`` prefers."""
    if not isinstance(element, Run):
        return next(
            begin + len(option)
            for option in element
            if text.startswith(option, begin) and after[begin + len(option)]
        )
    chars, least, most, lazy = element
    run = chars.match(text, begin)
    stop = begin if run is None else min(run.end(), begin + most)
    return (after.find if lazy else after.rfind)(1, begin + least, stop + 1)
