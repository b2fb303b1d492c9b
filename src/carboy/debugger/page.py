"""A failure as a page, and the pages of rules.

Lives here: what the templates ``page.html`` and ``rules.html`` are given, and the headers that go
with them.
Must not know: how a failure is examined; who may use the console.

How it works: the page is one document. Its style and its script stand in it, under a nonce, and
its policy allows nothing else: no other host, no inline handlers. It is whole without its script,
which adds copying, keys and the console.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .editor import editor_link
from .failures import Failure, Frame, LeftOut, versions
from .plain import as_markdown, as_report
from .rules import Near, Route

if TYPE_CHECKING:
    from jinja2 import Template

    from .asked import Asked

_HERE: Final = Path(__file__).parent

#: How many of the user's own frames are open from the start.
_MAX_OPEN: Final = 6

#: How many names of packages stand for a fold.
_MAX_NAMES: Final = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring frames that are shown together, the last call first."""

    frames: list[Frame]
    is_folded: bool
    left_out: int = 0

    @property
    def packages(self) -> str:
        """Whose frames they are."""
        names = list(dict.fromkeys(frame.package for frame in self.frames))
        more = "…" if len(names) > _MAX_NAMES else ""
        return ", ".join(names[:_MAX_NAMES]) + more


def groups_of(failure: Failure) -> list[Group]:
    """The frames of *failure* as they are shown: the libraries' folded, the last call first."""
    has_own = any(isinstance(f, Frame) and f.place != "library" for f in failure.frames)
    groups = []
    for key, frames in groupby(reversed(failure.frames), _kind):
        members = list(frames)
        if key == "left out":
            groups.append(Group([], False, sum(f.count for f in members if type(f) is LeftOut)))
            continue
        shown = [frame for frame in members if isinstance(frame, Frame)]
        groups.append(Group(shown, key == "library" and (has_own or bool(groups))))
    if not has_own and groups and len(groups[0].frames) > 1:
        # Then the frame that raised says the most.
        first, *rest = groups[0].frames
        groups[0:1] = [Group([first], False), Group(rest, True)]
    return groups


def _kind(frame: Frame | LeftOut) -> str:
    if isinstance(frame, LeftOut):
        return "left out"
    return "library" if frame.place == "library" else "own"


@dataclass(frozen=True, slots=True)
class ConsoleOffer:
    """What the page needs to ask for an evaluation."""

    url: str
    failure: str
    secret: str
    needs_token: bool


def render(
    failure: Failure,
    asked: Asked,
    console: ConsoleOffer | None,
    why_no_console: str | None,
    routes_url: str | None,
    extra_script: str = "",
) -> tuple[str, dict[str, str]]:
    """The page and its headers.

    :param console: how to reach the console
    :param why_no_console: why there is none
    :param routes_url: where the routes are; ``None`` when neither they nor variables nor the
        request are shown
    :param extra_script: runs in the page as well
    """
    nonce = secrets.token_urlsafe(16)
    opened = _opened(failure)
    data: dict[str, Any] = {
        "text": as_report(failure, asked),
        "markdown": as_markdown(failure, asked),
    }
    if console is not None:
        data["console"] = {
            "url": console.url,
            "failure": console.failure,
            "secret": console.secret,
            "needsToken": console.needs_token,
        }
    page = _template("page.html").render(
        failure=failure,
        asked=asked,
        text=data["text"],
        data=_for_script(data),
        has_console=console is not None,
        why_no_console=why_no_console,
        routes_url=routes_url,
        groups_of=groups_of,
        is_open=lambda frame: id(frame) in opened,
        editor_link=editor_link,
        versions=versions(),
        nonce=nonce,
        style=_asset("page.css"),
        script=_asset("page.js"),
        extra_script=extra_script,
    )
    return page, headers(nonce)


def render_not_found(
    path: str,
    method: str,
    near: list[Near],
    routes: list[Route],
    root: str,
    routes_url: str,
) -> tuple[str, dict[str, str]]:
    """The page for a request that no rule matches, and its headers.

    :param near: the rules that come near
    :param routes: all there are
    :param root: the path of the application
    """
    # Every application serves its static files.
    has_none = all(route.is_static for route in routes)
    if has_none:
        title = "There are no routes yet"
    elif any(n.is_same_path for n in near):
        title = f"{path} does not take {method}"
    else:
        title = f"No rule matches {path}"
    return _rules_page(
        kind="start" if has_none else "not found",
        title=title,
        path=path,
        method=method,
        near=near,
        routes=routes,
        root=root,
        routes_url=routes_url,
    )


def render_routes(routes: list[Route], root: str, extra_script: str) -> tuple[str, dict[str, str]]:
    """The page of all routes, and its headers.

    :param root: the path of the application
    :param extra_script: runs in the page
    """
    return _rules_page(
        kind="routes", title="Routes", routes=routes, root=root, extra_script=extra_script
    )


def _rules_page(**values: Any) -> tuple[str, dict[str, str]]:
    nonce = secrets.token_urlsafe(16)
    page = _template("rules.html").render(
        nonce=nonce,
        style=_asset("page.css"),
        editor_link=editor_link,
        versions=versions(),
        has_domains=any(route.domain for route in values["routes"]),
        **values,
    )
    return page, headers(nonce)


def headers(nonce: str) -> dict[str, str]:
    """What a browser is told besides: to load nothing, keep nothing, and show it to nobody."""
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}';"
            " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'self'"
        ),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
    }


def _opened(failure: Failure) -> set[int]:
    """The frames that are open from the start, by their ``id()``."""
    frames = [f for one in _all(failure) for group in groups_of(one) for f in _openable(group)]
    return {id(frame) for frame in frames[:_MAX_OPEN]}


def _openable(group: Group) -> list[Frame]:
    return [] if group.is_folded else group.frames


def _all(failure: Failure) -> Iterator[Failure]:
    yield failure
    for member in failure.members:
        yield from _all(member)
    if failure.earlier is not None:
        yield from _all(failure.earlier)


def _for_script(data: dict[str, Any]) -> str:
    """*data* as JSON that can stand in a ``<script>``."""
    text = json.dumps(data)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    # Not the application's: what is wrong may be wrong with that.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.from_string(_asset(name))
