"""Settings from everywhere they can come from."""

import json
import tomllib
from pathlib import Path

import flask
import pytest
from werkzeug.utils import ImportStringError

from carboy import Config, Flask
from carboy.config import ConfigAttribute


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


class Settings:
    COLOUR = "green"
    lower = "not a setting"

    @property
    def SIZE(self):
        return 3


# -- objects and mappings ----------------------------------------------------------


def test_only_names_in_capitals_are_settings(config):
    assert config.from_mapping({"COLOUR": "green", "lower": 1}, SIZE=3, Mixed=1) is True
    assert config == {"COLOUR": "green", "SIZE": 3}


def test_keyword_arguments_win_over_the_mapping(config):
    config.from_mapping({"COLOUR": "green"}, COLOUR="red")
    assert config["COLOUR"] == "red"


def test_the_properties_of_an_instance_are_settings(config):
    config.from_object(Settings())
    assert config == {"COLOUR": "green", "SIZE": 3}


def test_the_properties_of_a_class_are_taken_as_they_are(config):
    config.from_object(Settings)
    assert config["SIZE"] is Settings.__dict__["SIZE"]


def test_an_object_is_found_by_its_import_name(config):
    config.from_object(f"{__name__}.Settings")
    assert config["COLOUR"] == "green"


def test_an_import_name_that_leads_nowhere_is_named(config):
    with pytest.raises(ImportStringError, match="no_such_module"):
        config.from_object("no_such_module.Settings")


# -- files -------------------------------------------------------------------------


def test_a_python_file_is_run_and_its_capitals_taken(config, tmp_path):
    tmp_path.joinpath("settings.cfg").write_text("half = 21\nANSWER = half * 2\nHERE = __file__\n")
    assert config.from_pyfile("settings.cfg") is True
    assert config == {"ANSWER": 42, "HERE": str(tmp_path / "settings.cfg")}


def test_a_python_file_may_have_an_absolute_path(config, tmp_path_factory):
    file = tmp_path_factory.mktemp("elsewhere") / "settings.cfg"
    file.write_text("ANSWER = 42\n")
    config.from_pyfile(file)
    assert config == {"ANSWER": 42}


@pytest.mark.parametrize("name", ["missing.cfg", "a_directory", "a_file/settings.cfg"])
def test_a_python_file_that_is_not_there(config, tmp_path, name):
    tmp_path.joinpath("a_directory").mkdir()
    tmp_path.joinpath("a_file").touch()
    assert config.from_pyfile(name, silent=True) is False
    with pytest.raises(OSError, match="Unable to load configuration file") as caught:
        config.from_pyfile(name)
    assert caught.value.filename == str(tmp_path / name)
    assert config == {}


def test_a_mistake_in_a_python_file_is_never_silent(config, tmp_path):
    tmp_path.joinpath("settings.cfg").write_text("ANSWER = (\n")
    with pytest.raises(SyntaxError) as caught:
        config.from_pyfile("settings.cfg", silent=True)
    assert caught.value.filename == str(tmp_path / "settings.cfg")


def test_a_file_in_any_format(config, tmp_path):
    tmp_path.joinpath("settings.json").write_text('{"COLOUR": "grün", "lower": 1}', "utf-8")
    tmp_path.joinpath("settings.toml").write_text("SIZE = 3\n")
    assert config.from_file("settings.json", load=json.load) is True
    assert config.from_file("settings.toml", load=tomllib.load, text=False) is True
    assert config == {"COLOUR": "grün", "SIZE": 3}


def test_a_file_in_any_format_that_is_not_there(config, tmp_path):
    assert config.from_file("missing.json", load=json.load, silent=True) is False
    with pytest.raises(FileNotFoundError, match="Unable to load configuration file") as caught:
        config.from_file("missing.json", load=json.load)
    assert caught.value.filename == str(tmp_path / "missing.json")


def test_the_file_that_a_variable_names(config, tmp_path, monkeypatch):
    tmp_path.joinpath("settings.cfg").write_text("ANSWER = 42\n")
    monkeypatch.setenv("WHERE", "settings.cfg")
    assert config.from_envvar("WHERE") is True
    assert config == {"ANSWER": 42}


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named_and_explained(config, monkeypatch, value):
    monkeypatch.delenv("WHERE", raising=False)
    if value is not None:
        monkeypatch.setenv("WHERE", value)
    assert config.from_envvar("WHERE", silent=True) is False
    with pytest.raises(RuntimeError, match=r"'WHERE' is not set .* make it point to"):
        config.from_envvar("WHERE")


# -- the environment ---------------------------------------------------------------

VARIABLES = {
    "FLASK_NUMBER": "42",
    "FLASK_LIST": '["a", 1]',
    "FLASK_TEXT": "not JSON",
    "FLASK_DB__HOST": "db.example",
    "FLASK_DB__POOL__SIZE": "5",
    "FLASK_KNOWN__NEW": "true",
    "FLASK__UNDER": "1",
    "FLASK_lower": "2",
    "FLASKLESS": "3",
    "OTHER_NUMBER": "4",
}


def test_variables_with_the_prefix_are_settings(config, monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    config["KNOWN"] = {"OLD": False}
    assert config.from_prefixed_env() is True
    assert config["DB"] == {"HOST": "db.example", "POOL": {"SIZE": 5}}
    assert config["KNOWN"] == {"OLD": False, "NEW": True}
    assert (config["NUMBER"], config["LIST"], config["TEXT"]) == (42, ["a", 1], "not JSON")
    assert "LESS" not in config

    theirs = flask.Config("", {"KNOWN": {"OLD": False}})
    theirs.from_prefixed_env()
    assert config == theirs


def test_prefix_and_loading_function_are_the_callers(config, monkeypatch):
    monkeypatch.setenv("OTHER_NUMBER", "4")
    config.from_prefixed_env("OTHER", loads=lambda text: text * 2)
    assert config == {"NUMBER": "44"}


# -- reading -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, {"type", "path"}),
        ({"lowercase": False}, {"TYPE", "PATH"}),
        ({"trim_namespace": False}, {"store_type", "store_path"}),
        ({"lowercase": False, "trim_namespace": False}, {"STORE_TYPE", "STORE_PATH"}),
    ],
)
def test_a_namespace_is_ready_to_be_keyword_arguments(config, options, keys):
    config.update(STORE_TYPE="fs", STORE_PATH="/var", OTHER=1)
    assert set(config.get_namespace("STORE_", **options)) == keys


def test_an_attribute_forwards_to_the_settings():
    class Machine:
        speed = ConfigAttribute("SPEED", get_converter=int)
        name = ConfigAttribute("NAME")

        def __init__(self):
            self.config = {"SPEED": "7"}

    machine = Machine()
    assert machine.speed == 7
    machine.name = "lathe"
    assert machine.config == {"SPEED": "7", "NAME": "lathe"}
    assert isinstance(Machine.name, ConfigAttribute)


def test_the_applications_attributes_are_its_settings():
    app = Flask(__name__)
    app.secret_key = "k"
    app.config["PERMANENT_SESSION_LIFETIME"] = 60
    assert app.config["SECRET_KEY"] == "k"
    assert app.permanent_session_lifetime.total_seconds() == 60
    assert repr(Config("", {"A": 1})) == "<Config {'A': 1}>"
