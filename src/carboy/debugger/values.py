"""Say what a value is, whatever it is: huge, broken, endless or secret.

Lives here: the bounded ``repr``, the names whose values are secrets, and the patience that is had
with an object's own code.
Must not know: exceptions, requests, pages.

How it works: containers of Python's own types are walked item by item until the text is long
enough, so that ten million items cost no more than fifty. Any other object is asked for its
``repr`` in a thread of its own, which is left behind when the answer takes too long.
"""

from __future__ import annotations

import re
import threading
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from types import MappingProxyType
from typing import Any, Final

#: In place of a secret.
MASK: Final = "••••••"

#: How deep containers are shown.
_DEPTH: Final = 8

#: Integers with more bits are described: to write them out takes quadratic time.
_BITS: Final = 4096

#: Secrets of fewer characters would mask every other word.
_MIN_SECRET: Final = 4

_PASSWORD: Final = re.compile(r"(://[^/\s:@'\"]{0,200}:)[^/\s@'\"]{1,200}@")
#: A name that is given something, as in queries, forms, JSON, and the `repr` of objects and
#: mappings of all kinds.
_NAMED: Final = re.compile(
    r"""(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{0,100})"""
    r"""(?:=|\\*['"]: ?|['"], (?=b?['"][^'"]*['"]\)))"""
)
#: What it is given: quoted, also within quotes; a call, a list, the `repr` of an object; a word.
_GIVEN: Final = re.compile(
    r"""(?P<quoted>b?'(?:[^'\\]|\\.)*'?|b?"(?:[^"\\]|\\.)*"?|(?P<quote>\\+["'])[^"'\\]*(?P=quote)?)"""
    r"""|[\w.]*\([^()]*\)?|\[[^\[\]]*\]?|<[^<>]*>?"""
    r"""|(?!(?:None|True|False|null|true|false)\b)[^\s&'"()\[\]{},;<>]+"""
)
_SECRET_PARTS: Final = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "sessionid",
    "sessionkey",
    "credential",
    "authorization",
    "csrf",
    "xsrf",
    "signature",
)
_SECRET_WORDS: Final = frozenset(
    {"pwd", "pw", "pass", "sig", "jwt", "otp", "pin", "cvv", "cvc", "auth", "cookie", "cookies"}
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def is_secret(name: object) -> bool:
    """Whether *name* is what secrets are called: a variable, a header, a field, a key."""
    if not isinstance(name, str) or len(name) > 200:
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    joined = "".join(words)
    return not _SECRET_WORDS.isdisjoint(words) or any(part in joined for part in _SECRET_PARTS)


class Masked:
    """Replaces known secrets wherever they show in a text.

    :param secrets: the values that were found under names of secrets
    """

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        texts = {s for s in secrets if isinstance(s, str) and len(s) >= _MIN_SECRET}
        # The longest first: one may be a part of another.
        found = sorted(texts, key=len, reverse=True)[:200]
        self._pattern = re.compile("|".join(map(re.escape, found))) if found else None

    def __call__(self, text: str) -> str:
        """*text* without the secrets, and without the passwords of URLs."""
        text = _without_given(_PASSWORD.sub(rf"\1{MASK}@", text))
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _without_given(text: str) -> str:
    """*text* without what is given to the names of secrets in it."""
    parts: list[str] = []
    at = 0
    for named in _NAMED.finditer(text):
        if named.start() < at or not is_secret(named["name"]):
            continue
        if given := _GIVEN.match(text, named.end()):
            parts += text[at : named.end()], f"'{MASK}'" if given["quoted"] else MASK
            at = given.end()
    return "".join(parts) + text[at:]


class Patience:
    """Calls the code of others, which may fail or never return, within a limit of time.

    :param total: how many seconds all calls together may take
    :param each: how many seconds one may take
    """

    def __init__(self, total: float = 2.0, each: float = 0.4) -> None:
        self._until = monotonic() + total
        self._each = each
        self._calls: SimpleQueue[tuple[Callable[..., str], tuple[Any, ...]] | None] | None = None
        self._results: SimpleQueue[str]
        self._thread: threading.Thread

    def ask(self, func: Callable[..., str], *args: Any) -> str:
        """What ``func(*args)`` returns, or a word on why it did not."""
        left = min(self._until - monotonic(), self._each)
        if left <= 0:
            return "<not asked: it took too long already>"
        if self._calls is None:
            self._calls, self._results = SimpleQueue(), SimpleQueue()
            context = copy_context()
            work = (_work, self._calls, self._results)
            self._thread = threading.Thread(target=context.run, args=work, daemon=True)
            self._thread.start()
        self._calls.put((func, args))
        try:
            return self._results.get(timeout=left)
        except Empty:
            # The thread goes when it is free; the next question gets another one.
            self._calls.put(None)
            self._calls = None
            return "<took too long>"

    def end(self) -> None:
        """Let the thread go, and with it what it was asked about."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None
            self._thread.join(self._each)


def _work(
    calls: SimpleQueue[tuple[Callable[..., str], tuple[Any, ...]] | None],
    results: SimpleQueue[str],
) -> None:
    while (call := calls.get()) is not None:
        func, args = call
        try:
            result = func(*args)
        except BaseException as e:
            result = f"<cannot be shown: {type.__repr__(type(e))[8:-2]}>"
        results.put(result)
        # What was described may wait to be dropped.
        del call, func, args


def describe(value: object, limit: int) -> str:
    """What ``repr(value)`` says, in about *limit* characters; secrets in dictionaries are masked.

    :raises BaseException: whatever the ``__repr__`` of an object raises
    """
    text = _Text(limit)
    try:
        text.add(value, 0)
    except _Full:
        text.parts.append("…")
        if (length := _length(value)) is not None:
            text.parts.append(f" ({length:,} {_units(value)} in all)")
    return "".join(text.parts)


class _Full(Exception):
    """The text is long enough."""


class _Text:
    """A ``repr`` that is being written."""

    def __init__(self, limit: int) -> None:
        self.parts: list[str] = []
        self.left = limit
        self.within: set[int] = set()

    def put(self, text: str) -> None:
        if len(text) > self.left:
            self.parts.append(text[: self.left])
            raise _Full
        self.parts.append(text)
        self.left -= len(text)

    def add(self, value: Any, depth: int) -> None:
        # A subclass that does not change how it is shown is walked as well.
        how: Any = type(value).__repr__
        if how in (str.__repr__, bytes.__repr__, bytearray.__repr__):
            self.put(how(value[: self.left + 1]))
        elif how is int.__repr__ and value.bit_length() > _BITS:
            self.put(f"<an integer of {value.bit_length():,} bits>")
        elif (brackets := _SEQUENCES.get(how)) is not None:
            self.add_all(value, *brackets, depth, self.add_item)
        elif how in _MAPPINGS or isinstance(value, dict):
            # Whatever it looks like by itself, this way what it holds is limited and masked.
            start = "{" if how is dict.__repr__ else f"{type(value).__name__}({{"
            end = "}" if how is dict.__repr__ else "})"
            self.add_all(value, start, end, depth, self.add_pair)
        elif how is array.__repr__:
            self.put(f"array({value.typecode!r}, {list(islice(value, self.left))})")
        else:
            self.put(_of_object(value))

    def add_all(
        self,
        value: Any,
        start: str,
        end: str,
        depth: int,
        add: Callable[[Any, Any, int], None],
    ) -> None:
        if id(value) in self.within or depth == _DEPTH:
            self.put(f"{start}…{end}")
            return
        self.within.add(id(value))
        self.put(start)
        for number, item in enumerate(value):
            if number:
                self.put(", ")
            add(value, item, depth + 1)
        self.put(",)" if start == "(" and len(value) == 1 else end)
        self.within.discard(id(value))

    def add_item(self, value: Any, item: Any, depth: int) -> None:
        self.add(item, depth)

    def add_pair(self, value: Any, key: Any, depth: int) -> None:
        self.add(key, depth)
        self.put(": ")
        if is_secret(key):
            self.put(repr(MASK))
        else:
            self.add(value[key], depth)


_SEQUENCES: Final[Mapping[object, tuple[str, str]]] = {
    list.__repr__: ("[", "]"),
    tuple.__repr__: ("(", ")"),
    set.__repr__: ("{", "}"),
    frozenset.__repr__: ("frozenset({", "})"),
    deque.__repr__: ("deque([", "])"),
    type({}.keys()).__repr__: ("dict_keys([", "])"),
    type({}.values()).__repr__: ("dict_values([", "])"),
    type({}.items()).__repr__: ("dict_items([", "])"),
}
_MAPPINGS: Final[tuple[object, ...]] = (
    dict.__repr__,
    OrderedDict.__repr__,
    defaultdict.__repr__,
    Counter.__repr__,
    MappingProxyType.__repr__,
)


def _of_object(value: object) -> str:
    text = repr(value)
    # Of any type that is still a str, but one may be a subclass with ideas of its own.
    return str.__str__(text)


def _length(value: Any) -> int | None:
    how: Any = type(value).__repr__
    sized: tuple[Any, ...] = (str.__repr__, bytes.__repr__, bytearray.__repr__, array.__repr__)
    if how in sized or how in _SEQUENCES or how in _MAPPINGS or isinstance(value, dict):
        return len(value)
    return None


def _units(value: object) -> str:
    if isinstance(value, str):
        return "characters"
    return "bytes" if isinstance(value, bytes | bytearray) else "items"


def named(pairs: Iterable[tuple[object, object]], limit: int) -> Iterator[tuple[str, object]]:
    """The first *limit* pairs, their names as text and the values of secrets masked."""
    for name, value in islice(pairs, limit):
        yield str(name), Hidden() if is_secret(name) else value


class Hidden:
    """Stands for the value of a secret."""

    def __repr__(self) -> str:
        return MASK
