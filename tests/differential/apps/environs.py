"""Environs as odd as servers and attackers make them, and trusted hosts."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get, post

STATELESS = True


def create(flask: ModuleType) -> Any:
    return _application(flask)


def _application(flask: ModuleType, **config: Any) -> Any:
    app = flask.Flask(__name__, subdomain_matching=bool(config.get("SUBDOMAINS")))
    app.config.update(config)
    request = flask.request

    def tried(name: str) -> Any:
        try:
            return repr(getattr(request, name))
        except Exception as error:
            return [type(error).__name__, str(error)]

    @app.route("/", methods=["GET", "POST"])
    def index() -> Any:
        names = ("host", "url", "host_url", "root_url", "url_root", "scheme", "server")
        return {name: tried(name) for name in names}

    @app.get("/plain")
    def plain() -> str:
        return "nothing asked"

    @app.get("/dir/")
    def directory() -> str:
        return "directory"

    @app.get("/external")
    def external() -> Any:
        return flask.url_for("plain", _external=True)

    @app.get("/headers")
    def headers() -> Any:
        return {"headers": sorted(request.headers.items())}

    @app.get("/header/<name>")
    def header(name: str) -> Any:
        return {"value": request.headers.get(name), "length": request.content_length}

    @app.get("/attributes")
    def attributes() -> Any:
        names = (
            *("method", "path", "full_path", "query_string", "remote_addr", "remote_user"),
            *("access_route", "content_type", "content_length", "content_encoding"),
            *("content_md5", "referrer", "date", "max_forwards", "mimetype", "is_json"),
            *("is_secure", "is_multithread", "is_multiprocess", "is_run_once", "pragma"),
            *("authorization", "accept_mimetypes", "accept_languages", "accept_charsets"),
            *("accept_encodings", "cache_control", "if_match", "if_none_match", "range"),
            *("if_modified_since", "if_unmodified_since", "if_range", "user_agent"),
            *("origin", "access_control_request_method", "input_stream", "want_form_data"),
            *("access_control_request_headers", "trusted_hosts", "json_module"),
        )
        skipped = ("input_stream", "json_module")
        return {name: tried(name) for name in names if name not in skipped}

    @app.get("/changed")
    def changed() -> Any:
        kept = request.path
        request.environ.update(PATH_INFO="/other", QUERY_STRING="b=2", HTTP_X="header")
        return {
            "path": [kept, request.path],
            "query": request.query_string.decode(),
            "header": request.headers["X"],
        }

    return app


def _host(host: str, path: str = "/", **options: Any) -> Any:
    name = f"Host: {host[:40]}"
    return get(path, name=name, environ={"HTTP_HOST": host, **options})


_HOSTS = [
    *("localhost", "localhost:80", "localhost:443", "localhost:5000", "LOCALHOST", ""),
    *("a..b", ".example.org", "example.org.", "-x.org", "x" * 64 + ".org", "x" * 300),
    *("[::1]", "[::1]:5000", "::1", "127.0.0.1", "1.2.3.4:x", "x:", ":80", "x:99999"),
    *("user@example.org", "example.org/path", "example.org?q", "example.org#f", "a b"),
    *("\xe9.org", "xn--9ca.org", "xn--a", "a,b", "a\\b", "a%20b", "<script>", "_x.org"),
    *("☃.net".encode().decode("latin-1"), "a\tb", "a\x00b", "*.org", "-", "..."),
]

REQUESTS = [
    *(_host(host) for host in _HOSTS),
    *(_host(host, "/plain") for host in ("", "a..b", "x" * 64 + ".org", "a b", "\xe9")),
    *(_host(host, "/dir") for host in ("", "a..b", "[::1]:5000", "<script>", "\xe9.org")),
    *(_host(host, "/external") for host in ("", "a..b", "x:", "xn--9ca.org", "\xe9.org")),
    *(_host(host, "/missing") for host in ("a..b", "a b")),
    _host("localhost:443", **{"wsgi.url_scheme": "https"}),
    _host("localhost:80", **{"wsgi.url_scheme": "https"}),
    get("/", name="no Host", without=("HTTP_HOST",)),
    get("/", name="no Host, port 5000", without=("HTTP_HOST",), environ={"SERVER_PORT": "5000"}),
    get("/", name="no Host, no port", without=("HTTP_HOST", "SERVER_PORT")),
    get("/", name="no Host, no server", without=("HTTP_HOST", "SERVER_NAME")),
    get("/", name="no Host, a socket", without=("HTTP_HOST",), environ={"SERVER_NAME": "unix:/x"}),
    get("/", name="no Host, IPv6", without=("HTTP_HOST",), environ={"SERVER_NAME": "::1"}),
    get("/plain", name="no query", without=("QUERY_STRING",)),
    get("/plain", name="no path", without=("PATH_INFO",)),
    get("/plain", name="no script name", without=("SCRIPT_NAME",)),
    get("/plain", name="no method", without=("REQUEST_METHOD",)),
    get("/plain", name="no scheme", without=("wsgi.url_scheme",)),
    get("/plain", name="no protocol", without=("SERVER_PROTOCOL",)),
    get("/plain", name="no input", without=("wsgi.input",)),
    get("/plain", name="no errors but none needed", environ={"wsgi.multithread": None}),
    get("/changed", query="a=1"),
    get("/attributes"),
    get("/attributes", query="a=1", name="no path", without=("REQUEST_URI", "RAW_URI")),
    get(
        "/attributes",
        name="every header",
        headers=(
            ("Accept", "text/html;q=0.5, application/json, */*;q=0.1"),
            ("Accept-Language", "de-AT, de;q=0.8"),
            ("Accept-Charset", "utf-8"),
            ("Accept-Encoding", "gzip, br;q=0"),
            ("Authorization", "Basic YWRhOmzDtnZlbGFjZQ=="),
            ("Cache-Control", "no-cache, max-age=3"),
            ("Content-Encoding", "gzip"),
            ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"),
            ("If-Match", '"a", "b"'),
            ("If-None-Match", 'W/"a"'),
            ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"),
            ("If-Range", '"a"'),
            ("Max-Forwards", "3"),
            ("Origin", "http://x.org"),
            ("Pragma", "no-cache"),
            ("Range", "bytes=0-9,20-"),
            ("Referer", "http://x.org/é"),
            ("User-Agent", "Own/1.0 (é)"),
            ("X-Forwarded-For", "1.1.1.1, 2.2.2.2"),
        ),
        environ={"REMOTE_ADDR": "3.3.3.3", "REMOTE_USER": "ada"},
    ),
    get(
        "/attributes",
        name="every header broken",
        headers=(
            ("Accept", ";;q=x,,"),
            ("Accept-Language", "q=1;;"),
            ("Authorization", "Basic ???"),
            ("Cache-Control", "max-age=x,,="),
            ("Date", "yesterday"),
            ("If-Match", 'a,"b'),
            ("If-Modified-Since", "never"),
            ("Max-Forwards", "many"),
            ("Range", "bytes=b-a"),
        ),
    ),
    get("/attributes", name="a token", headers=(("Authorization", "Bearer abc=="),)),
    get(
        "/attributes",
        name="credentials beyond ASCII",
        environ={"HTTP_AUTHORIZATION": "Basic \xc3\xa9\xff"},
    ),
    get("/attributes", name="a scheme alone", headers=(("Authorization", "Digest"),)),
    get("/headers", headers=(("X-A", "1"), ("X-A", "2"), ("x-b", "é"), ("X_C", "3"))),
    get("/headers", name="odd keys", environ={"HTTP_": "x", "HTTP_A": "", "HTTPS": "on"}),
    get("/header/X-Bytes", environ={"HTTP_X_BYTES": "\xff\xfe"}),
    get("/header/x-lower", environ={"HTTP_X_LOWER": "yes"}),
    get("/header/Content-Type", environ={"CONTENT_TYPE": "text/\xe9"}),
    get("/header/Content-Length", environ={"CONTENT_LENGTH": "03"}),
    get("/header/Content-Length", name="twice", environ={"CONTENT_LENGTH": "3,3"}),
    post("/", name="a body that ends early", body=b"x", environ={"CONTENT_LENGTH": "9"}),
]


def _trusting(flask: ModuleType, hosts: Any, **config: Any) -> object:
    app = _application(flask, TRUSTED_HOSTS=hosts, **config)
    seen: list[Any] = []
    for host in (
        *("localhost", "localhost:5000", "example.org", "www.example.org", "a.www.x.org"),
        *("evil.org", "example.org.evil.org", "EXAMPLE.ORG", "example.org:81", "", "a..b"),
        *("badexample.org", "[::1]"),
    ):
        for path in ("/", "/plain", "/missing", "/dir"):
            answer = app.test_client().get(path, headers={"Host": host})
            seen.append((host, path, answer.status, answer.headers.get("Location")))
    return seen


def probe_trusted_hosts(flask: ModuleType) -> object:
    return _trusting(flask, ["example.org", "localhost"])


def probe_trusted_subdomains(flask: ModuleType) -> object:
    return _trusting(flask, [".example.org"])


def probe_trusted_ports(flask: ModuleType) -> object:
    return _trusting(flask, ["example.org:81"])


def probe_no_host_is_trusted(flask: ModuleType) -> object:
    return _trusting(flask, [])


def probe_trusted_as_a_string(flask: ModuleType) -> object:
    return _trusting(flask, "example.org")


def probe_trusted_and_a_server_name(flask: ModuleType) -> object:
    return _trusting(flask, ["example.org"], SERVER_NAME="example.org")


def probe_trusted_and_handled(flask: ModuleType) -> object:
    app = _application(flask, TRUSTED_HOSTS=["example.org"])
    journal: list[Any] = []

    @app.before_request
    def before() -> None:
        error = flask.request.routing_exception
        journal.append(("before", flask.request.endpoint, type(error).__name__))

    @app.errorhandler(400)
    def on_400(error: Any) -> Any:
        journal.append(("handler", type(error).__name__, str(error)))
        return "handled", 400

    @app.after_request
    def after(response: Any) -> Any:
        journal.append(("after", response.status))
        return response

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        journal.append(("teardown", error))

    for host in ("example.org", "evil.org", "a..b"):
        answer = app.test_client().get("/plain", headers={"Host": host})
        journal.append((host, answer.status, answer.text))
    return journal


def probe_subdomains_and_bad_hosts(flask: ModuleType) -> object:
    app = _application(flask, SERVER_NAME="example.org", SUBDOMAINS=True)
    app.add_url_rule("/", "sub", lambda name: name, subdomain="<name>")
    seen: list[Any] = []
    for host in (*_HOSTS[:16], "a..example.org", ".example.org", "\xe9.example.org"):
        try:
            answer = app.test_client().get("/", headers={"Host": host})
            seen.append((host, answer.status, answer.text[:80]))
        except Exception as error:
            seen.append((host, type(error).__name__, str(error)))
    return seen


def probe_server_names(flask: ModuleType) -> object:
    seen: list[Any] = []
    for name in ("example.org", "example.org:81", "localhost", "a..b", "", "x" * 70):
        app = _application(flask, SERVER_NAME=name)
        try:
            with app.app_context():
                seen.append((name, flask.url_for("plain")))
        except Exception as error:
            seen.append((name, type(error).__name__, str(error)))
        answer = app.test_client().get("/external")
        seen.append((name, answer.status, answer.text[:60]))
    return seen
