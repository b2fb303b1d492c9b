"""Answer with the contents of a file.

Lives here: ``send_file`` and ``send_from_directory``, which take and answer what their namesakes
in ``werkzeug.utils`` do.
Must not know: the current application and request. The caller says what it takes of them.

How it works: one look at the file that a path leads to, and the header fields are written down
in the order in which Werkzeug sets them. A request that names a range, or a version it has, is
compared by Werkzeug. All the rest goes Werkzeug's own way: open files, unusual names, a subclass
of ``Response``, ``X-Sendfile``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from mimetypes import guess_type
from stat import S_ISREG
from time import time
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple
from zlib import adler32

import werkzeug.utils
from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable
from werkzeug.http import dump_options_header, http_date
from werkzeug.security import safe_join
from werkzeug.utils import get_content_type
from werkzeug.wsgi import FileWrapper, _RangeWrapper

from .wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Response as BaseResponse

#: How much of a file is read at a time.
_BLOCK_SIZE: Final = 64 * 1024

#: What makes the answer depend on what the client has.
_CONDITIONS: Final = frozenset(
    {"HTTP_RANGE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"}
)

#: What cannot stand in a header as it is.
_UNPRINTABLE: Final = re.compile(r"[^ -~]")

# Many requests come in one second, and most files stay as they are.
_http_date = lru_cache(maxsize=1024)(http_date)


class FileBody(FileWrapper):
    """The contents of a file, block by block, for a server that does not read it itself.

    :param path: where the file is
    :param file: the file, open for bytes
    :param size: in bytes
    """

    def __init__(self, path: str, file: IO[bytes], size: int) -> None:
        super().__init__(file, _BLOCK_SIZE)
        self.path = path
        self.size = size


class Span(NamedTuple):
    """A part of a file, or all of it."""

    path: str
    start: int
    end: int
    #: Whether it is all of it.
    whole: bool


def span_of(body: object) -> Span | None:
    """Which part of which file a response's *body* is.

    :returns: ``None`` when it is something else, or the file has a name that is no text
    """
    file = body.iterable if type(body) is _RangeWrapper else body
    if type(file) is not FileBody:
        return None
    try:
        file.path.encode()
    except UnicodeEncodeError:
        return None
    if type(body) is _RangeWrapper and body.end_byte is not None:
        return Span(file.path, body.start_byte, body.end_byte, False)
    return Span(file.path, 0, file.size, True)


def send_file(
    path_or_file: os.PathLike[str] | str | IO[bytes],
    environ: WSGIEnvironment,
    *,
    _root_path: str,
    **options: Any,
) -> BaseResponse:
    """A response with the contents of a file.

    :param path_or_file: a path, relative to *_root_path*, or a file open for bytes
    :param environ: the WSGI environment of the request
    :param options: for :func:`werkzeug.utils.send_file`
    """
    if isinstance(path_or_file, (str, os.PathLike)):
        path = os.path.join(_root_path, path_or_file)
        response = _send_path(path, os.stat(path), environ, **options)
        if response is not None:
            return response
    return werkzeug.utils.send_file(path_or_file, environ, _root_path=_root_path, **options)


def send_from_directory(
    directory: os.PathLike[str] | str,
    path: os.PathLike[str] | str,
    environ: WSGIEnvironment,
    *,
    _root_path: str,
    **options: Any,
) -> BaseResponse:
    """A response with the file *path*, if that leads to a file below *directory*.

    :param directory: relative to *_root_path*, or absolute
    :param path: relative to *directory*; the client may have chosen it
    :param environ: the WSGI environment of the request
    :param options: for :func:`werkzeug.utils.send_file`
    :raises werkzeug.exceptions.NotFound: it does not
    """
    joined = safe_join(os.fspath(directory), os.fspath(path))
    if joined is None:
        raise NotFound
    joined = os.path.join(_root_path, joined)
    try:
        stat = os.stat(joined)
    except (OSError, ValueError):
        # Besides missing files: names that no file can have.
        raise NotFound from None
    if not S_ISREG(stat.st_mode):
        raise NotFound
    # Werkzeug puts a relative root before the path once more.
    if os.path.isabs(joined):
        response = _send_path(joined, stat, environ, **options)
        if response is not None:
            return response
    return werkzeug.utils.send_file(joined, environ, _root_path=_root_path, **options)


def _send_path(
    path: str,
    stat: os.stat_result,
    environ: WSGIEnvironment,
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | int | float | None = None,
    max_age: None | (int | Callable[[str | None], int | None]) = None,
    use_x_sendfile: bool = False,
    response_class: type[BaseResponse] | None = None,
) -> Response | None:
    """What ``werkzeug.utils.send_file`` answers; ``None`` when it had better do it itself."""
    if (
        response_class is not Response
        or use_x_sendfile
        or isinstance(etag, str)
        or not S_ISREG(stat.st_mode)
    ):
        return None

    name = os.path.basename(path) if download_name is None else download_name
    encoding = None
    if mimetype is None:
        mimetype, encoding = guess_type(name)
        if mimetype is None:
            mimetype = "application/octet-stream"
    if _UNPRINTABLE.search(name) or _UNPRINTABLE.search(mimetype):
        return None

    if callable(max_age):
        max_age = max_age(path)
    if max_age is None:
        caching = "no-cache"
    elif type(max_age) is not int:
        return None
    else:
        caching = f"{'public' if max_age > 0 else 'no-cache'}, max-age={max_age}"

    fields = []
    # A browser would unpack an attachment when it saves it.
    if encoding is not None and not as_attachment:
        fields.append(("Content-Encoding", encoding))
    mtime = stat.st_mtime
    size = stat.st_size
    disposition = "attachment" if as_attachment else "inline"
    fields += (
        ("Content-Disposition", dump_options_header(disposition, {"filename": name})),
        ("Content-Type", get_content_type(mimetype, "utf-8")),
        ("Content-Length", str(size)),
        (
            "Last-Modified",
            _http_date(mtime) if last_modified is None else http_date(last_modified),
        ),
        ("Cache-Control", caching),
    )
    if max_age is not None:
        fields.append(("Expires", _http_date(int(time() + max_age))))
    if etag:
        fields.append(("ETag", f'"{mtime}-{size}-{adler32(path.encode())}"'))
    is_compared = conditional and not (
        environ["REQUEST_METHOD"] in {"GET", "HEAD"} and environ.keys().isdisjoint(_CONDITIONS)
    )
    if conditional and not is_compared:
        fields += (("Date", _http_date(int(time()))), ("Accept-Ranges", "bytes"))

    # Last, so that nothing goes wrong while it is open.
    file = open(path, "rb")  # noqa: SIM115
    body: Iterable[bytes]
    wrap = environ.get("wsgi.file_wrapper")
    # Few wrappers of servers can begin in the midst of a file.
    if wrap is None or "HTTP_RANGE" in environ:
        body = FileBody(path, file, size)
    else:
        body = wrap(file, _BLOCK_SIZE)
    response = Response._of_fields(fields, body)
    if is_compared:
        try:
            response.make_conditional(environ, accept_ranges=True, complete_length=size)
        except RequestedRangeNotSatisfiable:
            file.close()
            raise
    return response
