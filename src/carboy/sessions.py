"""Sessions: what a request keeps for the next one, in a signed cookie unless told otherwise.

Lives here: the session objects, ``SessionInterface``, which opens and saves them, and the
interface of signed cookies. The cookies are Flask's: each reads what the other signed.
Must not know: contexts. A context opens the session and sets ``accessed`` when somebody asks
for it; the pipeline has it saved.

How it works: a cookie's value is made and read by ``signing``, which is imported with the first
session of a program. There is one serializer for each combination of settings, kept, and so is
the text of the cookie's attributes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.datastructures import CallbackDict, Headers
from werkzeug.http import dump_cookie, http_date
from werkzeug.sansio.response import Response as _SansIOResponse

from . import old_names
from .json.tag import TaggedJSONSerializer

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer

    from .app import Flask
    from .wrappers import Request, Response


class SessionMixin(MutableMapping[str, Any]):
    """What a session has besides being a dictionary."""

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser; kept as the key ``"_permanent"``."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    new: bool = False
    """Whether the session was made by this request, where the interface can tell."""

    modified: bool = True
    """Whether the session was changed. A session that cannot tell says yes."""

    accessed: bool = False
    """Whether anyone asked for the session, so that the response depends on the cookie. The
    context sets it."""


class SecureCookieSession(CallbackDict[str, Any], SessionMixin):
    """A session that is kept in a signed cookie.

    It notices changes of its own items only: after changing a list inside, say
    ``session.modified = True``.

    :param initial: what the cookie held
    """

    modified = False

    @staticmethod
    def on_update(session: SecureCookieSession) -> None:
        session.modified = True

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        # Not through ``CallbackDict``, which would set ``on_update`` on each instance.
        dict.__init__(self, () if initial is None else initial)

    def __setitem__(self, key: str, value: Any) -> None:
        dict.__setitem__(self, key, value)
        self.on_update(self)


class NullSession(SecureCookieSession):
    """Stands in when there is no secret key: it can be read, and refuses to be written."""

    def _fail(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            "The session is unavailable because no secret key was set.  Set the secret_key"
            " on the application to something unique and secret."
        )

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _fail


class SessionInterface:
    """Opens and saves the sessions of an application.

    To keep sessions elsewhere, subclass this, implement :meth:`open_session` and
    :meth:`save_session`, and set ``app.session_interface`` to an instance. The session can be
    any dictionary with :class:`SessionMixin`::

        class Session(dict, SessionMixin):
            pass

    Requests of one session may be served at the same time; a shared store must cope.
    """

    null_session_class = NullSession
    """What stands in for a session that could not be opened."""

    pickle_based = False
    """Whether the store pickles the session, so that it can hold any object."""

    def make_null_session(self, app: Flask) -> NullSession:
        """The session to use when :meth:`open_session` returned ``None``."""
        return self.null_session_class()

    def is_null_session(self, obj: object) -> bool:
        """Whether *obj* is a stand-in, which is never saved."""
        return isinstance(obj, self.null_session_class)

    def get_cookie_name(self, app: Flask) -> str:
        """The cookie's name: ``SESSION_COOKIE_NAME``."""
        return app.config["SESSION_COOKIE_NAME"]  # type: ignore[no-any-return]

    def get_cookie_domain(self, app: Flask) -> str | None:
        """The domain whose subdomains get the cookie too: ``SESSION_COOKIE_DOMAIN``."""
        return app.config["SESSION_COOKIE_DOMAIN"]  # type: ignore[no-any-return]

    def get_cookie_path(self, app: Flask) -> str:
        """Where the cookie is valid: ``SESSION_COOKIE_PATH``, else ``APPLICATION_ROOT``."""
        config = app.config
        return config["SESSION_COOKIE_PATH"] or config["APPLICATION_ROOT"]  # type: ignore[no-any-return]

    def get_cookie_httponly(self, app: Flask) -> bool:
        """Whether scripts cannot read the cookie: ``SESSION_COOKIE_HTTPONLY``."""
        return app.config["SESSION_COOKIE_HTTPONLY"]  # type: ignore[no-any-return]

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie is sent over HTTPS only: ``SESSION_COOKIE_SECURE``."""
        return app.config["SESSION_COOKIE_SECURE"]  # type: ignore[no-any-return]

    def get_cookie_samesite(self, app: Flask) -> str | None:
        """``"Strict"``, ``"Lax"``, ``"None"`` or nothing: ``SESSION_COOKIE_SAMESITE``."""
        return app.config["SESSION_COOKIE_SAMESITE"]  # type: ignore[no-any-return]

    def get_cookie_partitioned(self, app: Flask) -> bool:
        """Whether each embedding site has its own: ``SESSION_COOKIE_PARTITIONED``."""
        return app.config["SESSION_COOKIE_PARTITIONED"]  # type: ignore[no-any-return]

    def get_expiration_time(self, app: Flask, session: SessionMixin) -> datetime | None:
        """When the cookie ends; ``None`` when it ends with the browser.

        A permanent session lives for ``PERMANENT_SESSION_LIFETIME`` from now.
        """
        if session.permanent:
            return datetime.now(UTC) + app.permanent_session_lifetime
        return None

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether the response must carry the cookie.

        It must when the session was modified, and when it is permanent and
        ``SESSION_REFRESH_EACH_REQUEST`` is set.
        """
        return session.modified or (
            session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"]
        )

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        """The session of *request*; ``None`` when there cannot be one, which is no error.

        An interface of your own is asked for each request, before the URL is matched.

        :param app: the application
        :param request: the request
        """
        raise NotImplementedError

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep *session*; called for each response unless the session is a null session.

        :param app: the application
        :param session: what :meth:`open_session` returned
        :param response: the response, which is not sent yet
        """
        raise NotImplementedError


session_json_serializer = TaggedJSONSerializer()
"""Writes the sessions of every application that has not chosen another serializer."""


def _lazy_sha1(string: bytes = b"") -> Any:
    """SHA-1, looked up when used: some builds of Python leave it out."""
    return hashlib.sha1(string)


class SecureCookieSessionInterface(SessionInterface):
    """Keeps sessions in signed cookies: readable by the browser, not writable by it."""

    salt = "cookie-session"
    """Tells session cookies from other things signed with the same key."""

    digest_method: Callable[[bytes], Any] = staticmethod(_lazy_sha1)
    """The hash of the signature."""

    key_derivation = "hmac"
    """How itsdangerous makes the signing key of the secret key and the salt."""

    serializer = session_json_serializer
    """Makes text of a session; has ``dumps`` and ``loads``."""

    session_class = SecureCookieSession
    """What :meth:`open_session` returns."""

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """What signs and reads this application's session cookies.

        :param app: the application, whose ``SECRET_KEY`` signs; a key of
            ``SECRET_KEY_FALLBACKS`` may have signed what is read
        :returns: a serializer, or ``None`` when there is no secret key
        """
        secret_key = app.secret_key
        if not secret_key:
            return None
        fallbacks = app.config["SECRET_KEY_FALLBACKS"] or ()
        settings = (
            (*fallbacks, secret_key),
            self.salt,
            self.serializer,
            self.key_derivation,
            self.digest_method,
        )
        try:
            return _kept_serializer(*settings)
        except TypeError:  # a setting that is not hashable
            return _make_serializer(*settings)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session in the request's cookie; an empty one when there is no valid cookie.

        :param app: the application
        :param request: the request
        :returns: a session, or ``None`` when there is no secret key
        """
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            return None
        cookie = request.cookies.get(self.get_cookie_name(app))
        if not cookie:
            return self.session_class()
        max_age = int(app.permanent_session_lifetime.total_seconds())
        try:
            data = serializer.loads(cookie, max_age=max_age)
        except (
            _unreadable(),
            ValueError,
            OSError,
            OverflowError,
        ):  # A time can be out of any clock's range.
            return self.session_class()
        return self.session_class(data if isinstance(data, dict) else None)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie if the session needs it, delete it if the session was emptied.

        :param app: the application
        :param session: what :meth:`open_session` returned
        :param response: the response, whose ``Set-Cookie`` and ``Vary`` are set
        """
        if session.accessed:
            _vary_on_cookie(response)
        if session:
            if not self.should_set_cookie(app, session):
                return
        elif not session.modified:
            return

        if (
            session
            and type(response).set_cookie is _SansIOResponse.set_cookie
            and (cookie := self._cookie(app, session, response.max_cookie_size)) is not None
        ):
            response.headers._list.append(("Set-Cookie", cookie))
        else:
            name, *attributes = self._names_and_attributes(app)
            settings = dict(zip(_ATTRIBUTES, attributes, strict=True))
            if session:
                serializer = self.get_signing_serializer(app)
                assert serializer is not None, "a session without a key is a null session"
                value = serializer.dumps(dict(session))
                expires = self.get_expiration_time(app, session)
                response.set_cookie(name, value, expires=expires, **settings)
            else:
                response.delete_cookie(name, **settings)
        if not session.accessed:
            _vary_on_cookie(response)

    def _names_and_attributes(self, app: Flask) -> tuple[str, Any, Any, Any, Any, Any, Any]:
        """The cookie's name, and the values of ``_ATTRIBUTES``."""
        return (
            self.get_cookie_name(app),
            self.get_cookie_path(app),
            self.get_cookie_domain(app),
            self.get_cookie_secure(app),
            self.get_cookie_httponly(app),
            self.get_cookie_samesite(app),
            self.get_cookie_partitioned(app),
        )

    def _cookie(self, app: Flask, session: SessionMixin, max_size: int) -> str | None:
        """The header that ``response.set_cookie`` makes of a value that needs no quotes.

        :param max_size: beyond this many bytes it is to be warned about
        :returns: ``None`` for what only that can make
        """
        serializer = self.get_signing_serializer(app)
        if not isinstance(serializer, _quotes_nothing()):
            return None
        before, after, last = _cookie_text(*self._names_and_attributes(app))
        value = serializer.dumps(dict(session))
        expires = self.get_expiration_time(app, session)
        if expires is None:
            header = f"{before}{value}{after}{last}"
        elif isinstance(expires, datetime):
            date = _http_date(expires.replace(microsecond=0))
            header = f"{before}{value}{after}; Expires={date}{last}"
        else:
            return None
        return None if 0 < max_size < len(header) else header


_ATTRIBUTES = ("path", "domain", "secure", "httponly", "samesite", "partitioned")


def opens_on_demand(interface: SessionInterface) -> bool:
    """Whether a session may be opened when it is first asked for, with nobody the wiser.

    It may when the interface opens and saves as :class:`SecureCookieSessionInterface` does.
    The answer holds until attributes of the interface are changed.

    :param interface: the application's session interface
    """
    stock = SecureCookieSessionInterface
    return isinstance(interface, stock) and all(
        getattr(type(interface), name) is getattr(stock, name) and name not in vars(interface)
        for name in ("open_session", "save_session", "should_set_cookie", "session_class")
    )


def must_save_unopened(interface: SessionInterface, app: Flask, cookies: str) -> bool:
    """Whether a session that nobody asked for must be opened and saved all the same.

    It must when the request has a session cookie and permanent sessions are refreshed by
    each response, because the session may be permanent.

    :param interface: an interface that :func:`opens_on_demand`
    :param app: the application
    :param cookies: the header ``Cookie``
    """
    return app.config["SESSION_REFRESH_EACH_REQUEST"] and interface.get_cookie_name(app) in cookies


def fields_for(
    interface: SessionInterface, app: Flask, session: SessionMixin
) -> list[tuple[str, str]] | None:
    """The headers that ``interface.save_session()`` adds to a response that has none of theirs.

    :param interface: one that :func:`opens_on_demand`
    :returns: ``None`` if that has to be called
    """
    # One that nobody asked for is rare here, and so is one that was emptied.
    if type(session) is not SecureCookieSession or not session.accessed:
        return None
    if not session:
        return None if session.modified else [_VARY]
    if not interface.should_set_cookie(app, session):
        return [_VARY]
    assert isinstance(interface, SecureCookieSessionInterface)
    cookie = interface._cookie(app, session, app.config["MAX_COOKIE_SIZE"])
    return None if cookie is None else [_VARY, ("Set-Cookie", cookie)]


_VARY = ("Vary", "Cookie")


@lru_cache(maxsize=64)
def _kept_serializer(*settings: Any) -> URLSafeTimedSerializer:
    return _make_serializer(*settings)


def _make_serializer(*settings: Any) -> URLSafeTimedSerializer:
    # Many programs keep no session; they shall not pay for the import.
    from .signing import CookieSerializer

    return CookieSerializer(*settings)


@cache
def _quotes_nothing() -> type[URLSafeTimedSerializer]:
    """The serializer of which it is known that its texts need no quotes in a cookie."""
    from .signing import CookieSerializer

    return CookieSerializer


def _unreadable() -> type[Exception]:
    """What a serializer raises for a cookie that it did not make, or too long ago."""
    from itsdangerous import BadData

    return BadData


@lru_cache(maxsize=64, typed=True)
def _cookie_text(name: str, *attributes: Any) -> tuple[str, str, str]:
    """What a ``Set-Cookie`` header has before the value, after it, and after the date.

    :param attributes: those of ``_ATTRIBUTES``
    """
    before = dump_cookie(name, path=None, max_size=0)
    settings = dict(zip(_ATTRIBUTES, attributes, strict=True))
    rest = dump_cookie(name, expires="|", max_size=0, **settings)[len(before) :]
    Headers().add("Set-Cookie", before + rest)  # refuses a new line
    after, _, last = rest.partition("; Expires=|")
    return before, after, last


_http_date = lru_cache(maxsize=16)(http_date)


def _vary_on_cookie(response: Response) -> None:
    headers = response.headers._list
    for name, _ in headers:
        if len(name) == 4 and name.lower() == "vary":
            response.vary.add("Cookie")
            return
    headers.append(("Vary", "Cookie"))


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
