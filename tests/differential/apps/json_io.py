"""JSON that comes in, JSON that goes out, and the providers in between."""

from __future__ import annotations

import dataclasses
import importlib
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import ModuleType
from typing import Any
from uuid import UUID

from ..asking import get, post


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None


class Colour(Enum):
    RED = "red"


class Text(str):
    pass


class WithHtml:
    def __html__(self) -> str:
        return "<b>html</b>"


VALUES: dict[str, Any] = {
    "datetime": datetime(2024, 1, 2, 3, 4, 5, 6),
    "aware": datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
    "date": date(2024, 1, 2),
    "time": time(1, 2, 3),
    "timedelta": timedelta(seconds=3),
    "uuid": UUID(int=7),
    "decimal": Decimal("1.50"),
    "dataclass": Point(1, Point(2)),
    "dataclass type": Point,
    "html": WithHtml(),
    "enum": Colour.RED,
    "str subclass": Text("x"),
    "tuple": (1, (2,)),
    "set": {1},
    "bytes": b"x",
    "none": None,
    "true": True,
    "integer": 10**30,
    "float": 0.1,
    "nan": float("nan"),
    "infinity": float("inf"),
    "str": "é☃\U0001f600</script>'\"\\\n\u2028",
    "surrogate": "\ud800",
    "unsorted": {"b": {"d": 1, "c": 2}, "a": 3},
    "keys": {1: "a", None: "b"},
    "tuple keys": {(1, 2): "a"},
    "date keys": {date(2024, 1, 2): 1},
    "generator": (number for number in ()),
    "complex": 1j,
}


STATELESS = True


def create(flask: ModuleType) -> Any:
    return _application(flask)


def _application(flask: ModuleType, debug: bool = False) -> Any:
    app = flask.Flask(__name__)
    app.debug = debug
    request = flask.request

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> Any:
        return {"got": request.json}

    @app.post("/get_json")
    def get_json() -> Any:
        options = dict.fromkeys(request.args, True)
        return {"got": repr(request.get_json(**options)), "is_json": request.is_json}

    @app.post("/twice")
    def twice() -> Any:
        first, second = request.get_json(), request.json
        forced = request.get_json(force=True, cache=False)
        return {
            "same": first is second,
            "forced": first is forced,
            "data": request.get_data(as_text=True),
        }

    @app.post("/silent-then-loud")
    def silent_then_loud() -> Any:
        return {"silent": request.get_json(silent=True), "loud": request.get_json()}

    @app.post("/form-then-json")
    def form_then_json() -> Any:
        return {"form": request.form.to_dict(), "json": request.get_json(force=True)}

    @app.post("/data-then-json")
    def data_then_json() -> Any:
        return {"data": request.data.decode("latin-1"), "json": request.json}

    @app.get("/value/<name>")
    def value(name: str) -> Any:
        return flask.jsonify(VALUES[name])

    @app.get("/in-dict/<name>")
    def in_dict(name: str) -> Any:
        return {"value": VALUES[name]}

    @app.get("/arguments")
    def arguments() -> Any:
        made = [
            flask.jsonify(),
            flask.jsonify(1),
            flask.jsonify(1, "two", None),
            flask.jsonify(None),
            flask.jsonify(b=1, a=2),
            flask.jsonify({"b": 1, "a": 2}),
            flask.jsonify([1]),
        ]
        return {"bodies": [response.get_data(as_text=True) for response in made]}

    @app.get("/both")
    def both() -> Any:
        return flask.jsonify(1, a=2)

    return app


def _json(body: bytes, path: str = "/echo", **options: Any) -> Any:
    options = {"content_type": "application/json", "name": repr(body[:30]), **options}
    return post(path, body=body, **options)


_SETTINGS = ("force=1", "silent=1", "force=1&silent=1", "cache=1", "")

REQUESTS = [
    *(get(f"/value/{name}") for name in VALUES),
    *(get(f"/in-dict/{name}") for name in VALUES),
    get("/arguments"),
    get("/both"),
    post("/echo", json={"b": 1, "a": [None, 1.5, "é"]}),
    _json(b"[1, 2]"),
    _json(b'"text"'),
    _json(b"null"),
    _json(b""),
    _json(b" "),
    _json(b"{"),
    _json(b"{'a': 1}"),
    _json(b'{"a": 1, "a": 2}'),
    _json(b"NaN"),
    _json(b"[1,]"),
    _json(b'"\xff"'),
    _json(b'"\xe9"', content_type="application/json; charset=latin-1"),
    _json('"é"'.encode("utf-16"), name="UTF-16"),
    _json(b'\xef\xbb\xbf{"a": 1}', name="with a byte order mark"),
    _json(b'"\\ud800"'),
    _json(b"[" * 100_000, name="nested too deeply"),
    _json(b"1" * 5000, name="an integer of five thousand digits"),
    _json(b"{}", content_type="application/vnd.api+json"),
    _json(b"{}", content_type="APPLICATION/JSON", name="upper case"),
    _json(b"{}", content_type="text/json", name="text/json"),
    _json(b"{}", content_type="text/plain", name="text/plain"),
    _json(b"{}", content_type="application/x+jsonp", name="+jsonp"),
    _json(b"{}", content_type="application/json;", name="an empty parameter"),
    _json(b"{}", content_type=None, name="no content type"),
    _json(b"{}", content_type="", name="an empty content type"),
    get("/echo"),
    get("/echo", headers=(("Content-Type", "application/json"),)),
    *(_json(b'{"a": 1}', "/get_json", query=q, name=q) for q in _SETTINGS),
    *(_json(b"{", "/get_json", query=q, name=f"broken {q}") for q in _SETTINGS),
    *(
        _json(b"{}", "/get_json", query=q, content_type="text/x", name=f"other {q}")
        for q in _SETTINGS
    ),
    _json(b'{"a": 1}', "/twice"),
    _json(b"{", "/silent-then-loud"),
    _json(b"{}", "/silent-then-loud"),
    _json(b"a=1", "/form-then-json", content_type="application/x-www-form-urlencoded"),
    _json(b"{}", "/data-then-json"),
]


def _with_debug(flask: ModuleType, debug: bool) -> object:
    client = _application(flask, debug).test_client()
    answers = [
        client.post("/echo", data=b"{", content_type="application/json"),
        client.post("/echo", data=b"{", content_type="text/plain"),
        client.post("/get_json?force=1", data=b"", content_type="text/plain"),
        client.get("/value/unsorted"),
        client.get("/value/str"),
        client.get("/in-dict/tuple"),
        client.get("/arguments"),
    ]
    return [(answer.status, answer.text) for answer in answers]


def probe_with_debug(flask: ModuleType) -> object:
    return _with_debug(flask, True)


def probe_without_debug(flask: ModuleType) -> object:
    return _with_debug(flask, False)


def _provided(flask: ModuleType, **settings: Any) -> object:
    app = _application(flask)
    for name, value in settings.items():
        setattr(app.json, name, value)
    client = app.test_client()
    paths = ("unsorted", "str", "tuple", "keys", "dataclass", "html", "decimal")
    with app.app_context():
        dumped = flask.json.dumps({"b": "é", "a": (1, 2)})
    return [
        dumped,
        *(
            (answer.status, answer.content_type, answer.text)
            for answer in (client.get(f"/value/{path}") for path in paths)
        ),
    ]


def probe_the_default_provider(flask: ModuleType) -> object:
    return _provided(flask)


def probe_unsorted_keys(flask: ModuleType) -> object:
    return _provided(flask, sort_keys=False)


def probe_beyond_ascii(flask: ModuleType) -> object:
    return _provided(flask, ensure_ascii=False)


def probe_compact(flask: ModuleType) -> object:
    return _provided(flask, compact=True)


def probe_not_compact(flask: ModuleType) -> object:
    return _provided(flask, compact=False)


def probe_another_mimetype(flask: ModuleType) -> object:
    return _provided(flask, mimetype="application/vnd.own+json")


def probe_another_default(flask: ModuleType) -> object:
    return _provided(flask, default=staticmethod(repr))


def probe_a_provider_of_ones_own(flask: ModuleType) -> object:
    provider = importlib.import_module(f"{flask.__name__}.json.provider")
    calls: list[Any] = []

    class Own(provider.JSONProvider):
        def dumps(self, obj: Any, **options: Any) -> str:
            calls.append(("dumps", repr(obj), sorted(options)))
            return "dumped"

        def loads(self, s: Any, **options: Any) -> Any:
            calls.append(("loads", s, sorted(options)))
            return "loaded"

    app = _application(flask)
    app.json = Own(app)
    client = app.test_client()
    seen = [
        client.get("/value/unsorted").text,
        client.get("/in-dict/none").text,
        client.post("/echo", data="x", content_type="application/json").text,
        client.post("/echo", json={"a": 1}).text,
        client.get("/arguments").json,
    ]
    with app.app_context():
        seen += [flask.json.dumps(1, indent=2), flask.json.loads("2")]
    return seen, calls


def probe_a_provider_class(flask: ModuleType) -> object:
    provider = importlib.import_module(f"{flask.__name__}.json.provider")

    class Own(provider.DefaultJSONProvider):
        sort_keys = False

        def default(self, o: Any) -> Any:
            return f"default of {type(o).__name__}"

    class Application(flask.Flask):
        json_provider_class = Own

    app = Application(__name__)
    with app.app_context():
        return flask.json.dumps({"b": object(), "a": datetime(2024, 1, 1)})


def probe_the_functions_with_and_without_an_application(flask: ModuleType) -> object:
    json, seen = flask.json, []
    io = importlib.import_module("io")
    app = flask.Flask(__name__)
    value = {"b": "é", "a": Decimal(1), "c": {"e": 1, "d": 2}}
    for context in (None, app.app_context()):
        if context:
            context.push()
        stream = io.StringIO()
        for deed in (
            lambda: json.dumps(value),
            lambda: json.dumps({"b": "é", "a": 1}),
            lambda: json.dumps({"b": "é", "a": 1}, sort_keys=False, ensure_ascii=False),
            lambda: json.dumps([1], indent=2),
            lambda s=stream: json.dump({"b": 1, "a": 2}, s),
            lambda s=stream: s.getvalue(),
            lambda: json.loads('{"a": 1.5}'),
            lambda: json.loads(b'{"a": 1}'),
            lambda: json.loads('{"a": 1.5}', parse_float=str),
            lambda: json.load(io.StringIO("[1]")),
            lambda: json.load(io.BytesIO(b"[1]")),
            lambda: json.loads("{"),
        ):
            try:
                seen.append(deed())
            except Exception as error:
                seen.append([type(error).__name__, str(error)])
        if context:
            context.pop()
    return seen


def probe_the_tag_serializer(flask: ModuleType) -> object:
    tag = importlib.import_module(f"{flask.__name__}.json.tag")
    markup = importlib.import_module("markupsafe").Markup
    serializer = tag.TaggedJSONSerializer()
    values: list[Any] = [
        {"a": 1},
        (1, [2, (3,)]),
        b"\x00\xff",
        UUID(int=7),
        datetime(2024, 1, 2, 3, 4, 5),
        datetime(2024, 1, 2, tzinfo=UTC),
        markup("<b>"),
        {" t": 1},
        {" t": 1, "b": 2},
        {" di": {" di": 1}},
        {1: "integer key"},
        [],
        {},
        (),
        None,
        1.5,
        "é",
        Decimal(1),
        WithHtml(),
    ]
    seen: list[Any] = []
    for value in values:
        try:
            text = serializer.dumps(value)
            loaded = serializer.loads(text)
            seen.append([text, repr(loaded), type(loaded).__name__])
        except Exception as error:
            seen.append([type(error).__name__, str(error)])
    seen.append([one.__name__ for one in serializer.default_tags])
    seen.append(sorted(serializer.tags))
    return seen


def probe_a_tag_of_ones_own(flask: ModuleType) -> object:
    tag = importlib.import_module(f"{flask.__name__}.json.tag")

    class TagDecimal(tag.JSONTag):
        key = " dec"

        def check(self, value: Any) -> bool:
            return isinstance(value, Decimal)

        def to_json(self, value: Any) -> Any:
            return str(value)

        def to_python(self, value: Any) -> Any:
            return Decimal(value)

    serializer = tag.TaggedJSONSerializer()
    serializer.register(TagDecimal)
    serializer.register(TagDecimal, force=True, index=0)
    seen = [
        serializer.dumps({"a": Decimal("1.5")}),
        serializer.loads(serializer.dumps([Decimal("1.5")])),
        [type(one).__name__ for one in serializer.order],
    ]
    try:
        serializer.register(TagDecimal)
    except Exception as error:
        seen.append([type(error).__name__, str(error)])
    return seen


def probe_htmlsafe_and_tojson(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.json.sort_keys = False
    with app.app_context():
        return [
            flask.render_template_string("{{ x|tojson }}", x={"b": "</script>'&", "a": 1}),
            flask.render_template_string("{{ x|tojson(indent=1) }}", x=[1]),
            flask.render_template_string("{{ x|tojson }}", x=Point(1, date(2024, 1, 1))),
            flask.render_template_string("<a b='{{ x|tojson }}'>", x="it's"),
        ]
