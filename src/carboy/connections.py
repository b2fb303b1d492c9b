"""The connection below a request, for what its server does not tell or do.

Lives here: how to find the socket of a client, to wait until it takes more, and to break it off.
Must not know: protocols, requests, servers.

How it works: Granian keeps all that it is given over RSGI in memory while a client does not read,
and lets an answer of pieces that fails in its midst end as if it was whole. But a socket that is
full cannot be written to, and one that is shut down ends no answer in order. The socket is found
among the files of the process by the client's port. Where there is none, as on a Unix socket,
nothing happens.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Final

#: Where the numbers of the open files of the process are, if the system shows them.
_FILES: Final = "/dev/fd"

#: How long the server's own thread is given to fill the room that there is, in seconds.
_A_MOMENT: Final = 0.001

#: How long it is given to send what it has, before a connection is broken off.
_A_WHILE: Final = 0.1


def find(host: str, port: str) -> socket.socket | None:
    """A second handle on the socket of a client, to be closed by the caller.

    :param host: the address of the client, to choose by when several have its port
    :param port: the port of the client
    """
    if not port.isdecimal() or not os.path.isdir(_FILES):
        return None
    found = {}
    for number in map(int, os.listdir(_FILES)):
        peer = _peer_of(number)
        if peer is not None and peer[1] == int(port):
            found[number] = peer
    for number, peer in found.items():
        if peer[0] == host or len(found) == 1:
            try:
                connection = socket.socket(fileno=os.dup(number))
            except OSError:
                return None
            # The number may be that of another file by now.
            if _peer_of(connection.fileno()) == peer:
                return connection
            connection.close()
    return None


def _peer_of(number: int) -> tuple[str, int] | None:
    """Who is at the other end of the file with this number, if it is a connection over TCP."""
    try:
        connection = socket.socket(fileno=number)
    except OSError:
        return None
    try:
        peer = connection.getpeername()
    except OSError:
        return None
    finally:
        connection.detach()
    return peer[:2] if isinstance(peer, tuple) else None


def break_off(host: str, port: str, answer: object) -> bool:
    """Have the connection of a client end visibly too early, soon: what was given to the server
    before, the head of the answer above all, is to be sent.

    :param host: as of :func:`find`
    :param port: as of :func:`find`
    :param answer: what is kept until then, as the server ends the answer when nobody has it
    :returns: whether there is such a connection
    """
    if (connection := find(host, port)) is None:
        return False
    asyncio.get_running_loop().call_later(_A_WHILE, _shut_down, connection, answer)
    return True


def _shut_down(connection: socket.socket, answer: object) -> None:
    # The client may be quicker.
    with connection, suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


async def taken(connection: socket.socket) -> None:
    """Return when the system has taken all that the server had for a client, who may be slow."""
    # What the server still has fills the room that there is the first time.
    for _ in range(2):
        await _writable(connection)
        await asyncio.sleep(_A_MOMENT)


async def _writable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    writable = loop.create_future()
    loop.add_writer(connection.fileno(), _settle, writable)
    try:
        await writable
    finally:
        loop.remove_writer(connection.fileno())


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
