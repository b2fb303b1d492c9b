"""One application on servers that are not ours: WSGI, ASGI and RSGI, over real connections."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from .conftest import PATIENCE, Answer, Program, starting

PROGRAM = """
import asyncio
import sys
import threading

from carboy import Flask, Response, abort, current_app, g, request, session, stream_with_context
from carboy.views import MethodView

app = Flask(__name__)
app.secret_key = "sharp"
app.config["MAX_CONTENT_LENGTH"] = 10_000_000
released = threading.Event()
meeting = {}


def say(*words):
    print("*", *words, flush=True)


@app.before_serving
async def before():
    say("before")


@app.while_serving
async def during():
    say("begins")
    yield
    say("ends")


@app.after_serving
def after():
    say("after")


@app.before_request
def plain_hook():
    g.hooks = ["plain"]


@app.before_request
async def async_hook():
    await asyncio.sleep(0)
    g.hooks.append("async")


@app.teardown_request
def teardown(error):
    if request.path.startswith("/told"):
        say("end of", request.path, type(error).__name__)


@app.get("/plain")
def plain():
    return f"plain {g.hooks} {request.args.get('q')}"


@app.get("/async")
async def asynchronous():
    await asyncio.sleep(0)
    return f"async {g.hooks} {request.args.get('q')}"


class Mixed(MethodView):
    def get(self):
        return "plain get"

    async def post(self):
        await asyncio.sleep(0)
        return f"async post {request.form['a']}"


app.add_url_rule("/mixed", view_func=Mixed.as_view("mixed"))


@app.get("/meet")
async def meet():
    # Two can only meet on one loop.
    met = meeting.setdefault("event", asyncio.Event())
    meeting["count"] = meeting.get("count", 0) + 1
    if meeting["count"] == 2:
        met.set()
    await met.wait()
    return str(id(asyncio.get_running_loop()))


@app.get("/told/hold")
def hold():
    say("holding")
    released.wait()
    return "held"


@app.get("/release")
async def release():
    released.set()
    return "released"


@app.get("/count")
async def count():
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


@app.post("/plain-echo")
def plain_echo():
    return request.get_data()


@app.post("/async-echo")
async def async_echo():
    return request.get_data()


@app.post("/told/echo")
async def told_echo():
    return request.get_data()


@app.post("/upload")
async def upload():
    file = request.files["file"]
    return {"name": file.filename, "size": len(file.read()), "field": request.form["field"]}


@app.get("/<kind>-pieces")
def pieces(kind):
    async def asynchronous():
        for number in range(3):
            await asyncio.sleep(0)
            yield f"{kind} {number}\\n"

    def plain():
        for number in range(3):
            yield f"{request.path} {number}\\n"

    return asynchronous() if kind == "async" else stream_with_context(plain())


@app.get("/broken")
def broken():
    def plain():
        yield "one"
        raise LookupError("in the middle")

    return plain()


@app.get("/empty/<int:status>")
async def empty(status):
    return "", status, {"X-Status": str(status)}


@app.get("/path/<path:path>")
def path(path):
    return {"path": path, "url": request.url, "full": request.full_path, "client": request.remote_addr}


@app.get("/headers")
async def headers():
    response = Response("x", headers=[("X-A", "1"), ("X-A", "2")])
    response.headers["X-Got"] = ascii(request.headers.get("X-Name"))
    return response


@app.get("/told/<kind>-fail")
def fail(kind):
    async def later():
        raise LookupError("on purpose")

    return later() if kind == "async" else {}["missing"]


@app.get("/told/exit")
async def leave():
    sys.exit(3)


@app.get("/told/wait")
async def wait():
    say("waiting")
    await asyncio.Event().wait()


@app.get("/work")
def work():
    def plain(name):
        say(name, current_app.name, "plain")

    async def asynchronous(name):
        say(name, current_app.name, "async")

    app.add_background_task(plain, "work")
    app.add_background_task(asynchronous, "work")
    return "begun"


@app.errorhandler(404)
async def missing(error):
    return f"nothing at {request.path}", 404
"""

PYTHON = sys.executable


@dataclass(frozen=True)
class Server:
    """A server, and what it carries.

    :param says: what it says when it serves, with the port if it chose one
    :param chunked: whether it passes on bodies of unknown length
    """

    name: str
    command: tuple[str, ...]
    says: str
    has_loop: bool = True
    chunked: bool = True


def _granian(interface: str) -> tuple[str, ...]:
    command = ("-m", "granian", "--interface", interface, "--port", "{port}")
    return (
        PYTHON,
        *command,
        "--blocking-threads",
        "8" if interface == "wsgi" else "1",
        "program:app",
    )


SERVERS = [
    Server(
        "gunicorn",
        (PYTHON, "-m", "gunicorn", "-b", "127.0.0.1:0", "--threads", "8", "program:app"),
        r"Listening at: http://127\.0\.0\.1:(\d+)",
        has_loop=False,
    ),
    Server(
        "waitress",
        (PYTHON, "-m", "waitress", "--listen", "127.0.0.1:0", "--threads", "8", "program:app"),
        r"Serving on http://127\.0\.0\.1:(\d+)",
        has_loop=False,
    ),
    Server("granian-wsgi", _granian("wsgi"), r"Started worker-1$()", has_loop=False, chunked=False),
    Server(
        "uvicorn",
        (PYTHON, "-m", "uvicorn", "--port", "0", "program:app"),
        r"running on http://127\.0\.0\.1:(\d+)",
    ),
    Server(
        "hypercorn",
        (PYTHON, "-m", "hypercorn", "--bind", "127.0.0.1:0", "program:app"),
        r"Running on http://127\.0\.0\.1:(\d+)",
    ),
    Server("granian-asgi", _granian("asgi"), r"Started worker-1$()"),
    Server("granian-rsgi", _granian("rsgi"), r"Started worker-1$()"),
]


class Served:
    """The program on one of the servers."""

    def __init__(self, server: Server, program: Program, port: int) -> None:
        self.server = server
        self.program = program
        self.port = port

    def request(
        self, path: str, method: str = "GET", body: object = None, **headers: str
    ) -> Answer:
        with closing(self.connect()) as connection:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, fields, encode_chunked=not _is_sized(body))  # type: ignore[arg-type]
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE)

    def raw(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.sendall(data)
        return connection

    def text(self, path: str) -> str:
        answer = self.request(path)
        assert answer.status == 200
        return answer.text


def _is_sized(body: object) -> bool:
    return body is None or isinstance(body, bytes | str)


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    server: Server = request.param
    pytest.importorskip(server.name.partition("-")[0])
    folder = tmp_path_factory.mktemp(server.name)
    (folder / "program.py").write_text(PROGRAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with starting() as start:
        command = (word.format(port=port) for word in server.command)
        program = start(*command, folder=folder, PYTHONPATH=str(folder))
        # Granian takes the port that it is given.
        yield Served(server, program, int(program.wait_for(server.says)[1] or port))
        program.stop()
        ours = [
            line for line in program.said if line in {"* before", "* begins", "* ends", "* after"}
        ]
        assert ours == ["* before", "* begins", "* ends", "* after"]


def test_plain_and_async_views_and_hooks(served: Served) -> None:
    assert served.text("/plain?q=%C3%A9") == "plain ['plain', 'async'] é"
    assert served.text("/async?q=a+b") == "async ['plain', 'async'] a b"


def test_a_view_that_is_a_class(served: Served) -> None:
    form = "application/x-www-form-urlencoded"
    assert served.text("/mixed") == "plain get"
    assert served.request("/mixed", "POST", b"a=1", Content_Type=form).text == "async post 1"


def test_async_views_share_a_loop(served: Served) -> None:
    loops: list[str] = []
    threads = [
        threading.Thread(target=lambda: loops.append(served.text("/meet"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(loops) == 2
    assert loops[0] == loops[1]


def test_a_plain_view_stops_nobody(served: Served) -> None:
    with closing(served.raw(b"GET /told/hold HTTP/1.1\r\nHost: localhost\r\n\r\n")) as connection:
        served.program.wait_for(r"\* holding")
        assert served.text("/release") == "released"
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 200")


def test_a_session(served: Served) -> None:
    first = served.request("/count")
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    assert served.request("/count", Cookie=f"{cookie}; other=1").text == "2"


BODY = b"0123456789abcdef" * 200_000


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_bodies(served: Served, kind: str) -> None:
    for body in (b"", b"x", BODY):
        assert served.request(f"/{kind}-echo", "POST", body).body == body
    if served.server.chunked:
        pieces = iter([BODY[:100_000], BODY[100_000:]])
        answer = served.request(f"/{kind}-echo", "POST", pieces, Transfer_Encoding="chunked")
        assert answer.body == BODY


def test_a_body_that_is_too_large(served: Served) -> None:
    # The client does not send it before it knows.
    head = "POST /plain-echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000001\r\n\r\n"
    with closing(served.raw(head.encode())) as connection:
        if served.server.name == "waitress":  # It reads the body first.
            connection.sendall(bytes(10000001))
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 413")


def test_an_upload(served: Served) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'
        + BODY
        + b"\r\n--b--\r\n"
    )
    answer = served.request("/upload", "POST", body, Content_Type="multipart/form-data; boundary=b")
    assert json.loads(answer.body) == {"name": "f.txt", "size": len(BODY), "field": "value"}


def test_bodies_in_pieces(served: Served) -> None:
    assert served.text("/plain-pieces") == "".join(f"/plain-pieces {n}\n" for n in range(3))
    assert served.text("/async-pieces") == "".join(f"async {n}\n" for n in range(3))


def test_head_and_answers_without_a_body(served: Served) -> None:
    with closing(served.connect()) as connection:
        for path in ("/plain", "/async", "/plain-pieces", "/async-pieces"):
            connection.request("HEAD", path)
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"")
        for status in (204, 304):
            connection.request("GET", f"/empty/{status}")
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
            assert response.headers["X-Status"] == str(status)
        # The connection is still good.
        connection.request("GET", "/async")
        assert connection.getresponse().read().startswith(b"async")


def test_a_path(served: Served) -> None:
    found = json.loads(served.request("/path/a%20b/%C3%A9%2Fc?q=%20").body)
    assert found == {
        "path": "a b/é/c",
        "url": f"http://127.0.0.1:{served.port}/path/a%20b/%C3%A9/c?q=+" if False else found["url"],
        "full": "/path/a b/é/c?q=%20",
        "client": "127.0.0.1",
    }
    assert found["url"].startswith(f"http://127.0.0.1:{served.port}/path/a%20b/é/c")


def test_headers(served: Served) -> None:
    answer = served.request("/headers", X_Name="value")
    assert answer.headers.get_all("X-A") == ["1", "2"]
    assert answer.headers["X-Got"] == "'value'"


def test_a_missing_page(served: Served) -> None:
    answer = served.request("/nothing")
    assert (answer.status, answer.text) == (404, "nothing at /nothing")
    assert served.request("/plain", "DELETE").status == 405


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_view_that_fails(served: Served, kind: str) -> None:
    assert served.request(f"/told/{kind}-fail").status == 500
    name = "KeyError" if kind == "plain" else "LookupError"
    served.program.wait_for(rf"\* end of /told/{kind}-fail {name}")
    assert served.text("/plain").startswith("plain")


def test_an_answer_that_breaks(served: Served) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        served.request("/broken")
    assert served.text("/plain").startswith("plain")


def test_an_exit_in_a_view_ends_one_request(served: Served) -> None:
    if not served.server.has_loop:
        pytest.skip("What a thread raises is the server's business.")
    assert served.request("/told/exit").status == 500
    served.program.wait_for(r"\* end of /told/exit SystemExit")
    assert served.text("/async").startswith("async")


def test_a_client_that_leaves_cancels_an_async_view(served: Served) -> None:
    if not served.server.has_loop:
        pytest.skip("The server does not tell.")
    connection = served.raw(b"GET /told/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
    served.program.wait_for(r"\* waiting")
    connection.close()
    served.program.wait_for(r"\* end of /told/wait CancelledError")
    assert served.text("/plain").startswith("plain")


@pytest.mark.parametrize(
    "start",
    [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\n"],
    ids=["sized", "chunked"],
)
def test_a_body_that_ends_early(served: Served, start: bytes) -> None:
    if not served.server.has_loop:
        pytest.skip("The view reads it itself.")
    head = b"POST /told/echo HTTP/1.1\r\nHost: localhost\r\n"
    with closing(served.raw(head + start)) as connection:
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            assert b" 200 " not in answer.readline()
    heard = len(served.program.said)
    served.request("/told/plain-fail")
    served.program.wait_for(r"\* end of /told/plain-fail")
    assert not any("/told/echo" in line and "*" in line for line in served.program.said[heard:])


def test_work_in_the_background(served: Served) -> None:
    heard = len(served.program.said)
    assert served.text("/work") == "begun"
    wanted = {"* work program plain", "* work program async"}
    while not wanted <= set(served.program.said[heard:]):
        served.program.wait_for(r"\* work program")
