"""Serve an application to the world: what ``carboy serve`` starts.

Lives here: the settings, and :func:`serve`, which listens, tells where, and hands over.
Must not know: the application class, the command line. An application is an object that
:class:`Settings` says how to load.

How it works: this process listens and loads no application. It forks workers (``supervisor``),
and each loads the application and serves it with Granian on the one listening socket they share
(``worker``), with what stands before the application: the access log, the health check, the
proxies that are believed (``front``, ``proxies``). So a worker that ends takes no waiting
connection with it, and a reload runs the program's new code.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .access_log import AccessLines
from .address import ANY_HOST, bind, bind_unix, url
from .proxies import Proxies
from .supervisor import Supervisor
from .worker import OPEN_FILES


class BadCertificate(OSError):
    """A certificate, its key or the authority of clients cannot be used."""


@dataclass(frozen=True)
class Settings:
    """How to serve.

    :param load: makes the application; called in each worker. It explains a failure itself and
        raises :exc:`SystemExit`, or lets the exception be shown.
    :param name: what the application is called
    :param interface: ``wsgi``, ``asgi``, ``rsgi``, or ``auto`` for what fits the application
    :param http: ``1``, ``2`` or ``auto`` for both
    :param uds: the path of a Unix socket, instead of host and port
    :param threads: how many requests a worker serves at a time under WSGI
    :param scheduling: ``batch``, ``normal`` for what the system does by itself, or ``auto`` for
        what fits the interface
    :param certificate: the paths of a certificate and its key
    :param client_ca: the path of the authority that signs clients' certificates, if they need one
    :param proxies: whose ``X-Forwarded-`` headers are believed
    :param static: whether the application's own static folder is served without it
    :param mounts: URL prefixes and the folders served under them
    :param health: the path of the health check
    :param body_timeout: the seconds that a thread waits for the body of a request under WSGI;
        0 for as long as it takes
    :param graceful_timeout: the seconds a request is given to end when its worker stops
    :param max_requests: after how many requests a worker is replaced
    :param max_requests_jitter: up to how many more each worker takes, by chance
    :param max_memory: from how many bytes of memory on a worker is replaced
    """

    load: Callable[[], Any]
    name: str
    host: str = "127.0.0.1"
    port: int = 8000
    uds: str | None = None
    workers: int = 1
    threads: int = 4
    scheduling: str = "auto"
    interface: str = "auto"
    http: str = "auto"
    certificate: tuple[str, str] | None = None
    client_ca: str | None = None
    proxies: Proxies | None = None
    access_log: AccessLines | None = None
    static: bool = False
    mounts: tuple[tuple[str, str], ...] = ()
    health: str | None = None
    body_timeout: float = 30.0
    graceful_timeout: float = 30.0
    max_requests: int | None = None
    max_requests_jitter: int = 0
    max_memory: int | None = None


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; reload on SIGHUP.

    :returns: the exit status: 1 when the application could not be loaded
    :raises CannotListen: the address cannot be had
    :raises BadCertificate: see there
    """
    if settings.certificate is not None:
        _check(settings.certificate, settings.client_ca)
    if settings.uds is not None:
        listener = bind_unix(settings.uds)
    else:
        listener = bind(settings.host, settings.port)
    # Workers share the socket, and one may have taken the connection another was woken for.
    listener.setblocking(False)
    _allow_open_files()
    print(f" * Serving Carboy app {settings.name!r}", file=sys.stderr, flush=True)
    return Supervisor(settings, listener, _place(settings, listener.getsockname())).run()


def _check(certificate: tuple[str, str], client_ca: str | None) -> None:
    """See that the files hold what they should; Granian would panic in each worker."""
    import ssl  # few need it: a server before this one has the certificate

    cert, key = certificate
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise BadCertificate(
            f"Cannot use the certificate {cert} with the key {key}: {error}"
        ) from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise BadCertificate(
                f"Cannot use {client_ca} to check clients' certificates: {error}"
            ) from None


def _allow_open_files() -> None:
    """Have the workers hold as many connections as the system allows; often it is 1024 at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _place(settings: Settings, name: Any) -> str:
    """Where the application is to be found."""
    if settings.uds is not None:
        return f"unix:{os.path.abspath(settings.uds)}"
    scheme = "https" if settings.certificate else "http"
    if settings.host in ANY_HOST or not settings.host:
        return f"{url(scheme, settings.host or '0.0.0.0', name[1])} (all addresses)"
    return url(scheme, settings.host, name[1])
