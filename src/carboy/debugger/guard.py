"""Who may use the console, which runs any code that it is given.

Lives here: every check between a request and an evaluation, and the reasons that are told; which
server this process serves under.
Must not know: what an evaluation does.

How it works: the console exists only where the server listens for this machine alone, or where
its start was told otherwise and printed a token. A web page from elsewhere can still send
requests to this machine, in three ways, and each is refused: with the address (its ``Origin`` is
another), with a name of its own that it has made lead to 127.0.0.1 (its ``Host`` is that name),
and through a proxy (which says so). And all of them lack the secret, which only the page with the
failure has.

A script of the same origin could read that page. So the secret goes only to what a browser is
about to show as a document of its own, which no other page can look into, and not past a service
worker, which could.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import socket
import sys
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType
    from wsgiref.types import WSGIEnvironment

#: Where the request is as it came: middleware may put what a proxy says in the place of its host
#: and its client, and take the headers away that tell of the proxy.
ASKED: Final = "carboy.debugger.asked"

#: Headers by which a proxy shows itself, or their beginning.
_FORWARDED: Final = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_VIA",
)

#: Production servers, by the modules that run where they serve. To be imported does not count:
#: many a program imports its production server, and is still run by another one.
_PRODUCTION: Final = {
    "carboy.server.worker": "carboy serve",
    "cheroot": "Cheroot",
    "daphne": "Daphne",
    "eventlet.wsgi": "Eventlet",
    "gevent.pywsgi": "gevent",
    "granian.server": "Granian",
    "gunicorn": "Gunicorn",
    "hypercorn": "Hypercorn",
    "meinheld": "Meinheld",
    "tornado.wsgi": "Tornado",
    "twisted.web.wsgi": "Twisted",
    "uvicorn": "Uvicorn",
    "waitress": "Waitress",
}

#: Those that are no Python code, by the modules that exist only within them.
_EMBEDDING: Final = {"uwsgi": "uWSGI", "mod_wsgi": "mod_wsgi"}

_HOST: Final = re.compile(r"(\[[^\[\]]*\]|[^:]*)(?::\d*)?")

WRONG_TOKEN: Final = "The token is not the one in the terminal."

#: How many wrong tokens close the console until the server is started again.
MAX_WRONG_TOKENS: Final = 10


def is_loopback(host: str) -> bool:
    """Whether a name or an address is one of this machine itself.

    :param host: without a port
    """
    host = host.strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def production_server() -> str | None:
    """The name of the production server that this process serves under."""
    for module, name in _EMBEDDING.items():
        if module in sys.modules:
            return name
    for frame in sys._current_frames().values():
        caller: FrameType | None = frame
        while caller is not None:
            server = _of_server(str(caller.f_globals.get("__name__", "")))
            if server is not None:
                return server
            caller = caller.f_back
    return None


def _of_server(module: str) -> str | None:
    parts = module.split(".")
    lengths = range(1, min(len(parts), 3) + 1)
    return next(filter(None, (_PRODUCTION.get(".".join(parts[:n])) for n in lengths)), None)


class Guard:
    """The checks for one application.

    :param host: what the server listens on
    :param wanted: whether a console is wanted at all
    :param allow_remote: whether others than this machine may use it, with a token
    :param token: that token; one is made when it is left out
    """

    def __init__(
        self, host: str, wanted: bool = True, allow_remote: bool = False, token: str | None = None
    ) -> None:
        self._is_local = is_loopback(host)
        machine = socket.gethostname().lower()
        self._own_names = {host.lower(), machine, f"{machine}.local"} - {""}
        self._wanted = wanted
        self._process = os.getpid()
        self._wrong_tokens = 0
        self._counting = threading.Lock()
        self.token = None
        if allow_remote and not self._is_local:
            self.token = token or secrets.token_urlsafe(12)

    def confides(self, environ: WSGIEnvironment, server_name: str | None = None) -> bool:
        """Whether to show variables and the request to who asks.

        Not under a foreign name: that is a tunnel to the world, or a web page that has made its
        own name lead here and would read the answer. A tunnel can also ask under this machine's
        name, so nothing that came through one is trusted by a server for this machine alone. Nor
        is the script of another site, which reads what it asks for if the application lets it.

        :param server_name: the name that the application is configured with
        """
        environ = environ.get(ASKED, environ)
        if _is_asked_by_another_site(environ) or (self._is_local and _is_forwarded(environ)):
            return False
        host = _host(environ)
        names = {*self._own_names, (server_name or "").partition(":")[0].lower()}
        return is_loopback(host) or _is_address(host) or (bool(host) and host in names)

    def why_no_console(
        self, environ: WSGIEnvironment, server_name: str | None = None
    ) -> str | None:
        """Why the console does not answer *environ* at all; ``None`` when it does.

        :param server_name: the name that the application is configured with
        """
        environ = environ.get(ASKED, environ)
        if not self._wanted:
            return "It was switched off."
        if os.getpid() != self._process:
            return "It does not exist where the server has several processes."
        if self._wrong_tokens >= MAX_WRONG_TOKENS:
            return "Too many wrong tokens were given. Restart the server."
        if self.token is not None:
            if not self.confides(environ, server_name):
                return _not_of_this_machine(environ)
            return None
        if not self._is_local:
            return (
                "The server listens to more than this machine."
                " --debugger-allow-remote allows it, with a token."
            )
        if _is_forwarded(environ):
            return "The request came through a proxy."
        if not is_loopback(environ.get("REMOTE_ADDR", "")):
            return "The request did not come from this machine."
        if not is_loopback(_host(environ)):
            return _not_of_this_machine(environ)
        return None

    def why_no_offer(self, environ: WSGIEnvironment, server_name: str | None = None) -> str | None:
        """Why the page for *environ* gets no secret, and so no console; ``None`` when it does.

        :param server_name: the name that the application is configured with
        """
        environ = environ.get(ASKED, environ)
        # Where browsers do not say it, as without HTTPS on another machine, a token is needed.
        if (
            environ.get("HTTP_SEC_FETCH_DEST", "document") != "document"
            or environ.get("HTTP_SEC_FETCH_MODE", "navigate") != "navigate"
            # A service worker will read the answer before the page does.
            or "HTTP_SERVICE_WORKER_NAVIGATION_PRELOAD" in environ
        ):
            return (
                "The page was asked for by a script, or stands in another one."
                " If that is a service worker, Shift+Reload goes past it."
            )
        return self.why_no_console(environ, server_name)

    def why_not(self, environ: WSGIEnvironment, server_name: str | None = None) -> str | None:
        """Why an evaluation that *environ* asks for is refused, short of its secret.

        :param server_name: the name that the application is configured with
        """
        if (reason := self.why_no_console(environ, server_name)) is not None:
            return reason
        if environ.get("REQUEST_METHOD") != "POST":
            return "An evaluation is a POST."
        if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") != "same-origin":
            return "The request came from another site."
        schemes = [environ.get("wsgi.url_scheme")]
        if self.token is not None:
            # What stands before a server for others may speak HTTPS for it.
            schemes.append("https")
        own = [f"{scheme}://{environ.get('HTTP_HOST')}" for scheme in schemes]
        if environ.get("HTTP_ORIGIN") not in own:
            return "The request came from another origin."
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != "application/json":
            # A form can be sent from any page without asking.
            return "An evaluation is JSON."
        if self.token is not None and not self._is_token(environ.get("HTTP_X_DEBUGGER_TOKEN", "")):
            return WRONG_TOKEN
        return None

    def _is_token(self, given: str) -> bool:
        assert self.token is not None
        # All in one: requests that come at the same time are no further attempts.
        with self._counting:
            if self._wrong_tokens >= MAX_WRONG_TOKENS:
                return False
            if hmac.compare_digest(given.encode(), self.token.encode()):
                return True
            # To ask without one is how a page finds out that it needs one.
            self._wrong_tokens += bool(given)
        return False


def _is_forwarded(environ: WSGIEnvironment) -> bool:
    return any(key.startswith(_FORWARDED) for key in environ)


def _is_asked_by_another_site(environ: WSGIEnvironment) -> bool:
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    # A link from another site is followed by the user, and its target shown to nobody else.
    return site in ("cross-site", "same-site") and environ.get("HTTP_SEC_FETCH_MODE") != "navigate"


def _not_of_this_machine(environ: WSGIEnvironment) -> str:
    host = _host(environ)
    return f"{repr(host) if host else 'An empty name'} is not a name of this machine."


def _host(environ: WSGIEnvironment) -> str:
    """The name in the ``Host`` header, without its port; empty if that is no name."""
    found = _HOST.fullmatch(environ.get("HTTP_HOST", ""))
    return "" if found is None else found[1].lower()
