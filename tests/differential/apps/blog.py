"""A whole program: a blog with accounts, a database, flashed messages, and JSON."""

from __future__ import annotations

import functools
import sqlite3
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..asking import Ask, get, post

SCHEMA = """
CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, password TEXT);
CREATE TABLE post (id INTEGER PRIMARY KEY, author INTEGER, title TEXT, body TEXT);
"""

LAYOUT = """<!doctype html>
<title>{% block title %}Blog{% endblock %}</title>
<nav>{% if g.user %}{{ g.user.name }} <a href="{{ url_for('auth.logout') }}">out</a>
{%- else %}<a href="{{ url_for('auth.login', next=request.path) }}">in</a>{% endif %}</nav>
{% for category, message in get_flashed_messages(with_categories=true) %}
<p class="{{ category }}">{{ message }}</p>{% endfor %}
{% block content %}{% endblock %}"""

INDEX = """{% extends layout %}{% block content %}{% for post in posts %}
<h2><a href="{{ url_for('.show', number=post.id) }}">{{ post.title }}</a></h2>
<p>{{ post.body|truncate(20) }} by {{ post.name }}</p>
{%- if g.user and g.user.id == post.author %}
<a href="{{ url_for('blog.update', number=post.id) }}">edit</a>{% endif %}
{%- else %}<p>none yet</p>{% endfor %}{% endblock %}"""

FORM = """{% extends layout %}{% block title %}{{ heading }} - {{ super() }}{% endblock %}
{% block content %}<h1>{{ heading }}</h1><form method=post>
{% for field in fields %}<input name="{{ field }}" value="{{ request.form[field] }}">
{% endfor %}</form>{% endblock %}"""


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.executescript(SCHEMA)
    database.row_factory = sqlite3.Row
    weakref.finalize(app, database.close)
    app.config.from_mapping(SECRET_KEY="blog", DATABASE=database)
    journal = app.extensions["journal"] = []
    g, request, session = flask.g, flask.request, flask.session

    def db() -> sqlite3.Connection:
        if "db" not in g:
            journal.append(("opened",))
            g.db = app.config["DATABASE"]
        return g.db

    @app.teardown_appcontext
    def close(error: BaseException | None) -> None:
        if g.pop("db", None) is not None:
            journal.append(("closed", error))

    layout = app.jinja_env.from_string(LAYOUT)

    def render(source: str, **context: Any) -> Any:
        return flask.render_template_string(source, layout=layout, **context)

    auth = flask.Blueprint("auth", __name__, url_prefix="/auth")
    blog = flask.Blueprint("blog", __name__)
    api = flask.Blueprint("api", __name__, url_prefix="/api")

    @auth.before_app_request
    def load_user() -> None:
        number = session.get("user")
        query = "SELECT * FROM user WHERE id = ?"
        g.user = db().execute(query, (number,)).fetchone() if number else None

    def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def wrapped(**values: Any) -> Any:
            if g.user is None:
                flask.flash("log in first", "error")
                return flask.redirect(flask.url_for("auth.login", next=request.path))
            return view(**values)

        return wrapped

    @auth.route("/register", methods=("GET", "POST"))
    def register() -> Any:
        if request.method == "POST":
            name, password = request.form["name"], request.form["password"]
            try:
                if not name or not password:
                    raise ValueError("name and password are needed")
                db().execute("INSERT INTO user (name, password) VALUES (?, ?)", (name, password))
            except (ValueError, sqlite3.IntegrityError) as error:
                flask.flash(str(error), "error")
            else:
                return flask.redirect(flask.url_for(".login"))
        return render(FORM, heading="Register", fields=["name", "password"])

    @auth.route("/login", methods=("GET", "POST"))
    def login() -> Any:
        if request.method == "POST":
            query = "SELECT * FROM user WHERE name = ? AND password = ?"
            given = request.form["name"], request.form["password"]
            user = db().execute(query, given).fetchone()
            if user:
                session.clear()
                session["user"] = user["id"]
                session.permanent = "stay" in request.form
                flask.flash(f"welcome, {user['name']}")
                return flask.redirect(request.args.get("next") or flask.url_for("index"))
            flask.flash("wrong name or password", "error")
        return render(FORM, heading="Log in", fields=["name"]), 200

    @auth.route("/logout")
    def logout() -> Any:
        session.clear()
        return flask.redirect(flask.url_for("index"))

    @blog.route("/")
    def index() -> Any:
        query = "SELECT p.*, name FROM post p JOIN user u ON author = u.id ORDER BY p.id DESC"
        return render(INDEX, posts=db().execute(query).fetchall())

    def found(number: int, mine: bool = True) -> sqlite3.Row:
        query = "SELECT p.*, name FROM post p JOIN user u ON author = u.id WHERE p.id = ?"
        row = db().execute(query, (number,)).fetchone()
        if row is None:
            flask.abort(404, f"There is no post {number}.")
        if mine and row["author"] != g.user["id"]:
            flask.abort(403)
        return row

    @blog.route("/<int:number>")
    def show(number: int) -> Any:
        return dict(found(number, mine=False))

    @blog.route("/create", methods=("GET", "POST"))
    @login_required
    def make() -> Any:
        if request.method == "POST":
            query = "INSERT INTO post (author, title, body) VALUES (?, ?, ?)"
            values = g.user["id"], request.form["title"], request.form["body"]
            number = db().execute(query, values).lastrowid
            return flask.redirect(flask.url_for("blog.show", number=number), 303)
        return render(FORM, heading="New", fields=["title", "body"])

    @blog.route("/<int:number>/update", methods=("GET", "POST"))
    @login_required
    def update(number: int) -> Any:
        row = found(number)
        if request.method == "POST":
            db().execute("UPDATE post SET title = ? WHERE id = ?", (request.form["title"], number))
            return flask.redirect(flask.url_for("blog.index"))
        return render(FORM, heading=f"Edit {row['title']}", fields=["title"])

    @blog.post("/<int:number>/delete")
    @login_required
    def delete(number: int) -> Any:
        found(number)
        db().execute("DELETE FROM post WHERE id = ?", (number,))
        return "", 204

    @api.errorhandler(404)
    @api.errorhandler(400)
    def as_json(error: Any) -> Any:
        return flask.jsonify(error=error.description, code=error.code), error.code

    @api.get("/posts")
    def posts() -> Any:
        return [dict(row) for row in db().execute("SELECT * FROM post")]

    @api.get("/posts/<int:number>")
    def one(number: int) -> Any:
        return dict(found(number, mine=False))

    @api.post("/posts")
    def add() -> Any:
        given = request.get_json()
        if not isinstance(given, dict) or "title" not in given:
            flask.abort(400, "A title is needed.")
        query = "INSERT INTO post (author, title, body) VALUES (1, ?, '')"
        number = db().execute(query, (given["title"],)).lastrowid
        place = flask.url_for(".one", number=number, _external=True)
        return {"id": number}, 201, {"Location": place}

    app.register_blueprint(auth)
    app.register_blueprint(blog)
    app.register_blueprint(api)
    app.add_url_rule("/", endpoint="index", view_func=index)
    return app


_ADA = {"name": "ada", "password": "x"}
_REGISTER = post("/auth/register", form=_ADA)
_LOGIN = post("/auth/login", form=_ADA)


def _logged_in(name: str, *then: Ask) -> Ask:
    return post("/auth/register", name=name, form=_ADA, then=(_LOGIN, get("/"), *then))


_WRITE = post("/create", form={"title": "<First> & é", "body": "A text. " * 10})

REQUESTS = [
    get("/"),
    get("/auth/register"),
    post("/auth/register", form={"name": "", "password": ""}),
    post("/auth/register", form={"name": "ada"}),
    post("/auth/register", name="twice", form=_ADA, then=(_REGISTER, get("/"))),
    post("/auth/login", form=_ADA, name="unknown"),
    get("/create", then=(get("/auth/login"),)),
    get("/1/update"),
    post("/1/delete"),
    get("/1"),
    get("/x"),
    get("/create/"),
    _logged_in("logs in"),
    _logged_in("stays", post("/auth/login", form={**_ADA, "stay": "1"}), get("/")),
    _logged_in("goes where it was", post("/auth/login", query="next=/create", form=_ADA)),
    _logged_in("logs out", get("/auth/logout"), get("/"), get("/create")),
    _logged_in("writes", get("/create"), _WRITE, get("/1"), get("/"), get("/api/posts")),
    _logged_in("lacks a field", post("/create", form={"title": "x"})),
    _logged_in(
        "changes",
        *(_WRITE, get("/1/update"), post("/1/update", form={"title": "Second"}), get("/")),
        *(get("/2/update"), post("/1/update", form={})),
    ),
    _logged_in("deletes", _WRITE, post("/1/delete"), get("/1"), get("/1/delete"), get("/")),
    _logged_in(
        "is another",
        *(_WRITE, get("/auth/logout"), post("/auth/register", form={**_ADA, "name": "bob"})),
        *(post("/auth/login", form={**_ADA, "name": "bob"}), get("/"), post("/1/delete")),
        *(get("/1/update"), get("/1")),
    ),
    _logged_in(
        "uses the interface",
        post("/api/posts", json={"title": "by JSON"}),
        *(get("/api/posts/1"), get("/api/posts/2"), post("/api/posts", json={})),
        *(post("/api/posts", body=b"{", content_type="application/json"), post("/api/posts")),
        *(get("/api/posts"), get("/api/missing"), get("/api/posts/")),
    ),
]
