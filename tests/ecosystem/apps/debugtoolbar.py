"""A notebook under the debug toolbar: queries, templates, log messages, redirects."""

import os

from flask import Flask, g, redirect, render_template, request, url_for
from flask_debugtoolbar import DebugToolbarExtension
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__, template_folder="templates/debugtoolbar")
app.debug = True
app.config.from_mapping(
    SECRET_KEY="not for production",
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['DATA']}/notes.db",
    SQLALCHEMY_RECORD_QUERIES=True,
    DEBUG_TB_TEMPLATE_EDITOR_ENABLED=True,
)
db = SQLAlchemy(app)
toolbar = DebugToolbarExtension(app)


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    line = db.Column(db.String(100), nullable=False)


with app.app_context():
    db.create_all()


@app.get("/")
def notes():
    g.reader = "Ada Lovelace"
    app.logger.warning("Somebody reads %s", request.args.get("like", "everything"))
    found = Note.query.where(Note.line.contains(request.args.get("like", ""))).all()
    return render_template("notes.html", notes=found)


@app.post("/")
def write():
    db.session.add(Note(line=request.form["text"]))
    db.session.commit()
    return redirect(url_for("notes"))


@app.get("/notes.json")
def as_json():
    return [note.line for note in Note.query.all()]


@app.get("/fragment")
def fragment():
    return "<p>Not a page"


@app.get("/note/<int:number>")
def note(number):
    return f"<!doctype html><p>{db.get_or_404(Note, number).line}"


@app.errorhandler(404)
def missing(error):
    return "<!doctype html><body>No such note</body>", 404
