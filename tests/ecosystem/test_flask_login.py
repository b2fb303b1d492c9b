"""Accounts: login and log-out, remembered and fresh logins, pages for members."""

DISTRIBUTIONS = ["Flask-Login"]
APP = "login.py"


def log_in(visitor, password="engine", path="/login", **more):
    return visitor.post(path, {"name": "ada", "password": password, **more})


def test_a_stranger_is_sent_to_the_login_page_and_back(visitor):
    asked = visitor.get("/members")
    assert asked.url.endswith("/login?next=%2Fmembers")
    assert asked.text == "Please log in."
    assert log_in(visitor, path="/login?next=/members").text == "Welcome, ada"


def test_a_wrong_password_is_refused(visitor):
    assert log_in(visitor, "guess").status_code == 401
    assert visitor.get("/").text == "Hello, stranger"


def test_a_login_lasts_until_the_log_out(visitor):
    assert log_in(visitor).text == "Hello, ada"
    assert visitor.get("/members").text == "Welcome, ada"
    assert visitor.another().get("/").text == "Hello, stranger"
    assert visitor.get("/logout").text == "Hello, stranger"


def test_a_remembered_login_outlives_the_session_and_is_not_fresh(visitor):
    log_in(visitor, remember="yes")
    assert visitor.get("/password").text == "Change it here"
    visitor.cookies.pop("session")
    assert visitor.get("/members").text == "Welcome, ada"
    assert "/login?next=%2Fpassword" in visitor.get("/password").url


def test_a_forged_remember_cookie_is_nobody(visitor):
    visitor.cookies.set("remember_token", "ada|" + "0" * 128)
    assert visitor.get("/").text == "Hello, stranger"
