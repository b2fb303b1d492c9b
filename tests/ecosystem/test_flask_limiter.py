"""Rate limits: by default, for a view, a blueprint, a block, shared, by cost; their headers."""

import itertools

import pytest

DISTRIBUTIONS = ["Flask-Limiter"]
APP = "limiter.py"

numbers = itertools.count()


@pytest.fixture
def client(visitor):
    """A visitor whom nobody has counted yet."""
    visitor.headers["X-Client"] = f"client {next(numbers)}"
    return visitor


def statuses(client, *paths):
    return [client.get(path).status_code for path in paths]


def test_a_view_has_the_default_limit_and_each_client_a_count(client):
    assert statuses(client, *["/default"] * 4) == [200, 200, 200, 429]
    client.headers["X-Client"] += " at home"
    assert statuses(client, "/default") == [200]


def test_headers_tell_what_is_left(client):
    headers = client.get("/default").headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("3", "2")
    assert 0 < int(headers["Retry-After"]) <= 86400


def test_a_refusal_carries_its_message_and_headers(client):
    client.get("/strict")
    refused = client.get("/strict")
    assert refused.status_code == 429
    assert refused.json() == {"refused": "Once is enough."}
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_an_exempt_view_is_not_counted(client):
    assert statuses(client, *["/free"] * 5) == [200] * 5
    assert "X-RateLimit-Limit" not in client.get("/free").headers


def test_a_limit_may_depend_on_the_request(client):
    assert statuses(client, *["/plan?plan=gold"] * 5) == [200] * 4 + [429]
    assert statuses(client, "/plan", "/plan") == [200, 429]


def test_a_limit_may_hold_for_one_method(client):
    assert [client.post("/write").status_code for _ in range(2)] == [200, 429]
    assert statuses(client, "/write", "/write") == [200, 200]


def test_only_failed_logins_count(client):
    def log_in(password):
        return client.post("/login", {"password": password}).status_code

    assert [log_in(p) for p in ["engine"] * 3 + ["guess"] * 3] == [200, 200, 200, 401, 401, 429]


def test_views_share_a_limit(client):
    assert statuses(client, "/search/books", "/find", "/search/people") == [200, 200, 429]


def test_a_request_may_cost_more_than_one(client):
    assert client.get("/costly?cost=6").json() == {"remaining": 4}
    assert client.get("/costly?cost=5").status_code == 429


def test_a_breach_may_be_answered_by_the_view(client):
    client.get("/polite")
    answer = client.get("/polite")
    assert (answer.status_code, answer.json()) == (429, {"slow down": "1 per 1 day"})


def test_a_limit_holds_for_a_blueprint_and_for_a_block(client):
    assert statuses(client, *["/reports/a"] * 3) == [200, 200, 429]
    assert statuses(client, "/part", "/part") == [200, 429]
