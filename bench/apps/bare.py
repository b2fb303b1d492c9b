"""The least that answers hello at all, for each interface: what remains is the cost of asking."""

from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

HELLO = b"Hello, World!"
HEADERS = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "13")]
RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
LOWER_HEADERS = [(name.lower(), value) for name, value in HEADERS]


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", HEADERS)
    return [HELLO]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": RAW_HEADERS})
    await send({"type": "http.response.body", "body": HELLO})


async def rsgi(scope: Any, protocol: Any) -> None:
    protocol.response_str(200, LOWER_HEADERS, "Hello, World!")
