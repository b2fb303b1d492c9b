"""Basic, digest and token authentication, keys in a header, several at once, roles, errors."""

import pytest
from requests.auth import HTTPDigestAuth

DISTRIBUTIONS = ["Flask-HTTPAuth"]
APP = "httpauth.py"


@pytest.mark.parametrize("name_and_password", [None, ("ada", "guess"), ("nobody", "engine")])
def test_the_wrong_password_is_refused_with_a_challenge(visitor, name_and_password):
    answer = visitor.get("/members", auth=name_and_password)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="members"'
    assert answer.json() == {"error": "Who are you?"}


@pytest.mark.parametrize("name_and_password", [("ada", "engine"), ("grace", "compïler".encode())])
def test_the_right_password_opens(visitor, name_and_password):
    answer = visitor.get("/members", auth=name_and_password)
    assert answer.text == f"Hello, {name_and_password[0]}"


def test_a_header_that_cannot_be_read_is_refused(visitor):
    headers = {"Authorization": "Basic !!!"}
    assert visitor.get("/members", headers=headers).status_code == 401


def test_some_doors_want_a_role(visitor):
    assert visitor.get("/admin", auth=("ada", "engine")).text == "settings"
    refused = visitor.get("/admin", auth=("grace", "compïler".encode()))
    assert (refused.status_code, refused.json()) == (403, {"error": "Not for you"})


def test_some_doors_are_open_to_all(visitor):
    assert visitor.get("/open").text == "Hello, stranger"
    assert visitor.get("/open", auth=("ada", "engine")).text == "Hello, ada"


def test_digests(visitor):
    challenge = visitor.another().get("/digest").headers["WWW-Authenticate"]
    assert challenge.startswith("Digest realm=")
    assert visitor.get("/digest", auth=HTTPDigestAuth("ada", "engine")).text == "Hello, ada"
    assert visitor.another().get("/digest", auth=HTTPDigestAuth("ada", "guess")).status_code == 401


def test_tokens(visitor):
    headers = {"Authorization": "Bearer token-of-ada"}
    assert visitor.get("/token", headers=headers).json() == {"user": "ada", "asked": True}
    refused = visitor.get("/token", headers={"Authorization": "Bearer guess"})
    assert (refused.status_code, refused.text) == (401, "Unauthorized Access")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_key_in_a_header_of_its_own(visitor):
    assert visitor.get("/key", headers={"X-API-Key": "key"}).text == "Hello, machine"
    assert visitor.get("/key", headers={"Authorization": "key"}).status_code == 401


def test_one_of_several(visitor):
    headers = {"Authorization": "Bearer token-of-ada"}
    assert visitor.get("/either", headers=headers).text == "Hello, ada"
    assert visitor.get("/either", auth=("ada", "engine")).text == "Hello, ada"
    assert visitor.get("/either").headers["WWW-Authenticate"] == 'Basic realm="members"'
