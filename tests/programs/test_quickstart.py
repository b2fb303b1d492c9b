"""Every program of Flask's quickstart, as it stands there, under ``carboy run``.

The programs are files in ``quickstart/``. Where the document shows a fragment, the file adds
what it leaves open: the application, the functions it only names.
"""

from __future__ import annotations

import sys
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from .conftest import COMMAND, Answer, Program, Start

HERE = Path(__file__).parent / "quickstart"


@pytest.fixture
def serve(start: Start):
    """Start a program with ``carboy --app … run``."""

    def serve(name: str, folder: Path = HERE, **environment: str) -> Program:
        return start(COMMAND, "--app", name, "run", folder=folder, **environment)

    return serve


def script(start: Start, name: str) -> str:
    """What a program prints when it is run as a script."""
    program = start(sys.executable, "-m", "carboy", name, folder=HERE)
    assert program.wait() == 0, program.said
    return "\n".join(program.said)


def cookies(answer: Answer) -> str:
    """The cookies that an answer sets, as a browser sends them back."""
    jar = SimpleCookie()
    for value in answer.headers.get_all("Set-Cookie", []):
        jar.load(value)
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        ([COMMAND, "run"], {"FLASK_APP": "hello.py"}),
        ([COMMAND, "--app", "hello", "run"], {}),
        ([sys.executable, "-m", "carboy", "run"], {"FLASK_APP": "hello.py"}),
        ([COMMAND, "--app", "hello:app", "run", "--port", "0"], {"FLASK_RUN_PORT": "1"}),
    ],
    ids=["FLASK_APP", "--app", "python -m", "--port"],
)
def test_a_minimal_application(start: Start, command: list[str], environment: dict[str, str]):
    program = start(*command, folder=HERE, **environment)
    answer = program.get("/")
    assert (answer.status, answer.text) == (200, "Hello, World!")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert program.get("/nothing").status == 404


def test_externally_visible(start: Start):
    program = start(COMMAND, "--app", "hello", "run", "--host=0.0.0.0", folder=HERE)
    assert program.get("/").text == "Hello, World!"
    assert " * Running on all addresses (0.0.0.0)" in program.said


@pytest.mark.parametrize("variable", ["FLASK_DEBUG=1", "FLASK_ENV=development"])
def test_debug_mode(serve, variable: str):
    name, value = variable.split("=")
    program = serve("hello", **{name: value})
    assert program.get("/").text == "Hello, World!"
    assert " * Debug mode: on" in program.said


def test_routing(serve):
    program = serve("routing")
    assert program.get("/").text == "Index Page"
    assert program.get("/hello").text == "Hello, World"


def test_variable_rules(serve):
    program = serve("variable_rules")
    assert program.get("/user/J%C3%BCrgen").text == "User Jürgen"
    assert program.get("/post/42").text == "Post 42"
    assert program.get("/post/many").status == 404
    assert program.get("/path/a/b/c").text == "Subpath a/b/c"


def test_unique_urls(serve):
    program = serve("unique_urls")
    assert program.get("/projects/").text == "The project page"
    moved = program.get("/projects?page=2")
    host, port = program.address
    assert moved.status == 308
    assert moved.headers["Location"] == f"http://{host}:{port}/projects/?page=2"
    assert program.get("/about").text == "The about page"
    assert program.get("/about/").status == 404


def test_url_building(start: Start, serve):
    printed = "/\n/login\n/login?next=/\n/user/John%20Doe"
    assert script(start, "url_building.py") == printed
    program = serve("url_building")
    assert program.get("/user/John%20Doe").text == "John Doe's profile"
    assert "\n".join(program.said).startswith(printed)


def test_http_methods(serve):
    program = serve("http_methods")
    assert program.get("/login").text == '<form method="post">'
    assert program.request("/login", "POST").text == "logged in"
    assert program.request("/login", "HEAD").body == b""
    options = program.request("/login", "OPTIONS")
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert program.request("/login", "DELETE").status == 405


def test_static_files(serve):
    program = serve("static_files")
    path = program.get("/").text
    assert path == "/static/style.css"
    style = program.get(path)
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert style.body == (HERE / "static" / "style.css").read_bytes()
    assert program.get(path, If_None_Match=style.headers["ETag"]).status == 304
    assert program.get("/static/../hello.py").status == 404


@pytest.mark.parametrize("case", ["module", "package"])
def test_rendering_templates(serve, case: str):
    program = serve("application", folder=HERE / case)
    assert "<h1>Hello, World!</h1>" in program.get("/hello/").text
    assert "<h1>Hello Ada!</h1>" in program.get("/hello/Ada").text
    assert "<h1>Hello &lt;i&gt;!</h1>" in program.get("/hello/%3Ci%3E").text


def test_the_objects_that_templates_see(serve):
    assert serve("template_objects").get("/ada").text == "/ada ada ada []"


def test_markup(start: Start):
    printed = script(start, "markup.py")
    assert "Markup('<strong>Hello &lt;blink&gt;hacker&lt;/blink&gt;!</strong>')" in printed
    assert "Markup('&lt;blink&gt;hacker&lt;/blink&gt;')" in printed
    assert "'Marked up » HTML'" in printed


def test_local_contexts(start: Start):
    assert script(start, "local_contexts.py") == "both held"


def test_the_request_object(serve):
    program = serve("request_object")
    assert "error" not in program.get("/login").text
    assert program.post("/login", "username=ada&password=engine").text == "Welcome, ada"
    wrong = program.post("/login", "username=ada&password=?")
    assert '<p class="error">Invalid username/password</p>' in wrong.text
    assert program.post("/login", "username=ada").status == 400
    assert program.get("/search?key=caf%C3%A9").text == "café"
    assert program.get("/search").text == ""


def test_file_uploads(serve, tmp_path: Path):
    program = serve("uploads", UPLOADS=str(tmp_path))
    assert program.get("/upload").text == "choose a file"
    content = bytes(range(256)) * 1000
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="the_file"; filename="../../a b.bin"'
        b"\r\nContent-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--edge--\r\n"
    )
    multipart = {"Content-Type": "multipart/form-data; boundary=edge"}
    assert program.request("/upload", "POST", body, multipart).text == "saved"
    assert [path.name for path in tmp_path.iterdir()] == ["a_b.bin"]
    assert (tmp_path / "a_b.bin").read_bytes() == content


def test_cookies(serve):
    program = serve("cookies")
    assert program.get("/").text == "You are None"
    stored = cookies(program.get("/store"))
    assert program.get("/", Cookie=stored).text == "You are the username"


def test_redirects_and_errors(serve):
    program = serve("redirects_and_errors")
    redirect = program.get("/")
    assert (redirect.status, redirect.headers["Location"]) == (302, "/login")
    refused = program.get("/login")
    assert refused.status == 401
    assert "<title>401 Unauthorized</title>" in refused.text


def test_a_page_for_an_error(serve):
    answer = serve("error_page").get("/nowhere")
    assert answer.status == 404
    assert "There is nothing at /nowhere." in answer.text


def test_about_responses(serve):
    program = serve("responses")
    missing = program.get("/nowhere")
    assert (missing.status, missing.headers["X-Something"]) == (404, "A value")
    assert program.get("/string").text == "a string"
    assert program.get("/status").status == 201
    assert program.get("/headers").headers["X-Header"] == "one"
    both = program.get("/both")
    assert (both.status, both.headers.get_all("X-Header")) == (202, ["one", "two"])
    wsgi = program.get("/wsgi")
    assert (wsgi.headers["Content-Type"], wsgi.text) == ("text/plain", "a WSGI application")


def test_sessions(serve):
    program = serve("sessions")
    assert program.get("/").text == "You are not logged in"
    assert "<form" in program.get("/login").text
    login = program.post("/login", "username=%3Cada%3E")
    assert (login.status, login.headers["Location"]) == (302, "/")
    session = cookies(login)
    assert program.get("/", Cookie=session).text == "Logged in as &lt;ada&gt;"
    # Not the last character of the signature: some of its bits count for nothing.
    forged = session[:-2] + ("A" if session[-2] != "A" else "B") + session[-1]
    assert program.get("/", Cookie=forged).text == "You are not logged in"
    logout = program.get("/logout", Cookie=session)
    assert "session=;" in logout.headers["Set-Cookie"]


def test_message_flashing(serve):
    program = serve("flashing")
    saved = program.get("/save")
    shown = program.get(saved.headers["Location"], Cookie=cookies(saved))
    assert "<li class=message>Saved.</li>" in shown.text
    assert "<li class=warning>The disk is &lt;almost&gt; full.</li>" in shown.text
    assert "<li" not in program.get("/", Cookie=cookies(shown)).text


def test_logging(serve):
    program = serve("logs")
    assert program.get("/").text == "logged"
    program.wait_for(r"WARNING in logs: A warning occurred \(42 apples\)")
    program.wait_for(r"ERROR in logs: An error occurred")
    assert "debugging" not in "".join(program.said)


def test_hooking_in_wsgi_middleware(serve):
    program = serve("middleware")
    answer = program.get(
        "/", X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https", Host="carboy.example"
    )
    assert answer.text == "https://carboy.example/ from 192.0.2.7"
