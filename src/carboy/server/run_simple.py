"""Start a development server, with the parameters of ``werkzeug.serving.run_simple``.

Lives here: what each parameter means here, what is said at the start, how a failure is told.
Must not know: the application class, the command line. Of an application, ``run_app`` knows
that it has a name and may be in debug mode.
"""

from __future__ import annotations

import ssl
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from .access_log import show_access_log
from .address import ANY_HOST, CannotListen, bind, url
from .serving import THREADS, serve

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
    for line in banner_lines(application.name, application.debug):
        print(line, flush=True)
    run_simple(host, port, application, **options)


def banner_lines(name: str | None, debug: bool | None) -> Iterator[str]:
    """What is said about an application before it is served.

    :param name: what it is called; ``None`` leaves it out
    :param debug: whether it is in debug mode; ``None`` leaves it out
    """
    if name is not None:
        yield f" * Serving Carboy app '{name}'"
    if debug is not None:
        yield f" * Debug mode: {'on' if debug else 'off'}"


def run_simple(
    hostname: str,
    port: int,
    application: WSGIApplication,
    use_reloader: bool = False,
    use_debugger: bool = False,
    use_evalex: bool = True,
    extra_files: Iterable[str] | None = None,
    exclude_patterns: Iterable[str] | None = None,
    reloader_interval: int = 1,
    reloader_type: str = "auto",
    threaded: bool = False,
    processes: int = 1,
    request_handler: type | None = None,
    static_files: Mapping[str, str | tuple[str, str]] | None = None,
    passthrough_errors: bool = False,
    ssl_context: object = None,
) -> None:
    """Serve an application until Ctrl-C or SIGTERM, and say where on standard error.

    A parameter that has no effect yet is named at the start when it is used.

    :param hostname: the name or address to listen on
    :param port: the port to listen on; 0 lets the system choose a free one
    :param application: the WSGI application
    :param threaded: serve several requests at a time
    :param static_files: URL prefixes and the directories, or packages and their
        directories, that are served under them
    :param ssl_context: for HTTPS, ``"adhoc"`` or the paths of a certificate and its key
    :raises SystemExit: with status 1, after a sentence on standard error, when the address
        or the certificate cannot be used
    """
    without_effect = [
        name
        for name, used in (
            ("the reloader", use_reloader),
            ("the debugger", use_debugger),
            ("extra files", extra_files),
            ("exclude patterns", exclude_patterns),
            ("several processes", processes != 1),
            ("a request handler", request_handler),
            ("passing errors through", passthrough_errors),
        )
        if used
    ]
    if static_files:
        from werkzeug.middleware.shared_data import SharedDataMiddleware

        application = SharedDataMiddleware(application, static_files)
    with _certificate(ssl_context) as certificate:
        try:
            sock = bind(hostname, port)
        except CannotListen as error:
            _fail(str(error))
        scheme = "https" if certificate else "http"
        for line in start_lines(scheme, hostname, sock.getsockname()[1], without_effect):
            print(line, file=sys.stderr, flush=True)
        show_access_log()
        serve(
            application,
            sock,
            threads=THREADS if threaded else 1,
            certificate=certificate,
        )


def start_lines(
    scheme: str, host: str, port: int, without_effect: Iterable[str] = ()
) -> Iterator[str]:
    """What the server says when it starts.

    :param host: the host that was asked for
    :param port: the port it listens on
    :param without_effect: the names of the parameters that were used in vain
    """
    if names := ", ".join(without_effect):
        yield f" * Not available yet, so without effect: {names}"
    if host in ANY_HOST or not host:
        yield f" * Running on all addresses ({host or '0.0.0.0'})"
        host = "[::1]" if ":" in host else "127.0.0.1"
    yield f" * Running on {url(scheme, host.strip('[]'), port)}"
    yield "Press CTRL+C to quit"


@contextmanager
def _certificate(ssl_context: object) -> Iterator[tuple[str, str] | None]:
    """The paths of the certificate and the key to serve with, if any."""
    if ssl_context is None:
        yield None
    elif ssl_context == "adhoc":
        from werkzeug.serving import make_ssl_devcert

        with tempfile.TemporaryDirectory() as folder:
            try:
                yield make_ssl_devcert(f"{folder}/adhoc")
            except TypeError as error:
                _fail(str(error))
    else:
        yield _checked_pair(ssl_context)


def _checked_pair(ssl_context: Any) -> tuple[str, str]:
    """The two paths, once they have been seen to hold a certificate and its key.

    Granian would otherwise find out in a thread of its own, where it can only give up.
    """
    try:
        cert, key = map(str, ssl_context)
    except TypeError:
        _fail(f"HTTPS needs the paths of a certificate and of its key, not {ssl_context!r}.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except OSError as error:
        _fail(f"Cannot use the certificate {cert} with the key {key}: {error}")
    return cert, key


def _fail(message: str) -> NoReturn:
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(1)
