"""Litestar's programs: typed handlers, as its documentation has them."""

import asyncio
import hmac
from hashlib import sha256
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, Response, Router, get, post, route
from litestar.datastructures import UploadFile
from litestar.enums import HttpMethod, RequestEncodingType
from litestar.exceptions import ClientException
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import Body, CookieParameter, FromPath, FromQuery
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from msgspec import Struct

from bench.apps import content

templates = TemplateConfig(directory=content.TEMPLATES, engine=JinjaTemplateEngine)


class Carboy(Struct):
    name: str
    litres: int
    notes: list[str] = []


class Login(Struct):
    username: str
    password: str


class Upload(Struct):
    name: str
    photo: UploadFile


@get("/", media_type=MediaType.HTML)
async def hello() -> str:
    return "Hello, World!"


@get("/carboy")
async def carboy() -> dict[str, Any]:
    return content.CARBOY


@get("/carboys")
async def carboys() -> dict[str, Any]:
    return content.CARBOYS


@get("/keeper/{name:str}/carboy/{number:int}", media_type=MediaType.HTML)
async def keeper(name: FromPath[str], number: FromPath[int]) -> str:
    return f"{name} {number + 1}"


@get("/search", media_type=MediaType.HTML)
async def search(
    q: FromQuery[str], page: FromQuery[int] = 1, sort: FromQuery[str | None] = None
) -> str:
    return f"{q} {page} {sort}"


@post("/login", media_type=MediaType.HTML, status_code=200)
async def login(
    data: Annotated[Login, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> str:
    return data.username if data.password else ""


@post("/carboys", media_type=MediaType.HTML, status_code=200)
async def add(data: Carboy) -> str:
    return f"{data.name} {len(data.notes)}"


@post("/upload", media_type=MediaType.HTML, status_code=200)
async def upload(
    data: Annotated[Upload, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> str:
    return f"{data.photo.filename} {len(await data.photo.read())} {data.name}"


@get("/units", media_type=MediaType.HTML)
async def units(chosen: Annotated[str | None, CookieParameter(name="units")] = None) -> str:
    return str(chosen)


@get("/rows")
async def rows() -> Template:
    return Template("rows.html", context={"title": "Rows", "rows": content.ROWS})


@get("/new", name="new", media_type=MediaType.HTML)
async def new() -> str:
    return ""


@get("/old", status_code=302)
async def old(request: Request[Any, Any, Any]) -> Redirect:
    return Redirect(request.app.route_reverse("new"))


@get("/sleeps", media_type=MediaType.HTML)
async def sleeps() -> str:
    for _ in range(5):
        await asyncio.sleep(0.001)
    return "rested"


def plain() -> Litestar:
    static = create_static_files_router("/static", directories=[content.STATIC])
    views = [hello, carboy, carboys, keeper, search, login, add, upload, units, rows, new, old]
    return Litestar([*views, sleeps, static], template_config=templates)


def rules() -> Litestar:
    rule = "/cellar-{}/keeper/{{name:str}}/carboy/{{number:int}}"

    async def keeper(name: FromPath[str], number: FromPath[int]) -> str:
        return f"{name} {number + 1}"

    paths = [rule.format(i) for i in range(content.RULES)]
    return Litestar([get(paths, media_type=MediaType.HTML)(keeper)])


async def who(request: Request[Any, Any, Any]) -> None:
    request.state.user = "ada"


async def sign(response: Response[Any]) -> Response[Any]:
    response.headers["X-Cellar"] = "1"
    return response


async def leave(request: Request[Any, Any, Any]) -> None:
    del request.state.user


@get("/hello", media_type=MediaType.HTML)
async def greet(request: Request[Any, Any, Any]) -> str:
    return f"Hello, {request.state.user}!"


def blueprint() -> Litestar:
    hooks: dict[str, Any] = {"before_request": who, "after_request": sign, "after_response": leave}
    return Litestar([Router("/cellar", route_handlers=[greet], **hooks)])


@get("/sign-in", name="sign_in", media_type=MediaType.HTML)
async def sign_in(request: Request[Any, Any, Any]) -> str:
    request.set_session({"user": "ada", "token": content.TOKEN})
    return ""


@get("/user", media_type=MediaType.HTML)
async def user(request: Request[Any, Any, Any]) -> str:
    return str(request.session["user"])


@get("/choose", media_type=MediaType.HTML)
async def choose(request: Request[Any, Any, Any]) -> str:
    request.session["carboy"] = 8
    return str(request.session["user"])


@route("/page", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
async def page(request: Request[Any, Any, Any]) -> Template | Redirect:
    session, note = request.session, ""
    if "user" not in session:
        return Redirect(request.app.route_reverse("sign_in"))
    if request.method == "POST":
        form = await request.form()
        if not hmac.compare_digest(session["token"], form["token"]):
            raise ClientException
        note = form["note"]
    shown = {"user": session["user"], "token": session["token"], "note": note}
    return Template("page.html", context=shown)


def with_session() -> Litestar:
    sessions = CookieBackendConfig(secret=sha256(content.SECRET.encode()).digest())
    return Litestar(
        [sign_in, user, choose, page],
        middleware=[sessions.middleware],
        template_config=templates,
    )


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": with_session}
