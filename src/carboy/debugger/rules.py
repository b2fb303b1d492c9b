"""The rules of an application, and those that come near to a path.

Lives here: ``Route``, a line of the table of routes; ``Near``, a rule that was probably meant, and
in what it differs.
Must not know: how requests are matched. It looks at the rules as they are written.

How it works: path and rule are compared segment by segment, as one compares words letter by
letter: what has to be changed, left out or put in costs something, and a variable costs nothing
where its converter takes what stands there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from werkzeug.routing import Rule

    from ..app import Flask

#: How many rules are shown that come near, and how near they have to come, from 0 to 1.
_MAX_NEAR: Final = 5
_NEAR: Final = 0.5

#: Longer paths are nothing that somebody mistyped.
_MAX_LENGTH: Final = 500
_MAX_SEGMENTS: Final = 20

#: What a variable says of a path, compared to a word that is the same.
_WEIGHT: Final = 0.3

#: What it costs that a variable is missing or does not fit, and that there is a segment too many.
_MISSING: Final = 0.4
_UNFIT: Final = 0.3
_TOO_MANY: Final = 0.5

#: Words that are less alike than this are different words.
_ALIKE: Final = 0.6

_VARIABLE: Final = re.compile(r"<(?:(?P<converter>\w+)(?:\([^<>]*\))?:)?(?P<name>\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """A rule as it is shown.

    :param domain: the subdomain or the host that it is for
    :param view: what answers, and ``file`` and ``line`` where that is defined, as far as known
    :param link: the path, if that can simply be asked for
    """

    rule: str
    methods: tuple[str, ...]
    endpoint: str
    domain: str
    view: str
    file: str = ""
    line: int = 0
    link: str | None = None
    is_static: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """A rule that comes near to a path.

    :param why: in what it differs, a sentence
    :param link: the path that was probably meant, if it can simply be asked for
    :param is_same_path: whether it is the path's rule, but not the method's
    """

    rule: str
    methods: tuple[str, ...]
    endpoint: str
    why: str
    link: str | None
    is_same_path: bool = False


class Way(NamedTuple):
    """How a rule differs from a path.

    :param cost: what all the differences cost
    :param why: the first of them
    :param meant: the path as the rule has it
    """

    cost: float = 0.0
    why: str = ""
    meant: str = ""

    def with_segment(self, cost: float, why: str, segment: str = "") -> Way:
        """This way, and a segment more."""
        meant = f"{self.meant}/{segment}" if self.meant and segment else self.meant or segment
        return Way(self.cost + cost, self.why or why, meant)


def routes_of(app: Flask) -> list[Route]:
    """All routes of *app*, by their rules."""
    routes = [_route(app, rule) for rule in app.url_map.iter_rules()]
    return sorted(routes, key=attrgetter("rule", "methods"))


def _route(app: Flask, rule: Rule) -> Route:
    view = app.view_functions.get(rule.endpoint)
    view = inspect.unwrap(getattr(view, "view_class", view)) if view is not None else None
    name = getattr(view, "__qualname__", None)
    file, line = "", 0
    if (code := getattr(view, "__code__", None)) is not None:
        file, line = code.co_filename, code.co_firstlineno
    methods = _methods(rule)
    return Route(
        rule.rule,
        methods,
        str(rule.endpoint),
        (rule.host if rule.map.host_matching else rule.subdomain) or "",
        "" if name is None else f"{getattr(view, '__module__', '')}.{name}",
        file,
        line,
        _link(rule, rule.rule),
        str(rule.endpoint).rpartition(".")[2] == "static",
    )


def _methods(rule: Rule) -> tuple[str, ...]:
    if rule.websocket:
        return ("WebSocket",)
    return tuple(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))


def _link(rule: Rule, path: str) -> str | None:
    """*path*, if a browser can go there as it is."""
    is_plain = "<" not in path and "GET" in (rule.methods or ()) and not rule.websocket
    # Browsers take a backslash for a slash, and two of them lead to another host.
    return quote(path) if is_plain and not (rule.subdomain or rule.host) else None


def near(rules: Iterable[Rule], path: str, method: str) -> list[Near]:
    """The rules that come near to *path*, the nearest first.

    :param method: of the request
    """
    if len(path) > _MAX_LENGTH or path.count("/") > _MAX_SEGMENTS:
        return []
    found = [_compared(rule, path, method) for rule in rules if not rule.build_only]
    found = [pair for pair in found if pair[0] >= _NEAR]
    found.sort(key=lambda pair: -pair[0])
    if found and found[0][1].is_same_path:
        return [one for _, one in found if one.is_same_path]
    return [one for _, one in found[:_MAX_NEAR]]


def _compared(rule: Rule, path: str, method: str) -> tuple[float, Near]:
    """How near a rule comes to *path*, from 0 to 1, and how it is shown."""
    wanted, given = (list(filter(None, text.split("/"))) for text in (rule.rule, path))
    patterns = {name: converter.regex for name, converter in rule._converters.items()}
    cost, why, meant = _cost(wanted, given, patterns)
    link = _link(rule, f"/{meant}{'/' if rule.rule.endswith('/') and meant else ''}")
    is_same_path = False
    if not cost and rule.rule.endswith("/") == path.endswith("/"):
        is_same_path, why = _why_not_matched(rule, method)
    elif not cost:
        why = f"It {'ends' if rule.rule.endswith('/') else 'does not end'} with a slash."
    variables = sum(1 for segment in wanted if _VARIABLE.search(segment))
    words = len(wanted) - variables
    nearness = 1 - cost / max(1.0, words + variables * _WEIGHT)
    if not words and cost >= _TOO_MANY:
        nearness = 0.0
    near = Near(
        rule.rule,
        _methods(rule),
        str(rule.endpoint),
        why,
        None if is_same_path else link,
        is_same_path,
    )
    return nearness, near


def _why_not_matched(rule: Rule, method: str) -> tuple[bool, str]:
    """Whether it is only the method, and a sentence."""
    if rule.websocket:
        return False, "It is for WebSockets."
    if rule.methods is not None and method not in rule.methods:
        return True, f"It takes {', '.join(_methods(rule))}, and the request was a {method}."
    if domain := rule.host if rule.map.host_matching else rule.subdomain:
        return False, f"It is for {domain!r} only."
    return False, "Its converter did not accept the value."


def _cost(wanted: list[str], given: list[str], patterns: dict[str, str]) -> Way:
    """The cheapest way to make a path of a rule."""
    # The cheapest for each beginning of the path, one row for each beginning of the rule.
    row = [Way()]
    for one in given:
        row.append(row[-1].with_segment(_TOO_MANY, f"It has no {one!r}."))
    for segment in wanted:
        is_variable = _VARIABLE.search(segment) is not None
        missing = _MISSING if is_variable else 1.0, f"The path lacks {segment!r}.", segment
        takes_more = _takes_slashes(segment, patterns)
        new = [row[0].with_segment(*missing)]
        for i, one in enumerate(given):
            more = (0.0, "", one) if takes_more else (_TOO_MANY, f"It has no {one!r}.", "")
            ways = (
                row[i].with_segment(*_change(segment, one, patterns)),
                row[i + 1].with_segment(*missing),
                new[i].with_segment(*more),
            )
            new.append(min(ways, key=attrgetter("cost")))
        row = new
    return row[-1]


def _takes_slashes(segment: str, patterns: dict[str, str]) -> bool:
    """Whether a segment of a rule is a variable for several segments of a path."""
    variable = _VARIABLE.fullmatch(segment)
    return variable is not None and bool(re.fullmatch(patterns.get(variable["name"], ""), "a/a"))


def _change(segment: str, given: str, patterns: dict[str, str]) -> tuple[float, str, str]:
    """What it costs to have *segment* in place of *given*, why, and what stands there then."""
    if segment == given:
        return 0.0, "", given
    variables = list(_VARIABLE.finditer(segment))
    if not variables:
        if segment.lower() == given.lower():
            return 0.1, f"It has {segment!r}, and the path {given!r}.", segment
        likeness = SequenceMatcher(None, segment.lower(), given.lower()).ratio()
        cost = 1 - likeness if likeness >= _ALIKE else 1.0
        return cost, f"It has {segment!r}, and the path {given!r}.", segment
    pattern, end = "", 0
    for variable in variables:
        before = re.escape(segment[end : variable.start()])
        pattern += f"{before}(?:{patterns.get(variable['name'], '[^/]+')})"
        end = variable.end()
    if re.fullmatch(pattern + re.escape(segment[end:]), given):
        return 0.0, "", given
    kind = variables[0]["converter"] or "string"
    return _UNFIT, f"{given!r} does not fit {segment}, of the converter {kind!r}.", segment
