"""``app.logger``: whose level, whose handlers, and where it writes."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from carboy import Flask
from carboy.logging import default_handler, has_level_handler, wsgi_errors_stream

NAME = "an_application_that_logs"


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root of the loggers, as far as the application's knows: pytest's has handlers."""
    root = logging.Logger("root", logging.WARNING)
    logger = logging.getLogger(NAME)
    monkeypatch.setattr(logger, "parent", root)
    yield root
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def app() -> Flask:
    return Flask(NAME)


def test_the_logger_has_the_applications_name(app):
    assert app.logger is logging.getLogger(NAME)


def test_debug_mode_sets_the_level(app):
    app.debug = True
    assert app.logger.level == logging.DEBUG


def test_a_level_that_was_set_stays(app):
    logging.getLogger(NAME).setLevel(logging.ERROR)
    app.debug = True
    assert app.logger.level == logging.ERROR


def test_without_any_handler_there_is_the_default_one(app):
    assert app.logger.handlers == [default_handler]


def test_a_handler_that_was_added_is_enough(app):
    handler = logging.StreamHandler()
    logging.getLogger(NAME).addHandler(handler)
    assert app.logger.handlers == [handler]


def test_a_handler_of_a_parent_is_enough(app, root):
    root.addHandler(logging.StreamHandler())
    assert app.logger.handlers == []


def test_a_handler_that_lets_less_through_is_not_enough(app):
    handler = logging.StreamHandler()
    handler.setLevel(logging.CRITICAL)
    logging.getLogger(NAME).addHandler(handler)
    assert app.logger.handlers == [handler, default_handler]


def test_handlers_count_as_far_as_records_propagate(root, monkeypatch):
    logger = logging.getLogger(NAME)
    assert not has_level_handler(logger)
    root.addHandler(logging.StreamHandler())
    assert has_level_handler(logger)
    monkeypatch.setattr(logger, "propagate", False)
    assert not has_level_handler(logger)


def test_records_go_to_the_servers_stream_in_a_request(app):
    stream = io.StringIO()
    with app.test_request_context(errors_stream=stream):
        app.logger.error("the mill stands still")
    assert stream.getvalue().endswith("ERROR in test_logging: the mill stands still\n")


def test_records_go_to_stderr_outside_of_a_request(app, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    app.logger.error("nobody asked")
    assert stream.getvalue().endswith("nobody asked\n")
    assert wsgi_errors_stream.getvalue() == stream.getvalue()
