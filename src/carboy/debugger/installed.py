"""The debugger as an application has it.

Lives here: ``Debugger``, which answers exceptions, requests that no rule matches and the console's
requests, and :func:`install`.
Must not know: how pages look, what an evaluation does, who may ask for one. It brings those
together.

How it works: the pipeline hands over an exception that would reach the server, the gateways one
that was raised outside of it. WSGI middleware, streams and the console's requests come by the
outermost layer of ``app.wsgi_app``, which :func:`install` puts there.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from ..answers import form_for
from ..files import span_of
from ..globals import _cv_ctx
from ..wrappers import Response
from ..wrappers.async_body import AsyncBody
from .asked import Asked, describe_request, secrets_of
from .console import Store
from .failures import Examined, Failure, examine
from .guard import ASKED, WRONG_TOKEN, Guard, production_server
from .page import ConsoleOffer, headers, render, render_not_found, render_routes
from .plain import as_problem, as_text
from .rules import near, routes_of
from .values import Masked, Patience

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..app import Flask
    from ..ctx import RequestContext

logger = logging.getLogger(__name__)

#: Where the console and the table of routes are, below the root of the application.
PREFIX: Final = "/__debugger__/"

#: How long what is typed may be, in bytes of its request.
_MAX_REQUEST: Final = 100_000


def install(
    app: Flask,
    *,
    host: str = "127.0.0.1",
    console: bool = True,
    allow_remote: bool = False,
    token: str | None = None,
    extra_script: str = "",
) -> Debugger | None:
    """Have the exceptions of *app* shown to whoever asked; for a development server, before it
    serves.

    :param host: the name or address that the server listens on
    :param console: whether the page has a console, where that is safe
    :param allow_remote: offer it where the server listens to more than this machine, too, to who
        knows the token
    :param token: that token, said to be known already; one is made and printed if left out
    :param extra_script: JavaScript that runs in the page
    :returns: the debugger; ``None`` under a production server, where there is none
    """
    if (server := production_server()) is not None:
        _tell_of(server)
        return None
    guard = Guard(host, console, allow_remote, token)
    if guard.token is not None and token is None:
        print(f" * Debugger token: {guard.token}", file=sys.stderr, flush=True)
    debugger = Debugger(app, guard, extra_script)
    if not isinstance(app.wsgi_app, _Outermost):
        app.wsgi_app = _Outermost(app, app.wsgi_app)  # type: ignore[method-assign]
    app._debugger = debugger
    return debugger


class Debugger:
    """Answers the exceptions of an application.

    :param app: the application
    :param guard: decides who may use the console
    :param extra_script: JavaScript that runs in the page
    """

    def __init__(self, app: Flask, guard: Guard, extra_script: str = "") -> None:
        self.app = app
        self.guard = guard
        self.extra_script = extra_script
        self.store = Store()

    @property
    def token(self) -> str | None:
        """The token of the console, if it takes one."""
        return self.guard.token

    def switch_off(self, server: str) -> None:
        """Be gone, because *server* serves, which is no place for a debugger."""
        _tell_of(server)
        self.store.clear()
        self.app._debugger = None

    def is_on(self) -> bool:
        """Whether there is a debugger: in debug mode, and under no production server.

        One that turns up later than :func:`install` switches it off.
        """
        if not self.app.debug:
            return False
        if (server := production_server()) is not None:
            self.switch_off(server)
            return False
        return True

    # Exceptions

    def response(self, error: Exception, environ: WSGIEnvironment | None = None) -> Response:
        """The answer that shows *error* in the form that the client wants.

        :param environ: of the request; that of the current one when left out
        :raises Exception: *error*, when there is no debugger any more
        """
        if not self.is_on():
            raise error
        ctx = _current_ctx(environ)
        if environ is None:
            environ = {} if ctx is None else ctx.environ
        try:
            return self._response(error, environ, ctx)
        except Exception:
            logger.exception("The debugger could not show the exception, because of this one.")
            text = "The exception could not be shown; it is in the log.\n"
            return Response(text, 500, mimetype="text/plain")

    def report(self, error: Exception, environ: WSGIEnvironment) -> Response:
        """Log *error*, which was raised outside of the stages of the application, and show it.

        :raises Exception: *error*, when there is no debugger any more
        """
        if not self.is_on():
            raise error
        self.app.logger.error(
            f"Exception on {environ.get('PATH_INFO')} [{environ.get('REQUEST_METHOD')}]",
            exc_info=error,
        )
        return self.response(error, environ)

    def _response(
        self, error: Exception, environ: WSGIEnvironment, ctx: RequestContext | None
    ) -> Response:
        confides = self._confides(environ)
        wanted = form_for(environ.get("HTTP_ACCEPT", ""))
        patience = Patience()
        asked, mask = describe_request(self.app, environ, ctx, patience)
        examined = examine(error, self.app.root_path, mask, confides and wanted == "html", patience)
        if wanted == "html":
            return self._page(examined, asked, environ, ctx, confides)
        if wanted == "json":
            problem = as_problem(examined.failure, asked.path.partition("?")[0])
            text = json.dumps(problem, indent=2, ensure_ascii=True) + "\n"
            response = Response(text, 500, mimetype="application/problem+json")
        else:
            text = as_text(examined.failure).encode("utf-8", "backslashreplace").decode()
            response = Response(text, 500, mimetype="text/plain")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _page(
        self,
        examined: Examined,
        asked: Asked,
        environ: WSGIEnvironment,
        ctx: RequestContext | None,
        confides: bool,
    ) -> Response:
        offer = None
        why_none = self.guard.why_no_offer(environ, self.app.config["SERVER_NAME"])
        if why_none is None:
            kept = self.store.keep(examined.frames, ctx)
            url = environ.get("SCRIPT_NAME", "") + PREFIX
            offer = ConsoleOffer(url, kept.id, kept.secret, self.guard.token is not None)
        if not confides:
            asked = Asked(asked.method, asked.path, asked.rule, asked.endpoint)
        page, fields = render(
            examined.failure,
            asked,
            offer,
            why_none,
            _routes_url(environ) if confides else None,
            self.extra_script,
        )
        if "HTTP_SEC_CH_UA" in environ:
            # With "same-origin" a page that says so, too, could look into the window. Only
            # browsers that send this header know the stricter word.
            fields["Cross-Origin-Opener-Policy"] = "noopener-allow-popups"
        return _html(page, 500, fields)

    def _confides(self, environ: WSGIEnvironment) -> bool:
        return self.guard.confides(environ, self.app.config["SERVER_NAME"])

    def notice(self, error: Exception, content_type: str) -> bytes:
        """What is added to a stream of text that *error* breaks off; empty for other streams.

        :param content_type: of what was sent so far
        """
        mimetype = content_type.partition(";")[0].strip().lower()
        if mimetype not in ("text/html", "text/plain") or not self.is_on():
            return b""
        text = "\n\nThe stream was broken off here:\n\n" + as_text(self._examined(error))
        if mimetype == "text/html":
            from markupsafe import escape

            # Out of whatever the page was in the middle of.
            text = f'"></script></style></textarea></title><hr><pre>{escape(text)}</pre>'
        return text.encode("utf-8", "backslashreplace")

    def _examined(self, error: Exception) -> Failure:
        mask = Masked(secrets_of(self.app, {}))
        return examine(error, self.app.root_path, mask, with_variables=False).failure

    # What no rule matches

    def explained(self, error: HTTPException) -> HTTPException | Response:
        """A page with the rules that come near, in place of a 404 or 405 of the routing.

        *error* itself if it is something else, or not a browser that asks.
        """
        ctx = _current_ctx(None)
        if (
            ctx is None
            or not isinstance(error, NotFound | MethodNotAllowed)
            or ctx.request.routing_exception is not error
            or form_for(ctx.environ.get("HTTP_ACCEPT", "")) != "html"
            or not self._confides(ctx.environ)
            or not self.is_on()
        ):
            return error
        environ = ctx.environ
        path, method = ctx.request.path, ctx.request.method
        page, fields = render_not_found(
            path,
            method,
            near(self.app.url_map.iter_rules(), path, method),
            routes_of(self.app),
            environ.get("SCRIPT_NAME", ""),
            _routes_url(environ),
        )
        for name, value in error.get_headers(environ):
            fields.setdefault(name, value)
        del fields["Content-Type"]
        return _html(page, error.code or 404, fields)

    # The console

    def answers(self, path: str) -> bool:
        """Whether a request for *path* is for the debugger."""
        return path.startswith(PREFIX)

    def answer(self, environ: WSGIEnvironment) -> Response:
        """Show the routes; evaluate or complete what a page asks for, if it may."""
        action = environ["PATH_INFO"].removeprefix(PREFIX)
        if action == "routes" and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._routes(environ)
        reason = self.guard.why_not(environ, self.app.config["SERVER_NAME"])
        if reason is not None:
            return self._refuse(reason, environ, 401 if reason is WRONG_TOKEN else 403)
        try:
            size = int(environ.get("CONTENT_LENGTH") or 0)
            if not 0 < size <= _MAX_REQUEST:
                return _told({"detail": "That is too long."}, 413)
            wanted = json.loads(environ["wsgi.input"].read(size))
            kept = self.store.find(str(wanted["failure"]))
            number, source = int(wanted["frame"]), str(wanted["source"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return _told({"detail": "That is no question to the console."}, 400)
        if kept is None:
            detail = "The frame is no longer there. Ask for the page again."
            return _told({"detail": detail}, 410)
        if not kept.is_secret(environ.get("HTTP_X_DEBUGGER_SECRET", "")):
            return self._refuse("The secret is not that of the page.", environ, 403)
        try:
            if action == "evaluate":
                return _told({"output": kept.evaluate(number, source)})
            if action == "complete":
                return _told({"names": kept.complete(number, source)})
        except LookupError as e:
            return _told({"detail": str(e)}, 400)
        return _told({"detail": "The console can evaluate and complete."}, 404)

    def _routes(self, environ: WSGIEnvironment) -> Response:
        if not self._confides(environ):
            return _told({"detail": "The routes are not shown under this name."}, 403)
        root = environ.get("SCRIPT_NAME", "")
        page, fields = render_routes(routes_of(self.app), root, self.extra_script)
        return _html(page, 200, fields)

    def _refuse(self, reason: str, environ: WSGIEnvironment, status: int) -> Response:
        logger.warning(
            "A request to the console was refused. %s It came from %s for %s.",
            reason,
            environ.get("REMOTE_ADDR"),
            ascii(environ.get("HTTP_HOST")),
        )
        return _told({"detail": reason}, status)


def _html(page: str, status: int, fields: dict[str, str]) -> Response:
    return Response(page.encode("utf-8", "backslashreplace"), status, fields, mimetype="text/html")


def _routes_url(environ: WSGIEnvironment) -> str:
    return f"{environ.get('SCRIPT_NAME', '')}{PREFIX}routes"


def _tell_of(server: str) -> None:
    logger.critical("The debugger was switched off: this is %s, a production server.", server)


def _told(answer: dict[str, Any], status: int = 200) -> Response:
    text = json.dumps(answer)
    return Response(text, status, headers("none"), mimetype="application/json")


def _current_ctx(environ: WSGIEnvironment | None) -> RequestContext | None:
    """The context of the current request, if it is the one of *environ*."""
    ctx = _cv_ctx.get(None)
    request_ctx = None if ctx is None else ctx._request_ctx
    if request_ctx is None or (environ is not None and request_ctx.environ is not environ):
        return None
    return request_ctx


class _Outermost:
    """The outermost layer around the WSGI callable of an application.

    :param app: the application
    :param inner: what it wraps; what is asked of this object, but for the call, that one answers
    """

    def __init__(self, app: Flask, inner: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        # The gateways look at the function behind the method.
        return getattr(self._inner, name)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        debugger = self._app._debugger
        if debugger is None or not self._app.debug:
            return self._inner(environ, start_response)
        if debugger.answers(environ.get("PATH_INFO", "")) and debugger.is_on():
            return debugger.answer(environ)(environ, start_response)
        environ[ASKED] = environ.copy()
        started: list[str] = []

        def start(status: str, fields: list[tuple[str, str]], *more: Any) -> Any:
            started[:] = [value for name, value in fields if name.lower() == "content-type"]
            return start_response(status, fields, *more)

        try:
            body = self._inner(environ, start)
        except Exception as e:
            response = debugger.report(e, environ)
            again = partial(_start_again, start_response, sys.exc_info())
            return response(environ, again)
        if isinstance(body, list | tuple) or type(body) is AsyncBody or span_of(body) is not None:
            return body
        return _Stream(debugger, body, started)


def _start_again(
    start_response: StartResponse, exc_info: Any, status: str, fields: list[tuple[str, str]]
) -> Callable[[bytes], object]:
    return start_response(status, fields, exc_info)


class _Stream:
    """A body that tells of the exception that breaks it off."""

    def __init__(self, debugger: Debugger, body: Iterable[bytes], content_type: list[str]) -> None:
        self._debugger = debugger
        self._body = body
        self._content_type = content_type
        self._pieces = self._watch()

    def _watch(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as e:
            if notice := self._debugger.notice(e, "".join(self._content_type)):
                yield notice
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._pieces.close()  # type: ignore[attr-defined]
        if (close := getattr(self._body, "close", None)) is not None:
            close()
