"""One application on servers that are not ours: WSGI, ASGI and RSGI, over real connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

from .conftest import PATIENCE, Answer
from .servers import SERVERS, Served, launching, serving

PROGRAM = """
import asyncio
import gc
import sys
import threading
import weakref

from carboy import Flask, Response, abort, current_app, g, request, session, stream_with_context
from carboy.views import MethodView

app = Flask(__name__)
app.secret_key = "sharp"
app.config["MAX_CONTENT_LENGTH"] = 10_000_000
released = threading.Event()
meeting = {}
together = threading.Barrier(8)
tokens = weakref.WeakSet()


class Token:
    # Lives as long as the context that it is put into.
    pass


def say(*words):
    # In one piece, for more than one thread speaks.
    sys.stdout.write(" ".join(["*", *words, "\\n"]))
    sys.stdout.flush()


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
    g.token = Token()
    tokens.add(g.token)


@app.before_request
async def async_hook():
    await asyncio.sleep(0)
    g.hooks.append("async")


@app.teardown_request
def teardown(error):
    if request.path.startswith("/told"):
        say("end of", request.path, type(error).__name__)
    if request.path == "/told/teardown":
        raise LookupError("in teardown")


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


@app.get("/contexts")
def contexts():
    # How many there are besides this one.
    gc.collect()
    return str(len(tokens) - 1)


@app.get("/told/teardown")
def torn():
    return "torn"


@app.get("/crowd")
def crowd():
    together.wait()
    return "all"


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
    return {"path": path, "url": request.url, "client": request.remote_addr}


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


class Visited(Served):
    """The program on one of the servers, and requests to it."""

    def request(
        self, path: str, method: str = "GET", body: object = None, **headers: str
    ) -> Answer:
        with self.connect() as connection:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, fields, encode_chunked=not _is_sized(body))  # type: ignore[arg-type]
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def text(self, path: str) -> str:
        answer = self.request(path)
        assert answer.status == 200
        return answer.text

    def goes_on(self) -> None:
        """See that the server does, and that what went wrong has left no context."""
        assert self.text("/plain").startswith("plain")
        assert self.text("/async").startswith("async")
        # The end of a request may still be under way.
        for _ in range(10_000):
            if self.text("/contexts") == "0":
                return
        raise AssertionError("A context has stayed.")


def _is_sized(body: object) -> bool:
    return body is None or isinstance(body, bytes | str)


@pytest.fixture(scope="module", params=SERVERS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visited]:
    server = SERVERS[request.param]
    with serving(server, PROGRAM, tmp_path_factory.mktemp(server.name)) as served:
        yield Visited(server, served.program, served.port)
    wanted = ["* before ", "* begins ", "* ends ", "* after "]
    assert [line for line in served.program.said if line in wanted] == wanted


def test_plain_and_async_views_and_hooks(served: Visited) -> None:
    assert served.text("/plain?q=%C3%A9") == "plain ['plain', 'async'] é"
    assert served.text("/async?q=a+b") == "async ['plain', 'async'] a b"


def test_a_view_that_is_a_class(served: Visited) -> None:
    form = "application/x-www-form-urlencoded"
    assert served.text("/mixed") == "plain get"
    assert served.request("/mixed", "POST", b"a=1", Content_Type=form).text == "async post 1"


def test_async_views_share_a_loop(served: Visited) -> None:
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


def test_a_plain_view_stops_nobody(served: Visited) -> None:
    with closing(served.raw(b"GET /told/hold HTTP/1.1\r\nHost: localhost\r\n\r\n")) as connection:
        served.program.wait_for(r"\* holding")
        assert served.text("/release") == "released"
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 200")


def test_a_session(served: Visited) -> None:
    first = served.request("/count")
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    assert served.request("/count", Cookie=f"{cookie}; other=1").text == "2"


BODY = b"0123456789abcdef" * 200_000


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_bodies(served: Visited, kind: str) -> None:
    for body in (b"", b"x", BODY):
        assert served.request(f"/{kind}-echo", "POST", body).body == body
    pieces = iter([BODY[:100_000], BODY[100_000:]])
    answer = served.request(f"/{kind}-echo", "POST", pieces, Transfer_Encoding="chunked")
    assert answer.body == BODY


def test_a_body_that_is_too_large(served: Visited) -> None:
    # The client does not send it before it knows.
    head = "POST /plain-echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000001\r\n\r\n"
    with closing(served.raw(head.encode())) as connection:
        if served.server.name == "waitress":  # It reads the body first.
            connection.sendall(bytes(10000001))
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 413")


def test_an_upload(served: Visited) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'
        + BODY
        + b"\r\n--b--\r\n"
    )
    answer = served.request("/upload", "POST", body, Content_Type="multipart/form-data; boundary=b")
    assert json.loads(answer.body) == {"name": "f.txt", "size": len(BODY), "field": "value"}


def test_bodies_in_pieces(served: Visited) -> None:
    assert served.text("/plain-pieces") == "".join(f"/plain-pieces {n}\n" for n in range(3))
    assert served.text("/async-pieces") == "".join(f"async {n}\n" for n in range(3))


def test_head_and_answers_without_a_body(served: Visited) -> None:
    with served.connect() as connection:
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


def test_a_path(served: Visited) -> None:
    found = json.loads(served.request("/path/a%20b/%C3%A9%2Fc?q=%20").body)
    assert found == {
        "path": "a b/é/c",
        "url": f"http://127.0.0.1:{served.port}/path/a%20b/é/c?q=%20",
        "client": "127.0.0.1",
    }


def test_headers(served: Visited) -> None:
    answer = served.request("/headers", X_Name="value")
    assert answer.headers.get_all("X-A") == ["1", "2"]
    assert answer.headers["X-Got"] == "'value'"


def test_a_missing_page(served: Visited) -> None:
    answer = served.request("/nothing")
    assert (answer.status, answer.text) == (404, "nothing at /nothing")
    assert served.request("/plain", "DELETE").status == 405


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_view_that_fails(served: Visited, kind: str) -> None:
    assert served.request(f"/told/{kind}-fail").status == 500
    name = "KeyError" if kind == "plain" else "LookupError"
    served.program.wait_for(rf"^{name}: ")
    served.program.wait_for(rf"\* end of /told/{kind}-fail {name}")
    served.goes_on()


def test_a_teardown_that_fails(served: Visited) -> None:
    with contextlib.suppress(http.client.HTTPException, ConnectionError):
        # The answer may have been sent before.
        assert served.request("/told/teardown").status in {200, 500}
    served.program.wait_for(r"\* end of /told/teardown NoneType")
    served.program.wait_for("LookupError: in teardown")
    served.goes_on()


def test_an_answer_that_breaks(served: Visited) -> None:
    if served.server.breaks_off:
        # The head has come; but Granian may end a connection over WSGI before it has sent it.
        without_head = http.client.RemoteDisconnected
        broken_off = (
            http.client.IncompleteRead,
            *([] if served.server.has_loop else [without_head]),
        )
        with pytest.raises(broken_off):
            served.request("/broken")
    else:
        assert served.text("/broken") == "one"
    served.program.wait_for("LookupError: in the middle")
    served.goes_on()


def test_an_exit_in_a_view_ends_one_request(served: Visited) -> None:
    if not served.server.has_loop:
        pytest.skip("What a thread raises is the server's business.")
    assert served.request("/told/exit").status == 500
    served.program.wait_for(r"\* end of /told/exit SystemExit")
    served.goes_on()


def test_a_client_that_leaves_cancels_an_async_view(served: Visited) -> None:
    if not served.server.has_loop:
        pytest.skip("The server does not tell.")
    connection = served.raw(b"GET /told/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
    served.program.wait_for(r"\* waiting")
    connection.close()
    served.program.wait_for(r"\* end of /told/wait CancelledError")
    served.goes_on()


@pytest.mark.parametrize(
    "start",
    [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\n"],
    ids=["sized", "chunked"],
)
def test_a_body_that_ends_early(served: Visited, start: bytes) -> None:
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


@pytest.mark.parametrize("name", ["uvicorn", "hypercorn", "granian-asgi", "granian-rsgi"])
def test_a_start_that_fails(name: str, tmp_path: Path) -> None:
    fails = """
@app.before_serving
async def fails():
    raise LookupError("no database")
"""
    with launching(SERVERS[name], PROGRAM + fails, tmp_path) as (program, _):
        program.wait_for("LookupError: no database")
        # The server ends; with which status is its own business.
        program.wait()
        assert "* begins " not in program.said


def test_a_body_that_is_larger_than_promised(served: Visited) -> None:
    head = b"POST /plain-echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"
    with (
        closing(served.raw(head + b"abc and no request\r\n\r\n")) as connection,
        connection.makefile("rb") as incoming,
    ):
        # What comes besides is taken for a request, and for a bad one.
        answers = incoming.read()
    # Some servers find that out before they have answered the first one.
    assert answers.count(b"HTTP/1.1 200 ") == answers.count(b"\r\n\r\nabc") <= 1
    assert b" 400 " in answers
    assert b"no request" not in answers
    served.goes_on()


def test_more_connections_than_threads(served: Visited) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(served.text("/crowd"))) for _ in range(48)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == ["all"] * 48
    served.goes_on()


def test_work_in_the_background(served: Visited) -> None:
    heard = len(served.program.said)
    assert served.text("/work") == "begun"
    wanted = {"* work program plain ", "* work program async "}
    while not wanted <= set(served.program.said[heard:]):
        served.program.wait_for(r"\* work program")


def test_http_2(served: Visited) -> None:
    if not served.server.http_2:
        pytest.skip("The server does not speak it.")
    session = H2Connection()
    session.initiate_connection()
    target = [(":scheme", "http"), (":authority", "example.org")]
    session.send_headers(1, [(":method", "POST"), (":path", "/async-echo"), *target])
    session.send_data(1, b"without a ")
    session.send_data(1, b"length", end_stream=True)
    session.send_headers(3, [(":method", "GET"), (":path", "/path/x"), *target], end_stream=True)
    bodies = {1: b"", 3: b""}
    ended = 0
    with closing(served.raw(session.data_to_send())) as connection:
        while ended < 2:
            for event in session.receive_data(connection.recv(65536)):
                if isinstance(event, DataReceived):
                    bodies[event.stream_id] += event.data
                ended += isinstance(event, StreamEnded)
            connection.sendall(session.data_to_send())
    assert json.loads(bodies[3])["url"] == "http://example.org/path/x"
    assert bodies[1] == b"without a length"
