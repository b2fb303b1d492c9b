"""What stands before an application in a worker of the production server.

Lives here: :class:`Front`: the health check, the proxies, the line for each request, the count
of requests, and the last answer on a connection, for each of the three interfaces.
Must not know: processes, sockets, signals, how the application answers.

How it works: for each interface it makes what Granian calls. What is not wanted is left out when
that is made, so that a plain worker calls the application and nothing else.

When a worker is about to stop, :meth:`Front.close` makes each answer the last one on its
connection. Granian alone closes the connections that are idle at that moment, also one on which
the next request is on its way, and that request is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import InternalServerError

from .access_log import AccessLines, target
from .proxies import Proxies
from .slow_bodies import SlowBodies
from .wsgi import FAILED, ResponseTaker, WSGICallback, last_on_connection, logger

if TYPE_CHECKING:
    import asyncio

    from _typeshed.wsgi import WSGIEnvironment

    Headers = list[tuple[str, str]]
    WSGI = Callable[[ResponseTaker, WSGIEnvironment], None]
    RSGI = Callable[[Any, Any], Awaitable[None]]
    ASGI = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

#: The status that is logged for a request that was not answered, because the application failed,
#: and for one whose client left before it was, as nginx has it.
UNANSWERED, LEFT = 500, 499


class Front:
    """What is done about each request besides having it answered.

    :param health: the path that is answered here: 200, and 503 once the worker is stopping
    :param log: writes the line of a request
    :param proxies: whose headers are believed
    :param limit: after how many requests *when_reached* is called
    :param body_timeout: for how many seconds a thread waits for a body under WSGI; 0 for ever
    :param when_held: called when half of the threads are held by clients that send no bodies
    """

    def __init__(
        self,
        *,
        health: str | None = None,
        log: AccessLines | None = None,
        proxies: Proxies | None = None,
        limit: int | None = None,
        body_timeout: float = 0,
        when_reached: Callable[[], None],
        when_held: Callable[[], None] = lambda: None,
    ) -> None:
        self.health = health
        self.log = log
        self.proxies = proxies
        self.closing = False
        self._left = limit
        self._body_timeout = body_timeout
        self._when_reached = when_reached
        self._when_held = when_held
        self._wsgi: WSGICallback | None = None
        #: The tasks of the WebSockets that are open.
        self.websockets: set[asyncio.Task[Any]] = set()
        self._hung_up = False

    def hang_up(self) -> None:
        """End what serves a WebSocket, upon which the application closes it. Called on the loop."""
        self._hung_up = True
        for task in self.websockets:
            task.cancel()

    def close(self) -> None:
        """From now on each answer is the last one on its connection."""
        self.closing = True
        if self._wsgi is not None:
            self._wsgi.closing = True

    def _count(self) -> None:
        assert self._left is not None
        self._left -= 1
        # Threads may pass the limit together; who reads the message takes the first.
        if self._left <= 0:
            self._when_reached()

    def _health(self) -> tuple[int, Headers, bytes]:
        headers = [("content-type", "text/plain"), ("cache-control", "no-store")]
        if self.closing:
            return 503, last_on_connection(headers), b"stopping\n"
        return 200, headers, b"ok\n"

    def wsgi(self, application: Any, *, threads: int, multiprocess: bool) -> WSGI:
        """What Granian calls for each request under WSGI.

        :param threads: how many threads may call the application at a time
        :param multiprocess: whether other processes serve the same application
        """
        if self.proxies is not None:
            application = self.proxies.middleware(application)
        slow_bodies = None
        if self._body_timeout:
            slow_bodies = SlowBodies(self._body_timeout, threads, self._when_held)
            slow_bodies.start()
        callback = self._wsgi = WSGICallback(
            application,
            None if self.log is None else self.log.wsgi,
            multithread=threads > 1,
            multiprocess=multiprocess,
            spare_threads=threads // 2,
            slow_bodies=slow_bodies,
        )
        answer: WSGI = callback.answer
        if self._left is not None:
            answer = self._counted(answer)
        if self.health is not None:
            answer = self._checked(answer, self.health)
        return answer

    def _counted(self, answer: WSGI) -> WSGI:
        def counted(taker: ResponseTaker, environ: WSGIEnvironment) -> None:
            self._count()
            answer(taker, environ)

        return counted

    def _checked(self, answer: WSGI, health: str) -> WSGI:
        def checked(taker: ResponseTaker, environ: WSGIEnvironment) -> None:
            if environ["PATH_INFO"] == health:
                taker.response_bytes(*self._health())
            else:
                answer(taker, environ)

        return checked

    def rsgi(self, application: Any) -> RSGI:
        """What answers each connection under RSGI."""
        call: RSGI = application.__rsgi__

        def answer(scope: Any, protocol: Any) -> Awaitable[None]:
            # What is asked of the scope is asked of the server, which takes its time.
            if self.health is not None and scope.path == self.health and scope.proto == "http":
                protocol.response_bytes(*self._health())
                return _nothing()
            if self.proxies is not None:
                scope = self.proxies.rsgi(scope)
            if self._left is not None:
                self._count()
            if self.closing or self.log is not None or scope.proto == "ws":
                return self._observe_rsgi(call, scope, protocol)
            return call(scope, protocol)

        return answer

    async def _observe_rsgi(self, call: RSGI, scope: Any, protocol: Any) -> None:
        started = perf_counter()
        if scope.proto == "http":
            ends = self.closing and scope.http_version.startswith("1")
            seen: _HTTPProtocol | _WebsocketProtocol = _HTTPProtocol(protocol, ends)
        else:
            seen = _WebsocketProtocol(protocol, counts=self.log is not None)
        try:
            if scope.proto == "http":
                await call(scope, seen)
            else:
                await self._until_hung_up(call(scope, seen))
            seen.status = seen.status or LEFT
        except Exception:
            if seen.status or scope.proto != "http":
                raise
            seen.response_bytes(*_failed(scope.method, scope.path))
        finally:
            if self.log is not None:
                client = scope.client.rpartition(":")[0].strip("[]")
                method = scope.method if scope.proto == "http" else "WEBSOCKET"
                shown = target(scope.path.encode(errors="replace"), scope.query_string)
                seconds = perf_counter() - started
                status = seen.status or UNANSWERED
                self.log.write(client, method, shown, status, seconds, seen.size)

    async def _until_hung_up(self, serving: Awaitable[None]) -> None:
        import asyncio  # of which WSGI has no need

        task = asyncio.current_task()
        assert task is not None
        self.websockets.add(task)
        if self._hung_up:
            task.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            if not self._hung_up:
                raise
        finally:
            self.websockets.discard(task)

    def asgi(self, application: Any) -> ASGI:
        """What answers each connection under ASGI."""
        call: ASGI = application.asgi

        def answer(scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
            if scope["type"] == "lifespan":
                return call(scope, receive, send)
            if scope["path"] == self.health and scope["type"] == "http":
                return _send_whole(send, *self._health())
            if self.proxies is not None:
                scope = self.proxies.asgi(scope)
            if self._left is not None:
                self._count()
            if self.closing or self.log is not None or scope["type"] == "websocket":
                return self._observe_asgi(call, scope, receive, send)
            return call(scope, receive, send)

        return answer

    async def _observe_asgi(
        self, call: ASGI, scope: dict[str, Any], receive: Any, send: Any
    ) -> None:
        started = perf_counter()
        status = size = 0
        start: dict[str, Any] = {}
        ends = self.closing and scope["type"] == "http" and scope["http_version"].startswith("1")

        async def observed(message: dict[str, Any]) -> None:
            nonlocal status, size, start
            kind = message["type"]
            if kind == "http.response.start":
                if ends:
                    message = {**message, "headers": _last(message.get("headers", ()))}
                # Granian sends it with the first piece, and a 500 if there never is one.
                start = message
            elif kind in ("http.response.body", "websocket.http.response.body"):
                status = start["status"]
                size += len(message.get("body", b""))
            elif kind == "http.response.pathsend":
                # The server reads the file; what is said about its length is all there is to know.
                status, size = (
                    start["status"],
                    int(dict(start["headers"]).get(b"content-length", b"0")),
                )
            elif kind == "websocket.send":
                if self.log is not None:
                    text = message.get("text")
                    size += len(message["bytes"] if text is None else text.encode())
            elif kind == "websocket.accept":
                status = 101
            elif kind == "websocket.close":
                status = status or 403
            elif kind == "websocket.http.response.start":
                start = message
            await send(message)

        try:
            if scope["type"] == "http":
                await call(scope, receive, observed)
            else:
                await self._until_hung_up(call(scope, receive, observed))
            status = status or LEFT
        except Exception:
            if start or scope["type"] != "http":
                raise
            await _send_whole(observed, *_failed(scope["method"], scope["path"]))
        finally:
            if self.log is not None:
                client = (scope.get("client") or ("",))[0]
                shown = target(
                    scope["path"].encode(errors="replace"), scope["query_string"].decode("latin-1")
                )
                method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
                seconds = perf_counter() - started
                self.log.write(client, method, shown, status or UNANSWERED, seconds, size)


async def _nothing() -> None:
    """There is nothing more to do."""


def _failed(method: str, path: str) -> tuple[int, Headers, bytes]:
    """The answer in the place of the one that the application failed to give; it is logged why."""
    logger.exception(FAILED, {"REQUEST_METHOD": method, "PATH_INFO": path})
    error = InternalServerError()
    headers = [(name.lower(), value) for name, value in error.get_headers()]
    return 500, headers, error.get_body().encode()


async def _send_whole(send: Any, status: int, headers: Headers, body: bytes) -> None:
    fields = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def _last(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    kept = [pair for pair in headers if pair[0].lower() != b"connection"]
    return [*kept, (b"connection", b"close")]


class _HTTPProtocol:
    """The way to an answer under RSGI, on which status and size are seen.

    :param ends: make the answer the last one on its connection
    """

    def __init__(self, protocol: Any, ends: bool) -> None:
        self._protocol = protocol
        self._ends = ends
        self.status = 0
        self.size = 0

    def __call__(self) -> Any:
        return self._protocol()

    def __aiter__(self) -> Any:
        return self._protocol.__aiter__()

    def client_disconnect(self) -> Any:
        return self._protocol.client_disconnect()

    def _begin(self, status: int, headers: Headers, size: int = 0) -> Headers:
        self.status = status
        self.size = size
        return last_on_connection(headers) if self._ends else headers

    def response_empty(self, status: int, headers: Headers) -> None:
        self._protocol.response_empty(status, self._begin(status, headers))

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        headers = self._begin(status, headers, len(body.encode()))
        self._protocol.response_str(status, headers, body)

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self._protocol.response_bytes(status, self._begin(status, headers, len(body)), body)

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        # The server reads the file; what it says about its length is all there is to know.
        said = next((value for name, value in headers if name.lower() == "content-length"), "0")
        self._protocol.response_file(status, self._begin(status, headers, int(said)), file)

    def response_file_range(
        self, status: int, headers: Headers, file: str, start: int, end: int
    ) -> None:
        headers = self._begin(status, headers, end - start)
        self._protocol.response_file_range(status, headers, file, start, end)

    def response_stream(self, status: int, headers: Headers) -> _Transport:
        return _Transport(
            self._protocol.response_stream(status, self._begin(status, headers)), self
        )


class _Transport:
    """Where the pieces of an answer go, or the messages of a WebSocket."""

    def __init__(self, transport: Any, protocol: _HTTPProtocol | _WebsocketProtocol) -> None:
        self._transport = transport
        self._protocol = protocol

    async def send_bytes(self, data: bytes) -> None:
        self._protocol.size += len(data)
        await self._transport.send_bytes(data)

    async def send_str(self, data: str) -> None:
        self._protocol.size += len(data.encode())
        await self._transport.send_str(data)


class _Messages(_Transport):
    def receive(self) -> Any:
        return self._transport.receive()


class _WebsocketProtocol:
    """A WebSocket's connection under RSGI, on which is seen whether it was accepted.

    :param counts: whether to count the bytes of the messages that are sent
    """

    def __init__(self, protocol: Any, counts: bool) -> None:
        self._protocol = protocol
        self._counts = counts
        self.status = 0
        self.size = 0

    async def accept(self, *args: Any) -> Any:
        transport = await self._protocol.accept(*args)
        self.status = 101
        return _Messages(transport, self) if self._counts else transport

    def close(self, status: int | None = None) -> Any:
        if self.status != 101:
            self.status = status or 403
        return self._protocol.close(status)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)
