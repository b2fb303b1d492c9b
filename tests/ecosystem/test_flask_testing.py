"""A program's own tests: contexts, redirects, messages, templates not rendered, a live server."""

import subprocess
import sys
from pathlib import Path

DISTRIBUTIONS = ["Flask-Testing"]
APPS = Path(__file__).parent / "apps"


def run(*names):
    done = subprocess.run(
        [sys.executable, "-m", "unittest", *(f"tested.{name}" for name in names)],
        cwd=APPS,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_pages_are_asked_in_the_context_of_a_request():
    assert "Ran 4 tests" in run("Pages")


def test_templates_may_be_left_unrendered():
    assert "Ran 1 test" in run("WithoutTemplates")


def test_a_live_server_tells_which_port_was_free():
    # The extension learns it by replacing the binding of the standard library's TCPServer.
    assert "Ran 1 test" in run("Live")
