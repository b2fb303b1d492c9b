"""A failure as plain text, as Markdown and as JSON.

Lives here: the forms for terminals, bug reports and programs.
Must not know: HTML, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .failures import Failure, Frame, LeftOut, versions

if TYPE_CHECKING:
    from .asked import Asked

_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


def as_text(failure: Failure) -> str:
    """The traceback as Python prints it: the first exception of a chain first."""
    return "\n".join(_chain(failure)) + "\n"


def _chain(failure: Failure) -> Iterator[str]:
    for is_cause, earlier in reversed(failure.chain):
        yield from _alone(earlier)
        yield from ("", _CAUSE if is_cause else _CONTEXT, "")
    yield from _alone(failure)


def _alone(failure: Failure) -> Iterator[str]:
    if failure.frames:
        yield "Traceback (most recent call last):"
    for frame in failure.frames:
        yield from _frame(frame)
    yield from failure.title.split("\n")
    for note in failure.notes:
        yield from note.split("\n")
    if failure.hint:
        yield failure.hint
    for number, member in enumerate(failure.members, 1):
        yield f"  +---------------- {number} ----------------"
        for line in _chain(member):
            yield f"  | {line}".rstrip()
    if failure.members_left_out:
        yield f"  +---- and {failure.members_left_out} more ----"


def _frame(frame: Frame | LeftOut) -> Iterator[str]:
    if isinstance(frame, LeftOut):
        yield f"  ... {frame.count} frames are left out ..."
        return
    where = f", in {frame.function}" if frame.function else ""
    yield f'  File "{frame.file}", line {frame.at.line}{where}'
    if (line := frame.line) is not None and (text := line.text.strip()):
        yield f"    {text}"
        if line.mark is not None:
            start, end = line.mark
            indent = len(line.text) - len(line.text.lstrip())
            yield " " * (4 + start - indent) + "^" * (end - start)


def as_report(failure: Failure, asked: Asked) -> str:
    """What one wants in a bug report, as text."""
    return f"{as_text(failure)}\nRequest: {_request_line(asked)}\n{versions()}\n"


def as_markdown(failure: Failure, asked: Asked) -> str:
    """What one wants in a bug report, as Markdown."""
    title = failure.title.split("\n", 1)[0]
    text = as_text(failure)
    # A fence that is longer than any in the text.
    fence = "```"
    while fence in text:
        fence += "`"
    return (
        f"### `{title.replace('`', chr(39))}`\n\n"
        f"{fence}pytb\n{text}{fence}\n\n"
        f"- Request: `{_request_line(asked).replace('`', '%60')}`\n- {versions()}\n"
    )


def _request_line(asked: Asked) -> str:
    rule = f" (rule {asked.rule!r}, endpoint {asked.endpoint!r})" if asked.rule else ""
    # Whoever wrote the link shall not write the rest of the report.
    path = "".join(c if c.isprintable() else quote(c) for c in asked.path)
    return f"{asked.method} {path}{rule}"


def as_problem(failure: Failure, path: str) -> dict[str, Any]:
    """The failure as a problem of RFC 9457, with the frames as an extension of it.

    :param path: that was asked for
    """
    return {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": failure.title,
        "instance": quote(path, safe="/!$&'()*+,;=:@~"),
        "exception": _as_data(failure),
    }


def _as_data(failure: Failure) -> dict[str, Any]:
    data: dict[str, Any] = {"type": failure.kind, "message": failure.message}
    if failure.notes:
        data["notes"] = failure.notes
    if failure.hint:
        data["hint"] = failure.hint
    data["frames"] = [
        {
            "file": frame.file,
            "line": frame.at.line,
            "function": frame.function,
            "code": frame.line.text.strip() if frame.line is not None else None,
            "own": frame.place != "library",
        }
        for frame in failure.frames
        if isinstance(frame, Frame)
    ]
    if failure.members:
        data["exceptions"] = [_as_data(member) for member in failure.members]
    if failure.earlier is not None:
        relation = "cause" if failure.earlier_is_cause else "context"
        data[relation] = _as_data(failure.earlier)
    return data
