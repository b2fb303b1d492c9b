"""Rules, maps, and the short ways through them."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from werkzeug import routing as werkzeug
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

import carboy.routing
from carboy.routing import (
    BaseConverter,
    BuildError,
    EndpointPrefix,
    IntegerConverter,
    Map,
    RequestRedirect,
    Rule,
    RuleTemplate,
    Subdomain,
    Submount,
    ValidationError,
    WebsocketMismatch,
)


class Slug(BaseConverter):
    regex = "[a-z-]+"

    def to_python(self, value: str) -> str:
        if value == "refused":
            raise ValidationError
        return value.replace("-", " ")

    def to_url(self, value: object) -> str:
        if value == "refused":
            raise ValidationError
        return str(value).replace(" ", "-")


def url_map(*texts: str, **options: Any) -> Map:
    """A map whose rules have their texts as endpoints."""
    return Map([Rule(text, endpoint=text) for text in texts], **options)


def answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except RequestRedirect as error:
        return error.new_url
    except MethodNotAllowed as error:
        return MethodNotAllowed, set(error.valid_methods or ())
    except HTTPException as error:
        return type(error)


# Registration


def test_everything_public_of_werkzeug_is_here() -> None:
    for name, value in vars(werkzeug).items():
        if isinstance(value, type) or callable(value):
            assert isinstance(getattr(carboy.routing, name), type(value))
    assert issubclass(Map, werkzeug.Map)
    assert issubclass(Rule, werkzeug.Rule)


@pytest.mark.parametrize(
    "text",
    [
        "no-slash",
        "/<",
        "/<a",
        "/<1a>",
        "/a<int:b>/<c d>",
        "/<nosuch:a>",
        "/<int(nosuch=1):a>",
        "/<string(length='x'):a>",
        "/<any(1, 2):a>",
        "/<int(:a>",
        "/<int(a b):a>",
        "/<a>/<a>",
        "/<None:a>",
        "/<True>",
        "/<__debug__>",
        "/\ud800",
        "/<path(a/b):x>",
    ],
)
def test_a_mistake_shows_when_the_rule_is_added(text: str) -> None:
    def error_of(library: Any) -> type[Exception]:
        with pytest.raises(Exception) as raised:
            library.Map().add(library.Rule(text, endpoint="e"))
        return raised.type

    assert error_of(carboy.routing) is error_of(werkzeug)


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match="malformed url rule: '/a/<b'"):
        url_map("/a/<b")
    with pytest.raises(LookupError, match="the converter 'nosuch' does not exist"):
        url_map("/<nosuch:a>")
    with pytest.raises(ValueError, match="'a' must start with a slash"):
        url_map("a")


@pytest.mark.parametrize("defaults", [{"a": "x"}, {1: 2, "1": 2}])
def test_a_mistake_in_the_defaults_shows_when_the_rule_is_added(defaults: Any) -> None:
    def error_of(library: Any) -> type[Exception]:
        with pytest.raises(Exception) as raised:
            library.Map().add(library.Rule("/<int:a>", defaults=defaults))
        return raised.type

    assert error_of(carboy.routing) is error_of(werkzeug)


@pytest.mark.parametrize(
    "options",
    [
        {"string": "/"},
        {"string": "/a/b", "methods": ["post"]},
        {"string": "/a//b/<int:c>/", "strict_slashes": False},
        {"string": "/a//b/<int:c>/", "merge_slashes": False},
        {"string": "/<a>-<int(fixed_digits=2):b>.x/<uuid:c>", "subdomain": "<d>"},
        {"string": "/<any(a, 'b/c'):x>/y(z)/<path:p>/edit/", "subdomain": "www"},
        {"string": "/<path:p>/<float:f>", "defaults": {"f": 1.5, "page": None}},
        {"string": "/<slug:a>/<slug:b>", "alias": True, "host": "h"},
        {"string": "/é/<string(length=2):a>"},
    ],
)
def test_a_bound_rule_tells_what_werkzeugs_tells(options: dict[str, Any]) -> None:
    theirs, ours = (library.Rule(endpoint="e", **options) for library in (werkzeug, carboy.routing))
    copies = theirs.empty(), ours.empty()
    werkzeug.Map([theirs, copies[0]], converters={"slug": Slug})
    Map([ours, copies[1]], converters={"slug": Slug})
    for oracle, rule in (theirs, ours), copies:
        assert repr(rule) == repr(oracle)
        assert str(rule) == str(oracle)
        for name in "methods", "endpoint", "arguments", "defaults", "is_leaf", "subdomain":
            assert getattr(rule, name) == getattr(oracle, name)
        assert rule._trace == oracle._trace
        assert rule._parts == oracle._parts
        assert list(rule._converters) == list(oracle._converters)
        assert [type(c) for c in rule._converters.values()] == [
            type(c) for c in oracle._converters.values()
        ]
        values = {"a": "x", "b": 3, "c": 4, "d": "y", "p": "q/r", "x": "a", "f": 1.5, "z": 0}
        assert rule.build(values) == oracle.build(values)
        assert rule.build(values, False) == oracle.build(values, False)
        assert rule.suitable_for(values) == oracle.suitable_for(values)
        assert rule.build_compare_key() == oracle.build_compare_key()


def test_rules_are_equal_when_they_read_alike() -> None:
    one, same, other = Rule("/a/<b>"), Rule("/a/<int:b>"), Rule("/a/<c>")
    Map([one, same, other])
    assert one == same
    assert one != other
    assert repr(Rule("/a")) == "<Rule (unbound)>"


def test_a_rule_belongs_to_one_map() -> None:
    rule = Rule("/a")
    Map([rule])
    with pytest.raises(RuntimeError, match="already bound"):
        Map([rule])


def test_a_rule_works_in_werkzeugs_map() -> None:
    adapter = werkzeug.Map([Rule("/a/<int:b>/<path:c>/", endpoint="e")]).bind("h")
    assert adapter.match("/a/1/b/c/") == ("e", {"b": 1, "c": "b/c"})
    assert adapter.build("e", {"b": 1, "c": "b/c"}) == "/a/1/b/c/"


def test_registering_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("compiled")

    with monkeypatch.context() as patch:
        patch.setattr(werkzeug.Rule, "_compile_builder", refuse)
        patch.setattr("carboy.routing.parts.re.compile", refuse)
        rule = Rule("/a-<int:b>-<c>", endpoint="e")
        rules = Map([rule])
        rules.update()
    assert rules.find("/a-1-x", "GET") == (rule, {"b": 1, "c": "x"})
    assert rule.build({"b": 1, "c": "x"}) == ("", "/a-1-x")


def test_a_converter_of_ones_own_is_made_for_each_variable() -> None:
    made = []

    class Noted(BaseConverter):
        def __init__(self, map: werkzeug.Map, *args: Any, **kwargs: Any) -> None:
            super().__init__(map)
            made.append((args, kwargs))

    Map([Rule("/<n:a>/<n(1, x=2):b>"), Rule("/<n:c>")], converters={"n": Noted})
    assert made == [((), {}), ((1,), {"x": 2}), ((), {})]


def test_a_replaced_converter_is_used_from_then_on() -> None:
    class Double(IntegerConverter):
        def to_python(self, value: str) -> int:
            return 2 * int(super().to_python(value))

    rules = Map([Rule("/a/<int:n>")])
    rules.converters["int"] = Double
    rules.add(Rule("/b/<int:n>"))
    assert rules.bind("h").match("/a/2")[1] == {"n": 2}
    assert rules.bind("h").match("/b/2")[1] == {"n": 4}


def test_a_rule_may_choose_its_converters() -> None:
    class Choosy(Rule):
        def get_converter(
            self, variable_name: str, converter_name: str, args: Any, kwargs: Any
        ) -> BaseConverter:
            return IntegerConverter(self.map, fixed_digits=len(variable_name))

    rules = Map([Choosy("/<a>/<bcd>", endpoint="e")])
    assert rules.bind("h").match("/1/234") == ("e", {"a": 1, "bcd": 234})
    with pytest.raises(NotFound):
        rules.bind("h").match("/1/23")


def test_factories_and_werkzeugs_own_rules_can_be_added() -> None:
    resource = RuleTemplate([Rule("/$name/<int:id>", endpoint="$name.show")])
    rules = Map(
        [
            resource(name="user"),
            Submount("/blog", [EndpointPrefix("blog.", [Rule("/<slug:title>", endpoint="show")])]),
            Subdomain("kb", [Rule("/", endpoint="kb")]),
            werkzeug.Rule("/plain/<a>-<b>", endpoint="plain"),
        ],
        converters={"slug": Slug},
    )
    adapter = rules.bind("h")
    assert adapter.match("/user/3") == ("user.show", {"id": 3})
    assert adapter.match("/blog/a-b") == ("blog.show", {"title": "a b"})
    assert adapter.match("/plain/x-y") == ("plain", {"a": "x", "b": "y"})
    assert rules.bind("h", subdomain="kb").match("/") == ("kb", {})
    assert [rule.endpoint for rule in rules.iter_rules()] == [
        *("user.show", "blog.show", "kb", "plain")
    ]
    assert rules.is_endpoint_expecting("user.show", "id")
    assert not rules.is_endpoint_expecting("user.show", "name")
    assert "user.show" in repr(rules)


# Changes after the first match


def test_a_rule_added_after_a_match_is_seen() -> None:
    rules = url_map("/a/<b>")
    assert answer(lambda: rules.find("/b", "GET")) is NotFound
    assert rules.build_path("/b", {}) is None
    rules.add(Rule("/b", endpoint="/b"))
    rules.add(Rule("/a/<int:b>", endpoint="int"))
    assert rules.bind("h").match("/b") == ("/b", {})
    assert rules.bind("h").match("/a/1") == ("int", {"b": 1})
    assert rules.bind("h").match("/a/x") == ("/a/<b>", {"b": "x"})
    assert rules.build_path("/b", {}) == "/b"


def test_a_rule_changed_in_place_is_matched_and_built_anew() -> None:
    rules = url_map("/a/<b>", "/c")
    rule = next(rules.iter_rules("/a/<b>"))
    assert rules.bind("h").match("/a/1") == ("/a/<b>", {"b": "1"})
    assert rules.build_path("/a/<b>", {"b": 1}) == "/a/1"
    rule.rule = "/x/<int:b>"
    rule.refresh()
    assert rules.bind("h").match("/x/1") == ("/a/<b>", {"b": 1})
    assert rules.build_path("/a/<b>", {"b": 1}) == "/x/1"
    assert rules.bind("h").build("/a/<b>", {"b": 1}) == "/x/1"
    assert answer(lambda: rules.bind("h").match("/a/1")) is NotFound
    assert rules.bind("h").match("/c") == ("/c", {})


def test_methods_and_strictness_can_be_changed_at_any_time() -> None:
    rules = url_map("/a", "/b/")
    assert rules.find("/a", "GET") is not None
    a, b = rules.iter_rules()
    a.methods = {"POST"}
    b.strict_slashes = False
    assert answer(lambda: rules.find("/a", "GET")) == (MethodNotAllowed, {"POST"})
    assert rules.find("/b", "GET") == (b, {})


def test_settings_of_the_map_can_be_changed_at_any_time() -> None:
    rules = Map([Rule("/a", endpoint="e", subdomain="www", host="h")])
    assert answer(lambda: rules.find("/a", "GET")) is NotFound
    assert rules.build_path("e", {}) is None
    rules.default_subdomain = "www"
    assert rules.find("/a", "GET") is not None
    assert rules.build_path("e", {}) == "/a"
    rules.host_matching = True
    assert rules.find("/a", "GET") is None
    assert rules.build_path("e", {}) is None


def test_matching_goes_on_while_rules_are_added() -> None:
    rules = url_map("/old/<int:a>/<b>", "/old/<b>")
    done = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        adapter = rules.bind("h")
        while not done.is_set():
            answers = (
                answer(lambda: adapter.match("/old/1/x")),
                answer(lambda: adapter.match("/old/x")),
                answer(lambda: rules.build_path("/old/<b>", {"b": 1})),
            )
            if answers != (
                ("/old/<int:a>/<b>", {"a": 1, "b": "x"}),
                ("/old/<b>", {"b": "x"}),
                "/old/1",
            ):
                wrong.append(answers)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100):
        rules.add(Rule(f"/old/<string(length={number + 2}):b>/{number}", endpoint=number))
        assert rules.find("/old/" + "x" * (number + 2) + f"/{number}", "GET") is not None
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong


# Matching

RULES = {
    "/": ["/", "", "//", "///"],
    "/a": ["/a", "/a/", "a", "//a", "/a//"],
    "/branch/": ["/branch/", "/branch", "/branch//", "//branch"],
    "/x/<int:a>/<b>": ["/x/1/b", "/x/٣/b", "/x/1/b/", "/x/1/", "/x/-1/b", "/x//1/b"],
    "/x/<int:a>/static": ["/x/1/static"],
    "/x/<float:a>/<b>": ["/x/1.5/b", "/x/1./b"],
    "/x/<uuid:a>/": ["/x/12345678-1234-5678-1234-567812345678", "/x/1234/"],
    "/p/<path:p>": ["/p/a", "/p/a/b/", "/p//a", "/p/", "/p/\n", "/p/a\nb", "/p/a//b"],
    "/p/<path:p>/edit": ["/p/a/edit", "/p/a/edit/edit", "/p/edit"],
    "/q/<path:p>/": ["/q/a", "/q/a/", "/q/a//", "/q/a/b"],
    "/m/<a>-<int:b>.html": ["/m/x-1.html", "/m/x-y-1.html", "/m/x-y.html"],
    "/any/<any(a, b):c>": ["/any/a", "/any/c"],
    "/two/<string(length=2):c>": ["/two/ab", "/two/abc", "/two/a\n"],
    "/min/<int(min=5, signed=True):n>": ["/min/5", "/min/4", "/min/-5"],
    "/slug/<slug:s>": ["/slug/a-b", "/slug/refused", "/slug/A"],
    "/é/<a>": ["/é/ü", "/e/ü"],
}


@pytest.mark.parametrize("path", [path for paths in RULES.values() for path in paths])
@pytest.mark.parametrize("strict_slashes", [True, False])
@pytest.mark.parametrize("merge_slashes", [True, False])
def test_find_gives_what_werkzeug_gives(
    path: str, strict_slashes: bool, merge_slashes: bool
) -> None:
    options: dict[str, Any] = {
        "strict_slashes": strict_slashes,
        "merge_slashes": merge_slashes,
        "converters": {"slug": Slug},
    }
    rules = url_map(*RULES, **options)
    oracle = ORACLES.get((strict_slashes, merge_slashes))
    if oracle is None:
        oracle = werkzeug.Map([werkzeug.Rule(text, endpoint=text) for text in RULES], **options)
        ORACLES[strict_slashes, merge_slashes] = oracle
    theirs = answer(lambda: oracle.bind("h").match(path))
    assert answer(lambda: rules.bind("h").match(path)) == theirs

    found = answer(lambda: rules.find(path, "GET"))
    if isinstance(found, tuple):
        found = found[0].endpoint, found[1]
    if found is not None:
        assert found == theirs
    else:
        assert isinstance(theirs, str) or "//" in path


ORACLES: dict[tuple[bool, bool], werkzeug.Map] = {}


def test_the_arguments_are_a_new_dictionary_each_time() -> None:
    rules = Map([Rule("/a"), Rule("/b/<c>"), Rule("/d", defaults={"e": 1})])
    for path in "/a", "/b/c", "/d":
        for _ in range(3):
            found = rules.find(path, "GET")
            assert found is not None
            assert "changed" not in found[1]
            found[1]["changed"] = True


def test_a_wrong_method_tells_the_right_ones() -> None:
    rules = Map(
        [
            Rule("/a/<b>", methods=["GET"], endpoint="get"),
            Rule("/a/<b>", methods=["put"], endpoint="put"),
            Rule("/a/<int:b>", methods=["DELETE"], endpoint="delete"),
            Rule("/static", methods=["GET"], endpoint="static"),
        ]
    )
    for path, methods in ("/a/x", "GET HEAD PUT"), ("/a/1", "GET HEAD PUT DELETE"):
        allowed = MethodNotAllowed, set(methods.split())
        assert answer(lambda path=path: rules.find(path, "POST")) == allowed
        assert answer(lambda path=path: rules.bind("h").match(path, "POST")) == allowed
    assert answer(lambda: rules.find("/static", "POST")) == (MethodNotAllowed, {"GET", "HEAD"})
    for path, method, endpoint in (
        ("/a/1", "DELETE", "delete"),
        ("/a/1", "PUT", "put"),
        ("/a/1", "put", "put"),
        ("/a/x", "HEAD", "get"),
        ("/static", "get", "static"),
    ):
        found = rules.find(path, method)
        assert found is not None and found[0].endpoint == endpoint


def test_find_leaves_to_the_adapter_what_needs_one() -> None:
    rules = Map(
        [
            Rule("/branch/", endpoint="branch"),
            Rule("/to/<a>", redirect_to="branch/"),
            Rule("/alias/<a>", endpoint="show", alias=True),
            Rule("/show/<a>", endpoint="show"),
            Rule("/socket", websocket=True),
            Rule("/pages/", endpoint="pages", defaults={"page": 1}),
            Rule("/pages/<int:page>", endpoint="pages"),
            Rule("/both/<a>", websocket=True, endpoint="socket"),
            Rule("/both/<a>", endpoint="http"),
        ]
    )
    adapter = rules.bind("h")
    for path, expected in {
        "/branch": "http://h/branch/",
        "/show//x": "http://h/show/x",
        "/to/x": "http://h/branch/",
        "/alias/x": "http://h/show/x",
        "/socket": WebsocketMismatch,
        "/pages/1": "http://h/pages/",
    }.items():
        assert rules.find(path, "GET") is None
        assert answer(lambda path=path: adapter.match(path)) == expected
    for path, endpoint, arguments in (
        ("/pages/2", "pages", {"page": 2}),
        ("/pages/", "pages", {"page": 1}),
        ("/both/x", "http", {"a": "x"}),
    ):
        found = rules.find(path, "GET")
        assert found is not None
        assert (found[0].endpoint, found[1]) == (endpoint, arguments)
    assert rules.find("/pages/1", "GET") is None
    assert adapter.match("/socket", websocket=True) == (None, {})


def test_find_answers_for_the_default_subdomain() -> None:
    rules = Map(
        [
            Rule("/a", endpoint="www"),
            Rule("/a", endpoint="any", subdomain="<sub>"),
            Rule("/b/<int:c>", endpoint="b", subdomain="<sub>"),
            Rule("/c/", endpoint="c", subdomain="kb"),
        ],
        default_subdomain="www",
    )
    for path in "/a", "/b/1", "/c/", "/c":
        found = answer(lambda path=path: rules.find(path, "GET"))
        if isinstance(found, tuple):
            found = found[0].endpoint, found[1]
        assert found == answer(lambda path=path: rules.bind("h").match(path))
    assert rules.bind("h", subdomain="x").match("/a") == ("any", {"sub": "x"})
    assert rules.bind("h", subdomain="kb").match("/c/") == ("c", {})


def test_hosts_are_matched() -> None:
    rules = Map(
        [
            Rule("/a", host="<name>.example", endpoint="named"),
            Rule("/a", host="www.example", endpoint="www"),
        ],
        host_matching=True,
    )
    assert rules.find("/a", "GET") is None
    assert rules.bind("www.example").match("/a") == ("www", {})
    assert rules.bind("b.example").match("/a") == ("named", {"name": "b"})
    assert rules.bind("b.example").build("www") == "http://www.example/a"


def test_a_rule_with_doubled_slashes_is_only_found_where_an_adapter_finds_it() -> None:
    rules = url_map("//a", "//<b>", "/c", merge_slashes=False)
    assert answer(lambda: rules.find("//a", "GET")) is NotFound
    assert answer(lambda: rules.bind("h").match("//a")) is NotFound
    assert rules._matcher.match("", "//x", "GET", False)[1] == {"b": "x"}
    assert answer(lambda: rules.find("//x", "GET")) is NotFound
    found = rules.find("//c", "GET")
    assert found is not None and found[0].endpoint == "/c"


def test_a_converter_that_cannot_be_compiled_only_hurts_its_own_rule() -> None:
    class Broken(BaseConverter):
        regex = "("

    rules = Map(
        [Rule("/a/<broken:b>"), Rule("/c/<d>", endpoint="c")], converters={"broken": Broken}
    )
    assert rules.bind("h").match("/c/x") == ("c", {"d": "x"})
    with pytest.raises(Exception, match="unterminated subpattern"):
        rules.bind("h").match("/a/x")


def test_a_converter_may_have_groups_of_its_own() -> None:
    class Version(BaseConverter):
        regex = r"v(\d+)(?:\.(?P<minor>\d+))?"

    rules = Map([Rule("/<version:a>-<b>")], converters={"version": Version})
    assert rules.bind("h").match("/v1-x")[1] == {"a": "v1", "b": "x"}
    assert rules.bind("h").match("/v1.2-x-y")[1] == {"a": "v1.2", "b": "x-y"}


def test_an_error_in_a_converter_is_not_hidden() -> None:
    class Failing(BaseConverter):
        def to_python(self, value: str) -> str:
            raise ValueError("failed")

    rules = Map([Rule("/<failing:b>")], converters={"failing": Failing})
    for _ in range(2):
        with pytest.raises(ValueError, match="failed"):
            rules.find("/a", "GET")
        with pytest.raises(ValueError, match="failed"):
            rules.bind("h").match("/a")


# Scale, and clients who mean harm

MANY = {
    "/things/<int:a>/x{}": "/things/5/x{}",
    "/s{}": "/s{}",
    "/<a>/<int:b>/{}": "/a/1/{}",
    "/p-{}-<a>": "/p-{}-z",
    "/<a>-<int:b>.{}": "/x-1.{}",
    "/<path:p>/x{}": "/a/b/x{}",
    "/<path:p>/y{}/": "/a/b/y{}/",
    "/<any(v{0}, w{0}):c>": "/w{}",
    "/r{}/<uuid:u>": "/r{}/12345678-1234-5678-1234-567812345678",
}


def calls(ask: Callable[[], Any]) -> int:
    """The number of functions that are called to answer."""
    ask()
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    # A collection would count what others have registered to be called then.
    gc.disable()
    sys.setprofile(note)
    try:
        ask()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


@pytest.mark.parametrize("shape", MANY)
def test_matching_does_as_much_with_many_rules_as_with_few(shape: str) -> None:
    few, many = (
        url_map(*(shape.format(number) for number in range(first, 2000))) for first in (1980, 1000)
    )
    for number in 1980, 1999, "none":
        path = MANY[shape].format(number)
        found = answer(lambda path=path: many.find(path, "GET"))
        assert (found is NotFound) == (number == "none")
        assert calls(lambda path=path: answer(lambda: many.find(path, "GET"))) == calls(
            lambda path=path: answer(lambda: few.find(path, "GET"))
        )


def test_many_patterns_for_one_place_are_tried_in_werkzeugs_order() -> None:
    texts = ["/<a>-<b>", "/<a>", "/<path:p>", "/<path:p>/x", '/<any(s1, "s2-x2", é):c>', "/s<a>"]
    texts += [text for n in range(4) for text in (f"/<a>-x{n}", f"/<int:a>-x{n}", f"/s{n}<a>x{n}")]
    rules, oracle = url_map(*texts), werkzeug.Map()
    for text in texts:
        oracle.add(werkzeug.Rule(text, endpoint=text))
    for path in (
        "/1-x1",
        "/a-x2",
        "/s1-x1",
        "/s2-x2",
        "/s1",
        "/s",
        "/é",
        "/a/x",
        "/1-x1/x",
        "/-x1",
    ):
        assert rules.bind("h").match(path) == oracle.bind("h").match(path)


HOSTILE = {
    "many slashes": "/" * 10_000,
    "many slashes in the middle": "/a" + "/" * 10_000 + "a",
    "many parts": "/a" * 10_000,
    "many numbers": "/1" * 10_000,
    "many separators": "/m/" + "-" * 20_000,
    "many separators and numbers": "/m/" + "1-" * 10_000 + "1",
    "many revisions": "/w/" + "rev/a/" * 5_000 + "edit",
    "many dots": "/f/" + "1." * 10_000,
    "many digits": "/f/" + "1" * 20_000,
}


@pytest.mark.parametrize("path", HOSTILE.values(), ids=HOSTILE)
def test_no_path_keeps_the_server_busy(path: str) -> None:
    # Backtracking through these texts would take from minutes to centuries.
    rules = url_map(
        "/m/<a>-<b>-<int:c>-<d>-<e>x",
        "/w/<path:a>/rev/<path:b>/<c>/diff/<path:d>/edit",
        "/f/<a><float:b><int:c><float:d>x",
        "/<a>/<int:b>/<path:c>/x",
    )
    answers = answer(lambda: rules.find(path, "GET")), answer(lambda: rules.bind("h").match(path))
    assert answers[0] in (NotFound, None)
    assert answers[1] is NotFound or isinstance(answers[1], str)


def test_a_long_text_is_divided_as_a_short_one() -> None:
    rules = url_map("/m/<a>-<int:b>-<path:c>/<d>", "/w/<path:a>/x/<path:b>")
    found = rules.find("/w" + "/y/x" * 1_000 + "/z", "GET")
    assert found is not None
    assert found[1] == {"a": "y", "b": "y/x/" * 999 + "z"}
    long = "x-" * 2_000
    found = rules.find(f"/m/{long}1-2-3-{long}/y/z", "GET")
    assert found is not None
    assert found[1] == {"a": f"{long}1-2", "b": 3, "c": f"{long}/y", "d": "z"}


def test_an_integer_that_python_refuses_to_read_does_not_match() -> None:
    rules = url_map("/<int:a>", "/s/<int(signed=True):a>/x", "/b/<int(min=1):a>")
    digits = "5" * 5_000
    for path in f"/{digits}", f"/s/-{digits}/x", f"/b/{digits}":
        for _ in range(2):
            assert answer(lambda path=path: rules.find(path, "GET")) is NotFound
            assert answer(lambda path=path: rules.bind("h").match(path)) is NotFound
        rules.find("/1", "GET")


def test_a_rule_may_be_deeper_than_python_can_recurse() -> None:
    deep = "/a/<b>" + "/x" * 3_000
    rules = url_map(deep)
    found = rules.find("/a/b" + "/x" * 3_000, "GET")
    assert found is not None and found[1] == {"b": "b"}
    assert answer(lambda: rules.bind("h").match("/a/b" + "/x" * 2_999)) is NotFound


# Building


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("/", {}),
        ("/", {"q": "a b", "page": 2, "é": "ü&="}),
        ("/", {"list": ["a", "b"], "none": None, "float": 1.5, "true": True, "b": b"x"}),
        ("/", {"empty": "", "only": None}),
        ("/a/<b>", {"b": "x"}),
        ("/a/<b>", {"b": "x y/ü?#%"}),
        ("/a/<b>", {"b": ""}),
        ("/a/<b>", {"b": 5}),
        ("/a/<b>", {"b": True}),
        ("/a/<b>", {"b": ["x"]}),
        ("/a/<b>", {"b": None}),
        ("/a/<b>", {}),
        ("/<path:p>", {"p": "/a//b"}),
        ("/<path:p>", {"p": "/"}),
        ("/i/<int:n>/<int(fixed_digits=3):m>/", {"n": "7", "m": 7}),
        ("/i/<int:n>/<int(fixed_digits=3):m>/", {"n": -7.9, "m": "12345"}),
        ("/i/<int:n>/<int(fixed_digits=3):m>/", {"n": True, "m": 0}),
        ("/f/<float:f>", {"f": 1}),
        ("/s/<slug:s>", {"s": "a b"}),
        ("/s/<slug:s>", {"s": "refused"}),
        ("/é b/<a>", {"a": "x", "self": 1, "kwargs": 2, "values": 3}),
        ("nosuch", {}),
    ],
)
@pytest.mark.parametrize("sort_parameters", [False, True])
def test_build_path_gives_what_werkzeug_gives(
    endpoint: str, values: dict[str, Any], sort_parameters: bool
) -> None:
    texts = ["/", "/a/<b>", "/<path:p>", "/f/<float:f>", "/s/<slug:s>", "/é b/<a>"]
    texts.append("/i/<int:n>/<int(fixed_digits=3):m>/")
    options: dict[str, Any] = {
        "converters": {"slug": Slug},
        "sort_parameters": sort_parameters,
    }
    rules = url_map(*texts, **options)
    oracle = werkzeug.Map([werkzeug.Rule(text, endpoint=text) for text in texts], **options)
    path = rules.build_path(endpoint, values)
    if path is not None:
        assert path == oracle.bind("h").build(endpoint, values)
        assert path == rules.bind("h").build(endpoint, values)
    else:
        with pytest.raises(BuildError):
            rules.bind("h").build(endpoint, values)
        with pytest.raises(BuildError):
            oracle.bind("h").build(endpoint, values)


def test_errors_of_building_are_werkzeugs() -> None:
    rules = url_map("/<int:n>", "/x/<any(a, b):c>")
    adapter = rules.bind("h")
    for endpoint, values, error in (
        ("/<int:n>", {"n": "x"}, ValueError),
        ("/<int:n>", {"n": []}, TypeError),
        ("/<int:n>", {"n": 1, 2: 3}, TypeError),
        ("/x/<any(a, b):c>", {"c": "d"}, ValueError),
    ):
        for build in rules.build_path, adapter.build:
            with pytest.raises(error):
                build(endpoint, values)  # type: ignore[operator]


def test_the_rule_that_fits_best_is_built() -> None:
    rules = Map(
        [
            Rule("/users/", endpoint="users", defaults={"id": None}, methods=["GET"]),
            Rule("/new", endpoint="users", methods=["POST"]),
            Rule("/users/<int:id>", endpoint="users", methods=["GET", "PUT"]),
            Rule("/old/<int:id>", endpoint="users", alias=True),
            Rule("/pages/", endpoint="pages", defaults={"page": 1}),
            Rule("/pages/<int:page>", endpoint="pages"),
        ]
    )
    cases: list[tuple[str, dict[str, Any], str | None, str]] = [
        ("users", {}, None, "GET"),
        ("users", {}, None, "POST"),
        ("users", {}, "POST", "GET"),
        ("users", {"id": 1}, None, "POST"),
        ("users", {"id": 1}, None, "GET"),
        ("users", {"id": 1}, "PUT", "GET"),
        ("users", {"id": 1}, "DELETE", "GET"),
        ("users", {"id": None}, None, "PUT"),
        ("pages", {}, None, "GET"),
        ("pages", {"page": 1}, None, "GET"),
        ("pages", {"page": 2, "q": 1}, None, "GET"),
        ("pages", {"page": "1"}, None, "GET"),
    ]
    for endpoint, values, method, default in cases:
        adapter = rules.bind("h", default_method=default)
        path = rules.build_path(endpoint, values, method, default)
        assert path == adapter.build(endpoint, values, method)


def test_build_path_leaves_to_the_adapter_what_needs_one() -> None:
    class Upper(Rule):
        def build(self, values: Any, append_unknown: bool = True) -> tuple[str, str]:
            return "", "/UPPER"

    rules = Map(
        [
            Rule("/a", endpoint="kb", subdomain="kb"),
            Rule("/b", endpoint="some", subdomain="<sub>"),
            Rule("/c", endpoint="socket", websocket=True),
            Upper("/d", endpoint="upper"),
        ]
    )
    adapter = rules.bind("h")
    for endpoint, values, url in (
        ("kb", {}, "http://kb.h/a"),
        ("some", {"sub": "x"}, "http://x.h/b"),
        ("socket", {}, "ws://h/c"),
        ("upper", {}, "/UPPER"),
    ):
        for _ in range(2):
            assert rules.build_path(endpoint, values) is None
        assert adapter.build(endpoint, values) == url
