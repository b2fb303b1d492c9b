"""An application with a debugger, its error page, and what the script of the page does."""

# Variables are there to be shown.
# ruff: noqa: F841

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from markupsafe import escape
from werkzeug.test import TestResponse

from carboy import Flask
from carboy.debugger import install

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.debug = True
    app.secret_key = "key"
    assert install(app) is not None
    return app


def fail_with(app: Flask, error: BaseException, path: str = "/") -> None:
    """Have a view at *path* raise *error*."""

    def view() -> str:
        raise error

    app.add_url_rule(path, path, view, methods=["GET", "POST"])


class Page:
    """An error page as a reader finds it."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self.html = response.text
        data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', self.html, re.S)
        assert data is not None, self.html
        self.data: dict[str, Any] = json.loads(data[1])
        seen = re.sub(r"<(script|style).*?</\1>", "", self.html, flags=re.S)
        self.text = html.unescape(re.sub(r"<[^>]*>", "", seen))

    def frame(self, function: str) -> str:
        """The HTML of the first frame of a function."""
        frame = re.search(
            rf'<details class="frame[^>]*>\n<summary>\n<span class="function">[^<]*'
            rf"{re.escape(escape(function))}</span>.*?</details>(?=\n*(<details|</div>|</det|<p))",
            self.html,
            re.S,
        )
        assert frame is not None, function
        return frame[0]

    def number(self, function: str) -> int:
        """The number by which the console knows that frame."""
        number = re.search(r'data-frame="(\d+)"', self.frame(function))
        assert number is not None
        return int(number[1])


@pytest.fixture
def page(app: Flask) -> Callable[..., Page]:
    def page(path: str = "/", **options: Any) -> Page:
        options.setdefault("headers", {})
        options["headers"] = {"Accept": BROWSER, **options["headers"]}
        method = options.pop("method", "GET")
        client = app.test_client(use_cookies=False)
        return Page(client.open(path, method=method, **options))

    return page


Pages = Callable[..., Page]


class Console:
    """What the script of a page does."""

    def __init__(self, app: Flask, page: Page, number: int) -> None:
        self.app = app
        self.offer = page.data["console"]
        self.number = number

    def ask(
        self,
        source: str,
        action: str = "evaluate",
        method: str = "POST",
        environ: dict[str, str] | None = None,
        without: tuple[str, ...] = (),
        **fields: str,
    ) -> TestResponse:
        """Send a request as a browser does; *fields* are headers that are different."""
        headers = {
            "Host": "localhost:5000",
            "Origin": "http://localhost:5000",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
            "X-Debugger-Secret": self.offer["secret"],
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        asked = {"failure": self.offer["failure"], "frame": self.number, "source": source}
        return self.app.test_client().open(
            self.offer["url"] + action,
            method=method,
            data=json.dumps(asked),
            headers={name: value for name, value in headers.items() if name not in without},
            environ_overrides=environ or {},
        )

    def evaluate(self, source: str) -> str:
        response = self.ask(source)
        assert response.status_code == 200, response.text
        return str(response.json["output"])  # type: ignore[index]


@pytest.fixture
def shop(app: Flask) -> str:
    """The URL of a page that fails."""

    @app.get("/shop/<fruit>")
    def shop(fruit: str) -> str:
        amount = 3
        raise ValueError(fruit)

    return "/shop/pear?a=b"


MODULE_LEVEL = "of the module"


@pytest.fixture
def console(app: Flask, page: Pages, shop: str) -> Console:
    """The console in the frame of that page."""
    shown = page(shop)
    return Console(app, shown, shown.number("shop"))
