"""The application as servers see it: a callable for each protocol, and a life.

Lives here: ``Serving``, the part of ``Flask`` that servers call and that tells what to do when
serving begins and ends.
Must not know: how a request is answered; the protocols themselves, which are in ``gateways``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from .driver import is_async
from .gateways.wsgi import wsgi_app
from .globals import _cv_ctx
from .pipeline import Pipeline
from .scaffold import setupmethod

if TYPE_CHECKING:
    import asyncio
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .gateways.asgi import Receive, Scope, Send
    from .lifecycle import Life
    from .threads import Threads

T_func = TypeVar("T_func", bound=Callable[[], None] | Callable[[], Awaitable[None]])
T_during = TypeVar(
    "T_during", bound=Callable[[], Iterator[None]] | Callable[[], AsyncIterator[None]]
)


class Serving(Pipeline):
    """The part of an application that servers call; see :class:`carboy.Flask`."""

    #: Something is to run before the first request, and no server has said that it begins.
    _awaits_start: bool

    #: Which requests on a loop have taken so long that their clients are watched.
    _watches: Any = None

    wsgi_app = wsgi_app

    def __call__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse | None = None,
        send: Send | None = None,
    ) -> Any:
        """The application as a server calls it: :attr:`wsgi_app`, with its middleware.

        An ASGI server that passes its three arguments is answered by :meth:`asgi`.
        """
        if send is not None:
            return self.asgi(environ, start_response, send)  # type: ignore[arg-type]
        if start_response is None:
            # Version 2 of ASGI, by which some servers try an object first.
            return lambda receive, send: self.asgi(environ, receive, send)
        if self._awaits_start:
            self._start_here()
        return self.wsgi_app(environ, start_response)

    @cached_property
    def asgi(self) -> Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]:
        """The application as an ASGI callable, version 3."""
        from .gateways.asgi import asgi

        return asgi(self)  # type: ignore[arg-type]

    @cached_property
    def __rsgi__(self) -> Callable[[Any, Any], Coroutine[Any, Any, None]]:
        """The application as an RSGI callable."""
        from .gateways.rsgi import rsgi

        return partial(rsgi, self)  # type: ignore[arg-type]

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serving begins on *loop*."""
        loop.run_until_complete(self._life.start())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serving has ended on *loop*."""
        loop.run_until_complete(self._life.stop())

    def _start_here(self) -> None:
        """Run what is to run before the first request, under a server that does not say so."""
        from .loop import run

        life = self._life
        run(life.start())
        life.stop_at_exit()
        self.__dict__["_awaits_start"] = False

    # When serving begins and ends

    @setupmethod
    def before_serving(self, func: T_func) -> T_func:
        """Have *func* called before the first request of each process of a server.

        :param func: plain or ``async``; called within an application context
        """
        self._life.before.append(func)
        self._awaits_start = True
        return func

    @setupmethod
    def after_serving(self, func: T_func) -> T_func:
        """Have *func* called after the last request of each process of a server.

        :param func: plain or ``async``; called within an application context
        """
        self._life.after.append(func)
        self._awaits_start = True
        return func

    @setupmethod
    def while_serving(self, func: T_during) -> T_during:
        """Have *func* run up to its ``yield`` before the first request, and on after the last.

        :param func: a plain or ``async`` generator function with one ``yield``
        """
        self._life.during.append(func)
        self._awaits_start = True
        return func

    def add_background_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have *func* run within an application context, and do not wait for it.

        During a request it begins when the request has been answered. What it raises is logged.
        When the server stops it has ``BACKGROUND_TASK_SHUTDOWN_TIMEOUT`` seconds (5) to end.

        :param func: plain, for a worker thread, or ``async``, for the loop
        :param args: for *func*
        :param kwargs: for *func*
        """
        ctx = _cv_ctx.get(None)
        request_ctx = None if ctx is None else ctx._request_ctx
        if request_ctx is None or request_ctx.app is not self:
            self._life.work(func, args, kwargs)
            return
        if request_ctx._background is None:
            request_ctx._background = []
        request_ctx._background.append((func, args, kwargs))

    def _begin_background(self, tasks: list[tuple[Any, tuple[Any, ...], dict[str, Any]]]) -> None:
        for task in tasks:
            self._life.work(*task)

    @property
    def _life(self) -> Life:
        life: Life | None = self.__dict__.get("_own_life")
        if life is None:
            from .lifecycle import Life

            life = self.__dict__["_own_life"] = Life(self)  # type: ignore[arg-type]
        return life

    @property
    def _threads(self) -> Threads:
        """The worker threads for plain functions beside a loop: ``WORKER_THREADS`` of them (40)."""
        threads: Threads | None = self.__dict__.get("_own_threads")
        if threads is None:
            from .threads import Threads

            threads = self.__dict__["_own_threads"] = Threads(
                self.config.get("WORKER_THREADS", 40), f"{self.import_name}-worker"
            )
        return threads

    @property
    def has_websockets(self) -> bool:
        """Whether there is a view for WebSockets."""
        return any(rule.websocket for rule in self.url_map.iter_rules())

    @property
    def is_async(self) -> bool:
        """Whether a view is ``async def`` or there is a WebSocket, so that a loop serves better."""
        return self.has_websockets or any(
            is_async(view)
            or any(
                is_async(getattr(view_class, method.lower(), None))
                for view_class in [getattr(view, "view_class", None)]
                for method in getattr(view_class, "methods", None) or ()
                if hasattr(view_class, method.lower())
            )
            for view in self.view_functions.values()
        )
