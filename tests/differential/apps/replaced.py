"""Methods and registries replaced on an application, before and after it served."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import get


def create(flask: ModuleType) -> Any:
    """Each visit to `/do/<deed>` changes the running application."""
    app = flask.Flask(__name__)
    app.secret_key = "replaced"
    journal = app.extensions["journal"] = []
    area = flask.Blueprint("area", __name__, url_prefix="/area")

    def note(word: str, returned: Any = None) -> Any:
        def noting(*args: Any, **kwargs: Any) -> Any:
            journal.append((word,))
            return args[0] if returned is args else returned

        return noting

    def noting_response(word: str) -> Any:
        def noting(response: Any) -> Any:
            journal.append((word, response.status))
            return response

        return noting

    for scaffold in (app, area):
        scaffold.add_url_rule("/", "index", note("view", "index"))
        scaffold.add_url_rule("/fail", "fail", lambda: 1 / 0)
        scaffold.add_url_rule("/abort", "abort", lambda: flask.abort(403))
    app.register_blueprint(area)
    rule_class = app.url_rule_class

    def subclassed_call(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"another wsgi_app"]

    def replace_session_interface() -> None:
        sessions = importlib.import_module(f"{flask.__name__}.sessions")

        class Interface(sessions.SessionInterface):
            def open_session(self, *args: Any) -> dict[str, Any]:
                journal.append(("open",))
                return {}

            def save_session(self, *args: Any) -> None:
                journal.append(("save",))

        # Open the session of this request, which need not be open yet.
        flask.session.get("opened")
        app.session_interface = Interface()

    deeds: dict[str, Any] = {
        "view": lambda: app.view_functions.update(index=note("view", "another index")),
        "view in area": lambda: app.view_functions.update(
            {"area.index": note("view", "another index")}
        ),
        "no view": lambda: app.view_functions.pop("index"),
        "before": lambda: app.before_request_funcs[None].append(note("before")),
        "before in area": lambda: app.before_request_funcs["area"].append(note("b")),
        "stop": lambda: app.before_request_funcs[None].insert(0, note("stop", "stopped")),
        "before as a new dict": lambda: setattr(
            app, "before_request_funcs", {None: [note("new before")]}
        ),
        "before as a new list": lambda: app.before_request_funcs.update(
            {None: [note("listed before")]}
        ),
        "after": lambda: app.after_request_funcs[None].append(noting_response("after")),
        "after in area": lambda: app.after_request_funcs.setdefault("area", []).append(
            noting_response("after in area")
        ),
        "teardown": lambda: app.teardown_request_funcs[None].append(note("teardown")),
        "teardown context": lambda: app.teardown_appcontext_funcs.append(note("pop")),
        "values": lambda: app.url_value_preprocessors[None].append(note("values")),
        "defaults": lambda: app.url_default_functions[None].append(note("defaults")),
        "handler": lambda: app.error_handler_spec[None][None].update(
            {ZeroDivisionError: note("handler", "handled")}
        ),
        "handler of a code": lambda: app.error_handler_spec[None][403].update(
            {
                importlib.import_module("werkzeug.exceptions").Forbidden: note(
                    "handler of a code", "handled 403"
                )
            }
        ),
        "handler in area": lambda: app.error_handler_spec["area"][None].update(
            {ZeroDivisionError: note("handler in area", "handled in the area")}
        ),
        "rule": lambda: app.url_map.add(rule_class("/new", endpoint="index")),
        "rule with a value": lambda: app.url_map.add(rule_class("/<int:n>", endpoint="fail")),
        "context processor": lambda: app.template_context_processors[None].append(
            note("context", {"processed": "yes"})
        ),
        "wsgi_app": lambda: setattr(app, "wsgi_app", subclassed_call),
        "session interface": replace_session_interface,
        "config": lambda: app.config.update(PROPAGATE_EXCEPTIONS=True),
        "debug": lambda: setattr(app, "debug", True),
        "testing": lambda: setattr(app, "testing", True),
        "secret key": lambda: setattr(app, "secret_key", None),
        "build error": lambda: app.url_build_error_handlers.append(
            lambda error, endpoint, values: f"/built/{endpoint}"
        ),
        "static folder": lambda: setattr(app, "static_folder", "area_static"),
        "teardown cleared": lambda: app.teardown_request_funcs.clear(),
        "strict slashes": lambda: setattr(app.url_map, "strict_slashes", False),
    }

    @app.get("/do/<deed>")
    def do(deed: str) -> str:
        deeds[deed]()
        return "done"

    @app.get("/template")
    def template() -> Any:
        return flask.render_template_string("{{ processed }} {{ session }}")

    @app.get("/url")
    def url() -> Any:
        return flask.url_for("index") + flask.url_for("missing")

    @app.get("/dir/")
    def directory() -> str:
        return "directory"

    app.config["DEEDS"] = list(deeds)
    return app


_DEEDS = [
    *("view", "view in area", "no view", "before", "before in area", "stop"),
    *("before as a new dict", "before as a new list", "after", "after in area"),
    *("teardown", "teardown context", "values", "defaults", "handler"),
    *("handler of a code", "handler in area", "rule", "rule with a value"),
    *("context processor", "wsgi_app", "session interface", "config", "debug"),
    *("testing", "secret key", "build error", "static folder", "teardown cleared"),
    *("strict slashes",),
]

_LATER = [
    *("/", "/area/", "/fail", "/area/fail", "/abort", "/new", "/3", "/template", "/url"),
    *("/dir", "/missing", "/static/hello.txt"),
]

REQUESTS = [
    *(get(f"/do/{deed}", then=tuple(map(get, _LATER))) for deed in _DEEDS),
    *(
        get("/", name=f"before {deed}", then=(get(f"/do/{deed}"), *map(get, _LATER)))
        for deed in _DEEDS
    ),
]


def _served(flask: ModuleType, first: bool, **methods: Any) -> object:
    """An application whose methods are replaced on the instance."""
    app = flask.Flask(__name__)
    app.logger.disabled = True
    app.add_url_rule("/", "index", lambda: "index")
    app.add_url_rule("/fail", "fail", lambda: 1 / 0)
    app.add_url_rule("/abort", "abort", lambda: flask.abort(403))
    client = app.test_client()
    if first:
        client.get("/")
    for name, make in methods.items():
        setattr(app, name, make(app))
    seen: list[Any] = []
    for method, path in (
        *(("GET", path) for path in ("/", "/fail", "/abort", "/missing", "/")),
        ("OPTIONS", "/"),
        ("HEAD", "/"),
    ):
        try:
            answer = client.open(path, method=method)
            seen.append((method, path, answer.status, answer.text[:60]))
        except Exception as error:
            seen.append((method, path, repr(error)))
    for name in methods:
        delattr(app, name)
    seen.append((client.get("/").text, flask.has_app_context()))
    app.logger.disabled = False
    return seen


def _both(flask: ModuleType, **methods: Any) -> object:
    return [_served(flask, first, **methods) for first in (False, True)]


def _respond(text: str) -> Any:
    return lambda app: lambda *args, **kwargs: app.response_class(text)


def _say(text: Any) -> Any:
    return lambda app: lambda *args, **kwargs: text


def probe_full_dispatch_request(flask: ModuleType) -> object:
    return _both(flask, full_dispatch_request=_respond("full"))


def probe_dispatch_request(flask: ModuleType) -> object:
    return _both(flask, dispatch_request=_say("dispatched"))


def probe_preprocess_request(flask: ModuleType) -> object:
    return _both(flask, preprocess_request=_say("preprocessed"))


def probe_finalize_request(flask: ModuleType) -> object:
    return _both(flask, finalize_request=_respond("finalized"))


def probe_make_response(flask: ModuleType) -> object:
    return _both(flask, make_response=_respond("made"))


def probe_process_response(flask: ModuleType) -> object:
    return _both(flask, process_response=_respond("processed"))


def probe_handle_user_exception(flask: ModuleType) -> object:
    return _both(flask, handle_user_exception=_say("user exception"))


def probe_handle_exception(flask: ModuleType) -> object:
    return _both(flask, handle_exception=_respond("exception"))


def probe_handle_http_exception(flask: ModuleType) -> object:
    return _both(flask, handle_http_exception=_say("http exception"))


def probe_make_default_options_response(flask: ModuleType) -> object:
    return _both(flask, make_default_options_response=_say("options"))


def probe_ensure_sync(flask: ModuleType) -> object:
    return _both(flask, ensure_sync=lambda app: lambda function: lambda **v: "synced")


def probe_trap_http_exception(flask: ModuleType) -> object:
    return _both(flask, trap_http_exception=_say(True))


def probe_handle_and_process(flask: ModuleType) -> object:
    def process(app: Any) -> Any:
        def process_response(response: Any) -> Any:
            response.set_data(b"processed " + response.get_data())
            return response

        return process_response

    return _both(flask, handle_exception=_respond("handled"), process_response=process)


def probe_request_context(flask: ModuleType) -> object:
    def make(app: Any) -> Any:
        original = app.request_context

        def request_context(environ: Any) -> Any:
            environ["PATH_INFO"] = "/"
            return original(environ)

        return request_context

    return _both(flask, request_context=make)


def probe_create_url_adapter(flask: ModuleType) -> object:
    return _both(
        flask,
        create_url_adapter=lambda app: (
            lambda request: app.url_map.bind("x.org", path_info="/", default_method="GET")
        ),
    )


def probe_json_and_session_interface(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: {"a": 1})
    provider = importlib.import_module(f"{flask.__name__}.json.provider")
    first = app.test_client().get("/").text
    app.json = type("Own", (provider.DefaultJSONProvider,), {"compact": False})(app)
    return [first, app.test_client().get("/").text]


def probe_a_class_changed_while_it_serves(flask: ModuleType) -> object:
    class Application(flask.Flask):
        pass

    app = Application(__name__)
    app.add_url_rule("/", "index", lambda: "index")
    client = app.test_client()
    first = client.get("/").text
    Application.make_response = lambda self, rv: self.response_class("patched")
    second = client.get("/").text
    del Application.make_response
    return [first, second, client.get("/").text]
