"""Forms, uploads, queries and raw bodies, also malformed and over their limits."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import Upload, get, post, put

STATELESS = True


def create(flask: ModuleType) -> Any:
    return _application(flask)


def _application(flask: ModuleType, **config: Any) -> Any:
    app = flask.Flask(__name__)
    app.config.update(config)
    app.debug = app.config["DEBUG"]
    request = flask.request

    def files() -> list[Any]:
        return [
            [
                name,
                file.filename,
                file.content_type,
                file.mimetype,
                file.content_length,
                len(content := file.read()),
                content[:40].decode("latin-1"),
                sorted(file.headers.items()),
            ]
            for name, file in request.files.items(multi=True)
        ]

    @app.route("/form", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def form() -> Any:
        return {
            "form": list(request.form.items(multi=True)),
            "files": files(),
            "values": list(request.values.items(multi=True)),
            "type": type(request.form).__name__,
            "data": request.data.decode("latin-1"),
            "mimetype": [request.mimetype, request.mimetype_params],
            "length": request.content_length,
        }

    @app.post("/key")
    def key() -> Any:
        return {"name": request.form["name"]}

    @app.post("/typed")
    def typed() -> Any:
        form = request.form
        return {
            "int": form.get("n", type=int),
            "default": form.get("n", 7, type=int),
            "list": form.getlist("n", type=int),
            "missing": form.get("missing"),
            "flat": form.to_dict(),
            "deep": form.to_dict(flat=False),
        }

    @app.post("/file")
    def file() -> Any:
        return request.files["file"].read()

    @app.post("/file-get")
    def file_get() -> Any:
        return repr(request.files.get("file"))

    @app.route("/args")
    def args() -> Any:
        return {
            "args": list(request.args.items(multi=True)),
            "query": request.query_string.decode("latin-1"),
            "int": request.args.get("n", -1, type=int),
            "values": list(request.values.items(multi=True)),
            "url": request.url,
            "full_path": request.full_path,
        }

    @app.get("/arg")
    def arg() -> str:
        return request.args["name"]

    @app.route("/data", methods=["GET", "POST"])
    def data() -> Any:
        return {
            "data": request.get_data().decode("latin-1"),
            "form": request.form.to_dict(),
            "again": request.get_data().decode("latin-1"),
            "length": request.content_length,
        }

    @app.post("/data-after-form")
    def data_after_form() -> Any:
        return {
            "form": request.form.to_dict(),
            "data": request.get_data().decode("latin-1"),
            "stream": request.stream.read().decode("latin-1"),
        }

    @app.post("/parsed-data")
    def parsed_data() -> Any:
        return {
            "data": request.get_data(parse_form_data=True).decode("latin-1"),
            "form": request.form.to_dict(),
        }

    @app.post("/no-cache")
    def no_cache() -> Any:
        return {
            "first": request.get_data(cache=False).decode("latin-1"),
            "second": request.get_data().decode("latin-1"),
            "form": request.form.to_dict(),
        }

    @app.post("/text")
    def text() -> str:
        return str(request.get_data(as_text=True))

    @app.post("/stream")
    def stream() -> Any:
        return {
            "stream": request.stream.read(5).decode("latin-1"),
            "rest": request.stream.read().decode("latin-1"),
            "form": request.form.to_dict(),
        }

    @app.post("/unread")
    def unread() -> str:
        return "body not read"

    @app.post("/limits")
    def limits() -> Any:
        request.max_content_length = 10
        request.max_form_memory_size = 10
        request.max_form_parts = 1
        return {
            "limits": [
                request.max_content_length,
                request.max_form_memory_size,
                request.max_form_parts,
            ],
            "form": request.form.to_dict(),
            "files": files(),
        }

    @app.get("/default-limits")
    def default_limits() -> Any:
        return {
            "limits": [
                request.max_content_length,
                request.max_form_memory_size,
                request.max_form_parts,
            ]
        }

    @app.post("/dir/")
    def directory() -> Any:
        return request.form.to_dict()

    return app


_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data; boundary=b"


def _urlencoded(body: bytes, path: str = "/form", **options: Any) -> Any:
    options = {"content_type": _URLENCODED, "name": repr(body[:40]), **options}
    return post(path, body=body, **options)


def _multipart(name: str, *lines: bytes, path: str = "/form", **options: Any) -> Any:
    options = {"content_type": _MULTIPART, **options}
    return post(path, name=name, body=b"\r\n".join(lines), **options)


_FIELD = b'Content-Disposition: form-data; name="a"'
_FILE = b'Content-Disposition: form-data; name="f"; filename="x.txt"'

REQUESTS = [
    get("/form"),
    get("/form", query="a=1"),
    post("/form", form={"a": "1", "b": ["2", "3"]}),
    post("/form", form={"a": "é☃ &=+%"}),
    post("/form", query="a=query&q=1", form={"a": "form"}),
    put("/form", form={"a": "1"}),
    put("/form", form={"a": Upload("x.txt", b"in a PUT")}),
    get("/form", name="a GET with a form", content_type=_URLENCODED, body=b"a=1"),
    _urlencoded(b""),
    _urlencoded(b"a"),
    _urlencoded(b"a=&=b&&c"),
    _urlencoded(b"a=1;b=2"),
    _urlencoded(b"a=%zz&b=%C3&c=%FF"),
    _urlencoded(b"a=\xff"),
    _urlencoded("ä=ö".encode()),
    _urlencoded(b"a+b=c+d"),
    _urlencoded(b"a=1\r\nb=2"),
    _urlencoded(b"a=1\x00&b=2"),
    _urlencoded(b"&".join(b"k%d=v" % n for n in range(1100)), name="many fields"),
    _urlencoded(b"a=" + b"x" * 600_000, name="a long field"),
    _urlencoded(b"a=1", content_type=f"{_URLENCODED}; charset=latin-1"),
    _urlencoded(b"a=1", content_type=_URLENCODED.upper(), name="upper case"),
    _urlencoded(b"a=1", content_type="text/plain", name="text/plain"),
    _urlencoded(b"a=1", content_type=None, name="no content type"),
    _urlencoded(b"a=1", name="length 2", environ={"CONTENT_LENGTH": "2"}),
    _urlencoded(b"a=1", name="length 0", environ={"CONTENT_LENGTH": "0"}),
    _urlencoded(b"a=1", name="length 30", environ={"CONTENT_LENGTH": "30"}),
    _urlencoded(b"a=1", name="length -1", environ={"CONTENT_LENGTH": "-1"}),
    _urlencoded(b"a=1", name="length x", environ={"CONTENT_LENGTH": "x"}),
    _urlencoded(b"a=1", name="length +3", environ={"CONTENT_LENGTH": "+3"}),
    _urlencoded(b"a=1", name="length ' 3'", environ={"CONTENT_LENGTH": " 3"}),
    _urlencoded(b"a=1", name="length 3, 3", environ={"CONTENT_LENGTH": "3, 3"}),
    _urlencoded(b"a=1", name="length ''", environ={"CONTENT_LENGTH": ""}),
    _urlencoded(b"a=1", name="no length", without=("CONTENT_LENGTH",)),
    _urlencoded(
        b"a=1",
        name="chunked, terminated",
        environ={"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
        without=("CONTENT_LENGTH",),
    ),
    _urlencoded(
        b"a=1",
        name="chunked, not terminated",
        environ={"HTTP_TRANSFER_ENCODING": "chunked"},
        without=("CONTENT_LENGTH",),
    ),
    post("/form", name="one file", form={"f": Upload("x.txt", b"content")}),
    post(
        "/form",
        name="files and fields",
        form={
            "a": "1",
            "f": Upload("x.txt", b"content", "text/plain"),
            "g": Upload("é☃.bin", b"\x00\xff", "application/octet-stream"),
            "b": "é",
        },
    ),
    post("/form", name="an empty file", form={"f": Upload("x.txt", b"")}),
    post("/form", name="a file without name", form={"f": Upload("", b"content")}),
    post("/form", name="a large file", form={"f": Upload("x.txt", b"x" * 700_000)}),
    post("/form", name="a path as name", form={"f": Upload("../../etc/x", b"content")}),
    _multipart("one field", b"--b", _FIELD, b"", b"value", b"--b--", b""),
    _multipart("no final line", b"--b", _FIELD, b"", b"value", b"--b--"),
    _multipart("not ended", b"--b", _FIELD, b"", b"value"),
    _multipart("cut in the headers", b"--b", _FIELD[:20]),
    _multipart("empty body", b""),
    _multipart("only the end", b"--b--", b""),
    _multipart("another boundary", b"--c", _FIELD, b"", b"value", b"--c--", b""),
    _multipart("no boundary", b"--b", content_type="multipart/form-data"),
    _multipart("empty boundary", b"--", content_type="multipart/form-data; boundary="),
    _multipart(
        "quoted boundary",
        *(b"--b", _FIELD, b"", b"value", b"--b--", b""),
        content_type='multipart/form-data; boundary="b"',
    ),
    _multipart("a preamble", b"before", b"--b", _FIELD, b"", b"v", b"--b--", b"after"),
    _multipart("no disposition", b"--b", b"X-A: 1", b"", b"value", b"--b--", b""),
    _multipart("no headers", b"--b", b"", b"value", b"--b--", b""),
    _multipart("no name", b"--b", b"Content-Disposition: form-data", b"", b"value", b"--b--", b""),
    _multipart(
        "a name with quotes",
        *(b"--b", b'Content-Disposition: form-data; name="a\\"b%22c"', b"", b"v"),
        *(b"--b--", b""),
    ),
    _multipart(
        "an encoded file name",
        b"--b",
        b"Content-Disposition: form-data; name=f; filename*=UTF-8''%e2%98%83.txt",
        *(b"", b"v", b"--b--", b""),
    ),
    _multipart(
        "a field with a charset",
        *(b"--b", _FIELD, b"Content-Type: text/plain; charset=latin-1", b"", b"\xe9"),
        *(b"--b--", b""),
    ),
    _multipart("a field that is not UTF-8", b"--b", _FIELD, b"", b"\xff", b"--b--", b""),
    _multipart(
        "a file with headers",
        *(b"--b", _FILE, b"Content-Type: text/x; charset=utf-8", b"Content-Length: 3"),
        *(b"X-Own: yes", b"", b"v\r\n", b"--b--", b""),
    ),
    _multipart(
        "a base64 field",
        *(b"--b", _FIELD, b"Content-Transfer-Encoding: base64", b"", b"dmFsdWU="),
        *(b"--b--", b""),
    ),
    _multipart(
        "a folded header",
        *(b"--b", b"Content-Disposition: form-data;", b'  name="a"', b"", b"value"),
        *(b"--b--", b""),
    ),
    post(
        "/form",
        name="bare newlines",
        body=b"\n".join([b"--b", _FIELD, b"", b"value", b"--b--", b""]),
        content_type=_MULTIPART,
    ),
    _multipart("a boundary inside", b"--b", _FIELD, b"", b"x--b\r\n-b", b"--b--", b""),
    _multipart("a line too many", b"--b", _FIELD, b"", b"", b"value\r\n", b"--b--", b""),
    _multipart(
        "many parts",
        *[part for n in range(1001) for part in (b"--b", _FIELD, b"", b"v")],
        *(b"--b--", b""),
    ),
    _multipart("a large field", b"--b", _FIELD, b"", b"x" * 600_000, b"--b--", b""),
    _multipart("large headers", b"--b", _FIELD, b"X: " + b"x" * 70_000, b"", b"v", b"--b--", b""),
    _multipart(
        "cut by its length",
        *(b"--b", _FIELD, b"", b"value", b"--b--", b""),
        environ={"CONTENT_LENGTH": "30"},
    ),
    _multipart("mixed", b"--b--", content_type="multipart/mixed; boundary=b"),
    post("/key", form={"name": "x"}),
    post("/key", form={"other": "x"}),
    post("/key", json={"name": "x"}),
    post("/key", name="nothing"),
    post("/typed", form={"n": ["1", "x", "2"]}),
    post("/typed", form={"n": "x"}),
    post("/file", form={"file": Upload("x", b"content")}),
    post("/file", form={"file": "a field"}),
    post("/file", form={"other": Upload("x", b"content")}),
    post("/file-get", form={"file": Upload("x.txt", b"", "text/x")}),
    post("/file-get", form={"other": "x"}),
    get("/args"),
    get("/args", query="a=1&a=2&b"),
    get("/args", query="n=3"),
    get("/args", query="n=x"),
    get("/args", query="a=%C3%A9&b=+%2B&c=%FF"),
    get("/args", name="bytes", environ={"QUERY_STRING": "a=\xc3\xa9&b=\xff"}),
    get("/args", query="a=1;b=2"),
    get("/args", query="&&=&a==b"),
    get("/args", query="a[]=1&a[]=2&b.c=3"),
    get("/args", query="&".join(f"k{n}={n}" for n in range(1200))[:4000], name="many"),
    get("/arg", query="name=x"),
    get("/arg", query="other=x"),
    get("/arg"),
    post("/data", body=b"\x00\xff raw", content_type="application/octet-stream"),
    post("/data", form={"a": "1"}),
    get("/data"),
    post("/data-after-form", form={"a": "1"}),
    post("/data-after-form", body=b"x", content_type="text/plain"),
    post("/parsed-data", form={"a": "1"}),
    post("/parsed-data", body=b"x", content_type="text/plain"),
    post("/no-cache", form={"a": "1"}),
    post("/text", body="é".encode(), content_type="text/plain"),
    post("/text", body=b"\xff", content_type="text/plain"),
    post("/stream", form={"a": "123456789"}),
    post("/unread", form={"a": "1"}),
    post("/limits", form={"a": "1"}),
    post("/limits", form={"a": "1234567890"}),
    post("/limits", form={"a": Upload("x", b"1")}),
    get("/default-limits"),
    post("/dir", form={"a": "1"}),
    post("/dir/", form={"a": "1"}),
]


def _limited(flask: ModuleType, **config: Any) -> object:
    io = importlib.import_module("io")
    client = _application(flask, **config).test_client()
    seen: list[Any] = []
    for path in ("/form", "/data", "/stream", "/unread", "/key", "/parsed-data"):
        for name, data in (
            ("short", {"name": "x"}),
            ("long", {"name": "x" * 50}),
            ("fields", {f"f{number}": "x" for number in range(5)}),
            ("file", {"name": "x", "f": (io.BytesIO(b"x" * 50), "x.txt")}),
        ):
            content_type = "multipart/form-data" if name == "file" else None
            answer = client.post(path, data=data, content_type=content_type)
            text = answer.text[:150] if answer.status_code >= 400 else ""
            seen.append((path, name, answer.status, text))
        answer = client.post(path, data=b"x" * 50, content_type="text/plain")
        seen.append((path, "raw", answer.status))
    answer = client.get("/default-limits")
    seen.append(answer.json)
    return seen


def probe_max_content_length(flask: ModuleType) -> object:
    return _limited(flask, MAX_CONTENT_LENGTH=30)


def probe_max_content_length_zero(flask: ModuleType) -> object:
    return _limited(flask, MAX_CONTENT_LENGTH=0)


def probe_max_form_memory_size(flask: ModuleType) -> object:
    return _limited(flask, MAX_FORM_MEMORY_SIZE=30)


def probe_no_max_form_memory_size(flask: ModuleType) -> object:
    return _limited(flask, MAX_FORM_MEMORY_SIZE=None)


def probe_max_form_parts(flask: ModuleType) -> object:
    return _limited(flask, MAX_FORM_PARTS=1)


def probe_no_max_form_parts(flask: ModuleType) -> object:
    return _limited(flask, MAX_FORM_PARTS=None)


def probe_max_content_length_without_a_length(flask: ModuleType) -> object:
    io = importlib.import_module("io")
    client = _application(flask, MAX_CONTENT_LENGTH=10).test_client()
    seen: list[Any] = []
    for path in ("/data", "/form", "/stream", "/unread"):
        answer = client.post(
            path,
            input_stream=io.BytesIO(b"a=" + b"x" * 50),
            content_type=_URLENCODED,
            environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
        )
        seen.append((path, answer.status))
    return seen


def _debugged(flask: ModuleType, **config: Any) -> object:
    """What a programmer sees of a request that lacks what the view wants."""
    io = importlib.import_module("io")
    client = _application(flask, DEBUG=True, **config).test_client()
    seen: list[Any] = []
    for path, options in (
        ("/key", {"data": {"other": "1"}}),
        ("/key", {}),
        ("/file", {"data": {"file": "x.txt"}}),
        ("/file", {"data": {"other": "x.txt"}}),
        ("/file", {"data": {"other": (io.BytesIO(b"x"), "x.txt")}}),
        ("/file", {"json": {}}),
        ("/file-get", {"data": {"file": "x.txt"}}),
        ("/dir", {"data": {"a": "1"}}),
        ("/form", {"data": {"a": "1"}}),
    ):
        try:
            answer = client.post(path, **options)
            seen.append((path, answer.status, answer.text))
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            seen.append((path, kinds, str(error)))
    try:
        seen.append(client.get("/arg").text)
    except Exception as error:
        seen.append([repr(error), str(error)])
    return seen


def probe_debug(flask: ModuleType) -> object:
    return _debugged(flask)


def probe_debug_without_traps(flask: ModuleType) -> object:
    return _debugged(flask, TRAP_BAD_REQUEST_ERRORS=False)


def probe_debug_without_propagation(flask: ModuleType) -> object:
    return _debugged(flask, PROPAGATE_EXCEPTIONS=False)


def probe_trapped_outside_of_debug(flask: ModuleType) -> object:
    app = _application(flask, TRAP_BAD_REQUEST_ERRORS=True, TESTING=True)
    try:
        return app.test_client().post("/key").status
    except Exception as error:
        return [repr(error), str(error), getattr(error, "show_exception", None)]


def probe_a_redirected_form_in_debug(flask: ModuleType) -> object:
    app = _application(flask, DEBUG=True)
    app.add_url_rule("/moved/", "moved", lambda: "moved", methods=["GET", "POST", "PUT"])
    seen: list[Any] = []
    for method in ("get", "head", "options", "post", "put"):
        client = app.test_client()
        try:
            answer = getattr(client, method)("/moved", data={"a": "1"})
            seen.append((method, answer.status, answer.location))
        except Exception as error:
            seen.append((method, type(error).__name__, str(error)))
    return seen
