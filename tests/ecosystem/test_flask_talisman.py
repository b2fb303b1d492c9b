"""Redirects to HTTPS, HSTS, content security policy with nonces, views with options of their
own."""

import re

import pytest

DISTRIBUTIONS = ["Flask-Talisman"]
APP = "talisman.py"

SECURE = {"X-Forwarded-Proto": "https"}


def test_plain_http_is_sent_to_https(visitor):
    answer = visitor.get("/?a=1&b=%C3%A9", allow_redirects=False)
    assert answer.status_code == 301
    site = visitor.site.replace("http:", "https:")
    assert answer.headers["Location"] == site + "/?a=1&b=%C3%A9"
    assert "Strict-Transport-Security" not in answer.headers


def test_a_secure_page_has_the_headers(visitor):
    headers = visitor.get("/", headers=SECURE).headers
    assert headers["Strict-Transport-Security"] == "max-age=3600; includeSubDomains; preload"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Permissions-Policy"] == "geolocation=(), camera=(self)"


def test_every_page_has_a_nonce_of_its_own(visitor):
    seen = set()
    for _ in range(2):
        answer = visitor.get("/", headers=SECURE)
        (nonce,) = re.findall("nonce=([^>]+)", answer.text)
        assert answer.headers["Content-Security-Policy"] == (
            f"default-src 'self'; script-src 'self' cdn.example 'nonce-{nonce}'; report-uri /report"
        )
        seen.add(nonce)
    assert len(seen) == 2


def test_the_session_is_for_https_only(visitor):
    answer = visitor.get("/", headers=SECURE)
    attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} < set(attributes)


def test_a_view_that_may_be_framed(visitor):
    headers = visitor.get("/widget", headers=SECURE).headers
    assert headers["X-Frame-Options"] == "ALLOW-FROM https://partner.example"


def test_a_view_that_is_asked_without_https(visitor):
    answer = visitor.get("/health")
    assert answer.text == "well"
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/broken", 500)])
def test_errors_have_the_headers_too(visitor, path, status):
    answer = visitor.get(path, headers=SECURE)
    assert answer.status_code == status
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
