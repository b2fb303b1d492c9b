"""The quickstart example, as its visitors see it."""

import importlib.util
import logging
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

SOURCE = Path(__file__).parents[1] / "examples" / "quickstart" / "quickstart.py"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PERRY = {"name": "Pear & <i>quince</i>", "litres": "12.5", "year": "2026",
         "shelf": "shed/right", "colour": "#aabb44", "notes": "new"}  # fmt: skip


def load() -> ModuleType:
    """The example, with an empty memory."""
    spec = importlib.util.spec_from_file_location("quickstart", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["quickstart"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setitem(sys.modules, "quickstart", ModuleType("quickstart"))
    module = load()
    yield module
    module.PHOTOS.cleanup()


class Visitor(Client):
    """A client that reads each answer to its end, so that no file stays open."""

    def open(self, *args: Any, **wishes: Any) -> TestResponse:
        return super().open(*args, **wishes | {"buffered": True})


@pytest.fixture
def guest(example: ModuleType) -> Client:
    return Visitor(example.app)


@pytest.fixture
def keeper(guest: Client) -> Client:
    """A guest who has opened the door."""
    guest.post("/login", data={"name": "Nora", "key": "demijohn"})
    return guest


def test_the_first_page_shows_the_newest_carboys(guest: Client) -> None:
    page = guest.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert re.findall("<strong>(.*?)</strong>", page.text) == [
        "Elderflower mead",
        "Sloe gin",
        "Damson wine",
        "Perry",
    ]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/carboys/?q=WINE", ["Damson wine"]),
        ("/carboys/by-litres?q=r", ["Perry", "Elderflower mead", "Orchard cider",
                                    "Burgundy"]),
        ("/keepers/Grace", ["Orchard cider", "Perry"]),
        ("/shelves/cellar/north", ["Burgundy", "Elderflower mead"]),
    ],
)  # fmt: skip
def test_carboys_are_found(guest: Client, path: str, names: list[str]) -> None:
    assert re.findall("<strong>(.*?)</strong>", guest.get(path).text) == names


def test_a_search_without_result_says_so_and_escapes_the_question(
    guest: Client,
) -> None:
    assert "called “&lt;b&gt;”" in guest.get("/carboys/?q=<b>").text


def test_notes_that_look_like_html_are_text(guest: Client) -> None:
    assert "&lt;b&gt;do not shake&lt;/b&gt; &amp; the" in guest.get("/carboys/4").text


def test_addresses_are_canonical(guest: Client) -> None:
    listed = guest.get("/carboys?q=wine")
    assert listed.status_code == 308
    assert listed.location == "http://localhost/carboys/?q=wine"
    assert guest.get("/tour/").status_code == 404


NOWHERE = [
    "/carboys/x",
    "/carboys/99",
    "/carboys/by-colour",
    "/bottles/5",
    "/label/x",
    "/label/00000000-0000-4000-8000-000000000000",
    "/photos/none.png",
    "/shelves/",
]


@pytest.mark.parametrize("path", NOWHERE)
def test_what_does_not_fit_is_not_found(guest: Client, path: str) -> None:
    page = guest.get(path)
    assert page.status_code == 404
    assert "<h1>This shelf is empty</h1>" in page.text


def test_each_kind_of_answer(guest: Client) -> None:
    assert guest.get("/bottles/54.0").text == "54 litres fill 72 bottles."
    label = re.search(r"/label/[\w-]{36}", guest.get("/carboys/1").text)
    assert label is not None
    text = guest.get(label[0])
    assert text.content_type == "text/plain; charset=utf-8"
    assert text.text.startswith("Burgundy 2024\n54 l, kept by Ada\n")
    assert guest.get("/alive").data == b"yes\n"
    assert guest.get("/static/style.css").mimetype == "text/css"


def test_methods(guest: Client) -> None:
    assert guest.head("/carboys/").data == b""
    assert guest.head("/api/carboys").status_code == 200
    assert set(guest.options("/login").allow) == {"GET", "HEAD", "OPTIONS", "POST"}
    refused = guest.get("/logout")
    assert (refused.status_code, set(refused.allow)) == (405, {"POST", "OPTIONS"})
    assert "<h1>Method Not Allowed</h1>" in refused.text


def test_the_key_opens_the_door_and_the_welcome_is_said_once(guest: Client) -> None:
    entered = guest.post("/login", data={"name": "Nora", "key": "demijohn"})
    assert (entered.status_code, entered.location) == (302, "/carboys/")
    assert "SameSite=Lax" in entered.headers["Set-Cookie"]
    assert "Welcome to the cellar, Nora." in guest.get("/carboys/").text
    again = guest.get("/carboys/").text
    assert "Welcome to the cellar" not in again
    assert "<span>Nora</span>" in again


def test_who_leaves_is_forgotten(keeper: Client) -> None:
    left = keeper.post("/logout", follow_redirects=True)
    assert "The door is locked again." in left.text
    assert keeper.get("/carboys/new").status_code == 401


def test_a_wrong_key_is_refused_and_logged(guest: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        page = guest.post(
            "/login",
            data={"name": "Mallory", "key": "crowbar"},
            environ_overrides={"REMOTE_ADDR": "192.0.2.7"},
        )
    assert "This key does not fit." in page.text
    assert 'value="Mallory"' in page.text
    assert "wrong key from 192.0.2.7 for 'Mallory'" in caplog.text


def test_a_missing_field_is_a_bad_request(guest: Client) -> None:
    assert guest.post("/login", data={"name": "Nora"}).status_code == 400


def test_a_changed_session_is_no_session(keeper: Client) -> None:
    cookie = keeper.get_cookie("session")
    assert cookie is not None
    keeper.set_cookie("session", cookie.value[:-1] + "x" + cookie.value[-1])
    assert keeper.get("/carboys/new").status_code == 401


def test_a_keeper_adds_a_carboy_with_a_photo(keeper: Client) -> None:
    photo = (BytesIO(PNG), "../../my photo.png")
    added = keeper.post("/carboys/new", data=PERRY | {"photo": photo})
    assert (added.status_code, added.location) == (302, "/carboys/7")
    page = keeper.get("/carboys/7").text
    assert "Pear &amp; &lt;i&gt;quince&lt;/i&gt; is in the cellar." in page
    assert 'href="/keepers/Nora"' in page
    stored = re.search(r'src="(/photos/\w{8}-my_photo.png)"', page)
    assert stored is not None
    picture = keeper.get(stored[1])
    assert (picture.mimetype, picture.data) == ("image/png", PNG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": (BytesIO(b"<script>"), "a.png")}, "A photo is a PNG or a JPEG"),
        ({"photo": (BytesIO(PNG), "a.html")}, "A photo is a PNG or a JPEG"),
        ({"litres": "nan"}, "A carboy holds 1 to 1,000 litres"),
        ({"year": "soon"}, "invalid literal"),
        ({"shelf": "../etc"}, "A shelf is letters and digits"),
        ({"colour": "red"}, "A colour is written like"),
        ({"name": " "}, "A name has up to 60"),
    ],
)
def test_what_makes_no_sense_is_said_and_what_was_written_stays(
    keeper: Client, change: dict[str, object], message: str
) -> None:
    page = keeper.post("/carboys/new", data=PERRY | change)
    assert page.status_code == 422
    assert message in page.text
    assert ">new</textarea>" in page.text
    assert len(keeper.get("/api/carboys").json) == 6


def test_a_photo_too_large_is_refused(keeper: Client) -> None:
    page = keeper.post(
        "/carboys/new",
        data=bytes(4 * 2**20 + 1),
        content_type="multipart/form-data; boundary=x",
    )
    assert page.status_code == 413
    assert "<h1>Request Entity Too Large</h1>" in page.text


def test_the_cellar_gets_full(
    example: ModuleType, keeper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "ROOM", 6)
    page = keeper.get("/carboys/new")
    assert page.status_code == 409
    assert "room for 6 carboys" in page.text


def test_the_unit_is_kept_in_a_cookie(guest: Client) -> None:
    chosen = guest.post("/units", data={"units": "gallons"})
    assert chosen.location == "/carboys/"
    assert "units=gallons" in chosen.headers["Set-Cookie"]
    assert "11.9 gal (" in guest.get("/carboys/1").text


def test_programs_read_and_add_json(keeper: Client) -> None:
    listed = keeper.get("/api/carboys").json
    assert [carboy["number"] for carboy in listed] == [1, 2, 3, 4, 5, 6]
    made = keeper.post("/api/carboys", json=PERRY)
    assert (made.status_code, made.location) == (201, "/api/carboys/7")
    one = keeper.get("/api/carboys/7").json
    assert one == made.json
    assert (one["name"], one["litres"], one["keeper"]) == (PERRY["name"], 12.5, "Nora")


def test_programs_get_their_errors_as_json(guest: Client) -> None:
    locked = guest.post("/api/carboys", json=PERRY)
    assert locked.status_code == 401
    assert locked.json == {"error": "Only who has the key may add a carboy."}
    guest.post("/login", data={"name": "Nora", "key": "demijohn"})
    assert guest.post("/api/carboys", data="{").status_code == 415
    broken = {"content_type": "application/json", "data": "{"}
    assert guest.post("/api/carboys", **broken).status_code == 400
    assert guest.post("/api/carboys", json=[1]).status_code == 422
    assert set(guest.delete("/api/carboys").allow) == {"GET", "HEAD", "OPTIONS", "POST"}
    missing = guest.get("/api/carboys/99")
    assert missing.json == {"error": "No carboy here has the number 99."}


def test_the_middleware_sees_every_answer(guest: Client) -> None:
    for path in ("/", "/nowhere", "/static/style.css", "/alive"):
        headers = guest.get(path).headers
        assert re.fullmatch(r"app;dur=\d+\.\d\d", headers["Server-Timing"])
        assert headers["Content-Security-Policy"] == "default-src 'self'"


def test_the_tour_shows_the_code_of_every_view(example: ModuleType, guest: Client) -> None:
    page = guest.get("/tour").text
    shown = set(re.findall(r"<b>def</b> (\w+)\(", page))
    assert {*example.app.view_functions} - {"static"} <= shown
    assert "<code>/carboys/?q=red+wine</code> and <code>/keepers/Ada%20L</code>" in page
    for path in set(re.findall(r'<p><a href="(/[^"]*)"', page)):
        wanted = {"/nowhere": 404, "/carboys/new": 401}.get(path, 200)
        assert guest.get(path, follow_redirects=True).status_code == wanted, path


def test_no_page_asks_another_host_for_anything(guest: Client) -> None:
    for path in ("/", "/carboys/", "/carboys/1", "/tour", "/login", "/static/style.css"):
        assert not re.search("https?:|//[a-z]|@import|<script", guest.get(path).text)


EVERYWHERE = [
    "/",
    "/carboys",
    "/carboys/?q=w",
    "/carboys/by-name",
    "/carboys/1",
    "/keepers/",
    "/keepers/Ada",
    "/keepers/x",
    "/shelves/cellar",
    "/bottles/5.5",
    "/login",
    "/carboys/new",
    "/tour",
    "/tour/",
    "/units",
    "/alive",
    "/api/carboys/2",
    "/api/carboys/22",
    "/static/style.css",
    "/static/carboy.svg",
]


def answers(module: ModuleType) -> list[tuple[object, ...]]:
    """What a visit to every corner gives, without what is random or a matter of time."""
    client = Visitor(module.app)
    visits: list[Callable[[], TestResponse]] = [
        *(partial(client.get, path) for path in [*EVERYWHERE, *NOWHERE]),
        lambda: client.options("/login"),
        lambda: client.post("/login", data={"name": "Nora"}),
        lambda: client.post("/login", data={"name": "Nora", "key": "x"}),
        lambda: client.post("/login", data={"name": "Nora", "key": "demijohn"}),
        lambda: client.get("/carboys/new"),
        lambda: client.post("/carboys/new", data=PERRY | {"photo": (BytesIO(PNG), "p.png")}),
        lambda: client.post("/carboys/new", data=PERRY | {"year": ""}),
        lambda: client.get("/carboys/7"),
        lambda: client.post("/units", data={"units": "gallons"}),
        lambda: client.get("/carboys/7"),
        lambda: client.post("/api/carboys", json=PERRY),
        lambda: client.post("/api/carboys", json=[]),
        lambda: client.post("/logout"),
        lambda: client.get("/"),
    ]
    return [comparable(visit()) for visit in visits]


def comparable(answer: TestResponse) -> tuple[object, ...]:
    token, photo, cookie = r"[\da-f]{8}-[\da-f-]{27}", r"(?<=/photos/)\w{8}", r"session=[^;]+"
    changing = "|".join((token, photo, cookie, "Expires=[^;]+"))
    headers = [
        (name, sorted(value.split(", ")) if name == "Allow" else value)
        for name, value in answer.headers
        if name not in {"Date", "Server-Timing"}
    ]
    shown = str((answer.status, sorted(headers), answer.text))
    return answer.request.method, answer.request.path, re.sub(changing, "…", shown)


def test_the_example_runs_unchanged_on_flask(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = answers(example)
    for name in ("flask", "flask.typing"):
        module = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name.replace("flask", "carboy"), module)
    on_flask = load()
    try:
        assert on_flask.Flask is importlib.import_module("flask").Flask
        assert ours == answers(on_flask)
    finally:
        on_flask.PHOTOS.cleanup()
