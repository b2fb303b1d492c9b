"""Serve an application to a browser: what ``carboy run`` and ``app.run()`` start.

Lives here: :func:`run_simple`, with the parameters of Werkzeug's function of that name, and
:func:`run_app` for ``app.run()``. Their parts, a concept a file: where to listen
(``address``), the line for each request (``access_log``), the translation from the server to
WSGI (``wsgi``), starting and stopping (``serving``).
Must not know: the application class, the command line. An application is a WSGI callable.

How it works: the socket is bound here, so that a port in use is one clear sentence and port 0
tells the port it got. Granian, imported only then, serves it with its threads in this very
process: the application need not be importable by name, and nothing is forked.
"""

from __future__ import annotations

from .address import CannotListen
from .run_simple import banner_lines, run_app, run_simple

__all__ = ["CannotListen", "banner_lines", "run_app", "run_simple"]
