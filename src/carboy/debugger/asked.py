"""What was asked when it failed: the request, without its secrets.

Lives here: ``Asked``, and :func:`describe_request`, which takes it down; the secrets that a
request carries.
Must not know: what failed, and the form in which it is shown.

How it works: nothing is read from the client for the sake of showing it but a small form. What
cannot be had, because reading it fails as well, is said so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from .values import MASK, Hidden, Masked, Patience, describe, is_secret, named

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from ..ctx import RequestContext
    from ..pipeline import Pipeline

#: How large a form may be to be read for the page, in bytes.
_MAX_FORM: Final = 256 * 1024

#: From how many characters on a value is a secret wherever else it stands.
_MIN_UNNAMED: Final = 10

_MAX_ROWS: Final = 100
_MAX_VALUE: Final = 1000

Rows = list[tuple[str, str]]


@dataclass(slots=True)
class Asked:
    """A request as it is shown."""

    method: str
    path: str
    rule: str | None = None
    endpoint: str | None = None
    #: Titles and tables, none of them empty.
    tables: dict[str, Rows] = field(default_factory=dict)


def secrets_of(app: Pipeline, environ: WSGIEnvironment) -> Iterator[object]:
    """The secrets that are known from a request's headers, the configuration and the environment
    of the process."""
    for name, value in _headers(environ):
        if is_secret(name):
            yield value
            yield value.partition(" ")[2]
    for name, value in _cookies(environ):
        # "dark" and "yes" would mask half of the page.
        if is_secret(name) or len(value) >= _MIN_UNNAMED:
            yield value
    for name, value in _query(environ):
        if is_secret(name):
            yield value
    yield from secrets_among((*app.config.items(), *os.environ.items()))


def secrets_among(settings: Iterable[tuple[str, object]]) -> Iterator[str]:
    """The values of *settings* that are secrets by their names."""
    for key, setting in settings:
        if is_secret(key):
            for one in setting if isinstance(setting, list | tuple) else (setting,):
                # As it stands in a ``repr``.
                text = repr(one)[2:-1] if isinstance(one, bytes) else one
                # "dev" and "secret" would mask half of the page, too.
                if isinstance(text, str) and len(text) >= _MIN_UNNAMED and not _is_path(text):
                    yield text


def _is_path(text: str) -> bool:
    # Shells tell the current directory as PWD.
    return os.path.isabs(text) and os.path.exists(text)


def describe_request(
    app: Pipeline,
    environ: WSGIEnvironment,
    ctx: RequestContext | None,
    patience: Patience,
) -> tuple[Asked, Masked]:
    """What was asked, and what hides its secrets elsewhere.

    :param ctx: of the request, if one was made
    """
    request: Any = None if ctx is None else ctx.request
    secrets: list[object] = list(secrets_of(app, environ))
    form = list(_form(request, environ, patience))
    body = list(_json(request, environ, patience))
    view_args = (getattr(request, "view_args", None) or {}).items()
    secrets += [value for name, value in (*form, *body, *view_args) if is_secret(name)]
    mask = Masked(secrets)
    asked = Asked(environ.get("REQUEST_METHOD", "?"), mask(_path(environ)))
    rule = getattr(request, "url_rule", None)
    if rule is not None:
        asked.rule, asked.endpoint = rule.rule, rule.endpoint
    tables: dict[str, Iterable[tuple[object, object]]] = {
        "Arguments of the view": view_args,
        "Query": _query(environ),
        "Form": form,
        "JSON": body,
        "Session": _session(app, ctx),
        "Headers": _headers(environ),
        "Cookies": [(name, Hidden()) for name, _ in _cookies(environ)],
        "Connection": [
            ("Client", environ.get("REMOTE_ADDR", "")),
            ("Protocol", environ.get("SERVER_PROTOCOL", "")),
            ("Scheme", environ.get("wsgi.url_scheme", "")),
        ],
    }
    for title, pairs in tables.items():
        if rows := [
            (mask(name), mask(patience.ask(_shown, value)))
            for name, value in named(pairs, _MAX_ROWS)
        ]:
            asked.tables[title] = rows
    return asked, mask


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, str) else describe(value, _MAX_VALUE)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            key = key[5:]
        elif key not in ("CONTENT_TYPE", "CONTENT_LENGTH") or not value:
            continue
        name = key.replace("_", "-").title()
        yield name, str(value)


def _cookies(environ: WSGIEnvironment) -> Iterator[tuple[str, str]]:
    for part in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            yield name.strip(), value.strip()


def _query(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    query = environ.get("QUERY_STRING", "")[:10_000]
    return parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")


def _path(environ: WSGIEnvironment) -> str:
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    pairs = _query(environ)
    if not pairs:
        return path[:2000]
    query = "&".join(f"{name}={MASK if is_secret(name) else value}" for name, value in pairs)
    return f"{path}?{query}"[:2000]


def _form(request: Any, environ: WSGIEnvironment, patience: Patience) -> Rows:
    """The form, if it has been read already or is small."""
    if request is None or not hasattr(type(request), "form"):
        return []
    if "form" not in vars(request):
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
            return []
        if not _is_small(environ):
            return []
    rows: Rows = []

    def read() -> str:
        rows.extend(request.form.items(multi=True))
        for name, file in request.files.items(multi=True):
            rows.append((name, f"a file: {file.filename!r}, {file.mimetype}"))
        return ""

    problem = patience.ask(read)
    return rows if not problem else [("", problem)]


def _is_small(environ: WSGIEnvironment) -> bool:
    length = environ.get("CONTENT_LENGTH", "")
    return length.isascii() and length.isdigit() and int(length) <= _MAX_FORM


def _json(
    request: Any, environ: WSGIEnvironment, patience: Patience
) -> Iterable[tuple[object, object]]:
    """What was sent as JSON, if it is small."""
    if not getattr(request, "is_json", False) or not _is_small(environ):
        return []
    found: Any = None

    def read() -> str:
        nonlocal found
        found = request.get_json(silent=True)
        return ""

    if problem := patience.ask(read):
        return [("", problem)]
    if isinstance(found, dict):
        return list(found.items())
    return [] if found is None else [("", found)]


def _session(app: Pipeline, ctx: RequestContext | None) -> Iterable[tuple[object, object]]:
    """The session, if it is open or costs nothing to open."""
    if ctx is None:
        return []
    try:
        session: Any = ctx._session
        if session is None and app._has_lazy_sessions and "HTTP_COOKIE" in ctx.environ:
            session = ctx.session
        return list(session.items()) if isinstance(session, Mapping) else []
    except Exception as e:
        return [("", f"<cannot be read: {type(e).__name__}>")]
