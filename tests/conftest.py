"""What holds for all tests."""

import gc

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the garbage collector thousands of collected tests, which stay to the end: some tests
    have it look whether anything is left of a request, half a second each time."""
    gc.collect()
    gc.freeze()
