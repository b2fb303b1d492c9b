"""Read query strings, cookies and form bodies: the usual ones quickly.

Lives here: the parsers of what clients send as fields; the stream a body is read from.
Must not know: requests, applications, contexts. Limits come in as arguments.

How it works: a quick parser covers exactly the input on which it agrees with Werkzeug's
own, which is what well-behaved clients send. It declines all else (broken line ends,
odd quoting, a limit within reach) and Werkzeug answers: slower, never different.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, SupportsIndex, cast
from urllib.parse import unquote

from werkzeug import formparser
from werkzeug.datastructures import (
    FileStorage,
    Headers,
    ImmutableMultiDict,
    MultiDict,
)
from werkzeug.exceptions import BadRequestKeyError, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.http import parse_cookie
from werkzeug.wsgi import LimitedStream

if TYPE_CHECKING:
    from werkzeug.formparser import t_parse_result

_CHUNK = 64 * 1024
# Werkzeug, too, keeps an uploaded file of up to this size in memory.
_IN_MEMORY = 500 * 1024


_new: Final[Any] = dict.__new__
# A MultiDict is a dict of lists inside.
_lists: Callable[[Any, Any], list[str] | None] = dict.get
_put: Callable[[Any, str, list[str]], None] = dict.__setitem__


class Fields(ImmutableMultiDict[str, str]):
    """What a client has sent: Werkzeug's, for which programs take it, with fewer steps to a value.

    A value that is missing takes a tenth of the time: no error is raised on the way.
    """

    def __getitem__(self, key: str) -> str:
        if values := _lists(self, key):
            return values[0]
        raise BadRequestKeyError(key)

    def get(  # type: ignore[override]
        self, key: str, default: Any = None, type: Callable[[str], Any] | None = None
    ) -> Any:
        """The first value of *key*.

        :param default: what is returned when there is none, or *type* refuses it
        :param type: makes something of the text
        """
        values = _lists(self, key)
        if not values:
            return default
        if type is None:
            return values[0]
        try:
            return type(values[0])
        except (ValueError, TypeError):
            return default

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return ImmutableMultiDict, (list(self.items(multi=True)),)


# What programs show of it.
Fields.__name__ = ImmutableMultiDict.__name__


def parse_query(query: str) -> ImmutableMultiDict[str, str]:
    """The fields of a query string or of a URL-encoded form.

    Encoded bytes that are not UTF-8 stay percent-encoded, as Werkzeug has it.

    :param query: the text, still percent-encoded
    """
    fields: Fields = _new(Fields)
    for pair in query.replace("+", " ").split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in pair:
            name = unquote(name, "utf-8", "werkzeug.url_quote")
            value = unquote(value, "utf-8", "werkzeug.url_quote")
        if (values := _lists(fields, name)) is None:
            _put(fields, name, [value])
        else:
            values.append(value)
    return fields


def parse_cookies(header: str) -> ImmutableMultiDict[str, str]:
    """The cookies of a ``Cookie`` header.

    :param header: the header's value, or several of them joined by ``;``
    """
    if '"' in header or "\t" in header:
        return parse_cookie(header, cls=ImmutableMultiDict)  # type: ignore[return-value]
    cookies: Fields = _new(Fields)
    for pair in header.split(";"):
        pair = pair.strip(" ")
        if " " in pair:
            return parse_cookie(header, cls=ImmutableMultiDict)  # type: ignore[return-value]
        name, _, value = pair.partition("=")
        if name:
            if (values := _lists(cookies, name)) is None:
                _put(cookies, name, [value])
            else:
                values.append(value)
    return cookies


# The patterns are compiled by the first request that needs them, not by every program.
@cache
def _one_option() -> re.Pattern[str]:
    return re.compile(r'([\w./+-]+); ?([\w-]+)=(?:([\w.+-]+)|"([^"\\%]*)")', re.ASCII)


def parse_content_type(header: str) -> tuple[str, dict[str, str]]:
    """The type that a ``Content-Type`` header names, and its options."""
    if ";" not in header:
        return header.strip(" \t"), {}
    if match := _one_option().fullmatch(header):
        value, name, token, quoted = match.groups()
        return value, {name.lower(): quoted if token is None else token}
    return parse_options_header(header)


class _ArrivingStream(LimitedStream):
    def read1(self, size: int = _CHUNK) -> bytes:
        """Up to *size* bytes, as they have arrived, if the server's stream can tell; at least one.

        :raises ClientDisconnected: the body ends before its announced length
        """
        if self.is_exhausted:
            self.on_exhausted()
            return b""
        read = getattr(self._stream, "read1", self._stream.read)
        try:
            data: bytes = read(min(size, self.limit - self._pos))
        except (OSError, ValueError) as error:
            self.on_disconnect(error)
        if not data:
            self.on_disconnect()
        self._pos += len(data)
        return data


class BodyStream(_ArrivingStream):
    """A ``LimitedStream`` that hands on what the server's stream gives, uncopied."""

    def read(self, size: int | None = -1) -> bytes:
        """Up to *size* bytes; all that are left when it is negative or ``None``.

        :raises ClientDisconnected: the body ends before its announced length
        """
        if size is None or size < 0:
            return self.readall()
        if (remaining := self.limit - self._pos) <= 0:
            return b""
        try:
            data = self._stream.read(min(size, remaining))
        except (OSError, ValueError) as error:
            self.on_disconnect(error)
        if not data:
            self.on_disconnect()
        self._pos += len(data)
        return data

    def readall(self) -> bytes:
        """All bytes that are left."""
        data = self.read(_CHUNK)
        return data if self._pos >= self.limit else data + super().readall()


class CappedStream(_ArrivingStream):
    """A body of unknown size that must not go on past a limit.

    Werkzeug's own cuts such a body off in ``readall``, as if it ended there, and refuses one
    that is read in pieces and ends exactly at the limit.
    """

    def on_exhausted(self) -> None:
        """Refuse the body if there is more of it.

        :raises RequestEntityTooLarge: there is
        """
        if self._stream.read(1):
            raise RequestEntityTooLarge()

    def readall(self) -> bytes:
        """The whole body."""
        data = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return data


class FormDataParser(formparser.FormDataParser):
    """Werkzeug's form parser, with a quick way for bodies that fit into memory."""

    def _parse_urlencoded(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str],
    ) -> t_parse_result:
        if self.cls is not ImmutableMultiDict:
            return super()._parse_urlencoded(stream, mimetype, content_length, options)
        return stream, parse_query(stream.read().decode()), self.cls()

    def _parse_multipart(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str],
    ) -> t_parse_result:
        source = stream
        boundary = options.get("boundary", "").encode("ascii")
        limit = _IN_MEMORY
        if self.max_form_memory_size is not None:
            # When the whole body is within the limit, so is every field in it.
            limit = min(limit, self.max_form_memory_size)
        if boundary and content_length is not None and content_length <= limit:
            body = _read_past(stream, limit)
            if len(body) <= limit:
                parts = _split(body, boundary, self.max_form_parts)
                if parts is not None:
                    return stream, *self._collect(parts, content_length)
            source = cast("IO[bytes]", _Replay(body, stream))
        _, form, files = super()._parse_multipart(source, mimetype, content_length, options)
        return stream, form, files

    def _collect(
        self, parts: list[_Part], content_length: int
    ) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
        fields = []
        files = []
        for name, filename, content_type, headers, data in parts:
            if filename is None:
                charset = "utf-8"
                if content_type is not None:
                    charset = formparser.MultiPartParser().get_part_charset(headers)
                fields.append((name, data.decode(charset, "replace")))
            else:
                file = self.stream_factory(
                    total_content_length=content_length,
                    content_type=content_type,
                    filename=filename,
                    content_length=0,
                )
                file.write(data)
                file.seek(0)
                files.append((name, FileStorage(file, filename, name, headers=headers)))
        return self.cls(fields), self.cls(files)


class _Part(NamedTuple):
    name: str
    filename: str | None
    content_type: str | None
    headers: Headers
    data: bytes


class _Replay:
    """What was read already, then the rest of the stream."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = BytesIO(head)
        self._rest = rest

    def read(self, size: int) -> bytes:
        return self._head.read(size) or self._rest.read(size)


def _read_past(stream: IO[bytes], limit: int) -> bytes:
    """All of *stream*, or a little more than *limit* bytes of it."""
    body = bytearray()
    while len(body) <= limit and (chunk := stream.read(_CHUNK)):
        body += chunk
    return bytes(body)


@cache
def _head() -> re.Pattern[str]:
    """The head of a part as browsers and nearly all other clients write it."""
    return re.compile(
        r"Content-Disposition: "
        r'(form-data; name="([^"\\%\r\n]*)"(?:; filename="([^"\\%\r\n]*)")?)'
        r"(?:\r\nContent-Type: ([^\r\n]*))?"
    )


def _split(body: bytes, boundary: bytes, max_parts: int | None) -> list[_Part] | None:
    """The parts of a multipart body, ``None`` unless it is strictly as RFC 7578 has it.

    Werkzeug takes a delimiter after a lone CR or LF as well. Therefore every occurrence
    of the boundary has to be a strict delimiter, or the two answers could differ.
    """
    _, *pieces = body.split(b"--" + boundary)
    if pieces[-1:] not in ([b"--\r\n"], [b"--"]):
        return None
    if max_parts is not None and len(pieces) - 1 > max_parts:
        return None
    parts = []
    for piece in pieces[:-1]:
        end = piece.find(b"\r\n\r\n")
        if end < 0 or piece[:2] != b"\r\n" or piece[-2:] != b"\r\n":
            return None
        try:
            head = _head().fullmatch(piece[2:end].decode())
        except UnicodeDecodeError:
            return None
        if head is None:
            return None
        disposition, name, filename, content_type = head.groups()
        headers = Headers()
        headers._list.append(("Content-Disposition", disposition))
        if content_type is not None:
            content_type = content_type.strip(" \t")
            headers._list.append(("Content-Type", content_type))
        data = piece[end + 4 : -2]
        parts.append(_Part(name, filename, content_type, headers, data))
    return parts
