"""Namespaces, models checked and marshalled, masks, uploads, errors, Swagger and its page."""

import re

import pytest

DISTRIBUTIONS = ["flask-restx"]
APP = "restx.py"

ELSA = {"name": "Elsa", "kind": "lion", "legs": 4, "id": 1, "keeper": {"name": "Joy"}}
ELSA["url"] = "/v1/animals/1"


def test_residents_are_marshalled_as_their_model_says(visitor):
    assert visitor.get("/v1/animals/1").json() == ELSA
    assert ELSA in visitor.get("/v1/animals/?kind=lion").json()
    assert visitor.get("/plain").text == "outside of the API"


def test_a_mask_chooses_fields(visitor):
    answer = visitor.get("/v1/animals/1", headers={"X-Fields": "{name,keeper{name}}"})
    assert answer.json() == {"name": "Elsa", "keeper": {"name": "Joy"}}
    refused = visitor.get("/v1/animals/1", headers={"X-Fields": "{name"})
    assert refused.status_code == 400


def test_an_animal_moves_in(visitor):
    answer = visitor.post("/v1/animals/", json={"name": "Robbie", "kind": "seal", "legs": 0})
    assert answer.status_code == 201
    assert visitor.get(answer.json()["url"]).json()["legs"] == 0


def test_what_is_wrong_with_a_body_is_said(visitor):
    answer = visitor.post("/v1/animals/", json={"name": "E", "kind": "dragon", "legs": -1})
    assert answer.status_code == 400
    assert answer.json()["message"] == "Input payload validation failed"
    assert set(answer.json()["errors"]) == {"name", "kind", "legs"}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": "a=1", "headers": {"Content-Type": "text/plain"}}, 415),
    ],
)
def test_a_body_that_is_not_json(visitor, options, status):
    assert visitor.post("/v1/animals/", **options).status_code == status


def test_a_wrong_choice_in_the_query(visitor):
    answer = visitor.get("/v1/animals/?kind=dragon")
    assert answer.status_code == 400
    assert "dragon" in answer.json()["errors"]["kind"]


def test_errors_are_json_inside_the_api_and_a_page_outside(visitor):
    missing = visitor.get("/v1/animals/7")
    assert missing.status_code == 404
    assert (missing.json()["id"], missing.json()["message"][:14]) == (7, "No such animal")
    assert visitor.delete("/v1/animals/2").status_code == 403
    outside = visitor.get("/plain/nothing")
    assert (outside.status_code, outside.headers["Content-Type"]) == (
        404,
        "text/html; charset=utf-8",
    )


def test_an_exception_with_a_handler_of_the_namespace(visitor):
    answer = visitor.delete("/v1/animals/1")
    assert (answer.status_code, answer.headers["X-Alarm"]) == (410, "on")
    assert answer.json() == {"message": "Elsa has escaped"}


def test_an_upload(visitor):
    answer = visitor.put("/v1/animals/1/picture", files={"picture": ("elsa.png", b"12345")})
    assert answer.json() == {"name": "elsa.png", "size": 5}
    assert visitor.put("/v1/animals/1/picture").status_code == 400


def test_the_api_documents_itself(visitor):
    swagger = visitor.get("/v1/swagger.json").json()
    assert swagger["info"] == {"title": "Zoo", "version": "1.2"}
    assert swagger["basePath"] == "/v1"
    assert set(swagger["definitions"]) >= {"Animal", "Keeper", "Resident"}
    assert swagger["paths"]["/animals/"]["post"]["security"] == [{"key": []}]
    (number,) = swagger["paths"]["/animals/{id}"]["parameters"]
    assert number["description"] == "The number at the cage"


def test_the_page_of_the_documentation_and_what_it_loads(visitor):
    page = visitor.get("/docs").text
    assert "<title>Zoo</title>" in page
    loaded = re.findall(r'(?:href|src)="(/swaggerui/[^"]+)"', page)
    assert {visitor.get(path).status_code for path in loaded} == {200}
