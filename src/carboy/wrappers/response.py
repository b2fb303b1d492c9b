"""The response that a view returns.

Lives here: ``Response``, Werkzeug's class made and sent in a fraction of the time.
Must not know: the application's registries. Of the current application, if there is
one, it reads ``config``.

How it works: a response with a ready body keeps its content type and length, and makes
a ``Headers`` of them when somebody asks. When it is sent, its headers are handed to the
server as they are if Werkzeug would not change one. Whatever is out of the ordinary, or
overridden in a subclass, goes Werkzeug's own way.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, cast

import werkzeug.utils
import werkzeug.wrappers
from markupsafe import escape
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.utils import get_content_type

from .. import json
from ..globals import _cv_ctx
from .async_body import AsyncBody

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ..json.provider import DefaultJSONProvider


_new: Final = object.__new__


#: An answer of text that is sent as it is: the header with its type, the encoded text, and further
#: headers. It is what a ``Response`` comes to that nobody has seen, made and sent in a third of the
#: time. And it is a tuple, for an object takes Python longer: 3 % of a small view.
Ready: TypeAlias = tuple[tuple[str, str], bytes, Sequence[tuple[str, str]]]


class ResponseHeaders(Headers):
    """``Headers`` that set a field of plain text without the detours that others need."""

    def __setitem__(self, key: Any, value: Any) -> None:
        # A line break is the one that must not pass; it is not printable.
        if type(value) is not str or type(key) is not str or not value.isprintable():
            super().__setitem__(key, value)
            return
        length = len(key)
        for name, _ in self._list:
            if len(name) == length and name.lower() == key.lower():
                super().__setitem__(key, value)
                return
        self._list.append((key, value))

    def __eq__(self, other: object) -> bool:
        # ``Headers`` compares with its own class only.
        return Headers(self) == (Headers(other) if isinstance(other, ResponseHeaders) else other)

    __hash__ = None


class Response(werkzeug.wrappers.Response):
    """A response, HTML unless it says otherwise.

    See :class:`werkzeug.wrappers.Response` for what it inherits. Whether a subclass
    changes how responses are made or sent is found out once, when it is first used.
    """

    json_module = json
    default_mimetype: str | None = "text/html"
    autocorrect_location_header = False

    #: Whether making and sending are Werkzeug's own; ``None`` until asked.
    _stock: ClassVar[bool | None] = None
    # What ``headers`` will hold, until somebody uses them: the content type, the length, and for
    # a redirect the location, which needs no correction.
    _fields: list[tuple[str, str]] | None = None
    _headers: Headers | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._stock = None

    def __init__(
        self,
        response: Iterable[bytes] | bytes | Iterable[str] | str | None = None,
        status: int | str | HTTPStatus | None = None,
        headers: Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]] | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        if type(response) is str:
            response = response.encode()
        if (
            type(response) is not bytes
            or headers is not None
            or content_type is not None
            or not (type(self) in _stock_classes or self._is_stock())
            or not self.automatically_set_content_length
            or (mimetype is None and (mimetype := self.default_mimetype) is None)
        ):
            if hasattr(response, "__aiter__"):
                response = AsyncBody(cast("AsyncIterable[str | bytes]", response))
            super().__init__(response, status, headers, mimetype, content_type, direct_passthrough)
            return
        if status is None:
            status = self.default_status
        if type(status) is int:
            self._status = _status_lines.get(status) or _status_line(status)
            self._status_code = status
        else:
            self.status = status
        kind = _content_types.get(mimetype) or content_type_of(mimetype)
        length = len(response)
        self._fields = [kind, _length_fields.get(length) or _length_field(length)]
        self.response = [response]
        self.direct_passthrough = direct_passthrough
        self._on_close = []

    @classmethod
    def _quickly(cls, kind: type[Response]) -> Callable[[str], Response]:
        """The quickest way to do what ``kind(text)`` does."""
        if kind is not cls or not cls._is_stock() or not cls.automatically_set_content_length:
            return kind
        if cls.default_mimetype is None:
            return kind
        status_code = cls.default_status
        status = _status_line(status_code)
        content_type = content_type_of(cls.default_mimetype)
        new = object.__new__

        def of_text(text: str) -> Response:
            body = text.encode()
            self = new(cls)
            self._status = status
            self._status_code = status_code
            length = len(body)
            self._fields = [content_type, _length_fields.get(length) or _length_field(length)]
            self.response = [body]
            self.direct_passthrough = False
            self._on_close = []
            return self

        return of_text

    @classmethod
    def _of_fields(cls, fields: list[tuple[str, str]], body: Iterable[bytes]) -> Response:
        """A response with *fields* for headers, whose body the server takes as it is.

        :param fields: what ``Headers`` would hold; not looked at
        :param body: pieces that need no encoding
        """
        self = object.__new__(cls)
        self._status_code = code = cls.default_status
        self._status = _status_lines.get(code) or _status_line(code)
        headers = ResponseHeaders()
        headers._list = fields
        self.headers = headers
        self.response = body
        self.direct_passthrough = True
        self._on_close = []
        return self

    @property
    def headers(self) -> Headers:
        """The headers, made when they are first used."""
        fields = self._fields
        if fields is not None:
            headers: ResponseHeaders
            self._headers = headers = _new(ResponseHeaders)
            headers._list = fields
            self._fields = None
            return headers
        if self._headers is None:  # It was of another class when it was made.
            self._headers = self.__dict__["headers"]
        return self._headers

    @headers.setter
    def headers(self, value: Headers) -> None:
        self._fields = None
        self._headers = value

    @property
    def __class__(self) -> type[Any]:
        return type(self)

    @__class__.setter
    def __class__(self, cls: type[Any]) -> None:
        # ``force_type`` of a class that is not ours does this: it expects the headers.
        self.__dict__["headers"] = self.headers
        object.__dict__["__class__"].__set__(self, cls)

    def __getstate__(self) -> dict[str, Any]:
        # A shallow copy shares the headers with its original.
        self.headers  # noqa: B018
        return self.__dict__

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """The size of a cookie that is warned about: :data:`MAX_COOKIE_SIZE`."""
        ctx = _cv_ctx.get(None)
        if ctx is None:
            return super().max_cookie_size
        size: int = ctx.app.config["MAX_COOKIE_SIZE"]
        return size

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the response, as a WSGI application.

        :param environ: the WSGI environment of the request
        :param start_response: the server's function that takes status and headers
        :returns: the chunks of the body; a plain list when it is one ready chunk and
            nothing is to be done on close, and an ``AsyncBody`` when they come asynchronously
        """
        body = self.response
        if (
            self._status_code in _WITHOUT_BODY
            or environ["REQUEST_METHOD"] == "HEAD"
            or not (type(self) in _stock_classes or self._is_stock())
        ):
            return super().__call__(environ, start_response)
        fields: list[tuple[str, str]] | None
        if type(body) is list:
            if len(body) == 1 and type(piece := body[0]) is bytes and not self._on_close:
                fields = self._fields
                if fields is None:
                    fields = self._final_headers(len(piece))
                elif len(fields) == 2 or not self.autocorrect_location_header:
                    # The server may change what it gets.
                    fields = fields.copy()
                else:
                    fields = None
                if fields is not None:
                    start_response(self._status, fields)
                    return [piece]
        elif type(body) is AsyncBody:
            fields = self._final_headers(None)
            if fields is not None:
                start_response(self._status, fields)
                body.when_closed = self._on_close
                return body
        elif self.direct_passthrough and not isinstance(body, (list, tuple)):
            fields = self._final_headers(None)
            if fields is not None:
                start_response(self._status, fields)
                return body  # type: ignore[return-value]
        return super().__call__(environ, start_response)

    def _at_hand(self, method: str) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """What ``__call__`` comes to for a body of one piece.

        :param method: the request's method
        :returns: the status, the headers, which may be its own, and the body; ``None`` for any
            other response
        """
        pieces = self.response
        status = self._status_code
        if (
            type(pieces) is not list
            or len(pieces) != 1
            or type(body := pieces[0]) is not bytes
            or status in _WITHOUT_BODY
            or method == "HEAD"
            or self._on_close
            or not (type(self) in _stock_classes or self._is_stock())
        ):
            return None
        fields = self._fields
        if fields is None:
            fields = self._final_headers(len(body))
            if fields is None:
                return None
        elif len(fields) > 2 and self.autocorrect_location_header:
            return None
        return status, fields, body

    @classmethod
    def _is_stock(cls) -> bool:
        if cls._stock is None:
            cls._stock = all(getattr(cls, name, None) is own for name, own in _SEAMS.items())
            if cls._stock:
                _stock_classes.add(cls)
        return cls._stock

    def _final_headers(self, size: int | None) -> list[tuple[str, str]] | None:
        """The header list to send; ``None`` when Werkzeug would change a value in it.

        :param size: the length of the body, if it is known
        """
        headers = self._headers
        if headers is None:
            headers = self.headers
        if type(headers) is not ResponseHeaders and type(headers) is not Headers:
            return None
        fields = headers._list.copy()
        sized = located = False
        for name, value in fields:
            if name in _inert:
                continue
            if name == "Content-Length":
                sized = True
            elif name == "Location" and not located:
                if self.autocorrect_location_header or not _uri().fullmatch(value):
                    return None
                located = True
            elif name.lower() in _SPECIAL:
                return None
            elif len(_inert) < 256:
                _inert.add(name)
        if not sized and size is not None and self.automatically_set_content_length:
            fields.append(("Content-Length", str(size)))
        return fields


def json_ready(provider: DefaultJSONProvider, data: object) -> Ready | Response:
    """What ``provider.response(data)`` makes."""
    if "response" in provider.__dict__:
        return provider.response(data)
    mimetype = provider.mimetype
    kind = _content_types.get(mimetype) or content_type_of(mimetype)
    return kind, provider._text(data).encode(), ()


def ready_type(kind: type[Response]) -> tuple[str, str] | None:
    """The header that ``kind(text)`` has, if text need not become a response."""
    if (
        kind is not Response
        or not kind._is_stock()
        or not kind.automatically_set_content_length
        or kind.default_mimetype is None
        or kind.default_status != 200
    ):
        return None
    return content_type_of(kind.default_mimetype)


def send_ready(
    ready: Ready, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Send *ready*, as a WSGI application does."""
    try:
        (name, content_type), body, more = ready
        length = len(body)
        fields = [(name, content_type), _length_fields.get(length) or _length_field(length)]
        if more:
            fields += more
    except (TypeError, ValueError):
        raise _not_a_response(ready) from None
    start_response("200 OK", fields)
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else ()


def at_hand(
    response: Response | Ready, method: str
) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """What sending *response* comes to, if its body is of one piece.

    :param method: the request's method
    :returns: the status, the headers, and the body; ``None`` for any other response
    """
    if isinstance(response, Response):
        return response._at_hand(method)
    if method == "HEAD":
        return None
    try:
        (_, content_type), body, more = response
        fields = [("content-type", content_type), ("content-length", str(len(body)))]
        if more:
            fields += [(name, value) for name, value in more]
    except (TypeError, ValueError):
        raise _not_a_response(response) from None
    return 200, fields, body


def _not_a_response(given: object) -> TypeError:
    return TypeError(
        f"The response to send is a tuple, {given!r}. A view may return one, but an after_request"
        " function, a JSON provider, or an overridden stage of the application returns a response:"
        " make one with 'make_response(...)'."
    )


_WITHOUT_BODY = frozenset({*range(200), 204, 304})

_SPECIAL = frozenset({"content-length", "content-location", "location"})
# Names that were seen not to be special; an application can let its clients choose some.
_inert = set(
    {
        "Accept-Ranges",
        "Cache-Control",
        "Content-Disposition",
        "Content-Type",
        "Date",
        "ETag",
        "Last-Modified",
        "Set-Cookie",
        "Vary",
    }
)


@cache  # compiled by the first redirect, not by every program
def _uri() -> re.Pattern[str]:
    """URLs that ``iri_to_uri`` returns as they are: absolute paths and plain http(s) URLs.

    They have the characters that it leaves alone in each part, and no part present but empty.
    """
    return re.compile(
        r"(?:https?://[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*(?::[1-9][0-9]{0,3})?)?"
        r"/(?!/)[\w.~%!$&'()*+,/:;=@-]*"
        r"(?:\?[\w.~%!$&'()*+,/:;=?@-]+)?"
        r"(?:#[\w.~%!#$&'()*+,/:;=?@-]+)?",
        re.ASCII,
    )


# What the quick ways of making and sending a response pass over, as it should be.
_SEAMS = {
    name: getattr(Response, name, None)
    for name in (
        "_clean_status",
        "close",
        "get_app_iter",
        "get_wsgi_headers",
        "get_wsgi_response",
        "headers",
        "iter_encoded",
        "response",
        "set_data",
        "status",
        "status_code",
    )
}

# Those of which it is known: quicker to ask than an attribute of the class.
_stock_classes: set[type[Response]] = set()
_status_lines: dict[int, str] = {}
_content_types: dict[str, tuple[str, str]] = {}
# To write a number is a hundredth of a small request with a response.
_length_fields: dict[int, tuple[str, str]] = {}


def _status_line(code: int) -> str:
    if code not in HTTP_STATUS_CODES:
        return f"{code} UNKNOWN"
    _status_lines[code] = line = f"{code} {HTTP_STATUS_CODES[code].upper()}"
    return line


def content_type_of(mimetype: str) -> tuple[str, str]:
    # Headers refuses a line break.
    pair = Headers([("Content-Type", get_content_type(mimetype, "utf-8"))])[0]
    # An application can let its clients choose: remember a limited number.
    if len(_content_types) < 256:
        _content_types[mimetype] = pair
    return pair


def _length_field(length: int) -> tuple[str, str]:
    field = ("Content-Length", str(length))
    # An application can have bodies of any length: remember a limited number.
    if length < 4096:
        _length_fields[length] = field
    return field


@cache
def _redirect_page() -> list[str]:
    """Werkzeug's page for a redirect, around the two places where it shows the URL."""
    return werkzeug.utils.redirect("|").get_data(as_text=True).split("|")


def redirect(location: str, code: int) -> Response:
    """What ``werkzeug.utils.redirect(location, code, Response)`` gives.

    :param location: the URL to go to
    :param code: the status code
    :raises ValueError: there is a line break in *location*
    """
    if (
        type(location) is not str
        or type(code) is not int
        or not _uri().fullmatch(location)
        or not Response._is_stock()
        or Response.autocorrect_location_header
    ):
        return werkzeug.utils.redirect(location, code, Response)  # type: ignore[return-value]
    head, middle, tail = _redirect_page()
    # Of what has to be escaped, the pattern lets through no more than these.
    shown = escape(location) if "&" in location or "'" in location else location
    body = f"{head}{shown}{middle}{shown}{tail}".encode()
    response: Response = object.__new__(Response)
    response._status = _status_lines.get(code) or _status_line(code)
    response._status_code = code
    response.response = [body]
    response.direct_passthrough = False
    response._on_close = []
    response._fields = [
        _content_types.get("text/html") or content_type_of("text/html"),
        _length_fields.get(len(body)) or _length_field(len(body)),
        ("Location", location),
    ]
    return response
