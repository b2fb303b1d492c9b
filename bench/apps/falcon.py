"""Falcon's programs."""

from typing import Any

import falcon
from falcon import App, Request, Response

from bench.apps import content

LACKS = {
    "template": "no templates",
    "sleeps": "no async views under WSGI",
    "session-read": "no sessions",
    "session-write": "no sessions",
    "page": "no sessions",
}


class Hello:
    def on_get(self, request: Request, response: Response) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = "Hello, World!"


class Carboy:
    def on_get(self, request: Request, response: Response) -> None:
        response.media = content.CARBOY


class Carboys:
    def on_get(self, request: Request, response: Response) -> None:
        response.media = content.CARBOYS

    def on_post(self, request: Request, response: Response) -> None:
        sent = request.get_media()
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{sent['name']} {len(sent['notes'])}"


class Keeper:
    def on_get(self, request: Request, response: Response, name: str, number: int) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{name} {number + 1}"


class Search:
    def on_get(self, request: Request, response: Response) -> None:
        q = request.get_param("q", required=True)
        page = request.get_param_as_int("page", default=1)
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{q} {page} {request.get_param('sort')}"


class Login:
    def on_post(self, request: Request, response: Response) -> None:
        form = request.get_media()
        response.content_type = falcon.MEDIA_HTML
        response.text = form["username"] if form["password"] else ""


class Upload:
    def on_post(self, request: Request, response: Response) -> None:
        said: dict[str | None, Any] = {}
        for part in request.get_media():
            if part.name == "photo":
                said["photo"] = f"{part.filename} {len(part.stream.read())}"
            else:
                said[part.name] = part.text
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{said['photo']} {said['name']}"


class Units:
    def on_get(self, request: Request, response: Response) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = str(request.cookies.get("units"))


class Old:
    def on_get(self, request: Request, response: Response) -> None:
        raise falcon.HTTPFound("/new")


class Greeting:
    def on_get(self, request: Request, response: Response) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = f"Hello, {request.context.user}!"


class Who:
    def process_request(self, request: Request, response: Response) -> None:
        request.context.user = "ada"


class Sign:
    def process_response(
        self, request: Request, response: Response, resource: object, succeeded: bool
    ) -> None:
        response.set_header("X-Cellar", "1")


class Leave:
    def process_response(
        self, request: Request, response: Response, resource: object, succeeded: bool
    ) -> None:
        del request.context.user


def plain() -> App[Request, Response]:
    app = App()
    app.add_route("/", Hello())
    app.add_route("/carboy", Carboy())
    app.add_route("/carboys", Carboys())
    app.add_route("/keeper/{name}/carboy/{number:int}", Keeper())
    app.add_route("/search", Search())
    app.add_route("/login", Login())
    app.add_route("/upload", Upload())
    app.add_route("/units", Units())
    app.add_route("/old", Old())
    app.add_static_route("/static", str(content.STATIC))
    return app


def rules() -> App[Request, Response]:
    app = App()
    keeper = Keeper()
    for i in range(content.RULES):
        app.add_route(f"/cellar-{i}/keeper/{{name}}/carboy/{{number:int}}", keeper)
    return app


def blueprint() -> App[Request, Response]:
    app = App(middleware=[Who(), Sign(), Leave()])
    app.add_route("/cellar/hello", Greeting())
    return app


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint}
