"""The request on the error page, without its secrets."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from carboy import Flask, request, session
from carboy.debugger.values import MASK, Masked, describe, is_secret

from .conftest import Pages, fail_with


def secret(name: str) -> str:
    """A value that stands in no source."""
    return f"{name}-value"


def test_the_request_is_shown_without_its_secrets(app: Flask, page: Pages) -> None:
    @app.route("/<int:number>", methods=["POST"])
    def index(number: int) -> str:
        session["user"], session["csrf_token"] = "ada", secret("csrf")
        password = request.form["password"]
        copied = f"the same in a sentence: {password}"
        raise ValueError(copied)

    shown = page(
        f"/7?q=pears&api_key={secret('key')}",
        method="POST",
        data={"password": secret("pass"), "name": "Ada"},
        headers={
            "Authorization": f"Bearer {secret('bearer')}",
            "X-Auth-Token": secret("token"),
            "Cookie": f"theme={secret('cookie')}",
        },
    )
    for shown_word in ("POST", "/<int:number>", "pears", "Ada", "number", "theme", "csrf_token"):
        assert shown_word in shown.text
    for name in ("key", "bearer", "token", "cookie", "csrf"):
        assert secret(name) not in shown.html
    assert secret("pass") not in shown.html
    assert f"the same in a sentence: {MASK}" in shown.text


def test_json_is_shown_without_its_secrets(app: Flask, page: Pages) -> None:
    @app.post("/")
    def index() -> str:
        raise ValueError(request.get_json()["api_key"])

    sent = {"fruit": "quince", "api_key": secret("key"), "inner": [{"token": secret("inner")}]}
    shown = page("/", method="POST", json=sent)
    assert "quince" in shown.text and "inner" in shown.text
    assert secret("key") not in shown.html and secret("inner") not in shown.html


@pytest.mark.parametrize(
    ("body", "is_shown"), [(b"[1, 22222]", True), (b"[1, 22222", False), (b"null", False)]
)
def test_json_that_nobody_asked_for(app: Flask, page: Pages, body: bytes, is_shown: bool) -> None:
    fail_with(app, ValueError("x"))
    shown = page("/", method="POST", data=body, content_type="application/json")
    assert ("22222" in shown.text) == is_shown


class Account:
    def __init__(self, name: str, password: str) -> None:
        self.name = name
        self.password = password

    def __repr__(self) -> str:
        return f"Account(name={self.name!r}, password={self.password!r})"


def test_secrets_of_the_process_are_masked(
    app: Flask, page: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENT_API_KEY", secret("environment"))
    app.config.update(
        SECRET_KEY=secret("signing").encode(),
        SECRET_KEY_FALLBACKS=[secret("former")],
        MAIL_PASSWORD=secret("mail"),
        DATABASE_URL=f"postgres://ada:{secret('database')}@host/shop",
    )

    @app.get("/")
    def index() -> str:
        environ, settings, variables = request.environ, app.config, os.environ
        account = Account("ada", secret("account"))
        headers = request.headers
        copied = [os.environ["PAYMENT_API_KEY"], app.config["SECRET_KEY"], *app.config.values()]
        password = account.password
        raise LookupError(f"{account} with {os.environ['PAYMENT_API_KEY']}")

    shown = page("/", headers={"Authorization": f"Bearer {secret('bearer')}"})
    # Whole reprs, and the names in them, are there.
    for word in ("Account(name=", "environ", "settings", "postgres://ada:", "'HTTP_ACCEPT'"):
        assert word in shown.text
    assert f"Account(name='ada', password='{MASK}') with {MASK}" in shown.text
    for name in ("environment", "signing", "former", "mail", "database", "account", "bearer"):
        assert secret(name) not in shown.html, name
        assert secret(name) not in shown.data["text"] + shown.data["markdown"]


def test_where_things_lie_is_no_secret(
    app: Flask, page: Pages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A shell tells the current directory as PWD."""
    monkeypatch.setenv("PWD", str(tmp_path))

    @app.get("/")
    def index() -> str:
        return (tmp_path / "prices.csv").read_text()

    assert f"'{tmp_path / 'prices.csv'}'" in page("/").text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("User(name='ada', password='p\\'w', n=1)", f"User(name='ada', password='{MASK}', n=1)"),
        (
            "environ({'API_KEY': 'x', 'HOME': '/'})",
            f"environ({{'API_KEY': '{MASK}', 'HOME': '/'}})",
        ),
        (
            "[('Authorization', 'Bearer x'), ('a', 'b')]",
            f"[('Authorization', '{MASK}'), ('a', 'b')]",
        ),
        ('{"token": "x"}', f"{{\"token\": '{MASK}'}}"),
        ("Key(secret=b'x')", f"Key(secret='{MASK}')"),
        ("Key(secret='cut o", f"Key(secret='{MASK}'"),
        ("fields = ['password', 'email']", "fields = ['password', 'email']"),
        ("body='password=x&n=1'", f"body='password={MASK}&n=1'"),
        ('body=\'{"password": "x", "n": 1}\'', f"body='{{\"password\": '{MASK}', \"n\": 1}}'"),
        ("User(token=None, pin=12, sig=f(x))", f"User(token=None, pin={MASK}, sig={MASK})"),
        ("[(b'authorization', b'x')]", f"[(b'authorization', '{MASK}')]"),
        ("token=token=x", f"token={MASK}"),
        ("password=", "password="),
        ("password is 'wrong'", "password is 'wrong'"),
    ],
)
def test_secrets_in_the_words_of_objects(text: str, masked: str) -> None:
    assert Masked()(text) == masked


@dataclasses.dataclass
class Login:
    token: uuid.UUID
    pin: int
    api_keys: list[str]
    query: str


def test_secrets_in_other_words(app: Flask, page: Pages) -> None:
    """As a client sends them, or within something else."""

    @app.post("/reset/<token>")
    def reset(token: str) -> str:
        environ, body = request.environ, request.get_data()
        login = Login(uuid.UUID(int=7), 918_273, [secret("list")], f"?access_token={secret('url')}")
        raw = [(b"x-api-key", secret("raw").encode())]
        smtp_pass = secret("pass")
        nested = json.dumps({"a": json.dumps({"password": secret("nested")})})
        raise ValueError(f"cannot reset {token}")

    shown = page(
        f"/reset/{secret('path')}?password=%20{secret('query')}",
        method="POST",
        data={"password": f"@{secret('form')}"},
        headers={"Referer": f"http://localhost/?token={secret('referer')}"},
    )
    for word in ("Login(token=", "x-api-key", "smtp_pass", "nested", "QUERY_STRING", "Referer"):
        assert word in shown.text
    shown_parts = shown.html + shown.data["text"] + shown.data["markdown"]
    for name in ("path", "query", "form", "referer", "list", "url", "raw", "pass", "nested"):
        assert secret(name) not in shown_parts, name
    assert str(uuid.UUID(int=7)) not in shown.html and "918273" not in shown.html


def test_short_values_of_cookies_do_not_mask_the_page(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("dark matter"))
    shown = page("/", headers={"Cookie": "theme=dark; csrf=dark-secret"})
    assert "dark matter" in shown.text and "dark-secret" not in shown.html


def test_a_form_that_nobody_asked_for_is_read_if_it_is_small(app: Flask, page: Pages) -> None:
    fail_with(app, ValueError("x"))
    assert "quince" in page("/", method="POST", data={"fruit": "quince"}).text
    many = {"fruit": "quince" * 60_000}
    assert "quince" not in page("/", method="POST", data=many).text


def test_a_body_that_cannot_be_parsed_does_not_break_the_page(app: Flask, page: Pages) -> None:
    app.config["MAX_FORM_MEMORY_SIZE"] = 10
    fail_with(app, ValueError("still shown"))
    form = {"a": "b" * 100, "Content-Type": "multipart/form-data"}
    assert "still shown" in page("/", method="POST", data=form).text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_passwd",
        "apiKey",
        "API_KEY",
        "x-api-key",
        "Authorization",
        "HTTP_COOKIE",
        "Set-Cookie",
        "client_secret",
        "csrf_token",
        "sessionid",
        "awsSecretAccessKey",
        "pin",
        "SECRET_KEY",
        "jwt",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["author", "spinner", "session", "key", "compass", "cookiecutter"])
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret(name)


def test_secrets_in_containers_and_urls_are_masked() -> None:
    class Settings(dict[str, Any]):
        def __repr__(self) -> str:
            return "everything: " + dict.__repr__(self)

    shown = describe([{"password": "p1"}, Settings(token="t1", a=1)], 1000)
    assert shown == f"[{{'password': '{MASK}'}}, Settings({{'token': '{MASK}', 'a': 1}})]"
    assert Masked()("postgres://ada:pw@host/db") == f"postgres://ada:{MASK}@host/db"
