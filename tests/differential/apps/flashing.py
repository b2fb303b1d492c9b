"""Flashed messages: kept in the session, shown once."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get, post

STATE_IN_COOKIES = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "flashing"
    flash, flashed, request = flask.flash, flask.get_flashed_messages, flask.request

    @app.get("/flash/<message>")
    def put(message: str) -> str:
        flash(message)
        return "flashed"

    @app.get("/flash/<message>/<category>")
    def categorised(message: str, category: str) -> str:
        flash(message, category)
        return "flashed"

    @app.get("/many")
    def many() -> str:
        for number in range(3):
            flash(f"message {number}")
            flash(f"error {number}", "error")
        flash("<b>info é☃</b>", category="info")
        return "flashed"

    @app.get("/odd")
    def odd() -> Any:
        flash(("a", "tuple"))
        flash({"a": 1}, "dict")
        flash("", "")
        flash(None)
        return {"seen": flashed(with_categories=True)}

    @app.get("/show")
    def show() -> Any:
        return {"messages": flashed()}

    @app.get("/show-twice")
    def show_twice() -> Any:
        return {"first": flashed(), "second": flashed(True)}

    @app.get("/categories")
    def categories() -> Any:
        return {"messages": flashed(with_categories=True)}

    @app.get("/filter")
    def filtered() -> Any:
        wanted = request.args.getlist("c")
        return {
            "messages": flashed(category_filter=wanted),
            "pairs": flashed(with_categories=True, category_filter=wanted),
        }

    @app.get("/template")
    def template() -> Any:
        return flask.render_template("flashed.html")

    @app.get("/now")
    def now() -> Any:
        flash("now")
        return {"messages": flashed(), "session": dict(flask.session)}

    @app.get("/late")
    def late() -> Any:
        first = flashed()
        flash("late")
        return {"first": first, "second": flashed()}

    @app.get("/session")
    def session() -> Any:
        return {"session": dict(flask.session)}

    @app.post("/redirect")
    def redirect() -> Any:
        flash(f"saved {request.form['name']}", "success")
        return flask.redirect(flask.url_for("template"))

    return app


REQUESTS = [
    get("/show"),
    get("/flash/one", then=(get("/show"), get("/show"))),
    get("/flash/one", name="twice", then=(get("/flash/two"), get("/show"))),
    get("/flash/one/error", then=(get("/categories"), get("/categories"))),
    get("/many", name="show", then=(get("/show"), get("/session"))),
    get("/many", name="session", then=(get("/session"), get("/show"))),
    get("/many", name="categories", then=(get("/categories"),)),
    get("/many", name="filter", then=(get("/filter", query="c=error"), get("/show"))),
    get("/many", name="filters", then=(get("/filter", query="c=info&c=message"),)),
    get("/many", name="no filter", then=(get("/filter"),)),
    get("/many", name="another filter", then=(get("/filter", query="c=x"), get("/show"))),
    get("/many", name="template", then=(get("/template"), get("/template"))),
    get("/odd", then=(get("/show"),)),
    get("/show-twice"),
    get("/many", name="show twice", then=(get("/show-twice"),)),
    get("/now", then=(get("/show"),)),
    get("/late", then=(get("/late"), get("/late"))),
    post("/redirect", form={"name": "x"}, then=(get("/template"), get("/template"))),
]
