"""What a request says before anybody has asked for its environment, and what it says afterwards."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from werkzeug.datastructures import EnvironHeaders, Headers

import carboy
from carboy import Flask, Response, json, request, url_for
from carboy.globals import request_ctx

from .conftest import Ask, run

READ: dict[str, Callable[[], object]] = {
    "method": lambda: request.method,
    "query_string": lambda: request.query_string.decode("latin-1"),
    "args": lambda: request.args.to_dict(flat=False),
    "full_path": lambda: request.full_path,
    "path": lambda: request.path,
    "url": lambda: request.url,
    "script_root": lambda: request.script_root,
    "host": lambda: request.host,
    "cookies": lambda: request.cookies.to_dict(flat=False),
    "content_type": lambda: request.content_type,
    "mimetype": lambda: request.mimetype,
    "mimetype_params": lambda: request.mimetype_params,
    "content_length": lambda: request.content_length,
    "want_form_data_parsed": lambda: request.want_form_data_parsed,
    "is_json": lambda: request.is_json,
    "json": lambda: request.get_json(silent=True),
    "data": lambda: request.get_data(as_text=True),
    "stream": lambda: request.stream.read().decode(),
    "form": lambda: request.form.to_dict(flat=False),
    "files": lambda: {name: file.read().decode() for name, file in request.files.items()},
    "values": lambda: request.values.to_dict(flat=False),
    "headers": lambda: sorted(request.headers),
    "authorization": lambda: str(request.authorization),
    "url_for": lambda: url_for("view", name="x"),
}

FORM = b"a=1&b=%C3%A9&a=2"
FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nfile\r\n--b--\r\n'

REQUESTS: dict[str, dict[str, Any]] = {
    "bare": {},
    "query": {"target": "?a=1&b=%C3%A9&a=2"},
    "bytes in the query": {"target": "?a=\xc3\xa9"},
    "lower case": {"method": "get"},
    "cookies": {"fields": [("cookie", "a=1; b=2"), ("cookie", "a=3"), ("cookie", "")]},
    "form": {"fields": [("content-type", "application/x-www-form-urlencoded")], "body": FORM},
    "file": {"fields": [("content-type", "multipart/form-data; boundary=b")], "body": FILE},
    "json": {"fields": [("content-type", "Application/JSON; a=b")], "body": b'{"a": [1]}'},
    "two types": {"fields": [("content-type", "text/a"), ("content-type", "text/b")]},
    "no type": {"fields": [("content-type", ""), ("content-type", "text/b")]},
    "text": {"body": b"text"},
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("sent", REQUESTS)
def test_an_attribute_is_what_it_is_with_the_environment(
    app: Flask, ask_loop: Ask, sent: str, name: str
) -> None:
    @app.route("/<name>", methods=["GET", "POST"])
    async def view(name: str) -> object:
        return [READ[name]()]

    @app.route("/with-environ/<name>", methods=["GET", "POST"])
    async def view_with_environ(name: str) -> object:
        assert request.environ["REQUEST_METHOD"]
        return [READ[name]()]

    fields = dict(REQUESTS[sent])
    target = fields.pop("target", "")
    if body := fields.pop("body", None):
        fields |= {"method": "POST", "body": (body,)}
        fields["fields"] = [*fields.get("fields", ()), ("content-length", str(len(body)))]
    without = run(ask_loop(f"/{name}{target}", **fields))
    beside = run(ask_loop(f"/with-environ/{name}{target}", **fields))
    assert without.status == beside.status == 200
    assert json.loads(without.text) == json.loads(beside.text.replace("/with-environ", ""))


def test_what_is_changed_in_the_environment_counts(app: Flask, ask_loop: Ask) -> None:
    changes = {
        "REQUEST_METHOD": "PUT",
        "QUERY_STRING": "q=changed",
        "HTTP_COOKIE": "c=changed",
        "CONTENT_TYPE": "text/changed",
        "SCRIPT_NAME": "/changed",
    }

    @app.get("/")
    async def view() -> object:
        request.environ.update(changes)
        told = [request.method, request.args["q"], request.cookies["c"], request.mimetype]
        return [*told, url_for("view")]

    told = json.loads(run(ask_loop("/?q=sent", fields=[("cookie", "c=sent")])).text)
    assert told == ["PUT", "changed", "changed", "text/changed", "/changed/"]


def test_another_environment_counts(app: Flask, ask_loop: Ask) -> None:
    other = {"REQUEST_METHOD": "PUT", "QUERY_STRING": "q=1"}

    @app.get("/")
    async def view() -> object:
        request.environ = other
        return [request.method, request.args["q"], request.cookies]

    assert json.loads(run(ask_loop()).text) == ["PUT", "1", {}]


@pytest.mark.parametrize(
    "headers",
    [
        Headers({"Content-Type": "text/other", "Cookie": "c=other"}),
        EnvironHeaders({"CONTENT_TYPE": "text/other", "HTTP_COOKIE": "c=other"}),
    ],
)
def test_other_headers_count(app: Flask, ask_loop: Ask, headers: Headers) -> None:
    @app.get("/")
    async def view() -> object:
        request.headers = headers  # type: ignore[misc, assignment]
        return [request.mimetype, request.cookies]

    assert json.loads(run(ask_loop()).text) == ["text/other", {"c": "other"}]


def test_a_subclass_with_other_headers(app: Flask, ask_loop: Ask) -> None:
    class Request(carboy.Request):
        @property
        def headers(self) -> Headers:  # type: ignore[override]
            return Headers({"Content-Type": "text/other", "Cookie": "c=other"})

    app.request_class = Request

    @app.get("/")
    async def view() -> object:
        return [request.mimetype, request.cookies]

    assert json.loads(run(ask_loop()).text) == ["text/other", {"c": "other"}]


def test_a_subclass_with_another_query(app: Flask, ask_loop: Ask) -> None:
    class Request(carboy.Request):
        @property
        def query_string(self) -> bytes:  # type: ignore[override]
            return b"q=other"

    app.request_class = Request

    @app.get("/")
    async def view() -> object:
        return dict(request.args)

    assert json.loads(run(ask_loop("/?q=sent")).text) == {"q": "other"}


def test_a_class_with_an_environment_of_its_own(app: Flask, ask_loop: Ask) -> None:
    class Property(carboy.Request):
        @property
        def environ(self) -> Any:
            return self.__dict__["_kept"]

        @environ.setter
        def environ(self, environ: Any) -> None:
            self.__dict__["_kept"] = {**environ, "QUERY_STRING": "q=kept"}

    class Mixin:
        environ = None

    class Mixed(Mixin, carboy.Request):  # type: ignore[misc]
        pass

    class Notified(carboy.Request):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "environ":
                self.tenant = value["HTTP_X_TENANT"]

    @app.get("/")
    async def view() -> object:
        return [request.path, request.args, getattr(request, "tenant", None)]

    for kind, query, tenant in (
        (Property, "kept", None),
        (Mixed, "sent", None),
        (Notified, "sent", "Ada"),
    ):
        app.request_class = kind
        told = run(ask_loop("/?q=sent", fields=[("x-tenant", "Ada")]))
        assert json.loads(told.text) == ["/", {"q": query}, tenant]


def test_names_of_a_class_do_not_clash(app: Flask, ask_loop: Ask) -> None:
    class Request(carboy.Request):
        _query = "own"

    app.request_class = Request

    @app.get("/")
    async def view() -> object:
        return request.args

    assert json.loads(run(ask_loop("/?q=sent")).text) == {"q": "sent"}


def test_a_constructor_finds_no_environment_before_it_gets_one() -> None:
    class Request(carboy.Request):
        def __init__(self, environ: Any) -> None:
            self.had_one = hasattr(self, "environ")
            super().__init__(environ)

    assert not Request({}).had_one


@pytest.mark.parametrize("asks_first", [False, True])
def test_what_is_changed_through_the_context_counts(
    app: Flask, ask_loop: Ask, asks_first: bool
) -> None:
    @app.post("/")
    async def view() -> object:
        if asks_first:
            assert request.url_rule is not None
        request_ctx.environ.update(  # type: ignore[attr-defined]
            {
                "REQUEST_METHOD": "PUT",
                "QUERY_STRING": "q=changed",
                "HTTP_COOKIE": "c=changed",
                "CONTENT_TYPE": "text/changed",
                "wsgi.input": BytesIO(b"changed"),
            }
        )
        told = [request.method, request.args["q"], request.cookies["c"], request.mimetype]
        return [*told, request.get_data(as_text=True)]

    fields = [("cookie", "c=sent"), ("content-length", "4")]
    told = run(ask_loop("/?q=sent", "POST", fields=fields, body=(b"body",)))
    assert json.loads(told.text) == ["PUT", "changed", "changed", "text/changed", "changed"]


def test_a_context_with_another_environment(app: Flask, ask_loop: Ask) -> None:
    @app.get("/")
    async def view() -> object:
        ctx: Any = request_ctx._get_current_object()  # type: ignore[attr-defined]
        ctx.environ = {**ctx.environ, "QUERY_STRING": "q=other"}
        ctx._request = None
        return request.args

    assert json.loads(run(ask_loop("/?q=sent")).text) == {"q": "other"}


def test_an_error_in_answer_to_a_method_that_a_hook_has_set(app: Flask, ask: Ask) -> None:
    @app.before_request
    def override() -> None:
        request.environ = {**request.environ, "REQUEST_METHOD": "HEAD"}

    answer = run(ask("/nowhere"))
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("answer", [("body", 201), (("Content-Type", "a/b"), b"", [1, 2])])
def test_a_hook_that_answers_with_a_tuple(app: Flask, ask_loop: Ask, answer: Any) -> None:
    app.after_request(lambda response: answer)

    @app.get("/")
    async def view() -> str:
        return ""

    with pytest.raises(TypeError, match="make_response"):
        run(ask_loop())


def test_the_length_that_is_announced(app: Flask, ask: Ask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/")
    async def view() -> bytes:
        return request.get_data()

    # No number has thousands of digits; what has been sent is short enough.
    for length, status in (("9" * 5000, 200), ("11", 413), ("4", 200)):
        fields = [("content-length", length)]
        assert run(ask("/", "POST", fields=fields, body=(b"body",))).status == status


def test_a_method_that_a_hook_has_overridden(app: Flask, ask_loop: Ask) -> None:
    @app.before_request
    async def override() -> None:
        request.environ["REQUEST_METHOD"] = "HEAD"

    @app.after_request
    async def tell(response: Response) -> Response:
        response.headers["X-Method"] = request.method
        return response

    answer = run(ask_loop("/nowhere"))
    assert (answer.status, answer["x-method"]) == (404, "HEAD")


def test_the_body_in_the_environment(app: Flask, ask_loop: Ask) -> None:
    @app.post("/<when>")
    async def view(when: str) -> str:
        if when == "early":
            return (
                f"{request.environ['wsgi.input'].read().decode()} {request.get_data(as_text=True)}"
            )
        return f"{request.get_data(as_text=True)} {request.environ['wsgi.input'].read().decode()}"

    sent: dict[str, Any] = {"method": "POST", "body": (b"bo", b"dy")}
    sent["fields"] = [("content-length", "4")]
    assert run(ask_loop("/early", **sent)).text == "body "
    assert run(ask_loop("/late", **sent)).text == "body "


def test_a_request_that_outlives_its_context(app: Flask, ask_loop: Ask) -> None:
    kept: list[carboy.Request] = []

    @app.get("/")
    async def view() -> str:
        kept.append(request._get_current_object())  # type: ignore[attr-defined]
        return ""

    run(ask_loop("/?a=1", fields=[("cookie", "c=1")]))
    (it,) = kept
    assert (it.method, it.args["a"], it.cookies["c"]) == ("GET", "1", "1")
    assert it.environ["QUERY_STRING"] == "a=1"
    assert it.headers["Cookie"] == "c=1"
