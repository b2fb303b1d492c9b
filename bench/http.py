"""A request, an answer, and the thing that is timed, whatever the interface.

Must not know: frameworks, WSGI, ASGI.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

#: What a browser sends with every request.
BROWSER = {
    "host": "127.0.0.1:8000",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.5",
    "accept-encoding": "gzip, deflate, br",
    "connection": "keep-alive",
}


@dataclass(frozen=True)
class Request:
    """What a client sends.

    :param target: path and query as they stand in the request line; nothing in the path is quoted
    :param headers: those besides a browser's
    """

    target: str
    method: str = "GET"
    body: bytes = b""
    content_type: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self) -> list[tuple[str, str]]:
        """Names in lower case, and values."""
        headers = {**BROWSER, **self.headers}
        if self.body:
            headers |= {"content-type": self.content_type, "content-length": str(len(self.body))}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return list(headers.items())


class Answer(NamedTuple):
    """What a client receives; the headers' names are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of the first header called *name*."""
        return next((value for key, value in self.headers if key == name), None)

    def cookies(self) -> dict[str, str]:
        """The cookies that it sets."""
        pairs = (value.partition(";")[0] for key, value in self.headers if key == "set-cookie")
        return {name: value for name, _, value in (pair.partition("=") for pair in pairs) if value}


class Call(Protocol):
    """One request to one program, to be timed."""

    def repeat(self, count: int) -> object:
        """Send it *count* times."""

    def answer(self) -> Answer:
        """Send it once and say what came of it."""
