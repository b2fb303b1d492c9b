"""Serve an application to a browser: what ``carboy run``, ``app.run()`` and ``carboy serve`` start.

Lives here: :func:`develop`, and :func:`run_simple`, which has the parameters of Werkzeug's
function of that name, and :func:`run_app` for ``app.run()``. A concept a file: where to listen
(``address``), the line for each request (``access_log``), the translation from the server to
WSGI (``wsgi``), starting and stopping (``serving``). For the reloader: what has changed
(``watching``), which process runs (``reloader``), what the two processes say to each other
(``handover``), pages in browsers (``live_reload``), and the page that says why there is no program
(``failure``). The production server has its own: ``production``, ``supervisor``, ``worker``,
``front``, ``proxies``.
Must not know: the application class, the command line. An application is a callable.

How it works: the socket is bound here, so that a port in use is one clear sentence and port 0
tells the port it got. Granian, imported only then, serves it with its threads in this very
process: the application need not be importable by name.
"""

from __future__ import annotations

from .address import CannotListen
from .develop import Settings, banner_lines, develop
from .run_simple import run_app, run_simple
from .serving import THREADS

__all__ = [
    "THREADS",
    "CannotListen",
    "Settings",
    "banner_lines",
    "develop",
    "run_app",
    "run_simple",
]
