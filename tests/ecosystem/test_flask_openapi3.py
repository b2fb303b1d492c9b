"""Paths, queries, bodies, forms, headers and cookies as pydantic models; OpenAPI and its
command."""

import pytest

DISTRIBUTIONS = ["flask-openapi3"]
APP = "openapi3.py"
COMMANDS_BEFORE = [("openapi", "--output", "bookshop.json")]


def test_a_book_is_sold_and_found(visitor):
    made = visitor.post("/books", json={"title": "Emma", "author": "Austen", "year": 1815})
    assert made.status_code == 201
    assert visitor.get(f"/api/books/{made.json()['id']}").json() == made.json()
    assert made.json() in visitor.get("/books?author=Austen&year=1815&year=1813").json()
    assert visitor.get("/books?author=Nobody").json() == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [({}, "title"), ({"title": ""}, "title"), ({"title": "Emma", "year": 2001}, "year")],
)
def test_a_body_that_does_not_fit_the_model(visitor, body, wrong):
    answer = visitor.post("/books", json=body)
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()] == [[wrong]]


def test_a_body_that_is_not_json(visitor):
    headers = {"Content-Type": "application/json"}
    assert visitor.post("/books", data="{", headers=headers).status_code == 422


def test_paths_are_checked_too(visitor):
    assert visitor.get("/api/books/0").status_code == 422
    missing = visitor.get("/api/books/99")
    assert (missing.status_code, missing.json()) == (404, {"problem": "There is no book 99"})


def test_a_form_with_a_file(visitor):
    form = {"note": "the second edition", "sizes": [1, 2]}
    answer = visitor.post("/api/books/7/cover", form, files={"cover": ("a.png", b"12345")})
    assert answer.json() == {"id": 7, "size": 5, "note": "the second edition", "sizes": [1, 2]}
    refused = visitor.post("/api/books/7/cover", form)
    assert [error["loc"] for error in refused.json()] == [["cover"]]


def test_headers_and_cookies(visitor):
    headers = {"X-Reader": "ada"}
    assert visitor.get("/view/Emma/reader", headers=headers).text == "Emma ada red"
    assert visitor.get("/view/Emma/reader", headers=headers).text == "Emma ada blue"
    assert visitor.get("/view/Emma/reader").status_code == 422
    assert visitor.get("/view/Persuasion/reader", headers=headers).status_code == 422


def test_the_document_describes_all_of_it(visitor):
    document = visitor.get("/openapi/openapi.json").json()
    assert document["info"] == {"title": "Bookshop", "version": "3.1"}
    assert {"/books", "/api/books/{id}", "/view/{name}/reader"} < set(document["paths"])
    assert document["paths"]["/books"]["post"]["security"] == [{"key": []}]
    assert "404" in document["paths"]["/api/books/{id}"]["get"]["responses"]


def test_the_command_writes_the_same_document(visitor):
    assert visitor.get("/written").json() == visitor.get("/openapi/openapi.json").json()
