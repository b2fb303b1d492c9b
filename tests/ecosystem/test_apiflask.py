"""Input and output by marshmallow and pydantic, tokens, pages, uploads, errors, OpenAPI, the
``spec`` command."""

import json

import pytest

DISTRIBUTIONS = ["APIFlask"]
APP = "api_flask.py"
COMMANDS_BEFORE = [("spec", "--output", "library.json", "--quiet")]

CARD = {"Authorization": "Bearer card-1"}
UNAUTHORIZED = {"message": "Unauthorized", "detail": {}}


def test_a_book_is_given_and_found(visitor):
    made = visitor.post("/books/", json={"title": "Emma"}, headers=CARD)
    assert (made.status_code, made.headers["X-Giver"]) == (201, "ada")
    assert made.json()["kind"] == "novel"
    assert visitor.get(made.json()["url"]).json() == made.json()


def test_without_a_card_nothing_is_taken(visitor):
    answer = visitor.post("/books/", json={"title": "Emma"})
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("body", "wrong"), [({}, "title"), ({"title": "Emma", "kind": "song"}, "kind")]
)
def test_a_body_that_does_not_fit_the_schema(visitor, body, wrong):
    answer = visitor.post("/books/", json=body, headers=CARD)
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation error")
    assert list(answer.json()["detail"]["json"]) == [wrong]


def test_a_model_of_pydantic(visitor):
    assert visitor.post("/notes", json={"text": "Good"}).json() == {"text": "Good", "stars": 3}
    refused = visitor.post("/notes", json={"text": "Good", "stars": 6})
    assert refused.status_code == 422
    assert "stars" in json.dumps(refused.json()["detail"])


def test_pages(visitor):
    answer = visitor.get("/books/?page=2").json()
    assert [book["id"] for book in answer["books"]] == [2, 3]
    assert answer["pagination"]["prev"] == f"{visitor.site}/books/?page=1&per_page=2"
    assert visitor.get("/books/?page=0").status_code == 422


def test_uploads(visitor):
    sent = visitor.put("/books/1", files={"cover": ("cover.png", b"12345")})
    assert sent.json() == {"cover": "cover.png"}
    refused = visitor.put("/books/1", files={"cover": ("cover.png", bytes(2000))})
    assert list(refused.json()["detail"]["files"]) == ["cover"]


def test_errors_are_json(visitor):
    missing = visitor.get("/books/99")
    assert missing.status_code == 404
    assert missing.json() == {"message": "No such book", "detail": {"id": 99}}
    assert visitor.get("/nothing").json()["message"] == "Not Found"
    refused = visitor.put("/plain")
    assert (refused.status_code, refused.json()["message"]) == (405, "Method Not Allowed")
    gone = visitor.delete("/books/1")
    assert (gone.status_code, gone.json()) == (410, {"message": "It is lent out"})


def test_a_list_is_json(visitor):
    assert visitor.get("/plain").json() == [1, 2]


def test_the_document_describes_all_of_it(visitor):
    document = visitor.get("/spec").json()
    assert document["info"] == {"title": "Library", "version": "2.0"}
    assert set(document["paths"]) == {"/books/", "/books/{id}", "/notes"}
    give = document["paths"]["/books/"]["post"]
    assert (give["summary"], give["operationId"]) == ("Give a book", "give")
    assert give["security"] == [{"BearerAuth": []}]
    assert "/spec" in visitor.get("/docs").text


def test_the_command_writes_the_same_document(visitor):
    served = visitor.get("/spec").json()
    assert served.pop("servers") == [{"url": f"{visitor.site}/"}]
    assert visitor.get("/written").json() == served
