"""One application with all of them: factory, blueprints, forms, accounts, limits, caches, an API.

A lending library: its pages, its JSON API and its commands work on one database.
"""

from __future__ import annotations

import csv
import importlib
import json
import re

import pytest

from .conftest import APPS

DISTRIBUTIONS = [
    "Flask-Login",
    "Flask-SQLAlchemy",
    "Flask-WTF",
    "Flask-Migrate",
    "Flask-Limiter",
    "Flask-Caching",
]
APP = "library"
#: Where the database lies is known when the tests begin.
ENVIRONMENT: dict[str, str] = {}
COMMANDS_BEFORE = [
    ("db", "upgrade"),
    ("books", "import", str(APPS / "library" / "books.json")),
]

AUSTEN = "9780141439518"
CRIME = "9780140449136"
FAUST = "9783150000014"
NEW = "9780143039433"


@pytest.fixture(scope="module", autouse=True)
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("database") / "library.db"
    ENVIRONMENT["LIBRARY_SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    return ENVIRONMENT["LIBRARY_SQLALCHEMY_DATABASE_URI"]


@pytest.fixture(scope="module")
def create_app():
    """The factory, in the process of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(APPS)
        yield importlib.import_module("library").create_app


def page_token(visitor, path):
    """The token against forgery that a page carries."""
    return re.search(r'name="csrf-token" content="(\S+)"', visitor.get(path).text)[1]


def send(visitor, path, form=(), files=None, to=None):
    """Fill in a form of a page and send it, as a browser does."""
    filled = {"csrf_token": page_token(visitor, path), **dict(form)}
    return visitor.post(to or path, filled, files=files)


def register(visitor, name, password="secret words", **more):
    form = {"name": name, "password": password, "again": password, **more}
    return send(visitor, "/account/register", form)


def log_in(visitor, name, password="secret words", query="", **more):
    form = {"name": name, "password": password, **more}
    return send(visitor, "/account/login" + query, form)


def token_of(visitor):
    return re.search(r"<code>(\w+)</code>", visitor.get("/account/").text)[1]


@pytest.fixture
def reader(visitor, request):
    """A visitor with an account, whose name is that of the test."""
    visitor.name = request.node.name[-30:]
    register(visitor, visitor.name)
    visitor.token = token_of(visitor)
    return visitor


@pytest.fixture
def staff(reader, create_app, database):
    """A reader who is one of the staff."""
    app = create_app(SQLALCHEMY_DATABASE_URI=database)
    promoted = app.test_cli_runner().invoke(args=["readers", "promote", reader.name])
    assert promoted.output == f"{reader.name} is staff now.\n"
    return reader


@pytest.fixture
def api(visitor):
    """Asks the API with nothing but a token."""

    def ask(method, path, token=None, headers=(), **options):
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        with visitor.another() as program:
            return program.request(
                method, "/api/v1" + path, headers={**sent, **dict(headers)}, **options
            )

    return ask


def test_pages_follow_the_layout_and_each_other(visitor):
    first = visitor.get("/")
    assert "<title>The Library</title>" in first.text
    assert re.findall(r'<h2><a href="([^"]+)">(.*)</a>', first.text) == [
        (f"/book/{CRIME}", "Crime and Punishment"),
        (f"/book/{FAUST}", "Faust"),
    ]
    assert '<a href="/?page=2">2</a>' in first.text
    assert "Pride &amp; Prejudice" in visitor.get("/?page=2").text
    assert visitor.get("/?page=3").status_code == 404
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', first.text)
    assert visitor.get(style).headers["Content-Type"].startswith("text/css")


def test_the_catalogue_is_searched(visitor):
    assert re.findall(r"<h2><a.*>(.*)</a>", visitor.get("/?q=goethe").text) == ["Faust"]
    nothing = visitor.get("/?q=<script>")
    assert "Nothing found." in nothing.text
    assert "<title>&lt;script&gt; - The Library</title>" in nothing.text


def test_an_account_is_opened_and_greeted_once(visitor):
    home = register(visitor, "ada")
    assert home.url == visitor.site + "/"
    assert '<p class="success">Welcome, ada!</p>' in home.text
    assert '<a href="/account/">ada</a>' in home.text
    assert "Welcome" not in visitor.get("/").text
    assert "Welcome" not in visitor.another().get("/").text


def test_a_form_says_what_is_wrong(reader):
    other = reader.another()
    assert "<em>This name is taken.</em>" in register(other, reader.name).text
    assert "between 2 and 30 characters" in register(other, "x").text
    assert "at least 6 characters" in register(other, "hedy", "short").text
    differs = register(other, "hedy", again="other words")
    assert (differs.status_code, differs.text.count("<em>")) == (200, 1)
    assert "<em>The passwords differ.</em>" in differs.text
    assert 'value="hedy"' in differs.text and "other words" not in differs.text


def test_a_form_without_its_token_is_refused(visitor):
    form = {"name": "mallory", "password": "secret words", "again": "secret words"}
    refused = visitor.post("/account/register", form, headers={"X-Request-Id": "r-17"})
    assert refused.status_code == 400
    assert "<p>The form has expired.</p>" in refused.text
    assert "<footer>r-17</footer>" in refused.text
    assert refused.headers["X-Request-Id"] == "r-17"
    assert "Unknown name" in log_in(visitor, "mallory").text


def test_a_login_leads_back_and_never_elsewhere(reader):
    assert reader.get("/account/logout").text.count('<p class="success">Goodbye.</p>') == 1
    asked = reader.get("/account/")
    assert asked.url == reader.site + "/account/login?next=%2Faccount%2F"
    assert '<p class="warning">Please log in to access this page.</p>' in asked.text
    back = log_in(reader, reader.name, query="?next=/account/")
    assert back.url == reader.site + "/account/"
    assert "<p>2 logins</p>" in back.text
    reader.get("/account/logout")
    home = log_in(reader, reader.name, query="?next=//evil.example/", remember="y")
    assert home.url == reader.site + "/"
    reader.cookies.pop("session")
    assert f"<h1>{reader.name}</h1>" in reader.get("/account/").text


def test_wrong_passwords_are_limited_by_name(reader):
    other = reader.another()
    for _ in range(3):
        assert "Unknown name or wrong password." in log_in(other, reader.name, "guess").text
    limited = log_in(other, reader.name)
    assert limited.status_code == 429
    assert "Come back later." in limited.text
    assert int(limited.headers["Retry-After"]) > 3000
    assert "Unknown name or wrong password." in log_in(other, "somebody else", "guess").text


def test_readers_review_a_book_once(reader):
    path = f"/book/{FAUST[:3]}-{FAUST[3:]}"
    assert "/account/login?next=" in send(reader.another(), path, {"stars": 5}).url
    assert "<em>" in send(reader, path, {"stars": 6, "text": "best"}).text
    reviewed = send(reader, path, {"stars": 5, "text": "<b>best</b>"})
    assert "Thank you." in reviewed.text
    assert "★★★★★ &lt;b&gt;best&lt;/b&gt;" in reviewed.text
    again = send(reader, path, {"stars": 1})
    assert again.status_code == 409
    assert "You have reviewed this book already." in again.text
    other = reader.another()
    register(other, "second reader")
    assert "by Johann Wolfgang von Goethe, 3.5 of 5" in send(other, path, {"stars": 2}).text
    assert "<p>Faust: ★★☆☆☆</p>" in other.get("/account/").text


def test_a_book_that_is_not_there_and_a_number_that_is_none(visitor):
    missing = visitor.get(f"/book/{NEW}")
    assert (missing.status_code, "We do not have this book." in missing.text) == (404, True)
    mistyped = visitor.get("/book/9780143039434")
    assert (mistyped.status_code, "We do not have this book." in mistyped.text) == (404, False)
    assert "<title>Not Found - The Library</title>" in mistyped.text


def test_only_staff_imports_and_deletes(reader):
    deletion = send(reader, f"/book/{CRIME}", to=f"/book/{CRIME}/delete")
    assert deletion.status_code == 403
    assert "This is for the staff." in deletion.text
    assert "/account/login" in reader.another().get("/import").url
    assert reader.get("/import").status_code == 403


def test_staff_imports_a_catalogue_and_the_count_follows(staff):
    def upload(name, content):
        return send(staff, "/import", files={"catalogue": (name, content)})

    before = int(re.search(r"<footer>(\d+) books", staff.get("/").text)[1])
    book = {"isbn": NEW, "title": "Middlemarch", "author": "George Eliot"}
    done = upload("new.json", json.dumps([book]))
    assert '<p class="success">1 books.</p>' in done.text
    assert f"<footer>{before + 1} books</footer>" in done.text
    assert "Only JSON, please." in upload("new.exe", "[]").text
    assert upload("new.json", '[{"isbn": 1}]').status_code == 422
    assert upload("new.json", " " * 70_000).status_code == 413
    deleted = send(staff, f"/book/{NEW}", to=f"/book/{NEW}/delete")
    assert f"<footer>{before} books</footer>" in deleted.text


def test_the_feed_is_kept_until_the_catalogue_changes(staff, api):
    staff.get("/feed.xml")
    before = staff.get("/feed.xml")
    assert before.headers["Content-Type"].startswith("application/rss+xml")
    assert f"<link>{staff.site}/book/{CRIME}</link>" in before.text
    send(staff, f"/book/{CRIME}", {"stars": 4})
    assert staff.get("/feed.xml").text == before.text
    tag = api("GET", f"/books/{CRIME}", staff.token).headers["ETag"]
    crime = {"title": "Crime & Punishment", "author": "F. Dostoevsky"}
    changed = api("PUT", f"/books/{CRIME}", staff.token, {"If-Match": tag}, json=crime)
    assert changed.status_code == 200
    after = staff.get("/feed.xml").text
    assert "<title>Crime &amp; Punishment</title>" in after
    assert "<description>1 reviews</description>" in after


def test_the_catalogue_is_streamed_as_a_table(visitor):
    table = visitor.get("/books.csv")
    assert table.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(table.text.splitlines()))
    assert {row["isbn"]: row["author"] for row in rows}[AUSTEN] == "Jane Austen"


def test_the_api_wants_a_token(reader, api):
    for token in (None, "forged"):
        refused = api("GET", "/books", token)
        assert refused.status_code == 401
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json() == {"error": "Send a token.", "status": 401}
    page = api("GET", "/books?per_page=2", reader.token).json()
    assert (len(page["books"]), page["total"]) == (2, 3)
    rest = api("GET", page["next"].split("/api/v1")[1], reader.token).json()
    assert rest["next"] is False
    assert api("POST", "/books", reader.token, json={}).json()["status"] == 403


def test_staff_changes_the_catalogue_by_the_api(staff, api):
    book = {"isbn": NEW, "title": "Middlemarch", "author": "George Eliot"}
    made = api("POST", "/books", staff.token, json=book)
    assert (made.status_code, made.json()) == (201, book)
    path = f"/books/{NEW}"
    assert made.headers["Location"] == "/api/v1" + path
    tag = made.headers["ETag"]
    assert api("GET", path, staff.token, {"If-None-Match": tag}).status_code == 304
    assert api("POST", "/books", staff.token, json=book).status_code == 409
    new = {"title": "Middlemarch, a Study", "author": "G. Eliot"}
    changed = api("PUT", path, staff.token, {"If-Match": tag}, json=new)
    assert changed.json() == {"isbn": NEW, **new}
    assert api("PUT", path, staff.token, {"If-Match": tag}, json=new).status_code == 412
    assert api("DELETE", path, staff.token).status_code == 204
    gone = api("GET", path, staff.token)
    assert (gone.status_code, gone.json()["status"]) == (404, 404)


def test_the_api_says_what_is_wrong_with_a_document(staff, api):
    wrong = api("POST", "/books", staff.token, json={"isbn": NEW, "title": 7})
    assert wrong.status_code == 422
    assert wrong.json() == {"errors": {"title": "must be a text", "author": "must be a text"}}
    assert "document" in api("POST", "/books", staff.token, json=[]).json()["errors"]
    broken = api("POST", "/books", staff.token, {"Content-Type": "application/json"}, data="{")
    assert (broken.status_code, broken.json()["status"]) == (400, 400)
    assert api("POST", "/books", staff.token, data="x").status_code == 415
    refused = api("PATCH", "/books", staff.token)
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_the_api_is_limited_for_each_token(reader, api):
    left = [
        int(api("GET", "/books", reader.token).headers["X-RateLimit-Remaining"]) for _ in range(20)
    ]
    assert left == list(range(19, -1, -1))
    limited = api("GET", "/books", reader.token)
    assert (limited.status_code, limited.json()["error"]) == (429, "20 per 1 hour")
    assert reader.get("/").status_code == 200


def test_a_new_token_needs_the_token_of_the_page(reader, api):
    assert reader.post("/account/token").status_code == 400
    header = {"X-CSRFToken": page_token(reader, "/account/")}
    new = reader.post("/account/token", headers=header).json()["token"]
    assert api("GET", "/books", reader.token).status_code == 401
    assert api("GET", "/books", new).status_code == 200


def test_commands_work_and_say_what_is_wrong(create_app, tmp_path):
    app = create_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/own.db")
    run = app.test_cli_runner().invoke
    assert run(args=["db", "upgrade"]).exit_code == 0
    assert run(args=["db", "check"]).exit_code == 0
    (tmp_path / "wrong.json").write_text('[{"isbn": "1"}]')
    wrong = run(args=["books", "import", str(tmp_path / "wrong.json")])
    assert wrong.exit_code == 1
    assert "This is not a catalogue: KeyError('title')" in wrong.output
    assert run(args=["books", "import", "missing.json"]).exit_code == 2
    assert "There is no reader 'nobody'." in run(args=["readers", "promote", "nobody"]).output
    assert run(args=["db", "downgrade", "0001"]).exit_code == 0
    assert run(args=["db", "check"]).exit_code == 1


def test_two_applications_of_the_factory_do_not_mix(create_app):
    one, two = (
        create_app(
            TESTING=True, WTF_CSRF_ENABLED=False, SQLALCHEMY_DATABASE_URI="sqlite://", PER_PAGE=size
        )
        for size in (1, 5)
    )
    for app in (one, two):
        with app.app_context():
            app.extensions["sqlalchemy"].create_all()
    form = {"name": "ada", "password": "secret words", "again": "secret words"}
    client = one.test_client()
    assert client.post("/account/register", data=form).location == "/"
    assert client.get("/account/").status_code == 200
    assert two.test_client().get("/account/").status_code == 302
    assert two.test_client().post("/account/login", data=form).status_code == 200
    assert one.test_client().post("/account/login", data=form).status_code == 302
