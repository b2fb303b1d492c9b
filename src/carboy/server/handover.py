"""Between the reloader and the program that it has started.

Lives here: what the program is given (the listening socket, a channel, the terminal), and both
ends of the channel.
Must not know: how either end works; applications.

How it works: the program is started as the user started it, and learns from a variable of the
environment that it is not the first. Over the channel it sends lines of JSON and gets orders of
one byte each. Until it is ready its standard error goes through the reloader, which can so show
in a browser why a program could not be started.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from threading import Lock, Thread
from typing import Any

#: Where a program finds what it is given.
VARIABLE = "CARBOY_RELOADER"

#: Where programs look that do something once only.
MARK = {"WERKZEUG_RUN_MAIN": "true"}

#: How many seconds a program that serves is given to end when the reloader has gone.
LEFT_ALONE = 5.0

#: Orders: load the program; let others serve from now on; serve no more; tell pages that
#: something has changed.
LOAD, RETIRE, STOP, PAGES = b"l", b"r", b"s", b"p"


@dataclass
class Handed:
    """What a program is given.

    :param listener: the descriptor of the listening socket
    :param channel: the descriptor of the channel
    :param terminal: the descriptor of what standard error is to be once the program is ready
    :param version: what the program is called among those before and after it
    :param certificate: the paths of a certificate and its key
    :param live_reload: whether pages are to reload themselves
    :param token: that of the debugger in an earlier run of the program
    :param waits: whether to load nothing before :data:`LOAD` comes
    """

    listener: int
    channel: int
    terminal: int
    version: str
    certificate: tuple[str, str] | None
    live_reload: bool
    token: str | None = None
    waits: bool = False

    def copied(self) -> Handed:
        """The same with descriptors of its own."""
        listener, channel, terminal = map(os.dup, (self.listener, self.channel, self.terminal))
        return replace(self, listener=listener, channel=channel, terminal=terminal)

    def variables(self) -> dict[str, str]:
        """The environment variables that say so."""
        return {VARIABLE: json.dumps(asdict(self)), **MARK}


class Reloader:
    """The reloader, as a program that it has started sees it.

    :param handed: what the program was given
    """

    def __init__(self, handed: Handed) -> None:
        self.listener = socket.socket(fileno=handed.listener)
        self._channel = socket.socket(fileno=handed.channel)
        self._saying = Lock()
        self._orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        #: Whether the program looks at the orders.
        self.obeyed = False
        self._terminal = handed.terminal
        self.version = handed.version
        self.certificate = handed.certificate and (handed.certificate[0], handed.certificate[1])
        self.live_reload = handed.live_reload
        self.token = handed.token
        self.waits = handed.waits
        for descriptor in (handed.listener, handed.channel, handed.terminal):
            os.set_inheritable(descriptor, False)
        Thread(target=self._listen, name="carboy-orders", daemon=True).start()

    def _listen(self) -> None:
        order = b" "
        while order:
            try:
                order = self._channel.recv(1)
            except OSError:
                order = b""
            self._orders.put(order or STOP)
        # A program that hangs in its imports, or at its end, is not to be left behind.
        if self.obeyed:
            time.sleep(LEFT_ALONE)
        os._exit(1)

    def say(self, **message: Any) -> None:
        """Tell the reloader something."""
        # If it has gone, that is what the program will hear next.
        with self._saying, suppress(OSError):
            self._channel.sendall(json.dumps(message).encode() + b"\n")

    def show_terminal(self) -> None:
        """Let standard error be the terminal itself."""
        os.dup2(self._terminal, 2)

    def order(self) -> bytes:
        """Wait for the next order; :data:`STOP` if the reloader has gone."""
        return self._orders.get()


def take() -> Reloader | None:
    """The reloader that has started this program, if one has.

    What it starts in turn is no business of the reloader, so this can be asked only once.
    """
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    try:
        return Reloader(Handed(**json.loads(text)))
    except (OSError, ValueError, TypeError):
        # It was meant for the process that started this one.
        return None
