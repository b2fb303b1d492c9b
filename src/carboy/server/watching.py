"""What of the file system a program depends on, and what of it has changed.

Lives here: which files are the program's own, what they contained when they were last looked at,
and the thread that hears of changes.
Must not know: processes, sockets, applications.

How it works: the folders are watched, not the files, as editors put a new file in the place of
the old one. A change is one of content: a file that was only touched, or saved as it was, is
passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from importlib.util import cache_from_source
from threading import Event, Thread
from typing import NamedTuple

#: How long nothing may happen before several changes count as complete, and how long at most to
#: wait for that, in milliseconds.
QUIET = 50
AT_MOST = 1600

#: How late the system's clock for files may be, in seconds. Of two changes within a tick of it the
#: second does not show in a file's times.
TICK = 0.05

#: Folders that no program keeps its own files in.
FOREIGN = frozenset({"site-packages", "dist-packages", "node_modules", "__pycache__"})


@dataclass(frozen=True)
class Watched:
    """What a program depends on: absolute paths.

    :param files: the program is started anew when one of them changes, also one that is missing
    :param folders: the same for all that lies in them
    :param pages: what lies in these folders is read by each request, so only pages change
    :param places: directories in which a file may be missing
    """

    files: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()

    def __or__(self, other: Watched) -> Watched:
        return Watched(
            self.files | other.files,
            self.folders | other.folders,
            self.pages | other.pages,
            self.places | other.places,
        )

    def directories(self) -> frozenset[str]:
        """The directories that have to be watched, those that exist."""
        found = {os.path.dirname(file) for file in self.files} | self.places
        for folder in self.folders | self.pages:
            found.update(directory for directory, _, _ in _walk(folder))
        return frozenset(filter(os.path.isdir, found))


def _walk(folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for directory, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in FOREIGN and name[0] != "."]
        yield directory, folders, files


def files_in(directories: Iterable[str], moment: float) -> set[str]:
    """The files right in these directories that were put there after a moment.

    :param moment: as ``time.time()`` tells it
    """
    found: set[str] = set()
    for directory in directories:
        with suppress(OSError):
            found.update(os.path.join(directory, name) for name in os.listdir(directory))
    return {path for path in found if _is_newer(path, moment)}


def files_below(folder: str) -> set[str]:
    """The files in a folder and in those within."""
    return {
        os.path.join(directory, name) for directory, _, names in _walk(folder) for name in names
    }


def both_paths(paths: Iterable[str | os.PathLike[str]]) -> frozenset[str]:
    """Each path made absolute, and, where it leads over a link, where it really is."""
    found = {os.path.abspath(path) for path in paths}
    return frozenset(found | {os.path.realpath(path) for path in found})


def is_own(path: str) -> bool:
    """Whether a file is the user's: no part of Python, of its packages, or of Carboy."""
    return not path.startswith(_libraries()) and FOREIGN.isdisjoint(path.split(os.sep))


@cache
def _libraries() -> tuple[str, ...]:
    named = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    folders = {sysconfig.get_path(name) for name in named}
    folders.add(os.path.dirname(os.path.dirname(__file__)))
    return tuple(os.path.join(path, "") for path in both_paths(folders))


def own_modules() -> frozenset[str]:
    """The files of the user's modules that this process has imported."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {file for file in files if isinstance(file, str) and os.path.isfile(file)}
    return both_paths(path for path in map(os.path.abspath, found) if is_own(path))


class _Seen(NamedTuple):
    """What was there when a file was looked at; nothing if there was none.

    :param signature: what tells that it is still the same without reading it; ``None`` if
        nothing does
    :param changed: when it had last been put in its place, as ``time.time()`` tells it
    :param digest: that of its content
    """

    signature: tuple[int, ...] | None = None
    changed: float = 0.0
    digest: bytes = b""


@dataclass
class Contents:
    """What files contained when they were last looked at."""

    _seen: dict[str, _Seen] = field(default_factory=dict)

    def look(self, paths: Iterable[str]) -> set[str]:
        """Look at files, and remember what is there.

        :returns: those that have changed since they were last looked at
        """
        changed = set()
        for path in paths:
            before = self._seen.get(path)
            now = _look(path, before)
            self._seen[path] = now
            if before is not None and before.digest != now.digest:
                changed.add(path)
        return changed

    def newer(self, paths: Iterable[str], moment: float) -> set[str]:
        """Those of the files that had changed after a moment when they were last looked at.

        :param moment: as ``time.time()`` tells it
        """
        return {path for path in paths if self._seen[path].changed > moment}

    def unknown(self, paths: Iterable[str]) -> set[str]:
        """Those of the files that have not been looked at yet."""
        return {path for path in paths if path not in self._seen}


def _look(path: str, before: _Seen | None) -> _Seen:
    try:
        first = _signature(os.stat(path))
        if before is not None and before.signature == first:
            return before
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "blake2b").digest()
        found = os.stat(path)
    except OSError:
        return _Seen()
    changed = max(found.st_mtime, found.st_ctime)
    # It may have been changed while it was read, or be changed once more at the same time.
    is_settled = _signature(found) == first and changed < time.time() - TICK
    return _Seen(first if is_settled else None, changed, digest)


def _signature(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _is_newer(path: str, moment: float) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    is_file = not stat.S_ISDIR(found.st_mode)
    return is_file and max(found.st_mtime, found.st_ctime) > moment


def forget_compiled(paths: Iterable[str]) -> None:
    """Remove what Python has compiled of these files.

    It tells by size and second whether that is out of date, so a file that is saved twice in one
    second would be taken for the same.
    """
    for path in paths:
        if path.endswith(".py"):
            try:
                os.unlink(cache_from_source(path))
            except (OSError, NotImplementedError):
                continue


def is_excluded(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern, as of :mod:`fnmatch`, fits a file's path or its name."""
    return any(fnmatch(path, p) or fnmatch(os.path.basename(path), p) for p in patterns)


class Watcher:
    """Hears of changes in directories.

    :param tell: called, in a thread of its own, with the paths of what has changed
    :param polling: look every so many seconds, where the system tells nothing
    """

    def __init__(self, tell: Callable[[set[str]], None], polling: float | None = None) -> None:
        self._tell = tell
        self._polling = polling
        self._watched: frozenset[tuple[str, int]] = frozenset()
        self._stop = Event()
        self._thread: Thread | None = None

    def watch(self, directories: frozenset[str]) -> bool:
        """Watch these directories, and no others.

        :returns: whether anything has changed by that. If so, what happened in the last moment
            may have gone unheard.
        """
        # One that was removed and made again has another number, and is watched by nobody.
        watched = frozenset(_numbered(directories))
        if watched == self._watched:
            return False
        # Only the process that watches needs it, and it takes a moment to import.
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        self.close()
        paths, delay = sorted(directories), int((self._polling or 0.3) * 1000)
        try:
            notify = RustNotify(paths, False, self._polling is not None, delay, False, True)
        except (OSError, WatchfilesRustInternalError):
            # The system has a limit, or one of them has just been removed.
            paths = [path for path in paths if os.path.isdir(path)]
            notify = RustNotify(paths, False, True, delay, False, True)
        self._watched, self._stop = watched, Event()

        def listen(stop: Event) -> None:
            with notify:
                while isinstance(found := notify.watch(AT_MOST, QUIET, 0, stop), set):
                    self._tell({path for _, path in found})

        self._thread = Thread(target=listen, args=(self._stop,), name="carboy-watch", daemon=True)
        self._thread.start()
        return True

    def close(self) -> None:
        """Watch nothing any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._watched = frozenset()


def _numbered(directories: Iterable[str]) -> Iterator[tuple[str, int]]:
    for directory in directories:
        with suppress(OSError):
            yield directory, os.stat(directory).st_ino
