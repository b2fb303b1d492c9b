"""No request makes its own cost grow faster than its length.

How it works: what a stranger can send is sent in three sizes, each twice the one before, and the
bytecodes that are executed are counted. Where they grow in a line, the second doubling adds twice
what the first did; where they grow in a square, four times.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from bench.counting import executed
from werkzeug.test import EnvironBuilder, run_wsgi_app

from carboy import Flask, json, request, session, websocket
from gateways.doubles import Answer, ask_asgi, ask_rsgi
from gateways.doubles import Request as Sent

FORM = "application/x-www-form-urlencoded"
SIZE = 60


@dataclass
class Asked:
    """A request of a size.

    :param headers: as they stand in the environ of WSGI
    """

    target: str = "/"
    method: str = "GET"
    body: bytes = b""
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def program(read: Callable[[], object]) -> Flask:
    """What reads from requests to any of its rules."""
    app = Flask(__name__, static_folder=None)
    app.secret_key = "the key of this program"
    app.config["MAX_FORM_PARTS"] = None

    def view(**arguments: object) -> str:
        app.extensions["asked"] = True
        read()
        return ""

    for number, rule in enumerate(
        (
            "/",
            "/one/<name>",
            "/int/<int:number>",
            "/float/<float:number>",
            "/rest/<path:rest>",
            "/rest/<path:rest>/edit",
            "/two/<path:one>/to/<path:other>/end",
            "/parts/<a>-<b>.<c>",
        )
    ):
        app.add_url_rule(rule, f"view_{number}", view, methods=["GET", "POST"])
    return app


def environ(asked: Asked) -> dict[str, Any]:
    path, _, query = asked.target.partition("?")
    made = EnvironBuilder(method=asked.method, query_string=query).get_environ()
    made |= {"PATH_INFO": path, "wsgi.input": BytesIO(asked.body), **asked.headers}
    return made | {"CONTENT_TYPE": asked.kind, "CONTENT_LENGTH": str(len(asked.body))}


def grows_in_a_line(costs: list[int]) -> bool:
    """Whether three costs, each of twice the size of the one before, are those of a line."""
    first, second = costs[1] - costs[0], costs[2] - costs[1]
    return second <= 2.5 * max(first, 100)


def many(count: int, of: str, by: str = "&") -> str:
    return by.join(of.format(number) for number in range(count))


def multipart(count: int, head: str = "", part: str = "name-{}") -> Asked:
    named = '--x\r\nContent-Disposition: form-data; name="{}"\r\n{}\r\nvalue\r\n'
    parts = "".join(named.format(part.format(number), head) for number in range(count))
    return posted(f"{parts}--x--\r\n", "multipart/form-data; boundary=x")


def posted(body: str, kind: str = FORM) -> Asked:
    return Asked(method="POST", body=body.encode(), kind=kind)


def part(head: str, value: str = "value") -> Asked:
    """A form of one part."""
    body = f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n--x--\r\n"
    return posted(body, "multipart/form-data; boundary=x")


def read_form() -> None:
    list(request.form.items(multi=True)), list(request.files.items(multi=True))


def read_json() -> None:
    request.get_json(silent=True)


def read_session() -> None:
    session.get("user")


def read_cookies() -> None:
    list(request.cookies.items(multi=True))


def read_query() -> None:
    list(request.args.items(multi=True))


def read_nothing() -> None:
    pass


def read_headers() -> None:
    dict(request.headers), request.headers.get("X-Last")


def read_types() -> None:
    accepted = request.accept_mimetypes
    accepted.best_match(["text/html", "application/json"]), accepted.accept_html, accepted["a/b"]


def header(name: str, value: Callable[[int], str]) -> Callable[[int], Asked]:
    return lambda size: Asked(headers={name: value(size)})


def line(before: str, repeated: str, after: str = "") -> Callable[[int], Asked]:
    return lambda size: Asked(before + repeated * size + after)


Case = tuple[Callable[[], object], Callable[[int], Asked]]

CASES: dict[str, Case] = {
    "headers": (
        read_headers,
        lambda size: Asked(headers={f"HTTP_X_{n}": "value" for n in range(size)}),
    ),
    "a long header": (read_headers, header("HTTP_X_LONG", lambda size: "a, " * size)),
    "the host": (lambda: request.url, header("HTTP_HOST", lambda size: "a." * size + "a:80")),
    "colons in the host": (lambda: request.host_url, header("HTTP_HOST", lambda size: ":" * size)),
    # Cookies.
    "cookies": (read_cookies, header("HTTP_COOKIE", lambda size: many(size, "name-{}=1", "; "))),
    "cookies of a name": (read_cookies, header("HTTP_COOKIE", lambda size: many(size, "a=1", ";"))),
    "empty cookies": (read_cookies, header("HTTP_COOKIE", lambda size: ";" * size)),
    "a cookie's spaces": (read_cookies, header("HTTP_COOKIE", lambda size: "a" + " " * size + "=")),
    "a quoted cookie": (
        read_cookies,
        header("HTTP_COOKIE", lambda size: 'a="' + "\\012\\\\" * size + '"'),
    ),
    "open quotes of cookies": (read_cookies, header("HTTP_COOKIE", lambda size: 'a="' * size)),
    # The query.
    "parameters": (read_query, lambda size: Asked("/?" + many(size, "name-{}=value"))),
    "parameters of a name": (read_query, line("/?", "a=1&")),
    "empty parameters": (read_query, line("/?", "&")),
    "percent signs": (read_query, line("/?a=", "%")),
    "quoted characters": (read_query, line("/?a=", "%C3%A4%FF")),
    "pluses": (read_query, line("/?", "+")),
    "the URL": (lambda: request.url, line("/rest/", "ä %/;")),
    # Forms.
    "fields": (read_form, lambda size: posted(many(size, "name-{}=value"))),
    "fields of a name": (read_form, lambda size: posted("a=1&" * size)),
    "percent signs of a field": (read_form, lambda size: posted("a=" + "%" * size)),
    "parts": (read_form, multipart),
    "parts of a name": (read_form, lambda size: multipart(size, part="name")),
    "parts with files": (read_form, lambda size: multipart(size, part='{}"; filename="a')),
    "headers of a part": (read_form, lambda size: multipart(1, "X-Header: value\r\n" * size)),
    "a long header of a part": (read_form, lambda size: multipart(1, f"X: {'a' * size}\r\n")),
    "folded lines of a part": (
        read_form,
        lambda size: multipart(1, "X: a\r\n" + " folded\r\n" * size),
    ),
    "parameters of a part": (read_form, lambda size: part('name="a"' + "; b=c" * size)),
    "semicolons of a part": (read_form, lambda size: part('name="a"' + ";" * size)),
    "backslashes of a name": (read_form, lambda size: part('name="' + "\\" * size + '"')),
    "open quotes of a name": (read_form, lambda size: part("name=" + '"a=' * size)),
    "pieces of a name": (
        read_form,
        lambda size: part("; ".join(f"name*{number}=a" for number in range(size))),
    ),
    "almost boundaries": (read_form, lambda size: part('name="a"', "\r\n--" * size)),
    "almost boundaries of a file": (
        read_form,
        lambda size: part('name="a"; filename="b"', "\r\n--\r--y\n" * size),
    ),
    "line ends": (read_form, lambda size: part('name="a"; filename="b"', "\r\n" * size)),
    "line ends before the first part": (
        read_form,
        lambda size: posted("\r\n" * size, "multipart/form-data; boundary=x"),
    ),
    "parameters of the content type": (
        read_form,
        lambda size: posted("a=1", FORM + "; a=b" * size),
    ),
    "quotes of the content type": (
        read_form,
        lambda size: posted("a=1", "multipart/form-data; boundary=" + '"\\' * size),
    ),
    "spaces of the content type": (
        read_form,
        lambda size: posted("a=1", FORM + ";" + " " * size + "a"),
    ),
    # JSON.
    "depth of JSON": (read_json, lambda size: posted("[" * size, "application/json")),
    "objects of JSON": (
        read_json,
        lambda size: posted('{"a":' * size + "1" + "}" * size, "application/json"),
    ),
    "digits of JSON": (read_json, lambda size: posted("1" * size, "application/json")),
    "keys of JSON": (
        read_json,
        lambda size: posted(json.dumps(dict.fromkeys(map(str, range(size)))), "application/json"),
    ),
    # The path.
    "a path": (read_nothing, line("/one/", "a")),
    "segments": (read_nothing, line("/rest", "/a")),
    "segments that do not fit": (read_nothing, line("/none", "/a")),
    "slashes": (read_nothing, line("/", "/")),
    "slashes of a path that fits": (read_nothing, line("/one", "/", "ada")),
    "the ends of paths": (read_nothing, line("/rest", "/edit")),
    "two paths": (read_nothing, line("/two/a", "/to/a")),
    "two paths that fit": (read_nothing, line("/two/a", "/to/a", "/end")),
    "separators in a segment": (read_nothing, line("/parts/", "-.")),
    "digits": (read_nothing, line("/int/", "1")),
    "digits of a float": (read_nothing, line("/float/", "1", ".0")),
    "dots": (read_nothing, line("/rest", "/..")),
    # What is negotiated.
    "accepted types": (
        read_types,
        header("HTTP_ACCEPT", lambda size: many(size, "a/{};q=0.5", ",")),
    ),
    "parameters of an accepted type": (
        read_types,
        header("HTTP_ACCEPT", lambda size: "text/html" + ";a=b" * size),
    ),
    "accepted languages": (
        lambda: request.accept_languages.best_match(["de", "en-GB"]),
        header("HTTP_ACCEPT_LANGUAGE", lambda size: many(size, "a-{}", ",")),
    ),
    "ranges": (lambda: request.range, header("HTTP_RANGE", lambda size: "bytes=" + "0-0," * size)),
    "rising ranges": (
        lambda: request.range,
        header("HTTP_RANGE", lambda size: "bytes=" + many(size, "{0}0-{0}1", ",")),
    ),
    "entity tags": (
        lambda: "none" in request.if_none_match,
        header("HTTP_IF_NONE_MATCH", lambda size: many(size, '"{}"', ", ")),
    ),
    "open quotes of entity tags": (
        lambda: request.if_none_match,
        header("HTTP_IF_NONE_MATCH", lambda size: '"a' * size),
    ),
    "a date": (
        lambda: request.if_modified_since,
        header("HTTP_IF_MODIFIED_SINCE", lambda size: "Mon, 1 (" * size),
    ),
    "directives": (
        lambda: request.cache_control,
        header("HTTP_CACHE_CONTROL", lambda size: many(size, "a-{}=1", ", ")),
    ),
    "credentials": (
        lambda: request.authorization,
        header("HTTP_AUTHORIZATION", lambda size: "Basic " + "YTpi" * size),
    ),
    "parameters of credentials": (
        lambda: request.authorization,
        header("HTTP_AUTHORIZATION", lambda size: "Digest " + many(size, 'a{}="b"', ", ")),
    ),
    "a forged session": (read_session, header("HTTP_COOKIE", lambda size: "session=" + "a" * size)),
    "dots of a forged session": (
        read_session,
        header("HTTP_COOKIE", lambda size: "session=" + "." * size),
    ),
}


def ask(app: Flask, asked: Asked) -> Callable[[], object]:
    """What sends *asked* to *app*, and fails if the program does."""

    def send() -> None:
        _, status, _ = run_wsgi_app(app, environ(asked), buffered=True)
        assert int(status[:3]) < 500, status

    return send


@pytest.mark.parametrize("name", CASES)
def test_what_a_client_sends_costs_no_more_than_its_length(name: str) -> None:
    read, asked = CASES[name]
    app = program(read)
    costs = []
    for size in (SIZE, 2 * SIZE, 4 * SIZE):
        send = ask(app, asked(size))
        # The least of three: some things are done once, with the first requests.
        costs.append(min(executed(send) for _ in range(3)))
    assert grows_in_a_line(costs), costs
    assert app.extensions.get("asked") or read is read_nothing


SERVERS: dict[str, Callable[[Any, Sent], Awaitable[Answer]]] = {
    "ASGI": lambda app, sent: ask_asgi(app.asgi, sent),
    "RSGI": ask_rsgi,
}


def costs_on_a_loop(send: Callable[[int], Coroutine[Any, Any, None]]) -> list[int]:
    """What requests of three sizes cost in the thread of their loop."""
    with asyncio.Runner() as runner:

        def cost(size: int) -> int:
            return min(executed(lambda: runner.run(send(size))) for _ in range(3))

        return [cost(size) for size in (SIZE, 2 * SIZE, 4 * SIZE)]


@pytest.mark.parametrize("kind", ["application/octet-stream", FORM, "multipart/form-data"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_body_in_tiny_chunks_costs_no_more_than_its_length(server: str, kind: str) -> None:
    app = Flask(__name__)
    lengths = []

    @app.post("/")
    async def view() -> str:
        lengths.append(len(request.get_data() or request.form.get("name", "")))
        return ""

    head = '--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
    around = {FORM: ("name=", ""), "multipart/form-data": (head, "\r\n--x--\r\n")}

    async def send(size: int) -> None:
        before, after = around.get(kind, ("", ""))
        fields = [("transfer-encoding", "chunked"), ("content-type", f"{kind}; boundary=x")]
        pieces = tuple(bytes([byte]) for byte in f"{before}{'a' * size}{after}".encode())
        answer = await SERVERS[server](app, Sent("/", "POST", fields, pieces))
        assert answer.status == 200
        assert lengths.pop() >= size

    costs = costs_on_a_loop(send)
    assert grows_in_a_line(costs), costs


@pytest.mark.parametrize("server", SERVERS)
def test_a_body_read_while_it_comes_costs_no_more_than_its_length(server: str) -> None:
    app = Flask(__name__)
    lengths = []

    @app.post("/", stream_body=True)
    async def view() -> str:
        lengths.append(sum([len(piece) async for piece in request.chunks()]))
        return ""

    async def send(size: int) -> None:
        sent = Sent("/", "POST", [("transfer-encoding", "chunked")], (b"a",) * size)
        assert (await SERVERS[server](app, sent)).status == 200
        assert lengths.pop() == size

    costs = costs_on_a_loop(send)
    assert grows_in_a_line(costs), costs


def test_messages_of_a_websocket_cost_no_more_than_their_number() -> None:
    app = Flask(__name__)
    heard = []

    @app.websocket("/")
    async def listen() -> None:
        heard.append(sum([len(message) async for message in websocket]))

    async def send(size: int) -> None:
        coming: list[dict[str, Any]] = [{"type": "websocket.disconnect", "code": 1000}]
        coming += [{"type": "websocket.receive", "text": "a"}] * size
        coming.append({"type": "websocket.connect"})

        async def receive() -> dict[str, Any]:
            return coming.pop()

        async def take(message: MutableMapping[str, Any]) -> None:
            assert message["type"] in ("websocket.accept", "websocket.close")

        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1")],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "subprotocols": [],
        }
        await app.asgi(scope, receive, take)
        assert heard.pop() == size

    costs = costs_on_a_loop(send)
    assert grows_in_a_line(costs), costs


def test_a_square_is_told_from_a_line() -> None:
    def line(size: int) -> None:
        for _ in range(size):
            pass

    def square(size: int) -> None:
        for _ in range(size):
            line(size)

    def costs(function: Callable[[int], None]) -> list[int]:
        return [executed(partial(function, size)) for size in (20, 40, 80)]

    assert grows_in_a_line(costs(line))
    assert not grows_in_a_line(costs(square))
