"""The functions of `helpers`, and several applications and threads side by side."""

from __future__ import annotations

import importlib
import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from ..asking import get


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "helping"
    request, g, session = flask.request, flask.g, flask.session

    @app.get("/slow/<word>")
    def slow(word: str) -> Any:
        g.word = word
        session["word"] = word
        if barrier := request.environ.get("barrier"):
            barrier.wait(timeout=10)
        return {
            "g": g.word,
            "session": session["word"],
            "path": request.path,
            "app": id(flask.current_app._get_current_object()) == id(app),
            "url": flask.url_for("slow", word="w"),
        }

    return app


REQUESTS = [get("/slow/x")]


def _helpers(flask: ModuleType) -> ModuleType:
    return importlib.import_module(f"{flask.__name__}.helpers")


def _tried(deed: Any) -> Any:
    try:
        return deed()
    except Exception as error:
        return [type(error).__name__, str(error)]


def probe_get_root_path(flask: ModuleType) -> object:
    helpers = _helpers(flask)
    return [
        helpers.get_root_path(__name__) == str(Path(__file__).parent),
        Path(helpers.get_root_path("json")).name,
        Path(helpers.get_root_path("json.decoder")).name,
        _tried(lambda: helpers.get_root_path("made_up") == str(Path.cwd())),
        _tried(lambda: helpers.get_root_path("made.up")),
        _tried(lambda: helpers.get_root_path("sys") == str(Path.cwd())),
    ]


def probe_flags_from_the_environment(flask: ModuleType) -> object:
    helpers, seen = _helpers(flask), []
    before = {name: os.environ.get(name) for name in ("FLASK_DEBUG", "FLASK_SKIP_DOTENV")}
    try:
        for value in (None, "", "0", "1", "false", "True", "no", "NO", "yes", "x"):
            for name in before:
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            flags = helpers.get_debug_flag(), helpers.get_load_dotenv()
            seen.append([value, *flags, helpers.get_load_dotenv(False)])
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return seen


def probe_stream_with_context_as_a_decorator(flask: ModuleType) -> object:
    app = flask.Flask(__name__)

    @flask.stream_with_context
    def generate(*words: str, last: str) -> Any:
        """Documented."""
        yield from words
        yield flask.request.path
        yield last

    with app.test_request_context("/here"):
        seen = list(generate("a", "b", last="c"))
    return [generate.__name__, generate.__doc__, seen, _tried(lambda: list(generate(last="x")))]


def probe_after_this_request_by_hand(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    with app.test_request_context("/"):

        @flask.after_this_request
        def change(response: Any) -> Any:
            response.headers["X-Changed"] = "yes"
            return response

        response = app.process_response(app.make_response("x"))
        again = app.process_response(app.make_response("x"))
    return [response.headers.get("X-Changed"), again.headers.get("X-Changed"), change.__name__]


def probe_redirect(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    own = type("Own", (flask.Response,), {})
    outside = flask.redirect("/x")
    seen = [type(outside).__module__.partition(".")[0], outside.location, outside.status]
    with app.app_context():
        inside = flask.redirect("/é", 307)
        seen += [isinstance(inside, flask.Response), inside.location, inside.status]
        seen += [type(flask.redirect("/x", Response=own)).__name__]
        seen += [type(app.redirect("/x", 301)).__name__]
    return seen


def probe_two_applications_take_turns(flask: ModuleType) -> object:
    app, other = create(flask), create(flask)
    first, second = app.test_client(), other.test_client()
    seen: list[Any] = []
    with first:
        first.get("/slow/a")
        seen.append((flask.request.path, flask.g.word, flask.session["word"]))
        with app.test_request_context("/slow/b"), other.app_context():
            seen.append((sorted(flask.g), flask.request.path, flask.current_app is other))
        seen.append((flask.request.path, flask.g.word))
    with second:
        second.get("/slow/c")
        seen.append((flask.request.path, flask.g.word))
    return [*seen, flask.has_app_context()]


def probe_threads_do_not_see_each_other(flask: ModuleType) -> object:
    count = 6
    apps = create(flask), create(flask)
    barrier = threading.Barrier(count)
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        client = apps[number % 2].test_client()
        environ = {"barrier": barrier}
        answers[number] = client.get(f"/slow/{number}", environ_overrides=environ).json

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    with apps[0].test_request_context("/slow/outside"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [answers[number] for number in range(count)], sorted(flask.g), flask.request.path
