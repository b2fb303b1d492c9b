"""A WSGI server reduced to one call: make an environ, call, read the answer.

Must not know: which framework it calls.

How it works: the environ is a template that each call copies, with a fresh input
stream, so that nothing a request leaves behind helps the next one. What this costs is
measured too, by the row of the bare WSGI function.
"""

import sys
from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Answer(NamedTuple):
    """What a client receives."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def environ(
    target: str,
    method: str = "GET",
    *,
    body: bytes = b"",
    content_type: str = "",
    cookies: Mapping[str, str] | None = None,
) -> WSGIEnvironment:
    """The environ that a server makes for a browser's request.

    :param target: path and query as they stand in the request line
    """
    path, _, query = target.partition("?")
    made: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_CONNECTION": "keep-alive",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        made["CONTENT_TYPE"] = content_type
        made["CONTENT_LENGTH"] = str(len(body))
    if cookies:
        made["HTTP_COOKIE"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
    return made


class Visit:
    """One request that can be sent to *app* again and again."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment, body: bytes = b"") -> None:
        self.app = app
        self.environ = environ
        self.body = body
        self.started: tuple[str, list[tuple[str, str]]] = ("", [])

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None, /
        ) -> object:
            self.started = (status, headers)
            return None

        # A bound method would be made anew for each call.
        self._start_response: StartResponse = start_response  # type: ignore[assignment]

    def __call__(self) -> bytes:
        """Send the request, read the whole body and close it."""
        environ = self.environ.copy()
        environ["wsgi.input"] = BytesIO(self.body)
        chunks = self.app(environ, self._start_response)
        try:
            return b"".join(chunks)
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                close()

    def answer(self) -> Answer:
        """Send the request and say all that came back."""
        body = self()
        return Answer(*self.started, body)
