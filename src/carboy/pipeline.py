"""From a request to its response: the stages.

Lives here: ``Pipeline``, the half of the application that answers. Its methods are the stages,
with the names under which subclasses and extensions override them.
Must not know: servers and their protocols, and what answers an exception, which is in ``errors``.

How it works: a gateway has a driver answer a context, sends the response, and has it concluded::

    respond    push → match → [full_dispatch_request] → response     errors become responses
                               │
               preprocess_request → dispatch_request → finalize_request
               (before hooks)       (the view)         (make_response, after hooks, session)
    conclude   teardown → pop                                        always, whatever happened

The hooks to call follow from the endpoint: those of the application and of the blueprints whose
names it begins with. They are read from the public registries at each request; a registry that is
empty costs a truth test.

``driver.respond`` runs the same stages in one function as long as none is overridden, which is
found out once, and again after an attribute of the application was set. The differential tests
run both ways. An answer that nobody is to see before it is sent does not become a ``Response``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from threading import RLock
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from werkzeug.exceptions import HTTPException

from . import answers, driver
from .ctx import AppContext, RequestContext, _sentinel
from .driver import answers_options, run
from .errors import Errors
from .globals import _find_request_ctx
from .json.provider import DefaultJSONProvider
from .routing import Map
from .sessions import opens_on_demand
from .signals import appcontext_tearing_down, request_finished, request_started
from .wrappers import Request, Response
from .wrappers.response import content_type_of, ready_type

if TYPE_CHECKING:
    import logging
    from wsgiref.types import WSGIEnvironment

    from . import typing as ft
    from .json.provider import JSONProvider
    from .sessions import SessionInterface

#: Overriding one of these, in a subclass or on the instance, takes the application off the
#: short way; so does another class of URL map.
_STAGES: Final = (
    "app_context",
    "request_context",
    "create_url_adapter",
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "raise_routing_exception",
    "ensure_sync",
    "async_to_sync",
    "make_response",
    "finalize_request",
    "process_response",
    "do_teardown_request",
    "do_teardown_appcontext",
    "inject_url_defaults",
)


_json_response: Final = DefaultJSONProvider.response

# An attribute that is set while an application is examined must not be overlooked.
_examining: Final = RLock()


class _Short:
    """What the short way uses of an application, looked up once; see ``Pipeline._examine``."""

    __slots__ = (
        "content_type",
        "encode",
        "find",
        "hooks_at",
        "hosts",
        "hosts_on_loops",
        "is_direct",
        "json",
        "json_type",
        "lazy_sessions",
        "of_text",
        "quick_views",
        "quiet_at",
        "view_functions",
        "wrapped",
    )

    def __init__(self, app: Pipeline) -> None:
        self.find = app.url_map.find
        self.lazy_sessions = app._has_lazy_sessions
        self.of_text = Response._quickly(app.response_class)
        #: The header of text that need not become a response; ``None`` if all of it must.
        self.content_type = ready_type(app.response_class)
        #: Makes the JSON that need not become one.
        self.json = (
            app.json
            if self.content_type is not None
            and isinstance(app.json, DefaultJSONProvider)
            and type(app.json).response is _json_response
            else None
        )
        #: Makes its text outside debug mode, if nothing else does; and the header to go with it.
        self.encode = None if self.json is None else self.json._encoder()
        self.json_type = content_type_of((self.json or DefaultJSONProvider).mimetype)
        self.view_functions = app.view_functions
        #: Whether there is middleware, or another callable in the place of the WSGI callable.
        self.wrapped = _method(app, "wsgi_app") is not app._plain["wsgi_app"]
        #: Whether nobody but the application itself has an answer to a request.
        self.is_direct = not self.wrapped and app._debugger is None
        #: The ``Host`` headers that were found valid and need no second look.
        self.hosts: set[str | None] = set()
        #: The same as servers with a loop have them.
        self.hosts_on_loops: set[str | bytes | None] = set()
        #: The mark at which no hook and no receiver of a signal had a say in a request.
        self.quiet_at: object = None
        #: The mark at which nobody had but hooks that are called before, after and at the end.
        self.hooks_at: object = None
        #: Views that were found to be ``async def``, if they can be all that answers on a loop.
        self.quick_views: set[object] = set()


class Pipeline(Errors):
    """The half of an application that answers requests; see :class:`carboy.Flask`."""

    json: JSONProvider
    url_map: Map
    subdomain_matching: bool
    response_class: type[Response]
    request_class: type[Request]
    session_interface: SessionInterface
    teardown_appcontext_funcs: list[ft.TeardownCallable]
    logger: logging.Logger
    _got_first_request: bool

    #: The plain stages by their names, as the class ``Flask`` was written.
    _plain: ClassVar[dict[str, object]]
    #: What was found by the last examination, if it still holds.
    _examined: ClassVar[tuple[object, ...] | None] = None
    #: ``None`` when something is overridden, so that the short way cannot be taken.
    _short: ClassVar[_Short | None] = None
    _has_lazy_sessions: ClassVar[bool] = False
    _makes_own_contexts: ClassVar[bool] = False

    if TYPE_CHECKING:  # What classes that derive from this one have.

        def _log_failed_finalizing(self) -> None: ...

        def _begin_background(self, tasks: list[Any]) -> None: ...

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        # Whatever was set may be a stage, a class, a registry or the session interface.
        self._forget()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._forget()

    def _forget(self) -> None:
        """Have it found out again what is overridden."""
        with _examining:
            self.__dict__["_examined"] = None
            self.__dict__["_short"] = None

    def _forget_if_changed(self) -> None:
        """:meth:`_forget` if a class was changed, which ``__setattr__`` does not notice."""
        if self._examined is not None and self._examined != self._traits():
            self._forget()

    def _traits(self) -> tuple[object, ...]:
        """All that :meth:`_examine` judges by."""
        return (
            *(_method(self, name) for name in _STAGES),
            _method(self, "wsgi_app"),
            self.request_class,
            self.response_class,
            self.response_class.default_mimetype,
            self.response_class.default_status,
            self.session_interface,
            opens_on_demand(self.session_interface),
            getattr(self.json, "mimetype", None),
            self.json._encoder() if isinstance(self.json, DefaultJSONProvider) else None,
        )

    def _examine(self) -> None:
        """Find out what is overridden; see ``_STAGES``."""
        with _examining:
            own = self.__dict__
            request_class = self.request_class
            stock = (
                type(self.url_map) is Map
                and not self.subdomain_matching
                and not self.url_map.host_matching
                and getattr(request_class, "close", None) is Request.close
                and request_class.__init__ is Request.__init__
                and request_class.__new__ is object.__new__
                and all(_method(self, name) is self._plain[name] for name in _STAGES)
            )
            app_context = _method(self, "app_context")
            own["_makes_own_contexts"] = app_context is not self._plain["app_context"]
            own["_has_lazy_sessions"] = opens_on_demand(self.session_interface)
            own["_short"] = _Short(self) if stock else None
            own["_examined"] = self._traits()

    def _the_short_way(self) -> _Short | None:
        if self._examined is None:
            self._examine()
        return self._short

    def _opens_sessions_lazily(self) -> bool:
        if self._examined is None:
            self._examine()
        return self._has_lazy_sessions

    # Contexts

    def app_context(self) -> AppContext:
        """The application without a request, to be used in a ``with`` statement."""
        return AppContext(self)  # type: ignore[arg-type]

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """The context of the request in *environ*, to be used in a ``with`` statement.

        :param environ: a WSGI environment
        """
        return RequestContext(self, environ)  # type: ignore[arg-type]

    # The stages

    def full_dispatch_request(self) -> Response:
        """Run the hooks and the view for the current request, and answer its errors."""
        if not self._got_first_request:
            self._got_first_request = True
        rv: Any
        try:
            if request_started.receivers:
                request_started.send(self, _async_wrapper=self.ensure_sync)
            rv = self.preprocess_request()
            if rv is None:
                rv = self.dispatch_request()
        except Exception as e:
            rv = self.handle_user_exception(e)
        return self.finalize_request(rv)

    def preprocess_request(self) -> ft.ResponseReturnValue | None:
        """Run the URL value preprocessors and the before-request functions.

        :returns: the first value that is not ``None``; it is the answer, without the view
        """
        return driver.preprocess(self, _find_request_ctx())

    def dispatch_request(self) -> ft.ResponseReturnValue:
        """Call the view of the current request, or raise what went wrong in routing.

        :returns: what the view returns
        """
        request = _find_request_ctx().request
        if request.routing_exception is not None:
            self.raise_routing_exception(request)
        rule = request.url_rule
        if request.method == "OPTIONS" and answers_options(rule):
            return self.make_default_options_response()
        view = self.ensure_sync(self.view_functions[rule.endpoint])  # type: ignore[union-attr]
        rv: Any = view(**request.view_args)  # type: ignore[arg-type]
        # Of what does not look like an async function: a wrapper, or an object.
        return run(rv) if type(rv) is CoroutineType else rv  # type: ignore[no-any-return]

    def finalize_request(
        self,
        rv: ft.ResponseReturnValue | HTTPException,
        from_error_handler: bool = False,
    ) -> Response:
        """Turn what a view or an error handler returned into the response to send.

        :param rv: the return value
        :param from_error_handler: log what goes wrong on the way rather than raise it
        """
        response = self.make_response(rv)
        try:
            response = self.process_response(response)
            if request_finished.receivers:
                request_finished.send(self, _async_wrapper=self.ensure_sync, response=response)
        except Exception:
            if not from_error_handler:
                raise
            self._log_failed_finalizing()
        return response

    def process_response(self, response: Response) -> Response:
        """Run the after-request functions and save the session.

        :param response: what is to be sent
        :returns: the response to send, *response* or another
        """
        return driver.process(self, _find_request_ctx(), response)

    def do_teardown_request(
        self,
        exc: BaseException | None = _sentinel,
    ) -> None:
        """Run the functions registered with ``teardown_request``, the last one first.

        :param exc: the exception that ended the request; the one being handled when left out
        """
        exc = sys.exc_info()[1] if exc is _sentinel else exc
        driver.teardown(self, _find_request_ctx(), exc)

    def do_teardown_appcontext(
        self,
        exc: BaseException | None = _sentinel,
    ) -> None:
        """Run the functions registered with ``teardown_appcontext``, the last one first.

        :param exc: the exception that ended the context; the one being handled when left out
        """
        if exc is _sentinel:
            exc = sys.exc_info()[1]
        for teardown in reversed(self.teardown_appcontext_funcs):
            driver.call(self, teardown, exc)
        if appcontext_tearing_down.receivers:
            appcontext_tearing_down.send(self, _async_wrapper=self.ensure_sync, exc=exc)

    # Return values

    def make_response(self, rv: ft.ResponseReturnValue) -> Response:
        """The response for the return value of a view.

        :param rv: text, bytes, a ``dict`` or ``list`` for JSON, an iterator of text or bytes,
            a response, a WSGI application, or a tuple ``(rv, status)``, ``(rv, headers)`` or
            ``(rv, status, headers)``
        :raises TypeError: it is none of these
        """
        return answers.make_response(self, rv)  # type: ignore[arg-type]

    def make_default_options_response(self) -> Response:
        """The answer to ``OPTIONS`` for a view that does not handle it: the methods it allows."""
        adapter = _find_request_ctx().url_adapter
        assert adapter is not None
        response = self.response_class()
        response.allow.update(adapter.allowed_methods())
        return response

    # Plain and async

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """*func* itself, or for an ``async def`` function a plain one that runs it.

        :param func: a view, a hook or a handler
        """
        from inspect import iscoroutinefunction

        return self.async_to_sync(func) if iscoroutinefunction(func) else func

    def async_to_sync(self, func: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        """A plain function that runs the coroutine function *func* and waits for its result."""
        from functools import update_wrapper

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return run(func(*args, **kwargs))

        return update_wrapper(wrapper, func)


def _method(obj: object, name: str) -> object:
    """The function behind the method *name* of *obj*, wherever it is overridden."""
    method = getattr(obj, name)
    return getattr(method, "__func__", method)
