"""Static folders, and files sent by hand."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from ..asking import get, head, options, post

HERE = Path(__file__).parent


STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    _sending(flask, app)
    area = flask.Blueprint("area", __name__, static_folder="area_static", url_prefix="/area")
    other = flask.Blueprint("other", __name__, static_folder="static", static_url_path="/files")
    bare = flask.Blueprint("bare", __name__, static_folder="area_static")

    @area.get("/links")
    def links() -> Any:
        return {
            "urls": [
                flask.url_for("static", filename="hello.txt"),
                flask.url_for(".static", filename="area.txt"),
                flask.url_for("area.static", filename="sub/é ☃.txt"),
                flask.url_for("other.static", filename="a?b#c&d.txt"),
                flask.url_for("static", filename="hello.txt", v=3),
                flask.url_for("static", filename="../up.txt"),
                area.static_url_path,
                other.static_url_path,
                bare.static_url_path,
            ]
        }

    @area.get("/max-age")
    def max_age() -> Any:
        return repr([area.get_send_file_max_age("x"), app.get_send_file_max_age(None)])

    app.register_blueprint(area)
    app.register_blueprint(other)
    app.register_blueprint(bare)
    return app


def _sending(flask: ModuleType, app: Any) -> None:
    hello = HERE / "static" / "hello.txt"
    send = flask.send_file
    times = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)

    class Closing(BytesIO):
        def close(self) -> None:
            app.extensions.setdefault("journal", []).append(("closed",))
            super().close()

    ways: dict[str, Any] = {
        "path": lambda: send(hello),
        "str": lambda: send(str(hello)),
        "relative": lambda: send("static/hello.txt"),
        "missing": lambda: send("static/missing.txt"),
        "folder": lambda: send("static"),
        "bytes": lambda: send(BytesIO(b"content"), "text/plain"),
        "bytes, no type": lambda: send(BytesIO(b"content")),
        "bytes, named": lambda: send(BytesIO(b"content"), download_name="x.csv"),
        "bytes, attached": lambda: send(
            BytesIO(b"content"), download_name="x.csv", as_attachment=True
        ),
        "bytes, attached, no name": lambda: send(BytesIO(b"x"), as_attachment=True),
        "bytes, etag": lambda: send(BytesIO(b"content"), "text/plain", etag="abc"),
        "bytes, half read": lambda: send(_read(BytesIO(b"content"), 3), "text/plain"),
        "closing": lambda: send(Closing(b"content"), "text/plain"),
        "text": lambda: send(StringIO("text"), "text/plain"),
        "open file": lambda: send(hello.open("rb"), "text/plain"),
        "open file, named": lambda: send(hello.open("rb"), download_name="x.txt"),
        "attachment": lambda: send(hello, as_attachment=True),
        "named": lambda: send(hello, as_attachment=True, download_name="other.txt"),
        "named beyond ASCII": lambda: send(
            hello, as_attachment=True, download_name='größe ☃ "x";.txt'
        ),
        "inline beyond ASCII": lambda: send(hello, download_name="é.txt"),
        "beyond ASCII": lambda: send(HERE / "static" / "größe ☃.txt"),
        "mimetype": lambda: send(hello, mimetype="application/x-own"),
        "mimetype of a name": lambda: send(hello, download_name="x.tar.gz"),
        "mimetype of nothing": lambda: send(hello, download_name="x"),
        "not conditional": lambda: send(hello, conditional=False),
        "no etag": lambda: send(hello, etag=False),
        "own etag": lambda: send(hello, etag="own"),
        "modified": lambda: send(hello, last_modified=times),
        "modified number": lambda: send(hello, last_modified=1_700_000_000),
        "max age": lambda: send(hello, max_age=3),
        "max age zero": lambda: send(hello, max_age=0),
        "max age function": lambda: send(hello, max_age=lambda path: len(path or "")),
        "from directory": lambda: flask.send_from_directory("static", "hello.txt"),
        "from directory, deep": lambda: flask.send_from_directory(
            "static", "sub/deep.txt", as_attachment=True
        ),
        "from directory, up": lambda: flask.send_from_directory("static", "../x.py"),
        "from directory, rooted": lambda: flask.send_from_directory("static", str(hello)),
        "from directory, missing": lambda: flask.send_from_directory("static", "x.txt"),
        "from directory, folder": lambda: flask.send_from_directory("static", "sub"),
        "from missing directory": lambda: flask.send_from_directory("x", "hello.txt"),
        "from directory of Path": lambda: flask.send_from_directory(
            HERE / "static", Path("hello.txt")
        ),
        "static": lambda: app.send_static_file("hello.txt"),
    }

    @app.route("/send/<way>")
    def sending(way: str) -> Any:
        return ways[way]()

    @app.get("/folder/<path:name>")
    def folder(name: str) -> Any:
        return flask.send_from_directory("static", name)


def _read(stream: BytesIO, count: int) -> BytesIO:
    stream.read(count)
    return stream


_WAYS = [
    *("path", "str", "relative", "missing", "folder", "bytes", "bytes, no type"),
    *("bytes, named", "bytes, attached", "bytes, attached, no name", "bytes, etag"),
    *("bytes, half read", "closing", "text", "open file", "open file, named"),
    *("attachment", "named", "named beyond ASCII", "inline beyond ASCII"),
    *("beyond ASCII", "mimetype", "mimetype of a name", "mimetype of nothing"),
    *("not conditional", "no etag", "own etag", "modified", "modified number"),
    *("max age", "max age zero", "max age function", "from directory"),
    *("from directory, deep", "from directory, up", "from directory, rooted"),
    *("from directory, missing", "from directory, folder", "from missing directory"),
    *("from directory of Path", "static"),
]


def _if(**headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    told = ", ".join(f"{name}: {value}" for name, value in named.items())
    return {"headers": tuple(named.items()), "name": told}


_LATER = "Fri, 01 Jan 2100 00:00:00 GMT"
_EARLIER = "Sat, 01 Jan 2000 00:00:00 GMT"

REQUESTS = [
    *(get(f"/send/{way}") for way in _WAYS),
    *(head(f"/send/{way}") for way in ("path", "bytes", "missing", "closing")),
    *(
        get(f"/send/{way}", **_if(Range="bytes=2-4"))
        for way in ("path", "bytes", "bytes, half read", "not conditional", "no etag")
    ),
    *(
        get(f"/send/{way}", **_if(If_Modified_Since=when))
        for way in ("path", "modified", "bytes")
        for when in (_LATER, _EARLIER)
    ),
    get("/send/own etag", **_if(If_None_Match='"own"')),
    get("/send/own etag", **_if(If_None_Match="own")),
    get("/send/own etag", **_if(If_None_Match='"x", W/"own"')),
    get("/send/own etag", **_if(If_None_Match='"x"', If_Modified_Since=_LATER)),
    get("/send/own etag", **_if(If_Match='"x"')),
    get("/send/own etag", **_if(If_Range='"own"', Range="bytes=0-1")),
    get("/send/own etag", **_if(If_Range='"x"', Range="bytes=0-1")),
    get("/send/own etag", **_if(If_Unmodified_Since=_EARLIER)),
    get("/static/hello.txt"),
    head("/static/hello.txt"),
    options("/static/hello.txt"),
    post("/static/hello.txt"),
    get("/static/style.css"),
    get("/static/bytes.bin"),
    get("/static/empty.txt"),
    get("/static/sub/deep.txt"),
    get("/static/sub"),
    get("/static/sub/"),
    get("/static/"),
    get("/static"),
    get("/static/missing.txt"),
    get("/static/gr%C3%B6%C3%9Fe%20%E2%98%83.txt"),
    get("/static/hello.txt", query="v=1"),
    get("/static/../static_files.py"),
    get("/static/%2e%2e/static_files.py"),
    get("/static/..%2fstatic_files.py"),
    get("/static/sub/../../static_files.py"),
    get("/static/sub/../hello.txt"),
    get("/static//hello.txt"),
    get("/static/./hello.txt"),
    get("/static/..\\static_files.py"),
    get("/static/hello.txt%00.png"),
    get("/static/" + "x" * 300 + ".txt", name="a name that is too long"),
    get("/static/%ff", name="not UTF-8"),
    get("/static//etc/passwd"),
    get("/folder//etc/passwd"),
    get("/folder/../static_files.py"),
    get("/folder/sub/deep.txt"),
    *(
        get("/static/bytes.bin", **_if(Range=value))
        for value in (
            "bytes=0-0",
            "bytes=10-19",
            "bytes=250-",
            "bytes=-6",
            "bytes=-0",
            "bytes=250-900",
            "bytes=900-",
            "bytes=9-3",
            "bytes=0-1,4-5",
            "bytes=x-y",
            "items=0-1",
            "bytes",
            "bytes=",
        )
    ),
    head("/static/bytes.bin", **_if(Range="bytes=0-9")),
    get("/static/empty.txt", **_if(Range="bytes=0-9")),
    get("/static/hello.txt", **_if(If_Modified_Since=_LATER)),
    get("/static/hello.txt", **_if(If_Modified_Since="nonsense")),
    get("/static/hello.txt", **_if(If_None_Match="*")),
    get("/area/static/area.txt"),
    get("/area/static/missing.txt"),
    get("/area_static/area.txt"),
    get("/files/hello.txt"),
    get("/area/links"),
    get("/area/max-age"),
]


def _with_folder(flask: ModuleType, *paths: str, **options: Any) -> object:
    app = flask.Flask(__name__, **options)
    client = app.test_client()
    answers = [client.get(path) for path in paths]
    seen = [(answer.status, answer.headers.get("Cache-Control")) for answer in answers]
    for answer in answers:
        answer.close()
    folder = app.static_folder and Path(app.static_folder).relative_to(HERE).as_posix()
    return [seen, folder, app.static_url_path, app.has_static_folder, repr(app.url_map)]


def probe_no_static_folder(flask: ModuleType) -> object:
    return _with_folder(flask, "/static/hello.txt", static_folder=None)


def probe_another_folder(flask: ModuleType) -> object:
    return _with_folder(flask, "/area_static/area.txt", static_folder="area_static")


def probe_a_folder_with_a_slash(flask: ModuleType) -> object:
    return _with_folder(flask, "/area_static/area.txt", static_folder="area_static/")


def probe_a_folder_as_a_path(flask: ModuleType) -> object:
    return _with_folder(flask, "/area_static/area.txt", static_folder=HERE / "area_static")


def probe_another_url_path(flask: ModuleType) -> object:
    return _with_folder(flask, "/own/hello.txt", static_url_path="/own")


def probe_an_empty_url_path(flask: ModuleType) -> object:
    return _with_folder(flask, "/hello.txt", "/missing.txt", static_url_path="")


def probe_a_root_url_path(flask: ModuleType) -> object:
    return _with_folder(flask, "/hello.txt", static_url_path="/")


def probe_a_url_path_without_a_slash(flask: ModuleType) -> object:
    return _with_folder(flask, "/own/hello.txt", static_url_path="own")


def probe_a_folder_that_is_missing(flask: ModuleType) -> object:
    return _with_folder(flask, "/gone/hello.txt", static_folder="gone")


def probe_default_max_age(flask: ModuleType) -> object:
    timedelta = importlib.import_module("datetime").timedelta
    seen: list[Any] = []
    for setting in (None, 0, 60, timedelta(hours=1)):
        app = flask.Flask(__name__)
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = setting
        with app.test_client().get("/static/hello.txt") as answer:
            headers = answer.headers
            seen.append([headers["Cache-Control"], "Expires" in headers])
        with app.app_context():
            seen.append(repr(app.get_send_file_max_age("x")))
    return seen


def probe_max_age_by_a_subclass(flask: ModuleType) -> object:
    class Application(flask.Flask):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 7 if filename and filename.endswith(".css") else None

    client = Application(__name__).test_client()
    seen = []
    for path in ("style.css", "hello.txt"):
        with client.get(f"/static/{path}") as answer:
            seen.append(answer.headers["Cache-Control"])
    return seen


def probe_use_x_sendfile(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.config["USE_X_SENDFILE"] = True
    with app.test_client().get("/static/hello.txt") as answer:
        sent = answer.headers.get("X-Sendfile", "")
        return [answer.status, answer.data, Path(sent).name, len(answer.headers)]


def probe_opening_resources(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    area = flask.Blueprint("area", __name__)
    seen: list[Any] = []
    for scaffold in (app, area):
        for arguments in (
            ("static/hello.txt",),
            ("static/hello.txt", "r"),
            ("static/hello.txt", "rt", "utf-8"),
            ("static/größe ☃.txt", "r", "utf-8"),
            ("static/missing.txt",),
            ("static/hello.txt", "w"),
            ("static/hello.txt", "a"),
        ):
            try:
                with scaffold.open_resource(*arguments) as opened:
                    seen.append(opened.read())
            except Exception as error:
                text = str(error).replace(str(HERE), "")
                seen.append([type(error).__name__, text])
    return seen


def probe_a_static_file_without_a_folder(flask: ModuleType) -> object:
    app = flask.Flask(__name__, static_folder=None)
    with app.test_request_context("/"):
        return app.send_static_file("x")


def probe_a_static_url_path_without_a_folder(flask: ModuleType) -> object:
    app = flask.Flask(__name__, static_folder=None, static_url_path="/x")
    return [app.static_folder, app.static_url_path, repr(app.url_map)]
