"""``-p carboy.pytest_plugin``: in this test run ``flask`` means Carboy.

Lives here: the one call, as early as pytest lets a plugin act. pytest imports the plugins that
``-p`` names, on the command line or in ``addopts``, before those that distributions bring, and
before any ``conftest.py``.
Must not know: what the tests are about. There are no hooks and no fixtures.
"""

from __future__ import annotations

import pytest

from .flask_alias import install_as_flask

try:
    install_as_flask()
except RuntimeError:
    raise pytest.UsageError(
        "carboy.pytest_plugin comes too late: another plugin or a conftest.py has imported"
        " Flask itself already. Name it before the others: 'pytest -p carboy.pytest_plugin …',"
        " or 'addopts = \"-p carboy.pytest_plugin\"' in the configuration of pytest."
    ) from None
