"""The request that a view reads.

Lives here: ``Request``, Werkzeug's class made in a fraction of the time, and what Flask
adds to it: what routing found out, the limits that are configured, plainer errors.
Must not know: the application's registries. Of the current application, if there is
one, it reads ``config`` and ``debug``.

How it works: a request keeps its environ, and computes each attribute when it is first
used. What a subclass overrides is asked for by its name, here as in Werkzeug. On an event loop
it is what a server has received that is kept, until somebody wants the environ: to make one takes
as long as a small view.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast, overload

import werkzeug.sansio.request
import werkzeug.wrappers
from werkzeug.datastructures import (
    Authorization,
    EnvironHeaders,
    Headers,
    ImmutableMultiDict,
    MultiDict,
)
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
)
from werkzeug.utils import cached_property
from werkzeug.wsgi import _get_server, get_content_length

from .. import json
from ..forms import (
    BodyStream,
    CappedStream,
    Fields,
    FormDataParser,
    parse_content_type,
    parse_cookies,
    parse_query,
)
from ..globals import _cv_ctx

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.routing import Rule

T = TypeVar("T")


class lazy(Generic[T]):
    """An attribute that is computed on first use and kept in the instance's ``__dict__``.

    It has no ``__set__``, so the interpreter itself finds the kept value from then on;
    Werkzeug's ``cached_property`` runs Python code on each access.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | lazy[T]:
        if instance is None:
            return self
        kept = instance.__dict__
        name = self.name
        # Kept already, and still asked for, by super() in a subclass's property.
        value: T = kept[name] if name in kept else self.compute(instance)
        kept[name] = value
        return value


class Limit:
    """What was set on the request, else the application's setting, else the default."""

    def __init__(self, setting: str, default: int | None, doc: str) -> None:
        self.setting = setting
        self.default = default
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.own = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Limit: ...
    @overload
    def __get__(self, instance: Request, owner: type) -> int | None: ...
    def __get__(self, instance: Request | None, owner: type) -> int | None | Limit:
        if instance is None:
            return self
        limit: int | None = instance.__dict__.get(self.own)
        if limit is not None:
            return limit
        ctx = _cv_ctx.get(None)
        return self.default if ctx is None else ctx.app.config[self.setting]

    def __set__(self, instance: Request, value: int | None) -> None:
        instance.__dict__[self.own] = value


class Asked(Protocol):
    """A request as a server with an event loop has received it."""

    method: str
    #: As far as it has been received.
    body: IO[bytes] | None
    #: The environ, if somebody has wanted it, and may have changed it.
    _environ: WSGIEnvironment | None

    @property
    def environ(self) -> WSGIEnvironment:
        """The environ that is made of it. What follows is as it says there."""

    @property
    def query(self) -> str: ...

    @property
    def cookies(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    @property
    def content_length(self) -> int | None: ...


class Request(werkzeug.wrappers.Request):
    """The current request, with what routing found out about it.

    See :class:`werkzeug.wrappers.Request` for all that it inherits. Unlike that class,
    it does not put itself into the environ: the two would keep each other alive until
    the garbage collector comes.

    :param environ: the WSGI environment of the request
    :param populate_request: without effect
    :param shallow: refuse to read the body
    """

    json_module = json
    form_data_parser_class = FormDataParser
    shallow = False

    #: The rule that matched the URL; ``None`` before matching and when none did.
    url_rule: Rule | None = None
    #: The arguments that the rule found in the URL.
    view_args: dict[str, Any] | None = None
    #: Why matching failed, to be raised when the view would be called.
    routing_exception: HTTPException | None = None

    max_content_length = Limit(
        "MAX_CONTENT_LENGTH",
        werkzeug.wrappers.Request.max_content_length,
        """How many bytes of the body may be read before a 413 error is raised.

        ``None`` sets no limit here; see :data:`MAX_CONTENT_LENGTH`. Can be set on a
        request, for one view.
        """,
    )
    max_form_memory_size = Limit(
        "MAX_FORM_MEMORY_SIZE",
        werkzeug.wrappers.Request.max_form_memory_size,
        """How many bytes a field of a multipart form that is not a file may have before
        a 413 error is raised.

        See :data:`MAX_FORM_MEMORY_SIZE`. Can be set on a request, for one view.
        """,
    )
    max_form_parts = Limit(  # type: ignore[assignment]
        "MAX_FORM_PARTS",
        werkzeug.wrappers.Request.max_form_parts,
        """How many parts a multipart form may have before a 413 error is raised.

        See :data:`MAX_FORM_PARTS`. Can be set on a request, for one view.
        """,
    )

    #: What the environ is to be made of when somebody wants it.
    _asked: Asked | None = None

    #: Whether no subclass has another idea of the query string, and of the headers.
    _reads_environ: ClassVar[bool] = True
    _has_plain_headers: ClassVar[bool] = True
    #: Whether one that is made without its environ can do so.
    _can_wait: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._reads_environ = cls.query_string is Request.query_string
        cls._has_plain_headers = cls.headers is Request.headers
        cls._can_wait = all(
            getattr(cls, name) is getattr(Request, name)
            for name in ("environ", "__setattr__", "__getattribute__")
        )

    def __init__(
        self,
        environ: WSGIEnvironment,
        populate_request: bool = True,
        shallow: bool = False,
    ) -> None:
        self.environ = environ
        if shallow:
            self.shallow = True

    @lazy
    def environ(self) -> WSGIEnvironment:
        """The WSGI environment of the request."""
        if self._asked is None:
            raise AttributeError("environ")
        return self._asked.environ

    def _unchanged(self) -> Asked | None:
        """What a server with a loop has received, unless the environ may say otherwise by now.

        Those who call this ask first whether there is any, which keeps WSGI as fast as it was.
        """
        asked = self._asked
        assert asked is not None
        return asked if asked._environ is None and "environ" not in self.__dict__ else None

    @lazy
    def method(self) -> str:
        asked = None if self._asked is None else self._unchanged()
        method: str = self.environ.get("REQUEST_METHOD", "GET") if asked is None else asked.method
        return method.upper()

    @lazy
    def scheme(self) -> str:
        scheme: str = self.environ.get("wsgi.url_scheme", "http")
        return scheme

    @lazy
    def server(self) -> tuple[str, int | None] | None:
        return _get_server(self.environ)

    @lazy
    def root_path(self) -> str:
        return _decode(self.environ.get("SCRIPT_NAME") or "").rstrip("/")

    @lazy
    def path(self) -> str:
        return "/" + _decode(self.environ.get("PATH_INFO") or "").lstrip("/")

    @lazy
    def query_string(self) -> bytes:
        asked = None if self._asked is None else self._unchanged()
        query: str = self.environ.get("QUERY_STRING", "") if asked is None else asked.query
        return query.encode("latin1")

    @lazy
    def headers(self) -> Headers:
        # Half of what its constructor takes; every second request comes by here.
        headers = EnvironHeaders.__new__(EnvironHeaders)
        headers.environ = self.environ
        headers._list = []
        return headers

    @lazy
    def remote_addr(self) -> str | None:
        address: str | None = self.environ.get("REMOTE_ADDR")
        return address

    @lazy
    def args(self) -> MultiDict[str, str]:
        """The fields of the query string."""
        if self.parameter_storage_class is not ImmutableMultiDict:
            return super().args
        asked = None if self._asked is None else self._unchanged()
        query: str = self.environ.get("QUERY_STRING", "") if asked is None else asked.query
        if not self._reads_environ or "query_string" in self.__dict__ or not query.isascii():
            # A raw byte that is not UTF-8 reads as if the client had percent-encoded it.
            query = self.query_string.decode(errors="werkzeug.url_quote")
        return parse_query(query)

    @lazy
    def full_path(self) -> str:
        """The path with the query string."""
        return f"{self.path}?{self.query_string.decode(errors='werkzeug.url_quote')}"

    @lazy
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """The cookies that came with the request."""
        if self.dict_storage_class is not ImmutableMultiDict:
            return super().cookies
        if self._asked is not None and (asked := self._unchanged_headers()) is not None:
            return parse_cookies(asked.cookies)
        environ = self._headers_environ()
        return super().cookies if environ is None else parse_cookies(environ.get("HTTP_COOKIE", ""))

    @lazy
    def content_length(self) -> int | None:
        """The announced size of the body; ``None`` when it is streamed."""
        environ = self._headers_environ()
        return super().content_length if environ is None else _content_length(environ)

    @lazy
    def stream(self) -> IO[bytes]:
        """The body, guarded against reading past its end or past the limit."""
        limit = self.max_content_length
        if self.shallow:
            return super().stream
        if self._asked is not None and (asked := self._unchanged()) is not None:
            # Servers with a loop end the body themselves.
            body = BytesIO() if asked.body is None else asked.body
            if limit is None:
                return body
            if (size := asked.content_length) is not None and size <= limit:
                return CappedStream(body, limit, is_max=True)  # type: ignore[return-value]
        environ = self.environ
        size = _content_length(environ)
        if size is not None and limit is not None and size > limit:
            return super().stream  # Refuses it.
        if "wsgi.input_terminated" not in environ:
            if size is not None:
                return BodyStream(environ["wsgi.input"], size)  # type: ignore[return-value]
        elif limit is not None:
            return CappedStream(environ["wsgi.input"], limit, is_max=True)  # type: ignore[return-value]
        return super().stream

    async def chunks(self, size: int = 65536) -> AsyncIterator[bytes]:
        """The body, piece by piece, for an ``async def`` view.

        A view that is registered with ``stream_body=True`` gets the pieces as they arrive::

            @app.put("/files/<name>", stream_body=True)
            async def upload(name):
                async for chunk in request.chunks():
                    ...

        In any other the body has been received already, unless the server is a WSGI server.

        :param size: how many bytes a chunk has at most
        :raises werkzeug.exceptions.RequestEntityTooLarge: there is more than
            :attr:`max_content_length`
        :raises werkzeug.exceptions.ClientDisconnected: the client left before the end
        """
        receive = self.environ.get("carboy.receive")
        if receive is None or self.shallow:
            from ..loop import in_thread

            stream = self.stream
            read = getattr(stream, "read1", stream.read)
            while chunk := await in_thread(_cv_ctx.get().app._threads, read, size):
                yield chunk
            return
        limit = self.max_content_length
        received = self.content_length or 0
        if limit is not None and received > limit:
            raise RequestEntityTooLarge()
        received = 0
        try:
            while piece := await receive():
                received += len(piece)
                if limit is not None and received > limit:
                    raise RequestEntityTooLarge()
                for start in range(0, len(piece), size):
                    yield piece[start : start + size]
        except ConnectionError as e:
            raise ClientDisconnected() from e

    @property
    def last_event_id(self) -> str | None:
        """Which server-sent event a client that comes back had last; ``None`` if it had none."""
        value: str | None = self.environ.get("HTTP_LAST_EVENT_ID")
        return None if value is None else _decode(value)

    @lazy
    def authorization(self) -> Authorization | None:
        """The credentials of the ``Authorization`` header; ``None`` if it makes no sense."""
        try:
            return super().authorization
        except ValueError:  # Bytes that are not ASCII, in what should be base 64.
            return None

    @property
    def endpoint(self) -> str | None:
        """The endpoint that matched the URL, ``None`` before and without a match."""
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The registered name of the blueprint that the endpoint belongs to, if any."""
        endpoint = self.endpoint
        if endpoint is None or "." not in endpoint:
            return None
        return endpoint.rpartition(".")[0]

    @property
    def blueprints(self) -> list[str]:
        """The name of the current blueprint, followed by those it is nested in."""
        name = self.blueprint
        if name is None:
            return []
        names = [name]
        while "." in name:
            name = name.rpartition(".")[0]
            names.append(name)
        return names

    def _unchanged_headers(self) -> Asked | None:
        if "headers" in self.__dict__ or not self._has_plain_headers:
            return None
        return self._unchanged()

    def _headers_environ(self) -> WSGIEnvironment | None:
        """Where to read a header directly; ``None`` when somebody replaced them."""
        if "headers" not in self.__dict__ and self._has_plain_headers:
            return self.environ
        headers = self.headers
        return headers.environ if type(headers) is EnvironHeaders else None

    def _parse_content_type(self) -> None:
        if "_parsed_content_type" in self.__dict__:
            return
        if self._asked is not None and (asked := self._unchanged_headers()) is not None:
            self._parsed_content_type = parse_content_type(asked.content_type)
        elif (environ := self._headers_environ()) is None:
            super()._parse_content_type()
        else:
            self._parsed_content_type = parse_content_type(environ.get("CONTENT_TYPE", ""))

    def _load_form_data(self) -> None:
        if "form" in self.__dict__:
            return
        if self.mimetype == "application/x-www-form-urlencoded" and self._parses_plainly():
            self._load_plain_form()
        else:
            super()._load_form_data()
        if _debug() and self.mimetype != "multipart/form-data" and not self.files:
            # Not imported with the module: only debug mode needs it.
            from ..debughelpers import attach_enctype_error_multidict

            attach_enctype_error_multidict(self)

    @property
    def want_form_data_parsed(self) -> bool:
        """Whether to look for a form in the body: if there is a content type."""
        asked = None if self._asked is None else self._unchanged()
        return bool(self.environ.get("CONTENT_TYPE") if asked is None else asked.content_type)

    def _parses_plainly(self) -> bool:
        """Whether the parser of forms is the one that a request has by default."""
        return (
            type(self).make_form_data_parser is Request.make_form_data_parser
            and self.form_data_parser_class is FormDataParser
            and self.parameter_storage_class is ImmutableMultiDict
            and self.want_form_data_parsed
        )

    def _load_plain_form(self) -> None:
        """Read an URL-encoded form without a parser, half of whose work is to be made."""
        stream = self._get_stream_for_parsing()
        try:
            form = parse_query(stream.read().decode())
        except UnicodeDecodeError:  # Werkzeug's parser is silent about it, too.
            form = Fields()
        self.__dict__.update(stream=stream, form=form, files=ImmutableMultiDict())

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Answer a body that is not JSON: 415 for another content type, else 400.

        The client reads what is wrong with the body in debug mode only.

        :param e: the error of the parser, ``None`` for another content type
        :raises HTTPException: unless a subclass returns something in its place
        """
        if e is None or _debug():
            return super().on_json_loading_failed(e)
        raise BadRequest() from e


# The rest of Werkzeug's cached attributes, on the quicker descriptor.
for _base in (werkzeug.sansio.request.Request, werkzeug.wrappers.Request):
    for _name, _attribute in vars(_base).items():
        if isinstance(_attribute, cached_property) and _name not in vars(Request):
            _lazy = lazy(cast("Callable[[Any], Any]", _attribute.fget))
            _lazy.__set_name__(Request, _name)
            setattr(Request, _name, _lazy)


def _decode(value: str) -> str:
    # WSGI passes bytes as latin-1 text.
    return value if value.isascii() else value.encode("latin1").decode(errors="replace")


def _content_length(environ: WSGIEnvironment) -> int | None:
    length = environ.get("CONTENT_LENGTH") or ""
    if (
        "HTTP_TRANSFER_ENCODING" not in environ
        and length.isascii()
        and length.isdecimal()
        and len(length) < 16
    ):
        return int(length)
    return get_content_length(environ)


def _debug() -> bool:
    ctx = _cv_ctx.get(None)
    return ctx is not None and ctx.app.debug
