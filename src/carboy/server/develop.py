"""Serve an application for development: with or without the reloader.

Lives here: the settings, what is said at the start, the choice of the interface, and
:func:`develop`, which listens and serves, or has the program served by processes of its own.
Must not know: the application class, the command line. An application is an object that
:func:`develop` is told how to load.

How it works: without the reloader the application is loaded and served in this process. With it,
this process listens, starts itself a second time (``reloader``), and that second process finds
out here that it is the one which serves.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module, invalidate_caches
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from .access_log import LoggedLines, show_access_log
from .address import ANY_HOST, CannotListen, bind, url
from .handover import LOAD, MARK, Reloader, take
from .serving import THREADS, serve

if TYPE_CHECKING:
    import socket

#: The interfaces, and what an application needs for each.
INTERFACES = {"wsgi": "__call__", "rsgi": "__rsgi__", "asgi": "asgi"}

#: Whether the system can do what the reloader does.
HAS_RELOADER = os.name == "posix"

ShowExceptions = Callable[[Any, str | None, str], str | None]

#: What nearly every program needs before its first answer.
_SOON_NEEDED = ("asyncio", "granian._granian", "granian._futures", "carboy.templating", "logging")


@dataclass(frozen=True)
class Settings:
    """How to serve for development.

    :param host: the name or address to listen on
    :param port: the port to listen on; 0 lets the system choose a free one
    :param name: what the application is called; that of the application if ``None``
    :param debug: whether it is in debug mode; ``None`` leaves that out of what is said
    :param reload: start the program anew when its files change
    :param debugger: called to have exceptions shown, with the application, the token of an
        earlier run of the program, and a script for the pages; returns the token, if there is one
    :param live_reload: have pages in browsers reload themselves, with *reload* and *debug*
    :param threads: how many requests to serve at a time
    :param interface: ``wsgi``, ``asgi``, ``rsgi``, or ``auto`` for what fits the application
    :param certificate: ``"adhoc"`` or the paths of a certificate and its key
    :param extra_files: files, and folders, that the program depends on as well
    :param exclude_patterns: as of :mod:`fnmatch`; files that do not count
    :param settings_files: files that are read before the application is loaded
    :param environment: without what those files added to it; that of this process if ``None``
    :param polling: look at the files every so many seconds, where the system tells nothing
    :param is_hopeless: whether an exception while loading is one that no saved file will mend
    :param without_effect: the names of what was asked for in vain
    """

    host: str = "127.0.0.1"
    port: int = 5000
    name: str | None = None
    debug: bool | None = None
    reload: bool = False
    debugger: ShowExceptions | None = None
    live_reload: bool = True
    threads: int = THREADS
    interface: str = "auto"
    certificate: object = None
    extra_files: Iterable[str | os.PathLike[str]] = ()
    exclude_patterns: Iterable[str] = ()
    settings_files: Iterable[str] = ()
    environment: Mapping[str, str] | None = None
    polling: float | None = None
    is_hopeless: Callable[[BaseException], bool] = lambda error: False
    without_effect: tuple[str, ...] = ()


def develop(load: Callable[[], Any], settings: Settings, *, spare: bool = False) -> None:
    """Serve an application until Ctrl-C or SIGTERM, and say where.

    :param load: gives the application; called in the process that serves
    :param spare: whether this is called before anything of the program has been loaded
    :raises SystemExit: with status 1, after a sentence on standard error, when the address or
        the certificate cannot be used; and at the end of what the reloader has started
    """
    if (reloader := take()) is not None:
        _serve_for(reloader, load, settings)
        return
    if settings.reload and not HAS_RELOADER:
        settings = replace(
            settings,
            reload=False,
            without_effect=(*settings.without_effect, "the reloader, which needs a Unix system"),
        )
    if settings.reload:
        _serve_for(_supervise(settings, spare), load, settings)
        return
    application = load()
    with _certificate(settings.certificate) as certificate:
        choice = choose(application, settings.interface)
        sock = _listen(settings)
        said = {"ready": choice.interface, "why": choice.why, "name": _name(application)}
        if settings.debugger is not None:
            settings.debugger(application, None, "")
        _announce(settings, sock, certificate is not None, said)
        show_access_log()
        serve(
            application,
            sock,
            interface=choice.interface,
            threads=settings.threads,
            certificate=certificate,
        )


# The process that serves, when there is a reloader


def _serve_for(reloader: Reloader, load: Callable[[], Any], settings: Settings) -> None:
    from .live_reload import LiveReload
    from .watching import own_modules

    if reloader.waits:
        for module in _SOON_NEEDED:
            import_module(module)
        # A plug-in of the command line may be the user's own, and would be out of date.
        if own_modules() or reloader.order() != LOAD:
            raise SystemExit(0)
        invalidate_caches()
    try:
        application = load()
        choice = choose(application, settings.interface)
    except BaseException as error:
        reloader.say(files=[*own_modules()], hopeless=settings.is_hopeless(error))
        if isinstance(error, SystemExit) or not isinstance(error, Exception):
            raise
        if type(error).__module__.startswith(("click", "carboy.")):
            # A sentence for the user, which the command line shows.
            raise
        _show_own(error)
        raise SystemExit(1) from None
    config = getattr(application, "config", {})
    live = None
    if reloader.live_reload and config.get("DEBUG") and config.get("LIVE_RELOAD", True):
        live = LiveReload(reloader.version)
        live.install(application)
    token = None
    if settings.debugger is not None:
        script = "" if live is None else live.inline_script
        token = settings.debugger(application, reloader.token, script)

    def is_ready() -> None:
        reloader.show_terminal()
        show_access_log()
        said = {"ready": choice.interface, "why": choice.why, "name": _name(application)}
        reloader.say(**said, token=token, **dependencies(application))

    try:
        serve(
            application,
            reloader.listener,
            interface=choice.interface,
            threads=settings.threads,
            certificate=reloader.certificate,
            log=_Lines(lambda: reloader.say(**dependencies(application))),
            live=live,
            reloader=reloader,
            when_serving=is_ready,
        )
    except BaseException:
        # What runs when serving begins may have failed.
        reloader.say(files=[*own_modules()])
        raise


class _Lines(LoggedLines):
    """Notices, besides, that a request has made the program import something.

    :param tell: called then
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell
        self._imported = len(sys.modules)
        self._telling = Lock()

    def write(
        self, client: str, method: str, target: str, status: int, seconds: float, size: int
    ) -> None:
        super().write(client, method, target, status, seconds, size)
        if len(sys.modules) != self._imported:
            # One at a time, or else who knows less could be the last to speak.
            with self._telling:
                if (imported := len(sys.modules)) != self._imported:
                    self._tell()
                    self._imported = imported


def dependencies(application: Any) -> dict[str, list[str]]:
    """What the program depends on, as the reloader is told.

    :param application: what is no application of this framework has no pages
    """
    from .watching import both_paths, is_own, own_modules

    templates, static = set(), set()
    config = getattr(application, "config", {})
    for part in (application, *getattr(application, "blueprints", {}).values()):
        root, folder = getattr(part, "root_path", None), getattr(part, "template_folder", None)
        if root and folder:
            templates.add(os.path.join(root, folder))
        if root and (folder := getattr(part, "static_folder", None)):
            static.add(os.path.join(root, folder))
    auto = config.get("TEMPLATES_AUTO_RELOAD")
    looks_itself = config.get("DEBUG") if auto is None else auto
    pages = static | templates if looks_itself else static
    return {
        "files": [*own_modules()],
        "folders": [] if looks_itself else [*filter(is_own, both_paths(templates))],
        "pages": [*filter(is_own, both_paths(pages))],
    }


def _show_own(error: Exception) -> None:
    """Show a traceback from where the user's own code begins."""
    from .watching import is_own

    frames = error.__traceback__
    while frames is not None and not is_own(os.path.abspath(frames.tb_frame.f_code.co_filename)):
        frames = frames.tb_next
    traceback.print_exception(error.with_traceback(frames))


# The process that keeps it


def _supervise(settings: Settings, spare: bool) -> Reloader:
    """Keep the program running, and leave in the end.

    :returns: only in a copy of this process, which is to be the program
    """
    from .reloader import IsProgram

    try:
        with _certificate(settings.certificate) as certificate:
            raise SystemExit(_keep(settings, certificate, spare))
    except IsProgram as program:
        os.environ |= MARK
        return Reloader(program.handed)


def _keep(settings: Settings, certificate: tuple[str, str] | None, spare: bool) -> int:
    from .reloader import CannotReload, Plan, Supervisor
    from .watching import Watched, both_paths, own_modules

    settings_files = both_paths(settings.settings_files)
    extra = both_paths(settings.extra_files)
    folders = frozenset(filter(os.path.isdir, extra))
    sock = _listen(settings)
    # One process may have taken the connection that another was woken for.
    sock.setblocking(False)
    plan = Plan(
        listener=sock,
        host=settings.host,
        certificate=certificate,
        environment=os.environ if settings.environment is None else settings.environment,
        watched=Watched(extra - folders | settings_files | own_modules(), folders),
        settings_files=settings_files,
        exclude=tuple(settings.exclude_patterns),
        polling=settings.polling,
        live_reload=settings.live_reload and settings.debug is not False,
        shows_exceptions=settings.debugger is not None and settings.debug is not False,
        spare=spare,
        announce=lambda said: _announce(settings, sock, certificate is not None, said),
    )
    try:
        return Supervisor(plan).run()
    except CannotReload as error:
        _fail(f"{error} Turn the reloader off, with --no-reload or use_reloader=False.")


# What is said


def _name(application: Any) -> str | None:
    name = getattr(application, "name", None)
    return name if isinstance(name, str) else None


def _announce(
    settings: Settings, sock: socket.socket, is_safe: bool, said: Mapping[str, Any] | None
) -> None:
    """Say what is served, and where.

    :param said: what the process that serves tells; ``None`` if there is none
    """
    said = said or {}
    name = settings.name or said.get("name")
    for line in banner_lines(name, settings.debug):
        print(line, flush=True)
    scheme, port = "https" if is_safe else "http", sock.getsockname()[1]
    lines = start_lines(scheme, settings.host, port, settings.without_effect)
    if "ready" in said:
        print(f" * Interface: {said['ready']}{said['why']}", file=sys.stderr)
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def banner_lines(name: str | None, debug: bool | None) -> Iterator[str]:
    """What is said about an application before it is served.

    :param name: what it is called; ``None`` leaves it out
    :param debug: whether it is in debug mode; ``None`` leaves it out
    """
    if name is not None:
        yield f" * Serving Carboy app '{name}'"
    if debug is not None:
        yield f" * Debug mode: {'on' if debug else 'off'}"


def start_lines(
    scheme: str, host: str, port: int, without_effect: Iterable[str] = ()
) -> Iterator[str]:
    """What the server says when it starts.

    :param host: the host that was asked for
    :param port: the port it listens on
    :param without_effect: the names of what was asked for in vain
    """
    if names := ", ".join(without_effect):
        yield f" * Without effect here: {names}"
    if host in ANY_HOST or not host:
        yield f" * Running on all addresses ({host or '0.0.0.0'})"
        host = "[::1]" if ":" in host else "127.0.0.1"
    yield f" * Running on {url(scheme, host.strip('[]'), port)}"
    yield "Press CTRL+C to quit"


# Parts of a start


@dataclass(frozen=True)
class Choice:
    """The interface to serve over.

    :param why: how it came to that, as the rest of a sentence
    """

    interface: str
    why: str = ""


def choose(application: Any, wanted: str) -> Choice:
    """The interface to serve an application over.

    :param wanted: ``auto`` takes what fits it
    :raises SystemExit: the application does not have it
    """
    if wanted == "auto":
        if not hasattr(application, "is_async"):
            return Choice("wsgi")
        if any(getattr(rule, "websocket", False) for rule in application.url_map.iter_rules()):
            return Choice("asgi", ", as the application has WebSockets")
        if application.is_async:
            return Choice("rsgi", ", as the application has async views")
        return Choice("wsgi", ", as the application has only plain views")
    if wanted not in INTERFACES:
        _fail(f"there is no interface {wanted!r}. Choose one of auto, {', '.join(INTERFACES)}.")
    if not hasattr(application, INTERFACES[wanted]):
        _fail(
            f"the application {application!r} cannot be served over {wanted}: it has no"
            f" {INTERFACES[wanted]!r}. Choose another --interface."
        )
    return Choice(wanted)


def _listen(settings: Settings) -> socket.socket:
    """The listening socket; who sits before a terminal is offered another port than a taken one."""
    try:
        return bind(settings.host, settings.port)
    except CannotListen as error:
        if error.free is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            _fail(str(error))
        print(f"Error: {error}", file=sys.stderr)
        if input(f"Take port {error.free} instead? [Y/n] ").strip().lower() not in ("", "y", "yes"):
            raise SystemExit(1) from None
        free = error.free
    try:
        return bind(settings.host, free)
    except CannotListen as error:
        _fail(str(error))


@contextmanager
def _certificate(certificate: object) -> Iterator[tuple[str, str] | None]:
    """The paths of the certificate and the key to serve with, if any."""
    if certificate is None:
        yield None
    elif certificate == "adhoc":
        from werkzeug.serving import make_ssl_devcert

        with tempfile.TemporaryDirectory() as folder:
            try:
                pair = make_ssl_devcert(f"{folder}/adhoc")
            except TypeError as error:
                _fail(str(error))
            yield pair
    else:
        yield _checked_pair(certificate)


def _checked_pair(certificate: Any) -> tuple[str, str]:
    """The two paths, once they have been seen to hold a certificate and its key.

    Granian would otherwise find out in a thread of its own, where it can only give up.
    """
    import ssl  # few need it

    try:
        cert, key = map(str, certificate)
    except TypeError:
        _fail(f"HTTPS needs the paths of a certificate and of its key, not {certificate!r}.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except OSError as error:
        _fail(f"Cannot use the certificate {cert} with the key {key}: {error}")
    return cert, key


def _fail(message: str) -> NoReturn:
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(1)
