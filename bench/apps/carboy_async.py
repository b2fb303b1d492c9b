"""Carboy's programs with ``async def`` views and hooks, called through ASGI."""

import asyncio
import hmac
from typing import Any

from bench.apps import content
from carboy import (
    Blueprint,
    Flask,
    Response,
    abort,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)


def plain() -> Flask:
    app = Flask(
        __name__,
        template_folder=content.TEMPLATES,
        static_folder=content.STATIC,
        static_url_path="/static",
    )

    @app.get("/")
    async def hello() -> str:
        return "Hello, World!"

    @app.get("/carboy")
    async def carboy() -> dict[str, object]:
        return dict(content.CARBOY)

    @app.get("/carboys")
    async def carboys() -> dict[str, object]:
        return dict(content.CARBOYS)

    @app.get("/keeper/<name>/carboy/<int:number>")
    async def keeper(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    @app.get("/search")
    async def search() -> str:
        args = request.args
        return f"{args['q']} {args.get('page', 1, type=int)} {args.get('sort')}"

    @app.post("/login")
    async def login() -> str:
        form = request.form
        return form["username"] if form["password"] else ""

    @app.post("/carboys")
    async def add() -> str:
        sent = request.get_json()
        return f"{sent['name']} {len(sent['notes'])}"

    @app.post("/upload")
    async def upload() -> str:
        photo = request.files["photo"]
        return f"{photo.filename} {len(photo.read())} {request.form['name']}"

    @app.get("/units")
    async def units() -> str:
        return str(request.cookies.get("units"))

    @app.get("/rows")
    async def rows() -> str:
        return render_template("rows.html", title="Rows", rows=content.ROWS)

    @app.get("/new")
    async def new() -> str:
        return ""

    @app.get("/old")
    async def old() -> Any:
        return redirect(url_for("new"))

    @app.get("/sleeps")
    async def sleeps() -> str:
        for _ in range(5):
            await asyncio.sleep(0.001)
        return "rested"

    return app


def rules() -> Flask:
    app = Flask(__name__)

    async def carboy(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    for i in range(content.RULES):
        rule = f"/cellar-{i}/keeper/<name>/carboy/<int:number>"
        app.add_url_rule(rule, f"carboy_{i}", carboy)
    return app


def blueprint() -> Flask:
    app = Flask(__name__)
    cellar = Blueprint("cellar", __name__, url_prefix="/cellar")

    @cellar.before_request
    async def who() -> None:
        g.user = "ada"

    @cellar.after_request
    async def sign(response: Response) -> Response:
        response.headers["X-Cellar"] = "1"
        return response

    @cellar.teardown_request
    async def leave(error: BaseException | None) -> None:
        g.pop("user")

    @cellar.route("/hello")
    async def hello() -> str:
        return f"Hello, {g.user}!"

    app.register_blueprint(cellar)
    return app


def with_session() -> Flask:
    app = Flask(__name__, template_folder=content.TEMPLATES)
    app.secret_key = content.SECRET

    @app.get("/sign-in")
    async def sign_in() -> str:
        session.update(user="ada", token=content.TOKEN)
        return ""

    @app.get("/user")
    async def user() -> str:
        return str(session["user"])

    @app.get("/choose")
    async def choose() -> str:
        session["carboy"] = 8
        return str(session["user"])

    @app.route("/page", methods=["GET", "POST"])
    async def page() -> Any:
        if "user" not in session:
            return redirect(url_for("sign_in"))
        token, note = session["token"], ""
        if request.method == "POST":
            if not hmac.compare_digest(token, request.form["token"]):
                abort(400)
            note = request.form["note"]
        return render_template("page.html", user=session["user"], token=token, note=note)

    return app


PROGRAMS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": with_session}
