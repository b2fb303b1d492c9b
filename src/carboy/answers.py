"""Turn what a view or an error handler returned into a response.

Lives here: the rules for return values, the pages of HTTP errors, and the form in which a client
wants to be told of an error.
Must not know: which stage asks, or what happens to the response afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from .globals import _find_request_ctx
from .wrappers import Response

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from . import typing as ft
    from .app import Flask

_BODIES: Final = (str, bytes, bytearray, Iterator)


def make_response(app: Flask, rv: ft.ResponseReturnValue) -> Response:
    """The response for a return value; see :meth:`carboy.Flask.make_response`."""
    if not isinstance(rv, tuple):
        return _of_value(app, rv)
    status: Any = None
    headers: Any = None
    if len(rv) == 3:
        body, status, headers = rv
    elif len(rv) == 2 and isinstance(rv[1], (Headers, dict, tuple, list)):
        body, headers = rv
    elif len(rv) == 2:
        body, status = rv
    else:
        raise TypeError(
            "The view function did not return a valid response tuple."
            " The tuple must have the form (body, status, headers),"
            " (body, status), or (body, headers)."
        )
    if isinstance(body, _BODIES):
        return app.response_class(body, status=status, headers=headers)
    response = _of_value(app, body)
    if status is not None:
        if isinstance(status, (str, bytes, bytearray)):
            response.status = status  # type: ignore[assignment]
        else:
            response.status_code = status
    if headers:
        response.headers.update(headers)
    return response


def _of_value(app: Flask, rv: object) -> Response:
    if isinstance(rv, app.response_class):
        return rv
    # Before the bodies: whether something is an iterator takes longer to find out.
    if isinstance(rv, (dict, list)):
        return app.json.response(rv)
    if isinstance(rv, HTTPException):
        return _of_error(app, rv)
    if isinstance(rv, _BODIES) or hasattr(rv, "__aiter__"):
        return app.response_class(rv)  # type: ignore[arg-type]
    if rv is None:
        raise TypeError(
            f"The view function for {_find_request_ctx().request.endpoint!r} did not"
            " return a valid response. The function either returned None or ended"
            " without a return statement."
        )
    explanation = (
        "The view function did not return a valid response. The return type must be"
        " a string, dict, list, tuple with headers or status, Response instance, or"
        f" WSGI callable, but it was a {type(rv).__name__}."
    )
    if not isinstance(rv, BaseResponse) and not callable(rv):
        raise TypeError(explanation)
    environ = _find_request_ctx().request.environ
    try:
        return app.response_class.force_type(rv, environ)  # type: ignore[return-value, arg-type]
    except TypeError as e:
        raise TypeError(f"{e}\n{explanation}").with_traceback(sys.exc_info()[2]) from None


def _of_error(app: Flask, e: HTTPException) -> Response:
    """The response of an HTTP error, without running it as a WSGI application.

    That is what Werkzeug does, and collects what the error sends: five times the cost of
    making its page, and ten times that of a page that is kept.
    """
    ctx = _find_request_ctx()
    kind = type(e)
    if (
        e.response is not None
        or e.code is None
        or app.response_class is not Response
        or kind.__call__ is not HTTPException.__call__
        or kind.get_response is not HTTPException.get_response
        or ctx._method() == "HEAD"
    ):
        return app.response_class.force_type(e, ctx.request.environ)  # type: ignore[return-value, arg-type]
    if (
        e.__dict__ == _NOTHING_SET
        and _has_plain_page(kind)
        and Response.default_mimetype == "text/html"
    ):
        return Response(_page(e), e.code)
    return Response(e.get_body(ctx.request.environ), e.code, e.get_headers(ctx.request.environ))


#: The attributes of an error that is as its class made it.
_NOTHING_SET: Final = {"response": None}

_pages: dict[tuple[type[HTTPException], str | None], bytes] = {}


def _has_plain_page(kind: type[HTTPException]) -> bool:
    """Whether the page of *kind* follows from the class alone."""
    return (
        kind.get_headers is HTTPException.get_headers
        and kind.get_body is HTTPException.get_body
        and kind.get_description is HTTPException.get_description
        and kind.name is HTTPException.name
        and type(kind.description) is str
    )


def _page(e: HTTPException) -> bytes:
    key = (type(e), e.description)
    page = _pages.get(key)
    if page is None:
        page = e.get_body().encode()
        # Programs can make classes without end.
        if len(_pages) < 256:
            _pages[key] = page
    return page


def form_for(accept: str) -> str:
    """The form of an answer for an ``Accept`` header: ``"html"``, ``"json"`` or ``"text"``.

    What is accepted only by a wildcard does not count: that is what terminal clients send.
    """
    from werkzeug.datastructures import MIMEAccept
    from werkzeug.http import parse_accept_header

    best = {"text": 0.0, "html": 0.0, "json": 0.0}
    for mimetype, quality in parse_accept_header(accept, MIMEAccept):
        mimetype = mimetype.partition(";")[0].strip().lower()
        form = _FORMS.get(mimetype) or ("json" if mimetype.endswith("+json") else None)
        if form is not None:
            best[form] = max(best[form], quality)
    if best["html"] and best["html"] >= max(best["json"], best["text"]):
        return "html"
    return "json" if best["json"] and best["json"] >= best["text"] else "text"


_FORMS: Final = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/json": "json",
    "text/plain": "text",
}


def problem(app: Flask, environ: WSGIEnvironment) -> Response | None:
    """The plain 500 for a client that asks for JSON: a problem of RFC 9457, without details.

    :returns: ``None`` for every other client
    """
    if form_for(environ.get("HTTP_ACCEPT", "")) != "json":
        return None
    response = app.response_class(
        '{"type":"about:blank","title":"Internal Server Error","status":500}\n',
        500,
        mimetype="application/problem+json",
    )
    response.vary.add("Accept")
    return response
