"""In debug mode: the rules that come near to a path, the first page, the table of routes."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

import pytest
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.test import TestResponse

from carboy import Blueprint, Flask, abort, request
from carboy.debugger import install
from carboy.debugger.rules import near
from gateways.doubles import ASK, Request

from .conftest import BROWSER, fail_with


def ask(app: Flask, path: str, method: str = "GET", **fields: str) -> TestResponse:
    headers = {"Accept": BROWSER, **{n.replace("_", "-"): v for n, v in fields.items()}}
    return app.test_client().open(path, method=method, headers=headers)


def rows(page: str) -> list[list[str]]:
    """The cells of the table on a page."""
    found = re.findall(r"<tr>(.*?)</tr>", page, re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in found]
    return [[html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in row] for row in cells]


@pytest.fixture
def shop(app: Flask) -> Flask:
    for rule in ("/", "/orders/", "/orders/<int:number>", "/customers/<name>", "/about"):
        app.add_url_rule(rule, rule, lambda **values: "fine")
    app.post("/orders/<int:number>/pay")(lambda number: "paid")
    return app


@pytest.mark.parametrize(
    ("path", "rule", "why"),
    [
        ("/order/", "/orders/", "It has 'orders', and the path 'order'."),
        ("/ordres/7", "/orders/<int:number>", "It has 'orders', and the path 'ordres'."),
        (
            "/orders/seven",
            "/orders/<int:number>",
            "'seven' does not fit <int:number>, of the converter 'int'.",
        ),
        ("/ABOUT", "/about", "It has 'about', and the path 'ABOUT'."),
        ("/about/", "/about", "It does not end with a slash."),
        ("/customers", "/customers/<name>", "The path lacks '<name>'."),
        ("/about/us", "/about", "It has no 'us'."),
    ],
)
def test_a_path_that_was_mistyped(shop: Flask, path: str, rule: str, why: str) -> None:
    response = ask(shop, path)
    assert response.status_code == 404 and response.mimetype == "text/html"
    nearest = rows(response.text)[0]
    assert nearest[0] == rule and nearest[2] == why
    assert f"No rule matches {path}" in response.text


def test_what_was_meant_is_a_link(shop: Flask) -> None:
    assert '<a href="/orders/">/orders/</a>' in ask(shop, "/order/").text
    client = shop.test_client()
    response = client.get("/order/", headers={"Accept": BROWSER}, base_url="http://localhost/sub")
    assert '<a href="/sub/orders/">' in response.text
    assert 'href="/sub/__debugger__/routes"' in response.text


def test_the_link_leads_to_no_other_host(shop: Flask) -> None:
    """As it would with a backslash, which browsers take for a slash."""
    shop.add_url_rule("/<area>/fruit", "fruit", lambda area: area)
    text = ask(shop, "/%5Cevil.example%3Fa/fruits").text
    assert '<a href="/%5Cevil.example%3Fa/fruit">' in text


def test_nothing_comes_near(shop: Flask) -> None:
    for path in ("/wp-login.php", "/x/y/z/w", "/" + "a" * 5000, "/a" * 500):
        text = ask(shop, path).text
        assert "No rule comes near to it." in text and rows(text) == []


def test_a_method_that_is_not_taken(shop: Flask) -> None:
    response = ask(shop, "/orders/7/pay")
    assert response.status_code == 405 and set(response.allow) == {"POST", "OPTIONS"}
    assert rows(response.text) == [
        ["/orders/<int:number>/pay", "POST", "It takes POST, and the request was a GET."]
    ]
    assert "does not take GET" in response.text


def test_what_is_for_others() -> None:
    rules = Map([Rule("/a", subdomain="api"), Rule("/b", websocket=True), Rule("/c")])
    assert [(n.rule, n.why) for n in near(rules.iter_rules(), "/a", "GET")] == [
        ("/a", "It is for 'api' only.")
    ]
    assert near(rules.iter_rules(), "/b", "GET")[0].why == "It is for WebSockets."


def test_a_variable_for_many_segments_says_little() -> None:
    rules = Map([Rule("/static/<path:filename>")])
    assert near(rules.iter_rules(), "/x/y/z/w/v", "GET") == []
    found = near(rules.iter_rules(), "/statics/css/a.css", "GET")
    assert [one.why for one in found] == ["It has 'static', and the path 'statics'."]


def test_no_more_than_some_rules_are_shown() -> None:
    rules = Map([Rule(f"/page{number}") for number in range(100)])
    found = near(rules.iter_rules(), "/page", "GET")
    assert len(found) == 5


def test_who_answers_errors_is_left_alone(shop: Flask) -> None:
    shop.register_error_handler(404, lambda e: ("mine", 404))
    assert ask(shop, "/order/").text == "mine"


def test_a_404_of_a_view_is_its_own(shop: Flask) -> None:
    shop.get("/gone", endpoint="gone")(lambda: abort(404))
    plain = Flask(__name__)
    assert ask(shop, "/gone").data == ask(plain, "/gone").data


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/plain"])
def test_other_clients_get_what_they_always_got(shop: Flask, accept: str) -> None:
    answers = [ask(app, "/order/", Accept=accept) for app in (shop, Flask(__name__))]
    assert answers[0].data == answers[1].data
    assert list(answers[0].headers) == list(answers[1].headers)


@pytest.mark.parametrize("is_debug", [False, True])
def test_without_debug_mode_or_a_development_server_there_is_none(is_debug: bool) -> None:
    app = Flask(__name__)
    app.debug = is_debug
    if not is_debug:
        install(app)
    app.get("/orders")(lambda: "fine")
    for path in ("/order", "/", "/__debugger__/routes"):
        response = ask(app, path)
        assert response.status_code == 404 and len(response.data) < 300


def test_under_a_foreign_name_there_is_none(shop: Flask) -> None:
    assert "/orders" not in ask(shop, "/order/", Host="evil.example").text
    assert ask(shop, "/__debugger__/routes", Host="evil.example").status_code == 403


@pytest.mark.parametrize("gateway", sorted(ASK))
def test_under_each_gateway(shop: Flask, gateway: str) -> None:
    async def later() -> str:
        return "fine"

    shop.get("/later")(later)
    fields = [("accept", BROWSER), ("host", "localhost")]
    for path, status, rule in (("/latr", 404, "/later"), ("/__debugger__/routes", 200, "/later")):
        answer = asyncio.run(ASK[gateway](shop, Request(path, fields=fields)))
        assert answer.status == status and f'<a href="{rule}">' in answer.text


# An application without rules


@pytest.mark.parametrize("path", ["/", "/anything"])
def test_an_application_without_rules_says_what_to_do_next(app: Flask, path: str) -> None:
    response = ask(app, path)
    assert response.status_code == 404
    assert "There are no routes yet" in response.text
    assert "@app.get(&#34;/&#34;)" in response.text or '@app.get("/")' in response.text


def test_what_it_says_to_do_works(app: Flask) -> None:
    text = ask(app, "/").text
    code = re.search(r'<pre class="report">(.*?)</pre>', text, re.S)
    assert code is not None
    fresh = Flask("fresh")
    exec(html.unescape(code[1]), {"app": fresh})
    assert fresh.test_client().get("/").text == "Hello!"


def test_with_rules_there_is_no_first_page(shop: Flask) -> None:
    assert "There are no routes yet" not in ask(shop, "/nothing").text


# The table of routes


def test_the_table_of_routes(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")

    @blueprint.route("/users/<int:id>", methods=["PUT", "DELETE"])
    def user(id: int) -> str:
        return ""

    shop.register_blueprint(blueprint)
    monkeypatch.setenv("CARBOY_EDITOR", "vscode")
    response = ask(shop, "/__debugger__/routes")
    assert response.status_code == 200
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    head, *table = rows(response.text)
    assert head == ["Rule", "Methods", "Endpoint", "View"]
    assert [row[0] for row in table] == sorted(rule.rule for rule in shop.url_map.iter_rules())
    view = f"{__name__}.{user.__qualname__}"
    assert ["/admin/users/<int:id>", "DELETE, PUT", "admin.user", view] in table
    line = user.__code__.co_firstlineno
    assert f'href="vscode://file{__file__}:{line}:1"' in response.text
    assert '<a href="/about">' in response.text and '<a href="/orders/<' not in response.text


def test_routes_of_subdomains_websockets_and_odd_views(app: Flask) -> None:
    class View:
        def __call__(self) -> str:
            return ""

    app.add_url_rule("/odd", "odd", View(), subdomain="api")
    app.add_url_rule("/nobody", "nobody")

    @app.websocket("/talk")
    async def talk() -> None: ...

    head, *table = rows(ask(app, "/__debugger__/routes").text)
    assert head == ["Rule", "Methods", "Endpoint", "Domain", "View"]
    assert ["/odd", "GET", "odd", "api", ""] in table
    assert ["/nobody", "GET", "nobody", "", ""] in table
    assert ["/talk", "WebSocket", "talk", "", f"{__name__}.{talk.__qualname__}"] in table


def test_the_pages_lead_to_the_table(shop: Flask) -> None:
    fail_with(shop, ValueError("x"), "/fails")
    for path in ("/nothing", "/fails"):
        assert 'href="/__debugger__/routes"' in ask(shop, path).text


def test_the_table_can_only_be_read(shop: Flask) -> None:
    assert ask(shop, "/__debugger__/routes", "POST").status_code == 403


# What Flask explains in debug mode


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("/key", {}, "KeyError: 'user'"),
        ("/file", {"file": "a.txt"}, 'enctype="multipart/form-data"'),
        ("/slash", {"a": "b"}, "browsers will drop form data"),
    ],
)
def test_explanations(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    data: dict[str, Any],
    words: str,
) -> None:
    # Today's redirects keep the form.
    monkeypatch.setattr(RequestRedirect, "code", 302)
    app.post("/key", endpoint="key")(lambda: request.form["user"])
    app.post("/file", endpoint="file")(lambda: request.files["file"])
    app.post("/slash/", endpoint="slash")(lambda: "fine")
    response = app.test_client().post(path, data=data, headers={"Accept": BROWSER})
    assert response.status_code == 500
    assert words in html.unescape(response.text)
