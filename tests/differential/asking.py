"""A request as data, so that two applications can be asked the same thing.

Lives here: `Ask`, `Upload` and the verbs that make them. Must not know: who answers.

How it works: an `Ask` builds a fresh WSGI environ each time, through Werkzeug's
`EnvironBuilder`. `environ` and `without` then bend it into what a builder would
not produce and a server may still pass on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

from werkzeug.datastructures import FileStorage
from werkzeug.test import EnvironBuilder, encode_multipart

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Fixed, so that both sides receive the same bytes.
BOUNDARY = "differential"


@dataclass(frozen=True)
class Upload:
    """A file in a multipart form."""

    filename: str
    content: bytes
    content_type: str | None = None


@dataclass(frozen=True)
class Ask:
    """One request, and those that follow it with the same cookies.

    :param name: tells apart two requests for the same path in a test report
    :param form: fields; with an `Upload` among them the form is multipart
    :param environ: keys to set on the finished environ
    :param without: keys to remove from it
    """

    path: str = "/"
    method: str = "GET"
    _: KW_ONLY
    name: str = ""
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None
    json: object = None
    form: Mapping[str, object] | None = None
    base_url: str = "http://localhost/"
    environ: Mapping[str, object] | None = None
    without: tuple[str, ...] = ()
    then: tuple[Ask, ...] = ()

    @property
    def id(self) -> str:
        """What a test report calls this request."""
        target = f"{self.method} {self.path}"
        if self.name:
            return f"{target} ({self.name})"
        return f"{target}?{self.query}" if self.query else target

    def build(self) -> WSGIEnvironment:
        """A new environ that asks this."""
        form, body, content_type = self.form, self.body, self.content_type
        if form and any(isinstance(value, Upload) for value in form.values()):
            fields = {name: _field(value) for name, value in form.items()}
            form, body = None, encode_multipart(fields, BOUNDARY)[1]
            content_type = f"multipart/form-data; boundary={BOUNDARY}"
        builder = EnvironBuilder(
            self.path,
            self.base_url,
            self.query,
            self.method,
            headers=list(self.headers),
            content_type=content_type,
            data=form,
            json=self.json,
            errors_stream=StringIO(),
            input_stream=None if body is None else BytesIO(body),
        )
        environ = builder.get_environ()
        builder.close()
        environ.update(self.environ or {})
        for key in self.without:
            environ.pop(key, None)
        return environ


def _field(value: object) -> object:
    if not isinstance(value, Upload):
        return value
    return FileStorage(BytesIO(value.content), value.filename, content_type=value.content_type)


get = partial(Ask, method="GET")
head = partial(Ask, method="HEAD")
post = partial(Ask, method="POST")
put = partial(Ask, method="PUT")
patch = partial(Ask, method="PATCH")
delete = partial(Ask, method="DELETE")
options = partial(Ask, method="OPTIONS")
