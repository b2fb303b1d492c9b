"""Where to listen: from a host and a port, or a path, to a bound socket, and its address as a URL.

Must not know: the server, the application.
"""

from __future__ import annotations

import errno
import os
import shlex
import socket
import stat
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

#: How many connections may wait to be accepted.
BACKLOG = 1024

#: Hosts that stand for every interface of the machine.
ANY_HOST = frozenset({"0.0.0.0", "::"})


class CannotListen(OSError):
    """No socket could be bound to an address.

    :param host: the host as it was given, or the path of a Unix socket
    :param port: the port as it was given; ``None`` for a Unix socket
    :param reason: what the operating system says, or what is wrong with the address
    :param advice: what to do, a whole sentence; may be empty
    :param free: the next port, if it is free and this one is in use
    """

    def __init__(
        self,
        host: str,
        port: int | None,
        reason: str,
        advice: str = "",
        free: int | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.reason = reason
        self.advice = advice
        self.free = free
        place = host if port is None else f"{host} port {port}"
        super().__init__(f"Cannot listen on {place}: {reason}. {advice}".rstrip())


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on a host and port.

    :param host: a name or an address; an address with a colon is IPv6
    :param port: 0 lets the system choose a free one
    :raises CannotListen: with a sentence for the user
    """
    if not 0 <= port <= 65535:
        raise CannotListen(host, port, "a port is a number from 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.getaddrinfo(
            host or "0.0.0.0", port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(
            host, port, reason, "The host must be a name or an address of this machine."
        ) from None
    listener = _Listener(family, found[0][4])
    listener.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.server_bind()
        listener.server_activate()
    except OSError as error:
        listener.socket.close()
        raise CannotListen(host, port, *_explain(error, found[0][4])) from None
    return listener.socket


class _Listener(TCPServer):
    """A socket that is to listen on an address.

    One of the standard library's, because programs that test a server replace its
    ``server_bind`` to learn which port was free, as Flask-Testing does.
    """

    # Windows' option of the same name would let two servers share the port.
    allow_reuse_address = os.name == "posix"
    request_queue_size = BACKLOG

    def __init__(self, family: socket.AddressFamily, address: tuple[Any, ...]) -> None:
        self.address_family = family
        super().__init__(address, BaseRequestHandler, bind_and_activate=False)


def bind_unix(path: str) -> socket.socket:
    """A socket that listens on a path.

    What a server that has gone left there is replaced.

    :raises CannotListen: with a sentence for the user
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.exists(path):
            _remove_stale(path)
        sock.bind(path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if isinstance(error, CannotListen):
            raise
        raise CannotListen(path, None, error.strerror or str(error), "Check --uds.") from None
    return sock


def turn_away(descriptor: int) -> None:
    """Put another socket in the place of a listening one, which others go on serving."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        if sys.platform == "linux":
            # The kernel makes up a name, and no folder has to be writable.
            deaf.bind("")
        else:
            with tempfile.TemporaryDirectory() as folder:
                deaf.bind(f"{folder}/deaf")
        deaf.listen()
        deaf.setblocking(False)
        os.dup2(deaf.fileno(), descriptor, inheritable=False)


def _remove_stale(path: str) -> None:
    """Remove the socket of a server that has gone."""
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        raise CannotListen(path, None, "there is a file that is no socket", "Check --uds.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise CannotListen(
        path,
        None,
        "the socket is in use by another program",
        "Stop that program, or choose another path with --uds.",
    )


def _explain(error: OSError, address: tuple[Any, ...]) -> tuple[str, str, int | None]:
    """The reason in words, what to do about it, and a free port in place of one in use."""
    if error.errno == errno.EADDRINUSE:
        who = owner(address[1]) or "another program"
        advice = "Stop that program, or choose another port with --port"
        if (free := next_free(address)) is not None:
            advice += f": {free} is free"
        return f"the port is in use by {who}", f"{advice}.", free
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address", "Check --host.", None
    if error.errno == errno.EACCES:
        return "permission denied", "Choose a port above 1023 with --port.", None
    return error.strerror or str(error), "", None


def next_free(address: tuple[Any, ...]) -> int | None:
    """The next port after that of an address that nobody listens on, if it is not far.

    :param address: as a socket has it
    """
    host, port, *rest = address
    for free in range(port + 1, min(port + 100, 65536)):
        with socket.socket(socket.AF_INET6 if rest else socket.AF_INET) as sock:
            if os.name == "posix":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, free, *rest))
                # Only this tells of one that listens on all addresses.
                sock.listen()
            except OSError:
                continue
            return free
    return None


def owner(port: int) -> str | None:
    """The process that listens on a port, where the system tells and lets one see it.

    :returns: its number and how it was started
    """
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for process in Path("/proc").glob("[0-9]*") if sockets else ():
        # Other users' processes do not show, and one may end while it is looked at.
        with suppress(OSError):
            if not sockets.isdisjoint(_open_files(process)):
                words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                text = shlex.join(word.decode(errors="replace") for word in words)
                shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
                return f"process {process.name} ({textwrap.shorten(shown, 80)})"
    return None


def _open_files(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        with suppress(OSError):
            yield os.readlink(descriptor)


def _listening(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on a port."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]


def url(scheme: str, host: str, port: int) -> str:
    """The address as a browser takes it: IPv6 in brackets, the scheme's own port left out."""
    if ":" in host:
        host = f"[{host}]"
    if (scheme, port) in {("http", 80), ("https", 443)}:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"
