"""Attacks on the console. The flag shows whether anything was evaluated."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from carboy import Flask, session
from carboy.debugger import Debugger, install
from carboy.debugger.asked import Asked
from carboy.debugger.failures import examine
from carboy.debugger.guard import MAX_WRONG_TOKENS, Guard, is_loopback
from carboy.debugger.plain import as_markdown

from .conftest import BROWSER, Console, Page, Pages, fail_with

ATTACK = "import builtins; builtins.attacked = True"


@pytest.fixture
def attacked() -> Iterator[Callable[[], bool]]:
    import builtins

    yield lambda: hasattr(builtins, "attacked")
    if hasattr(builtins, "attacked"):
        del builtins.attacked


def test_the_attack_would_work(console: Console, attacked: Callable[[], bool]) -> None:
    assert console.ask(ATTACK).status_code == 200
    assert attacked()


@pytest.mark.parametrize(
    "different",
    [
        pytest.param({"without": ("X-Debugger-Secret",)}, id="without the secret"),
        pytest.param({"X_Debugger_Secret": "guessed"}, id="with a wrong secret"),
        pytest.param({"X_Debugger_Secret": "\xe4\xf6"}, id="with a secret that is no text"),
        pytest.param({"Origin": "http://evil.example"}, id="from another site"),
        pytest.param({"Origin": "http://localhost:8000"}, id="from another port"),
        pytest.param({"Origin": "https://localhost:5000"}, id="from another scheme"),
        pytest.param({"Origin": "null"}, id="from a sandbox"),
        pytest.param({"Origin": "http://localhost:5000.evil.example"}, id="from a longer name"),
        pytest.param({"Origin": "http://[evil"}, id="from an origin that is none"),
        pytest.param({"without": ("Origin",)}, id="from nowhere"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, id="cross-site"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, id="from another port, by its site"),
        pytest.param(
            {"Host": "evil.example:5000", "Origin": "http://evil.example:5000"}, id="DNS rebinding"
        ),
        pytest.param(
            {"Host": "localhost.evil.example", "Origin": "http://localhost.evil.example"},
            id="DNS rebinding by a name that looks local",
        ),
        pytest.param(
            {"Host": "127.0.0.1.nip.io:5000", "Origin": "http://127.0.0.1.nip.io:5000"},
            id="DNS rebinding by a name that is an address",
        ),
        pytest.param(
            {"Host": "[::1].evil.example", "Origin": "http://[::1].evil.example"},
            id="a name that begins with an address",
        ),
        pytest.param(
            {"Host": "localhost:1@evil.example", "Origin": "http://localhost:1@evil.example"},
            id="a name behind a user",
        ),
        pytest.param({"without": ("Host",), "environ": {"HTTP_HOST": ""}}, id="without a host"),
        pytest.param({"Content_Type": "text/plain"}, id="by a form"),
        pytest.param({"method": "GET"}, id="by a link"),
        pytest.param({"environ": {"REMOTE_ADDR": "192.168.1.7"}}, id="from the network"),
        pytest.param(
            {"environ": {"REMOTE_ADDR": "192.168.1.7"}, "X_Forwarded_For": "127.0.0.1"},
            id="from the network, as if from here",
        ),
        pytest.param({"X_Forwarded_Host": "localhost:5000"}, id="through a tunnel to this name"),
        pytest.param({"X_Real_Ip": "127.0.0.1"}, id="through a proxy that says little"),
        pytest.param({"Cf_Connecting_Ip": "1.2.3.4"}, id="through a service"),
        pytest.param({"method": "PUT"}, id="by another method"),
        pytest.param({"environ": {"REMOTE_ADDR": ""}}, id="from an unknown client"),
        pytest.param({"X_Forwarded_For": "1.2.3.4"}, id="through a proxy"),
        pytest.param({"Forwarded": "for=1.2.3.4"}, id="through a modern proxy"),
        pytest.param({"Via": "1.1 tunnel"}, id="through a tunnel"),
    ],
)
def test_an_attack_is_refused(
    console: Console,
    attacked: Callable[[], bool],
    different: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = console.ask(ATTACK, **different)
    assert response.status_code == 403
    assert not attacked()
    assert "A request to the console was refused." in caplog.text
    assert console.ask("fruit", "complete", **different).status_code == 403


@pytest.mark.parametrize("kind", ["empty", "iframe", "frame", "script", "embed", "object"])
def test_only_a_document_gets_a_secret(app: Flask, page: Pages, shop: str, kind: str) -> None:
    """A script of the application's own pages could be a stranger's."""
    assert "console" in page(shop, headers={"Sec-Fetch-Dest": "document"}).data
    kept = len(app._debugger.store)  # type: ignore[union-attr]
    shown = page(shop, headers={"Sec-Fetch-Dest": kind})
    assert "console" not in shown.data and "There is no console here." in shown.text
    assert len(app._debugger.store) == kept  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "header", [{"Sec-Fetch-Mode": "same-origin"}, {"Service-Worker-Navigation-Preload": "true"}]
)
def test_a_document_for_a_service_worker_gets_none(
    page: Pages, shop: str, header: dict[str, str]
) -> None:
    navigation = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    assert "console" in page(shop, headers=navigation).data
    shown = page(shop, headers={**navigation, **header})
    assert "console" not in shown.data and "Shift+Reload" in shown.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_the_script_of_another_site_learns_little(
    app: Flask, page: Pages, shop: str, site: str
) -> None:
    """An extension may let it read all answers."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    shown = page(shop, headers=headers)
    assert "ValueError" in shown.text
    assert 'class="variables"' not in shown.html and 'class="facts"' not in shown.html
    followed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert 'class="variables"' in page(shop, headers=followed).html


def test_the_secret_is_of_one_page_only(
    app: Flask, page: Pages, console: Console, attacked: Callable[[], bool]
) -> None:
    other = page("/shop/quince").data["console"]
    assert console.ask(ATTACK, X_Debugger_Secret=other["secret"]).status_code == 403
    assert not attacked()


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT"])
def test_no_other_site_is_let_in(console: Console, method: str) -> None:
    response = console.ask(ATTACK, method=method, Origin="http://evil.example")
    assert not [name for name, _ in response.headers if name.lower().startswith("access-")]


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", "null", '{"failure": 1}', "[" * 90_000, "\xff", '"' + "x" * 200_000),
        '{"failure": "", "frame": Infinity, "source": ""}',
    ],
)
def test_a_question_that_is_none(app: Flask, console: Console, body: str) -> None:
    headers = {
        "Host": "localhost:5000",
        "Origin": "http://localhost:5000",
        "Content-Type": "application/json",
        "X-Debugger-Secret": console.offer["secret"],
    }
    data = body.encode("latin-1")
    response = app.test_client().post("/__debugger__/evaluate", data=data, headers=headers)
    assert response.status_code in (400, 413)


def test_what_there_is_not(console: Console) -> None:
    console.number = 99
    assert console.ask("1").status_code == 400
    console.number = 0
    assert console.ask("1", "remove").status_code == 404


def test_under_a_foreign_name_the_page_keeps_things_to_itself(app: Flask, page: Pages) -> None:
    @app.get("/")
    def index() -> str:
        fruit = "pear"
        session["user"] = "ada lovelace"
        raise ValueError("message")

    shown = page("/", headers={"Host": "evil.example"})
    assert "message" in shown.text
    assert 'class="variables"' not in shown.html and 'class="facts"' not in shown.html
    assert "console" not in shown.data and "open-console" not in shown.html.split("<script")[0]
    assert "There is no console here." in shown.text


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_foreign_name_cannot_be_exchanged_by_a_header(host: str) -> None:
    """A page under a name that leads here can send any header, which middleware may believe."""
    app = Flask(__name__)
    app.debug = True
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    install(app, host=host)
    fail_with(app, ValueError("message"))
    headers = {"Accept": BROWSER, "Host": "evil.example", "X-Forwarded-Host": "localhost"}
    shown = Page(app.test_client().get("/", headers=headers))
    assert "message" in shown.text
    assert 'class="variables"' not in shown.html and 'class="facts"' not in shown.html
    near = app.test_client().get("/nothing", headers=headers)
    assert near.status_code == 404 and "No rule" not in near.text


def test_middleware_that_hides_a_tunnel() -> None:
    app = Flask(__name__)
    app.debug = True
    inner = app.wsgi_app

    def hiding(environ: dict[str, Any], start_response: Any) -> Any:
        environ["REMOTE_ADDR"] = environ.pop("HTTP_X_FORWARDED_FOR")
        environ["HTTP_HOST"] = environ.pop("HTTP_X_FORWARDED_HOST")
        return inner(environ, start_response)

    app.wsgi_app = hiding  # type: ignore[method-assign]
    install(app)
    fail_with(app, ValueError("message"))
    tunnel = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost"}
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER, **tunnel}))
    assert "message" in shown.text and "console" not in shown.data
    assert 'class="variables"' not in shown.html and 'class="facts"' not in shown.html


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Cf-Connecting-Ip"])
def test_a_tunnel_under_the_name_of_this_machine(page: Pages, shop: str, header: str) -> None:
    shown = page(shop, headers={header: "1.2.3.4"})
    assert "ValueError" in shown.text and "console" not in shown.data
    assert 'class="variables"' not in shown.html and 'class="facts"' not in shown.html


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost", "[::1]:5000", "app.localhost"])
def test_a_name_of_this_machine(app: Flask, page: Pages, host: str) -> None:
    fail_with(app, ValueError("x"))
    assert "console" in page("/", headers={"Host": host}).data


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.7", "example.org"])
def test_a_server_for_others_has_no_console(host: str) -> None:
    app = Flask(__name__)
    app.debug = True
    install(app, host=host)
    fail_with(app, ValueError("x"))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert "console" not in shown.data
    assert "--debugger-allow-remote" in shown.text
    assert app._debugger is not None and len(app._debugger.store) == 0


@pytest.fixture
def remote(capsys: pytest.CaptureFixture[str]) -> tuple[Console, str]:
    """The console of a server for others, and the token that it printed."""
    app = Flask(__name__)
    app.debug = True
    install(app, host="0.0.0.0", allow_remote=True)
    printed = re.search(r"Debugger token: (\S+)", capsys.readouterr().err)
    assert printed is not None
    fail_with(app, ValueError("x"))
    from_there = {"Accept": BROWSER, "Host": "192.168.1.5:5000"}
    shown = Page(app.test_client().get("/", headers=from_there))
    assert shown.data["console"]["needsToken"]
    assert printed[1] not in shown.html
    return Console(app, shown, shown.number("view")), printed[1]


THERE = {"Host": "192.168.1.5:5000", "Origin": "http://192.168.1.5:5000"}


def test_a_remote_console_needs_the_token(
    remote: tuple[Console, str], attacked: Callable[[], bool]
) -> None:
    console, token = remote
    far: dict[str, Any] = {**THERE, "environ": {"REMOTE_ADDR": "192.168.1.7"}}
    assert console.ask(ATTACK, **far).status_code == 401
    assert console.ask(ATTACK, **far, X_Debugger_Token="guessed").status_code == 401
    assert console.ask(ATTACK, X_Debugger_Token="\xe4", **far).status_code == 401
    assert not attacked()
    right: dict[str, Any] = {**far, "X_Debugger_Token": token}
    assert console.ask(ATTACK, **{**right, "X_Debugger_Secret": "guessed"}).status_code == 403
    assert console.ask(ATTACK, **{**right, "Origin": "http://evil.example"}).status_code == 403
    assert not attacked()
    assert console.ask(ATTACK, **right).status_code == 200
    assert attacked()


def test_a_remote_console_behind_https(remote: tuple[Console, str]) -> None:
    console, token = remote
    there = {**THERE, "Origin": "https://192.168.1.5:5000"}
    assert console.ask("1", **there, X_Debugger_Token=token).status_code == 200


def test_tokens_cannot_be_tried_without_end(remote: tuple[Console, str]) -> None:
    console, token = remote
    for number in range(MAX_WRONG_TOKENS):
        assert console.ask("1", **THERE, X_Debugger_Token=f"{number}").status_code == 401
    response = console.ask("1", **THERE, X_Debugger_Token=token)
    assert response.status_code == 403 and "Restart the server" in response.text


def test_tokens_that_are_tried_at_once_are_counted_too(remote: tuple[Console, str]) -> None:
    console, token = remote
    guard = console.app._debugger.guard  # type: ignore[union-attr]
    together = threading.Barrier(30, timeout=60)
    right = []

    def guess(number: int) -> None:
        together.wait()
        right.append(guard._is_token(f"{number}"))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [False] * 30
    assert guard._wrong_tokens == MAX_WRONG_TOKENS
    # Whoever has come past the other checks before it was closed has no chance either.
    assert not guard._is_token(token)


def test_a_remote_console_is_not_reached_by_a_foreign_name(
    remote: tuple[Console, str], attacked: Callable[[], bool]
) -> None:
    console, token = remote
    evil = {"Host": "evil.example:5000", "Origin": "http://evil.example:5000"}
    response = console.ask(ATTACK, **evil, X_Debugger_Token=token)
    assert response.status_code == 403 and not attacked()


def test_a_remote_console_is_reached_by_the_name_of_the_application(
    remote: tuple[Console, str],
) -> None:
    console, token = remote
    console.app.config["SERVER_NAME"] = "shop.test:5000"
    own = {"Host": "shop.test:5000", "Origin": "http://shop.test:5000"}
    assert console.ask("1", **own, X_Debugger_Token=token).status_code == 200


def test_the_token_outlives_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    first = install(Flask(__name__), host="0.0.0.0", allow_remote=True)
    assert first is not None and first.token
    again = install(Flask(__name__), host="0.0.0.0", allow_remote=True, token=first.token)
    assert again is not None and again.token == first.token
    assert capsys.readouterr().err.count("token") == 1


def test_the_console_can_be_switched_off(attacked: Callable[[], bool]) -> None:
    app = Flask(__name__)
    app.debug = True
    install(app, console=False)
    fail_with(app, ValueError("x"))
    shown = Page(app.test_client().get("/", headers={"Accept": BROWSER}))
    assert "console" not in shown.data and "It was switched off." in shown.text


def running(module: str) -> Callable[..., Any]:
    """A function of a server's *module*, which calls what it is given."""
    names: dict[str, Any] = {"__name__": module}
    exec("def serve(func, *args, **options): return func(*args, **options)", names)
    serve: Callable[..., Any] = names["serve"]
    return serve


SERVERS = [
    "carboy.server.worker",
    "eventlet.wsgi",
    "gevent.pywsgi",
    "granian.server.mp",
    "gunicorn.workers.sync",
    "hypercorn.asyncio.run",
    "tornado.wsgi",
    "twisted.web.wsgi",
    "uvicorn.server",
    "waitress.server",
]


@pytest.mark.parametrize("module", SERVERS)
def test_a_production_server_has_no_debugger(caplog: pytest.LogCaptureFixture, module: str) -> None:
    app = Flask(__name__)
    app.debug = True
    assert running(module)(install, app) is None and app._debugger is None
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    assert "The debugger was switched off" in caplog.text


@pytest.mark.parametrize("module", ["uwsgi", "mod_wsgi"])
def test_a_server_that_has_the_interpreter_within_has_no_debugger(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    assert install(Flask(__name__)) is None
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


def test_a_production_server_that_is_only_imported_does_not_count() -> None:
    for name in ("uvicorn", "waitress", "hypercorn.asyncio"):
        pytest.importorskip(name)
    assert install(Flask(__name__)) is not None


@pytest.mark.parametrize("module", SERVERS)
def test_a_production_server_that_comes_later(
    console: Console, attacked: Callable[[], bool], caplog: pytest.LogCaptureFixture, module: str
) -> None:
    """It serves in a thread of its own, and the requests come in others."""
    serving, stop = threading.Event(), threading.Event()

    def serve() -> None:
        serving.set()
        stop.wait(60)

    server = threading.Thread(target=running(module), args=(serve,))
    server.start()
    try:
        assert serving.wait(60)
        assert console.ask(ATTACK).status_code == 404
    finally:
        stop.set()
        server.join()
    assert not attacked() and console.app._debugger is None
    assert [r.levelno for r in caplog.records if "switched off" in r.message] == [logging.CRITICAL]


def test_an_exception_under_a_production_server_is_its_own(
    app: Flask, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = app.test_client()
    with pytest.raises(ValueError, match="pear"):
        running("gunicorn.workers.sync")(client.get, shop, headers={"Accept": BROWSER})
    assert "The debugger was switched off: this is Gunicorn" in caplog.text


def test_without_debug_mode_there_is_no_console(
    console: Console, attacked: Callable[[], bool], caplog: pytest.LogCaptureFixture
) -> None:
    console.app.debug = False
    assert console.ask(ATTACK).status_code == 404
    assert not attacked()
    assert console.app.test_client().get("/__debugger__/routes").status_code == 404


@pytest.mark.parametrize("propagate", [None, True])
def test_without_debug_mode_there_is_no_page(
    app: Flask, shop: str, propagate: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = propagate
    client = app.test_client()
    if propagate:
        with pytest.raises(ValueError, match="pear"):
            client.get(shop, headers={"Accept": BROWSER})
        return
    response = client.get(shop, headers={"Accept": BROWSER})
    assert response.status_code == 500 and "pear" not in response.text


def test_switched_off_for_a_production_server(
    app: Flask,
    console: Console,
    attacked: Callable[[], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    debugger: Debugger | None = app._debugger
    assert debugger is not None
    debugger.switch_off("carboy serve")
    assert [r.levelno for r in caplog.records if "switched off" in r.message] == [logging.CRITICAL]
    assert console.ask(ATTACK).status_code == 404
    assert not attacked() and len(debugger.store) == 0
    with pytest.raises(ValueError, match="pear"):
        app.test_client().get("/shop/pear")


def test_a_forked_process_has_no_console(
    console: Console, attacked: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getpid()
    monkeypatch.setattr("carboy.debugger.guard.os.getpid", lambda: here + 1)
    assert console.ask(ATTACK).status_code == 403
    assert not attacked()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_hosts_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "localhost.evil", "127.0.0.1.evil"])
def test_hosts_of_others(host: str) -> None:
    assert not is_loopback(host)


def test_the_guard_answers_the_name_of_the_application() -> None:
    guard = Guard("127.0.0.1")
    environ: dict[str, Any] = {"HTTP_HOST": "shop.test:5000"}
    assert not guard.confides(environ)
    assert guard.confides(environ, "shop.test:5000")


@pytest.mark.parametrize(("host", "named"), [("evil.test", "'evil.test'"), ("", "An empty name")])
def test_a_refusal_says_the_name(host: str, named: str) -> None:
    asked = {"HTTP_HOST": host, "REMOTE_ADDR": "127.0.0.1"}
    assert Guard("127.0.0.1").why_no_console(asked) == f"{named} is not a name of this machine."


def test_markdown_of_a_failure_without_a_request() -> None:

    text = as_markdown(examine(ValueError("x"), "/").failure, Asked("GET", "/"))
    assert "ValueError: x" in text
