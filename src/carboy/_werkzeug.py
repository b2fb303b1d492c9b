"""Werkzeug without what it imports for the few programs that use it, until one of them does.

Lives here: what of Werkzeug's imports is put off. Must be imported before anything of Werkzeug.

Why: ``import werkzeug.x`` runs ``werkzeug/__init__.py``, which imports ``serving`` and ``test``
and with them http.server, ssl and socketserver: an eighth of the time that ``import carboy`` took.
Modules of the standard library, for a function or two each, took a sixth (``make bench
ARGS="--only import"``).
"""

from __future__ import annotations

from importlib import import_module

from ._later import put_off, standing_in

put_off(
    "werkzeug",
    frozenset({"Client", "Request", "Response", "run_simple", "serving", "test"}),
    ("serving", "test", "wrappers"),
)

with standing_in(
    "difflib",  # what an endpoint that does not exist may have meant
    "email.utils",  # dates in headers
    "ipaddress",  # URLs with brackets
    "pkgutil",  # `find_modules()`
    "shutil",  # removes what `tempfile` has made
    "uuid",  # variables of rules
):
    import_module("werkzeug.routing")
    import_module("werkzeug.wrappers")
