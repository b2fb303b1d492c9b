"""What an exception tells, ready to be shown: frames, lines, variables, causes and groups.

Lives here: ``Failure`` and its parts, and :func:`examine`, which makes them of an exception.
Must not know: requests, and the form in which it is all shown.

How it works: everything is taken down once, as text, and within limits: of frames, of exceptions,
of variables, of characters, of time. So what is shown can be shown in any form, and a recursion
without end, a chain in a circle or a ``__repr__`` that never returns make no difference.
"""

from __future__ import annotations

import builtins
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from itertools import islice
from types import FrameType, TracebackType
from typing import Any, Final, Literal

from .._version import __version__
from .source import Line, Position, excerpt, lines_of
from .values import Masked, Patience, describe, named

#: Of the frames of one exception, how many are kept at each end.
_MAX_FRAMES: Final = 30

#: How many exceptions are shown of all that are chained or grouped.
_MAX_FAILURES: Final = 40

_MAX_MEMBERS: Final = 20
_MAX_VARIABLES: Final = 60
_MAX_VALUE: Final = 1000
_MAX_MESSAGE: Final = 8000
_MAX_NOTES: Final = 20

#: How many characters all variables together may take.
_MAX_SIZE: Final = 400_000

_STAGES: Final = (
    "carboy.errors",
    "carboy.pipeline",
    "carboy.driver",
    "carboy.async_driver",
    "carboy.websocket_driver",
    "carboy.loop",
)

#: What a template has that nobody gave to it.
_OF_EVERY_TEMPLATE: Final = {
    *("config", "request", "session", "g", "url_for", "get_flashed_messages"),
    *("range", "dict", "lipsum", "cycler", "joiner", "namespace"),
}

Place = Literal["own", "library", "template"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, and what it was, in a few words."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A call that was under way.

    ``number`` is its place among the frames that :func:`examine` keeps.
    """

    number: int | None
    file: str
    shown_file: str
    function: str
    at: Position
    place: Place
    lines: tuple[Line, ...]
    variables: tuple[Variable, ...] = ()

    @property
    def line(self) -> Line | None:
        """The line of source that was being run."""
        return next((line for line in self.lines if line.is_current), None)

    @property
    def package(self) -> str:
        """The library it belongs to, as far as its path tells."""
        return self.shown_file.replace("\\", "/").partition("/")[0].removesuffix(".py")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Frames that are not shown."""

    count: int


@dataclass(slots=True)
class Failure:
    """An exception. Its frames are in the order of the calls."""

    kind: str
    message: str
    notes: list[str] = field(default_factory=list)
    hint: str | None = None
    frames: list[Frame | LeftOut] = field(default_factory=list)
    #: The members of a group.
    members: list[Failure] = field(default_factory=list)
    members_left_out: int = 0
    #: The exception before this one, and whether it is its cause or was being handled.
    earlier: Failure | None = None
    earlier_is_cause: bool = False

    @property
    def chain(self) -> list[tuple[bool, Failure]]:
        """The exceptions before this one, the last first, and whether each was the cause."""
        chain, one = [], self
        while one.earlier is not None:
            chain.append((one.earlier_is_cause, one.earlier))
            one = one.earlier
        return chain

    @property
    def title(self) -> str:
        """Type and message in one line, as a traceback ends."""
        return f"{self.kind}: {self.message}" if self.message else self.kind


@dataclass(slots=True)
class Examined:
    """An exception as it is shown, and the frames behind it."""

    failure: Failure
    frames: list[FrameType]


def examine(
    error: BaseException,
    root: str,
    mask: Masked | None = None,
    with_variables: bool = True,
    patience: Patience | None = None,
) -> Examined:
    """Take down what *error* tells.

    :param root: the folder of the application
    :param mask: hides secrets in messages and variables
    :param with_variables: whether to take down the variables
    :param patience: had with the code of messages and variables
    """
    patience = patience or Patience()
    examination = _Examination(root, mask or Masked(), with_variables, patience)
    try:
        return Examined(examination.failure(error), examination.frames)
    finally:
        patience.end()


class _Examination:
    def __init__(self, root: str, mask: Masked, with_variables: bool, patience: Patience) -> None:
        self.root = root
        self.mask = mask
        self.with_variables = with_variables
        self.patience = patience
        self.frames: list[FrameType] = []
        self.seen: set[int] = set()
        self.size_left = _MAX_SIZE

    def failure(self, error: BaseException) -> Failure:
        """*error* and what it leads to. Not recursive along the chain, which may be long."""
        first = current = self.alone(error)
        while (earlier := _earlier(error)) is not None and self.has_room_for(earlier):
            current.earlier_is_cause = error.__cause__ is not None
            current.earlier = self.alone(earlier)
            error, current = earlier, current.earlier
        return first

    def has_room_for(self, error: BaseException) -> bool:
        return id(error) not in self.seen and len(self.seen) < _MAX_FAILURES

    def alone(self, error: BaseException) -> Failure:
        self.seen.add(id(error))
        failure = Failure(_name_of(type(error)), self.text(_message, error))
        notes = getattr(error, "__notes__", None)
        for note in notes[:_MAX_NOTES] if isinstance(notes, list | tuple) else ():
            failure.notes.append(self.text(_bounded_str, note))
        failure.frames = list(self.frames_of(error))
        if isinstance(error, SyntaxError) and (frame := self.frame_of_syntax_error(error)):
            failure.frames.append(frame)
        failure.hint = self.text(_hint, error) or None
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions[:_MAX_MEMBERS]:
                if self.has_room_for(member):
                    failure.members.append(self.failure(member))
            failure.members_left_out = len(error.exceptions) - len(failure.members)
        return failure

    def text(self, func: Callable[..., str], *args: Any) -> str:
        return self.mask(self.patience.ask(func, *args))

    def frames_of(self, error: BaseException) -> Iterator[Frame | LeftOut]:
        tracebacks = []
        traceback = error.__traceback__
        while traceback is not None:
            tracebacks.append(traceback)
            traceback = traceback.tb_next
        del tracebacks[: self.start_of(tracebacks)]
        left_out = len(tracebacks) - 2 * _MAX_FRAMES
        for i, traceback in enumerate(tracebacks):
            if left_out <= 0 or not 0 <= i - _MAX_FRAMES < left_out:
                yield self.frame(traceback, tracebacks[:i], error)
            elif i == _MAX_FRAMES:
                yield LeftOut(left_out)

    def start_of(self, tracebacks: list[TracebackType]) -> int:
        """How many frames only tell how the application got to the view or the hook.

        They are the same for all, and in the order in which the exception was raised again
        rather than that of the calls.
        """
        start = 0
        for i, traceback in enumerate(tracebacks[:-1]):
            frame = traceback.tb_frame
            if frame.f_globals.get("__name__") in _STAGES:
                start = i + 1
            elif place_of(frame.f_code.co_filename, self.root) != "library":
                break
        return start

    def frame(
        self, traceback: TracebackType, before: list[TracebackType], error: BaseException
    ) -> Frame:
        frame = traceback.tb_frame
        code = frame.f_code
        file = code.co_filename
        self.frames.append(frame)
        is_template = "__jinja_exception__" in frame.f_globals
        if is_template:
            # Jinja puts it at the line of the template; the columns are of no source.
            at = Position(traceback.tb_lineno)
            lines = _template_lines(file, before, error)
        else:
            at = _position(traceback)
            lines = lines_of(file, frame.f_globals)
        return Frame(
            len(self.frames) - 1,
            file,
            _shown(file, self.root),
            code.co_name if is_template else code.co_qualname,
            at,
            "template" if is_template else place_of(file, self.root),
            excerpt(lines, at, is_python=not is_template),
            self.variables(frame) if self.with_variables else (),
        )

    def variables(self, frame: FrameType) -> tuple[Variable, ...]:
        # A module's variables are everything that it imports and defines, too.
        is_module = frame.f_locals is frame.f_globals
        is_template = "__jinja_exception__" in frame.f_globals
        pairs = (
            (name, value)
            for name, value in list(frame.f_locals.items())
            if not (str(name).startswith("__") and (is_module or str(name).endswith("__")))
            and not (is_template and name in _OF_EVERY_TEMPLATE)
        )
        return tuple(Variable(*pair) for pair in self.described(pairs))

    def described(self, pairs: Iterator[tuple[str, object]]) -> Iterator[tuple[str, str]]:
        for name, value in named(pairs, _MAX_VARIABLES):
            if self.size_left <= 0:
                text = "<left out: there is too much>"
            else:
                text = self.text(describe, value, _MAX_VALUE)
                self.size_left -= len(text)
            # An object's own repr knows no limit.
            yield name, text if len(text) <= 2 * _MAX_VALUE else f"{text[:_MAX_VALUE]}…"

    def frame_of_syntax_error(self, error: SyntaxError) -> Frame | None:
        """Where the source is wrong: nothing has run there, so there is no real frame."""
        file, number = error.filename, error.lineno
        if not isinstance(file, str) or not isinstance(number, int):
            return None
        lines = lines_of(file, None)
        if not lines and isinstance(error.text, str):
            lines = [""] * (number - 1) + [error.text]
        at = Position(number)
        if isinstance(error.offset, int) and error.offset > 0 and number <= len(lines):
            # These count characters, from 1.
            line = lines[number - 1]
            end = error.end_offset or 0
            if error.end_lineno not in (None, number) or end <= error.offset:
                end = error.offset + 1
            column, end = (len(line[: i - 1].encode()) for i in (error.offset, end))
            at = Position(number, number, column, end)
        place = place_of(file, self.root)
        return Frame(None, file, _shown(file, self.root), "", at, place, excerpt(lines, at))


def _earlier(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _name_of(kind: type[BaseException]) -> str:
    module, name = kind.__module__, kind.__qualname__
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def _bounded_str(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.msg:
        return _bounded_str(error.msg)
    return _bounded_str(error)


def _hint(error: BaseException) -> str:
    """The name that was probably meant."""
    if isinstance(error, AttributeError) and error.name:
        meant = _closest(error.name, islice(dir(error.obj), 2000))
    elif isinstance(error, NameError) and error.name and error.__traceback__ is not None:
        traceback = error.__traceback__
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        frame = traceback.tb_frame
        names = [*frame.f_locals, *frame.f_globals, *vars(builtins)]
        meant = _closest(error.name, islice(names, 2000))
    else:
        return ""
    return f"Did you mean {meant!r}?" if meant else ""


def _closest(name: str, names: Iterator[str]) -> str | None:
    candidates = [n for n in names if isinstance(n, str) and n != name]
    return next(iter(get_close_matches(name, candidates, 1, 0.75)), None)


def _position(traceback: TracebackType) -> Position:
    code, lasti, number = traceback.tb_frame.f_code, traceback.tb_lasti, traceback.tb_lineno
    if lasti >= 0:
        line, end_line, column, end_column = next(
            islice(code.co_positions(), lasti // 2, None), (None, None, None, None)
        )
        if line == number:
            return Position(number, end_line, column, end_column)
    # -1 is what a generator says that never ran.
    return Position(number or 0)


def _template_lines(file: str, before: list[TracebackType], error: BaseException) -> list[str]:
    if lines := lines_of(file, None):
        return lines
    source = getattr(error, "source", None)
    if not isinstance(source, str):
        # One that was given as text: whoever was asked to render it still has it.
        source = None
        for traceback in reversed(before):
            frame = traceback.tb_frame
            if frame.f_globals.get("__name__") in ("carboy.templating", "jinja2.environment"):
                source = frame.f_locals.get("source")
            if isinstance(source, str):
                break
    return source.splitlines() if isinstance(source, str) else []


# Where files are from


@cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    carboy = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(os.path.join(folder, "") for folder in (*folders, carboy))


_SITE: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def place_of(file: str, root: str) -> Place:
    """Whether a file is the user's own or a library's.

    :param root: the folder of the application
    """
    if file.startswith("<frozen "):
        return "library"
    root = os.path.join(root, "")
    is_of_library = file.startswith(_library_folders()) or any(site in file for site in _SITE)
    if not is_of_library:
        return "own"
    # The application may be installed itself, or have the environment in its folder.
    is_installed = any(site in root for site in _SITE) and file.startswith(root)
    return "own" if is_installed else "library"


def _shown(file: str, root: str) -> str:
    """The path in short: from the library or the folder that one works in."""
    for site in _SITE:
        if site in file:
            return file.rpartition(site)[2]
    folders = (*_library_folders()[:-1], os.path.join(os.getcwd(), ""), os.path.join(root, ""))
    folders += (os.path.join(os.path.dirname(_library_folders()[-1][:-1]), ""),)
    for folder in folders:
        if len(folder) > 1 and file.startswith(folder):
            return file[len(folder) :]
    return file


def versions() -> str:
    """What a bug report should say it ran on."""
    from importlib.metadata import version

    names = ("werkzeug", "jinja2")
    python = ".".join(map(str, sys.version_info[:3]))
    libraries = [f"{name.capitalize()} {version(name)}" for name in names]
    return ", ".join([f"Python {python}", f"Carboy {__version__}", *libraries])
