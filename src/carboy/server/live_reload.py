"""Have pages in browsers reload themselves after the program has.

Lives here: the script, putting it into pages, and the stream of events that it listens to, for
each of the three interfaces.
Must not know: how a program is started anew; the application class. Of an application it knows
that it has functions that are called after each request.

How it works: a page carries the version of the program that made it. Its script listens to events
from the same server, and the first of them tells the version that runs now. When a program makes
way for the next one its streams end, the browser connects again, the next program tells another
version, and the page is loaded anew; once only for each version, so that a page from a cache
cannot go in circles.

The script is a file of the same origin, so a Content-Security-Policy with ``'self'`` allows it;
where the policy has a nonce, it is used. Only what a browser is about to show as a document gets
the script: no fragment that a script asks for, no stream, nothing compressed, and no answer to
any other client.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from threading import Condition, Semaphore
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..globals import request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Response

    from .wsgi import ResponseTaker

    WSGI = Callable[[ResponseTaker, WSGIEnvironment], None]
    OnLoop = Callable[..., Awaitable[None]]

EVENTS = "/_carboy/events"
SCRIPT_FILE = "/_carboy/reload.js"

#: With what gives the version of the page.
SCRIPT = """\
(() => {
  const seen = %s, key = "carboy-version";
  let source;
  const listen = () => {
    source = new EventSource("/_carboy/events");
    source.onmessage = ({data}) => {
      if (data === seen || sessionStorage.getItem(key) === data) return;
      sessionStorage.setItem(key, data);
      source.close();
      location.reload();
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(show, 1000);
    };
  };
  // A browser has few connections to a host, so pages that nobody looks at have none.
  const show = () => {
    source?.close();
    if (!document.hidden) listen();
  };
  document.addEventListener("visibilitychange", show);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", show);
})();
"""

#: After how many seconds something is sent, which is how the server learns that a client has left.
PULSE = 1.0

#: How many streams may keep a thread each under WSGI; the pages beyond ask again and again.
MAX_STREAMS = 16

_EVENT_HEADERS = [("content-type", "text/event-stream"), ("cache-control", "no-store")]
_SCRIPT_HEADERS = [("content-type", "text/javascript"), ("cache-control", "no-store")]
_SCRIPT_FILE_CONTENT = (SCRIPT % "document.currentScript.dataset.version").encode()
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/=_-]+)'")
_BODY_END = re.compile(rb"</body\s*>", re.IGNORECASE)


class LiveReload:
    """Tells pages which version runs.

    :param version: what this run of the program is called
    """

    def __init__(self, version: str) -> None:
        self._run = version
        self._changes = 0
        self._closed = False
        self._changed = Condition()
        self._streams = Semaphore(MAX_STREAMS)

    @property
    def version(self) -> str:
        """What pages that are made now belong to."""
        return f"{self._run}.{self._changes}"

    def pages_changed(self) -> None:
        """Have pages load themselves anew."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all streams of events, and return when no thread is in one of them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # A thread of the server that comes back to an interpreter which ends would crash it.
        end = monotonic() + PULSE
        for _ in range(MAX_STREAMS):
            self._streams.acquire(timeout=max(0.0, end - monotonic()))

    @property
    def inline_script(self) -> str:
        """The script, for a page that has it within."""
        return SCRIPT % json.dumps(self.version)

    # In a page

    def install(self, application: Any) -> None:
        """Put the script into the pages of an application, after all else is done with them."""
        application.after_request_funcs.setdefault(None, []).insert(0, self._insert)

    def _insert(self, response: Response) -> Response:
        if _is_page(response) and _shows_documents(request.environ):
            policy = response.headers.get("Content-Security-Policy", "")
            nonce = _NONCE.search(policy)
            response.set_data(self.insert(response.get_data(), nonce and nonce[1]))
        return response

    def insert(self, page: bytes, nonce: str | None = None) -> bytes:
        """A page with the script.

        :param page: in an encoding of which ASCII is a part
        :param nonce: what the page's policy allows scripts to be run by
        """
        allowed = f' nonce="{nonce}"' if nonce else ""
        script = f'<script src="{SCRIPT_FILE}" data-version="{self.version}"{allowed}></script>'
        ends = list(_BODY_END.finditer(page))
        place = ends[-1].start() if ends else len(page)
        return page[:place] + script.encode() + page[place:]

    # The stream of events

    def _first(self) -> bytes:
        return f"retry: 100\ndata: {self.version}\n\n".encode()

    def _once(self) -> bytes:
        """All that is told to a page that shall ask again."""
        return f"retry: 1000\ndata: {self.version}\n\n".encode()

    def events(self) -> Iterator[bytes]:
        """The events for one page, as they happen; where there are many pages, the first only."""
        if not self._streams.acquire(blocking=False):
            yield self._once()
            return
        try:
            yield from self._as_they_happen()
        finally:
            self._streams.release()

    def _as_they_happen(self) -> Iterator[bytes]:
        told = ""
        while not self._closed:
            version = self.version
            yield b":\n\n" if version == told else self._first()
            told = version
            with self._changed:
                if not self._closed and self.version == told:
                    self._changed.wait(PULSE)

    async def _events_on_loop(self) -> AsyncIterator[bytes]:
        # The reloader, which knows this module too, needs no loop.
        import asyncio

        told, pulse = "", 0.0
        while not self._closed:
            if self.version != told:
                told, pulse = self.version, 0.0
                yield self._first()
            elif pulse >= PULSE:
                pulse = 0.0
                yield b":\n\n"
            await asyncio.sleep(0.05)
            pulse += 0.05

    def wsgi(self, answer: WSGI, *, multithread: bool) -> WSGI:
        """What Granian calls for each request under WSGI.

        :param multithread: otherwise a stream would keep out everybody else, and the script is
            left to ask again and again
        """

        def answer_or_tell(taker: ResponseTaker, environ: WSGIEnvironment) -> None:
            path = environ["PATH_INFO"]
            if path == SCRIPT_FILE:
                taker.response_bytes(200, _SCRIPT_HEADERS, _SCRIPT_FILE_CONTENT)
            elif path != EVENTS:
                answer(taker, environ)
            elif multithread:
                taker.response_iter(200, _EVENT_HEADERS, self.events())
            else:
                taker.response_bytes(200, _EVENT_HEADERS, self._once())

        return answer_or_tell

    def rsgi(self, answer: OnLoop) -> OnLoop:
        """What answers each connection under RSGI."""

        def answer_or_tell(scope: Any, protocol: Any) -> Awaitable[None]:
            if scope.proto != "http" or scope.path not in (EVENTS, SCRIPT_FILE):
                return answer(scope, protocol)
            return self._tell_rsgi(scope, protocol)

        return answer_or_tell

    async def _tell_rsgi(self, scope: Any, protocol: Any) -> None:
        if scope.path == SCRIPT_FILE:
            protocol.response_bytes(200, _SCRIPT_HEADERS, _SCRIPT_FILE_CONTENT)
            return
        transport = protocol.response_stream(200, _EVENT_HEADERS)
        # The client leaves at some time, in whatever way the server tells it.
        with suppress(Exception):
            async for event in self._events_on_loop():
                await transport.send_bytes(event)

    def asgi(self, answer: OnLoop) -> OnLoop:
        """What answers each connection under ASGI."""

        def answer_or_tell(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
            if scope["type"] != "http" or scope["path"] not in (EVENTS, SCRIPT_FILE):
                return answer(scope, receive, send)
            return self._tell_asgi(scope, receive, send)

        return answer_or_tell

    async def _tell_asgi(self, scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        is_script = scope["path"] == SCRIPT_FILE
        headers = _SCRIPT_HEADERS if is_script else _EVENT_HEADERS
        fields = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        if is_script:
            await send({"type": "http.response.body", "body": _SCRIPT_FILE_CONTENT})
            return
        gone = asyncio.ensure_future(_gone(receive))
        try:
            async for event in self._events_on_loop():
                if gone.done():
                    break
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except Exception:
            # As above.
            return
        finally:
            gone.cancel()


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_page(response: Response) -> bool:
    """Whether a response is a whole page of HTML, as it is."""
    return (
        response.mimetype == "text/html"
        and response.is_sequence
        and not response.direct_passthrough
        and response.status_code not in (204, 206, 304)
        and "Content-Encoding" not in response.headers
        and not response.mimetype_params.get("charset", "").lower().startswith(("utf-16", "utf-32"))
    )


def _shows_documents(environ: WSGIEnvironment) -> bool:
    """Whether a browser asks for something to be shown as a document of its own."""
    kind = environ.get("HTTP_SEC_FETCH_DEST")
    if kind is None:
        return "text/html" in environ.get("HTTP_ACCEPT", "")
    return kind in ("document", "iframe", "frame")
