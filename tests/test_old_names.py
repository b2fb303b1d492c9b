"""Programs for earlier lines of Flask: their names do what they did, and say what to use now.

Flask itself has these names no more, so what is expected stands here in words.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
import subprocess
import sys
import threading
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import UUID

import pytest
from werkzeug.exceptions import NotFound

import carboy
from carboy import Blueprint, Flask, current_app, jsonify, old_names, request
from carboy.json.provider import DefaultJSONProvider, JSONProvider

DIFFERENCES = Path(__file__).parents[1] / "docs" / "differences.md"


@pytest.fixture
def app() -> Flask:
    return Flask(__name__)


def deprecated(name: str, advice: str = "") -> Any:
    return pytest.warns(DeprecationWarning, match=f"{name}' is deprecated. .*{advice}")


# -- names of modules --------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path, (_, advice) in old_names._OLD.items() if advice])
def test_a_name_warns_at_the_line_that_uses_it(path: str) -> None:
    module, _, name = f"carboy.{path}".rpartition(".")
    owner = importlib.import_module(module)
    with deprecated(f"flask.{path}") as warned:
        getattr(owner, name)
    assert warned[0].filename == __file__


def test_an_import_warns_too() -> None:
    with deprecated("flask.helpers.safe_join", "werkzeug.utils.safe_join") as warned:
        from carboy.helpers import safe_join
    assert warned[0].filename == __file__
    with deprecated("flask.safe_join"):
        assert carboy.safe_join is safe_join


def test_a_name_that_never_was() -> None:
    for module in ("carboy", "carboy.helpers", "carboy.globals", "carboy.json", "carboy.app"):
        with pytest.raises(AttributeError, match=f"'{module}' has no attribute 'nothing'"):
            importlib.import_module(module).nothing  # noqa: B018
        with pytest.raises(ImportError, match="cannot import name 'nothing'"):
            exec(f"from {module} import nothing")


def test_a_private_name_is_told_to_be_one() -> None:
    helpers = importlib.import_module("carboy.helpers")
    with pytest.raises(AttributeError, match="'_split_blueprint_path': it is private where Flask"):
        helpers._split_blueprint_path  # noqa: B018
    with pytest.raises(AttributeError, match=r"'__wrapped__'$"):
        helpers.__wrapped__  # noqa: B018


def test_the_documentation_lists_every_name() -> None:
    text = DIFFERENCES.read_text()
    for path in (*old_names._OLD, *old_names.SETTINGS, *old_names.FILE_ARGUMENTS):
        assert f"`{path.rpartition('.')[2]}`" in text


@pytest.mark.parametrize("name", old_names._BORROWED)
def test_what_modules_of_flask_import_is_found_there_without_a_warning(name: str) -> None:
    assert hasattr(type(getattr(importlib.import_module("carboy.helpers"), name)), "__name__")


def test_the_package_itself_has_no_more_names_than_flask() -> None:
    with pytest.raises(AttributeError):
        carboy.BadRequest  # noqa: B018


def test_safe_join_stays_below_the_folder() -> None:
    with deprecated("flask.safe_join"):
        safe_join = carboy.safe_join
    assert safe_join("/files", "a", "b.txt") == "/files/a/b.txt"
    with pytest.raises(NotFound):
        safe_join("/files", "../secret")


def test_what_is_always_there() -> None:
    with pytest.warns(DeprecationWarning):
        from carboy import json_available, signals_available
        from carboy.helpers import json_available as again
        from carboy.signals import signals_available as too
    assert json_available is signals_available is again is too is True


def test_functions_of_the_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(DeprecationWarning):
        from carboy.helpers import get_env, total_seconds, url_quote
    with deprecated("flask.helpers._endpoint_from_view_func"):
        from carboy.helpers import _endpoint_from_view_func

    assert total_seconds(timedelta(days=1, seconds=2, microseconds=3)) == 86402
    assert url_quote("/ä b:c") == "/%C3%A4%20b:c"
    assert _endpoint_from_view_func(test_functions_of_the_helpers) == (
        "test_functions_of_the_helpers"
    )
    monkeypatch.delenv("FLASK_ENV", raising=False)
    assert get_env() == "production"
    monkeypatch.setenv("FLASK_ENV", "staging")
    assert get_env() == "staging"


def test_a_locked_cached_property_is_computed_once() -> None:
    with deprecated("flask.helpers.locked_cached_property"):
        from carboy.helpers import locked_cached_property
    computing, go_on = threading.Event(), threading.Event()

    class Owner:
        count = 0

        @locked_cached_property
        def value(self) -> int:
            """What it says."""
            computing.set()
            assert go_on.wait(10)
            self.count += 1
            return self.count

    owner = Owner()
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(owner.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert computing.wait(10)
    go_on.set()
    for thread in threads:
        thread.join()
    assert seen == [1, 1, 1, 1]
    assert owner.value == 1
    assert Owner.value.__doc__ == "What it says."


def test_a_metaclass_for_method_views(app: Flask) -> None:
    with pytest.warns(DeprecationWarning):
        from carboy.views import MethodViewType
    from carboy.views import View

    class Own(View, metaclass=MethodViewType):
        def dispatch_request(self) -> str:
            return "own"

    app.add_url_rule("/", view_func=Own.as_view("own"))
    assert app.test_client().get("/").text == "own"


def test_a_builder_for_a_test_environ(app: Flask) -> None:
    with deprecated("flask.testing.make_test_environ_builder"):
        from carboy.testing import make_test_environ_builder
    assert make_test_environ_builder(app, "/path", method="POST").get_environ()["PATH_INFO"] == (
        "/path"
    )


# -- contexts ----------------------------------------------------------------------


def test_the_top_of_each_stack(app: Flask) -> None:
    with pytest.warns(DeprecationWarning):
        from carboy import _app_ctx_stack, _request_ctx_stack
    assert _app_ctx_stack.top is None
    assert _request_ctx_stack.top is None
    with app.app_context() as outer:
        assert _app_ctx_stack.top is outer
        assert _request_ctx_stack.top is None
        with app.test_request_context("/") as ctx:
            assert _request_ctx_stack.top is ctx
            assert _app_ctx_stack.top is outer
            _app_ctx_stack.top.connection = "kept"
            assert _request_ctx_stack().request is ctx.request
    assert outer.connection == "kept"
    assert _app_ctx_stack.top is None


def test_a_stack_that_is_pushed_and_popped(app: Flask) -> None:
    with pytest.warns(DeprecationWarning):
        from carboy.globals import _app_ctx_stack, _request_ctx_stack
    ctx = app.app_context()
    _app_ctx_stack.push(ctx)
    assert current_app.name == app.name
    assert _app_ctx_stack.pop() is ctx
    assert not current_app
    request_ctx = app.test_request_context("/pushed")
    _request_ctx_stack.push(request_ctx)
    assert request.path == "/pushed"
    assert _request_ctx_stack.pop() is request_ctx
    assert _request_ctx_stack.pop() is None
    assert _app_ctx_stack.__ident_func__() == threading.get_ident()


def test_the_context_variables_can_be_read(app: Flask) -> None:
    from carboy.globals import _cv_app, _cv_request

    assert _cv_app.get(None) is None
    with pytest.raises(LookupError):
        _cv_request.get()
    with app.test_request_context("/") as ctx:
        assert _cv_request.get() is ctx
        assert _cv_app.get(None).app is app
    with pytest.raises(TypeError, match=r"'_cv_app' can only be read.* 'with' statement"):
        _cv_app.set(app.app_context())


# -- before the first request ------------------------------------------------------


def test_stacks_and_variables_are_found_in_the_modules_that_used_them() -> None:
    from carboy.globals import _cv_request

    with deprecated("flask.helpers._request_ctx_stack", "'request'"):
        from carboy.helpers import _request_ctx_stack
    with deprecated("flask.globals._request_ctx_stack"):
        assert _request_ctx_stack is carboy.globals._request_ctx_stack
    assert carboy.app._cv_request is _cv_request
    assert not hasattr(carboy, "_cv_request")


def test_a_function_before_the_first_request(app: Flask) -> None:
    ran: list[str] = []
    with deprecated("app.before_first_request") as warned:

        @app.before_first_request
        def prepare() -> None:
            ran.append(request.path)

    assert warned[0].filename == __file__
    app.before_request(lambda: ran.append("before"))
    app.route("/<name>")(lambda name: name)
    client = app.test_client()
    assert [client.get("/a").text, client.get("/b").text] == ["a", "b"]
    assert ran == ["/a", "before", "before"]


def test_afterwards_requests_go_the_short_way(app: Flask) -> None:
    plain = app.full_dispatch_request
    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: None)
    assert app.full_dispatch_request != plain
    app.test_client().get("/")
    assert app.full_dispatch_request == plain
    assert "full_dispatch_request" not in vars(app)


def test_what_somebody_put_in_place_of_the_stage_stays(app: Flask) -> None:
    def own() -> Any:
        return app.response_class("own")

    ran: list[int] = []
    app.full_dispatch_request = own  # type: ignore[method-assign]
    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: ran.append(1))
    assert app.test_client().get("/").text == "own"
    assert app.full_dispatch_request is own
    assert ran == [1]


def test_what_somebody_puts_in_place_later_stays_too(app: Flask) -> None:
    ran: list[str] = []
    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: ran.append("first"))
    before = app.full_dispatch_request

    def around() -> Any:
        ran.append("around")
        return before()

    app.full_dispatch_request = around  # type: ignore[method-assign]
    client = app.test_client()
    client.get("/")
    client.get("/")
    assert ran == ["around", "first", "around"]


def test_a_failure_before_the_first_request_is_tried_again(app: Flask) -> None:
    app.logger.disabled = True
    attempts: list[int] = []

    def prepare() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError

    with pytest.warns(DeprecationWarning):
        app.before_first_request(prepare)
    app.add_url_rule("/", "index", lambda: "index")
    client = app.test_client()
    assert [client.get("/").status_code for _ in range(3)] == [500, 200, 200]
    assert len(attempts) == 2
    app.logger.disabled = False


def test_others_wait_for_the_first_request(app: Flask) -> None:
    running, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def prepare() -> None:
        running.set()
        assert go_on.wait(10)
        order.append("prepared")

    with pytest.warns(DeprecationWarning):
        app.before_first_request(prepare)
    app.add_url_rule("/", "index", lambda: order.append("view") or "index")
    threads = [threading.Thread(target=lambda: app.test_client().get("/")) for _ in range(4)]
    threads[0].start()
    assert running.wait(10)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert order == ["prepared", "view", "view", "view", "view"]


def test_a_function_before_the_first_request_may_send_one(app: Flask) -> None:
    app.add_url_rule("/", "index", lambda: "index")
    seen: list[str] = []
    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: seen.append(app.test_client().get("/").text))
    assert app.test_client().get("/").text == "index"
    assert seen == ["index"]


def test_async_functions_before_the_first_request(app: Flask) -> None:
    ran: list[str] = []

    async def prepare() -> None:
        ran.append("async")

    with pytest.warns(DeprecationWarning):
        app.before_first_request(prepare)
    app.test_client().get("/")
    assert ran == ["async"]


def test_the_registry_and_the_trigger(app: Flask) -> None:
    ran: list[int] = []
    with deprecated("app.before_first_request_funcs"):
        app.before_first_request_funcs.append(lambda: ran.append(1))
    with deprecated("app.before_first_request_funcs"):
        app.before_first_request_funcs = [*app.before_first_request_funcs, lambda: ran.append(2)]
    with deprecated("app.try_trigger_before_first_request_functions"):
        app.try_trigger_before_first_request_functions()
    app.test_client().get("/")
    assert ran == [1, 2]


def test_after_the_first_request_it_is_too_late(app: Flask) -> None:
    ran: list[int] = []
    app.test_client().get("/")
    with (
        deprecated("app.before_first_request"),
        pytest.raises(AssertionError, match="'before_first_request' can no longer be called"),
    ):
        app.before_first_request(lambda: ran.append(1))
    with deprecated("app.before_first_request_funcs"):
        app.before_first_request_funcs.append(lambda: ran.append(2))
    app.test_client().get("/")
    assert ran == []


def test_a_function_of_a_blueprint_before_the_first_request(app: Flask) -> None:
    ran: list[int] = []
    area = Blueprint("area", __name__)
    with deprecated("blueprint.before_app_first_request"):
        area.before_app_first_request(lambda: ran.append(1))
    app.register_blueprint(area)
    app.test_client().get("/")
    app.test_client().get("/")
    assert ran == [1]


def test_an_application_that_waits_is_not_kept_alive() -> None:
    import gc
    import weakref

    app = Flask(__name__)
    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: None)
    app.add_url_rule("/", "index", lambda: "index")
    app.test_client().get("/")
    reference = weakref.ref(app)
    gc.disable()
    try:
        del app
        assert reference() is None
    finally:
        gc.enable()


# -- attributes that are settings --------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "setting", "value"),
    [
        ("send_file_max_age_default", "SEND_FILE_MAX_AGE_DEFAULT", 60),
        ("session_cookie_name", "SESSION_COOKIE_NAME", "own"),
        ("templates_auto_reload", "TEMPLATES_AUTO_RELOAD", True),
        ("use_x_sendfile", "USE_X_SENDFILE", True),
    ],
)
def test_an_attribute_for_a_setting(
    app: Flask, attribute: str, setting: str, value: object
) -> None:
    with deprecated(f"app.{attribute}", rf'app.config\["{setting}"\]') as warned:
        assert getattr(app, attribute) == app.config[setting]
    assert warned[0].filename == __file__
    with deprecated(f"app.{attribute}") as warned:
        setattr(app, attribute, value)
    assert warned[0].filename == __file__
    assert app.config[setting] == value


def test_whether_exceptions_propagate(app: Flask) -> None:
    with deprecated("app.propagate_exceptions"):
        assert app.propagate_exceptions is False
        app.testing = True
        assert app.propagate_exceptions is True
        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert app.propagate_exceptions is False


def test_whether_contexts_were_preserved(app: Flask) -> None:
    with deprecated("app.preserve_context_on_exception"):
        assert app.preserve_context_on_exception is False
        app.debug = True
        assert app.preserve_context_on_exception is True
        app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = False
        assert app.preserve_context_on_exception is False


def test_whether_there_was_a_request(app: Flask) -> None:
    with deprecated("app.got_first_request"):
        assert app.got_first_request is False
        app.test_client().get("/")
        assert app.got_first_request is True


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASK_ENV", raising=False)
    monkeypatch.delenv("FLASK_DEBUG", raising=False)
    app = Flask(__name__)
    assert app.config["ENV"] == "production"
    assert "ENV" not in app.config
    monkeypatch.setenv("FLASK_ENV", "development")
    with deprecated("FLASK_ENV", "FLASK_DEBUG=1"):
        app = Flask(__name__)
    assert app.debug
    with deprecated("app.env", "'app.debug'"):
        assert app.env == "development"
    assert app.config["ENV"] == app.config.get("ENV") == "development"
    with deprecated("app.env"):
        app.env = "staging"
    assert app.config["ENV"] == "staging"
    monkeypatch.setenv("FLASK_DEBUG", "0")
    assert not Flask(__name__).debug


# -- JSON --------------------------------------------------------------------------

with pytest.warns(DeprecationWarning):
    from carboy.json import JSONDecoder, JSONEncoder, htmlsafe_dumps


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class MoneyEncoder(JSONEncoder):
    def default(self, o: Any) -> Any:
        return f"{o.cents} cents" if isinstance(o, Money) else super().default(o)


class CapitalDecoder(JSONDecoder):
    def decode(self, s: str, *args: Any) -> Any:
        return super().decode(s.upper())


def test_the_encoder_knows_what_the_provider_knows() -> None:
    values = [date(2024, 1, 2), UUID(int=1), Decimal("1.5"), Money(3)]
    assert json.loads(json.dumps(values, cls=MoneyEncoder)) == [
        "Tue, 02 Jan 2024 00:00:00 GMT",
        "00000000-0000-0000-0000-000000000001",
        "1.5",
        "3 cents",
    ]
    with pytest.raises(TypeError, match="Money is not JSON serializable"):
        json.dumps(Money(3), cls=JSONEncoder)
    assert json.loads("[1]", cls=JSONDecoder) == [1]


def test_json_in_a_script_element(app: Flask) -> None:
    with app.app_context():
        assert htmlsafe_dumps("</script>") == '"\\u003c/script\\u003e"'


def test_an_encoder_of_the_application(app: Flask) -> None:
    app.add_url_rule("/jsonify", "jsonify", lambda: jsonify(Money(1)))
    app.add_url_rule("/dict", "dict", lambda: {"b": Money(2), "a": "ä"})
    app.add_url_rule(
        "/tojson", "tojson", lambda: carboy.render_template_string("{{ x|tojson }}", x=Money(3))
    )
    app.add_url_rule("/dumps", "dumps", lambda: carboy.json.dumps(Money(4)))
    # Made before, which must not keep the old way of serialising.
    assert app.jinja_env.filters["tojson"]
    with deprecated("json_encoder", "app.json") as warned:
        app.json_encoder = MoneyEncoder
    assert warned[0].filename == __file__
    client = app.test_client()
    assert client.get("/jsonify").text == '"1 cents"\n'
    assert client.get("/dict").text == '{"a":"\\u00e4","b":"2 cents"}\n'
    assert client.get("/tojson").text == '"3 cents"'
    assert client.get("/dumps").text == '"4 cents"'
    with deprecated("json_encoder"):
        assert app.json_encoder is MoneyEncoder
    with app.app_context(), pytest.raises(TypeError, match="Money is not"):
        carboy.json.dumps(Money(1), cls=JSONEncoder)


def test_a_decoder_of_the_application(app: Flask) -> None:
    with deprecated("json_decoder"):
        app.json_decoder = CapitalDecoder
    app.add_url_rule("/", "index", lambda: request.get_json(), methods=["POST"])
    assert app.test_client().post("/", json=["a"]).json == ["A"]
    with app.app_context():
        assert carboy.json.loads('"a"') == "A"


def test_the_classes_when_nobody_chose_others(app: Flask) -> None:
    area = Blueprint("area", __name__)
    with pytest.warns(DeprecationWarning):
        assert app.json_encoder is JSONEncoder
        assert app.json_decoder is JSONDecoder
        assert area.json_encoder is None
        assert area.json_decoder is None
    assert type(app.json) is DefaultJSONProvider


def test_an_encoder_of_a_blueprint(app: Flask) -> None:
    class CentEncoder(MoneyEncoder):
        def default(self, o: Any) -> Any:
            return "¢" if isinstance(o, Money) else super().default(o)

    area = Blueprint("area", __name__, url_prefix="/area")
    other = Blueprint("other", __name__, url_prefix="/other")
    with deprecated("json_encoder") as warned:
        area.json_encoder = CentEncoder
    assert warned[0].filename == __file__
    for scaffold in (app, area, other):
        scaffold.add_url_rule("/", "index", lambda: jsonify(Money(1)))
    app.register_blueprint(area)
    app.register_blueprint(other)
    with deprecated("json_encoder"):
        app.json_encoder = MoneyEncoder
    client = app.test_client()
    assert [client.get(path).json for path in ("/", "/area/", "/other/")] == [
        "1 cents",
        "¢",
        "1 cents",
    ]


def test_an_encoder_of_a_subclass() -> None:
    with deprecated("Application.json_encoder"):

        class Application(Flask):
            json_encoder = MoneyEncoder

    app = Application(__name__)
    app.add_url_rule("/", "index", lambda: {"m": Money(1)})
    assert app.test_client().get("/").json == {"m": "1 cents"}
    assert app.json_encoder is MoneyEncoder


def test_an_encoder_beside_a_provider(app: Flask) -> None:
    class Provider(DefaultJSONProvider):
        sort_keys = False

        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return f"own {super().dumps(obj, **kwargs)}"

    class Stranger(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return "stranger"

    app.json = Provider(app)
    app.json.ensure_ascii = False
    with pytest.warns(DeprecationWarning):
        app.json_encoder = MoneyEncoder
    assert isinstance(app.json, Provider)
    with app.app_context():
        assert carboy.json.dumps({"b": "ä", "a": Money(1)}) == 'own {"b": "ä", "a": "1 cents"}'
    app.json = stranger = Stranger(app)
    with pytest.warns(DeprecationWarning):
        app.json_encoder = MoneyEncoder
    assert app.json is stranger


# -- settings of JSON --------------------------------------------------------------

JSON_SETTINGS = {
    "JSON_AS_ASCII": (False, '{"a":"ä","b":1}\n'),
    "JSON_SORT_KEYS": (False, '{"b":1,"a":"\\u00e4"}\n'),
    "JSONIFY_PRETTYPRINT_REGULAR": (True, '{\n  "a": "\\u00e4",\n  "b": 1\n}\n'),
}


def answer(app: Flask) -> Any:
    return app.test_client().get("/")


@pytest.fixture
def json_app(app: Flask) -> Flask:
    app.add_url_rule("/", "index", lambda: jsonify(b=1, a="ä"))
    return app


@pytest.mark.parametrize("key", JSON_SETTINGS)
def test_a_setting_of_json(json_app: Flask, key: str) -> None:
    value, expected = JSON_SETTINGS[key]
    assert json_app.config[key] is not value
    for _ in range(3):
        assert answer(json_app).text == '{"a":"\\u00e4","b":1}\n'
    with deprecated(key, "app.json") as warned:
        json_app.config[key] = value
    assert warned[0].filename == __file__
    assert answer(json_app).text == expected
    with deprecated(key):
        json_app.config[key] = not value
    assert answer(json_app).text == '{"a":"\\u00e4","b":1}\n'


def test_the_type_of_json(json_app: Flask) -> None:
    with deprecated("JSONIFY_MIMETYPE"):
        json_app.config.update(JSONIFY_MIMETYPE="application/vnd.api+json")
    assert answer(json_app).content_type == "application/vnd.api+json"


def _in_an_item(app: Flask) -> None:
    app.config["JSON_SORT_KEYS"] = False


def _in_an_object(app: Flask) -> None:
    app.config.from_object(type("Settings", (), {"JSON_SORT_KEYS": False}))


def _in_a_mapping(app: Flask) -> None:
    app.config.from_mapping(JSON_SORT_KEYS=False)


def _by_default(app: Flask) -> None:
    app.config.setdefault("JSON_SORT_KEYS", False)


def _in_an_update(app: Flask) -> None:
    app.config.update({"JSON_SORT_KEYS": False}, OTHER=1)


@pytest.mark.parametrize(
    "configure", [_in_an_item, _in_an_object, _in_a_mapping, _by_default, _in_an_update]
)
def test_wherever_a_setting_comes_from(json_app: Flask, configure: Any) -> None:
    with deprecated("JSON_SORT_KEYS", "app.json.sort_keys"):
        configure(json_app)
    assert answer(json_app).text == '{"b":1,"a":"\\u00e4"}\n'


def test_a_setting_that_an_application_begins_with() -> None:
    class Application(Flask):
        default_config = {**Flask.default_config, "JSON_SORT_KEYS": False}

    with deprecated("JSON_SORT_KEYS"):
        app = Application(__name__)
    assert app.json.sort_keys is False  # type: ignore[attr-defined]


def test_settings_for_another_provider_have_no_effect(app: Flask) -> None:
    class Stranger(JSONProvider):
        pass

    app.json = Stranger(app)
    app.config["JSON_SORT_KEYS"] = False
    assert vars(app.json).keys() == {"_app"}


def test_a_configuration_can_be_copied_and_pickled(json_app: Flask) -> None:
    with pytest.warns(DeprecationWarning):
        json_app.config["JSON_SORT_KEYS"] = False
    for other in (copy.copy(json_app.config), pickle.loads(pickle.dumps(json_app.config))):
        assert other == json_app.config
        assert other.root_path == json_app.config.root_path
        other["JSON_SORT_KEYS"] = True
    assert json_app.json.sort_keys is False  # type: ignore[attr-defined]


def test_setdefault_and_update_are_those_of_a_dictionary() -> None:
    config = carboy.Config("")
    assert config.setdefault("A", 1) == 1
    assert config.setdefault("A", 2) == 1
    assert config.setdefault("B") is None
    config.update([("C", 3)], D=4)
    assert config == {"A": 1, "B": None, "C": 3, "D": 4}
    with pytest.raises(KeyError, match="'MISSING'"):
        config["MISSING"]


def test_a_configuration_from_json(app: Flask, tmp_path: Path) -> None:
    tmp_path.joinpath("settings.json").write_text('{"A": 1, "b": 2}')
    with deprecated("config.from_json", "from_file"):
        assert app.config.from_json(tmp_path / "settings.json")
    with deprecated("config.from_json"):
        assert not app.config.from_json("missing.json", silent=True)
    assert app.config["A"] == 1
    assert "b" not in app.config


# -- files -------------------------------------------------------------------------


def test_arguments_for_a_file_by_their_old_names(app: Flask, tmp_path: Path) -> None:
    tmp_path.joinpath("file.txt").write_text("text")
    with app.test_request_context("/"):
        with pytest.warns(DeprecationWarning) as warned:
            response = carboy.send_file(
                tmp_path / "file.txt",
                as_attachment=True,
                attachment_filename="other.txt",
                add_etags=False,
                cache_timeout=60,
            )
        assert {w.filename for w in warned} == {__file__}
        assert sorted(str(w.message) for w in warned) == [
            "'add_etags' is deprecated. Use 'etag' instead.",
            "'attachment_filename' is deprecated. Use 'download_name' instead.",
            "'cache_timeout' is deprecated. Use 'max_age' instead.",
        ]
        assert response.headers["Content-Disposition"] == "attachment; filename=other.txt"
        assert "ETag" not in response.headers
        assert response.cache_control.max_age == 60
        response.close()
        with deprecated("cache_timeout") as warned:
            response = carboy.send_from_directory(tmp_path, "file.txt", cache_timeout=30)
        assert warned[0].filename == __file__
        assert response.cache_control.max_age == 30
        response.close()
        with pytest.raises(TypeError, match=r"send_file\(\) got an unexpected .* 'nothing'"):
            carboy.send_file(tmp_path / "file.txt", nothing=1)


# -- under the name of Flask -------------------------------------------------------


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_version_of_flask() -> None:
    assert carboy.__version__ == importlib.import_module("carboy._version").__version__
    output = run(
        """
        import carboy
        carboy.install_as_flask()
        import flask
        print(flask.__version__)
        """
    )
    assert output.startswith("3.1.")
    assert "'flask.__version__' is deprecated" in output


def test_extensions_below_flask_itself() -> None:
    output = run(
        """
        import carboy
        carboy.install_as_flask()
        try:
            from flask.ext.login import LoginManager
        except ImportError as error:
            print(error.name, error)
        """
    )
    assert output.startswith("flask.ext No module named 'flask.ext'")
    assert "'flask_login' for 'flask.ext.login'" in output


def test_nothing_of_this_is_imported_before_it_is_used() -> None:
    output = run(
        """
        import sys
        import carboy
        app = carboy.Flask("a")
        app.test_client().get("/")
        print([name for name in sys.modules if name.startswith("carboy.legacy")])
        """
    )
    assert output == "['carboy.legacy', 'carboy.legacy.attributes']\n"


def test_old_methods_have_the_parameters_that_they_had() -> None:
    assert list(inspect.signature(Flask.before_first_request).parameters) == ["self", "f"]


def test_what_extensions_took_from_flasks_compatibility_with_python_2() -> None:
    output = run(
        """
        import carboy
        carboy.install_as_flask()
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from flask._compat import PY2, iteritems, reraise, string_types, with_metaclass
        print(*{str(warning.message) for warning in caught})
        print(caught[0].filename)
        print(PY2, list(iteritems({"a": 1})), isinstance("", string_types))
        class Meta(type): pass
        class Base: pass
        class Thing(with_metaclass(Meta, Base)): pass
        print(type(Thing).__name__, Thing.__mro__[1].__name__)
        try:
            reraise(KeyError, KeyError("k"))
        except KeyError as error:
            print(error)
        """
    )
    assert output.splitlines() == [
        "'flask._compat' is deprecated. Use what Python 3 has by itself instead.",
        "<string>",
        "False [('a', 1)] True",
        "Meta Base",
        "'k'",
    ]
