"""Views that are classes."""

import pytest

from carboy import Flask, request
from carboy.views import MethodView, View


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.testing = True
    return app


class Greeting(View):
    """Says hello."""

    def __init__(self, word="Hello"):
        self.word = word

    def dispatch_request(self, name):
        return f"{self.word}, {name}!"


class Things(MethodView):
    def get(self):
        return "all things"

    def post(self):
        return "a new thing", 201


# -- View --------------------------------------------------------------------------


def test_a_view_gets_the_urls_variables_and_its_own_arguments(app):
    app.add_url_rule("/hello/<name>", view_func=Greeting.as_view("hello"))
    app.add_url_rule("/ahoy/<name>", view_func=Greeting.as_view("ahoy", word="Ahoy"))
    client = app.test_client()
    assert client.get("/hello/Ada").text == "Hello, Ada!"
    assert client.get("/ahoy/Ada").text == "Ahoy, Ada!"


def test_the_view_function_looks_like_the_class():
    view = Greeting.as_view("hello")
    assert (view.__name__, view.__doc__, view.__module__) == ("hello", "Says hello.", __name__)
    assert (view.view_class, view.methods, view.provide_automatic_options) == (Greeting, None, None)


def count_instances(app: Flask, every_request: bool) -> int:
    made = []

    class Counted(View):
        init_every_request = every_request

        def __init__(self):
            made.append(self)

        def dispatch_request(self):
            return "counted"

    app.add_url_rule("/", view_func=Counted.as_view("counted"))
    client = app.test_client()
    client.get("/")
    client.get("/")
    return len(made)


def test_each_request_has_its_own_instance(app):
    assert count_instances(app, every_request=True) == 2


def test_one_instance_serves_all_requests_if_the_class_says_so(app):
    assert count_instances(app, every_request=False) == 1


def test_methods_and_options_of_the_class_are_the_rules(app):
    class Strict(Greeting):
        methods = ["POST"]
        provide_automatic_options = False

    app.add_url_rule("/<name>", view_func=Strict.as_view("strict"))
    client = app.test_client()
    assert client.post("/Ada").text == "Hello, Ada!"
    assert client.get("/Ada").headers["Allow"] == "POST"
    assert client.options("/Ada").status_code == 405


def test_decorators_wrap_the_view_function_in_order(app):
    def adding(letter):
        def decorator(view):
            def wrapper(**kwargs):
                return view(**kwargs) + letter

            return wrapper

        return decorator

    class Decorated(Greeting):
        methods = ["GET"]
        decorators = [adding("1"), adding("2")]

    view = Decorated.as_view("decorated")
    assert (view.__name__, view.view_class, view.methods) == ("decorated", Decorated, ["GET"])
    app.add_url_rule("/<name>", view_func=view)
    assert app.test_client().get("/Ada").text == "Hello, Ada!12"


def test_another_class_can_be_put_in_place(app):
    class Farewell(Greeting):
        def dispatch_request(self, name):
            return f"Goodbye, {name}."

    view = Greeting.as_view("greeting")
    view.view_class = Farewell
    app.add_url_rule("/<name>", view_func=view)
    assert app.test_client().get("/Ada").text == "Goodbye, Ada."


def test_a_view_must_say_what_it_does():
    with pytest.raises(NotImplementedError):
        View().dispatch_request()


# -- MethodView --------------------------------------------------------------------


def test_each_method_answers_its_own_requests(app):
    app.add_url_rule("/things", view_func=Things.as_view("things"))
    client = app.test_client()
    assert client.get("/things").text == "all things"
    assert client.post("/things").status_code == 201
    refused = client.put("/things")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_head_is_get_without_a_body_unless_there_is_a_method_for_it(app):
    class WithHead(Things):
        def head(self):
            return "", {"X-From": request.method}

    app.add_url_rule("/things", view_func=Things.as_view("things"))
    app.add_url_rule("/head", view_func=WithHead.as_view("head"))
    client = app.test_client()
    assert client.head("/things").headers["Content-Length"] == str(len("all things"))
    assert client.head("/head").headers["X-From"] == "HEAD"


def test_methods_are_those_of_the_class_and_its_bases():
    class Removable:
        def delete(self):
            return "gone"

    class More(Removable, Things):
        pass

    class Fewer(More):
        methods = {"GET"}

    class Again(Fewer):
        pass

    assert Things.methods == {"GET", "POST"}
    assert More.methods == {"GET", "POST", "DELETE"}
    assert Fewer.methods == {"GET"}
    assert Again.methods == {"GET", "POST", "DELETE"}
    assert MethodView.methods is None


def test_a_method_of_http_that_nobody_has_heard_of(app):
    class Brewing(MethodView):
        methods = ["BREW"]

        def brew(self):
            return "tea"

    app.add_url_rule("/pot", view_func=Brewing.as_view("pot"))
    assert app.test_client().open("/pot", method="BREW").text == "tea"


def test_a_rule_with_a_method_that_the_class_does_not_have(app):
    app.add_url_rule("/things", view_func=Things.as_view("things"), methods=["PUT"])
    with pytest.raises(AssertionError, match="Unimplemented method 'PUT'"):
        app.test_client().put("/things")


def test_asynchronous_methods_are_awaited(app):
    class Slow(MethodView):
        async def get(self):
            return "in time"

    class SlowView(View):
        async def dispatch_request(self):
            return "in time, too"

    app.add_url_rule("/method", view_func=Slow.as_view("method"))
    app.add_url_rule("/view", view_func=SlowView.as_view("view"))
    client = app.test_client()
    assert client.get("/method").text == "in time"
    assert client.get("/view").text == "in time, too"
