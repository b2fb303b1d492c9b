"""Arguments and answers by schema, pagination, entity tags, uploads, nested blueprints,
OpenAPI."""

import json

import pytest

DISTRIBUTIONS = ["flask-smorest"]
APP = "smorest.py"


def test_a_pet_is_sold_by_its_name(visitor):
    made = visitor.post("/pets/", json={"name": "Rex"})
    assert (made.status_code, made.json()["price"]) == (201, "10.00")
    answer = visitor.get("/pets/", params={"name": "Rex"})
    assert [pet["id"] for pet in answer.json()] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "name"),
        ({"name": "R"}, "name"),
        ({"name": "Rex", "price": "much"}, "price"),
        ({"name": "Rex", "id": 1}, "id"),
    ],
)
def test_a_body_that_does_not_fit_the_schema(visitor, body, wrong):
    answer = visitor.post("/pets/", json=body)
    assert (answer.status_code, answer.json()["status"]) == (422, "Unprocessable Entity")
    assert list(answer.json()["errors"]["json"]) == [wrong]


def test_a_body_that_is_not_json(visitor):
    headers = {"Content-Type": "application/json"}
    answer = visitor.post("/pets/", data="{", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (400, "Bad Request")


def test_one_of_a_name(visitor):
    answer = visitor.post("/pets/", json={"name": "pet 1"})
    assert answer.status_code == 409
    assert answer.json()["errors"] == {"name": "pet 1"}


def test_pages(visitor):
    answer = visitor.get("/pets/?page=2&page_size=5")
    assert [pet["id"] for pet in answer.json()] == [6, 7, 8, 9, 10]
    told = json.loads(answer.headers["X-Pagination"])
    assert (told["first_page"], told["page"], told["next_page"]) == (1, 2, 3)
    assert visitor.get("/pets/?page=0").status_code == 422


def test_entity_tags_guard_against_lost_changes(visitor):
    tag = visitor.get("/pets/3").headers["ETag"]
    assert visitor.get("/pets/3", headers={"If-None-Match": tag}).status_code == 304
    assert visitor.put("/pets/3", json={"name": "Tom"}).status_code == 428
    changed = visitor.put("/pets/3", json={"name": "Tom"}, headers={"If-Match": tag})
    assert changed.json()["name"] == "Tom"
    assert visitor.delete("/pets/3", headers={"If-Match": tag}).status_code == 412
    gone = visitor.delete("/pets/3", headers={"If-Match": changed.headers["ETag"]})
    assert (gone.status_code, gone.content) == (204, b"")


def test_an_upload_in_a_nested_blueprint(visitor):
    answer = visitor.put("/pets/4/picture/", files={"picture": ("tom.png", b"12345")})
    assert answer.json() == {"id": 4, "name": "tom.png", "size": 5}
    assert list(visitor.put("/pets/4/picture/").json()["errors"]["files"]) == ["picture"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/pets/99", 404), ("GET", "/nothing", 404), ("PUT", "/pets/", 405)],
)
def test_errors_are_json(visitor, method, path, code):
    answer = visitor.request(method, path)
    assert answer.json()["code"] == answer.status_code == code


def test_a_failure_is_json_too_and_tells_nothing(visitor):
    answer = visitor.get("/broken")
    assert answer.json() == {"code": 500, "status": "Internal Server Error"}


def test_the_document_describes_all_of_it(visitor):
    document = visitor.get("/docs/openapi.json").json()
    assert document["info"] == {"title": "Pets", "version": "v1"}
    assert set(document["paths"]) == {"/pets/", "/pets/{id}", "/pets/{id}/picture/"}
    assert document["paths"]["/pets/"]["get"]["summary"] == "All the pets, or those of a name"
    assert "409" in document["paths"]["/pets/"]["post"]["responses"]
    assert document["components"]["schemas"]["Pet"]["required"] == ["name"]
    assert "/docs/openapi.json" in visitor.get("/docs/ui").text
