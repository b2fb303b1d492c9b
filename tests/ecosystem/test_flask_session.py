"""Sessions on the server: stored in files, a number in the cookie, a new number at login."""

DISTRIBUTIONS = ["Flask-Session"]
APP = "sessions.py"


def test_a_session_lives_on_the_server(visitor):
    notes = "a long story " * 1000
    assert visitor.post("/", {"what": "apple", "notes": notes}).json() == {"apple": notes}
    assert visitor.get("/").json() == {"apple": notes}
    assert len(visitor.cookies["basket"]) < 100
    assert visitor.another().get("/").json() == {}


def test_the_cookie_has_the_attributes_that_the_settings_say(visitor):
    answer = visitor.post("/", {"what": "apple"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("basket=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires=" in cookie
    assert answer.headers["Vary"] == "Cookie"


def test_a_login_changes_the_number_and_keeps_the_basket(visitor):
    visitor.post("/", {"what": "apple"})
    stolen = visitor.another()
    stolen.cookies.update(visitor.cookies)
    assert visitor.post("/login", {"user": "ada"}).json() == {"apple": ""}
    assert visitor.cookies["basket"] != stolen.cookies["basket"]
    assert visitor.get("/me").json() == {"user": "ada", "kept": True}
    assert stolen.get("/me").json()["user"] is None


def test_an_emptied_session_is_deleted_on_both_sides(visitor):
    visitor.post("/", {"what": "apple"})
    kept = visitor.another()
    kept.cookies.update(visitor.cookies)
    assert visitor.delete("/").status_code == 204
    assert "basket" not in visitor.cookies
    assert kept.get("/").json() == {}


def test_an_invented_number_is_nobodys_session(visitor):
    visitor.cookies.set("basket", "../../etc/passwd")
    assert visitor.get("/").json() == {}
    assert visitor.get("/me").json()["user"] is None


def test_a_visitor_who_stores_nothing_gets_no_cookie(visitor):
    visitor.get("/")
    assert not visitor.cookies


def test_an_error_keeps_what_the_session_held(visitor):
    assert visitor.get("/broken").status_code == 500
    assert visitor.get("/").json() == {"half": "done"}
