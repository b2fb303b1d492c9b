"""Settings: their defaults, where they come from, and what follows from them."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, SimpleNamespace
from typing import Any

from ..asking import get

LOWER = "not a setting"
UPPER = "of the module"


class Settings:
    UPPER = "of the class"
    Mixed = "no setting"
    _UNDERSCORED = "underscored"

    @property
    def PROPERTY(self) -> str:
        return "of a property"


class MoreSettings(Settings):
    MORE = "of the subclass"


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)

    @app.get("/")
    def index() -> Any:
        return {key: repr(value) for key, value in flask.current_app.config.items()}

    @app.get("/change")
    def change() -> Any:
        app.config["CHANGED"] = app.config.get("CHANGED", 0) + 1
        return {"changed": flask.current_app.config["CHANGED"]}

    @app.get("/attributes")
    def attributes() -> Any:
        return {
            "attributes": [
                app.debug,
                app.testing,
                repr(app.secret_key),
                repr(app.permanent_session_lifetime),
                app.name,
                app.import_name,
                app.subdomain_matching,
                app.template_folder,
                app.static_url_path,
            ]
        }

    @app.get("/missing")
    def missing() -> Any:
        return app.config["MISSING"]

    return app


REQUESTS = [
    get("/"),
    get("/change", then=(get("/change"),)),
    get("/attributes"),
    get("/missing"),
]


def _tried(deed: Any) -> Any:
    try:
        return deed()
    except Exception as error:
        return [type(error).__name__, str(error)]


def probe_defaults(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    return [
        sorted((key, repr(value)) for key, value in app.config.items()),
        sorted(flask.Flask.default_config),
        repr(app.config)[:8],
        type(app.config).__name__,
        isinstance(app.config, dict),
        app.config.root_path == app.root_path,
    ]


@contextmanager
def _folder(**files: str) -> Iterator[Path]:
    with TemporaryDirectory() as name:
        for file, text in files.items():
            Path(name, file.replace("_", ".")).write_text(text)
        yield Path(name)


def _config(flask: ModuleType, root: Path | str = "") -> Any:
    module = __import__(f"{flask.__name__}.config", fromlist=["Config"])
    return module.Config(root, {"DEFAULT": 1})


def probe_from_mapping(flask: ModuleType) -> object:
    config = _config(flask)
    return [
        config.from_mapping({"A": 1, "b": 2}, C=3, d=4),
        config.from_mapping(None),
        config.from_mapping(E=5),
        dict(config),
        _tried(lambda: config.from_mapping({"A": 1}, {"B": 2})),
        _tried(lambda: config.from_mapping([("F", 1)])),
    ]


def probe_from_object(flask: ModuleType) -> object:
    config = _config(flask)
    config.from_object(Settings)
    seen = [dict(config)]
    for source in (
        Settings(),
        MoreSettings,
        SimpleNamespace(UPPER="of a namespace", lower=1),
        __name__,
        f"{__name__}.MoreSettings",
        {"DICT": 1},
    ):
        config = _config(flask)
        config.from_object(source)
        seen.append({key: repr(value)[:40] for key, value in config.items()})
    seen.append(_tried(lambda: config.from_object("made.up.module")))
    seen.append(_tried(lambda: config.from_object(f"{__name__}.Missing")))
    return seen


def probe_from_pyfile(flask: ModuleType) -> object:
    with _folder(
        settings_py="A = 1\nb = 2\nfrom os import sep as SEP\nF = __file__\nN = __name__",
        broken_py="A = ",
        failing_py="1 / 0",
    ) as folder:

        def read(*arguments: Any, **options: Any) -> Any:
            config = _config(flask, folder)
            outcome = _tried(lambda: config.from_pyfile(*arguments, **options))
            return str([outcome, dict(config)]).replace(str(folder), "<folder>")

        return [
            read("settings.py"),
            read(str(folder / "settings.py")),
            read(folder / "settings.py"),
            read("missing.py"),
            read("missing.py", silent=True),
            read(".", silent=True),
            read("."),
            read("broken.py"),
            read("failing.py"),
        ]


def probe_from_file(flask: ModuleType) -> object:
    with _folder(
        settings_json='{"A": 1, "b": 2}', settings_toml="A = 1\n[T]\nx = 2", bad_json="{"
    ) as folder:

        def read(*arguments: Any, **options: Any) -> Any:
            config = _config(flask, folder)
            outcome = _tried(lambda: config.from_file(*arguments, **options))
            return str([outcome, dict(config)]).replace(str(folder), "<folder>")

        return [
            read("settings.json", json.load),
            read("settings.json", load=json.load, text=False),
            read("settings.toml", tomllib.load, text=False),
            read("settings.toml", tomllib.load),
            read("missing.json", json.load),
            read("missing.json", json.load, silent=True),
            read("bad.json", json.load),
            read(".", json.load, silent=True),
        ]


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def probe_from_envvar(flask: ModuleType) -> object:
    with _folder(settings_py="A = 1") as folder:
        seen: list[Any] = []
        for value in (str(folder / "settings.py"), "", str(folder / "missing.py")):
            with _environment(OWN_SETTINGS=value):
                config = _config(flask, folder)
                seen.append(_tried(lambda c=config: c.from_envvar("OWN_SETTINGS")))
                seen.append(dict(config))
                seen.append(_tried(lambda c=config: c.from_envvar("OWN_SETTINGS", silent=True)))
        seen.append(_tried(lambda: _config(flask).from_envvar("NOT_SET")))
        seen.append(_config(flask).from_envvar("NOT_SET", silent=True))
        return str(seen).replace(str(folder), "<folder>")


def probe_from_prefixed_env(flask: ModuleType) -> object:
    variables = {
        "FLASK_A": "1",
        "FLASK_TEXT": "text",
        "FLASK_QUOTED": '"quoted"',
        "FLASK_TRUE": "true",
        "FLASK_LIST": "[1, 2]",
        "FLASK_DICT": '{"a": 1}',
        "FLASK_NEST__A": "1",
        "FLASK_NEST__b": "2",
        "FLASK_NEST__DEEP__C": "3",
        "FLASK_EXISTING__NEW": "4",
        "FLASK_LEAF__CHILD": "5",
        "FLASK_lower": "6",
        "FLASK_": "empty",
        "FLASKLESS": "7",
        "OWN_A": "1,2",
        "OWN_B": "b",
    }
    with _environment(**variables):
        config = _config(flask)
        config["EXISTING"] = {"OLD": 1}
        seen: list[Any] = [_tried(config.from_prefixed_env), dict(config)]
        own = _config(flask)
        own.from_prefixed_env("OWN", loads=lambda text: text.split(","))
        seen.append(dict(own))
        nothing = _config(flask)
        nothing.from_prefixed_env("NOTHING")
        seen.append(dict(nothing))
        clash = _config(flask)
        clash["LEAF"] = "a leaf"
        seen += [_tried(clash.from_prefixed_env), sorted(clash)]
    return seen


def probe_get_namespace(flask: ModuleType) -> object:
    config = _config(flask)
    config.update(DB_HOST="h", DB_PORT=1, DBX=2, OTHER=3)
    return [
        config.get_namespace("DB_"),
        config.get_namespace("DB_", lowercase=False),
        config.get_namespace("DB_", trim_namespace=False),
        config.get_namespace("DB_", lowercase=False, trim_namespace=False),
        config.get_namespace("NONE_"),
    ]


def probe_a_configuration_by_itself(flask: ModuleType) -> object:
    config = _config(flask, "/root")
    config["X"] = 2
    return [repr(config), dict(config), config.root_path, _tried(lambda: config["MISSING"])]


def probe_config_attribute(flask: ModuleType) -> object:
    module = __import__(f"{flask.__name__}.config", fromlist=["ConfigAttribute"])

    class Application(flask.Flask):
        plain = module.ConfigAttribute("PLAIN")
        converted = module.ConfigAttribute("CONVERTED", get_converter=int)

    app = Application(__name__)
    app.config.update(PLAIN=1, CONVERTED="2")
    seen = [app.plain, app.converted]
    app.plain = 3
    return [
        *seen,
        app.config["PLAIN"],
        type(Application.plain).__name__,
        _tried(lambda: (app.config.pop("PLAIN"), app.plain)),
    ]


def probe_attributes_that_are_settings(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.testing = True
    app.secret_key = "key"
    app.permanent_session_lifetime = 60
    app.debug = True
    seen = [app.config[name] for name in ("TESTING", "SECRET_KEY", "DEBUG")]
    seen += [app.permanent_session_lifetime, app.config["PERMANENT_SESSION_LIFETIME"]]
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(days=2)
    app.config["DEBUG"] = False
    app.config["TESTING"] = False
    return [*seen, app.permanent_session_lifetime, app.debug, app.testing]


def probe_debug_from_the_environment(flask: ModuleType) -> object:
    seen: list[Any] = []
    for value in ("1", "0", "", "true", "False", "no", "other"):
        with _environment(FLASK_DEBUG=value):
            seen.append([value, flask.Flask(__name__).debug])
    return seen


def probe_relative_to_the_instance(flask: ModuleType) -> object:
    with _folder(settings_py="A = 1") as folder:
        app = flask.Flask(__name__, instance_path=str(folder), instance_relative_config=True)
        app.config.from_pyfile("settings.py")
        with app.open_instance_resource("settings.py") as opened:
            read = opened.read()
        with app.open_instance_resource("settings.py", "r") as opened:
            text = opened.read()
        with app.open_instance_resource("new.txt", "w") as opened:
            opened.write("é")
        return [
            app.config["A"],
            read,
            text,
            Path(folder, "new.txt").read_bytes(),
            app.instance_path == str(folder),
            app.config.root_path == str(folder),
        ]


def probe_an_instance_path_that_is_relative(flask: ModuleType) -> object:
    return flask.Flask(__name__, instance_path="instance")


def probe_where_an_application_is(flask: ModuleType) -> object:
    here = Path(__file__).parent
    seen: list[Any] = []
    for name in (__name__, "__main__", "json", "json.decoder", "made_up", "a.b.c"):
        app = _tried(lambda name=name: flask.Flask(name))
        if isinstance(app, list):
            seen.append([name, *app])
            continue
        root = Path(app.root_path)
        seen.append(
            [
                name,
                app.name if name != "__main__" else "",
                root == here or root == Path.cwd() or root.name,
                Path(app.instance_path).name,
                repr(app) if name != "__main__" else "",
            ]
        )
    return seen


def probe_a_root_path_given(flask: ModuleType) -> object:
    app = flask.Flask("made_up", root_path="/nowhere")
    return [app.root_path, app.static_folder, app.instance_path.endswith("instance")]


def probe_wrong_arguments(flask: ModuleType) -> object:
    return [
        _tried(lambda: flask.Flask()),
        _tried(lambda: flask.Flask(None)),
        _tried(lambda: flask.Flask(3)),
        _tried(lambda: flask.Flask(__name__, nothing=1)),
        _tried(lambda: repr(flask.Flask(""))),
    ]


def probe_a_configuration_class(flask: ModuleType) -> object:
    module = __import__(f"{flask.__name__}.config", fromlist=["Config"])

    class Own(module.Config):
        def __getitem__(self, key: str) -> Any:
            return super().__getitem__(key) if key in self else f"no {key}"

    class Application(flask.Flask):
        config_class = Own

        def make_config(self, instance_relative: bool = False) -> Any:
            config = super().make_config(instance_relative)
            config["MADE"] = "by a subclass"
            return config

    app = Application(__name__)
    return [type(app.config).__name__, app.config["MADE"], app.config["OTHER"]]
