"""URLs built by name, inside and outside of requests."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get

STATELESS = True


def create(flask: ModuleType) -> Any:
    return _application(flask)


def _application(flask: ModuleType, **config: Any) -> Any:
    app = flask.Flask(__name__)
    app.config.update(config)
    request = flask.request

    def view(**values: Any) -> Any:
        return repr(values)

    app.add_url_rule("/", "index", view)
    app.add_url_rule("/int/<int:n>", "int", view)
    app.add_url_rule("/string/<s>", "string", view)
    app.add_url_rule("/path/<path:p>", "path", view)
    app.add_url_rule("/float/<float:f>", "float", view)
    app.add_url_rule("/any/<any(a, b):x>", "any", view)
    app.add_url_rule("/uuid/<uuid:u>", "uuid", view)
    app.add_url_rule("/length/<string(length=2):s>", "length", view)
    app.add_url_rule("/fixed/<int(fixed_digits=4):n>", "fixed", view)
    app.add_url_rule("/pages/", "pages", view, defaults={"n": 1})
    app.add_url_rule("/pages/<int:n>", "pages", view)
    app.add_url_rule("/methods", "methods", view, methods=["GET"])
    app.add_url_rule("/methods/post", "methods", methods=["POST"])
    app.add_url_rule("/build-only", "build only", view, build_only=True)
    app.add_url_rule("/aliased", "aliased", view)
    app.add_url_rule("/alias", "aliased", alias=True)
    app.add_url_rule("/größe/<s>", "unicode", view)
    app.add_url_rule("/two/<a>/<b>", "two", view)
    app.add_url_rule("/dir/", "dir", view)
    app.add_url_rule("/sub", "on a subdomain", view, subdomain="sub")
    app.add_url_rule("/sub/<x>", "on a subdomain with a value", view, subdomain="<s>")

    calls: dict[str, Any] = _calls(flask)

    def build(name: str) -> Any:
        try:
            return {"url": calls[name]()}
        except Exception as error:
            return {"type": type(error).__name__, "text": str(error)}

    area = flask.Blueprint("area", __name__, url_prefix="/area")
    inner = flask.Blueprint("inner", __name__, url_prefix="/inner")
    app.add_url_rule("/build/<name>", "build", build)
    area.add_url_rule("/build/<name>", "build", build)
    inner.add_url_rule("/build/<name>", "build", build)
    inner.add_url_rule("/other", "other", view)
    area.register_blueprint(inner)
    app.register_blueprint(area)

    @app.get("/redirect")
    def redirect() -> Any:
        return flask.redirect(flask.url_for("string", s=request.args.get("s", "x")))

    return app


def _calls(flask: ModuleType) -> dict[str, Any]:
    url = flask.url_for
    uuid = importlib.import_module("uuid").UUID(int=7)
    return {
        "index": lambda: url("index"),
        "int": lambda: url("int", n=3),
        "int as text": lambda: url("int", n="3"),
        "int as word": lambda: url("int", n="x"),
        "negative int": lambda: url("int", n=-3),
        "string": lambda: url("string", s="é☃ /?#%&=+;:@!$'()*,~"),
        "string of number": lambda: url("string", s=3),
        "string of None": lambda: url("string", s=None),
        "empty string": lambda: url("string", s=""),
        "path": lambda: url("path", p="a/é b/?#;"),
        "float": lambda: url("float", f=1.5),
        "float of int": lambda: url("float", f=1),
        "any": lambda: url("any", x="a"),
        "any other": lambda: url("any", x="c"),
        "uuid": lambda: url("uuid", u=uuid),
        "uuid text": lambda: url("uuid", u=str(uuid)),
        "length": lambda: url("length", s="abcd"),
        "fixed": lambda: url("fixed", n=3),
        "default": lambda: url("pages"),
        "default given": lambda: url("pages", n=1),
        "not the default": lambda: url("pages", n=2),
        "methods": lambda: url("methods"),
        "method POST": lambda: url("methods", _method="POST"),
        "method of nothing": lambda: url("methods", _method="DELETE"),
        "build only": lambda: url("build only"),
        "aliased": lambda: url("aliased"),
        "unicode": lambda: url("unicode", s="ö"),
        "two": lambda: url("two", a=1, b=2),
        "a value missing": lambda: url("two", a=1),
        "more values": lambda: url("index", b=2, a=1),
        "list value": lambda: url("index", x=[1, 2], y=()),
        "None value": lambda: url("index", x=None, y=""),
        "query of text": lambda: url("index", q="é☃ &=+%?#/"),
        "query of bool": lambda: url("index", q=True),
        "query named like a keyword": lambda: url("index", **{"from": 1, "_x": 2}),
        "anchor": lambda: url("index", _anchor="a b/é#?"),
        "anchor and query": lambda: url("index", q=1, _anchor="x"),
        "empty anchor": lambda: url("index", _anchor=""),
        "external": lambda: url("index", _external=True),
        "external dir": lambda: url("dir", _external=True, q=1),
        "not external": lambda: url("index", _external=False),
        "scheme": lambda: url("index", _scheme="https"),
        "scheme, external": lambda: url("index", _scheme="https", _external=True),
        "scheme, not external": lambda: url("index", _scheme="https", _external=False),
        "empty scheme": lambda: url("index", _scheme="", _external=True),
        "everything": lambda: url(
            "int", n=3, q="x", _anchor="a", _scheme="ftp", _external=True, _method="GET"
        ),
        "relative": lambda: url(".build", name="x"),
        "relative other": lambda: url(".other"),
        "relative inner": lambda: url(".inner.other"),
        "absolute": lambda: url("area.inner.other"),
        "bare name": lambda: url("build", name="x"),
        "missing": lambda: url("missing"),
        "missing near": lambda: url("indx"),
        "missing relative": lambda: url(".missing"),
        "empty endpoint": lambda: url(""),
        "a dot": lambda: url("."),
        "static": lambda: url("static", filename="a/b c.css"),
        "no filename": lambda: url("static"),
        "a subdomain": lambda: url("on a subdomain"),
        "a subdomain with a value": lambda: url("on a subdomain with a value", x="x", s="s"),
        "wrong keyword": lambda: url("index", _external=True, endpoint="x"),
        "positional": lambda: url("index", "x"),
    }


_NAMES = [
    *("index", "int", "int as text", "int as word", "negative int", "string"),
    *("string of number", "string of None", "empty string", "path", "float"),
    *("float of int", "any", "any other", "uuid", "uuid text", "length", "fixed"),
    *("default", "default given", "not the default", "methods", "method POST"),
    *("method of nothing", "build only", "aliased", "unicode", "two"),
    *("a value missing", "more values", "list value", "None value", "query of text"),
    *("query of bool", "query named like a keyword", "anchor", "anchor and query"),
    *("empty anchor", "external", "external dir", "not external", "scheme"),
    *("scheme, external", "scheme, not external", "empty scheme", "everything"),
    *("relative", "relative other", "relative inner", "absolute", "bare name"),
    *("missing", "missing near", "missing relative", "empty endpoint", "a dot"),
    *("static", "no filename", "a subdomain", "a subdomain with a value"),
    *("wrong keyword", "positional"),
]

_RELATIVE = [name for name in _NAMES if "relative" in name or "missing" in name]
_MOUNTED = ["index", "external", "scheme", "everything", "static", "relative"]

REQUESTS = [
    *(get(f"/build/{name}") for name in _NAMES),
    *(get(f"/area/build/{name}") for name in [*_RELATIVE, "bare name", "a dot"]),
    *(get(f"/area/inner/build/{name}") for name in [*_RELATIVE, "bare name"]),
    *(
        get(f"/build/{name}", base_url="https://example.org:8443/mount", name="mounted")
        for name in _MOUNTED
    ),
    *(
        get(f"/build/{name}", base_url="http://xn--n3h.net/", name="an encoded host")
        for name in ("index", "external")
    ),
    get("/redirect"),
    get("/redirect", query="s=%C3%A9%20b"),
]


def _built(app: Any, flask: ModuleType) -> list[Any]:
    seen: list[Any] = []
    for name, call in _calls(flask).items():
        try:
            seen.append((name, call()))
        except Exception as error:
            seen.append((name, type(error).__name__, str(error)))
    return seen


def _outside(flask: ModuleType, **config: Any) -> object:
    app = _application(flask, **config)
    with app.app_context():
        return _built(app, flask)


def probe_outside_of_a_request(flask: ModuleType) -> object:
    return _outside(flask)


def probe_with_a_server_name(flask: ModuleType) -> object:
    return _outside(flask, SERVER_NAME="example.org:81")


def probe_with_an_application_root(flask: ModuleType) -> object:
    return _outside(flask, SERVER_NAME="example.org", APPLICATION_ROOT="/mount")


def probe_with_a_root_without_slash(flask: ModuleType) -> object:
    return _outside(flask, SERVER_NAME="example.org", APPLICATION_ROOT="mount")


def probe_with_a_preferred_scheme(flask: ModuleType) -> object:
    return _outside(flask, SERVER_NAME="example.org", PREFERRED_URL_SCHEME="https")


def probe_a_test_request_follows_the_configuration(flask: ModuleType) -> object:
    app = _application(
        flask,
        SERVER_NAME="example.org",
        APPLICATION_ROOT="/mount",
        PREFERRED_URL_SCHEME="https",
    )
    with app.test_request_context("/"):
        return [flask.request.url, flask.request.script_root, *_built(app, flask)]


def probe_app_url_for(flask: ModuleType) -> object:
    app = _application(flask, SERVER_NAME="example.org")
    with app.app_context():
        first = [app.url_for("int", n=1), app.url_for("index", _external=False)]
    with app.test_request_context("/"):
        return [*first, app.url_for("int", n=1), app.url_for("index", _external=True)]


def probe_app_url_for_without_a_context(flask: ModuleType) -> object:
    return _application(flask, SERVER_NAME="example.org").url_for("index")


def probe_build_error_handlers(flask: ModuleType) -> object:
    app = _application(flask)
    journal: list[Any] = []

    def first(error: Exception, endpoint: str, values: dict[str, Any]) -> Any:
        journal.append(("first", type(error).__name__, endpoint, sorted(values.items())))
        return None

    def second(error: Exception, endpoint: str, values: dict[str, Any]) -> Any:
        journal.append(("second", endpoint))
        return f"/external/{endpoint}" if endpoint == "known" else None

    def third(error: Exception, endpoint: str, values: dict[str, Any]) -> Any:
        journal.append(("third", endpoint))
        if endpoint == "raised":
            raise error
        if endpoint == "other":
            raise KeyError("from a handler")
        return "" if endpoint == "empty" else None

    app.url_build_error_handlers += [first, second, third]
    with app.test_request_context("/"):
        for endpoint in ("known", "unknown", "raised", "other", "empty", ".dotted"):
            for options in ({}, {"a": 1, "_anchor": "x", "_external": True}):
                try:
                    journal.append(flask.url_for(endpoint, **options))
                except Exception as error:
                    journal.append([type(error).__name__, str(error)])
    return journal


def probe_url_defaults(flask: ModuleType) -> object:
    app = _application(flask)
    app.add_url_rule("/<lang>/page", "page", lambda lang: lang)

    @app.url_defaults
    def add_lang(endpoint: str, values: dict[str, Any]) -> None:
        if app.url_map.is_endpoint_expecting(endpoint, "lang"):
            values.setdefault("lang", flask.g.get("lang", "en"))

    @app.url_value_preprocessor
    def take_lang(endpoint: str | None, values: dict[str, Any] | None) -> None:
        flask.g.lang = (values or {}).get("lang", "none")

    with app.test_request_context("/de/page"):
        app.preprocess_request()
        seen = [flask.url_for("page"), flask.url_for("page", lang="fr")]
        seen.append(flask.url_for("index"))
    return seen


def probe_url_defaults_of_another_blueprint(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    journal: list[Any] = []
    for name in ("one", "two"):
        blueprint = flask.Blueprint(name, __name__, url_prefix=f"/{name}")
        blueprint.add_url_rule("/<x>/<y>", "page", lambda x, y: x + y)

        @blueprint.url_defaults
        def defaults(endpoint: str, values: dict[str, Any], name: str = name) -> None:
            journal.append((name, endpoint, dict(values)))
            values.setdefault("y", name)

        app.register_blueprint(blueprint)
    with app.test_request_context("/one/a/b"):
        app.preprocess_request()
        seen = [flask.url_for("one.page", x=1), flask.url_for("two.page", x=1)]
        return [*seen, flask.url_for(".page", x=1), journal]
