"""A small shop, and its tests, which are written with Flask-Testing."""

from urllib.request import urlopen

from flask import Flask, abort, flash, redirect, render_template_string, session
from flask_testing import LiveServerTestCase, TestCase


def create_app():
    app = Flask(__name__)
    app.secret_key = "not for production"
    app.config.update(TESTING=True, LIVESERVER_PORT=0)

    @app.get("/")
    def index():
        return render_template_string("{{ count }} books", count=session.get("count", 0))

    @app.get("/books/<int:number>")
    def book(number):
        return {"number": number} if number < 100 else abort(404)

    @app.post("/buy")
    def buy():
        session["count"] = session.get("count", 0) + 1
        flash("Bought", "success")
        return redirect("http://localhost/")

    return app


class Pages(TestCase):
    def create_app(self):
        return create_app()

    def test_a_page_and_its_context(self):
        self.assert_200(self.client.get("/"))
        self.assert_context("count", 0)

    def test_json(self):
        self.assertEqual(self.client.get("/books/1").json, {"number": 1})
        self.assert_404(self.client.get("/books/100"))

    def test_a_redirect_and_a_message(self):
        self.assert_redirects(self.client.post("/buy"), "/")
        self.assert_message_flashed("Bought", "success")
        self.assertEqual(self.client.get("/").data, b"1 books")

    def test_the_context_is_that_of_a_request(self):
        session["count"] = 1
        self.assertEqual(self.app.url_map.bind("").build("book", {"number": 2}), "/books/2")


class WithoutTemplates(TestCase):
    render_templates = False

    def create_app(self):
        return create_app()

    def test_nothing_is_rendered(self):
        self.assertEqual(self.client.get("/").data, b"")


class Live(LiveServerTestCase):
    def create_app(self):
        return create_app()

    def test_a_browser_is_answered(self):
        with urlopen(self.get_server_url()) as answer:
            self.assertEqual(answer.read(), b"0 books")
