"""Django's programs, each with the middleware that it needs and no other.

Django has one configuration for a process: the program built last is the one that answers.
"""

import asyncio
import hmac
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    JsonResponse,
)
from django.shortcuts import redirect, render
from django.urls import include, path

from bench.apps import content

SESSIONS = ["django.contrib.sessions.middleware.SessionMiddleware"]
View = Callable[[HttpRequest], HttpResponse]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY=content.SECRET,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [content.TEMPLATES],
        }
    ],
    LOGGING_CONFIG=None,
)
django.setup()


def program(patterns: list[Any], middleware: list[str]) -> WSGIHandler:
    """What answers at *patterns*."""
    urls = ModuleType("urls")
    urls.urlpatterns = patterns  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls
    settings.MIDDLEWARE = middleware
    return get_wsgi_application()


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello, World!")


def carboy(request: HttpRequest) -> HttpResponse:
    return JsonResponse(content.CARBOY)


def carboys(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        sent = json.loads(request.body)
        return HttpResponse(f"{sent['name']} {len(sent['notes'])}")
    return JsonResponse(content.CARBOYS)


def keeper(request: HttpRequest, name: str, number: int) -> HttpResponse:
    return HttpResponse(f"{name} {number + 1}")


def search(request: HttpRequest) -> HttpResponse:
    query = request.GET
    return HttpResponse(f"{query['q']} {int(query.get('page', 1))} {query.get('sort')}")


def login(request: HttpRequest) -> HttpResponse:
    form = request.POST
    return HttpResponse(form["username"] if form["password"] else "")


def upload(request: HttpRequest) -> HttpResponse:
    photo = request.FILES["photo"]
    return HttpResponse(f"{photo.name} {len(photo.read())} {request.POST['name']}")


def units(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.COOKIES.get("units")))


def rows(request: HttpRequest) -> HttpResponse:
    return render(request, "rows.html", {"title": "Rows", "rows": content.ROWS})


def new(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def old(request: HttpRequest) -> HttpResponse:
    return redirect("new")


def static(request: HttpRequest, filename: str) -> FileResponse:
    if filename not in content.FILES:
        raise FileNotFoundError(filename)
    return FileResponse((content.STATIC / filename).open("rb"))


async def sleeps(request: HttpRequest) -> HttpResponse:
    for _ in range(5):
        await asyncio.sleep(0.001)
    return HttpResponse("rested")


def plain() -> WSGIHandler:
    patterns = [
        path("", hello),
        path("carboy", carboy),
        path("carboys", carboys),
        path("keeper/<str:name>/carboy/<int:number>", keeper),
        path("search", search),
        path("login", login),
        path("upload", upload),
        path("units", units),
        path("rows", rows),
        path("new", new, name="new"),
        path("old", old),
        path("static/<str:filename>", static),
        path("sleeps", sleeps),
    ]
    return program(patterns, [])


def rules() -> WSGIHandler:
    rule = "cellar-{}/keeper/<str:name>/carboy/<int:number>"
    return program([path(rule.format(i), keeper) for i in range(content.RULES)], [])


def greet(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Hello, {request.user}!")


def who(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        request.user = "ada"
        return get_response(request)

    return middleware


def sign(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Cellar"] = "1"
        return response

    return middleware


def leave(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        del request.user
        return response

    return middleware


def blueprint() -> WSGIHandler:
    hooks = [f"{__name__}.{hook.__name__}" for hook in (leave, sign, who)]
    return program([path("cellar/", include([path("hello", greet)]))], hooks)


def sign_in(request: HttpRequest) -> HttpResponse:
    request.session.update({"user": "ada", "token": content.TOKEN})
    return HttpResponse()


def user(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session["user"])


def choose(request: HttpRequest) -> HttpResponse:
    request.session["carboy"] = 8
    return HttpResponse(request.session["user"])


def page(request: HttpRequest) -> HttpResponse:
    session, note = request.session, ""
    if "user" not in session:
        return redirect("sign_in")
    if request.method == "POST":
        if not hmac.compare_digest(session["token"], request.POST["token"]):
            return HttpResponseBadRequest()
        note = request.POST["note"]
    shown = {"user": session["user"], "token": session["token"], "note": note}
    return render(request, "page.html", shown)


def with_session() -> WSGIHandler:
    patterns = [
        path("sign-in", sign_in, name="sign_in"),
        path("user", user),
        path("choose", choose),
        path("page", page),
    ]
    return program(patterns, SESSIONS)


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": with_session}
