"""BlackSheep's programs."""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Any

# It is read when the package is imported.
os.environ.setdefault("APP_JINJA_EXTENSION", ".html")

from blacksheep import (
    Application,
    FromCookie,
    FromForm,
    FromJSON,
    Request,
    Response,
    Router,
    bad_request,
    html,
    json,
    redirect,
)
from blacksheep.server.rendering.jinja2 import JinjaRenderer
from blacksheep.server.responses import view
from blacksheep.settings.html import html_settings
from jinja2 import FileSystemLoader

from bench.apps import content

Handler = Callable[[Request], Awaitable[Response]]

html_settings.use(JinjaRenderer(loader=FileSystemLoader(content.TEMPLATES)))


class Carboy:
    def __init__(self, name: str, litres: int, notes: list[str]) -> None:
        self.name = name
        self.litres = litres
        self.notes = notes


class Login:
    def __init__(self, username: str, password: str, remember: str) -> None:
        self.username = username
        self.password = password


class Units(FromCookie[str]):
    name = "units"


def plain() -> Application:
    app = Application(router=Router())
    get, post = app.router.get, app.router.post

    @get("/")
    async def hello() -> Response:
        return html("Hello, World!")

    @get("/carboy")
    async def carboy() -> Response:
        return json(content.CARBOY)

    @get("/carboys")
    async def carboys() -> Response:
        return json(content.CARBOYS)

    @get("/keeper/{name}/carboy/{number}")
    async def keeper(name: str, number: int) -> Response:
        return html(f"{name} {number + 1}")

    @get("/search")
    async def search(q: str, page: int = 1, sort: str | None = None) -> Response:
        return html(f"{q} {page} {sort}")

    @post("/login")
    async def login(data: FromForm[Login]) -> Response:
        form = data.value
        return html(form.username if form.password else "")

    @post("/carboys")
    async def add(data: FromJSON[Carboy]) -> Response:
        return html(f"{data.value.name} {len(data.value.notes)}")

    @post("/upload")
    async def upload(request: Request) -> Response:
        form: Any = await request.form()
        (photo,) = form["photo"]
        return html(f"{photo.file_name.decode()} {len(photo.data)} {form['name']}")

    @get("/units")
    async def units(chosen: Units) -> Response:
        return html(chosen.value)

    @get("/rows")
    async def rows() -> Response:
        return view("rows", {"title": "Rows", "rows": content.ROWS})

    @get("/new")
    async def new() -> Response:
        return html("")

    @get("/old")
    async def old() -> Response:
        return redirect("/new")

    @get("/sleeps")
    async def sleeps() -> Response:
        for _ in range(5):
            await asyncio.sleep(0.001)
        return html("rested")

    app.serve_files(content.STATIC, root_path="static", extensions={".txt", ".bin"})
    return app


def rules() -> Application:
    app = Application(router=Router())

    async def keeper(name: str, number: int) -> Response:
        return html(f"{name} {number + 1}")

    for i in range(content.RULES):
        app.router.add_get(f"/cellar-{i}/keeper/{{name}}/carboy/{{number}}", keeper)
    return app


def blueprint() -> Application:
    app = Application(router=Router(prefix="/cellar"))

    async def leave(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        request.user = None
        return response

    async def sign(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        response.add_header(b"X-Cellar", b"1")
        return response

    async def who(request: Request, handler: Handler) -> Response:
        request.user = "ada"
        return await handler(request)

    for hook in (leave, sign, who):
        app.middlewares.append(hook)

    @app.router.get("/hello")
    async def hello(request: Request) -> Response:
        return html(f"Hello, {request.user}!")

    return app


def with_session() -> Application:
    app = Application(router=Router())
    app.use_sessions(content.SECRET)
    get = app.router.get

    @get("/sign-in")
    async def sign_in(request: Request) -> Response:
        request.session.update({"user": "ada", "token": content.TOKEN})
        return html("")

    @get("/user")
    async def user(request: Request) -> Response:
        return html(request.session["user"])

    @get("/choose")
    async def choose(request: Request) -> Response:
        request.session["carboy"] = 8
        return html(request.session["user"])

    async def page(request: Request) -> Response:
        session, note = request.session, ""
        if "user" not in session:
            return redirect("/sign-in")
        if request.method == "POST":
            form: Any = await request.form()
            if not hmac.compare_digest(session["token"], form["token"]):
                return bad_request()
            note = form["note"]
        shown = {"user": session["user"], "token": session["token"], "note": note}
        return view("page", shown)

    app.router.add_get("/page", page)
    app.router.add_post("/page", page)
    return app


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": with_session}
