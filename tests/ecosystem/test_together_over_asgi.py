"""The library of ``test_together``, unchanged, served over ASGI: its plain views run in threads
beside a loop."""

from __future__ import annotations

from .test_together import *  # noqa: F403

SERVE = "serve", "--interface", "asgi", "--port", "0"


def test_it_is_served_so(program):
    assert program.address and " * Interface: asgi" in program.said
