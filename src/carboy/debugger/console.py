"""Evaluate what is typed in a frame that failed.

Lives here: the failures whose frames are kept, evaluation and completion.
Must not know: who may do so, which is ``guard``'s; HTTP.

How it works: a page that shows a failure gets a secret of its own and the number of each frame.
The frames of the last few failures are kept, for a while, in the process that failed. What is
assigned in a frame is kept beside it: Python offers no way to write to a function's variables.
They hold memory and what customers entrusted, so a timer drops them, whether or not another
request ever comes.
"""

from __future__ import annotations

import ast
import builtins
import hmac
import io
import keyword
import re
import secrets
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from time import monotonic
from types import CodeType, CoroutineType, FrameType
from typing import TYPE_CHECKING, Any, Final, TextIO

from .. import globals as proxies
from .values import describe

if TYPE_CHECKING:
    from ..ctx import RequestContext

#: How many failures are kept, and for how many seconds.
MAX_KEPT: Final = 10
MAX_AGE: Final = 30 * 60.0

#: How many characters of a result or of what was printed are shown.
_MAX_OUTPUT: Final = 20_000

_MAX_COMPLETIONS: Final = 100

#: How many seconds an evaluation waits for another one to end.
_WAIT: Final = 5.0

#: What can be named in each frame.
_OF_REQUEST: Final = ("current_app", "g", "request", "session")

#: The name under which typed source is shown in a traceback.
_FILE: Final = "<console>"

# What is printed goes to the page, for which there is one `sys.stdout` for the process.
_evaluating: Final = threading.Lock()


class Kept:
    """A failure whose frames are kept.

    :param frames: by their numbers
    :param ctx: the context of the request that failed
    """

    def __init__(self, frames: list[FrameType], ctx: RequestContext | None, at: float) -> None:
        self.id = secrets.token_urlsafe(12)
        self.secret = secrets.token_urlsafe(32)
        self.at = at
        self._frames = frames
        self._ctx = ctx
        self._g = {} if ctx is None else dict(ctx.g.__dict__)
        self._names: dict[int, _Names] = {}

    def is_secret(self, given: str) -> bool:
        """Whether *given* is the secret of the page that shows this failure."""
        return hmac.compare_digest(given.encode(), self.secret.encode())

    def names(self, number: int) -> _Names | None:
        """The variables of a frame, with what was assigned since; ``None`` without such a frame."""
        if not 0 <= number < len(self._frames):
            return None
        return self._names.setdefault(number, _Names(self._frames[number]))

    def evaluate(self, number: int, source: str) -> str:
        """What *source* prints, and the value of its last line if that is an expression.

        :param number: of the frame
        :raises LookupError: there is no such frame
        """
        if (names := self.names(number)) is None:
            raise LookupError(f"There is no frame {number}.")
        if not _evaluating.acquire(timeout=_WAIT):
            return "Another evaluation has not ended yet. Try again, or restart the server.\n"
        try:
            output, errors = _Output(sys.stdout), _Output(sys.stderr)
            errors.parts = output.parts
            with redirect_stdout(output), redirect_stderr(errors), self._context():
                _run(source, names, output)
            return output.text
        finally:
            _evaluating.release()

    def complete(self, number: int, text: str) -> list[str]:
        """The names that *text* may be the beginning of, in the frame.

        :param text: a name, or names with dots between
        """
        names = self.names(number)
        if names is None or not re.fullmatch(r"(?:[^\W\d]\w*\.)*(?:[^\W\d]\w*)?", text):
            return []
        if "." not in text:
            found: Iterable[str] = {*names.everything(), *vars(builtins), *keyword.kwlist}
        else:
            from rlcompleter import Completer

            try:
                with self._context():
                    matches = Completer(names.everything()).attr_matches(text)
            except Exception:
                # What an object's attributes are may be computed by its own code.
                return []
            found = {match.rstrip("() ") for match in matches}
        return sorted(name for name in found if name.startswith(text))[:_MAX_COMPLETIONS]

    @contextmanager
    def _context(self) -> Iterator[None]:
        """As during the request: ``request``, ``session`` and ``g`` are those of then."""
        with nullcontext() if self._ctx is None else self._ctx.copy() as ctx:
            if ctx is not None:
                ctx.g.__dict__.update(self._g)
            yield


class Store:
    """The failures that are kept.

    :param clock: tells seconds
    :param timer: makes a timer that calls a function after a number of seconds
    """

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        timer: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
    ) -> None:
        self._clock = clock
        self._make_timer = timer
        self._timer: threading.Timer | None = None
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def keep(self, frames: list[FrameType], ctx: RequestContext | None) -> Kept:
        """Keep the frames of a failure; the oldest makes room for it."""
        kept = Kept(frames, ctx, self._clock())
        with self._lock:
            self._kept[kept.id] = kept
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            if self._timer is None:
                self._wait()
        return kept

    def find(self, id: str) -> Kept | None:
        """The failure with this id, if it is still kept."""
        self.drop_old()
        return self._kept.get(id)

    def drop_old(self) -> None:
        """Drop what was kept long enough."""
        with self._lock:
            oldest = self._clock() - MAX_AGE
            for id in [id for id, kept in self._kept.items() if kept.at <= oldest]:
                del self._kept[id]

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _wait(self) -> None:
        """Have the oldest dropped when its time has come."""
        oldest = next(iter(self._kept.values())).at
        # The timer shall keep neither the store nor the process.
        drop = weakref.WeakMethod(self._drop_in_time)
        self._timer = self._make_timer(
            max(0.0, oldest + MAX_AGE - self._clock()), lambda: (drop() or _nothing)()
        )
        self._timer.daemon = True
        self._timer.start()

    def _drop_in_time(self) -> None:
        self.drop_old()
        with self._lock:
            self._timer = None
            if self._kept:
                self._wait()

    def __del__(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def __len__(self) -> int:
        return len(self._kept)


def _nothing() -> None:
    """In place of a store that is gone."""


class _Names(dict[str, Any]):
    """The names of a frame as one namespace: its own, those of its module, then some that views
    mostly have."""

    def __init__(self, frame: FrameType) -> None:
        super().__init__(frame.f_locals)
        self._globals = frame.f_globals
        self["__builtins__"] = frame.f_builtins
        self.setdefault("__name__", frame.f_globals.get("__name__"))

    def __missing__(self, name: str) -> Any:
        if name not in self._globals and name in _OF_REQUEST:
            return getattr(proxies, name)
        return self._globals[name]

    def everything(self) -> dict[str, Any]:
        return {**{name: getattr(proxies, name) for name in _OF_REQUEST}, **self._globals, **self}


class _Output(io.TextIOBase):
    """Takes what this thread prints; what others print goes where it always went.

    :param elsewhere: that place
    """

    def __init__(self, elsewhere: TextIO) -> None:
        self._thread = threading.get_ident()
        self._elsewhere = elsewhere
        #: What was printed; shared by standard output and standard error.
        self.parts: list[str] = []
        self._left = _MAX_OUTPUT

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return self._elsewhere.write(text)
        if self._left > 0:
            self.parts.append(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                self.parts.append("… (there is more)\n")
        return len(text)

    def __getattr__(self, name: str) -> Any:
        # Such as its `buffer`, which other threads may write to.
        return getattr(self._elsewhere, name)

    @property
    def text(self) -> str:
        return "".join(self.parts)


def _run(source: str, names: _Names, output: _Output) -> None:
    try:
        value = None
        for code in _compiled(source):
            # `global` in a console would mean the module, so there is one namespace for both.
            value = eval(code, names)
            if type(value) is CoroutineType:
                from ..loop import run

                value = run(value)
        if value is not None:
            names["_"] = value
            output.write(f"{describe(value, _MAX_OUTPUT)}\n")
    except BaseException as e:
        # SystemExit too: it is not the server that was asked to end.
        output.write(_traceback(e))


def _compiled(source: str) -> Iterator[CodeType]:
    """The code of *source*: all but a last expression, and that by itself for its value."""
    tree = compile(source, _FILE, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(tree, ast.Module)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    if tree.body:
        yield compile(tree, _FILE, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if isinstance(last, ast.Expr):
        expression = ast.Expression(last.value)
        yield compile(expression, _FILE, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def _traceback(error: BaseException) -> str:
    """The traceback of what was typed, without the frames that lead there."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != _FILE:
        tb = tb.tb_next
    # A negative limit takes the last ones.
    return "".join(traceback.format_exception(type(error), error, tb, limit=-20, chain=False))
