"""Starlette's programs."""

import asyncio
import hmac
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from bench.apps import content

templates = Jinja2Templates(directory=content.TEMPLATES)


async def hello(request: Request) -> Response:
    return HTMLResponse("Hello, World!")


async def carboy(request: Request) -> Response:
    return JSONResponse(content.CARBOY)


async def carboys(request: Request) -> Response:
    return JSONResponse(content.CARBOYS)


async def keeper(request: Request) -> Response:
    params = request.path_params
    return HTMLResponse(f"{params['name']} {params['number'] + 1}")


async def search(request: Request) -> Response:
    query = request.query_params
    return HTMLResponse(f"{query['q']} {int(query.get('page', 1))} {query.get('sort')}")


async def login(request: Request) -> Response:
    form = await request.form()
    return HTMLResponse(form["username"] if form["password"] else "")


async def add(request: Request) -> Response:
    sent = await request.json()
    return HTMLResponse(f"{sent['name']} {len(sent['notes'])}")


async def upload(request: Request) -> Response:
    async with request.form() as form:
        photo: Any = form["photo"]
        data = await photo.read()
        return HTMLResponse(f"{photo.filename} {len(data)} {form['name']}")


async def units(request: Request) -> Response:
    return HTMLResponse(str(request.cookies.get("units")))


async def rows(request: Request) -> Response:
    return templates.TemplateResponse(request, "rows.html", {"title": "Rows", "rows": content.ROWS})


async def new(request: Request) -> Response:
    return HTMLResponse()


async def old(request: Request) -> Response:
    return RedirectResponse(request.url_for("new"), status_code=302)


async def sleeps(request: Request) -> Response:
    for _ in range(5):
        await asyncio.sleep(0.001)
    return HTMLResponse("rested")


def plain() -> Starlette:
    return Starlette(
        routes=[
            Route("/", hello),
            Route("/carboy", carboy),
            Route("/carboys", carboys),
            Route("/keeper/{name}/carboy/{number:int}", keeper),
            Route("/search", search),
            Route("/login", login, methods=["POST"]),
            Route("/carboys", add, methods=["POST"]),
            Route("/upload", upload, methods=["POST"]),
            Route("/units", units),
            Route("/rows", rows),
            Route("/new", new, name="new"),
            Route("/old", old),
            Route("/sleeps", sleeps),
            Mount("/static", StaticFiles(directory=content.STATIC)),
        ]
    )


def rules() -> Starlette:
    rule = "/cellar-{}/keeper/{{name}}/carboy/{{number:int}}"
    return Starlette(routes=[Route(rule.format(i), keeper) for i in range(content.RULES)])


async def greet(request: Request) -> Response:
    return HTMLResponse(f"Hello, {request.state.user}!")


class Who:
    """As a pure ASGI middleware, which is the kind that the documentation prefers."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["user"] = "ada"
        await self.app(scope, receive, send)


class Sign:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def signed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-cellar", b"1"))
            await send(message)

        await self.app(scope, receive, signed)


class Leave:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            del scope["state"]["user"]


def blueprint() -> Starlette:
    hooks = [Middleware(Leave), Middleware(Sign), Middleware(Who)]
    return Starlette(routes=[Mount("/cellar", routes=[Route("/hello", greet)], middleware=hooks)])


async def sign_in(request: Request) -> Response:
    request.session.update({"user": "ada", "token": content.TOKEN})
    return HTMLResponse()


async def user(request: Request) -> Response:
    return HTMLResponse(request.session["user"])


async def choose(request: Request) -> Response:
    request.session["carboy"] = 8
    return HTMLResponse(request.session["user"])


async def page(request: Request) -> Response:
    session, note = request.session, ""
    if "user" not in session:
        return RedirectResponse(request.url_for("sign_in"), status_code=302)
    if request.method == "POST":
        form: Any = await request.form()
        if not hmac.compare_digest(session["token"], form["token"]):
            return HTMLResponse(status_code=400)
        note = form["note"]
    shown = {"user": session["user"], "token": session["token"], "note": note}
    return templates.TemplateResponse(request, "page.html", shown)


def with_session() -> Starlette:
    return Starlette(
        routes=[
            Route("/sign-in", sign_in, name="sign_in"),
            Route("/user", user),
            Route("/choose", choose),
            Route("/page", page, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key=content.SECRET)],
    )


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": with_session}
