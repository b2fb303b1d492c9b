"""What is timed: requests to the programs in ``apps``, and the answers that they owe.

Must not know: frameworks, clocks.

How it works: :func:`check` asks every program once and compares the answer with the scenario's
before anyone looks at a clock: a fast wrong answer counts for nothing. Status, body and media type
have to be the same for all. A body of JSON is compared as a value, since frameworks differ in
spaces and in the order of keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin

from bench.apps import content
from bench.http import Answer, Call, Request


@dataclass(frozen=True)
class Scenario:
    """A request to a program, and the answer that it owes.

    :param key: its name in options and results
    :param program: which of a framework's programs
    :param body: the answer's, or the value of its JSON; ``None`` where each framework has its own
    :param content_type: the answer's; without a charset, any will do
    :param headers: what else the answer has to carry; an empty value stands for any
    :param goal: how many times faster than Flask Carboy has to be
    :param signed_in: whether the client brings the session that ``/sign-in`` gave it
    :param at_once: how many such requests are on their way at a time, if the program is async
    """

    key: str
    title: str
    program: str
    request: Request
    body: bytes | Mapping[str, object] | None
    content_type: str | None = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    goal: float | None = None
    signed_in: bool = False
    at_once: int = 1


class WrongAnswer(Exception):
    """A program answered otherwise than its scenario, or Carboy otherwise than Flask."""


def _page(title: str, main: str) -> bytes:
    """What the templates come to, made without them."""
    head = f'<!doctype html>\n<html lang="en">\n<head><title>{title} - Cellar</title></head>'
    return f"{head}\n<body>\n<main>{main}</main>\n</body>\n</html>".encode()


def _rows() -> bytes:
    row = '\n<li><a href="/carboy/{0}">Carboy &lt;{0}&gt;</a> 54 l</li>'
    return _page("Rows", "<ul>" + "".join(row.format(number) for number in range(100)) + "\n</ul>")


def _protected() -> bytes:
    token = f'<input type="hidden" name="token" value="{content.TOKEN}">'
    note = '<input name="note" value="Racked">'
    return _page("ada", f'<form method="post">\n{token}\n{note}\n</form>')


def form(target: str, **fields: str) -> Request:
    """A form that a browser sends to *target*."""
    kind = "application/x-www-form-urlencoded"
    return Request(target, "POST", urlencode(fields).encode(), kind)


def upload(target: str, size: int) -> Request:
    """A form with a file of *size* bytes, which is a multiple of 256."""
    boundary = "----geckoformboundary3c8d9e1f7a"
    body = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="name"\r\n\r\n'
        "Burgundy\r\n"
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="photo"; filename="label.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    body += bytes(range(256)) * (size // 256) + f"\r\n--{boundary}--\r\n".encode()
    return Request(target, "POST", body, f"multipart/form-data; boundary={boundary}")


NOTED = {"name": "Burgundy", "litres": 54, "notes": ["racked", "tasted", "good"]}
COOKIES = {"theme": "dark", "units": "litres", "seen": "2026-11-22"}
LOGIN = form("/login", username="ada", password="s3cret & long", remember="on")

_SCENARIOS = [
    Scenario("hello", "hello", "plain", Request("/"), b"Hello, World!", goal=12),
    Scenario(
        "json",
        "JSON of 1 object",
        "plain",
        Request("/carboy"),
        content.CARBOY,
        "application/json",
        goal=12,
    ),
    Scenario(
        "json-100",
        "JSON of 100 objects",
        "plain",
        Request("/carboys"),
        content.CARBOYS,
        "application/json",
    ),
    Scenario(
        "parameters",
        "two path parameters",
        "plain",
        Request("/keeper/ada/carboy/7"),
        b"ada 8",
        goal=12,
    ),
    Scenario(
        "rules",
        "one rule of 1,000",
        "rules",
        Request("/cellar-789/keeper/ada/carboy/7"),
        b"ada 8",
        goal=12,
    ),
    Scenario(
        "query", "query", "plain", Request("/search?q=burgundy&page=2"), b"burgundy 2 None", goal=10
    ),
    Scenario("form", "form", "plain", LOGIN, b"ada", goal=6),
    Scenario(
        "json-in",
        "JSON in",
        "plain",
        Request("/carboys", "POST", json.dumps(NOTED).encode(), "application/json"),
        b"Burgundy 3",
        goal=6,
    ),
    Scenario(
        "upload",
        "upload of 100 kB",
        "plain",
        upload("/upload", 102_400),
        b"label.png 102400 Burgundy",
        goal=4,
    ),
    Scenario("cookies", "cookies", "plain", Request("/units", cookies=COOKIES), b"litres", goal=10),
    Scenario(
        "session-read", "session, read", "session", Request("/user"), b"ada", goal=6, signed_in=True
    ),
    Scenario(
        "session-write",
        "session, written",
        "session",
        Request("/choose"),
        b"ada",
        headers={"set-cookie": ""},
        goal=6,
        signed_in=True,
    ),
    Scenario(
        "template", "template, inheritance and 100 rows", "plain", Request("/rows"), _rows(), goal=3
    ),
    Scenario(
        "redirect",
        "redirect",
        "plain",
        Request("/old"),
        None,
        content_type=None,
        status=302,
        headers={"location": "/new"},
        goal=12,
    ),
    Scenario(
        "404", "404", "plain", Request("/nowhere"), None, content_type=None, status=404, goal=12
    ),
    Scenario(
        "blueprint",
        "blueprint with three hooks",
        "blueprint",
        Request("/cellar/hello"),
        b"Hello, ada!",
        headers={"x-cellar": "1"},
        goal=12,
    ),
    Scenario(
        "file-10kB",
        "static file of 10 kB",
        "plain",
        Request("/static/ten_kilobytes.txt"),
        content.FILES["ten_kilobytes.txt"],
        "text/plain",
        goal=3,
    ),
    Scenario(
        "file-10MB",
        "static file of 10 MB",
        "plain",
        Request("/static/ten_megabytes.bin"),
        content.FILES["ten_megabytes.bin"],
        "application/octet-stream",
    ),
    Scenario(
        "sleeps", "five awaited sleeps of 1 ms", "plain", Request("/sleeps"), b"rested", at_once=100
    ),
    Scenario(
        "page",
        "login-protected page with form token",
        "session",
        form("/page", token=content.TOKEN, note="Racked"),
        _protected(),
        goal=4,
        signed_in=True,
    ),
]
#: By key.
SCENARIOS = {scenario.key: scenario for scenario in _SCENARIOS}


def check(scenario: Scenario, calls: Mapping[str, Call]) -> None:
    """Refuse to go on unless every program in *calls* answers as it should.

    :param calls: by name of framework; Carboy and Flask must agree in everything but the date and
        the time in a session's signature
    :raises WrongAnswer: what was expected, what came, and from whom
    """
    answers = {name: call.answer() for name, call in calls.items()}
    for name, answer in answers.items():
        if wrong := "; ".join(_wrong(scenario, answer)):
            raise WrongAnswer(f"{scenario.title}: {name} answered {wrong}")
    if answers.keys() >= {"carboy", "flask"}:
        ours, theirs = (_comparable(answers[name]) for name in ("carboy", "flask"))
        if ours != theirs:
            raise WrongAnswer(f"{scenario.title}: Carboy answered {ours}, Flask {theirs}")


def _wrong(scenario: Scenario, answer: Answer) -> list[str]:
    """What *answer* is and should not be."""
    wrong = []
    if answer.status != scenario.status:
        wrong.append(f"status {answer.status} instead of {scenario.status}")
    kind = (answer.header("content-type") or "").lower().replace(" ", "")
    if scenario.content_type is not None:
        wanted = scenario.content_type.replace(" ", "")
        if (kind if ";" in wanted else kind.partition(";")[0]) != wanted:
            wrong.append(f"{kind or 'no content type'} instead of {scenario.content_type}")
    if isinstance(scenario.body, bytes):
        right = answer.body == scenario.body
    else:
        right = scenario.body is None or json.loads(answer.body) == scenario.body
    if not right:
        wrong.append(f"{answer.body[:200]!r} instead of {str(scenario.body)[:200]}")
    for name, value in scenario.headers.items():
        found = answer.header(name)
        if name == "location" and found is not None:
            value = urljoin("http://127.0.0.1:8000", value)
            found = urljoin("http://127.0.0.1:8000", found)
        if found is None or (value and found != value):
            wrong.append(f"{name} {found!r} instead of {value!r}")
    return wrong


def _comparable(answer: Answer) -> Answer:
    """*answer* without what differs from one second to the next."""
    headers = []
    for name, value in answer.headers:
        if name == "set-cookie":
            cookie, _, attributes = value.partition(";")
            value = f"{cookie.partition('=')[0]}=…;{attributes}"
        if name != "date":
            headers.append((name, value))
    return Answer(answer.status, sorted(headers), answer.body)
