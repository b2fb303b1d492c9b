"""Caching: pages by path, query or a key of one's own, memoized functions, fragments, values."""

import pytest

DISTRIBUTIONS = ["Flask-Caching"]
APP = "caching.py"


@pytest.fixture(autouse=True)
def empty(visitor):
    assert visitor.delete("/everything").json() == {"cleared": True}


def test_a_page_is_worked_out_once_with_its_headers(visitor):
    first, again = visitor.get("/page"), visitor.get("/page?ignored=1")
    assert first.json() == again.json()
    assert again.headers["X-Worked"] == "yes"
    visitor.delete("/everything")
    assert visitor.get("/page").json()["page"] == first.json()["page"] + 1


def test_a_query_has_a_page_of_its_own_in_any_order(visitor):
    assert visitor.get("/search?q=ada&page=1").text == "ada: 1"
    assert visitor.get("/search?page=1&q=ada").text == "ada: 1"
    assert visitor.get("/search?page=2&q=ada").text == "ada: 2"


def test_a_request_can_go_past_the_cache(visitor):
    first = visitor.get("/news").text
    assert visitor.get("/news").text == first
    assert visitor.get("/news?fresh").text != first


def test_a_failure_is_not_kept(visitor):
    assert visitor.get("/coin").status_code == 503
    assert [visitor.get("/coin").text for _ in range(2)] == ["toss 2", "toss 2"]


def test_an_error_in_the_view_is_not_kept(visitor):
    assert visitor.get("/search?page=1").status_code == 400
    assert visitor.get("/search?page=1").status_code == 400


def test_a_key_of_ones_own_keeps_people_apart(visitor):
    def mine(user):
        return visitor.post("/mine", headers={"X-User": user}).text

    assert [mine("ada"), mine("grace"), mine("ada")] == ["ada: 1", "grace: 1", "ada: 1"]


def test_a_function_is_remembered_by_its_arguments_until_told_otherwise(visitor):
    assert visitor.get("/square/7").json() == {"is": "49 m²", "runs": 1}
    assert visitor.get("/square/7?unit=km").json() == {"is": "49 km²", "runs": 1}
    assert visitor.get("/square/7").json()["runs"] == 1
    visitor.delete("/square/7")
    assert visitor.get("/square/7").json()["runs"] == 2
    assert visitor.get("/square/7?unit=km").json()["runs"] == 1


def test_a_part_of_a_template_is_kept_for_each_user(visitor):
    def menu(user):
        menu, page = visitor.get(f"/part?user={user}").text.split()
        return int(menu), int(page)

    first, second = menu("ada"), menu("ada")
    assert second == (first[0], first[1] + 1)
    assert menu("grace")[0] == 1
    visitor.delete("/part?user=ada")
    assert menu("ada")[0] == first[0] + 1


def test_values_are_added_once_and_deleted(visitor):
    assert visitor.put("/values/a", json={"n": 1}).json() == {"added": True}
    assert visitor.put("/values/a", json={"n": 2}).json() == {"added": False}
    assert visitor.get("/values/a").json() == {"value": {"n": 1}, "here": True}
    assert visitor.delete("/values/a").json() == {"deleted": True}
    assert visitor.get("/values/a").json() == {"value": None, "here": False}
