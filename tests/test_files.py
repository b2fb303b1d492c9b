"""Files are answered as Werkzeug's ``send_file`` does, also where that is not what answers."""

from __future__ import annotations

import email.utils
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import werkzeug.utils
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException, NotFound, RequestedRangeNotSatisfiable
from werkzeug.test import create_environ
from werkzeug.wsgi import FileWrapper

import carboy.files
from carboy import Flask, Response, send_file
from carboy.files import FileBody

#: Werkzeug leaves a file open when something is wrong with a header.
leaves_files_open = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)

NOW = 1_800_000_000.25
MTIME = 1_700_000_000.75
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
TEXT = b"0123456789" * 2000

NAMES = [
    "plain.txt",
    "page.html",
    "script.js",
    "picture.svg",
    "archive.tar.gz",
    "archive.tgz",
    "style.css.br",
    "data.json",
    "no_extension",
    "unknown.qqq",
    ".hidden",
    "with space.txt",
    'quoted "name".txt',
    "back\\slash.txt",
    "semi;colon,comma=.txt",
    "naïve.txt",
    "日本語.html",
    "line\nbreak.txt",
    "tab\tkey.txt",
    "UPPER.TXT",
]

#: One is taken at a time.
OPTIONS: list[dict[str, Any]] = [
    {},
    {"mimetype": "text/x-own"},
    {"mimetype": "image/x-own"},
    {"mimetype": "text/plain; charset=latin-1"},
    {"mimetype": ""},
    {"mimetype": "text/pl\nain"},
    {"as_attachment": True},
    {"download_name": "other.png"},
    {"download_name": "other name.gz", "as_attachment": True},
    {"download_name": "größer.txt"},
    {"download_name": "evil\r\nSet-Cookie: a=b"},
    {"download_name": ""},
    {"conditional": False},
    {"etag": False},
    {"etag": "own"},
    {"etag": 'ow"n'},
    {"etag": False, "conditional": False},
    {"last_modified": 0},
    {"last_modified": 1_600_000_000},
    {"last_modified": 1_600_000_000.999},
    {"last_modified": datetime(2020, 1, 2, 3, 4, 5)},
    {"last_modified": datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))},
    {"max_age": 3600},
    {"max_age": 0},
    {"max_age": -1},
    {"max_age": 1.5},
    {"max_age": True},
    {"max_age": lambda path: len(path)},
    {"max_age": lambda path: None},
    {"max_age": lambda path: 2.5},
    {"use_x_sendfile": True},
    {"response_class": type("Own", (Response,), {})},
    {"response_class": type("Tall", (Response,), {"default_status": 203})},
]

CONDITIONS = [
    {},
    {"Range": "bytes=0-9"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=19990-"},
    {"Range": "bytes=0-1,5-6"},
    {"Range": "bytes=99999-"},
    {"Range": "nonsense"},
    {"If-None-Match": "*"},
    {"If-None-Match": '"other"'},
    {"If-None-Match": "{etag}"},
    {"If-None-Match": "W/{etag}"},
    {"If-None-Match": ""},
    {"If-Match": '"other"'},
    {"If-Match": "{etag}"},
    {"If-Modified-Since": MODIFIED},
    {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:19 GMT"},
    {"If-Modified-Since": "yesterday"},
    {"If-Modified-Since": MODIFIED, "If-None-Match": '"other"'},
    {"If-Unmodified-Since": "Mon, 13 Nov 2023 22:13:20 GMT"},
    {"If-Range": "{etag}"},
    {"If-Range": "{etag}", "Range": "bytes=1-2"},
    {"If-Range": '"other"', "Range": "bytes=1-2"},
    {"If-Range": MODIFIED, "Range": "bytes=1-2"},
]


class ServerWrapper(FileWrapper):
    """What a server may offer to send files with."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("files")
    for name in NAMES:
        (folder / name).write_bytes(TEXT)
        os.utime(folder / name, (MTIME, MTIME))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "below").mkdir()
    (folder / "below" / "deep.txt").write_bytes(b"deep")
    (folder.parent / "secret.txt").write_bytes(b"secret")
    return str(folder)


@pytest.fixture(scope="module", autouse=True)
def stopped_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(email.utils, "time", SimpleNamespace(time=lambda: NOW))
        patch.setattr(werkzeug.utils, "time", lambda: NOW)
        patch.setattr(carboy.files, "time", lambda: NOW)
        yield


def served(response: Any, environ: Any) -> tuple[str, list[tuple[str, str]], bytes]:
    """What a server is given."""
    started: list[Any] = []
    chunks = response(environ, lambda *args: started.append(args))
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    [(status, headers)] = started
    return status, headers, body


def answer(module: Any, function: str, *args: Any, environ: Any, **options: Any) -> object:
    """All that a client and a server see of the answer."""
    options.setdefault("response_class", Response)
    try:
        response = getattr(module, function)(*args, environ, **options)
        body = response.response
        # Ours is one that knows its path.
        wrapper = FileWrapper if type(body) is FileBody else type(body)
        kind = type(response), wrapper, response.direct_passthrough
        mimetype = response.mimetype, response.content_length, response.last_modified
        status, headers, body = served(response, environ)
    except HTTPException as e:
        return type(e), e.get_headers()
    except (OSError, TypeError, ValueError) as e:
        return type(e), str(e)
    file = getattr(response.response, "file", None)
    return kind, mimetype, status, headers, body, file is None or file.closed


def both(folder: str, name: Any, *, environ: Any = None, **options: Any) -> object:
    """The one answer that both ways of sending a file give."""
    environ = create_environ() if environ is None else environ
    wanted = answer(
        werkzeug.utils, "send_file", name, environ=environ, _root_path=folder, **options
    )
    assert wanted == answer(
        carboy.files, "send_file", name, environ=environ, _root_path=folder, **options
    )
    return wanted


@leaves_files_open
@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_every_name_with_every_option(folder, name, options):
    both(folder, name, **options)


@pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_condition(folder, method, condition):
    path = os.path.join(folder, "plain.txt")
    etag = carboy.files.send_file(
        path, create_environ(method="POST"), _root_path=folder, response_class=Response
    )
    headers = {k: v.format(etag=etag.headers["ETag"]) for k, v in condition.items()}
    etag.close()
    for name, options in itertools.product(
        ["plain.txt", "empty.txt", "naïve.txt"],
        [{}, {"etag": False}, {"last_modified": 9.5}, {"conditional": False}],
    ):
        both(folder, name, environ=create_environ(method=method, headers=headers), **options)


@leaves_files_open
@settings(deadline=None, max_examples=150)
@given(
    name=st.sampled_from(NAMES),
    download_name=st.none() | st.text(max_size=8).map("{}.txt".format),
    mimetype=st.none() | st.text("az/+;= \n\x7fé", max_size=8),
    as_attachment=st.booleans(),
    conditional=st.booleans(),
    etag=st.booleans() | st.text('ab"\n', max_size=3),
    last_modified=st.none() | st.floats(0, 4e9) | st.datetimes(),
    max_age=st.none() | st.integers(-10, 10**6),
    headers=st.sampled_from([c for c in CONDITIONS if "{" not in repr(c)[1:]]),
    method=st.sampled_from(["GET", "HEAD", "PUT"]),
)
def test_any_combination(folder, name, headers, method, **options):
    both(folder, name, environ=create_environ(method=method, headers=headers), **options)


def test_a_usual_file_takes_the_short_way(folder, monkeypatch):
    monkeypatch.delattr(werkzeug.utils, "send_file")
    environ = create_environ(headers={"If-None-Match": '"other"'})
    for asked in create_environ(), environ:
        response = carboy.files.send_file(
            "plain.txt", asked, _root_path=folder, response_class=Response, max_age=60
        )
        status, headers, body = served(response, asked)
        assert (status, dict(headers)["Content-Length"], body) == ("200 OK", "20000", TEXT)


def test_paths_of_every_kind(folder):
    full = os.path.join(folder, "plain.txt")
    for path in full, Path(full), Path("plain.txt"), "below/../plain.txt", "below/deep.txt":
        assert both(folder, path)[2] == "200 OK"
    for path in "below", "missing", "nul\0.txt", "x" * 5000, "", b"plain.txt", None, "\ud800":
        both(folder, path)


def test_open_files_are_werkzeugs(folder):
    def ask(module):
        file = BytesIO(b"abc")
        return answer(
            module, "send_file", file, environ=create_environ(), _root_path="", mimetype="a/b"
        )

    assert ask(werkzeug.utils) == ask(carboy.files)


def test_a_server_is_given_the_file_in_its_own_wrapper(folder):
    environ = create_environ()
    environ["wsgi.file_wrapper"] = ServerWrapper
    assert both(folder, "plain.txt", environ=environ)[0][1] is ServerWrapper
    response = carboy.files.send_file(
        "plain.txt", environ, _root_path=folder, response_class=Response
    )
    # Not in another iterator: the server looks at the type to use the file itself.
    assert response(environ, lambda *_: None) is response.response
    response.close()


def test_a_changed_file_is_a_new_version(folder, tmp_path):
    file = tmp_path / "changing.txt"
    file.write_text("one")
    os.utime(file, (MTIME, MTIME))
    first = both(folder, file)
    etag = dict(first[3])["ETag"]
    revalidation = create_environ(headers={"If-None-Match": etag})
    assert both(folder, file, environ=revalidation)[2] == "304 NOT MODIFIED"
    file.write_text("two!")
    os.utime(file, (MTIME + 1, MTIME + 1))
    second = both(folder, file, environ=revalidation)
    assert (second[2], second[4]) == ("200 OK", b"two!")
    assert dict(second[3])["ETag"] != etag


def test_a_new_mimetype_is_heard_of(folder, monkeypatch):
    import mimetypes

    before = both(folder, "unknown.qqq")[1][0]
    monkeypatch.setitem(mimetypes.types_map, ".qqq", "text/x-qqq")
    assert (before, both(folder, "unknown.qqq")[1][0]) == (
        "application/octet-stream",
        "text/x-qqq",
    )


def test_a_range_that_cannot_be_sent_leaves_no_file_open(folder, monkeypatch):
    opened = []

    def keep(path, file, size):
        opened.append(file)
        return FileBody(path, file, size)

    monkeypatch.setattr(carboy.files, "FileBody", keep)
    environ = create_environ(headers={"Range": "bytes=99999-"})
    with pytest.raises(RequestedRangeNotSatisfiable):
        carboy.files.send_file("plain.txt", environ, _root_path=folder, response_class=Response)
    assert [file.closed for file in opened] == [True]


DIRECTORY_PATHS = [
    *NAMES,
    "below/deep.txt",
    "below/../plain.txt",
    "below//deep.txt",
    "./plain.txt",
    Path("plain.txt"),
    "../secret.txt",
    "below/../../secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "..",
    ".",
    "",
    "below",
    "below/",
    "plain.txt/",
    "missing.txt",
    "nul\0.txt",
    "x" * 300,
    "x/" * 5000,
    "\ud800",
    "..\\secret.txt",
]


@pytest.mark.parametrize("path", DIRECTORY_PATHS, ids=lambda p: repr(p)[:40])
def test_every_path_in_a_directory(folder, path):
    root, name = os.path.split(folder)
    for directory, root_path, options in [
        (folder, "/nowhere", {}),
        (name, root, {"max_age": 5}),
        (Path(folder), root, {"as_attachment": True}),
        (os.path.relpath(folder), "", {}),
        (name, os.path.relpath(root), {}),
        ("", folder, {"etag": "own"}),
    ]:
        given = {"environ": create_environ(), "_root_path": root_path, **options}
        wanted = answer(werkzeug.utils, "send_from_directory", directory, path, **given)
        assert wanted == answer(carboy.files, "send_from_directory", directory, path, **given)


def test_only_what_lies_below_the_directory(folder):
    for path in "../secret.txt", "below/../../secret.txt", "/etc/passwd", "below", "nul\0":
        with pytest.raises(NotFound):
            carboy.files.send_from_directory(
                folder, path, create_environ(), _root_path=folder, response_class=Response
            )


def test_an_unknown_option_is_a_type_error(folder):
    with pytest.raises(TypeError, match="colour"):
        carboy.files.send_file(
            "plain.txt", create_environ(), _root_path=folder, response_class=Response, colour=1
        )


def test_an_application_sends_files(folder):
    app = Flask(__name__, static_folder=folder, static_url_path="/static", root_path=folder)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(minutes=1)

    @app.get("/page")
    def page():
        return send_file("page.html", last_modified=datetime(2020, 1, 1, tzinfo=UTC))

    @app.after_request
    def sign(response):
        response.headers["X-Signed"] = "yes"
        return response

    client = app.test_client()
    with client.get("/page") as response:
        assert response.data == TEXT
        assert response.headers["Last-Modified"] == "Wed, 01 Jan 2020 00:00:00 GMT"
        assert response.headers["X-Signed"] == "yes"
        assert response.headers["Cache-Control"] == "public, max-age=60"
    with client.get("/static/below/deep.txt") as response:
        assert (response.status_code, response.data) == (200, b"deep")
    with client.head("/static/plain.txt") as response:
        assert (response.content_length, response.data) == (20000, b"")
    assert client.get("/static/missing.txt").status_code == 404


def test_outside_of_a_request_it_says_that_it_needs_one() -> None:
    with pytest.raises(RuntimeError, match="Working outside of request context"):
        send_file(BytesIO(b""), mimetype="text/plain")
