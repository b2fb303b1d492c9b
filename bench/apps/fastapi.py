"""FastAPI's programs: typed parameters, models and dependencies, as its documentation has them."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from bench.apps import content

templates = Jinja2Templates(directory=content.TEMPLATES)


class Carboy(BaseModel):
    name: str
    litres: int
    notes: list[str] = []


def plain() -> FastAPI:
    app = FastAPI()

    @app.get("/", response_class=HTMLResponse)
    async def hello() -> str:
        return "Hello, World!"

    @app.get("/carboy")
    async def carboy() -> dict[str, Any]:
        return content.CARBOY

    @app.get("/carboys")
    async def carboys() -> dict[str, Any]:
        return content.CARBOYS

    @app.get("/keeper/{name}/carboy/{number}", response_class=HTMLResponse)
    async def keeper(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    @app.get("/search", response_class=HTMLResponse)
    async def search(q: str, page: int = 1, sort: str | None = None) -> str:
        return f"{q} {page} {sort}"

    @app.post("/login", response_class=HTMLResponse)
    async def login(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> str:
        return username if password else ""

    @app.post("/carboys", response_class=HTMLResponse)
    async def add(sent: Carboy) -> str:
        return f"{sent.name} {len(sent.notes)}"

    @app.post("/upload", response_class=HTMLResponse)
    async def upload(photo: Annotated[UploadFile, File()], name: Annotated[str, Form()]) -> str:
        return f"{photo.filename} {len(await photo.read())} {name}"

    @app.get("/units", response_class=HTMLResponse)
    async def units(units: Annotated[str | None, Cookie()] = None) -> str:
        return str(units)

    @app.get("/rows", response_class=HTMLResponse)
    async def rows(request: Request) -> Response:
        return templates.TemplateResponse(
            request, "rows.html", {"title": "Rows", "rows": content.ROWS}
        )

    @app.get("/new", response_class=HTMLResponse)
    async def new() -> str:
        return ""

    @app.get("/old")
    async def old(request: Request) -> RedirectResponse:
        return RedirectResponse(request.url_for("new"), status_code=302)

    @app.get("/sleeps", response_class=HTMLResponse)
    async def sleeps() -> str:
        for _ in range(5):
            await asyncio.sleep(0.001)
        return "rested"

    app.mount("/static", StaticFiles(directory=content.STATIC))
    return app


def rules() -> FastAPI:
    app = FastAPI()

    async def keeper(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    for i in range(content.RULES):
        rule = f"/cellar-{i}/keeper/{{name}}/carboy/{{number}}"
        app.add_api_route(rule, keeper, response_class=HTMLResponse)
    return app


async def who(request: Request) -> None:
    request.state.user = "ada"


async def sign(response: Response) -> None:
    response.headers["X-Cellar"] = "1"


async def leave(request: Request) -> AsyncIterator[None]:
    yield
    del request.state.user


def blueprint() -> FastAPI:
    cellar = APIRouter(prefix="/cellar", dependencies=[Depends(leave), Depends(who), Depends(sign)])

    @cellar.get("/hello", response_class=HTMLResponse)
    async def hello(request: Request) -> str:
        return f"Hello, {request.state.user}!"

    app = FastAPI()
    app.include_router(cellar)
    return app


def with_session() -> FastAPI:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=content.SECRET)

    @app.get("/sign-in", response_class=HTMLResponse)
    async def sign_in(request: Request) -> str:
        request.session.update({"user": "ada", "token": content.TOKEN})
        return ""

    @app.get("/user", response_class=HTMLResponse)
    async def user(request: Request) -> str:
        return str(request.session["user"])

    @app.get("/choose", response_class=HTMLResponse)
    async def choose(request: Request) -> str:
        request.session["carboy"] = 8
        return str(request.session["user"])

    async def signed_in(request: Request) -> dict[str, Any]:
        if "user" not in request.session:
            raise HTTPException(302, headers={"Location": str(request.url_for("sign_in"))})
        return request.session

    Session = Annotated[dict[str, Any], Depends(signed_in)]

    def show(request: Request, session: dict[str, Any], note: str = "") -> Response:
        shown = {"user": session["user"], "token": session["token"], "note": note}
        return templates.TemplateResponse(request, "page.html", shown)

    @app.get("/page", response_class=HTMLResponse)
    async def page(request: Request, session: Session) -> Response:
        return show(request, session)

    @app.post("/page", response_class=HTMLResponse)
    async def save(
        request: Request,
        session: Session,
        token: Annotated[str, Form()],
        note: Annotated[str, Form()],
    ) -> Response:
        if not hmac.compare_digest(session["token"], token):
            raise HTTPException(400)
        return show(request, session, note)

    return app


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": with_session}
