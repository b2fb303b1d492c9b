"""The programs of whatever has Flask's names, *web*: of Flask, and of Carboy line for line."""

import asyncio
import hmac
from types import ModuleType
from typing import Any

from bench.apps import App, content


def plain(web: ModuleType) -> App:
    app = web.Flask(
        __name__,
        template_folder=content.TEMPLATES,
        static_folder=content.STATIC,
        static_url_path="/static",
    )

    @app.get("/")
    def hello() -> str:
        return "Hello, World!"

    @app.get("/carboy")
    def carboy() -> dict[str, object]:
        return dict(content.CARBOY)

    @app.get("/carboys")
    def carboys() -> dict[str, object]:
        return dict(content.CARBOYS)

    @app.get("/keeper/<name>/carboy/<int:number>")
    def keeper(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    @app.get("/search")
    def search() -> str:
        args = web.request.args
        return f"{args['q']} {args.get('page', 1, type=int)} {args.get('sort')}"

    @app.post("/login")
    def login() -> str:
        form = web.request.form
        return str(form["username"] if form["password"] else "")

    @app.post("/carboys")
    def add() -> str:
        sent = web.request.get_json()
        return f"{sent['name']} {len(sent['notes'])}"

    @app.post("/upload")
    def upload() -> str:
        photo = web.request.files["photo"]
        return f"{photo.filename} {len(photo.read())} {web.request.form['name']}"

    @app.get("/units")
    def units() -> str:
        return str(web.request.cookies.get("units"))

    @app.get("/rows")
    def rows() -> str:
        return str(web.render_template("rows.html", title="Rows", rows=content.ROWS))

    @app.get("/new")
    def new() -> str:
        return ""

    @app.get("/old")
    def old() -> Any:
        return web.redirect(web.url_for("new"))

    @app.get("/sleeps")
    async def sleeps() -> str:
        for _ in range(5):
            await asyncio.sleep(0.001)
        return "rested"

    return app


def rules(web: ModuleType) -> App:
    app = web.Flask(__name__)

    def carboy(name: str, number: int) -> str:
        return f"{name} {number + 1}"

    for i in range(content.RULES):
        rule = f"/cellar-{i}/keeper/<name>/carboy/<int:number>"
        app.add_url_rule(rule, f"carboy_{i}", carboy)
    return app


def blueprint(web: ModuleType) -> App:
    app = web.Flask(__name__)
    cellar = web.Blueprint("cellar", __name__, url_prefix="/cellar")

    @cellar.before_request
    def who() -> None:
        web.g.user = "ada"

    @cellar.after_request
    def sign(response: Any) -> Any:
        response.headers["X-Cellar"] = "1"
        return response

    @cellar.teardown_request
    def leave(error: BaseException | None) -> None:
        web.g.pop("user")

    @cellar.route("/hello")
    def hello() -> str:
        return f"Hello, {web.g.user}!"

    app.register_blueprint(cellar)
    return app


def session(web: ModuleType) -> App:
    app = web.Flask(__name__, template_folder=content.TEMPLATES)
    app.secret_key = content.SECRET

    @app.get("/sign-in")
    def sign_in() -> str:
        web.session.update(user="ada", token=content.TOKEN)
        return ""

    @app.get("/user")
    def user() -> str:
        return str(web.session["user"])

    @app.get("/choose")
    def choose() -> str:
        web.session["carboy"] = 8
        return str(web.session["user"])

    @app.route("/page", methods=["GET", "POST"])
    def page() -> Any:
        if "user" not in web.session:
            return web.redirect(web.url_for("sign_in"))
        token, note = web.session["token"], ""
        if web.request.method == "POST":
            if not hmac.compare_digest(token, web.request.form["token"]):
                web.abort(400)
            note = web.request.form["note"]
        return web.render_template("page.html", user=web.session["user"], token=token, note=note)

    return app


BUILDERS = {"plain": plain, "rules": rules, "blueprint": blueprint, "session": session}
