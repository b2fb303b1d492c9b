"""``-p carboy.pytest_plugin``, in test runs of their own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
    import carboy
    import flask
    from flask.testing import FlaskClient

    def test_it():
        assert flask is carboy
        assert FlaskClient is carboy.testing.FlaskClient
"""


@pytest.fixture(autouse=True)
def _run_here(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TESTS, imports_flask="import flask")
    pytester.syspathinsert()


def test_flask_means_carboy_in_a_test_run(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("-p", "carboy.pytest_plugin")
    result.assert_outcomes(passed=1)


def test_it_may_stand_in_the_configuration(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\naddopts = "-p carboy.pytest_plugin"\n')
    # Plugins of distributions, and conftest.py, come after it.
    pytester.makeconftest("import carboy, flask\nassert flask is carboy")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)


def test_it_comes_before_the_plugins_of_distributions(pytester: pytest.Pytester) -> None:
    pytester.mkdir("brought-1.dist-info")
    folder = pytester.path / "brought-1.dist-info"
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[pytest11]\nbrought = imports_flask\n")
    result = pytester.runpytest_subprocess("-p", "carboy.pytest_plugin")
    result.assert_outcomes(passed=1)
    assert pytester.runpytest_subprocess().ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("options", "conftest"),
    [
        (["-p", "imports_flask", "-p", "carboy.pytest_plugin"], ""),
        ([], "import flask\npytest_plugins = ['carboy.pytest_plugin']"),
    ],
)
def test_it_says_so_when_flask_was_first(
    pytester: pytest.Pytester, options: list[str], conftest: str
) -> None:
    pytester.makeconftest(conftest)
    result = pytester.runpytest_subprocess(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: carboy.pytest_plugin comes too late:*'pytest -p carboy.pytest_plugin …'*"]
    )
    assert "Traceback" not in result.stderr.str()
