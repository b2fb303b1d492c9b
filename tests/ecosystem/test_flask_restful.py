"""Resources on a blueprint, parsed arguments, marshalled answers, representations, errors."""

import pytest

DISTRIBUTIONS = ["Flask-RESTful"]
APP = "restful.py"


def add(visitor, **task):
    return visitor.post("/api/tasks", json=task)


def test_a_task_is_made_read_and_deleted(visitor):
    made = add(visitor, text="tea", priority=1, done="true")
    assert (made.status_code, int(made.headers["X-Tasks"]) > 0) == (201, True)
    task = made.json()
    assert (task["text"], task["done"], task["priority"]) == ("tea", True, 1)
    assert task["absolute"] == visitor.site + task["uri"]
    assert visitor.get(task["uri"]).json() == task
    assert task in visitor.get("/api/tasks").json()["tasks"]
    gone = visitor.delete(task["uri"])
    assert (gone.status_code, gone.content) == (204, b"")
    assert task not in visitor.get("/api/tasks").json()["tasks"]


def test_what_is_wrong_with_each_argument_is_said(visitor):
    answer = add(visitor, priority=9)
    assert answer.status_code == 400
    assert answer.json()["message"]["text"] == "What is to be done?"
    assert "within the range 1 - 5" in answer.json()["message"]["priority"]


def test_an_unknown_argument_is_refused(visitor):
    answer = add(visitor, text="tea", sugar=2)
    assert answer.status_code == 400
    assert "sugar" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "kind", "status"), [("{", "application/json", 400), ("tea", "text/plain", 415)]
)
def test_a_body_that_is_not_json(visitor, body, kind, status):
    answer = visitor.post("/api/tasks", data=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert "message" in answer.json()


def test_a_task_that_does_not_exist(visitor):
    answer = visitor.get("/api/tasks/99")
    assert answer.status_code == 404
    assert answer.json()["id"] == 99
    assert answer.json()["message"].startswith("There is no task 99")


def test_the_api_and_the_rest_of_the_application_answer_for_themselves(visitor):
    assert visitor.get("/nothing").text == "Nothing at /nothing"
    refused = visitor.put("/api/tasks")
    assert refused.status_code == 405
    assert refused.json()["message"] == "The method is not allowed for the requested URL."
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_an_exception_with_an_answer_of_its_own(visitor):
    answer = visitor.get("/api/copier")
    assert (answer.status_code, answer.json()["message"]) == (507, "Out of paper")
    assert visitor.post("/api/printer").text == "paper"


def test_arguments_from_the_query_and_the_headers(visitor):
    answer = visitor.get("/api/asked?tag=a&tag=b", headers={"X-Reader": "ada"})
    assert answer.json() == {"tag": ["a", "b"], "reader": "ada"}


def test_the_visitor_chooses_the_representation(visitor):
    uri = add(visitor, text="rice").json()["uri"]
    answer = visitor.get(uri, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.text.splitlines()[:2] == ["text,rice", "done,False"]
    assert visitor.get(uri, headers={"Accept": "image/png"}).json()["text"] == "rice"
