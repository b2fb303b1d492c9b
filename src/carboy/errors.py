"""From an exception to an answer.

Lives here: ``Errors``, the part of an application that handles what hooks, views and the routing
raise: with the handlers that are registered for it, or as nobody handled it.
Must not know: where in a request it was raised.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.exceptions import (
    BadRequest,
    BadRequestKeyError,
    HTTPException,
    InternalServerError,
)
from werkzeug.routing import RequestRedirect, RoutingException

from . import answers, driver
from .globals import _find_request_ctx
from .scaffold import Scaffold
from .signals import got_request_exception
from .wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from . import typing as ft
    from .config import Config
    from .debugger import Debugger


class Errors(Scaffold):
    """The part of an application that answers for what goes wrong; see :class:`carboy.Flask`."""

    config: Config
    debug: bool
    testing: bool

    #: Shows what would propagate to the server, where a development server has installed it.
    _debugger: Debugger | None = None

    if TYPE_CHECKING:  # What classes that derive from this one have.

        def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]: ...

        def finalize_request(self, rv: Any, from_error_handler: bool = False) -> Response: ...

        def log_exception(self, exc_info: Any) -> None: ...

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Raise what went wrong when the request was matched.

        In debug mode a redirect that would lose the body of a form is an error that says so.

        :param request: one whose ``routing_exception`` is set
        """
        e = request.routing_exception
        assert e is not None
        if (
            isinstance(e, RequestRedirect)
            and self.debug
            and e.code not in {307, 308}
            and request.method not in {"GET", "HEAD", "OPTIONS"}
        ):
            from .debughelpers import FormDataRoutingRedirect

            raise FormDataRoutingRedirect(request)
        raise e

    def _find_error_handler(
        self, e: Exception, blueprints: list[str]
    ) -> ft.ErrorHandlerCallable | None:
        """The handler for *e*: blueprint before application, code before class, near before far."""
        if not self.error_handler_spec:
            return None
        exc_class, code = self._get_exc_class_and_code(type(e))
        for c in (None,) if code is None else (code, None):
            for name in (*blueprints, None):
                if name not in self.error_handler_spec:
                    continue
                handlers = self.error_handler_spec[name].get(c)
                if not handlers:
                    continue
                for cls in exc_class.__mro__:
                    if (handler := handlers.get(cls)) is not None:
                        return handler
        return None

    def handle_user_exception(self, e: Exception) -> HTTPException | ft.ResponseReturnValue:
        """Answer an exception of a hook or view with the handler registered for it.

        :param e: the exception, being handled
        :returns: what the handler returns, or the exception itself for an HTTP error
        :raises Exception: *e*, when nobody handles it
        """
        if isinstance(e, BadRequestKeyError) and (
            self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]
        ):
            e.show_exception = True
        if isinstance(e, HTTPException) and not self.trap_http_exception(e):
            return self.handle_http_exception(e)
        handler = self._find_error_handler(e, _find_request_ctx().request.blueprints)
        if handler is None:
            raise e
        return driver.call(self, handler, e)  # type: ignore[arg-type, no-any-return]

    def handle_http_exception(self, e: HTTPException) -> HTTPException | ft.ResponseReturnValue:
        """Answer an HTTP error with its handler; without one it is its own answer.

        Redirects of the routing, and exceptions that carry their response, have no handlers.
        """
        if e.code is None or isinstance(e, RoutingException):
            return e
        handler = self._find_error_handler(e, _find_request_ctx().request.blueprints)
        if handler is not None:
            return driver.call(self, handler, e)  # type: ignore[arg-type, no-any-return]
        return e if self._debugger is None else self._debugger.explained(e)

    def trap_http_exception(self, e: Exception) -> bool:
        """Whether an HTTP error is to be treated as any other exception, to be debugged.

        ``TRAP_HTTP_EXCEPTIONS`` says so for all of them, ``TRAP_BAD_REQUEST_ERRORS`` for a 400,
        and debug mode for a missing key.
        """
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap_bad_request = self.config["TRAP_BAD_REQUEST_ERRORS"]
        if trap_bad_request is None:
            return isinstance(e, BadRequestKeyError) and self.debug
        return bool(trap_bad_request) and isinstance(e, BadRequest)

    def handle_exception(self, e: Exception) -> Response:
        """Answer an exception that nobody handled: log it and send a 500.

        With ``PROPAGATE_EXCEPTIONS``, and by default in debug mode and tests, it is raised again.

        :param e: the exception, being handled
        :returns: the response of the handler for 500, which is given an
            ``InternalServerError`` with *e* as its ``original_exception``; without a handler a
            plain page, or a problem in JSON for who asks for JSON
        """
        got_request_exception.send(self, _async_wrapper=self.ensure_sync, exception=e)
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if propagate is None:
            propagate = self.testing or self.debug
        if propagate:
            if self._debugger is None:
                raise e
            self.log_exception(sys.exc_info())
            return self._debugger.response(e)
        self.log_exception(sys.exc_info())
        answer: Any = InternalServerError(original_exception=e)
        handler = self._find_error_handler(answer, _find_request_ctx().request.blueprints)
        if handler is not None:
            answer = driver.call(self, handler, answer)  # type: ignore[arg-type]
        else:
            answer = answers.problem(self, _find_request_ctx().environ) or answer  # type: ignore[arg-type]
        return self.finalize_request(answer, from_error_handler=True)

    def should_ignore_error(self, error: BaseException | None) -> bool:
        """Whether the teardown functions are not to be told of *error*; to override."""
        return False
