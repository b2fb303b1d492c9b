"""A bookshop with flask-openapi3: pydantic models at both ends of a view, and a document."""

import os

from flask import jsonify, make_response, send_from_directory
from flask_openapi3 import APIBlueprint, APIView, FileStorage, Info, OpenAPI, Tag
from pydantic import BaseModel, Field

app = OpenAPI(
    __name__,
    info=Info(title="Bookshop", version="3.1"),
    security_schemes={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
)

tag = Tag(name="book", description="What we sell")
BOOKS = {}


class BookPath(BaseModel):
    id: int = Field(..., ge=1, description="The number of the book")


class BookQuery(BaseModel):
    author: str | None = None
    year: list[int] = []


class BookBody(BaseModel):
    title: str = Field(min_length=1)
    author: str = "anonymous"
    year: int = Field(1800, le=2000)


class BookAnswer(BookBody):
    id: int


class CoverForm(BaseModel):
    cover: FileStorage
    note: str
    sizes: list[int]


class Reader(BaseModel):
    x_reader: str = Field(alias="X-Reader")


class Choice(BaseModel):
    colour: str = "red"


class Problem(BaseModel):
    problem: str


@app.get("/books", tags=[tag], summary="All the books")
def books(query: BookQuery):
    return [
        book
        for book in BOOKS.values()
        if query.author in (None, book["author"]) and (not query.year or book["year"] in query.year)
    ]


@app.post("/books", tags=[tag], responses={201: BookAnswer}, security=[{"key": []}])
def sell(body: BookBody):
    BOOKS[len(BOOKS) + 1] = book = {"id": len(BOOKS) + 1, **body.model_dump()}
    return book, 201


@app.get("/written", doc_ui=False)
def written():
    return send_from_directory(os.environ["DATA"], "bookshop.json")


api = APIBlueprint(
    "api", __name__, url_prefix="/api", abp_tags=[tag], abp_responses={"404": Problem}
)


@api.get("/books/<int:id>")
def book(path: BookPath):
    if path.id not in BOOKS:
        return jsonify(problem=f"There is no book {path.id}"), 404
    return BOOKS[path.id]


@api.post("/books/<int:id>/cover")
def cover(path: BookPath, form: CoverForm):
    size = len(form.cover.read())
    return {"id": path.id, "size": size, "note": form.note, "sizes": form.sizes}


view = APIView(url_prefix="/view/<name>", view_tags=[Tag(name="view")])


class NamePath(BaseModel):
    name: str = Field(max_length=5)


@view.route("/reader")
class ReaderView:
    @view.doc(summary="Who reads, and in which colour")
    def get(self, path: NamePath, header: Reader, cookie: Choice):
        answer = make_response(f"{path.name} {header.x_reader} {cookie.colour}")
        answer.set_cookie("colour", "blue")
        return answer


app.register_api(api)
app.register_api_view(view)
