"""Every kind of hook, on the application and on two nested blueprints."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..asking import get, options, post


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "hooks"
    journal = app.extensions["journal"] = []
    request = flask.request
    outer = flask.Blueprint("outer", __name__, url_prefix="/outer")
    inner = flask.Blueprint("inner", __name__, url_prefix="/inner")

    def hooks(scaffold: Any, owner: str) -> None:
        def note(kind: str, number: int, *about: object) -> None:
            seen = flask.has_app_context(), flask.has_request_context()
            journal.append((f"{kind} of {owner} {number}", *about, *seen))

        for number in (1, 2):

            @scaffold.before_request
            def before(number: int = number) -> Any:
                note("before", number, request.endpoint)
                if request.args.get("stop") == f"{owner}{number}":
                    return f"stopped by {owner}{number}", 299
                if request.args.get("fail") == f"before {owner}{number}":
                    raise ValueError(f"before {owner}{number}")
                return None

            @scaffold.after_request
            def after(response: Any, number: int = number) -> Any:
                note("after", number, response.status_code)
                response.headers.add("X-After", f"{owner}{number}")
                if request.args.get("fail") == f"after {owner}{number}":
                    raise ValueError(f"after {owner}{number}")
                if request.args.get("replace") == f"{owner}{number}":
                    return flask.Response(f"replaced by {owner}{number}")
                if request.args.get("forget") == f"{owner}{number}":
                    return None
                return response

            @scaffold.teardown_request
            def teardown(error: BaseException | None, number: int = number) -> None:
                note("teardown", number, error)
                if request.args.get("fail") == f"teardown {owner}{number}":
                    raise ValueError(f"teardown {owner}{number}")

            @scaffold.url_value_preprocessor
            def values(
                endpoint: str | None, values: dict[str, Any] | None, n: int = number
            ) -> None:
                note("values", n, endpoint, repr(values))
                if request.args.get("fail") == f"values {owner}{n}":
                    raise ValueError(f"values {owner}{n}")
                if values and "word" in values:
                    values["word"] += f"+{owner}{n}"

            @scaffold.url_defaults
            def defaults(endpoint: str, values: dict[str, Any], n: int = number) -> None:
                note("defaults", n, endpoint, repr(values))
                values.setdefault("lang", f"{owner}{n}")

            @scaffold.context_processor
            def context(number: int = number) -> dict[str, str]:
                note("context", number)
                return {"who": f"{owner}{number}", f"{owner}{number}": "yes"}

    hooks(app, "app")
    hooks(outer, "outer")
    hooks(inner, "inner")

    @outer.before_app_request
    def before_app() -> None:
        journal.append(("before_app_request of outer",))

    @inner.after_app_request
    def after_app(response: Any) -> Any:
        journal.append(("after_app_request of inner",))
        return response

    @inner.teardown_app_request
    def teardown_app(error: BaseException | None) -> None:
        journal.append(("teardown_app_request of inner", error))

    @outer.app_url_value_preprocessor
    def app_values(endpoint: str | None, values: dict[str, Any] | None) -> None:
        journal.append(("app_url_value_preprocessor of outer", endpoint))

    @inner.app_url_defaults
    def app_defaults(endpoint: str, values: dict[str, Any]) -> None:
        journal.append(("app_url_defaults of inner", endpoint))

    @inner.app_context_processor
    def app_context() -> dict[str, str]:
        journal.append(("app_context_processor of inner",))
        return {"who": "app context of inner"}

    for number in (1, 2):

        @app.teardown_appcontext
        def pop(error: BaseException | None, number: int = number) -> None:
            seen = flask.has_app_context(), flask.has_request_context()
            journal.append((f"teardown_appcontext {number}", error, *seen))
            if flask.has_request_context():
                return

    def views(scaffold: Any) -> None:
        @scaffold.route("/")
        def index() -> str:
            journal.append(("view", request.endpoint, request.blueprints))
            return "index"

        @scaffold.route("/word/<word>")
        def word(word: str) -> str:
            journal.append(("view", word))
            return word

        @scaffold.route("/link")
        def link() -> str:
            return str(flask.url_for(".word", word="w"))

        @scaffold.route("/lang/<lang>")
        def lang(lang: str) -> str:
            return str(flask.url_for(".lang"))

        @scaffold.route("/template")
        def template() -> str:
            return str(
                flask.render_template_string(
                    "{{ who }} {{ app1 }} {{ outer1 }} {{ inner1 }}", inner1="given"
                )
            )

        @scaffold.route("/fail")
        def fail() -> str:
            raise ValueError("view")

        @scaffold.route("/abort")
        def abort() -> str:
            flask.abort(418)

        @scaffold.route("/this")
        def this() -> str:
            for number in (1, 2):

                @flask.after_this_request
                def after(response: Any, number: int = number) -> Any:
                    journal.append(("after_this_request", number))
                    response.headers.add("X-After", f"this{number}")
                    if request.args.get("replace") == f"this{number}":
                        return flask.Response(f"replaced by this{number}")
                    if request.args.get("fail") == f"this{number}":
                        raise ValueError(f"this{number}")
                    return response

            return "this"

        @scaffold.post("/post")
        def only_post() -> str:
            return "posted"

    views(app)
    views(outer)
    views(inner)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app


_PLACES = ("", "/outer", "/outer/inner")

REQUESTS = [
    *(get(f"{place}/") for place in _PLACES),
    *(get(f"{place}/word/w") for place in _PLACES),
    *(get(f"{place}/link") for place in _PLACES),
    *(get(f"{place}/lang/de") for place in _PLACES),
    *(get(f"{place}/template") for place in _PLACES),
    *(get(f"{place}/fail") for place in _PLACES),
    *(get(f"{place}/abort") for place in _PLACES),
    *(get(f"{place}/this") for place in _PLACES),
    *(get(f"{place}/post") for place in _PLACES),
    *(post(f"{place}/post") for place in _PLACES),
    *(options(f"{place}/post") for place in _PLACES),
    *(get(f"{place}/missing") for place in _PLACES),
    *(
        get("/outer/inner/", query=f"stop={owner}{number}")
        for owner in ("app", "outer", "inner")
        for number in (1, 2)
    ),
    *(
        get("/outer/inner/", query=f"fail={kind}%20{owner}2")
        for kind in ("before", "after", "teardown", "values")
        for owner in ("app", "outer", "inner")
    ),
    *(
        get("/outer/inner/", query=f"{deed}={owner}1")
        for deed in ("replace", "forget")
        for owner in ("app", "outer", "inner")
    ),
    get("/outer/inner/fail", query="fail=teardown%20outer1"),
    get("/outer/inner/fail", query="fail=after%20outer1"),
    get("/outer/inner/fail", query="replace=outer1"),
    get("/outer/inner/this", query="replace=this1"),
    get("/outer/inner/this", query="fail=this1"),
    get("/missing", query="stop=app2"),
    get("/missing", query="fail=before%20app1"),
    post("/outer/inner/", query="stop=app1"),
]
