"""Which client, scheme and host a request is for when it comes through proxies.

Lives here: :class:`Proxies`, which believes ``X-Forwarded-`` headers as far as it was told to.
Must not know: how a request is answered.

How it works: Werkzeug's ``ProxyFix`` reads the headers; it has to be told through how many
proxies a request came. That number is given, or counted: from the connection's own address along
``X-Forwarded-For``, as long as each address is a trusted one. For ASGI and RSGI the few variables
that ``ProxyFix`` sets are made of the scope and written back.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The headers that can be believed, without their ``X-Forwarded-``.
HEADERS = ("for", "proto", "host", "port", "prefix")

#: Stands in a list of trusted addresses for whoever connects to a Unix socket.
UNIX = "unix"


class Proxies:
    """Proxies, and what is believed of what they say.

    :param hops: through how many of them each request comes
    :param trusted: addresses and networks, or ``unix``: instead of a number, who may say something
    :param headers: which of :data:`HEADERS` they set; a header that a proxy passes on from the
        client as it is must not be among them
    :raises ValueError: something is no address and no network
    """

    def __init__(
        self,
        hops: int = 0,
        trusted: Iterable[str] = (),
        headers: Iterable[str] = ("for", "proto"),
    ) -> None:
        names = list(trusted)
        self.headers = frozenset(headers)
        self._hops = hops
        self._unix = UNIX in names
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(name, strict=False) for name in names if name != UNIX
        ]
        self._fixes: dict[int, ProxyFix] = {}

    def middleware(self, application: WSGIApplication) -> WSGIApplication:
        """The application with environments as its outermost proxy saw them."""

        def behind_proxies(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            self.correct(environ)
            return application(environ, start_response)

        return behind_proxies

    def correct(self, environ: WSGIEnvironment) -> None:
        """Set the variables of an environment that trusted headers tell otherwise."""
        hops = self._hops or self._count(environ)
        if not hops:
            return
        fix = self._fixes.get(hops)
        if fix is None:
            kind = ProxyFix if self._hops else _ShorterToo
            counts = {f"x_{name}": hops if name in self.headers else 0 for name in HEADERS}
            fix = self._fixes[hops] = kind(_nothing, **counts)
        fix(environ, _start_nothing)

    def _count(self, environ: WSGIEnvironment) -> int:
        """Through how many trusted proxies a request came."""
        if not self._trusts(environ["REMOTE_ADDR"]):
            return 0
        named = parse_list_header(environ.get("HTTP_X_FORWARDED_FOR", ""))
        hops = 1
        while hops < len(named) and self._trusts(named[-hops]):
            hops += 1
        return hops

    def _trusts(self, text: str) -> bool:
        if not text or text.startswith(("unix:", "/")):
            return self._unix
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)

    def rsgi(self, scope: Any) -> Any:
        """An RSGI scope as the outermost proxy saw it."""
        client, _, client_port = scope.client.rpartition(":")
        server, _, server_port = scope.server.rpartition(":")
        environ = _environ(scope.headers.items(), client.strip("[]"), scope.scheme)
        environ |= {"SERVER_NAME": server, "SERVER_PORT": server_port}
        if scope.authority is not None:
            environ["HTTP_HOST"] = scope.authority
        host = environ.get("HTTP_HOST")
        self.correct(environ)
        seen: Any = _Scope(scope)
        seen.client = f"{environ['REMOTE_ADDR']}:{client_port}"
        seen.scheme = environ["wsgi.url_scheme"]
        seen.server = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        if environ.get("HTTP_HOST") != host:
            # The gateway prefers it to the header, as HTTP/2 does.
            seen.authority = environ["HTTP_HOST"]
        return seen

    def asgi(self, scope: dict[str, Any]) -> dict[str, Any]:
        """An ASGI scope as the outermost proxy saw it."""
        if scope["type"] == "lifespan":
            return scope
        client, client_port = scope.get("client") or ("", 0)
        server, server_port = scope.get("server") or ("", None)
        websocket = scope["type"] == "websocket"
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        environ = _environ(headers, client, scheme)
        environ |= {"SERVER_NAME": server, "SERVER_PORT": str(server_port or "")}
        environ["SCRIPT_NAME"] = scope.get("root_path", "")
        host = environ.get("HTTP_HOST")
        self.correct(environ)
        prefix, scheme = environ["SCRIPT_NAME"], environ["wsgi.url_scheme"]
        seen = dict(scope, client=(environ["REMOTE_ADDR"], client_port))
        seen["scheme"] = {"http": "ws", "https": "wss"}.get(scheme, scheme) if websocket else scheme
        if prefix != scope.get("root_path", ""):
            seen |= {"root_path": prefix, "path": prefix + scope["path"]}
        if (new_host := environ.get("HTTP_HOST")) is not None and new_host != host:
            others = [pair for pair in scope["headers"] if pair[0].lower() != b"host"]
            seen["headers"] = [(b"host", new_host.encode("latin-1")), *others]
        if server_port is not None and environ["SERVER_PORT"].isdigit():
            seen["server"] = (environ["SERVER_NAME"], int(environ["SERVER_PORT"]))
        return seen


class _ShorterToo(ProxyFix):
    """Many proxies replace a header where others append to it: what there is, counts."""

    def _get_real_value(self, trusted: int, value: str | None) -> str | None:
        if not (trusted and value):
            return None
        values = parse_list_header(value)
        return values[-min(trusted, len(values))] if values else None


class _Scope:
    """An RSGI scope in which some things are different."""

    __slots__ = (
        "authority",
        "client",
        "headers",
        "http_version",
        "method",
        "path",
        "peer",
        "proto",
        "query_string",
        "rsgi_version",
        "scheme",
        "server",
    )

    def __init__(self, scope: Any) -> None:
        #: Who is at the other end of the connection, whoever the client is.
        self.peer = scope.client
        for name in self.__slots__:
            if name != "peer":
                setattr(self, name, getattr(scope, name))


def _environ(headers: Iterable[tuple[str, str]], client: str, scheme: str) -> WSGIEnvironment:
    """The variables that ``ProxyFix`` reads."""
    environ: WSGIEnvironment = {"REMOTE_ADDR": client, "wsgi.url_scheme": scheme}
    for name, value in headers:
        name = name.lower()
        if name == "host" or name.startswith("x-forwarded-"):
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an element of ``X-Forwarded-For``; some proxies put the port behind it."""
    for candidate in (text, text.rpartition(":")[0].strip("[]"), text.strip("[]")):
        try:
            address = ip_address(candidate)
        except ValueError:
            continue
        # A socket for both families shows IPv4 clients so.
        return getattr(address, "ipv4_mapped", None) or address
    return None


def _nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return ()


def _start_nothing(status: str, headers: Any, exc_info: Any = None) -> Any:
    raise AssertionError("Nothing is answered here")
