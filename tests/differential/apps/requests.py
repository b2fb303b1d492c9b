"""What a request knows about itself, at every stage of its life."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get, head, post

STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    journal = app.extensions["journal"] = []
    request = flask.request
    outer = flask.Blueprint("outer", __name__, url_prefix="/outer")
    inner = flask.Blueprint("inner", __name__, url_prefix="/inner")

    def about() -> dict[str, Any]:
        return {
            "endpoint": request.endpoint,
            "blueprint": request.blueprint,
            "blueprints": request.blueprints,
            "view_args": request.view_args,
            "url_rule": str(request.url_rule),
            "routing_exception": repr(request.routing_exception),
            "method": request.method,
        }

    @app.before_request
    def before() -> Any:
        journal.append(("before", about()))
        if request.args.get("rewrite"):
            request.view_args["name"] = "rewritten"
        if request.args.get("forget"):
            request.routing_exception = None
        if request.args.get("raise"):
            exceptions = importlib.import_module("werkzeug.exceptions")
            request.routing_exception = exceptions.Gone()
        if request.args.get("attribute"):
            request.added = "added"

    @app.after_request
    def after(response: Any) -> Any:
        journal.append(("after", about(), getattr(request, "added", None)))
        return response

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        journal.append(("teardown", about()))

    def show(**values: Any) -> dict[str, Any]:
        return {"given": values, **about()}

    for scaffold in (app, outer, inner):
        scaffold.add_url_rule("/show/<name>", "show", show, methods=["GET", "POST"])
        scaffold.add_url_rule("/dir/", "dir", show)

    @app.get("/identity")
    def identity() -> Any:
        real = request._get_current_object()
        return {
            "repr": repr(request),
            "str": str(request),
            "type": type(real).__name__,
            "application": request.application is not None,
            "equal": request == real,
            "bool": bool(request),
            "shallow": request.shallow,
            "hash": hash(request) == hash(real),
        }

    @app.route("/environ", methods=["GET", "POST"])
    def environ() -> Any:
        return {
            "environ": sorted({*request.environ} - {"werkzeug.request"}),
            "shape": request.is_multithread,
        }

    @app.get("/own-place-in-environ")
    def own_place() -> Any:
        return repr(request.environ.get("werkzeug.request"))

    @app.get("/match")
    def match() -> Any:
        rule, values = importlib.import_module(
            f"{flask.__name__}.globals"
        ).request_ctx.url_adapter.match("/show/x", return_rule=True)
        return {"rule": rule.endpoint, "values": values}

    @app.get("/conditional")
    def conditional() -> Any:
        response = flask.make_response("content")
        response.set_etag("tag")
        return response.make_conditional(request)

    @app.get("/best")
    def best() -> Any:
        return {
            "best": request.accept_mimetypes.best_match(["text/html", "application/json"]),
            "json": request.accept_mimetypes.accept_json,
            "language": request.accept_languages.best_match(["en", "de"]),
        }

    @app.post("/stream")
    def stream() -> Any:
        return request.stream.read()

    @app.get("/close")
    def close() -> str:
        request.call_on_close = None
        return "closed"

    @app.get("/immutable")
    def immutable() -> Any:
        request.args["a"] = "changed"
        return "changed"

    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app


REQUESTS = [
    *(get(f"{place}/show/x") for place in ("", "/outer", "/outer/inner")),
    *(post(f"{place}/show/x") for place in ("", "/outer/inner")),
    *(get(f"{place}/dir") for place in ("", "/outer", "/outer/inner")),
    *(get(f"{place}/missing") for place in ("", "/outer", "/outer/inner")),
    head("/show/x"),
    get("/show/x", query="rewrite=1"),
    get("/show/x", query="attribute=1"),
    get("/show/x", query="raise=1"),
    get("/missing", query="forget=1"),
    get("/missing", query="raise=1"),
    get("/dir", query="forget=1"),
    get("/identity"),
    get("/environ"),
    post("/environ", form={"a": "1"}),
    get("/own-place-in-environ"),
    get("/match"),
    get("/conditional"),
    get("/conditional", name="same", headers=(("If-None-Match", '"tag"'),)),
    get("/best", headers=(("Accept", "application/json"), ("Accept-Language", "de"))),
    get("/best"),
    post("/stream", body=b"body", content_type="text/plain"),
    post("/stream", name="a form", form={"a": "1"}),
    get("/immutable", query="a=1"),
]


def probe_a_request_by_itself(flask: ModuleType) -> object:
    test = importlib.import_module("werkzeug.test")
    environ = test.create_environ("/p?a=1", "http://x.org", method="POST", data={"b": "2"})
    request = flask.Request(environ)
    seen = [
        repr(request),
        request.endpoint,
        request.blueprint,
        request.blueprints,
        request.view_args,
        request.url_rule,
        request.routing_exception,
        request.args.to_dict(),
        request.form.to_dict(),
        request.max_content_length,
        request.max_form_memory_size,
        request.max_form_parts,
        request.json_module.__name__.rpartition(".")[2],
    ]
    shallow = flask.Request(test.create_environ("/"), populate_request=False, shallow=True)
    try:
        shallow.get_data()
    except Exception as error:
        seen.append([type(error).__name__, str(error)])
    return seen


def probe_limits_set_on_a_request(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=1, MAX_FORM_MEMORY_SIZE=2, MAX_FORM_PARTS=3)
    with app.test_request_context("/"):
        request = flask.request
        names = ("max_content_length", "max_form_memory_size", "max_form_parts")
        before = [getattr(request, name) for name in names]
        for name in names:
            setattr(request, name, 9)
        after = [getattr(request, name) for name in names]
        for name in names:
            setattr(request, name, None)
        return [before, after, [getattr(request, name) for name in names]]


def probe_a_werkzeug_request_from_values(flask: ModuleType) -> object:
    request = flask.Request.from_values("/x", data={"a": "1"}, method="POST")
    return [request.path, request.form.to_dict(), type(request).__name__]
