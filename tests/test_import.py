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
    "carboy.debugger",
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
    "difflib",
    "email.utils",
    "granian",
    "http.server",
    "importlib.metadata",
    "importlib.resources",
    "ipaddress",
    "itsdangerous",
    "jinja2",
    "multipart",
    "pkgutil",
    "platform",
    "shutil",
    "socket",
    "ssl",
    "uuid",
    "watchfiles",
    "werkzeug.serving",
    "werkzeug.test",
}


def modules_after(source: str) -> set[str]:
    """The modules that a fresh interpreter imports as it runs *source*."""
    program = f"""
import sys
before = set(sys.modules)
{source}
import json
print(json.dumps([name for name in sys.modules if name not in before]))
"""
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


def test_what_is_left_is_listed_without_being_imported():
    looked = "import carboy; assert set(carboy.__all__) | {'blueprints', 'cli'} <= set(dir(carboy))"
    assert modules_after(looked).isdisjoint(LATER)


def test_commands_of_an_application_bring_no_server():
    program = """
import carboy
app = carboy.Flask("a")
app.cli.command("brew")(lambda: None)
"""
    modules = modules_after(program)
    assert "carboy.cli" in modules
    assert modules.isdisjoint(
        {"asyncio", "carboy.server", "importlib.metadata", "importlib.resources", "ssl", "tomllib"}
    )


def test_what_werkzeug_imports_is_there_for_those_who_use_it():
    for use in (
        "from werkzeug.http import http_date, parse_date; assert parse_date(http_date(0)).day == 1",
        "import email; assert email.utils.formatdate(0)[:3] == 'Thu'",
        "import tempfile\nwith tempfile.TemporaryDirectory(): pass",
        "from urllib.parse import urlsplit; assert urlsplit('http://[::1]/').hostname == '::1'",
        "from werkzeug.utils import find_modules; assert 'carboy.app' in find_modules('carboy')",
        "from uuid import UUID; assert str(UUID(int=1)) in carboy.json.dumps(UUID(int=1))",
        """app = carboy.Flask('a')
app.route('/<uuid:barrel>')(lambda barrel: str(barrel.int))
assert app.test_client().get('/00000000-0000-0000-0000-000000000007').text == '7'""",
        """app = carboy.Flask('a')
app.route('/', endpoint='barrel')(lambda: '')
try: app.test_request_context().push(); carboy.url_for('barell')
except Exception as error: assert "Did you mean 'barrel'" in str(error)
else: assert False""",
    ):
        modules_after(f"import carboy\n{use}")


def test_modules_are_the_same_for_those_who_import_them_as_well():
    names = "difflib", "ipaddress", "pkgutil", "shutil", "uuid"
    same = "".join(f"import {name}; assert sys.modules['{name}'] is {name}; " for name in names)
    for program in (
        f"import sys, carboy; {same}",
        f"import sys; {same}import carboy; {same}",
        "import carboy, werkzeug.http, email.utils as u; u.formatdate = lambda *a, **k: 'never'; "
        "assert werkzeug.http.http_date(0) == 'never'",
    ):
        modules_after(program)


def test_werkzeug_is_whole_for_those_who_use_it():
    for use in (
        "from werkzeug import Client, Request, Response, run_simple",
        "import werkzeug; werkzeug.run_simple; werkzeug.Client",
        "import werkzeug; werkzeug.serving.run_simple; werkzeug.test.Client",
        "from werkzeug import serving, test",
        "import werkzeug.serving",
        "import werkzeug.middleware.proxy_fix",
        "from werkzeug import *; Client, Request, Response, run_simple",
        "import copy, inspect, werkzeug; inspect.getmembers(werkzeug)",
    ):
        modules_after(f"import carboy; {use}")
        modules_after(f"{use}; import carboy")


def test_nothing_else_of_werkzeug_is_put_off():
    names = "print(*sorted(n for n in vars(werkzeug) if n[:1] != '_'))"
    lists = [
        subprocess.run(
            [sys.executable, "-c", f"{first}import werkzeug.testapp, werkzeug.middleware; {names}"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout.split()
        for first in ("", "import carboy, werkzeug; werkzeug.Client; ")
    ]
    assert set(lists[0]) <= set(lists[1])


def test_a_name_that_werkzeug_does_not_have_is_missing():
    import pytest
    import werkzeug

    with pytest.raises(AttributeError, match="'werkzeug' has no attribute 'nothing'"):
        werkzeug.nothing  # noqa: B018


def test_granian_is_whole_for_those_who_use_it():
    for use in (
        "from granian import Granian, loops",
        "import granian; granian.Granian, granian.__version__, granian.server.Server",
        "from granian import *; Granian",
        "from granian.server import Server",
        "import granian.server.embed",
    ):
        modules_after(f"import carboy.server; {use}")
        modules_after(f"{use}; import carboy.server")


def test_whether_an_application_is_async_is_told_without_asyncio():
    program = """
import carboy
app = carboy.Flask("a")
app.route("/")(lambda: "")
assert not app.is_async
"""
    assert "asyncio" not in modules_after(program)
