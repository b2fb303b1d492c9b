"""The error page in a real browser, from a real server: read, unfold, evaluate, copy, mend."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import Browser, browsing
from .conftest import COMMAND, Program, Start, starting

PROGRAM = """
from flask import Flask, request, session

app = Flask(__name__)
app.secret_key = "a key that is long enough"

PRICES = {"apple": 120, "pear": "95"}


def price_of(fruit, amount, discount=0):
    # Prices are in cents.
    price = PRICES[fruit]
    total = price * amount - discount * (price / 100)
    return f"{total / 100:.2f}"


@app.get("/basket/<customer>/<int:amount>")
def basket(customer, amount):
    session["customer"] = customer
    lines = []
    for fruit in PRICES:
        lines.append(price_of(fruit, amount, discount=5))
    return "; ".join(lines)


@app.get("/async")
async def later():
    import json
    return json.loads("{")


@app.get("/")
def index():
    return "fine"


@app.get("/isolated")
def isolated():
    return "fine", {"Cross-Origin-Opener-Policy": "same-origin"}


if __name__ == "__main__":
    from carboy.debugger import install

    app.debug = True
    install(app)
    app.run(port=0, use_reloader=False, use_debugger=False)
"""

#: Where the pictures of the documentation are, for whoever wants new ones.
PICTURES = os.environ.get("CARBOY_PICTURES")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(PROGRAM)
    with starting() as start:
        yield start(COMMAND.replace("carboy", "python"), "-m", "carboy", "shop.py", folder=folder)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser, program: Program) -> Browser:
    chromium.look(1280, 1100)
    chromium.asked.clear()
    chromium.complaints.clear()
    chromium.open(url(program, "/basket/ada/3?password=hunter22"))
    return chromium


def url(program: Program, path: str) -> str:
    host, port = program.address
    return f"http://{host}:{port}{path}"


MARKS = "[...document.querySelector('.current').querySelectorAll('.mark')]"
LOG = "document.querySelector('.console .log').innerText"


@pytest.mark.parametrize("interface", ["wsgi", "asgi", "rsgi"])
def test_the_whole_story(chromium: Browser, start: Start, tmp_path: Path, interface: str) -> None:
    """Raise, read, unfold, evaluate, copy, mend the file, and see the page come back."""
    file = tmp_path / "shop.py"
    file.write_text(PROGRAM)
    options = "--debug", "--interface", interface
    program = start(COMMAND, "--app", "shop", "run", *options, folder=tmp_path)
    browser = chromium
    browser.look(1280, 1100)
    browser.complaints.clear()
    browser.asked.clear()
    browser.open(url(program, "/basket/ada/3"))

    assert browser.run("document.querySelector('h1').textContent") == "TypeError"
    assert browser.run(f"{MARKS}.map(e => e.textContent).join('')") == "price / 100"
    browser.press("j")
    browser.press("v")
    assert "'pear'" in browser.run("document.querySelector('.variables[open]').innerText")

    browser.press("x")
    browser.run("sessionStorage.clear()")
    browser.type("int(price) * amount\n")
    browser.wait_until(f"{LOG}.includes('285')")
    browser.type("request.path\n")
    browser.wait_until(f"{LOG}.includes(\"'/basket/ada/3'\")")

    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    browser.tell("Browser.grantPermissions", permissions=permissions)
    browser.run("document.querySelector('[data-copy=markdown]').click()")
    browser.wait_until("document.getElementById('said').textContent.startsWith('Copied')")
    report = browser.run("navigator.clipboard.readText()")
    assert report.startswith("### `TypeError: unsupported operand")
    assert "price / 100" in report and "- Request: `GET /basket/ada/3" in report

    file.write_text(PROGRAM.replace('"95"', "95"))
    browser.wait_for("Page.loadEventFired")
    assert browser.run("document.body.innerText").strip() == "3.54; 2.80"
    elsewhere = [u for u in browser.asked if not u.startswith((url(program, "/"), "data:"))]
    assert elsewhere == []
    browser.open("about:blank")


def test_a_script_of_the_same_origin_gets_no_secret(browser: Browser, program: Program) -> None:
    browser.open(url(program, "/"))
    # What the page tells its own script.
    told = "JSON.parse(page.getElementById('data').textContent)"
    # Over WSGI a header with underscores looks like one that scripts cannot send.
    posing = "Sec_Fetch_Dest: 'document', Sec_Fetch_Mode: 'navigate', Sec_Fetch_Site: 'none'"
    fetched, posed = (
        browser.run(
            f"fetch('/basket/ada/3', {{headers: {{Accept: 'text/html', {more}}}}})"
            "  .then((response) => response.text())"
            "  .then((text) => new DOMParser().parseFromString(text, 'text/html'))"
            f"  .then((page) => {told})"
        )
        for more in ("", posing)
    )
    framed = browser.run(
        "new Promise((resolve) => {"
        "  const frame = document.createElement('iframe');"
        f"  frame.onload = () => {{ const page = frame.contentDocument; resolve({told}); }};"
        "  frame.src = '/basket/ada/3';"
        "  document.body.append(frame);"
        "})"
    )
    for seen in (fetched, posed, framed):
        assert "TypeError" in seen["text"] and "console" not in seen


@pytest.mark.parametrize("path", ["/", "/isolated"])
def test_a_window_with_the_page_cannot_be_looked_into(program: Program, path: str) -> None:
    opened = (
        "new Promise((resolve) => {"
        "  const opened = window.open('/basket/ada/3');"
        "  const look = () => {"
        "    let data;"
        # While the window is on its way to where it cannot be looked into, that may be refused.
        "    try {"
        "      data = opened.closed && 'closed';"
        "      data ||= opened.document.getElementById('data')?.textContent;"
        "    } catch {}"
        "    data ? resolve(data) : setTimeout(look, 20);"
        "  };"
        "  look();"
        "})"
    )
    # The new window takes the focus from the first one.
    with browsing() as browser:
        browser.open(url(program, path))
        assert browser.run(opened) == "closed"


SERVICE_WORKER = """
const heard = [];
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(
  registration.navigationPreload.enable().then(() => clients.claim())));
addEventListener("fetch", (event) => {
  const { request } = event, how = new URL(request.url).search;
  heard.push(...request.headers.values());
  const hear = async (coming) => {
    const response = await coming;
    heard.push(await response.clone().text());
    return response;
  };
  if (how === "?preloaded") event.respondWith(hear(event.preloadResponse));
  if (how === "?fetched") event.respondWith(hear(fetch(request)));
  if (how === "?heard") event.respondWith(new Response(heard.join()));
});
"""
SERVED_BY = """
@app.get("/worker.js")
def worker():
    return app.response_class(WORKER, mimetype="text/javascript")


if __name__ =="""


def test_a_service_worker_of_the_same_origin_learns_no_secret(start: Start, tmp_path: Path) -> None:
    text = PROGRAM.replace("if __name__ ==", f"WORKER = {SERVICE_WORKER!r}\n{SERVED_BY}")
    (tmp_path / "shop.py").write_text(text)
    options = "--debug", "--no-reload", "--port", "0"
    program = start(COMMAND, "--app", "shop", "run", *options, folder=tmp_path)
    offer = "JSON.parse(document.getElementById('data').textContent).console"
    # It stays in the browser, and this one leaves.
    with browsing() as browser:
        browser.open(url(program, "/"))
        browser.run(
            "new Promise((resolve) => {"
            "  navigator.serviceWorker.oncontrollerchange = resolve;"
            "  navigator.serviceWorker.register('/worker.js');"
            "})"
        )
        for how in ("preloaded", "fetched"):
            browser.open(url(program, f"/basket/ada/3?{how}"))
            assert browser.run(f"{offer} === undefined")
        browser.open(url(program, "/basket/ada/3"))
        secret = browser.run(f"{offer}.secret")
        browser.run("document.querySelector('.open-console').click()")
        browser.type("1 + 41\n")
        browser.wait_until("document.querySelectorAll('.console .log > *').length == 2")
        assert "Shift+Reload" in browser.run(LOG)
        heard = browser.run("fetch('/basket/ada/3?heard').then((response) => response.text())")
        assert "TypeError" in heard and secret not in heard


def test_a_path_that_was_mistyped(browser: Browser, program: Program) -> None:
    browser.open(url(program, "/basket/ada/three"))
    assert "No rule matches" in browser.run("document.querySelector('h1').textContent")
    assert "does not fit <int:amount>" in browser.run("document.querySelector('.why').textContent")
    browser.run("document.querySelector('a[href$=routes]').click()")
    browser.wait_for("Page.loadEventFired")
    assert "/basket/<customer>/<int:amount>" in browser.run("document.body.innerText")
    assert [c for c in browser.complaints if "status of" not in c] == []


def test_reading_and_unfolding(browser: Browser, program: Program) -> None:
    assert browser.run("document.querySelector('h1').textContent") == "TypeError"
    assert browser.run(f"{MARKS}.map(e => e.textContent).join('')") == "price / 100"
    # An underscore within it is to be seen.
    assert "inset" not in browser.run(f"getComputedStyle({MARKS}[0]).boxShadow")
    marks = "[...document.querySelectorAll('.frame .current')].map(e => e.innerText.trim())"
    lines = browser.run(marks)
    assert "total = price * amount" in lines[0] and "price_of(fruit" in lines[1]
    details = "document.querySelector('.variables')"
    assert browser.run(f"{details}.querySelector('table').checkVisibility()") is False
    browser.run(f"{details}.querySelector('summary').click()")
    assert browser.run(f"{details}.querySelector('table').checkVisibility()") is True
    assert "'pear'" in browser.run(f"{details}.innerText")
    assert "hunter22" not in browser.run("document.documentElement.outerHTML")


def test_nothing_comes_from_elsewhere_and_nothing_is_refused(
    browser: Browser, program: Program
) -> None:
    browser.run("document.querySelector('.open-console').click()")
    assert [u for u in browser.asked if not u.startswith((url(program, "/"), "data:"))] == []
    assert browser.complaints == [
        "Failed to load resource: the server responded with a status of 500 (Internal Server Error)"
    ]


def test_evaluating_by_keyboard(browser: Browser) -> None:
    log = LOG
    browser.press("j", "j")
    browser.press("x", "x")
    browser.type("price * 2\n")
    browser.wait_until(f"{log}.includes(\"'9595'\")")
    browser.type("for i in range(2):\nprint(i + amount)\n")
    assert browser.run("document.querySelector('.console textarea').rows") == 3
    browser.type("\n")
    browser.wait_until(f"{log}.includes('3\\n4')")
    browser.press("ArrowUp")
    browser.press("Escape")
    browser.type("discou\t")
    browser.wait_until("document.querySelector('.console textarea').value == 'discount'")
    browser.type(" / 0\n")
    browser.wait_until(f"{log}.includes('ZeroDivisionError')")
    browser.press("ArrowUp")
    assert browser.run("document.querySelector('.console textarea').value") == "discount / 0"


def test_the_application_finds_nothing_of_the_console(
    chromium: Browser, start: Start, tmp_path: Path
) -> None:
    """Its scripts can read what is stored, and could put words into the history."""
    (tmp_path / "shop.py").write_text(PROGRAM)
    options = *("--debug", "--no-reload", "--port", "0"), "--host", "0.0.0.0"
    allowed = *options, "--debugger-allow-remote"
    program = start(COMMAND, "--app", "shop", "run", *allowed, folder=tmp_path)
    token = program.wait_for(r"Debugger token: (\S+)")[1]
    browser = chromium
    browser.open(url(program, "/basket/ada/3").replace("0.0.0.0", "127.0.0.1"))
    browser.run("document.querySelector('.open-console').click()")
    browser.run(f"void (window.prompt = () => {token!r})")
    browser.type("1 + 41\n")
    browser.wait_until(f"{LOG}.includes('42')")
    assert browser.run("sessionStorage.length + localStorage.length") == 0


def test_copying(browser: Browser, program: Program) -> None:
    browser.tell(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    for button, start in (("text", "Traceback (most"), ("markdown", "### `TypeError: unsupp")):
        browser.run(f"document.querySelector('[data-copy={button}]').click()")
        browser.wait_until("document.getElementById('said').textContent.startsWith('Copied')")
        assert browser.run("navigator.clipboard.readText()").startswith(start)
        browser.run("document.getElementById('said').textContent = ''")


def test_without_javascript(browser: Browser, program: Program) -> None:
    browser.tell("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(url(program, "/basket/ada/3"))
        assert browser.run("document.querySelector('.source').checkVisibility()") is True
        assert browser.run("[...document.querySelectorAll('button')].every(b => b.hidden)") is True
        text = browser.run("document.querySelector('.report').textContent")
        assert text.startswith("Traceback (most recent call last):")
    finally:
        browser.tell("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_and_can_be_read(browser: Browser, width: int, scheme: str) -> None:
    browser.look(width, 800, scheme)
    assert browser.run("document.documentElement.scrollWidth") <= width
    # The contrast of what is read, by the formula of WCAG 2; 4.5 is what it asks for.
    contrast = """
    (() => {
      const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      const light = (color) => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
      };
      const ground = (element) => {
        for (let e = element; e; e = e.parentElement) {
          const color = getComputedStyle(e).backgroundColor;
          if (!/, 0\\)|transparent|color\\(/.test(color)) return color;
        }
        return "rgb(255, 255, 255)";
      };
      const seen = document.querySelectorAll(
        "h1, .message, .asked span, .code, .code span, .function, .place, .order, footer p, a, th");
      return [...seen].filter((e) => e.checkVisibility()).map((e) => {
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
        return [(a + 0.05) / (b + 0.05), e.className, e.textContent];
      }).sort((x, y) => x[0] - y[0])[0];
    })()
    """
    worst = browser.run(contrast)
    assert worst[0] >= 4.5, worst


def test_the_page_of_another_site_cannot_evaluate(
    browser: Browser, program: Program, start: Start, tmp_path: Path
) -> None:
    offer = browser.run("JSON.parse(document.getElementById('data').textContent).console")
    (tmp_path / "evil.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\napp.get('/')(lambda: 'evil')\n"
    )
    evil = start(COMMAND, "--app", "evil", "run", folder=tmp_path)
    browser.open(url(evil, "/"))
    # Even if it knew the secret.
    asked = json.dumps({"failure": offer["failure"], "frame": 0, "source": "1"})
    headers = {"Content-Type": "application/json", "X-Debugger-Secret": offer["secret"]}
    for mode, fields in (("cors", headers), ("no-cors", {})):
        options = json.dumps({"method": "POST", "mode": mode, "headers": fields, "body": asked})
        target = json.dumps(url(program, "/__debugger__/evaluate"))
        seen = browser.run(
            f"fetch({target}, {options}).then(r => r.type + r.status, () => 'refused')"
        )
        assert seen == "refused"
    # One question whether the request may be made, and one request without the headers.
    program.wait_for(r"A request to the console was refused\. An evaluation is a POST\.")
    program.wait_for(r"A request to the console was refused\. The request came from another")


def test_static_files_of_a_program_that_runs_itself(start: Start, tmp_path: Path) -> None:
    runs = "app.run(port=0, debug=True, use_reloader=False, static_files={'/files': '.'})\n"
    (tmp_path / "shop.py").write_text(PROGRAM.partition("if __name__")[0] + runs)
    program = start(COMMAND.replace("carboy", "python"), "-m", "carboy", "shop.py", folder=tmp_path)
    assert b"PRICES" in program.get("/files/shop.py").body
    assert 'class="variables"' in program.get("/basket/ada/3", Accept="text/html").text


def test_it_serves_on(program: Program) -> None:
    assert program.get("/").text == "fine"
    answer = program.get("/async", Accept="application/json")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["exception"]["type"] == "json.decoder.JSONDecodeError"
    assert program.get("/async").text.startswith("Traceback (most recent call last):")


def test_a_production_server_switches_it_off(start: Start, tmp_path: Path) -> None:
    installs = "from carboy.debugger import install\napp.debug = True\ninstall(app)\n"
    (tmp_path / "shop.py").write_text(PROGRAM.partition("if __name__")[0] + installs)
    serving = start(COMMAND, "--app", "shop", "serve", "--port", "0", folder=tmp_path)
    assert serving.get("/").text == "fine"
    assert serving.post("/__debugger__/evaluate", "").status == 404
    answer = serving.get("/basket/ada/3", Accept="text/html")
    assert answer.status == 500 and "price" not in answer.text
    serving.stop()
    assert any("The debugger was switched off" in line for line in serving.said)


SERVERS = {
    "Gunicorn": ("gunicorn", "--bind", "127.0.0.1:0", "shop:app"),
    "Uvicorn": ("uvicorn", "--port", "0", "shop:app"),
    "Hypercorn": ("hypercorn", "--bind", "127.0.0.1:0", "shop:app"),
    "Waitress": ("waitress", "--listen", "127.0.0.1:0", "shop:app"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_servers_that_are_not_ours_switch_it_off(start: Start, tmp_path: Path, server: str) -> None:
    module, *arguments = SERVERS[server]
    pytest.importorskip(module)
    installs = "from carboy.debugger import install\napp.debug = True\ninstall(app)\n"
    shop = PROGRAM.replace("from flask", "from carboy").partition("if __name__")[0]
    (tmp_path / "shop.py").write_text(shop + installs)
    program = start(sys.executable, "-m", module, *arguments, folder=tmp_path)
    program.wait_for(f"The debugger was switched off: this is {server}, a production server")
    # Its processes end with it.
    program.stop()


@pytest.mark.skipif(PICTURES is None, reason="Only where new pictures are wanted.")
def test_pictures(browser: Browser, program: Program) -> None:
    assert PICTURES is not None
    browser.run("document.querySelector('.variables').open = true")
    browser.run("document.querySelector('.open-console').click()")
    browser.type("price, amount\n")
    log = "document.querySelector('.console .log').innerText"
    browser.wait_until(f"{log}.includes('95')")
    browser.run("scrollTo(0, 0)")
    for name, width, height, scheme in (
        ("light", 1280, 1000, "light"),
        ("dark", 1280, 1000, "dark"),
        ("phone", 390, 844, "light"),
    ):
        browser.look(width, height, scheme)
        browser.picture(Path(PICTURES) / f"debugger-{name}.png")
    browser.look(1280, 360)
    browser.open(url(program, "/basket/ada/three"))
    browser.picture(Path(PICTURES) / "debugger-near.png")
