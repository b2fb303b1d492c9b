"""Try out an application without a server.

Lives here: the test client, the builder of environments that knows the application's settings,
and the runner for commands.
Must not know: how a request runs. It sends one through the WSGI callable as a server would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import werkzeug.test
from click.testing import CliRunner, Result
from werkzeug.test import Client
from werkzeug.wrappers import Request as BaseRequest

from . import old_names
from .ctx import RequestContext
from .sessions import SessionMixin

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from werkzeug.datastructures import Headers
    from werkzeug.test import TestResponse

    from .app import Flask
    from .websocket_testing import TestWebSocket


class EnvironBuilder(werkzeug.test.EnvironBuilder):
    """Werkzeug's builder of WSGI environments, with defaults from the application's settings.

    :param app: the application
    :param path: the path, which may carry a query, or a whole URL
    :param base_url: where the application is mounted; made of ``SERVER_NAME``,
        ``APPLICATION_ROOT`` and ``PREFERRED_URL_SCHEME`` when left out
    :param subdomain: put before ``SERVER_NAME``
    :param url_scheme: in place of ``PREFERRED_URL_SCHEME``
    :param args: for Werkzeug's builder
    :param kwargs: for the same, as ``method="POST"`` or ``json={...}``
    """

    def __init__(
        self,
        app: Flask,
        path: str = "/",
        base_url: str | None = None,
        subdomain: str | None = None,
        url_scheme: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        assert not (base_url or subdomain or url_scheme) or (base_url is not None) != bool(
            subdomain or url_scheme
        ), 'Cannot pass "subdomain" or "url_scheme" with "base_url".'
        if base_url is None:
            host = app.config["SERVER_NAME"] or "localhost"
            if subdomain:
                host = f"{subdomain}.{host}"
            scheme = url_scheme or app.config["PREFERRED_URL_SCHEME"]
            root = app.config["APPLICATION_ROOT"].lstrip("/")
            url = urlsplit(path)
            base_url = f"{url.scheme or scheme}://{url.netloc or host}/{root}"
            path = f"{url.path}?{url.query}" if url.query else url.path
        self.app = app
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialise the argument ``json`` as the application would."""
        return self.app.json.dumps(obj, **kwargs)


class FlaskClient(Client):
    """Sends requests to the application and keeps its cookies.

    In a ``with`` statement the context of the last request stays active, so that a test can
    look at ``request``, ``session`` and ``g``.
    """

    application: Flask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preserve_context = False
        self._new_contexts: list[RequestContext] = []
        self._context_stack = ExitStack()
        #: What each environment begins with.
        self.environ_base: dict[str, Any] = {
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_USER_AGENT": f"Werkzeug/{metadata.version('werkzeug')}",
        }

    @contextmanager
    def session_transaction(self, *args: Any, **kwargs: Any) -> Iterator[SessionMixin]:
        """The session of this client, to read and change in a ``with`` statement.

        :param args: as for ``app.test_request_context``, of which the session may depend
        :param kwargs: the same
        :raises TypeError: the client keeps no cookies
        :raises RuntimeError: there is no session, for want of a secret key
        """
        if self._cookies is None:
            raise TypeError("Cookies are disabled. Create a client with 'use_cookies=True'.")
        app = self.application
        ctx = app.test_request_context(*args, **kwargs)
        self._add_cookies_to_wsgi(ctx.request.environ)
        with ctx:
            session = app.session_interface.open_session(app, ctx.request)
        if session is None:
            raise RuntimeError("Session backend did not open a session.")
        yield session
        response = app.response_class()
        if app.session_interface.is_null_session(session):
            return
        with ctx:
            app.session_interface.save_session(app, session, response)
        self._update_cookies_from_response(
            ctx.request.host.partition(":")[0],
            ctx.request.path,
            response.headers.getlist("Set-Cookie"),
        )

    def _copy_environ(self, other: WSGIEnvironment) -> WSGIEnvironment:
        environ = {**self.environ_base, **other}
        if self.preserve_context:
            environ["werkzeug.debug.preserve_context"] = self._new_contexts.append
        return environ

    def _request_from_builder_args(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> BaseRequest:
        kwargs["environ_base"] = self._copy_environ(kwargs.get("environ_base", {}))
        builder = EnvironBuilder(self.application, *args, **kwargs)
        try:
            return builder.get_request()
        finally:
            builder.close()

    def websocket(
        self,
        path: str,
        *args: Any,
        subprotocols: Iterable[str] = (),
        timeout: float = 10,
        **kwargs: Any,
    ) -> TestWebSocket:
        """A WebSocket to the application, to be used in a ``with`` statement.

        ::

            with client.websocket("/echo") as websocket:
                websocket.send("hello")
                assert websocket.receive() == "hello"

        :param path: as for :class:`EnvironBuilder`, as are *args* and *kwargs*
        :param subprotocols: what the client offers
        :param timeout: how long to wait for the application, in seconds
        :returns: what raises :class:`~carboy.websocket_testing.WebSocketRefused` when it is
            entered and the application does not accept
        """
        from .websocket_testing import TestWebSocket

        kwargs["environ_base"] = self._copy_environ(kwargs.get("environ_base", {}))
        builder = EnvironBuilder(self.application, path, *args, **kwargs)
        try:
            environ = builder.get_environ()
        finally:
            builder.close()
        self._add_cookies_to_wsgi(environ)
        environ["HTTP_UPGRADE"] = "websocket"
        environ["HTTP_CONNECTION"] = "upgrade"
        if subprotocols := list(subprotocols):
            environ["HTTP_SEC_WEBSOCKET_PROTOCOL"] = ", ".join(subprotocols)

        def keep_cookies(headers: Headers) -> None:
            self._update_cookies_from_response(
                environ["HTTP_HOST"].partition(":")[0],
                environ["PATH_INFO"],
                headers.getlist("Set-Cookie"),
            )

        return TestWebSocket(self.application, environ, keep_cookies, timeout)

    def open(
        self,
        *args: Any,
        buffered: bool = False,
        follow_redirects: bool = False,
        **kwargs: Any,
    ) -> TestResponse:
        """Send a request; ``get``, ``post`` and the like call this.

        :param args: as for :class:`EnvironBuilder`, or one builder, environment or request
        :param buffered: read the whole response and close it
        :param follow_redirects: send the requests that redirects ask for
        :param kwargs: as for :class:`EnvironBuilder`
        """
        if args and isinstance(args[0], (werkzeug.test.EnvironBuilder, dict, BaseRequest)):
            if isinstance(args[0], werkzeug.test.EnvironBuilder):
                builder = copy(args[0])
                builder.environ_base = self._copy_environ(builder.environ_base or {})  # type: ignore[arg-type]
                request = builder.get_request()
            elif isinstance(args[0], dict):
                request = EnvironBuilder.from_environ(
                    args[0],
                    app=self.application,
                    environ_base=self._copy_environ({}),
                ).get_request()
            else:
                request = copy(args[0])
                request.environ = self._copy_environ(request.environ)
        else:
            request = self._request_from_builder_args(args, kwargs)

        # Leave the contexts of the request before.
        self._context_stack.close()
        # A test may have replaced a method of the class, which nothing else would notice.
        self.application._forget_if_changed()
        response = super().open(request, buffered=buffered, follow_redirects=follow_redirects)
        response.json_module = self.application.json  # type: ignore[assignment]
        for ctx in self._new_contexts:
            self._context_stack.enter_context(ctx._again())
        self._new_contexts.clear()
        return response

    def __enter__(self) -> FlaskClient:
        if self.preserve_context:
            raise RuntimeError("Cannot nest client invocations")
        self.preserve_context = True
        return self

    def __exit__(
        self,
        exc_type: type | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.preserve_context = False
        self._context_stack.close()


class FlaskCliRunner(CliRunner):
    """Invokes the application's commands and captures what they print.

    :param app: the application
    :param kwargs: for ``click.testing.CliRunner``
    """

    def __init__(self, app: Flask, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    def invoke(self, cli: Any = None, args: Any = None, **kwargs: Any) -> Result:  # type: ignore[override]
        """Run a command.

        :param cli: the command; the group ``app.cli`` when left out
        :param args: the words after its name
        :param kwargs: for ``click.testing.CliRunner.invoke``
        :returns: ``output``, ``exit_code`` and ``exception``
        """
        from .cli import ScriptInfo

        if "obj" not in kwargs:
            kwargs["obj"] = ScriptInfo(create_app=lambda: self.app)
        return super().invoke(self.app.cli if cli is None else cli, args, **kwargs)


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
