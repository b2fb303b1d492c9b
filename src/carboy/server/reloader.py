"""Start a program anew when its files change.

Lives here: :class:`Supervisor`, which keeps the listening socket and starts, watches and ends the
processes that serve it one after the other.
Must not know: applications, how a program serves, how its files are watched.

How it works: this process serves nothing. The program runs in a process of its own, started with
the same command. When a file changes, that one takes no more connections and ends what it has
begun, while the next one is starting already; whoever connects meanwhile waits at the socket.
When the next one cannot be started, or ends by itself, a third kind of process (``failure``) says
so to whoever asks, until another file is saved.

What takes long about a start is Python and the framework, so a spare process that has these
imported waits for its turn.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .failure import ELSEWHERE, HOST, TEXT, TITLE, shown
from .forked import Forked, can_fork, fork, held_signals
from .handover import LOAD, PAGES, RETIRE, STOP, Handed
from .serving import GRACE, GRACE_WHEN_RETIRING, terminal_mender
from .watching import (
    QUIET,
    Contents,
    Watched,
    Watcher,
    both_paths,
    files_below,
    files_in,
    forget_compiled,
    is_excluded,
    is_own,
)

#: How many seconds a process gets, after its requests, for what a program does at its end.
AT_THE_END = 3.0

#: How many bytes of a program's output are kept for the page that says why it failed.
KEPT = 64 * 1024

_FAILURE = "from carboy.server.failure import main; main()"
_FILE_IN_TRACEBACK = re.compile(r'^\s*File "(.+)", line \d+', re.MULTILINE)


class CannotReload(RuntimeError):
    """The reloader cannot do its work here. The message says why, and what to do."""


class IsProgram(Exception):
    """This process is a copy that is to serve the program, with what the reloader hands to it."""

    def __init__(self, handed: Handed) -> None:
        self.handed = handed


@dataclass(frozen=True)
class Plan:
    """What to start, and when to start it anew.

    :param listener: the listening socket
    :param host: the name or address that it was made for
    :param certificate: the paths of a certificate and its key
    :param environment: the environment that the program is started in, without what files add
    :param watched: what the program is known to depend on, whatever it says itself
    :param settings_files: those of the watched files that the program reads before it is loaded
    :param exclude: patterns of files that do not count
    :param polling: look at the files every so many seconds, where the system tells nothing
    :param live_reload: have pages reload themselves
    :param shows_exceptions: show why the program could not be started
    :param spare: whether nothing of the program has been loaded; then it waits, when told to,
        before it loads anything, and a copy of this process can become the program
    :param announce: called once, with what the program said when it was ready, or else ``None``
    """

    listener: socket.socket
    host: str
    certificate: tuple[str, str] | None
    environment: Mapping[str, str]
    watched: Watched
    settings_files: frozenset[str]
    exclude: tuple[str, ...]
    polling: float | None
    live_reload: bool
    shows_exceptions: bool
    spare: bool
    announce: Callable[[dict[str, Any] | None], None]


@dataclass(eq=False)
class _Process:
    """A process that serves, will, or has."""

    popen: subprocess.Popen[bytes] | Forked
    channel: socket.socket
    #: Its standard error, until it is ready.
    output: int
    is_program: bool
    started: float
    ready: bool = False
    #: It failed for a reason that no saved file will mend.
    hopeless: bool = False
    #: When it is killed; it has been told to end if this is set.
    deadline: float | None = None
    heard: bytes = b""
    written: bytearray = field(default_factory=bytearray)

    def tell(self, order: bytes) -> None:
        # It may have just ended by itself.
        with suppress(OSError):
            self.channel.send(order)

    def end(self, order: bytes, seconds: float) -> None:
        """Have the process end, and say when at the latest it will have."""
        self.deadline = time.monotonic() + seconds + AT_THE_END
        if self.ready:
            self.tell(order)
        else:
            self.popen.terminate()


def command() -> list[str]:
    """How this program was started.

    :raises CannotReload: it cannot be started so once more
    """
    if hasattr(sys, "ps1") or (len(sys.orig_argv) < 2):
        raise CannotReload("A program that is typed in cannot be started anew.")
    if threading.current_thread() is not threading.main_thread():
        raise CannotReload("The reloader works in the main thread only.")
    return [sys.executable, *sys.orig_argv[1:]]


class Supervisor:
    """Keeps a program running.

    :param plan: see there
    :raises CannotReload: see there
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._command = command()
        self._current: _Process | None = None
        self._spare: _Process | None = None
        self._leaving: list[_Process] = []
        self._count = 0
        #: When the program was last started, as `time.time()` tells it.
        self._started = time.time()
        self._announced = False
        self._interface: str | None = None
        self._token: str | None = None
        self._stopping = False
        #: The signals that end this.
        self._ends: set[int] = set()
        self._status = 0
        self._watched = plan.watched
        self._contents = Contents()
        self._changes: deque[set[str]] = deque()
        #: Files that were saved after the program had begun to load.
        self._stale: set[str] = set()
        #: Paths to look at, of which the watcher says nothing, and when.
        self._unheard: set[str] = set()
        self._unheard_at: float | None = None
        self._mend_terminal = terminal_mender()
        self._selector = selectors.DefaultSelector()
        self._events, self._wakeup = socket.socketpair()
        self._watcher = Watcher(self._note, plan.polling)

    def run(self) -> int:
        """Keep the program running until SIGTERM or SIGINT.

        :returns: the exit status
        :raises IsProgram: in a copy of this process
        """
        try:
            self._contents.look(self._watched.files)
            with ExitStack() as stack:
                with held_signals():
                    # A copy would remove the files of a certificate that was made for this run.
                    forks = self._plan.spare and self._plan.certificate is None and can_fork()
                    # The watcher takes a moment to import; meanwhile the program is loaded.
                    self._start(forks)
                    stack.enter_context(self._signals())
                self._watch()
                while not self._stopping or self._processes():
                    self._look()
        finally:
            for process in self._processes():
                process.popen.kill()
            self._mend_terminal()
            self._watcher.close()
            self._selector.close()
            self._events.close()
            self._wakeup.close()
            self._plan.listener.close()
        return self._status

    @contextmanager
    def _signals(self) -> Iterator[None]:
        self._events.setblocking(False)
        self._wakeup.setblocking(False)
        self._selector.register(self._events, selectors.EVENT_READ)
        # What is ignored stays so: `nohup` and a shell's `&` ask for it.
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._ends = {n for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
        before = {n: signal.signal(n, _leave_to_loop) for n in (*self._ends, signal.SIGCHLD)}
        wakeup_before = signal.set_wakeup_fd(self._wakeup.fileno())
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _processes(self) -> list[_Process]:
        return [p for p in (self._current, self._spare, *self._leaving) if p is not None]

    # Starting and ending

    def _start(self, forks: bool = False) -> None:
        """Start the program.

        :param forks: as a copy of this process
        """
        self._started = time.time()
        spare, self._spare = self._spare, None
        if spare is not None and spare.popen.poll() is None:
            spare.started = self._started
            spare.tell(LOAD)
            self._current = spare
        else:
            self._current = self._open(None if forks else self._command)

    def _open(
        self,
        command: list[str] | None,
        variables: Mapping[str, str] | None = None,
        waits: bool = False,
    ) -> _Process:
        """Start a process.

        :param command: a copy of this process if ``None``
        :param variables: for the environment of what is not the program
        :param waits: see :class:`Handed`
        """
        self._count += 1
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        output, theirs_output = os.pipe()
        os.set_blocking(output, False)
        terminal = os.dup(2)
        handed = Handed(
            listener=self._plan.listener.fileno(),
            channel=theirs.fileno(),
            terminal=terminal,
            version=f"{os.getpid()}.{self._count}",
            certificate=self._plan.certificate,
            live_reload=self._plan.live_reload,
            token=self._token,
            waits=waits,
        )
        started = time.time()
        try:
            popen: subprocess.Popen[bytes] | Forked | None
            if command is None:
                popen = fork(theirs_output)
            else:
                popen = subprocess.Popen(
                    command,
                    env={**self._plan.environment, **handed.variables(), **(variables or {})},
                    stderr=theirs_output,
                    pass_fds=(handed.listener, handed.channel, terminal),
                )
            if popen is None:
                # While it had this end too, it would not hear that the reloader has gone.
                ours.close()
                os.close(output)
                raise IsProgram(handed.copied())
        finally:
            theirs.close()
            os.close(theirs_output)
            os.close(terminal)
        process = _Process(popen, ours, output, variables is None, started)
        self._selector.register(ours, selectors.EVENT_READ, (self._hear, process))
        self._selector.register(output, selectors.EVENT_READ, (self._show, process))
        return process

    def _reload(self, changed: set[str]) -> None:
        """Start the program anew."""
        self._say(f" * Reloading, as {_names(changed)} changed")
        forget_compiled(changed)
        if self._spare is not None and not changed.isdisjoint(self._plan.settings_files):
            self._leave(self._spare)
            self._spare = None
        if self._current is not None:
            self._leave(self._current)
        self._start()

    def _leave(self, process: _Process) -> None:
        process.end(RETIRE, GRACE_WHEN_RETIRING)
        self._leaving.append(process)

    def _stop(self) -> None:
        again, self._stopping = self._stopping, True
        for process in self._processes():
            if again:
                process.popen.kill()
            else:
                process.end(STOP, GRACE)

    # What happens

    def _look(self) -> None:
        """Wait for what is next, and deal with it."""
        deadlines = [p.deadline for p in self._processes() if p.deadline is not None]
        if self._unheard_at is not None:
            deadlines.append(self._unheard_at)
        pause = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        heard = [key.data for key, _ in self._selector.select(pause)]
        # First, also when it has come since: what a process says at the end that Ctrl-C has
        # brought it is passed over.
        with suppress(BlockingIOError):
            if not self._ends.isdisjoint(self._events.recv(4096)):
                self._stop()
        for heed, process in filter(None, heard):
            heed(process)
        self._bury()
        while self._changes:
            self._consider(self._changes.popleft())
        if self._unheard_at is not None and self._unheard_at <= time.monotonic():
            paths, self._unheard, self._unheard_at = self._unheard, set(), None
            self._consider(paths)
        for process in self._processes():
            if process.deadline is not None and process.deadline <= time.monotonic():
                process.deadline += AT_THE_END
                process.popen.kill()

    def _note(self, paths: set[str]) -> None:
        """Take note of changes, in the watcher's thread."""
        self._changes.append(paths)
        # When it is full, the loop is about to look anyway.
        with suppress(BlockingIOError):
            self._wakeup.send(b"\0")

    def _show(self, process: _Process) -> None:
        """Pass on what a process writes to its standard error."""
        try:
            while data := os.read(process.output, 65536):
                process.written += data
                del process.written[:-KEPT]
                if not self._stopping:
                    os.write(2, data)
        except BlockingIOError:
            return
        except OSError:
            pass
        self._forget(process.output)

    def _forget(self, source: int | socket.socket) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def _hear(self, process: _Process) -> bool:
        """Deal with what a process says, and tell whether there may be more.

        Processes that it has started may hold the other end when it has gone.
        """
        try:
            data = process.channel.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            # It has ended, or will soon, and its end is what counts.
            self._forget(process.channel)
            return False
        *lines, process.heard = (process.heard + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if process is not self._current or self._stopping:
                continue
            process.hopeless = message.get("hopeless", False)
            if "files" in message:
                self._depends_on(process, message)
            # By now it may have been found to be out of date.
            if "ready" in message and process is self._current:
                self._show(process)
                self._is_ready(process, message)
        return True

    def _is_ready(self, process: _Process, message: dict[str, Any]) -> None:
        process.ready = True
        if process.is_program:
            self._token = message["token"]
        if self._plan.spare and self._spare is None:
            self._spare = self._open(self._command, waits=True)
        if not process.is_program:
            return
        interface = message["ready"]
        if not self._announced:
            self._announce(message)
        else:
            self._say(f" * Ready after {time.time() - process.started:.2f} seconds")
            if interface != self._interface:
                self._say(f" * Interface: {interface}")
        self._interface = interface

    def _announce(self, message: dict[str, Any] | None) -> None:
        if not self._announced:
            self._announced = True
            self._plan.announce(message)

    def _depends_on(self, process: _Process, message: dict[str, list[str]]) -> None:
        """Take note of the files that a program depends on."""
        told = Watched(
            frozenset(message["files"]),
            frozenset(message.get("folders", ())),
            frozenset(message.get("pages", ())),
        )
        watched = self._plan.watched | told
        if not (process.ready or "ready" in message):
            # What it has not come to is not known.
            watched |= self._watched
        # It may have read one, and then that was saved, before it was known here.
        new = self._contents.unknown(watched.files)
        self._contents.look(new)
        if process.deadline is None and (stale := self._contents.newer(new, process.started)):
            self._stale |= stale
            self._look_soon(stale)
        self._watched = watched
        self._watch()

    def _watch(self) -> None:
        """Watch what is to be watched."""
        directories = self._watched.directories()
        if self._watcher.watch(directories):
            # While that was being arranged, changes went unheard; in a directory that is new, for
            # longer. What is older than the program has been read by it.
            self._look_soon(self._watched.files | files_in(directories, self._started))

    def _look_soon(self, paths: Set[str]) -> None:
        """Look at paths when a moment has passed, as of several saves the rest may follow."""
        self._unheard |= paths
        self._unheard_at = time.monotonic() + QUIET / 1000

    def _consider(self, paths: set[str]) -> None:
        """Do what is to be done about changes."""
        if self._stopping:
            return
        if new := set(filter(os.path.isdir, paths)):
            # What was put there meanwhile has gone unheard.
            self._watch()
            paths = paths.union(*map(files_below, new))
        paths = {path for path in paths if not is_excluded(path, self._plan.exclude)}
        watched = self._watched
        changed = self._contents.look(
            file
            for file in watched.files
            if not paths.isdisjoint((file, *map(str, Path(file).parents)))
            and not is_excluded(file, self._plan.exclude)
        )
        changed |= self._changed_below(watched.folders, paths) | self._stale
        self._stale = set()
        if not self._serves():
            # The program may be missing a file that was not there.
            sources = {path for path in paths if path.endswith(".py")} - watched.files
            changed |= self._contents.unknown(sources) | self._contents.look(sources)
        if changed:
            self._reload(changed)
        elif self._changed_below(watched.pages, paths) and self._current is not None:
            self._current.tell(PAGES)

    def _changed_below(self, folders: frozenset[str], paths: set[str]) -> set[str]:
        below = {
            path
            for path in paths
            if any(path.startswith(f"{folder}{os.sep}") for folder in folders)
            and not os.path.isdir(path)
        }
        return self._contents.unknown(below) | self._contents.look(below)

    def _serves(self) -> bool:
        """Whether the program itself is there."""
        return self._current is not None and self._current.is_program

    def _bury(self) -> None:
        """Take note of the processes that have ended."""
        for process in self._processes():
            status = process.popen.poll()
            if status is None:
                continue
            # What it said last is read before it counts as gone.
            while self._hear(process):
                continue
            self._show(process)
            self._forget(process.output)
            self._forget(process.channel)
            process.channel.close()
            os.close(process.output)
            self._mend_terminal()
            if process is self._spare:
                self._spare = None
            elif process in self._leaving:
                self._leaving.remove(process)
            else:
                self._current = None
                if process.deadline is None and not self._stopping:
                    self._has_ended(process, status)

    def _has_ended(self, process: _Process, status: int) -> None:
        """Deal with the end of a process that nobody told to end."""
        if not process.is_program or (process.hopeless and not self._announced):
            self._status = status or 1
            self._stop()
            return
        how = f"status {status}" if status >= 0 else _name(-status)
        said = "" if process.ready else shown(bytes(process.written))
        if process.ready:
            title = f"The program ended with {how}."
        elif status == 0:
            title = "The program ended without serving anything."
        else:
            title = "The program could not be started."
        self._announce(None)
        self._say(f" * {title} It is started again when a file is saved.")
        named = both_paths(_FILE_IN_TRACEBACK.findall(said))
        files = frozenset(path for path in named if os.path.isabs(path) and is_own(path))
        self._watched |= Watched(files, places=frozenset({os.getcwd()}))
        self._contents.look(self._contents.unknown(self._watched.files))
        arguments = [sys.executable, "-P", "-c", _FAILURE]
        text = said if self._plan.shows_exceptions and not process.ready else ELSEWHERE
        about = {TITLE: title, TEXT: text, HOST: self._plan.host}
        self._current = self._open(arguments, about)
        self._watch()

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def _leave_to_loop(number: int, frame: object) -> None:
    """The signal's number has been written to the wake-up socket; the loop reads it there."""


def _name(number: int) -> str:
    """What a signal is called."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _names(paths: set[str]) -> str:
    """Files as they are named in a sentence, with its verb."""
    shortest = sorted(min(path, os.path.relpath(path), key=len) for path in paths)
    if len(shortest) == 1:
        return f"{shortest[0]} has"
    if len(shortest) == 2:
        return f"{shortest[0]} and {shortest[1]} have"
    return f"{shortest[0]} and {len(shortest) - 1} more files have"
