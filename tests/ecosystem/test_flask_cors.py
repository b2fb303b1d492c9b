"""Rules for the application, a blueprint and a view; preflights, credentials, exposed headers,
errors."""

import pytest

DISTRIBUTIONS = ["Flask-CORS"]
APP = "cors.py"

PARTNER = "https://partner.example"


def preflight(visitor, path, method, origin=PARTNER, **headers):
    return visitor.options(
        path, headers={"Origin": origin, "Access-Control-Request-Method": method, **headers}
    )


def allowed(answer):
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("origin", [PARTNER, "https://north.shop.example"])
def test_a_site_that_is_listed_may_read(visitor, origin):
    answer = visitor.get("/api/products", headers={"Origin": origin})
    assert answer.json() == ["tea", "rice"]
    assert allowed(answer) == origin
    assert answer.headers["Access-Control-Expose-Headers"] == "X-Total"
    assert answer.headers["Vary"] == "Origin"


def test_a_site_that_is_not_listed_may_not(visitor):
    answer = visitor.get("/api/products", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 200
    assert allowed(answer) is None
    assert allowed(visitor.get("/private", headers={"Origin": PARTNER})) is None


def test_a_preflight_names_methods_headers_and_for_how_long(visitor):
    answer = preflight(
        visitor, "/api/products/tea", "PUT", **{"Access-Control-Request-Headers": "X-Note, X-Sum"}
    )
    assert (answer.status_code, answer.text) == (200, "")
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert answer.headers["Access-Control-Allow-Headers"] == "X-Note, X-Sum"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert {"PUT", "DELETE", "OPTIONS"} == set(answer.headers["Allow"].split(", "))


def test_a_refused_preflight_says_nothing(visitor):
    answer = preflight(visitor, "/api/products/tea", "PUT", "https://elsewhere.example")
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


def test_cookies_travel_where_credentials_are_allowed(visitor):
    origin = {"Origin": PARTNER}
    visitor.post("/basket", json={"product": "tea"}, headers=origin)
    answer = visitor.post("/basket", json={"product": "rice"}, headers=origin)
    assert answer.json() == ["tea", "rice"]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_a_view_with_rules_of_its_own(visitor):
    answer = preflight(visitor, "/feed", "GET", **{"Access-Control-Request-Headers": "x-reader"})
    assert answer.headers["Access-Control-Allow-Methods"] == "GET"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-reader"
    assert allowed(visitor.get("/feed", headers={"Origin": PARTNER})) == PARTNER


def test_a_blueprint_with_rules_of_its_own(visitor):
    assert allowed(visitor.get("/public/prices", headers={"Origin": "https://any.example"})) == "*"
    assert allowed(visitor.get("/public/prices")) is None


@pytest.mark.parametrize(
    ("path", "status"), [("/api/forbidden", 403), ("/api/nothing", 404), ("/broken", 500)]
)
def test_an_error_may_be_read_too(visitor, path, status):
    answer = visitor.get(path, headers={"Origin": PARTNER})
    assert answer.status_code == status
    assert allowed(answer) in (PARTNER, "*")
