"""Schemas of SQLAlchemy's models loaded and dumped, links to views and to relatives, uploads."""

import pytest

DISTRIBUTIONS = ["Flask-Marshmallow", "marshmallow-sqlalchemy"]
APP = "marshmallow_books.py"


def add_author(visitor, name):
    return visitor.post("/authors", json={"name": name}).json()


def test_an_author_is_stored_and_read(visitor):
    made = add_author(visitor, "Austen")
    assert made["links"] == {"self": f"/authors/{made['id']}", "all": f"{visitor.site}/authors"}
    assert visitor.get(made["links"]["self"]).json() == made


def test_several_are_shown_in_brief(visitor):
    made = [add_author(visitor, name) for name in ("Brontë", "Shelley")]
    shown = visitor.get("/authors").json()
    for author in made:
        assert {"name": author["name"], "links": author["links"]} in shown


def test_a_book_and_its_author_are_linked_both_ways(visitor):
    author = add_author(visitor, "Woolf")["links"]["self"]
    book = visitor.post("/books", json={"title": "Orlando", "author": author}).json()
    assert (book["title"], book["author"]) == ("Orlando", author)
    (link,) = visitor.get(author).json()["books"]
    assert link == f"{visitor.site}/books/{book['id']}"
    assert visitor.get(f"/books/{book['id']}").json() == book


@pytest.mark.parametrize(("link", "status"), [("/books/1", 422), ("/nothing", 404)])
def test_a_link_to_something_else_is_refused(visitor, link, status):
    answer = visitor.post("/books", json={"title": "Orlando", "author": link})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "name"),
        ({"name": "A"}, "name"),
        ({"name": 1}, "name"),
        ({"name": "Ann", "id": 1}, "id"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(visitor, body, wrong):
    answer = visitor.post("/authors", json=body)
    assert (answer.status_code, list(answer.json())) == (422, [wrong])


def test_a_part_of_an_author_is_changed(visitor):
    author = add_author(visitor, "Eliot")["links"]["self"]
    assert visitor.patch(author, json={"name": "George Eliot"}).json()["name"] == "George Eliot"
    assert visitor.get(author).json()["name"] == "George Eliot"
    assert visitor.get("/authors/99").status_code == 404


def test_uploads_are_checked(visitor):
    def send(name, size):
        return visitor.post("/pictures", files={"picture": (name, bytes(size))})

    assert send("a.png", 1000).json() == "a.png"
    assert list(send("a.exe", 1000).json()) == list(send("a.png", 2000).json()) == ["picture"]
    assert visitor.post("/pictures").json() == {"picture": ["Missing data for required field."]}
