"""The events by which pages learn that the program is another one."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from carboy.server import live_reload
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


def test_the_end_waits_for_the_threads_in_streams(
    live: LiveReload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reload, "PULSE", 60.0)
    stream = live.events()
    next(stream)
    closing = Thread(target=live.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    assert list(stream) == []
    closing.join(60)
    assert not closing.is_alive()
