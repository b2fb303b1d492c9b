"""A WSGI server reduced to one call: make an environ, call, read the answer.

Must not know: which framework it calls.

How it works: the environ is a template that each call copies, with a fresh input
stream, so that nothing a request leaves behind helps the next one. What this costs is
measured too, by the row of the bare WSGI function.
"""

import sys
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from bench.http import Answer, Request


def environ(request: Request) -> WSGIEnvironment:
    """The environ that a server makes for *request*."""
    path, _, query = request.target.partition("?")
    made: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.all_headers():
        key = name.upper().replace("-", "_")
        made[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return made


class Visit:
    """One request that can be sent to *app* again and again."""

    def __init__(self, app: WSGIApplication, request: Request) -> None:
        self.app = app
        self.environ = environ(request)
        self.body = request.body
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

    def repeat(self, count: int) -> None:
        """Send the request *count* times."""
        for _ in range(count):
            self()

    def answer(self) -> Answer:
        """Send the request and say all that came back."""
        body = self()
        status, headers = self.started
        return Answer(int(status[:3]), [(name.lower(), value) for name, value in headers], body)
