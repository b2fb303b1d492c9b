"""Forms: validation and its messages, uploads, CSRF tokens in forms and in headers."""

import re

DISTRIBUTIONS = ["Flask-WTF"]
APP = "wtf.py"


def token(visitor, path="/"):
    return re.search(r'(?:value|content)="([^"]{40,})"', visitor.get(path).text)[1]


def sign(visitor, **fields):
    entry = {"csrf_token": token(visitor), "name": "Ada", "email": "ada@example.org", "rating": "5"}
    return visitor.post("/", {**entry, **fields})


def test_a_form_shows_its_fields_and_defaults(visitor):
    page = visitor.get("/").text
    assert '<label for="name">Your name</label>' in page
    assert re.search(r'<input [^>]*name="rating"[^>]*value="3"', page)


def test_a_valid_form_is_taken_and_its_message_shown_once(visitor):
    answer = sign(visitor)
    assert answer.url.endswith("/thanks")
    assert answer.json() == ["Ada <ada@example.org> gives 5 of 5"]
    assert visitor.get("/thanks").json() == []


def test_each_wrong_field_says_what_is_wrong(visitor):
    answer = sign(visitor, name="", email="ada", rating="9")
    assert answer.status_code == 422
    assert re.findall("<b>(.*?)</b>", answer.text) == [
        "name: This field is required.",
        "email: Invalid email address.",
        "rating: Number must be between 1 and 5.",
    ]


def test_what_was_typed_is_shown_again_and_escaped(visitor):
    assert 'value="&lt;b&gt;"' in sign(visitor, name="<b>", rating="").text


def test_a_form_without_its_token_or_with_another_visitors_is_refused(visitor):
    assert visitor.post("/", {"name": "Ada"}).json() == {"refused": "The CSRF token is missing."}
    assert sign(visitor, csrf_token="forged").json() == {"refused": "The CSRF token is invalid."}
    theirs = token(visitor.another())
    answer = sign(visitor, csrf_token=theirs)
    assert answer.status_code == 400
    assert answer.json() == {"refused": "The CSRF tokens do not match."}


def test_a_script_sends_the_token_in_a_header(visitor):
    assert visitor.delete("/entries/7").status_code == 400
    headers = {"X-CSRFToken": token(visitor, "/page")}
    assert visitor.delete("/entries/7", headers=headers).json() == {"deleted": 7}


def test_an_exempt_view_needs_no_token(visitor):
    assert visitor.post("/hook").text == "heard"


def test_an_upload_of_the_right_kind_and_size_is_taken(visitor):
    fields = {"csrf_token": token(visitor, "/picture")}

    def upload(name, size):
        return visitor.post("/picture", fields, files={"picture": (name, b"x" * size)})

    assert upload("ada.png", 100).text == "ada.png: 100 bytes"
    assert "picture: Only PNG pictures." in upload("ada.exe", 100).text
    assert "picture: File must be between 0 and 1000 bytes." in upload("ada.png", 1001).text
    assert visitor.post("/picture", fields).status_code == 422
