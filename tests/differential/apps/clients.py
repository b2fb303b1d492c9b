"""The test client and the runner for commands, which tests of programs rely on."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "clients"
    journal = app.extensions["journal"] = []
    session, request, g = flask.session, flask.request, flask.g

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        journal.append(("teardown_request", error, request.path))

    @app.teardown_appcontext
    def pop(error: BaseException | None) -> None:
        journal.append(("teardown_appcontext", error))

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def index() -> Any:
        g.value = request.args.get("value")
        return {
            "method": request.method,
            "args": request.args.to_dict(),
            "form": request.form.to_dict(),
            "json": request.get_json(silent=True),
            "headers": sorted(name for name, _ in request.headers),
            "agent": request.user_agent.string.partition("/")[0],
            "url": request.url,
            "remote": request.remote_addr,
        }

    @app.get("/redirect/<int:count>")
    def redirect(count: int) -> Any:
        return flask.redirect(
            flask.url_for("redirect", count=count - 1) if count else flask.url_for("index")
        )

    @app.get("/set")
    def put() -> str:
        session["value"] = 1
        return "set"

    @app.get("/read")
    def read() -> Any:
        return {"session": dict(session), "cookies": sorted(request.cookies)}

    @app.get("/fail")
    def fail() -> str:
        raise ValueError("fail")

    @app.get("/stream")
    def stream() -> Any:
        return flask.stream_with_context(iter(["a", "b", "c"]))

    @app.get("/generator")
    def generator() -> Any:
        return iter(["a", "b"])

    @app.cli.command("hello")
    def hello() -> None:
        print(f"hello from {flask.current_app.name}")

    return app


REQUESTS = [get("/redirect/0"), get("/set", then=(get("/read"),)), get("/stream")]


def probe_with_a_block(flask: ModuleType) -> object:
    app = create(flask)
    journal = app.extensions["journal"]

    def see(word: str) -> None:
        here = flask.has_app_context(), flask.has_request_context()
        path = flask.request.full_path if here[1] else None
        journal.append((word, *here, path))

    see("before")
    with app.test_client() as client:
        see("entered")
        client.get("/?value=1")
        see("first")
        journal.append(("g", flask.g.value, flask.request.args["value"]))
        client.get("/?value=2")
        see("second")
        journal.append(("g", flask.g.value))
        client.get("/stream")
        see("streamed")
        client.get("/generator").close()
        see("generated")
        client.get("/redirect/1", follow_redirects=True)
        see("redirected")
        client.get("/fail")
        see("failed")
        client.get("/missing")
        see("missing")
    see("left")
    client.get("/")
    see("after")
    return journal


def probe_a_block_and_an_error(flask: ModuleType) -> object:
    app = create(flask)
    app.testing = True
    journal = app.extensions["journal"]
    with app.test_client() as client:
        try:
            client.get("/fail")
        except ValueError as error:
            journal.append(("raised", repr(error), flask.has_request_context()))
        client.get("/")
        journal.append(("then", flask.has_request_context()))
    try:
        with app.test_client() as client:
            client.get("/")
            raise KeyError("in the block")
    except KeyError as error:
        journal.append(("raised", repr(error), flask.has_request_context()))
    return journal


def probe_blocks_in_blocks(flask: ModuleType) -> object:
    app = create(flask)
    client = app.test_client()
    seen: list[Any] = []
    with client:
        try:
            with client:
                seen.append("entered twice")
        except Exception as error:
            seen.append([type(error).__name__, str(error)])
    first, second = app.test_client(), app.test_client()
    with first, second:
        first.get("/?value=first")
        seen.append(flask.request.args.to_dict())
        second.get("/?value=second")
        seen.append(flask.request.args.to_dict())
    seen.append(flask.has_request_context())
    return seen


def probe_a_block_in_an_application_context(flask: ModuleType) -> object:
    app = create(flask)
    journal = app.extensions["journal"]
    with app.app_context():
        flask.g.outer = 1
        with app.test_client() as client:
            client.get("/?value=1")
            journal.append(sorted(flask.g))
        journal.append((sorted(flask.g), flask.has_app_context()))
    return journal


def probe_ways_to_ask(flask: ModuleType) -> object:
    test = importlib.import_module("werkzeug.test")
    io = importlib.import_module("io")
    client = create(flask).test_client()
    answers = [
        client.get("/?a=1"),
        client.get("/", query_string={"b": "é"}),
        client.get("/", query_string=[("c", "1")]),
        client.post("/", data={"a": "1"}),
        client.post("/", data={"f": (io.BytesIO(b"x"), "x.txt"), "a": "1"}),
        client.post("/", json={"b": 1, "a": None}),
        client.post("/", data="raw", content_type="text/plain"),
        client.put("/", data=b"raw", headers={"X-A": "1"}),
        client.patch("/"),
        client.delete("/"),
        client.get("https://other.org:8443/?x=1"),
        client.get("/", base_url="https://other.org/mount"),
        client.get("/", url_scheme="https"),
        client.get("/", subdomain="sub"),
        client.get("/", environ_base={"REMOTE_ADDR": "9.9.9.9"}),
        client.get("/", environ_overrides={"REMOTE_ADDR": "8.8.8.8"}),
        client.get("/", headers=[("X-A", "1"), ("X-A", "2")]),
        client.open("/", method="POST"),
        client.open(test.EnvironBuilder("/", query_string="from=builder")),
        client.open(test.create_environ("/", query_string="from=environ")),
        client.open(test.EnvironBuilder("/", query_string="from=request").get_request()),
        client.options("/"),
        client.head("/"),
        client.trace("/"),
    ]
    return [(answer.status, answer.text) for answer in answers]


def probe_redirects(flask: ModuleType) -> object:
    client = create(flask).test_client()
    answer = client.get("/redirect/2", follow_redirects=True)
    return [
        answer.status,
        answer.request.path,
        [(past.status, past.request.path, past.location) for past in answer.history],
        client.get("/redirect/1").location,
    ]


def probe_cookies(flask: ModuleType) -> object:
    app = create(flask)
    client = app.test_client()
    client.get("/set")
    client.set_cookie("mine", "1")
    first = sorted(client.get("/read").json["cookies"])
    client.delete_cookie("mine")
    second = sorted(client.get("/read").json["cookies"])
    without = app.test_client(use_cookies=False)
    without.get("/set")
    return [first, second, without.get("/read").json, client.get_cookie("mine")]


def probe_environ_base(flask: ModuleType) -> object:
    app = create(flask)
    client = app.test_client()
    before = sorted(client.environ_base)
    client.environ_base["REMOTE_ADDR"] = "7.7.7.7"
    client.environ_base["HTTP_X_BASE"] = "yes"
    return [before, client.get("/").json["remote"], app.test_client().get("/").json["remote"]]


def probe_configured_addresses(flask: ModuleType) -> object:
    app = create(flask)
    app.config.update(
        SERVER_NAME="example.org:81", APPLICATION_ROOT="/root", PREFERRED_URL_SCHEME="https"
    )
    client = app.test_client()
    return [
        client.get("/").json["url"],
        client.get("/", base_url="http://x.org").json["url"],
        client.get("/redirect/0").location,
    ]


def probe_a_client_of_ones_own(flask: ModuleType) -> object:
    testing = importlib.import_module(f"{flask.__name__}.testing")

    class Client(testing.FlaskClient):
        def __init__(self, *args: Any, word: str = "none", **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.word = word

        def open(self, *args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("headers", {"X-Own": self.word})
            return super().open(*args, **kwargs)

    app = create(flask)
    app.test_client_class = Client
    client = app.test_client(word="given")
    return [type(client).__name__, client.word, client.get("/").json["headers"]]


def probe_the_response(flask: ModuleType) -> object:
    app = create(flask)
    client = app.test_client()
    answer = client.get("/?value=1")
    return [
        type(answer).__name__,
        type(answer).__mro__[1].__name__,
        isinstance(answer, app.response_class),
        answer.json["args"],
        answer.request.path,
        answer.request.args.to_dict(),
        answer.text[:5],
        answer.mimetype,
        client.response_wrapper.__name__,
        client.application is app,
        client.preserve_context,
    ]


def probe_commands(flask: ModuleType) -> object:
    app = create(flask)
    runner = app.test_cli_runner()
    hello = runner.invoke(args=["hello"])
    missing = runner.invoke(args=["missing"])
    command = runner.invoke(app.cli.commands["hello"])
    return [
        hello.exit_code,
        hello.output,
        missing.exit_code,
        command.output,
        type(runner).__name__,
        runner.app is app,
    ]


def probe_the_routes_command(flask: ModuleType) -> object:
    cli = importlib.import_module(f"{flask.__name__}.cli")
    app = create(flask)
    app.register_blueprint(flask.Blueprint("b", __name__, static_folder="static"))
    app.add_url_rule("/hosted", "hosted", subdomain="sub")
    bare = flask.Flask(__name__, static_folder=None)
    seen = []
    for one in (app, bare):
        group = cli.FlaskGroup(create_app=lambda one=one: one, load_dotenv=False)
        runner = one.test_cli_runner()
        for options in (
            *([], ["--sort", "rule"], ["-s", "methods"], ["-s", "match"], ["-s", "domain"]),
            *(["--all-methods"], ["-s", "nothing"]),
        ):
            result = runner.invoke(group, ["routes", *options])
            # Flask pads the last column too.
            lines = [line.rstrip() for line in result.output.splitlines()]
            seen.append((options, result.exit_code, lines))
    return seen


def probe_commands_and_contexts(flask: ModuleType) -> object:
    click = importlib.import_module("click")
    cli = importlib.import_module(f"{flask.__name__}.cli")
    app = create(flask)
    journal = app.extensions["journal"]

    @app.cli.command("in-context")
    @click.argument("word")
    def in_context(word: str) -> None:
        journal.append((word, flask.current_app.name, flask.has_request_context()))

    @app.cli.command("without", with_appcontext=False)
    def without() -> None:
        journal.append(("without", flask.has_app_context()))

    @click.command("plain")
    @cli.with_appcontext
    def plain() -> None:
        journal.append(("plain", flask.current_app.name))

    @app.cli.group()
    def group() -> None:
        journal.append(("group",))

    @group.command()
    def member() -> None:
        journal.append(("member", flask.current_app.name))

    @app.cli.command("failing")
    def failing() -> None:
        raise click.ClickException("on purpose")

    app.cli.add_command(plain)
    runner = app.test_cli_runner()
    for arguments in (
        *(["in-context", "word"], ["in-context"], ["without"], ["plain"], ["failing"]),
        *(["group", "member"], ["group"], ["nothing"], []),
    ):
        result = runner.invoke(args=arguments)
        journal.append((arguments, result.exit_code, type(result.exception).__name__))
    return journal


def probe_the_shell_context(flask: ModuleType) -> object:
    app = create(flask)
    app.shell_context_processor(lambda: {"given": 1, "g": "replaced"})
    return sorted((key, type(value).__name__) for key, value in app.make_shell_context().items())


def probe_script_info(flask: ModuleType) -> object:
    cli = importlib.import_module(f"{flask.__name__}.cli")
    made = cli.ScriptInfo(create_app=lambda: create(flask))
    app = made.load_app()
    seen = [app is made.load_app(), app.name, made.data, made.app_import_path]
    for module, wanted in (("json", None), (__name__, None), (__name__, "create")):
        try:
            path = f"{module}:{wanted}" if wanted else module
            seen.append(cli.ScriptInfo(path).load_app().name)
        except Exception as error:
            seen.append([type(error).__name__, str(error).partition(" (")[0]])
    return seen


def probe_environ_builder(flask: ModuleType) -> object:
    testing = importlib.import_module(f"{flask.__name__}.testing")
    app = create(flask)
    app.config["PREFERRED_URL_SCHEME"] = "https"
    builder = testing.EnvironBuilder(app, "/x?a=1", json={"b": 1, "a": 2}, method="POST")
    environ = builder.get_environ()
    return [
        builder.app is app,
        builder.json_dumps({"b": 1, "a": 2}),
        environ["PATH_INFO"],
        environ["QUERY_STRING"],
        environ["wsgi.url_scheme"],
        environ["CONTENT_TYPE"],
        environ["wsgi.input"].read(),
        builder.base_url,
    ]
