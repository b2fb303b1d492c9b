"""The application's logger: its level, its handler, and what it writes where."""

from __future__ import annotations

import importlib
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ..asking import get


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)

    @app.get("/log/<level>")
    def log(level: str) -> str:
        getattr(app.logger, level)("logged with %s", level)
        return "logged"

    @app.get("/fail")
    def fail() -> str:
        raise ValueError("for the log")

    @app.get("/fail/é☃")
    def fail_beyond_ascii() -> str:
        raise ValueError("é☃")

    @app.get("/fail/<path:rest>")
    def fail_with(rest: str) -> str:
        raise ValueError(rest)

    @app.get("/exception")
    def exception() -> str:
        try:
            raise KeyError("caught")
        except KeyError:
            app.logger.exception("it was caught")
        return "caught"

    @app.get("/name")
    def name() -> str:
        return f"{app.logger.name} {app.logger.level}"

    return app


REQUESTS = [
    *(get(f"/log/{level}") for level in ("debug", "info", "warning", "error", "critical")),
    get("/fail"),
    get("/fail", query="with=a&query=string"),
    get("/fail/%C3%A9%E2%98%83"),
    get("/fail/a%0Ab%1b[31m", name="a newline and an escape"),
    get("/exception"),
    get("/name"),
]


@contextmanager
def _root_without_handlers() -> Iterator[None]:
    handlers, logging.root.handlers = logging.root.handlers, []
    try:
        yield
    finally:
        logging.root.handlers = handlers


def _logger(flask: ModuleType, name: str, debug: bool = False) -> Any:
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    app = flask.Flask(name)
    app.debug = debug
    return app.logger


def probe_the_logger_of_an_application(flask: ModuleType) -> object:
    module = importlib.import_module(f"{flask.__name__}.logging")
    seen: list[Any] = []
    for debug in (False, True):
        with _root_without_handlers():
            logger = _logger(flask, "differential.logger.plain", debug)
            seen.append(
                [
                    logger.name,
                    logger.level,
                    logger.propagate,
                    [handler is module.default_handler for handler in logger.handlers],
                    module.has_level_handler(logger),
                ]
            )
    seen.append(module.default_handler.formatter._fmt)
    return seen


def probe_a_root_logger_with_a_handler(flask: ModuleType) -> object:
    with _root_without_handlers():
        logging.root.addHandler(logging.NullHandler())
        return len(_logger(flask, "differential.logger.rooted").handlers)


def probe_a_handler_above_the_level(flask: ModuleType) -> object:
    with _root_without_handlers():
        handler = logging.NullHandler()
        handler.setLevel(logging.CRITICAL)
        logging.root.addHandler(handler)
        return len(_logger(flask, "differential.logger.critical").handlers)


def probe_a_level_that_is_set(flask: ModuleType) -> object:
    name = "differential.logger.levelled"
    logging.getLogger(name).handlers.clear()
    logging.getLogger(name).setLevel(logging.ERROR)
    app = flask.Flask(name)
    app.debug = True
    return app.logger.level


def probe_an_application_made_twice(flask: ModuleType) -> object:
    with _root_without_handlers():
        name = "differential.logger.twice"
        _logger(flask, name)
        return len(flask.Flask(name).logger.handlers)


def probe_errors_outside_of_a_request(flask: ModuleType) -> object:
    with _root_without_handlers():
        stderr, sys.stderr = sys.stderr, io.StringIO()
        try:
            _logger(flask, "differential.logger.stderr").warning("to %s", "stderr")
            return sys.stderr.getvalue().partition("]")[2]
        finally:
            sys.stderr = stderr


def probe_errors_inside_of_a_request(flask: ModuleType) -> object:
    with _root_without_handlers():
        app = flask.Flask("differential.logger.errors")
        stream = io.StringIO()
        with app.test_request_context("/", errors_stream=stream):
            app.logger.warning("to the server")
        return stream.getvalue().partition("]")[2]


def probe_wsgi_errors_stream(flask: ModuleType) -> object:
    module = importlib.import_module(f"{flask.__name__}.logging")
    app = flask.Flask(__name__)
    stream = io.StringIO()
    outside = module.wsgi_errors_stream._get_current_object() is sys.stderr
    with app.test_request_context("/", errors_stream=stream):
        inside = module.wsgi_errors_stream._get_current_object() is stream
    return [outside, inside]
