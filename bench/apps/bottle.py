"""Bottle's programs."""

from typing import Any

import bottle
from bottle import Bottle, redirect, request, response, static_file

from bench.apps import content

LACKS = {
    "sleeps": "no async views",
    "session-read": "no sessions",
    "session-write": "no sessions",
    "page": "no sessions",
}

# By itself, Bottle refuses forms of 100 kB.
bottle.BaseRequest.MEMFILE_MAX = 1 << 20

# Bottle's own templates have another syntax; this is its adapter for Jinja's.
TEMPLATES = {
    "template_lookup": [str(content.TEMPLATES)],
    # Otherwise it compiles a template that others extend anew for each request.
    "template_settings": {"autoescape": True, "auto_reload": False},
}


def plain() -> Bottle:
    app = Bottle()

    @app.get("/")
    def hello() -> str:
        return "Hello, World!"

    @app.get("/carboy")
    def carboy() -> dict[str, object]:
        return dict(content.CARBOY)

    @app.get("/carboys")
    def carboys() -> dict[str, object]:
        return dict(content.CARBOYS)

    @app.get("/keeper/<name>/carboy/<number:int>")
    def keeper(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    @app.get("/search")
    def search() -> str:
        query = request.query
        return f"{query['q']} {query.get('page', 1, type=int)} {query.get('sort')}"

    @app.post("/login")
    def login() -> str:
        forms = request.forms
        return str(forms["username"] if forms["password"] else "")

    @app.post("/carboys")
    def add() -> str:
        sent = request.json
        return f"{sent['name']} {len(sent['notes'])}"

    @app.post("/upload")
    def upload() -> str:
        photo = request.files["photo"]
        return f"{photo.filename} {len(photo.file.read())} {request.forms['name']}"

    @app.get("/units")
    def units() -> str:
        return str(request.get_cookie("units"))

    @app.get("/rows")
    def rows() -> Any:
        return bottle.jinja2_template("rows.html", title="Rows", rows=content.ROWS, **TEMPLATES)

    @app.get("/new", name="new")
    def new() -> str:
        return ""

    @app.get("/old")
    def old() -> None:
        redirect(app.get_url("new"), 302)

    @app.get("/static/<filename>")
    def static(filename: str) -> Any:
        return static_file(filename, root=str(content.STATIC))

    return app


def rules() -> Bottle:
    app = Bottle()

    def carboy(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    for i in range(content.RULES):
        app.route(f"/cellar-{i}/keeper/<name>/carboy/<number:int>", callback=carboy)
    return app


def blueprint() -> Bottle:
    cellar = Bottle()

    @cellar.hook("before_request")
    def who() -> None:
        request.user = "ada"

    @cellar.hook("after_request")
    def sign() -> None:
        response.set_header("X-Cellar", "1")

    @cellar.hook("after_request")
    def leave() -> None:
        del request.user

    @cellar.get("/hello")
    def hello() -> str:
        return f"Hello, {request.user}!"

    app = Bottle()
    app.mount("/cellar", cellar)
    return app


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint}
