"""Werkzeug's ``Map`` as the oracle: random rules, and paths and values that lie near them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug import routing as werkzeug
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter, RequestRedirect, ValidationError

from carboy import routing as carboy

UUID = "12345678-1234-5678-1234-567812345678"


class Upper(BaseConverter):
    """Refuses after the match, and changes the value both ways."""

    regex = "[a-z0-9]+"
    weight = 60

    def to_python(self, value: str) -> str:
        if "x" in value:
            raise ValidationError
        return value.upper()

    def to_url(self, value: object) -> str:
        if value == "refused":
            raise ValidationError
        return str(value).lower()


class Pair(BaseConverter):
    """Spans a slash and has groups of its own."""

    regex = "(a|b)/(a|b|1)"


class Even(carboy.IntegerConverter):
    """A kind of number, but not the built-in one."""

    def to_python(self, value: str) -> int:
        number: int = super().to_python(value)
        if number % 2:
            raise ValidationError
        return number


CONVERTERS = {"upper": Upper, "pair": Pair, "even": Even}

LITERALS = ["a", "b", "ab", "1", "-", ".", "a.b", "é", "x|y", "a b", "%"]
#: Converters, each with texts that fit it, more or less.
VARIABLES = {
    "": ["a", "b", "1", "a-b", "é", "a\nb"],
    "string:": ["a", "ab", "1"],
    "int:": ["1", "12", "01", "٣", "5" * 5000, "-3", "1²"],
    "int(signed=True):": ["1", "-3", "--3"],
    "int(fixed_digits=2):": ["01", "12", "1"],
    "int(min=2, max=12):": ["2", "12", "1", "13"],
    "float:": ["1.5", "12.0", "٣.1", "-2.5", "1."],
    "float(signed=True):": ["1.5", "-2.5"],
    "float(max=2.0):": ["1.5", "2.5"],
    "path:": ["a", "a/b", "a/1/b", "a//b", "b/a/", "a\nb", "\n"],
    "uuid:": [UUID, UUID.replace("1", "A"), UUID + "0"],
    'any(a, ab, "b/a", "1.5"):': ["a", "ab", "1.5", "b/a", "b"],
    "string(length=2):": ["ab", "12", "a"],
    "string(minlength=2):": ["ab", "abc", "a"],
    "string(minlength=0, maxlength=1):": ["a", "", "ab"],
    "upper:": ["a", "1a", "x"],
    "pair:": ["a/b", "b/1", "a/c"],
    "even:": ["2", "12", "1"],
    "nosuch:": [""],
}
COMMON = ["", "", "string:", "int:", "int:", "path:"]
ODD = ["", "a", "1", "ab", "-", "a/b", "\n", "²", "%", "a b"]
METHODS = ["GET", "POST", "PUT", "HEAD"]
DOMAINS = ["", "a", "www", "b.a"]
VALUES: list[Any] = [
    *("a", "b", "ab", "b/a", "/a", "", "x y", "é", "12", "1.5", UUID, "refused", "a+b&c=d"),
    *(0, 1, 2, 12, -3, 1.5, True, None, ["a", "b"], (), ["x y"], {"k"}, b"a"),
]


@dataclass
class Plan:
    """A rule that can be made for either library."""

    text: str
    options: dict[str, Any] = field(default_factory=dict)
    template: bool = False
    plain: bool = False

    def make(self, library: Any) -> Any:
        kind = werkzeug.Rule if self.plain else library.Rule
        rule = kind(self.text, **self.options)
        if not self.template:
            return rule
        inner = library.EndpointPrefix("e", [library.Submount("/a", [rule])])
        return library.Subdomain("www", [inner])


CONVERTER = st.sampled_from([*COMMON, *COMMON, *VARIABLES])


@st.composite
def segments(draw: st.DrawFn, number: int) -> tuple[str, int]:
    """A segment, and the number of the next variable."""
    shapes = [*"lllvvv", "lv", "vl", "vlv", "lvl", "vv", ""]
    shape = draw(st.sampled_from(shapes))
    text = ""
    for kind in shape:
        if kind == "l":
            text += draw(st.sampled_from(LITERALS))
        else:
            text += f"<{draw(CONVERTER)}v{number}>"
            number += 1
    return text, number


@st.composite
def texts_of_rules(draw: st.DrawFn, start: int = 0, slash: str = "/") -> str:
    text, number = "", start
    for _ in range(draw(st.integers(0, 2))):
        segment, number = draw(segments(number))
        text += slash + segment
    return text + draw(st.sampled_from(["", "", slash]))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), st.none(), strategy)


DOMAIN_RULES = st.sampled_from(DOMAINS) | texts_of_rules(8, ".").map(lambda text: text[1:])
REDIRECTS = st.sampled_from(["a/<v0>", "/elsewhere", lambda adapter, **values: str(values)])

PLANS = st.builds(
    Plan,
    texts_of_rules().map(lambda text: text or "/"),
    st.fixed_dictionaries(
        {
            "endpoint": st.sampled_from(["e0", "e1", "e2"]),
            "methods": maybe(st.sets(st.sampled_from(METHODS))),
            "strict_slashes": maybe(st.booleans()),
            "merge_slashes": maybe(st.booleans()),
            "defaults": maybe(
                st.dictionaries(st.sampled_from(["v0", "v1", "w"]), st.sampled_from([1, "a", None]))
            ),
            "subdomain": maybe(maybe(DOMAIN_RULES)),
            "host": maybe(maybe(DOMAIN_RULES)) | st.sampled_from(DOMAINS),
            "redirect_to": maybe(maybe(REDIRECTS)),
            "alias": maybe(maybe(st.just(True))).map(bool),
            "build_only": maybe(maybe(st.just(True))).map(bool),
            "websocket": maybe(maybe(st.just(True))).map(bool),
        }
    ),
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from([False] * 5 + [True]),
)

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "default_subdomain": st.sampled_from(["", "", *DOMAINS]),
        "strict_slashes": st.booleans(),
        "merge_slashes": st.booleans(),
        "redirect_defaults": st.booleans(),
        "sort_parameters": st.booleans(),
        "host_matching": st.sampled_from([False, False, False, True]),
    },
)


@st.composite
def paths_near(draw: st.DrawFn, plans: list[Plan]) -> str:
    """A path that one of the rules may match, or that is off by a little."""

    def fill(variable: re.Match[str]) -> str:
        texts = VARIABLES.get(variable[1], ODD)
        return draw(st.sampled_from(texts + texts[:2] * 3 + ODD[:1]))

    plan = draw(st.sampled_from(plans))
    path = re.sub(r"<(.*?:|)v\d>", fill, plan.text)
    if plan.template:
        path = "/a" + path
    odd = draw(st.sampled_from(ODD))
    changed = [path + "/", path.rstrip("/"), "/" + path, path + "//", path.replace("/", "//")]
    changed += [path.replace("a", odd), f"{path}/{odd}", odd]
    return draw(st.sampled_from([path] * 8 + changed))


def outcome(ask: Callable[[], Any]) -> Any:
    """What *ask* answers, or how it refuses, in a form that can be compared."""
    try:
        return ask()
    except RequestRedirect as error:
        return "redirect", error.new_url
    except MethodNotAllowed as error:
        return "method not allowed", sorted(error.valid_methods or ())
    except HTTPException as error:
        return "error", type(error)
    except Exception as error:
        return "exception", type(error)


def register(library: Any, url_map: Any, plans: list[Plan], made: list[Any]) -> list[Any]:
    def add(plan: Plan) -> None:
        rules = list(plan.make(library).get_rules(url_map))
        url_map.add(_Several(rules))
        made.extend(rules)

    return [outcome(lambda plan=plan: add(plan)) for plan in plans]


class _Several(werkzeug.RuleFactory):
    def __init__(self, rules: list[Any]) -> None:
        self.rules = rules

    def get_rules(self, map: Any) -> Any:
        return self.rules


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_werkzeug_gives_the_same_answers(data: st.DataObject) -> None:
    options = data.draw(SETTINGS)
    maps = [library.Map(converters=CONVERTERS, **options) for library in (werkzeug, carboy)]
    made: list[list[Any]] = [[], []]
    plans: list[Plan] = []

    for _ in range(data.draw(st.integers(1, 2))):
        more = data.draw(st.lists(PLANS, min_size=1, max_size=10))
        plans += more
        theirs, ours = (
            register(library, url_map, more, rules)
            for library, url_map, rules in zip((werkzeug, carboy), maps, made, strict=True)
        )
        assert theirs == ours

        for path in data.draw(st.lists(paths_near(plans), min_size=4, max_size=10)):
            compare_matches(data, maps, made, path)
        for _ in range(data.draw(st.integers(2, 6))):
            compare_builds(data, maps)


def compare_matches(data: st.DataObject, maps: list[Any], made: list[list[Any]], path: str) -> None:
    bound: dict[str, Any] = {
        "server_name": data.draw(st.sampled_from(["h", "a", "www"])),
        "script_name": data.draw(st.sampled_from([None, "/app"])),
        "url_scheme": data.draw(st.sampled_from(["http"] * 7 + ["https", "ws"])),
        "query_args": data.draw(st.sampled_from([None, "q=1"])),
        "path_info": path,
    }
    if not maps[0].host_matching:
        bound["subdomain"] = data.draw(maybe(st.sampled_from(DOMAINS)))
    method = data.draw(st.sampled_from(METHODS))

    def match(number: int) -> Any:
        rule, arguments = maps[number].bind(**bound).match(method=method, return_rule=True)
        return identify(made[number], rule), typed(arguments)

    theirs = outcome(lambda: match(0))
    assert outcome(lambda: match(1)) == theirs

    if bound.get("subdomain") is None and bound["url_scheme"] != "ws":
        found = outcome(lambda: maps[1].find(path, method))
        if isinstance(found, tuple) and isinstance(found[0], werkzeug.Rule):
            found = identify(made[1], found[0]), typed(found[1])
        assert found is None or found == theirs


def identify(rules: list[Any], wanted: Any) -> int:
    return next(index for index, rule in enumerate(rules) if rule is wanted)


def typed(arguments: Any) -> list[tuple[str, type, Any]]:
    return [(name, type(value), value) for name, value in arguments.items()]


def compare_builds(data: st.DataObject, maps: list[Any]) -> None:
    bound: dict[str, Any] = {
        "server_name": "h",
        "script_name": data.draw(st.sampled_from([None, "/app", "/app/"])),
        "default_method": data.draw(st.sampled_from(METHODS)),
        "url_scheme": data.draw(st.sampled_from(["http", "wss"])),
    }
    if not maps[0].host_matching:
        bound["subdomain"] = data.draw(maybe(st.sampled_from(DOMAINS)))
    endpoint = data.draw(st.sampled_from(["e0", "e1", "e2", "ee0"]))
    method = data.draw(maybe(st.sampled_from(METHODS)))
    values = data.draw(
        st.fixed_dictionaries(
            {"v0": st.sampled_from(VALUES)},
            optional={
                name: st.sampled_from(VALUES) for name in ("v1", "v1", "v2", "v8", "w", "q", "é")
            },
        )
    )

    theirs, ours = (
        outcome(lambda url_map=url_map: url_map.bind(**bound).build(endpoint, values, method))
        for url_map in maps
    )
    assert ours == theirs

    if bound.get("subdomain") is None:
        path = outcome(
            lambda: maps[1].build_path(endpoint, values, method, bound["default_method"])
        )
        if isinstance(path, str):
            path = (bound["script_name"] or "").rstrip("/") + path
        assert path is None or path == theirs


#: Rules whose variables can share a text in many ways.
AMBIGUOUS = [
    "/<a>-<b>-<int:c>",
    "/<a>-<int:b>-<string(maxlength=3):c>.",
    "/<string(length=2):a><b>1<c><any(a, a1, -):d>",
    "/<float(signed=True):a><int(signed=True):b><c>",
    "/<path:a>/1/<path:b>/<c>",
    "/<path:a>-<path:b>/<int:c>/",
    "/a<path:a>a<string(minlength=0):b><string(minlength=0, maxlength=40):c>a",
]


@cache
def ambiguous(rule: str) -> tuple[Any, Any]:
    theirs, ours = (
        library.Map([library.Rule(rule, endpoint="e")], merge_slashes=False).bind("h")
        for library in (werkzeug, carboy)
    )
    return theirs, ours


@given(
    st.sampled_from(AMBIGUOUS),
    st.lists(st.sampled_from(["a", "1", "-", ".", "/", "\n", "-1", "/1/", "1.1"]), max_size=30),
    st.integers(30, 50),
    st.sampled_from(["", "a", "1", "/", "/1", "/1/", "."]),
)
@settings(deadline=None)
def test_long_texts_are_divided_among_variables_alike(
    rule: str, texts: list[str], times: int, end: str
) -> None:
    theirs, ours = ambiguous(rule)
    path = "/" + ("".join(texts) * times)[:180] + end
    assert outcome(lambda: ours.match(path)) == outcome(lambda: theirs.match(path))
