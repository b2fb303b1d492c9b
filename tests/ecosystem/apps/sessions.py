"""A basket kept on the server: the browser holds only the number of its session."""

import os

from cachelib import FileSystemCache
from flask import Flask, request, session
from flask_session import Session

app = Flask(__name__)
app.config.update(
    SESSION_TYPE="cachelib",
    SESSION_CACHELIB=FileSystemCache(f"{os.environ['DATA']}/sessions"),
    SESSION_COOKIE_NAME="basket",
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_KEY_PREFIX="shop:",
)
Session(app)


@app.get("/")
def basket():
    return session.get("basket", {})


@app.post("/")
def add():
    session.setdefault("basket", {})[request.form["what"]] = request.form.get("notes", "")
    session.modified = True
    return session["basket"]


@app.post("/login")
def login():
    """A visitor who becomes someone gets a new number, and keeps the basket."""
    session["user"] = request.form["user"]
    app.session_interface.regenerate(session)
    return basket()


@app.get("/me")
def me():
    return {"user": session.get("user"), "kept": session.permanent}


@app.delete("/")
def leave():
    session.clear()
    return "", 204


@app.get("/broken")
def broken():
    session["basket"] = {"half": "done"}
    raise RuntimeError("The till is closed.")
