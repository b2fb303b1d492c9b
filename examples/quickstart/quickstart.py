"""The cellar book: every feature of Flask's quickstart in one small application.

Guests read about the carboys in a cellar, search them and get them as JSON; who has the
key logs in and adds one, with a photo. ``/tour`` shows each feature beside its code.
The book ends with the program. On Flask it runs as well, if its imports say ``flask``.
"""

import atexit
import inspect
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from markupsafe import Markup, escape
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException
from werkzeug.utils import secure_filename

from carboy import (
    Flask,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    session,
    url_for,
)
from carboy.typing import ResponseReturnValue

app = Flask(__name__)
# Without a key of one's own, each start makes another one and everybody is logged out.
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_bytes(16)
app.config.update(MAX_CONTENT_LENGTH=4 * 2**20, SESSION_COOKIE_SAMESITE="Lax")

KEY, ROOM = "demijohn", 50
PHOTOS = TemporaryDirectory(prefix="cellar-book-")
atexit.register(PHOTOS.cleanup)
#: How the files begin that may be a photo: a name alone is easily made up.
KINDS = {".png": b"\x89PNG", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff"}


@dataclass
class Carboy:
    number: int
    token: UUID
    name: str
    litres: float
    year: int
    shelf: str
    keeper: str
    colour: str
    notes: str
    photo: str


CELLAR: list[Carboy] = []
numbers = count(1)


def put(said: Mapping[str, Any], keeper: str, photo: FileStorage | None) -> Carboy:
    """Put in a carboy as a form or JSON describes it; ``ValueError`` says what's wrong."""
    name, shelf = (str(said.get(key, "")).strip() for key in ("name", "shelf"))
    colour, notes = str(said.get("colour", "#7b1e3a")), str(said.get("notes", ""))
    litres, year = float(str(said.get("litres"))), int(str(said.get("year")))
    if not (name and len(name) <= 60 and len(notes) <= 500):
        raise ValueError("A name has up to 60 characters, a note up to 500.")
    if not (1 <= litres <= 1000 and 1900 <= year <= 2100):
        raise ValueError("A carboy holds 1 to 1,000 litres of a year from 1900 to 2100.")
    if not re.fullmatch(r"[\w -]{1,20}(/[\w -]{1,20}){0,3}", shelf):
        raise ValueError("A shelf is letters and digits between slashes: cellar/north.")
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        raise ValueError("A colour is written like #7b1e3a.")
    kept = (name, litres, year, shelf, keeper, colour, notes, save(photo))
    CELLAR.append(made := Carboy(next(numbers), uuid4(), *kept))
    return made


def save(upload: FileStorage | None) -> str:
    """Keep a photo under a safe name, and say that name."""
    if upload is None or not upload.filename:
        return ""
    name = f"{secrets.token_hex(4)}-{secure_filename(upload.filename)[-40:]}"
    start = KINDS.get(Path(name).suffix.lower())
    if start is None or upload.stream.read(len(start)) != start:
        raise ValueError("A photo is a PNG or a JPEG file.")
    upload.stream.seek(0)
    upload.save(Path(PHOTOS.name, name))
    return name


for entry in json.loads(Path(app.root_path, "cellar.json").read_text("utf-8")):
    put(entry, entry["keeper"], None)


# -- pages to read ---------------------------------------------------------------------
@app.route("/")
def index() -> str:
    return render_template("index.html", carboys=CELLAR[-4:])


@app.route("/carboys/")
@app.route("/carboys/by-<any(name, litres, year):column>")
def carboys(column: str = "number") -> str:
    query = request.args.get("q", "").strip()
    found = [c for c in CELLAR if query.lower() in c.name.lower()]
    found.sort(key=lambda c: getattr(c, column))
    return render_template("carboys.html", carboys=found, query=query, column=column)


@app.route("/carboys/<int:number>")
def carboy(number: int) -> str:
    return render_template("carboy.html", carboy=find("number", number))


def find(what: str, value: object) -> Carboy:
    found = [c for c in CELLAR if getattr(c, what) == value]
    return found[0] if found else abort(404, f"No carboy here has the {what} {value}.")


@app.route("/keepers/")
@app.route("/keepers/<name>")
def keepers(name: str | None = None) -> str:
    names = sorted({c.keeper for c in CELLAR})
    kept = [c for c in CELLAR if c.keeper == name]
    return render_template("keepers.html", names=names, name=name, carboys=kept)


@app.route("/shelves/<path:place>")
def shelf(place: str) -> str:
    there = [c for c in CELLAR if f"{c.shelf}/".startswith(f"{place}/")]
    return render_template("shelf.html", place=place, carboys=there)


@app.route("/bottles/<float:litres>")
def bottles(litres: float) -> str:
    return f"{litres:g} litres fill {litres // 0.75:g} bottles."


@app.route("/label/<uuid:token>")
def label(token: UUID) -> ResponseReturnValue:
    text = render_template("label.txt", carboy=find("token", token))
    return text, 200, {"Content-Type": "text/plain; charset=utf-8"}


# -- who has the key -------------------------------------------------------------------
@app.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    error = None
    if request.method == "POST":
        name, key = request.form["name"].strip(), request.form["key"]
        if not re.fullmatch(r"[\w .'-]{1,30}", name):
            error = "A name is made of letters, 30 at most."
        elif not secrets.compare_digest(key.encode(), KEY.encode()):
            app.logger.warning("wrong key from %s for %r", request.remote_addr, name)
            error = "This key does not fit."
        else:
            session["keeper"] = name
            flash(f"Welcome to the cellar, {name}.")
            return redirect(url_for("carboys"))
    return render_template("login.html", error=error, key=KEY)


@app.route("/logout", methods=["POST"])
def logout() -> ResponseReturnValue:
    session.pop("keeper", None)
    flash("The door is locked again.")
    return redirect(url_for("index"))


@app.route("/carboys/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    keeper = who_may_add()
    if request.method == "POST":
        try:
            made = put(request.form, keeper, request.files.get("photo"))
        except ValueError as error:
            flash(str(error), "error")
            return render_template("new.html", said=request.form), 422
        app.logger.info("%s added carboy %d", keeper, made.number)
        flash(f"{made.name} is in the cellar.")
        return redirect(url_for("carboy", number=made.number))
    return render_template("new.html", said={})


def who_may_add() -> str:
    if "keeper" not in session:
        abort(401, "Only who has the key may add a carboy.")
    if len(CELLAR) >= ROOM:
        abort(409, f"The cellar is full: it has room for {ROOM} carboys.")
    return str(session["keeper"])


@app.route("/photos/<name>")
def photo(name: str) -> ResponseReturnValue:
    return send_from_directory(PHOTOS.name, name)


@app.route("/units", methods=["POST"])
def units() -> ResponseReturnValue:
    response = make_response(redirect(url_for("carboys")))
    units = "gallons" if request.form["units"] == "gallons" else "litres"
    response.set_cookie("units", units, max_age=30 * 86400, samesite="Lax")
    return response


@app.template_filter()
def amount(litres: float) -> str:
    gallons = request.cookies.get("units") == "gallons"
    return f"{litres / 4.546:.1f} gal" if gallons else f"{litres:g} l"


# -- for programs, for mistakes, for every answer --------------------------------------
@app.route("/api/carboys", methods=["GET", "POST"])
def api_carboys() -> ResponseReturnValue:
    if request.method != "POST":
        return [asdict(carboy) for carboy in CELLAR]
    keeper, said = who_may_add(), request.get_json()
    try:
        made = put(said if isinstance(said, dict) else {}, keeper, None)
    except ValueError as error:
        abort(422, str(error))
    return asdict(made), 201, {"Location": url_for("api_carboy", number=made.number)}


@app.route("/api/carboys/<int:number>")
def api_carboy(number: int) -> dict[str, Any]:
    return asdict(find("number", number))


@app.route("/alive")
def alive() -> WSGIApplication:
    def plain(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"yes\n"]

    return plain


@app.errorhandler(404)
@app.errorhandler(HTTPException)
def went_wrong(error: HTTPException) -> ResponseReturnValue:
    program = request.path.startswith("/api/")
    page = {"error": error.description} if program else render_template("error.html", error=error)
    headers = [pair for pair in error.get_headers() if pair[0] != "Content-Type"]
    return page, error.code or 500, headers


def doorkeeper(inner: WSGIApplication) -> WSGIApplication:
    """WSGI middleware: each answer says how long it took and what a page may load."""

    def outer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        began = perf_counter()

        def started(status: str, headers: list[tuple[str, str]], *exc: Any) -> Any:
            took = (perf_counter() - began) * 1000
            headers = [*headers, ("Server-Timing", f"app;dur={took:.2f}")]
            headers.append(("Content-Security-Policy", "default-src 'self'"))
            return start(status, headers, *exc)

        return inner(environ, started)

    return outer


app.wsgi_app = doorkeeper(app.wsgi_app)  # type: ignore[method-assign, assignment]


# -- the tour --------------------------------------------------------------------------
@app.route("/tour")
def tour() -> str:
    with app.test_request_context("/carboys/", method="POST"):
        assert (request.path, request.method) == ("/carboys/", "POST")
        links = [url_for("carboys", q="red wine"), url_for("keepers", name="Ada L")]
    return render_template("tour.html", code=code, links=links)


def code(*names: str) -> Markup:
    """The source of functions and templates, with keywords and texts marked."""
    views, pages = globals(), Path(app.root_path, "templates")
    parts = [inspect.getsource(views[n]) if n in views else (pages / n).read_text() for n in names]
    words = r"(\".*?\"|@[\w.]+|\b(?:def|class|return|if|else|for|in|is|not|try|with)\b)"
    pieces = map(escape, re.split(words, "\n\n".join(map(str.strip, parts))))
    return Markup("").join(
        Markup("<b>%s</b>") % piece if i % 2 else piece for i, piece in enumerate(pieces)
    )
