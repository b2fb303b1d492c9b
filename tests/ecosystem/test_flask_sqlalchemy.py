"""A database: models and relations, pages of results, 404 for what is not there, a session that
ends with its request, a second database, recorded queries and changes."""

from concurrent.futures import ThreadPoolExecutor

DISTRIBUTIONS = ["Flask-SQLAlchemy"]
APP = "database.py"


def add(visitor, name, *books):
    return visitor.post("/authors", json={"name": name, "books": books})


def test_an_author_is_stored_with_her_books(visitor):
    added = add(visitor, "Ada", "Notes", "Letters")
    assert added.status_code == 201
    number = added.json()["id"]
    found = visitor.get(f"/authors/{number}").json()
    assert found == {"name": "Ada", "books": ["Letters", "Notes"]}
    assert visitor.get("/authors/Ada").json() == {"id": number}


def test_what_is_not_there_is_not_found(visitor):
    answer = visitor.get("/authors/999")
    assert answer.status_code == 404
    assert "There is no author 999." in answer.text
    assert visitor.get("/authors/Nobody").status_code == 404


def test_a_broken_constraint_is_a_conflict_and_harms_no_later_request(visitor):
    assert add(visitor, "Grace").status_code == 201
    assert add(visitor, "Grace").status_code == 409
    assert add(visitor, "Barbara").status_code == 201


def test_what_is_not_committed_ends_with_the_request(visitor):
    assert visitor.post("/forgotten", json={"name": "Ghost"}).json() == {"seen": "Ghost"}
    assert visitor.get("/authors/Ghost").status_code == 404


def test_results_come_in_pages(visitor):
    before = visitor.get("/books").json()["total"]
    add(visitor, "Agatha", *(f"~Mystery {n:02}" for n in range(40)))
    total = before + 40
    last = visitor.get(f"/books?page={total}&per_page=1").json()
    assert last["titles"] == ["~Mystery 39"]
    assert (last["page"], last["pages"], last["total"], last["next"]) == (total, total, total, None)
    assert last["bar"][:3] == [1, 2, None]
    assert len(visitor.get("/books?per_page=999").json()["titles"]) == 10
    assert visitor.get("/books?page=0").status_code == 404
    assert visitor.get("/books?page=many").status_code == 404


def test_each_request_sees_its_own_queries_in_both_databases(visitor):
    for _ in range(2):
        assert visitor.get("/queries").json() == ["author", "change"]


def test_what_was_committed_is_told(visitor):
    add(visitor, "Margaret", "Code")
    told = visitor.get("/changes").json()
    assert told["log"][-1] == "added Margaret"
    assert told["last commit"] == ["insert Author", "insert Book", "insert Change"]


def test_requests_at_once_have_sessions_of_their_own(visitor):
    numbers = range(12)

    def one(n):
        with visitor.another() as another:
            return visitor.get(f"/authors/{add(another, f'Twin {n}', f'Book {n}').json()['id']}")

    with ThreadPoolExecutor(6) as pool:
        found = [answer.json() for answer in pool.map(one, numbers)]
    assert found == [{"name": f"Twin {n}", "books": [f"Book {n}"]} for n in numbers]
