"""A library with APIFlask: schemas at both ends of a view, and a document made of them."""

import os

from apiflask import (
    APIBlueprint,
    APIFlask,
    HTTPTokenAuth,
    PaginationSchema,
    Schema,
    abort,
    pagination_builder,
)
from apiflask.fields import File, Integer, List, Nested, String
from apiflask.validators import FileSize, Length, OneOf, Range
from apiflask.views import MethodView
from flask import jsonify, send_from_directory, url_for
from pydantic import BaseModel, Field

app = APIFlask(__name__, title="Library", version="2.0", spec_path="/spec")
app.config["LOCAL_SPEC_PATH"] = "library.json"
auth = HTTPTokenAuth(description="The number of the reader's card")


class BookIn(Schema):
    title = String(required=True, validate=Length(1, 40))
    kind = String(load_default="novel", validate=OneOf(["novel", "essay"]))


class BookOut(BookIn):
    id = Integer()
    url = String()


class BooksOut(Schema):
    books = List(Nested(BookOut))
    pagination = Nested(PaginationSchema)


class PageQuery(Schema):
    page = Integer(load_default=1, validate=Range(min=1))


class CoverIn(Schema):
    cover = File(required=True, validate=FileSize(max="1 KiB"))


class Note(BaseModel):
    text: str = Field(min_length=1)
    stars: int = Field(default=3, le=5)


class Page:
    """What APIFlask asks of a page, as Flask-SQLAlchemy makes them."""

    per_page = 2

    def __init__(self, page):
        self.page, self.total, self.pages = page, len(BOOKS), -(-len(BOOKS) // 2)
        self.has_prev, self.prev_num = page > 1, page - 1
        self.has_next, self.next_num = page < self.pages, page + 1
        self.items = BOOKS[2 * page - 2 : 2 * page]


BOOKS = [{"id": id, "title": f"Volume {id}", "kind": "essay"} for id in range(5)]
books = APIBlueprint("books", __name__, url_prefix="/books", tag="Books")


class Missing(Exception):
    pass


def shown(book):
    return {**book, "url": url_for("books.book", id=book["id"])}


@auth.verify_token
def reader(token):
    return {"card-1": "ada"}.get(token)


@books.get("/")
@books.input(PageQuery, location="query")
@books.output(BooksOut)
def many(query_data):
    page = Page(query_data["page"])
    return {"books": map(shown, page.items), "pagination": pagination_builder(page)}


@books.post("/")
@books.auth_required(auth)
@books.input(BookIn, example={"title": "Emma"})
@books.output(BookOut, status_code=201)
@books.doc(summary="Give a book", operation_id="give")
def give(json_data):
    BOOKS.append({"id": len(BOOKS), **json_data})
    return shown(BOOKS[-1]), 201, {"X-Giver": auth.current_user}


class Book(MethodView):
    @books.output(BookOut)
    def get(self, id):
        return shown(BOOKS[id]) if id < len(BOOKS) else abort(404, "No such book", {"id": id})

    @books.input(CoverIn, location="files")
    def put(self, id, files_data):
        return {"cover": files_data["cover"].filename}

    def delete(self, id):
        raise Missing


books.add_url_rule("/<int:id>", view_func=Book.as_view("book"))


@app.post("/notes")
@app.input(Note)
@app.output(Note)
def note(json_data: Note):
    return json_data


@app.get("/plain")
@app.doc(hide=True)
def plain():
    return [1, 2]


@app.get("/written")
@app.doc(hide=True)
def written():
    return send_from_directory(os.environ["DATA"], "library.json")


@app.errorhandler(Missing)
def missing(error):
    return jsonify(message="It is lent out"), 410


app.register_blueprint(books)
