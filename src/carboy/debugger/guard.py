"""Who may use the console, which runs any code that it is given.

Lives here: every check between a request and an evaluation, and the reasons that are told.
Must not know: what an evaluation does.

How it works: the console exists only where the server listens for this machine alone, or where
its start was told otherwise and printed a token. A web page from elsewhere can still send
requests to this machine, in three ways, and each is refused: with the address (its ``Origin`` is
another), with a name of its own that it has made lead to 127.0.0.1 (its ``Host`` is that name),
and through a proxy (which says so). And all of them lack the secret, which only the page with the
failure has.
"""

from __future__ import annotations

import hmac
import os
import secrets
import sys
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

#: Headers by which a proxy shows itself.
_FORWARDED: Final = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)

#: Production servers, by the modules that are imported where they run.
_PRODUCTION: Final = {
    "gunicorn.arbiter": "Gunicorn",
    "uwsgi": "uWSGI",
    "mod_wsgi": "mod_wsgi",
    "waitress.server": "Waitress",
    "cheroot.server": "Cheroot",
    "hypercorn.run": "Hypercorn",
    "daphne.server": "Daphne",
}

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
    """The name of the production server that this process runs under."""
    return next((name for module, name in _PRODUCTION.items() if module in sys.modules), None)


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
        self._wanted = wanted
        self._process = os.getpid()
        self._wrong_tokens = 0
        self._counting = threading.Lock()
        self.token = None
        if allow_remote and not self._is_local:
            self.token = token or secrets.token_urlsafe(12)

    def confides(self, environ: WSGIEnvironment, server_name: str | None = None) -> bool:
        """Whether to show variables and secrets' neighbours to who asks.

        Not under a foreign name: that is a tunnel to the world, or a web page that has made its
        own name lead here and would read the answer.

        :param server_name: the name that the application is configured with
        """
        host = _host(environ)
        own = (server_name or "").partition(":")[0].lower()
        return is_loopback(host) or _is_address(host) or (bool(own) and host == own)

    def why_no_console(self, environ: WSGIEnvironment) -> str | None:
        """Why the page for *environ* offers no console; ``None`` when it does."""
        if not self._wanted:
            return "It was switched off."
        if (server := production_server()) is not None:
            return f"It does not exist under {server}."
        if os.getpid() != self._process:
            return "It does not exist where the server has several processes."
        if self._wrong_tokens >= MAX_WRONG_TOKENS:
            return "Too many wrong tokens were given. Restart the server."
        if self.token is not None:
            return None
        if not self._is_local:
            return (
                "The server listens to more than this machine."
                " --debugger-allow-remote allows it, with a token."
            )
        if any(key in environ for key in _FORWARDED):
            return "The request came through a proxy."
        if not is_loopback(environ.get("REMOTE_ADDR", "")):
            return "The request did not come from this machine."
        if not is_loopback(_host(environ)):
            return f"{_host(environ) or 'An empty name'!r} is not a name of this machine."
        return None

    def why_not(self, environ: WSGIEnvironment) -> str | None:
        """Why an evaluation that *environ* asks for is refused, short of its secret."""
        if (reason := self.why_no_console(environ)) is not None:
            return reason
        if environ.get("REQUEST_METHOD") != "POST":
            return "An evaluation is a POST."
        if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") != "same-origin":
            return "The request came from another site."
        origin = environ.get("HTTP_ORIGIN", "")
        try:
            parts = urlsplit(origin)
        except ValueError:
            return "The request came from another origin."
        if parts.scheme not in ("http", "https") or parts.netloc != environ.get("HTTP_HOST"):
            return "The request came from another origin."
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != "application/json":
            # A form can be sent from any page without asking.
            return "An evaluation is JSON."
        if self.token is not None and not self._is_token(environ.get("HTTP_X_DEBUGGER_TOKEN", "")):
            return WRONG_TOKEN
        return None

    def _is_token(self, given: str) -> bool:
        assert self.token is not None
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        # To ask without one is how a page finds out that it needs one.
        if given:
            with self._counting:
                self._wrong_tokens += 1
        return False


def _host(environ: WSGIEnvironment) -> str:
    """The name in the ``Host`` header, without its port."""
    host: str = environ.get("HTTP_HOST", "")
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
