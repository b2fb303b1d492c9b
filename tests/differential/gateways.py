"""Call an application as an ASGI or RSGI server does, with a WSGI environ to go by.

Lives here: the translation of an environ into the request that would have led to it, and which
environs have one. Must not know: what the application should answer.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import quote

from gateways.doubles import ASK, Answer, Request, know

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_NEEDED = frozenset(
    {"PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT"}
) | {"wsgi.url_scheme"}
_KNOWN = _NEEDED | {"RAW_URI", "REMOTE_ADDR", "REMOTE_PORT", "REQUEST_URI", "SERVER_PROTOCOL"}


def is_expressible(gateway: str, environ: WSGIEnvironment) -> bool:
    """Whether a request that *gateway* carries leads to *environ*."""
    for key, value in environ.items():
        if key.startswith(("HTTP_", "CONTENT_")):
            # Granian's RSGI leaves out what is not ASCII.
            if key == "HTTP_" or not key.isupper() or (gateway == "rsgi" and not value.isascii()):
                return False
        elif not key.startswith("wsgi.") and key not in _KNOWN:
            return False
    if not environ.keys() >= _NEEDED:
        return False
    is_chunked = "HTTP_TRANSFER_ENCODING" in environ
    # A server says itself whether the input ends.
    if "wsgi.input" not in environ or is_chunked != ("wsgi.input_terminated" in environ):
        return False
    if not is_chunked and _is_cut(environ):
        return False
    # What Granian passes to ASGI when there is none.
    if environ.get("HTTP_HOST") == "" or environ["SCRIPT_NAME"].endswith("/"):
        return False
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    return (
        path.startswith("/")
        and _is_text(path)
        and not (gateway == "rsgi" and environ["SCRIPT_NAME"])
        and not (gateway == "rsgi" and not _is_text(environ["QUERY_STRING"]))
    )


def _is_cut(environ: WSGIEnvironment) -> bool:
    """Whether the body is shorter than it says, so that the client must have left."""
    length = environ.get("CONTENT_LENGTH", "").strip()
    return length.isdecimal() and len(environ["wsgi.input"].read()) < int(length)


def _is_text(value: str) -> bool:
    try:
        value.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True


def request_of(environ: WSGIEnvironment) -> Request:
    """The request that leads to *environ*."""
    fields = [
        (key.removeprefix("HTTP_").lower().replace("_", "-"), str(value).strip())
        for key, value in environ.items()
        if key.startswith(("HTTP_", "CONTENT_"))
    ]
    body = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH", "").strip()
    if "HTTP_TRANSFER_ENCODING" in environ:
        body = body.read()
    else:
        body = body.read(int(length)) if length.isdecimal() else b""
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    target = quote(path.encode("latin-1"))
    if query := environ["QUERY_STRING"]:
        target += f"?{query}"
    return Request(
        target,
        environ["REQUEST_METHOD"],
        fields,
        # In two, so that nobody relies on its coming in one.
        tuple(piece for piece in (body[:7], body[7:]) if piece),
        root_path=environ["SCRIPT_NAME"].encode("latin-1").decode(),
        scheme=environ["wsgi.url_scheme"],
        server=(environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        client=(environ["REMOTE_ADDR"], 50000) if "REMOTE_ADDR" in environ else None,
    )


class Gateway:
    """Calls applications through a gateway, on one loop.

    :param name: ``"asgi"`` or ``"rsgi"``
    :param framework: to ask about contexts
    :param is_known: whether applications seem to have answered such requests before
    """

    def __init__(
        self,
        name: str,
        framework: ModuleType,
        loop: asyncio.AbstractEventLoop,
        is_known: bool = False,
    ) -> None:
        self.name = name
        self.framework = framework
        self.loop = loop
        self.is_known = is_known

    def __call__(
        self,
        app: Any,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        chunks: list[bytes],
    ) -> tuple[bool, bool]:
        answer = Answer()
        request = request_of(environ)
        if self.is_known:
            know(app, request)

        async def run() -> tuple[bool, bool]:
            await ASK[self.name](app, request, answer)
            return self.framework.has_app_context(), self.framework.has_request_context()

        try:
            # `wsgi.errors` of a server with a loop is its standard error.
            with patch.object(sys, "stderr", environ["wsgi.errors"]):
                return self.loop.run_until_complete(run())
        finally:
            if answer.status is not None:
                start_response(str(answer.status), answer.fields)
            chunks += answer.pieces


@contextmanager
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that is closed at the end."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()
