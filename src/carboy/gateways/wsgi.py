"""The WSGI gateway (PEP 3333).

Lives here: one function, which is the method ``wsgi_app`` of an application.
Must not know: routes, hooks, sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ..ctx import RequestContext
from ..driver import conclude, respond
from ..wrappers.response import Response, send_ready

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..pipeline import Pipeline


_context_of: Final = RequestContext._of


def wsgi_app(
    self: Pipeline, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """The application itself, as a WSGI callable. Middleware wraps this attribute::

        app.wsgi_app = ProxyFix(app.wsgi_app)

    :param environ: the WSGI environment
    :param start_response: called with the status line and the headers
    :returns: the parts of the body
    """
    if self._short is None and self._the_short_way() is None:
        ctx = self.request_context(environ)
    else:
        # What that comes to, with the request object made when it is first used.
        ctx = _context_of(self)  # type: ignore[arg-type]
        ctx.environ = environ
    try:
        response = respond(self, ctx)
        # To call an object leads Python out of its loop and back; to call a function does not.
        if type(response) is tuple:
            return send_ready(response, environ, start_response)
        if type(response) is Response:
            return Response.__call__(response, environ, start_response)
        return response(environ, start_response)  # type: ignore[operator]
    finally:
        conclude(self, ctx)
        if ctx._background is not None:
            self._begin_background(ctx._background)
