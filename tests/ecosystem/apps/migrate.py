"""Notes whose table has grown: WITH_DONE tells whether this is the program's second version."""

import os

from flask import Flask, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['DATA']}/notes.db"
db = SQLAlchemy(app)
migrate = Migrate(app, db)


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.String(100), nullable=False)
    if "WITH_DONE" in os.environ:
        done = db.Column(db.Boolean, nullable=False, server_default=db.false())


@app.post("/notes")
def add():
    db.session.add(Note(text=request.form["text"]))
    db.session.commit()
    return "added", 201


@app.get("/notes")
def notes():
    return [note.text for note in db.session.scalars(db.select(Note))]


@app.get("/columns")
def columns():
    return [column["name"] for column in inspect(db.engine).get_columns("note")]
