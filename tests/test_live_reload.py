"""The events by which pages learn that the program is another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carboy.server.live_reload import MAX_STREAMS, LiveReload


@pytest.fixture
def live() -> Iterator[LiveReload]:
    live = LiveReload("1")
    yield live
    live.close()


def test_many_pages_do_not_keep_all_threads(live: LiveReload) -> None:
    streams = [live.events() for _ in range(MAX_STREAMS)]
    for stream in streams:
        assert b"retry: 100\ndata: 1.0\n" in next(stream)
    assert list(live.events()) == [b"retry: 1000\ndata: 1.0\n\n"]
    streams[0].close()
    assert b"retry: 100\n" in next(live.events())
