"""Migrations from the command line: ``flask db`` init, migrate, upgrade, downgrade."""

import pytest

from ecosystem.conftest import APPS, FLASK
from programs.conftest import starting

DISTRIBUTIONS = ["Flask-Migrate"]
APP = "migrate.py"


@pytest.fixture(scope="module")
def flask(tmp_path_factory):
    """Runs a command of the application; all in one folder."""
    folder = tmp_path_factory.mktemp("migrations")
    with starting() as start:

        def flask(*command, **environment):
            environment["DATA"] = str(folder)
            return start(FLASK, "--app", str(APPS / APP), *command, folder=folder, **environment)

        flask.folder = folder
        yield flask


@pytest.fixture(scope="module")
def program(flask):
    """The application, with its database made by a migration, not by the models."""
    for command in ["init"], ["migrate", "-m", "Notes"], ["upgrade"]:
        program = flask("db", *command)
        assert program.wait() == 0, program.said
    return flask("run")


def test_the_migration_made_the_database(visitor, flask):
    assert visitor.post("/notes", {"text": "Buy milk"}).status_code == 201
    assert visitor.get("/notes").json() == ["Buy milk"]
    (revision,) = (flask.folder / "migrations" / "versions").glob("*_notes.py")
    assert "op.create_table('note'" in revision.read_text()


def test_a_grown_model_is_noticed_migrated_and_taken_back(visitor, flask):
    visitor.post("/notes", {"text": "Water the flowers"})
    before = visitor.get("/notes").json()

    grown = {"WITH_DONE": "yes"}
    migrate = flask("db", "migrate", "-m", "Done", **grown)
    assert migrate.wait() == 0
    assert any("Detected added column 'note.done'" in line for line in migrate.said)

    assert flask("db", "upgrade", **grown).wait() == 0
    assert visitor.get("/columns").json() == ["id", "text", "done"]
    assert visitor.get("/notes").json() == before

    assert flask("db", "downgrade").wait() == 0
    assert visitor.get("/columns").json() == ["id", "text"]
    assert visitor.get("/notes").json() == before


def test_an_unknown_revision_is_refused(flask, program):
    upgrade = flask("db", "upgrade", "nowhere")
    assert upgrade.wait() == 1
    assert "Can't locate revision identified by 'nowhere'" in upgrade.said[-1]
