"""Accounts with roles: registration, login by form, JSON, token and HTTP basic, roles and
permissions, a changed and a forgotten password, CSRF."""

import itertools
import re

import pytest

DISTRIBUTIONS = ["Flask-Security"]
APP = "security.py"

numbers = itertools.count()
JSON = {"Accept": "application/json"}


@pytest.fixture
def reader(visitor):
    """The address of someone who has just registered, and is logged in."""
    email = f"reader{next(numbers)}@example.org"
    registered = register(visitor, email)
    assert registered.status_code == 200, registered.text
    return email


def register(visitor, email, password="correct horse"):
    fields = {"email": email, "password": password, "password_confirm": password}
    return visitor.post("/register", fields)


def log_in(visitor, email, password="battery staple", path="/login"):
    return visitor.post(path, {"email": email, "password": password})


def log_in_as_script(visitor, email, password="battery staple"):
    fields = {"email": email, "password": password}
    return visitor.post("/login?include_auth_token", json=fields, headers=JSON)


def token(visitor, email, password="battery staple"):
    """The headers of a script that logs in, with no cookies."""
    answer = log_in_as_script(visitor.another(), email, password).json()
    return {**JSON, "Authentication-Token": answer["response"]["user"]["authentication_token"]}


def test_who_registers_is_logged_in_and_greeted(visitor, reader):
    assert visitor.get("/").text == f"Hello, {reader} (reader), visit 1"
    (letter,) = visitor.get(f"/letters/{reader}").json()
    assert letter["subject"] == "Welcome"
    assert reader in letter["body"]


def test_a_registration_is_refused_with_reasons(visitor):
    refused = register(visitor, "reporter@example.org", "short")
    assert "Password must be at least 8 characters" in refused.text
    assert "reporter@example.org is already associated with an account." in refused.text
    assert "Invalid email address" in register(visitor, "nobody").text
    assert visitor.get("/").text == "Hello, stranger"


def test_a_stranger_logs_in_and_comes_back_to_where_he_was(visitor):
    asked = visitor.get("/news")
    assert asked.url.endswith("/login?next=/news")
    assert log_in(visitor, "editor@example.org", path="/login?next=/news").json() == {
        "reader": "editor@example.org"
    }
    assert visitor.post("/logout").text == "Hello, stranger"


def test_a_login_does_not_lead_to_another_site(visitor):
    path = "/login?next=https://evil.example/"
    refused = log_in(visitor, "editor@example.org", path=path)
    assert "Redirections outside the domain are forbidden" in refused.text
    assert visitor.get("/").text == "Hello, stranger"


def test_a_wrong_password_is_refused(visitor):
    assert "Invalid password" in log_in(visitor, "editor@example.org", "guess").text
    refused = log_in_as_script(visitor, "nobody@example.org")
    assert refused.status_code == 400
    assert refused.json()["response"]["field_errors"] == {
        "email": ["Specified user does not exist"]
    }
    assert visitor.get("/").text == "Hello, stranger"


def test_a_script_comes_with_a_token(visitor):
    good = token(visitor, "reporter@example.org")
    assert visitor.get("/feed", headers=good).json() == {"fed": "reporter@example.org"}
    forged = {**good, "Authentication-Token": good["Authentication-Token"][:-4] + "AAAA"}
    for headers in forged, JSON:
        refused = visitor.get("/feed", headers=headers)
        assert refused.status_code == 401
        assert refused.json()["response"]["errors"] == ["You must sign in to view this resource."]


def test_a_wire_comes_with_a_password(visitor):
    wired = visitor.get("/wire", auth=("editor@example.org", "battery staple"))
    assert wired.json() == {"wired": "editor@example.org"}
    refused = visitor.get("/wire", auth=("editor@example.org", "guess"))
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="newsroom"'


def test_roles_and_permissions_open_doors(visitor, reader):
    reporter, editor = visitor.another(), visitor.another()
    log_in(reporter, "reporter@example.org")
    log_in(editor, "editor@example.org")

    def doors(visitor):
        return [visitor.get(path).status_code for path in ("/news", "/desk", "/office")]

    assert doors(visitor) == [200, 403, 403]
    assert doors(reporter) == [200, 200, 403]
    assert doors(editor) == [200, 200, 200]
    assert visitor.post("/news", headers=token(visitor, reader, "correct horse")).status_code == 403


def test_a_browser_must_prove_where_its_form_is_from_and_a_script_need_not(visitor):
    script = token(visitor, "reporter@example.org")
    assert visitor.post("/news", headers=script).status_code == 201
    log_in(visitor, "reporter@example.org")
    forged = visitor.post("/news", headers=JSON)
    assert (forged.status_code, "CSRF" in forged.text) == (400, True)
    proof = visitor.get("/login", headers=JSON).json()["response"]["csrf_token"]
    written = visitor.post("/news", headers={"X-CSRF-Token": proof})
    assert (written.status_code, written.json()) == (201, {"writer": "reporter@example.org"})


def test_a_changed_password_ends_old_tokens(visitor, reader):
    old = token(visitor, reader, "correct horse")
    new = {"new_password": "correct cow", "new_password_confirm": "correct cow"}
    refused = visitor.post("/change", json={"password": "wrong", **new}, headers=old)
    assert refused.json()["response"]["field_errors"] == {"password": ["Invalid password"]}
    changed = visitor.post("/change", json={"password": "correct horse", **new}, headers=old)
    assert changed.status_code == 200
    stranger = visitor.another()
    assert stranger.get("/feed", headers=old).status_code == 401
    assert stranger.get("/feed", headers=token(stranger, reader, "correct cow")).status_code == 200


def test_a_forgotten_password_is_set_anew_with_a_letter(visitor, reader):
    stranger = visitor.another()
    stranger.post("/reset", {"email": reader})
    letter = stranger.get(f"/letters/{reader}").json()[-1]
    assert letter["subject"] == "Password reset instructions"
    link = re.search(rf"{stranger.site}(/reset/\S+)", letter["body"])[1]
    passwords = {"password": "correct hen", "password_confirm": "correct hen"}
    assert "Invalid reset password token" in stranger.get("/reset/forged").text
    assert stranger.post(link, passwords).status_code == 200
    assert reader in log_in(visitor.another(), reader, "correct hen").text
    assert "Invalid password" in log_in(visitor.another(), reader, "correct horse").text
