"""Application and request contexts: who sees what, and when it ends."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ..asking import get

STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "contexts"
    journal = app.extensions["journal"] = []
    other = flask.Flask("other")
    g, request, session = flask.g, flask.request, flask.session

    def seen() -> tuple[bool, bool]:
        return flask.has_app_context(), flask.has_request_context()

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        journal.append(("teardown_request", error, *seen(), sorted(g)))

    @app.teardown_appcontext
    def pop(error: BaseException | None) -> None:
        journal.append(("teardown_appcontext", error, *seen(), sorted(g)))

    @other.teardown_appcontext
    def other_pop(error: BaseException | None) -> None:
        journal.append(("teardown_appcontext of other", error, *seen()))

    @other.get("/other")
    def other_view() -> dict[str, Any]:
        return {"app": flask.current_app.name, "g": sorted(g), "path": request.path}

    @app.get("/g")
    def the_g() -> dict[str, Any]:
        g.a = 1
        g.setdefault("b", 2)
        g.setdefault("b", 3)
        return {
            "repr": repr(g),
            "list": sorted(g),
            "in": ["a" in g, "c" in g],
            "get": [g.get("a"), g.get("c"), g.get("c", 4)],
            "pop": [g.pop("a"), g.pop("c", 5)],
            "after": sorted(g),
        }

    @app.get("/g-missing")
    def g_missing() -> Any:
        return g.missing

    @app.get("/g-pop")
    def g_pop() -> Any:
        return g.pop("missing")

    @app.get("/nested-app")
    def nested_app() -> dict[str, Any]:
        g.a = 1
        with app.app_context():
            g.b = 2
            inside = [sorted(g), request.path, flask.url_for("the_g")]
        with other.app_context():
            elsewhere = [flask.current_app.name, sorted(g), request.path]
        return {"inside": inside, "elsewhere": elsewhere, "g": sorted(g)}

    @app.get("/nested-request")
    def nested_request() -> dict[str, Any]:
        g.a = 1
        session["outer"] = 1
        with app.test_request_context("/g?x=1"):
            inside = [request.full_path, sorted(g), dict(session), request.endpoint]
            g.b = 2
        with other.test_request_context("/other"):
            elsewhere = [flask.current_app.name, sorted(g), request.path]
        return {
            "inside": inside,
            "elsewhere": elsewhere,
            "g": sorted(g),
            "path": request.path,
            "session": dict(session),
        }

    @app.get("/nested-client")
    def nested_client() -> dict[str, Any]:
        g.a = 1
        inner = app.test_client().get("/g").json
        elsewhere = other.test_client().get("/other").json
        return {
            "inner": inner,
            "elsewhere": elsewhere,
            "g": sorted(g),
            "path": request.path,
            "app": flask.current_app.name,
        }

    @app.get("/thread")
    def thread() -> dict[str, Any]:
        g.a = 1
        session["a"] = 1

        @flask.copy_current_request_context
        def copied() -> Any:
            g_there = sorted(g)
            g.b = 2
            return [request.path, g_there, dict(session), *seen()]

        return {
            "copied": _in_thread(copied),
            "plain": _in_thread(seen),
            "g": sorted(g),
        }

    @app.get("/copy-in-place")
    def copy_in_place() -> dict[str, Any]:
        g.a = 1

        @flask.copy_current_request_context
        def copied() -> Any:
            return [request.path, sorted(g)]

        return {"seen": copied(), "name": copied.__name__}

    @app.get("/stream")
    def stream() -> Any:
        g.a = 1

        def generate() -> Iterator[str]:
            journal.append(("streaming", *seen(), sorted(g)))
            yield request.path
            journal.append(("streamed", *seen()))
            yield str(sorted(g))

        return flask.stream_with_context(generate())

    @app.get("/stream-function")
    def stream_function() -> Any:
        @flask.stream_with_context
        def generate(word: str) -> Iterator[str]:
            yield word
            yield request.args["word"]

        return generate("first ")

    @app.get("/stream-nothing")
    def stream_nothing() -> Any:
        return flask.stream_with_context(iter(()))

    @app.get("/stream-failing")
    def stream_failing() -> Any:
        def generate() -> Iterator[str]:
            yield "one"
            raise ValueError("while streaming")

        return flask.stream_with_context(generate())

    @app.get("/stream-closing")
    def stream_closing() -> Any:
        class Source:
            def __iter__(self) -> Iterator[str]:
                return self

            def __next__(self) -> str:
                raise StopIteration

            def close(self) -> None:
                journal.append(("closed", *seen()))

        return flask.stream_with_context(Source())

    @app.get("/stream-session")
    def stream_session() -> Any:
        def generate() -> Iterator[str]:
            session["late"] = 1
            yield str(dict(session))

        session["early"] = 1
        return flask.stream_with_context(generate())

    @app.get("/stream-plain")
    def stream_plain() -> Any:
        def generate() -> Iterator[str]:
            journal.append(("streaming", *seen()))
            yield "one"
            yield request.path

        return generate()

    @app.get("/on-close")
    def on_close() -> Any:
        response = flask.make_response("text")
        response.call_on_close(lambda: journal.append(("on close", *seen())))
        return response

    @app.get("/proxies")
    def proxies() -> dict[str, Any]:
        contexts = importlib.import_module(f"{flask.__name__}.globals")
        return {
            "types": [
                type(proxy._get_current_object()).__name__
                for proxy in (flask.current_app, g, request, session)
            ],
            "same app": flask.current_app == app,
            "is": flask.current_app._get_current_object() is app,
            "isinstance": [isinstance(request, flask.Request), isinstance(app, object)],
            "contexts": [
                type(contexts.app_ctx._get_current_object()).__name__,
                type(contexts.request_ctx._get_current_object()).__name__,
                contexts.app_ctx.app is app,
                contexts.request_ctx.app is app,
                contexts.request_ctx.request is request._get_current_object(),
                contexts.request_ctx.session is session._get_current_object(),
                contexts.request_ctx.flashes,
                contexts.app_ctx.g is g._get_current_object(),
            ],
            "repr": repr(contexts.request_ctx),
        }

    @app.get("/pushed")
    def pushed() -> str:
        context = app.app_context()
        context.push()
        journal.append(("pushed", sorted(g)))
        context.pop()
        return "popped"

    @app.get("/left")
    def left() -> str:
        app.app_context().push()
        return "left"

    @app.get("/popped-too-early")
    def popped_too_early() -> str:
        importlib.import_module(f"{flask.__name__}.globals").request_ctx.pop()
        return "popped"

    return app


def _in_thread(function: Callable[[], Any]) -> Any:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results


REQUESTS = [
    get("/g"),
    get("/g-missing"),
    get("/g-pop"),
    get("/nested-app"),
    get("/nested-request"),
    get("/nested-client"),
    get("/thread"),
    get("/copy-in-place"),
    get("/stream"),
    get("/stream-function", query="word=second"),
    get("/stream-nothing"),
    get("/stream-failing"),
    get("/stream-closing"),
    get("/stream-session"),
    get("/stream-plain"),
    get("/on-close"),
    get("/proxies"),
    get("/pushed"),
    get("/popped-too-early"),
]


def _tried(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def probe_outside_of_every_context(flask: ModuleType) -> object:
    contexts = importlib.import_module(f"{flask.__name__}.globals")
    proxies = [flask.current_app, flask.g, flask.request, flask.session]
    proxies += [contexts.app_ctx, contexts.request_ctx]
    return [
        *([repr(p), bool(p), _tried(lambda p=p: p.x), dir(p)] for p in proxies),
        _tried(lambda: "x" in flask.g),
        _tried(lambda: flask.g.get("x")),
        _tried(lambda: setattr(flask.g, "x", 1)),
        _tried(lambda: flask.session["x"]),
        _tried(lambda: len(flask.session)),
        _tried(lambda: flask.request == flask.request),
        _tried(lambda: isinstance(flask.request, flask.Request)),
        flask.has_app_context(),
        flask.has_request_context(),
        _tried(lambda: flask.url_for("x")),
        _tried(lambda: flask.flash("x")),
        _tried(lambda: flask.get_flashed_messages()),
        _tried(lambda: flask.jsonify(1)),
        _tried(lambda: flask.make_response("x")),
        _tried(lambda: flask.render_template("x")),
        _tried(lambda: flask.render_template_string("x")),
        _tried(lambda: flask.stream_template_string("x")),
        _tried(lambda: flask.send_from_directory("x", "y")),
        _tried(lambda: flask.get_template_attribute("x", "y")),
        _tried(lambda: flask.abort(404)),
        _tried(lambda: flask.abort(999)),
        _tried(lambda: flask.redirect("/x").location),
        _tried(lambda: flask.after_this_request(lambda response: response)),
        _tried(lambda: flask.copy_current_request_context(lambda: 1)),
        _tried(lambda: flask.stream_with_context(iter("x"))),
        _tried(lambda: flask.stream_with_context(lambda: iter("x"))()),
        _tried(lambda: flask.json.dumps({"b": 1, "a": "é"})),
        _tried(lambda: flask.json.loads("[1]")),
        _tried(lambda: flask.json.jsonify(1)),
    ]


def probe_sending_a_file_outside_of_every_context(flask: ModuleType) -> object:
    return _tried(lambda: flask.send_file("x"))


def probe_iterating_outside_of_every_context(flask: ModuleType) -> object:
    return [_tried(lambda: sorted(flask.session)), _tried(lambda: list(flask.g))]


def probe_inside_an_application_context(flask: ModuleType) -> object:
    app = create(flask)
    with app.app_context():
        return [
            repr(flask.current_app),
            repr(flask.g),
            bool(flask.g),
            repr(flask.request),
            flask.has_app_context(),
            flask.has_request_context(),
            _tried(lambda: flask.url_for("the_g")),
            _tried(lambda: flask.url_for("the_g", _external=False)),
            _tried(lambda: flask.flash("x")),
            _tried(lambda: flask.jsonify(a=1).get_data()),
            _tried(lambda: flask.render_template_string("{{ g.x }}|{{ request }}")),
            _tried(lambda: flask.render_template_string("{{ session }}{{ config.x }}")),
            _tried(lambda: flask.after_this_request(lambda response: response)),
            _tried(lambda: flask.make_response("x", 201).status),
        ]


def probe_pushing_and_popping(flask: ModuleType) -> object:
    app = create(flask)
    journal = app.extensions["journal"]
    app_context, context = app.app_context(), app.test_request_context("/g")
    for deed in (
        context.push,
        app_context.push,
        context.push,
        context.pop,
        app_context.pop,
        context.pop,
        context.pop,
        app_context.pop,
    ):
        journal.append((deed.__qualname__, _kind(_tried(deed))))
        journal.append((flask.has_app_context(), flask.has_request_context()))
    return journal


def _kind(outcome: object) -> object:
    # The text of a `LookupError` names the context variable, an internal matter.
    text = str(outcome)
    return "LookupError" if text.startswith("LookupError") else text


def probe_popping_the_wrong_one(flask: ModuleType) -> object:
    app = create(flask)
    first, second = app.app_context(), app.app_context()
    first.push()
    second.push()
    return [_tried(first.pop), flask.has_app_context()]


def probe_popping_the_wrong_request(flask: ModuleType) -> object:
    app = create(flask)
    first, second = app.test_request_context("/g"), app.test_request_context("/stream")
    first.push()
    second.push()
    return [_tried(first.pop), flask.has_request_context()]


def probe_g_is_shared_with_the_application_context(flask: ModuleType) -> object:
    app = create(flask)
    journal = app.extensions["journal"]
    contexts = importlib.import_module(f"{flask.__name__}.globals")
    with app.app_context() as outer:
        flask.g.a = 1
        with app.test_request_context("/g"):
            shared = contexts.app_ctx._get_current_object() is outer
            journal.append(("inside", sorted(flask.g), shared))
            flask.g.b = 2
            with app.test_request_context("/stream"):
                journal.append(("deeper", sorted(flask.g), flask.request.path))
                flask.g.c = 3
            journal.append(("after", sorted(flask.g), flask.request.path))
        journal.append(("outside", sorted(flask.g)))
    return journal


def probe_g_of_another_application(flask: ModuleType) -> object:
    first, second = flask.Flask("first"), flask.Flask("second")
    with first.app_context():
        flask.g.a = 1
        with second.test_request_context("/"):
            inside = [flask.current_app.name, sorted(flask.g)]
        return [*inside, flask.current_app.name, sorted(flask.g)]


def probe_an_error_in_a_with_block(flask: ModuleType) -> object:
    app = create(flask)
    for context in (app.app_context(), app.test_request_context("/g")):
        _tried(lambda c=context: _raise_inside(c))
    return app.extensions["journal"]


def _raise_inside(context: Any) -> None:
    with context:
        raise ValueError("inside")


def probe_popping_with_an_error(flask: ModuleType) -> object:
    app = create(flask)
    context = app.test_request_context("/g")
    context.push()
    context.pop(ValueError("given"))
    try:
        raise KeyError("current")
    except KeyError:
        context = app.test_request_context("/g")
        context.push()
        context.pop()
        app.app_context().push()
        importlib.import_module(f"{flask.__name__}.globals").app_ctx.pop()
    return app.extensions["journal"]


def probe_copying_a_request_context(flask: ModuleType) -> object:
    app = create(flask)
    with app.test_request_context("/g?x=1") as context:
        flask.session["a"] = 1
        flask.g.a = 1
        copy = context.copy()
    with copy:
        return [
            copy is context,
            copy.request is context.request,
            dict(flask.session),
            sorted(flask.g),
            flask.request.full_path,
        ]


def probe_a_request_context_by_hand(flask: ModuleType) -> object:
    test = importlib.import_module("werkzeug.test")
    app = create(flask)
    environ = test.create_environ("/g", "http://x.org/", query_string="a=1")
    with app.request_context(environ) as context:
        return [
            flask.request.url,
            flask.request.endpoint,
            context.url_adapter.server_name,
            context.request.environ is environ,
            flask.url_for("the_g", _external=True),
        ]


def _given_session(flask: ModuleType, session: Any) -> object:
    contexts = importlib.import_module(f"{flask.__name__}.ctx")
    test = importlib.import_module("werkzeug.test")
    app = create(flask)
    environ = test.create_environ("/g")
    request = app.request_class(environ)
    with contexts.RequestContext(app, environ, request, session):
        request = flask.request
        return [repr(flask.session), request.path, request.endpoint, flask.session["a"]]


def probe_a_session_given_to_a_context(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    return _given_session(flask, sessions.SecureCookieSession(a=1))


def probe_a_null_session_given_to_a_context(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    return _given_session(flask, sessions.NullSession(a=1))


def probe_a_request_that_matches_nothing(flask: ModuleType) -> object:
    app = create(flask)
    with app.test_request_context("/missing"):
        request = flask.request
        return [
            request.endpoint,
            request.view_args,
            request.url_rule,
            request.blueprint,
            request.blueprints,
            repr(request.routing_exception),
        ]


def probe_what_test_request_context_takes(flask: ModuleType) -> object:
    app = create(flask)
    seen: list[Any] = []
    for arguments, keywords in (
        ((), {}),
        (("/g",), {"method": "POST", "data": {"a": "1"}}),
        (("/g",), {"json": {"b": 1, "a": None}}),
        (("/g",), {"query_string": {"a": "é"}}),
        (("/g?a=1",), {"headers": {"X-A": "1"}}),
        (("http://x.org:81/g",), {}),
        (("/g", "https://x.org/mount"), {}),
        (("/g",), {"url_scheme": "https"}),
    ):
        with app.test_request_context(*arguments, **keywords):
            request = flask.request
            seen.append(
                [
                    request.url,
                    request.method,
                    request.get_data(as_text=True),
                    request.content_type,
                    request.headers.get("X-A"),
                    request.args.to_dict(),
                    request.form.to_dict(),
                    request.script_root,
                ]
            )
    return seen


def probe_preprocess_and_process_by_hand(flask: ModuleType) -> object:
    app = create(flask)
    app.before_request(lambda: "from before")
    app.after_request(lambda response: flask.Response(f"after {response.get_data()}"))
    with app.test_request_context("/g"):
        first = app.preprocess_request()
        made = app.make_response("x")
        return [
            first,
            app.process_response(made).get_data(),
            app.dispatch_request(),
            app.full_dispatch_request().get_data(),
        ]
