"""The lines around a line of source, with marks and colours.

Lives here: finding the source of a code object or a template, and cutting it into pieces.
Must not know: exceptions and pages.

How it works: positions are those of PEP 657, which count bytes of UTF-8; here they become
characters. The colours come from a pattern for single lines: an excerpt may begin in the middle
of anything, so it cannot be parsed.
"""

from __future__ import annotations

import keyword
import linecache
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

#: How many lines are shown before and after.
_BEFORE: Final = 6
_AFTER: Final = 4

#: How many lines a single expression may add.
_MAX_SPAN: Final = 12

#: Longer lines are cut.
_MAX_WIDTH: Final = 300


class Position(NamedTuple):
    """Where something stands; columns count bytes from 0, and ``None`` is unknown."""

    line: int
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


class Piece(NamedTuple):
    """A part of a line that looks the same throughout."""

    text: str
    look: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of source as it is shown.

    ``mark`` is the part that is meant, as offsets into ``text``.
    """

    number: int
    text: str
    is_current: bool
    mark: tuple[int, int] | None = None
    is_python: bool = True

    @property
    def pieces(self) -> list[Piece]:
        """The line cut up where its look changes; the looks are names of CSS classes."""
        looks = [""] * len(self.text)
        if self.is_python:
            for match in _TOKENS.finditer(self.text):
                looks[match.start() : match.end()] = [match.lastgroup or ""] * len(match[0])
        if self.mark is not None:
            for i in range(*self.mark):
                looks[i] = f"{looks[i]} mark".strip()
        pieces: list[Piece] = []
        start = 0
        for i in range(1, len(looks) + 1):
            if i == len(looks) or looks[i] != looks[start]:
                pieces.append(Piece(self.text[start:i], looks[start]))
                start = i
        return pieces


_TOKENS: Final = re.compile(
    r"(?P<comment>\#.*)"
    r"|(?P<string>(?:\b[rbfuRBFU]{1,2})?"
    r"(?:\"\"\".*?(?:\"\"\"|$)|'''.*?(?:'''|$)|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'))"
    r"|(?P<decorator>^\s*@[\w.]+)"
    rf"|(?P<keyword>\b(?:{'|'.join([*keyword.kwlist, 'match', 'case'])})\b)"
    r"|(?P<digits>\b\d[\w.]*)"
    r"|(?P<name>(?<=\bdef\s)\w+|(?<=\bclass\s)\w+)"
)


def lines_of(file: str, module_globals: dict[str, object] | None) -> list[str]:
    """The lines of a file, or of what a loader says is its source; empty if there are none.

    :param module_globals: of the module, which may know its loader
    """
    try:
        linecache.checkcache(file)
        return linecache.getlines(file, module_globals)
    except Exception:
        # A loader may be of any kind, and a file of any encoding.
        return []


def excerpt(lines: list[str], at: Position, is_python: bool = True) -> tuple[Line, ...]:
    """The lines around *at*, without the indentation that they have in common."""
    if not 1 <= at.line <= len(lines):
        return ()
    last = at.line
    if at.end_line is not None:
        last = min(max(at.end_line, at.line), at.line + _MAX_SPAN, len(lines))
    first = max(1, at.line - _BEFORE)
    chosen = [line.rstrip("\r\n") for line in lines[first - 1 : last + _AFTER]]
    marks = {
        number: _mark(chosen[number - first], number, at) for number in range(at.line, last + 1)
    }
    # What is beyond two blank lines is about something else.
    for i in range(last - first, len(chosen) - 2):
        if not chosen[i + 1].strip() and not chosen[i + 2].strip():
            del chosen[i + 1 :]
            break
    for i in range(at.line - first - 2, -1, -1):
        if not chosen[i].strip() and not chosen[i + 1].strip():
            del chosen[: i + 2]
            first += i + 2
            break
    # Blank lines at the ends say nothing.
    while chosen and not chosen[-1].strip() and first + len(chosen) - 1 > last:
        chosen.pop()
    while chosen and not chosen[0].strip() and first < at.line:
        chosen.pop(0)
        first += 1
    indent = min((len(t) - len(t.lstrip(" ")) for t in chosen if t.strip()), default=0)
    return tuple(
        _line(text[indent:], first + i, at.line, marks.get(first + i), indent, is_python)
        for i, text in enumerate(chosen)
    )


def _line(
    text: str,
    number: int,
    current: int,
    mark: tuple[int, int] | None,
    indent: int,
    is_python: bool,
) -> Line:
    skipped = 0
    if mark is not None:
        mark = max(0, mark[0] - indent), mark[1] - indent
        if mark[1] > _MAX_WIDTH:
            # The part that is meant is to be seen in a line without end.
            skipped = max(0, mark[0] - 60)
    if skipped:
        text = f"…{text[skipped + 1 :]}"
        mark = (mark[0] - skipped, mark[1] - skipped)  # type: ignore[index]
    if len(text) > _MAX_WIDTH:
        text = f"{text[: _MAX_WIDTH - 1]}…"
    if mark is not None:
        mark = mark[0], min(mark[1], len(text))
        if mark[0] >= mark[1]:
            mark = None
    return Line(number, text, number == current, mark, is_python)


def _mark(text: str, number: int, at: Position) -> tuple[int, int] | None:
    if at.column is None or at.end_column is None or at.end_line is None:
        return None
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    whole = start, end
    if number == at.line:
        start = _characters(text, at.column)
    if number == at.end_line:
        end = _characters(text, at.end_column)
    # As Python does: nothing is marked when all is meant.
    if start >= end or (at.line == at.end_line and (start, end) == whole):
        return None
    return start, end


def _characters(text: str, size: int) -> int:
    return len(text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "replace"))
