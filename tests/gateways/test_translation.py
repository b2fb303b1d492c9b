"""What a request's scope becomes: the WSGI environment, and what views read of it."""

from __future__ import annotations

from typing import Any

import pytest

from carboy import Flask, jsonify, request, url_for
from carboy.gateways import asgi, rsgi

from .conftest import Ask, run


@pytest.fixture(autouse=True)
def show(app: Flask) -> None:
    @app.route("/<path:path>", methods=["GET", "POST"])
    @app.route("/", methods=["GET", "POST"])
    def show(path: str = "") -> Any:
        environ = request.environ
        return jsonify(
            path=request.path,
            view_path=path,
            root=request.root_path,
            script_name=environ["SCRIPT_NAME"],
            path_info=environ["PATH_INFO"],
            uri=environ["REQUEST_URI"],
            query=request.query_string.decode("latin-1"),
            args=request.args.to_dict(),
            host=request.host,
            server=request.server,
            client=request.remote_addr,
            scheme=request.scheme,
            protocol=environ["SERVER_PROTOCOL"],
            headers=sorted(request.headers.to_wsgi_list()),
            cookies=request.cookies.to_dict(flat=False),
            url=url_for("show", path="x", _external=True),
        )


def shown(ask: Ask, *args: Any, **kwargs: Any) -> dict[str, Any]:
    import json

    answer = run(ask(*args, **kwargs))
    assert answer.status == 200
    return json.loads(answer.text)  # type: ignore[no-any-return]


def test_a_path_is_decoded_and_its_uri_is_kept(ask_asgi: Ask) -> None:
    found = shown(ask_asgi, "/a%20b/%C3%A9%2Fc")
    assert found["path"] == "/a b/é/c"
    assert found["view_path"] == "a b/é/c"
    assert found["path_info"] == "/a b/Ã©/c"
    assert found["uri"] == "/a%20b/%C3%A9%2Fc"


def test_a_path_without_its_raw_form_gets_one(ask_rsgi: Ask) -> None:
    found = shown(ask_rsgi, "/a%20b/%C3%A9")
    assert found["path"] == "/a b/é"
    assert found["uri"] == "/a%20b/%C3%A9"


def test_bytes_that_are_not_utf_8_are_replaced(ask_loop: Ask) -> None:
    assert shown(ask_loop, "/%FF")["path"] == "/\ufffd"


def test_slashes_stay_as_they_are(ask_loop: Ask, app: Flask) -> None:
    app.url_map.merge_slashes = False
    assert shown(ask_loop, "/a//b")["path"] == "/a//b"


def test_the_query_is_passed_as_it_was_sent(ask_loop: Ask) -> None:
    found = shown(ask_loop, "/?a=%20+%26&b=%C3%A9&c")
    assert found["query"] == "a=%20+%26&b=%C3%A9&c"
    assert found["args"] == {"a": "  &", "b": "é", "c": ""}


def test_bytes_in_a_query(ask_loop: Ask) -> None:
    # As a server reads them: one character for each byte.
    found = shown(ask_loop, "/?a=" + "日".encode().decode("latin-1"))
    assert found["args"] == {"a": "日"}


def test_the_root_path_is_not_part_of_the_path(ask_asgi: Ask) -> None:
    found = shown(ask_asgi, "/api/x", root_path="/api")
    assert (found["root"], found["path"]) == ("/api", "/x")
    assert found["uri"] == "/api/x"
    assert found["url"].endswith("/api/x")


def test_the_root_path_itself(ask_asgi: Ask) -> None:
    answer = run(ask_asgi("/api", root_path="/api"))
    assert (answer.status, answer["location"]) == (308, "http://127.0.0.1:8000/api/")
    assert shown(ask_asgi, "/api/", root_path="/api/")["path"] == "/"


def test_a_path_that_only_begins_like_the_root_path(ask_asgi: Ask) -> None:
    assert shown(ask_asgi, "/apiary", root_path="/api")["path"] == "/apiary"


def test_a_path_without_the_root_path_is_taken_as_below_it(ask_asgi: Ask) -> None:
    found = shown(ask_asgi, "/x", root_path="/api")
    assert (found["root"], found["path"]) == ("/api", "/x")


def test_a_root_path_that_is_not_ascii(ask_asgi: Ask) -> None:
    found = shown(ask_asgi, "/%C3%A9/x", root_path="/é")
    assert (found["root"], found["path"]) == ("/é", "/x")
    assert found["script_name"] == "/Ã©"


def test_repeated_headers_are_joined(ask_loop: Ask) -> None:
    fields = [("x-a", "1"), ("x-b", "b"), ("x-a", "2"), ("cookie", "c=1"), ("cookie", "d=2; c=3")]
    found = shown(ask_loop, "/", fields=fields)
    assert ["X-A", "1,2"] in found["headers"]
    assert ["X-B", "b"] in found["headers"]
    assert found["cookies"] == {"c": ["1", "3"], "d": ["2"]}


def test_a_header_with_an_underscore_does_not_pose_as_another(ask_loop: Ask) -> None:
    found = shown(ask_loop, "/", fields=[("x_forwarded_for", "evil"), ("content_type", "evil")])
    assert "evil" not in repr(found)
    found = shown(ask_loop, "/", fields=[("x-real", "good"), ("x_real", "evil")])
    assert ["X-Real", "good"] in found["headers"]


def test_content_type_and_length(ask_loop: Ask) -> None:
    fields = [("content-type", "text/plain"), ("content-length", "0")]
    found = shown(ask_loop, "/", fields=fields)
    assert found["headers"] == [["Content-Length", "0"], ["Content-Type", "text/plain"]]


def test_values_of_headers_beyond_ascii(ask_asgi: Ask, ask_rsgi: Ask) -> None:
    assert ["X-A", "caf\xe9"] in shown(ask_asgi, "/", fields=[("x-a", "caf\xe9")])["headers"]
    # Granian does not pass it.
    assert shown(ask_rsgi, "/", fields=[("x-a", "caf\xe9")])["headers"] == []


def test_more_names_of_headers_than_are_remembered(ask_loop: Ask) -> None:
    fields = [(f"x-{number}", str(number)) for number in range(2000)]
    assert len(shown(ask_loop, "/", fields=fields)["headers"]) == 2000
    assert len(asgi._keys) <= 1000
    assert len(rsgi._keys) <= 1000


def test_the_host(ask_loop: Ask) -> None:
    found = shown(ask_loop, "/", fields=[("host", "example.org:81")])
    assert found["host"] == "example.org:81"
    assert found["url"] == "http://example.org:81/x"


def test_without_a_host_it_is_the_server(ask_loop: Ask) -> None:
    assert shown(ask_loop, "/")["host"] == "127.0.0.1:8000"
    assert shown(ask_loop, "/", server=("::1", 80))["host"] == "[::1]"
    assert shown(ask_loop, "/", server=("::1", 81))["server"] == ["::1", 81]


def test_an_empty_host_is_none(ask_asgi: Ask) -> None:
    assert shown(ask_asgi, "/", fields=[("host", "")])["host"] == "127.0.0.1:8000"


def test_the_authority_of_http_2_is_the_host(ask_rsgi: Ask) -> None:
    found = shown(ask_rsgi, "/", authority="example.org", http_version="2", scheme="https")
    assert found["host"] == "example.org"
    assert found["protocol"] == "HTTP/2"
    assert found["url"] == "https://example.org/x"


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_the_version(ask_loop: Ask, version: str) -> None:
    assert shown(ask_loop, "/", http_version=version)["protocol"] == f"HTTP/{version}"


def test_on_a_unix_socket(ask_loop: Ask) -> None:
    found = shown(ask_loop, "/", server=("/run/app.sock", None), client=None)
    assert found["server"] == ["localhost", 80]
    assert found["host"] == "localhost"
    assert found["client"] is None


def test_a_server_that_does_not_say_where_it_listens(ask_asgi: Ask) -> None:
    assert shown(ask_asgi, "/", server=None)["server"] == ["localhost", 80]


def test_the_client(ask_loop: Ask) -> None:
    assert shown(ask_loop, "/", client=("::1", 5000))["client"] == "::1"


def test_the_scope_is_at_hand(ask_asgi: Ask, ask_rsgi: Ask, app: Flask) -> None:
    @app.get("/scope")
    def scope() -> str:
        environ = request.environ
        return (
            environ["asgi.scope"]["type"]
            if "asgi.scope" in environ
            else environ["rsgi.scope"].proto
        )

    assert run(ask_asgi("/scope")).text == "http"
    assert run(ask_rsgi("/scope")).text == "http"


def test_a_method_of_ones_own(ask_loop: Ask, app: Flask) -> None:
    app.route("/own", methods=["PURGE"])(lambda: request.method)
    assert run(ask_loop("/own", "PURGE")).text == "PURGE"
    assert run(ask_loop("/own", "PUT")).status == 405


def test_wsgi_middleware_sees_every_request(ask: Ask, app: Flask) -> None:
    inner = app.wsgi_app
    app.get("/async")(_hello)

    def middleware(environ: Any, start_response: Any) -> Any:
        environ["HTTP_X_ADDED"] = environ["PATH_INFO"]
        return inner(environ, start_response)

    app.wsgi_app = middleware  # type: ignore[method-assign]
    assert run(ask("/async")).text == "hello /async"


async def _hello() -> str:
    return f"hello {request.headers['X-Added']}"


def test_headers_of_the_answer(ask: Ask, app: Flask) -> None:
    from carboy import Response

    headers = [("X-A", "1"), ("X-a", "2"), ("X-L", "caf\xe9")]
    app.get("/headers")(lambda: Response("x", headers=headers))
    fields = run(ask("/headers")).fields
    assert [value for name, value in fields if name == "x-a"] == ["1", "2"]
    assert ("x-l", "caf\xe9") in fields


@pytest.mark.parametrize("is_async", [False, True])
def test_head_has_the_headers_and_no_body(ask: Ask, app: Flask, is_async: bool) -> None:
    async def view() -> str:
        return "hello"

    app.get("/head")(view if is_async else lambda: "hello")
    answer = run(ask("/head", "HEAD"))
    assert (answer.status, answer.body, answer["content-length"]) == (200, b"", "5")
    assert answer.is_complete


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("is_async", [False, True])
def test_answers_without_a_body(ask: Ask, app: Flask, status: int, is_async: bool) -> None:
    async def pieces() -> Any:
        yield "a"

    async def view() -> Any:
        return pieces(), status

    app.get("/empty")(view if is_async else lambda: ("hello", status))
    answer = run(ask("/empty"))
    assert (answer.status, answer.body) == (status, b"")
    assert answer.is_complete
