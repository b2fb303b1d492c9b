"""A library: authors and their books in one database, a log of visits in another."""

import os

from flask import Flask, abort, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.record_queries import get_recorded_queries
from flask_sqlalchemy.track_modifications import models_committed
from sqlalchemy import ForeignKey, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


app = Flask(__name__)
app.config.update(
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['DATA']}/library.db",
    SQLALCHEMY_BINDS={"log": f"sqlite:///{os.environ['DATA']}/log.db"},
    SQLALCHEMY_RECORD_QUERIES=True,
    SQLALCHEMY_TRACK_MODIFICATIONS=True,
)
db = SQLAlchemy(app, model_class=Base)


class Author(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author", order_by="Book.title")


class Book(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


class Change(db.Model):
    __bind_key__ = "log"
    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str]


with app.app_context():
    db.create_all()


@models_committed.connect_via(app)
def committed(app, changes):
    app.extensions["last commit"] = [f"{how} {type(what).__name__}" for what, how in changes]


@app.post("/authors")
def add_author():
    author = Author(name=request.json["name"])
    author.books = [Book(title=title) for title in request.json.get("books", [])]
    db.session.add_all([author, Change(what=f"added {author.name}")])
    try:
        db.session.commit()
    except IntegrityError:
        abort(409)
    return {"id": author.id}, 201


@app.get("/authors/<int:number>")
def author(number):
    author = db.get_or_404(Author, number, description=f"There is no author {number}.")
    return {"name": author.name, "books": [book.title for book in author.books]}


@app.get("/authors/<name>")
def author_by_name(name):
    return {"id": db.one_or_404(select(Author).filter_by(name=name)).id}


@app.get("/books")
def books():
    page = db.paginate(select(Book).order_by(Book.title), max_per_page=10)
    return {
        "titles": [book.title for book in page],
        "page": page.page,
        "pages": page.pages,
        "total": page.total,
        "next": page.next_num,
        "bar": list(page.iter_pages()),
    }


@app.post("/forgotten")
def forgotten():
    """Adds without a commit: the session ends with the request."""
    db.session.add(Author(name=request.json["name"]))
    db.session.flush()
    return {"seen": db.session.scalar(select(Author.name).filter_by(name=request.json["name"]))}


@app.get("/queries")
def queries():
    db.session.scalars(select(Author)).all()
    db.session.scalars(select(Change)).all()
    return jsonify([query.statement.split("FROM")[1].strip() for query in get_recorded_queries()])


@app.get("/changes")
def log():
    return {
        "log": list(db.session.scalars(select(Change.what))),
        "last commit": sorted(app.extensions["last commit"]),
    }
