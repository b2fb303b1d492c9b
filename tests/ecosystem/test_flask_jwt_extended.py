"""Access, refresh and fresh tokens, claims, users, expiry, revocation, cookies with CSRF
protection."""

import pytest

DISTRIBUTIONS = ["Flask-JWT-Extended"]
APP = "jwt_extended.py"


def log_in(visitor, name="ada", path="/login"):
    return visitor.post(path, json={"name": name}).json()


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def test_without_a_token_there_is_no_entry(visitor):
    answer = visitor.get("/me")
    assert answer.status_code == 401
    assert answer.json()["msg"].startswith("Missing JWT in headers, cookies or query_string")


def test_a_token_tells_who_asks(visitor):
    token = log_in(visitor)["access"]
    assert visitor.get("/me", **bearer(token)).json() == {"name": "ada"}
    assert visitor.get("/me", params={"jwt": token}).json() == {"name": "ada"}
    assert visitor.get("/page", **bearer(token)).text == "Hello, ada"
    assert visitor.get("/page").text == "Hello, stranger"


def test_claims_decide_what_is_allowed(visitor):
    staff, guest = (log_in(visitor, name)["access"] for name in ("ada", "grace"))
    assert visitor.get("/staff", **bearer(staff)).json() == {"roles": ["staff"]}
    assert visitor.get("/staff", **bearer(guest)).status_code == 403


def test_a_refreshed_token_is_not_fresh(visitor):
    given = log_in(visitor)
    assert visitor.post("/password", **bearer(given["access"])).json() == {"changed": True}
    again = visitor.post("/refresh", **bearer(given["refresh"])).json()["access"]
    assert visitor.get("/me", **bearer(again)).json() == {"name": "ada"}
    refused = visitor.post("/password", **bearer(again))
    assert (refused.status_code, refused.json()) == (401, {"msg": "Fresh token required"})


@pytest.mark.parametrize(("path", "kind"), [("/me", "refresh"), ("/refresh", "access")])
def test_each_kind_of_token_has_its_use(visitor, path, kind):
    token = log_in(visitor)[kind]
    answer = visitor.request("GET" if path == "/me" else "POST", path, **bearer(token))
    assert answer.status_code == 422


def test_a_forged_token_is_refused(visitor):
    given = log_in(visitor)
    signed, other = (given[kind].rpartition(".") for kind in ("access", "refresh"))
    forged = f"{signed[0]}.{other[2]}"
    answer = visitor.get("/me", **bearer(forged))
    assert (answer.status_code, answer.json()) == (422, {"msg": "Signature verification failed"})
    assert visitor.get("/page", **bearer("no token")).status_code == 422


def test_an_expired_token_gets_the_answer_of_the_application(visitor):
    answer = visitor.get("/me", **bearer(log_in(visitor, path="/brief")["access"]))
    assert answer.status_code == 401
    assert answer.json() == {"error": "The token of ada has expired"}


def test_a_token_that_was_called_back_and_a_user_who_is_gone(visitor):
    token = log_in(visitor)["access"]
    visitor.post("/logout", **bearer(token))
    assert visitor.get("/me", **bearer(token)).json() == {"msg": "Token has been revoked"}
    nobody = visitor.get("/me", **bearer(log_in(visitor, "nobody")["access"]))
    assert (nobody.status_code, nobody.json()) == (401, {"msg": "Error loading the user nobody"})


def test_a_token_in_a_cookie_needs_its_twin_to_change_anything(visitor):
    log_in(visitor, path="/login?cookies=yes")
    assert visitor.get("/me").json() == {"name": "ada"}
    assert visitor.post("/logout").status_code == 401
    twin = {"X-CSRF-TOKEN": visitor.cookies["csrf_access_token"]}
    assert visitor.post("/logout", headers=twin).json() == {"gone": True}
    assert visitor.get("/me").status_code == 401
