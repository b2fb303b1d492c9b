"""What a developer is told in debug mode, with Flask's own words to compare."""

from __future__ import annotations

import logging
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import flask
import flask.debughelpers
import jinja2
import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequestKeyError
from werkzeug.formparser import FormDataParser
from werkzeug.routing import RequestRedirect
from werkzeug.test import create_environ

from carboy.debughelpers import (
    DebugFilesKeyError,
    FormDataRoutingRedirect,
    UnexpectedUnicodeError,
    explain_template_loading_attempts,
)
from carboy.globals import _cv_ctx
from carboy.wrappers import Request


@pytest.fixture
def debug():
    app = SimpleNamespace(
        debug=True,
        config={
            "MAX_CONTENT_LENGTH": None,
            "MAX_FORM_MEMORY_SIZE": None,
            "MAX_FORM_PARTS": None,
        },
    )
    ctx = SimpleNamespace(app=app, _request_ctx=None)
    token = _cv_ctx.set(ctx)
    yield ctx
    _cv_ctx.reset(token)


@pytest.mark.parametrize(
    "options",
    [
        {"data": MultiDict([("f", "a.txt"), ("f", "b.txt")])},
        {"data": "f=1", "content_type": "text/csv"},
    ],
)
def test_a_file_that_was_not_sent_as_a_file(options):
    texts = []
    for cls, error in (
        (flask.Request, flask.debughelpers.DebugFilesKeyError),
        (Request, DebugFilesKeyError),
    ):
        request = cls(create_environ(method="POST", **options))
        texts.append(str(error(request, "f")))
    assert texts[1] == texts[0]


def test_the_missing_file_explains_itself_when_the_form_has_the_field(debug):
    request = Request(create_environ(method="POST", data={"f": "a.txt"}))
    with pytest.raises(DebugFilesKeyError, match="multipart/form-data") as caught:
        request.files["f"]
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, AssertionError)
    assert request.files.get("f") is None
    assert request.files.getlist("f") == []
    with pytest.raises(BadRequestKeyError):
        request.files["other"]


def test_the_explanation_is_attached_once(debug):
    request = Request(create_environ(method="POST", data={"f": "a.txt"}))
    explaining = type(request.files)
    request.get_data(parse_form_data=True)
    assert type(request.files) is explaining


def test_files_from_another_kind_of_form_are_left_alone(debug):
    class MyParser(FormDataParser):
        def parse(self, stream: Any, *args: Any) -> Any:
            return stream, self.cls({"f": "1"}), self.cls({"g": "file"})

    class Mine(Request):
        form_data_parser_class = MyParser

    with pytest.raises(BadRequestKeyError):
        Mine(create_environ(method="POST", data={"f": "1"})).files["f"]


def test_files_that_were_sent_are_left_alone(debug):
    data = {"f": (BytesIO(b"x"), "x.txt"), "g": "1"}
    with Request(create_environ(method="POST", data=data)) as request:
        assert request.files["f"].filename == "x.txt"
        with pytest.raises(BadRequestKeyError):
            request.files["g"]


def test_without_debug_mode_a_missing_file_is_a_bad_request(debug):
    debug.app.debug = False
    with pytest.raises(BadRequestKeyError):
        Request(create_environ(method="POST", data={"f": "a.txt"})).files["f"]


@pytest.mark.parametrize(
    ("path", "target", "about_the_slash"),
    [
        ("/a", "http://localhost/a/", True),
        ("/a?x=1", "http://localhost/a/?x=1", True),
        ("/a/", "http://localhost/a", False),
        ("/a", "http://localhost/b/", False),
    ],
)
def test_a_redirect_that_would_lose_the_form(path, target, about_the_slash):
    request = Request(create_environ(path, method="POST"))
    request.routing_exception = RequestRedirect(target)
    error = FormDataRoutingRedirect(request)
    assert isinstance(error, AssertionError)
    text = str(error)
    assert text.startswith(
        f"A request was sent to 'http://localhost{path}', but routing issued a redirect"
        f" to the canonical URL '{target}'."
    )
    assert ("trailing slash" in text) is about_the_slash
    assert "browsers will drop form data" in text


def test_unexpected_unicode_is_both_kinds_of_error():
    assert issubclass(UnexpectedUnicodeError, AssertionError)
    assert issubclass(UnexpectedUnicodeError, UnicodeError)
    assert str(UnexpectedUnicodeError("text")) == "text"


# How a template was looked up


class Settings(jinja2.BaseLoader):
    def __init__(self) -> None:
        self._private = "hidden"
        self.nothing = None
        self.mixed = ["a", 1]
        self.size = 5
        self.active = True
        self.folders = ("a", "b")


LOADERS = [
    jinja2.FileSystemLoader(["/a", "/b"], encoding="latin1"),
    jinja2.DictLoader({"x": "y"}),
    Settings(),
]
INLINE = ("source", None, None)
FILE = ("source", "/x/page.html", lambda: True)


@pytest.mark.parametrize("endpoint", [None, "index", "shop.index", "a.b.index"])
@pytest.mark.parametrize(
    "found", [[], [None], [FILE], [None, INLINE, None], [INLINE, FILE], 3 * [None]]
)
def test_how_a_template_was_looked_up(debug, caplog, endpoint, found):
    app = flask.Flask("storefront")
    shop = flask.Blueprint("shop", "store.views")
    owners = [app, shop, shop]
    attempts: list[Any] = list(zip(LOADERS, owners, found, strict=False))
    caplog.set_level(logging.INFO, app.logger.name)
    with app.test_request_context():
        if endpoint is not None:
            rule = SimpleNamespace(endpoint=endpoint)
            flask.request.url_rule = rule
            request = Request(create_environ())
            request.url_rule = rule
            debug._request_ctx = SimpleNamespace(request=request)
        flask.debughelpers.explain_template_loading_attempts(app, "page.html", attempts)
    explain_template_loading_attempts(app, "page.html", attempts)
    theirs, ours = caplog.messages
    assert ours == theirs
