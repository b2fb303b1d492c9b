"""What ``import carboy`` leaves for later, so that a program starts quickly."""

from __future__ import annotations

import json
import subprocess
import sys

#: What only some programs need, or only the command line, the server or the tests do.
LATER = {
    "asyncio",
    "carboy.blueprints",
    "carboy.cli",
    "carboy.debughelpers",
    "carboy.loop",
    "carboy.server",
    "carboy.signing",
    "carboy.templating",
    "carboy.testing",
    "carboy.views",
    "click",
    "concurrent.futures",
    "decimal",
    "granian",
    "importlib.metadata",
    "itsdangerous",
    "jinja2",
    "multipart",
    "watchfiles",
}


def modules_after(source: str) -> set[str]:
    """The modules that a fresh interpreter has imported when it has run *source*."""
    program = f"{source}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    return set(json.loads(ran.stdout))


def test_an_import_leaves_what_few_programs_need():
    modules = modules_after("import carboy")
    assert "carboy.app" in modules
    assert modules.isdisjoint(LATER)


def test_an_application_imports_no_more_to_answer():
    program = """
import carboy
app = carboy.Flask("a")
app.route("/<name>")(lambda name: {"name": name})
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/ada", "SERVER_NAME": "a", "SERVER_PORT": "80"}
environ["wsgi.url_scheme"] = "http"
assert b"".join(app(environ, lambda *args: None)) == b'{"name":"ada"}\\n'
"""
    assert modules_after(program).isdisjoint(LATER)


def test_what_is_left_is_imported_when_it_is_asked_for():
    asked = modules_after("from carboy import Blueprint, blueprints, render_template")
    assert {"carboy.blueprints", "carboy.templating"} <= asked
    signed = (
        "import carboy; app = carboy.Flask('a'); app.secret_key = 'b';"
        "app.session_interface.get_signing_serializer(app)"
    )
    assert {"carboy.signing", "itsdangerous"} <= modules_after(signed)
