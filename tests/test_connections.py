"""The sockets below requests: which is a client's, whether it takes more, and how it is cut."""

from __future__ import annotations

import asyncio
import socket
import weakref
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from carboy import connections

PATIENCE = 20

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def pair(listener: socket.socket) -> Iterator[Pair]:
    """A client's end of a connection, and the server's."""
    with ExitStack() as stack:
        yield connect(listener, stack)


def connect(listener: socket.socket, stack: ExitStack) -> Pair:
    client = stack.enter_context(socket.create_connection(listener.getsockname(), PATIENCE))
    server = stack.enter_context(listener.accept()[0])
    return client, server


def name_of(client: socket.socket) -> tuple[str, str]:
    host, port = client.getsockname()
    return host, str(port)


def test_the_socket_of_a_client_is_found(listener, pair):
    with ExitStack() as stack:
        pairs = [pair, *(connect(listener, stack) for _ in range(3))]
        for client, server in pairs:
            with connections.find(*name_of(client)) as found:
                assert found.fileno() != server.fileno()
                assert found.getpeername() == client.getsockname()


def test_behind_a_proxy_the_port_says_enough(pair):
    client, _ = pair
    with connections.find("203.0.113.7", name_of(client)[1]) as found:
        assert found.getpeername() == client.getsockname()


def test_who_is_not_connected_is_not_found(pair):
    client, server = pair
    name = name_of(client)
    server.close()
    assert connections.find(*name) is None
    assert connections.find("", "") is None


def test_a_connection_that_is_broken_off_ends(pair):
    client, server = pair
    client.setblocking(False)

    async def break_off() -> None:
        loop = asyncio.get_running_loop()
        answer = asyncio.Event()
        connections.break_off(*name_of(client), answer)
        kept = weakref.ref(answer)
        del answer
        # As the server's own thread may do only now.
        server.send(b"the head")
        assert await loop.sock_recv(client, 100) == b"the head"
        assert kept() is not None
        assert await loop.sock_recv(client, 100) == b""
        # Nothing happens to one that has ended.
        connections.break_off(*name_of(client), None)
        connections.break_off("", "", None)
        over = asyncio.Event()
        loop.call_later(connections._A_WHILE, over.set)
        await over.wait()

    asyncio.run(break_off())


def test_who_does_not_read_is_waited_for(pair):
    client, server = pair
    server.setblocking(False)
    sent = 0
    try:
        while True:
            sent += server.send(bytes(2**16))
    except BlockingIOError:
        pass

    async def wait() -> None:
        waiting = asyncio.ensure_future(connections.taken(server))
        # As long as it waits otherwise.
        await asyncio.wait({waiting}, timeout=20 * connections._A_MOMENT)
        assert not waiting.done()
        client.setblocking(False)
        received = 0
        loop = asyncio.get_running_loop()
        while received < sent:
            received += len(await loop.sock_recv(client, 2**20))
        await asyncio.wait_for(waiting, PATIENCE)
        # Whoever reads is not waited for.
        await asyncio.wait_for(connections.taken(server), PATIENCE)

    asyncio.run(wait())


def test_waiting_can_be_given_up(pair):
    _, server = pair
    server.setblocking(False)
    try:
        while True:
            server.send(bytes(2**16))
    except BlockingIOError:
        pass

    async def wait() -> bool:
        waiting = asyncio.ensure_future(connections.taken(server))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        return asyncio.get_running_loop().remove_writer(server.fileno())

    assert asyncio.run(wait()) is False
