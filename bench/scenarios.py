"""What is timed: one small program for each thing that a request can ask for.

Lives here: the programs, the requests sent to them and the answers they must give.
Must not know: how they are timed.

How it works: a scenario builds its program from a module, ``carboy`` or ``flask``, that
has Flask's names. :func:`check` asks both once and compares before anyone looks at a
clock: a fast wrong answer counts for nothing.
"""

import json
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlencode
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from bench.wsgi import Answer, Visit, environ


class Call(Protocol):
    """One thing to time."""

    def __call__(self) -> object:
        """Do it once."""

    def answer(self) -> Answer:
        """Do it once and say what came of it."""


Build = Callable[[ModuleType], Call]


@dataclass(frozen=True)
class Scenario:
    """A program, a request to it, and the answer that it owes.

    :param goal: how many times faster than Flask it has to be, if that is settled
    :param body: how the answer's body begins
    """

    name: str
    build: Build
    goal: float | None
    status: str
    body: str


class WrongAnswer(Exception):
    """A program answered otherwise than its scenario, or than Flask."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str, body: str, *, goal: float | None = None, status: str = "200 OK"
) -> Callable[[Build], Build]:
    """Register the function below as the builder of the scenario *name*."""

    def register(build: Build) -> Build:
        SCENARIOS[name] = Scenario(name, build, goal, status, body)
        return build

    return register


def check(scenario: Scenario, calls: dict[str, Call]) -> None:
    """Refuse to go on unless every program in *calls* answers as it should.

    :param calls: by name of framework; Carboy and Flask must agree in everything but
        the date and the time in a session's signature
    :raises WrongAnswer: what was expected, what came, and from whom
    """
    answers = {name: call.answer() for name, call in calls.items()}
    for name, answer in answers.items():
        status, _, body = answer
        if status != scenario.status or not body.decode().startswith(scenario.body):
            raise WrongAnswer(
                f"{scenario.name}: {name} answered {status} {body[:200]!r}"
                f" instead of {scenario.status} {scenario.body!r}"
            )
    ours, theirs = (comparable(answers[name]) for name in ("carboy", "flask"))
    if ours != theirs:
        raise WrongAnswer(f"{scenario.name}: Carboy answered {ours}, Flask answered {theirs}")


def comparable(answer: Answer) -> Answer:
    """*answer* without what differs from one second to the next."""
    headers = []
    for name, value in answer.headers:
        if name == "Set-Cookie":
            cookie, _, attributes = value.partition(";")
            value = f"{cookie.partition('=')[0]}=…;{attributes}"
        if name != "Date":
            headers.append((name, value))
    return Answer(answer.status, sorted(headers), answer.body)


# -- the plain ones ----------------------------------------------------------------


@scenario("hello", "Hello, World!", goal=10)
def hello(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/")
    def hello() -> str:
        return "Hello, World!"

    return Visit(app, environ("/"))


@scenario("JSON", '{"litres":54,"name":"Burgundy"}', goal=10)
def json_out(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/carboy")
    def carboy() -> dict[str, object]:
        return {"name": "Burgundy", "litres": 54}

    return Visit(app, environ("/carboy"))


@scenario("two path parameters", "ada 7", goal=10)
def parameters(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/keeper/<name>/carboy/<int:number>")
    def carboy(name: str, number: int) -> str:
        return f"{name} {number}"

    return Visit(app, environ("/keeper/ada/carboy/7"))


@scenario("one rule of 1,000", "ada 7", goal=10)
def one_of_many(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    def carboy(name: str, number: int) -> str:
        return f"{name} {number}"

    for i in range(1000):
        rule = f"/cellar-{i}/keeper/<name>/carboy/<int:number>"
        app.add_url_rule(rule, f"carboy_{i}", carboy)
    return Visit(app, environ("/cellar-789/keeper/ada/carboy/7"))


# -- what a client sends -----------------------------------------------------------


@scenario("query", "burgundy 2 None", goal=8)
def query(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/search")
    def search() -> str:
        args = web.request.args
        return f"{args['q']} {args.get('page', 1, type=int)} {args.get('sort')}"

    return Visit(app, environ("/search?q=burgundy&page=2"))


@scenario("form", "ada", goal=5)
def form(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> str:
        form = web.request.form
        return str(form["username"] if form["password"] else "")

    fields = {"username": "ada", "password": "s3cret & long", "remember": "on"}
    body = urlencode(fields).encode()
    kind = "application/x-www-form-urlencoded"
    sent = environ("/login", "POST", body=body, content_type=kind)
    return Visit(app, sent, body)


@scenario("upload, 10 kB", "label.png 10240 Burgundy", goal=3)
def upload(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/upload", methods=["POST"])
    def upload() -> str:
        photo = web.request.files["photo"]
        size = len(photo.read())
        return f"{photo.filename} {size} {web.request.form['name']}"

    boundary = "----geckoformboundary3c8d9e1f7a"
    body = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="name"\r\n\r\n'
        "Burgundy\r\n"
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="photo"; filename="label.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    body += bytes(range(256)) * 40 + f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    sent = environ("/upload", "POST", body=body, content_type=kind)
    return Visit(app, sent, body)


@scenario("JSON in", "Burgundy 3", goal=5)
def json_in(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/carboys", methods=["POST"])
    def add() -> str:
        sent = web.request.get_json()
        return f"{sent['name']} {len(sent['notes'])}"

    carboy = {"name": "Burgundy", "litres": 54, "notes": ["racked", "tasted", "good"]}
    body = json.dumps(carboy).encode()
    sent = environ("/carboys", "POST", body=body, content_type="application/json")
    return Visit(app, sent, body)


@scenario("cookies", "litres", goal=8)
def cookies(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/")
    def units() -> str:
        return str(web.request.cookies.get("units"))

    sent = {"theme": "dark", "units": "litres", "seen": "2026-11-22"}
    return Visit(app, environ("/", cookies=sent))


# -- sessions ----------------------------------------------------------------------


def with_session(app: Any) -> WSGIEnvironment:
    """A request that carries a session signed for *app*."""
    app.secret_key = "not a secret: this program never leaves the benchmark"
    serializer = app.session_interface.get_signing_serializer(app)
    cookie = serializer.dumps({"user": "ada", "carboy": 7})
    return environ("/", cookies={"session": cookie})


@scenario("session read", "ada", goal=5)
def session_read(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/")
    def user() -> str:
        return str(web.session["user"])

    return Visit(app, with_session(app))


@scenario("session write", "ada", goal=5)
def session_write(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/")
    def choose() -> str:
        web.session["carboy"] = 8
        return str(web.session["user"])

    return Visit(app, with_session(app))


# -- what a view answers -----------------------------------------------------------


@scenario("template, 10 rows", "<!doctype html>\n<title>Cellar</title>", goal=2.5)
def template(web: ModuleType) -> Call:
    app = web.Flask(__name__)
    rows = [{"number": number, "name": f"Carboy <{number}>", "litres": 54} for number in range(10)]

    @app.route("/carboy/<int:number>")
    def show(number: int) -> str:
        return str(number)

    @app.route("/")
    def cellar() -> str:
        return str(web.render_template("rows.html", title="Cellar", rows=rows))

    return Visit(app, environ("/"))


@scenario("redirect", "<!doctype html>", goal=10, status="302 FOUND")
def redirect(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/new")
    def new() -> str:
        return ""

    @app.route("/old")
    def old() -> object:
        return web.redirect(web.url_for("new"))

    return Visit(app, environ("/old"))


@scenario("abort(403)", "<!doctype html>", status="403 FORBIDDEN")
def abort(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/")
    def closed() -> None:
        web.abort(403)

    return Visit(app, environ("/"))


@scenario("404", "<!doctype html>", goal=10, status="404 NOT FOUND")
def not_found(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/")
    def index() -> str:
        return ""

    return Visit(app, environ("/nowhere"))


@scenario("blueprint with hooks", "Hello, ada!", goal=10)
def blueprint(web: ModuleType) -> Call:
    app = web.Flask(__name__)
    cellar = web.Blueprint("cellar", __name__, url_prefix="/cellar")

    @cellar.before_request
    def who() -> None:
        web.g.user = "ada"

    @cellar.after_request
    def sign(response: Any) -> Any:
        response.headers["X-Cellar"] = "1"
        return response

    @cellar.teardown_request
    def leave(error: BaseException | None) -> None:
        web.g.pop("user")

    @cellar.route("/hello")
    def hello() -> str:
        return f"Hello, {web.g.user}!"

    app.register_blueprint(cellar)
    return Visit(app, environ("/cellar/hello"))


@scenario("static file, 10 kB", "000 a carboy is a large bottle", goal=2.5)
def static_file(web: ModuleType) -> Call:
    app = web.Flask(__name__)
    return Visit(app, environ("/static/ten_kilobytes.txt"))


# -- what a view calls -------------------------------------------------------------


class InContext:
    """A function's call in a request's context that stays open meanwhile."""

    def __init__(self, app: Any, function: Callable[[], str]) -> None:
        self.function = function
        self.context = copy_context()
        self.context.run(app.test_request_context("/").push)

    def __call__(self) -> object:
        return self.context.run(self.function)

    def answer(self) -> Answer:
        return Answer("200 OK", [], self.context.run(self.function).encode())


@scenario("url_for alone", "/keeper/ada/carboy/7?page=2")
def url_for(web: ModuleType) -> Call:
    app = web.Flask(__name__)

    @app.route("/keeper/<name>/carboy/<int:number>")
    def carboy(name: str, number: int) -> str:
        return ""

    return InContext(app, lambda: str(web.url_for("carboy", name="ada", number=7, page=2)))


# -- hello elsewhere ---------------------------------------------------------------


def bare_app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """The least that answers at all: what remains is the cost of asking."""
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "13")]
    start_response("200 OK", headers)
    return [b"Hello, World!"]


def falcon_app() -> WSGIApplication:
    import falcon

    class Hello:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            response.content_type = falcon.MEDIA_HTML
            response.text = "Hello, World!"

    app = falcon.App()
    app.add_route("/", Hello())
    return app


def bottle_app() -> WSGIApplication:
    import bottle

    app: WSGIApplication = bottle.Bottle()

    @app.route("/")  # type: ignore[attr-defined, untyped-decorator]
    def hello() -> str:
        return "Hello, World!"

    return app


#: Rivals of the scenario "hello" besides Flask.
ELSEWHERE: dict[str, Callable[[], WSGIApplication]] = {
    "falcon": falcon_app,
    "bottle": bottle_app,
    "bare": lambda: bare_app,
}
