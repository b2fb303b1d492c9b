"""Start a development server, with the parameters of ``werkzeug.serving.run_simple``.

Lives here: what each of those parameters means here.
Must not know: the application class, the command line, how anything is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from .develop import Settings, ShowExceptions, develop
from .serving import THREADS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Application(Protocol):
    """What is known of an application that is served by ``app.run()``."""

    @property
    def name(self) -> str:
        """What the application is called."""

    @property
    def debug(self) -> bool:
        """Whether it is in debug mode."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""


def run_app(application: Application, host: str, port: int, **options: Any) -> None:
    """Serve an application from the program that made it: the work of ``app.run()``.

    :param host: the name or address to listen on
    :param port: the port to listen on; 0 lets the system choose a free one
    :param options: for :func:`run_simple`; several requests are served at a time, and debug
        mode turns on what belongs to it, unless these say otherwise
    """
    options.setdefault("use_reloader", application.debug)
    options.setdefault("use_debugger", application.debug)
    options.setdefault("threaded", True)
    run_simple(host, port, application, name=application.name, debug=application.debug, **options)


def run_simple(
    hostname: str,
    port: int,
    application: WSGIApplication,
    use_reloader: bool = False,
    use_debugger: bool = False,
    use_evalex: bool = True,
    extra_files: Iterable[str] | None = None,
    exclude_patterns: Iterable[str] | None = None,
    reloader_interval: float = 1,
    reloader_type: str = "auto",
    threaded: bool = False,
    processes: int = 1,
    request_handler: type | None = None,
    static_files: Mapping[str, str | tuple[str, str]] | None = None,
    passthrough_errors: bool = False,
    ssl_context: object = None,
    *,
    interface: str = "auto",
    live_reload: bool = True,
    debugger: ShowExceptions | None = None,
    name: str | None = None,
    debug: bool | None = None,
    settings_files: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Serve an application until Ctrl-C or SIGTERM, and say where on standard error.

    A parameter that has no effect is named at the start when it is used.

    :param hostname: the name or address to listen on
    :param port: the port to listen on; 0 lets the system choose a free one
    :param application: the WSGI application
    :param use_reloader: start the program anew when its files change
    :param use_debugger: show exceptions in the browser
    :param extra_files: files, and folders, that the program depends on besides its modules
    :param exclude_patterns: as of :mod:`fnmatch`; files that do not count
    :param reloader_interval: how often to look at the files, in seconds, with ``"stat"``
    :param reloader_type: ``"stat"`` looks at the files, where the system tells of no changes
    :param threaded: serve several requests at a time
    :param static_files: URL prefixes and the directories, or packages and their
        directories, that are served under them
    :param ssl_context: for HTTPS, ``"adhoc"`` or the paths of a certificate and its key
    :param interface: ``wsgi``, ``asgi``, ``rsgi``, or ``auto`` for what fits the application
    :param live_reload: have pages in browsers reload themselves, with the reloader in debug mode
    :param debugger: shows exceptions; see :class:`carboy.server.develop.Settings`
    :param name: what the application is called
    :param debug: whether it is in debug mode
    :param settings_files: files that were read before the application was made
    :param environment: the environment without what those files added to it
    :raises SystemExit: with status 1, after a sentence on standard error, when the address
        or the certificate cannot be used; and at the end of what the reloader has started
    """
    without_effect = tuple(
        what
        for what, used in (
            ("the debugger", use_debugger and debugger is None),
            ("several processes", processes != 1),
            ("a request handler", request_handler),
            ("passing errors through", passthrough_errors),
        )
        if used
    )
    if static_files:
        from werkzeug.middleware.shared_data import SharedDataMiddleware

        if debugger is not None:
            # The exceptions are the application's.
            debugger = partial(_show_exceptions_of, application, debugger)
        application = SharedDataMiddleware(application, static_files)
    settings = Settings(
        host=hostname,
        port=port,
        name=name,
        debug=debug,
        reload=use_reloader,
        debugger=debugger if use_debugger else None,
        live_reload=live_reload,
        threads=THREADS if threaded else 1,
        interface=interface,
        certificate=ssl_context,
        extra_files=extra_files or (),
        exclude_patterns=exclude_patterns or (),
        settings_files=settings_files,
        polling=reloader_interval if reloader_type == "stat" else None,
        environment=environment,
        without_effect=without_effect,
    )
    develop(lambda: application, settings)


def _show_exceptions_of(
    application: object, show: ShowExceptions, wrapped: object, token: str | None, script: str
) -> str | None:
    return show(application, token, script)
