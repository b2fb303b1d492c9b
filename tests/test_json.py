"""JSON as the application wants it, and JSON that keeps more types."""

import dataclasses
import io
import json
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import flask.json.provider
import flask.json.tag
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.test import EnvironBuilder

import carboy.json
from carboy import Flask, Response, jsonify
from carboy.json.provider import DefaultJSONProvider, JSONProvider
from carboy.json.tag import JSONTag, TagDict, TaggedJSONSerializer


@pytest.fixture
def app() -> Flask:
    return Flask(__name__)


@dataclasses.dataclass
class Point:
    x: int
    y: Decimal


# -- the default provider ----------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": "é"}, '{"a": "\\u00e9", "b": 1}'),
        ([1.5, None, True], "[1.5, null, true]"),
        ("text", '"text"'),
        (date(2026, 11, 22), '"Sun, 22 Nov 2026 00:00:00 GMT"'),
        (datetime(2026, 11, 22, 13, 5), '"Sun, 22 Nov 2026 13:05:00 GMT"'),
        (Decimal("1.50"), '"1.50"'),
        (UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (Markup("<b>"), '"<b>"'),
        (Point(1, Decimal(2)), '{"x": 1, "y": "2"}'),
        (float("nan"), "NaN"),
    ],
)
def test_what_can_be_serialised(app, value, text):
    assert app.json.dumps(value) == text


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes"])
def test_what_cannot_be_serialised_is_named(app, value):
    with pytest.raises(TypeError, match=f"Object of type {type(value).__name__} is not JSON"):
        app.json.dumps(value)


def test_a_circle_is_an_error(app):
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        app.json.dumps(circle)


@pytest.mark.parametrize(
    "options",
    [
        {"indent": 2},
        {"separators": (",", ":")},
        {"separators": [",", ":"]},
        {"sort_keys": False},
        {"ensure_ascii": False},
        {"skipkeys": True, "sort_keys": False},
        {"check_circular": False},
        {"default": repr},
        {"cls": json.JSONEncoder},
        {"sort_keys": False, "indent": "\t"},
    ],
)
def test_options_are_those_of_the_standard_library(app, options):
    value = {"b": ["é", Decimal(1)], "a": {"c": 1.0}}
    theirs = flask.json.provider.DefaultJSONProvider(flask.Flask(__name__))
    assert app.json.dumps(value, **options) == theirs.dumps(value, **options)


def test_an_unknown_option_is_refused(app):
    with pytest.raises(TypeError, match="colour"):
        app.json.dumps({}, colour="green")


def test_not_a_number_can_be_refused(app):
    with pytest.raises(ValueError, match="Out of range"):
        app.json.dumps(float("inf"), allow_nan=False)


def test_attributes_can_be_changed_at_any_time(app):
    value = {"b": "é", "a": object}
    app.json.default = lambda o: o.__name__
    assert app.json.dumps(value) == '{"a": "object", "b": "\\u00e9"}'
    app.json.sort_keys = False
    app.json.ensure_ascii = False
    assert app.json.dumps(value) == '{"b": "é", "a": "object"}'
    app.json.default = lambda o: "another"
    assert app.json.dumps(value) == '{"b": "é", "a": "another"}'


def test_a_subclass_can_say_what_is_serialised(app):
    class Provider(DefaultJSONProvider):
        def default(self, o):
            return f"{type(o).__name__} of {self._app.name}"

    app.json = Provider(app)
    assert app.json.dumps(object()) == f'"object of {__name__}"'


def test_one_object_can_be_serialised_in_two_threads_at_once(app):
    """The check for circles must not mistake the other thread's work for its own."""
    meeting = threading.Barrier(2, timeout=10)
    app.json.default = lambda o: meeting.wait() and None
    shared = {"a": [object()]}
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(app.json.dumps(shared))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2


def test_reading(app):
    assert app.json.loads('{"a": 1.5}', parse_float=Decimal) == {"a": Decimal("1.5")}
    assert app.json.loads("é".join('""').encode()) == "é"
    assert app.json.load(io.BytesIO(b"[1]")) == [1]
    with pytest.raises(json.JSONDecodeError):
        app.json.loads("{")


# -- responses ---------------------------------------------------------------------

INDENTED = '{\n  "a": [\n    1\n  ],\n  "b": 2\n}\n'
COMPACT = '{"a":[1],"b":2}\n'


@pytest.mark.parametrize(
    ("debug", "compact", "body"),
    [
        (False, None, COMPACT),
        (True, None, INDENTED),
        (False, False, INDENTED),
        (True, True, COMPACT),
    ],
)
def test_a_response_is_indented_for_those_who_debug(app, debug, compact, body):
    app.debug = debug
    app.json.compact = compact
    response = app.json.response({"b": 2, "a": [1]})
    assert response.get_data(as_text=True) == body
    assert response.content_type == "application/json"


def test_the_type_of_a_response_can_be_changed(app):
    app.json.mimetype = "application/problem+json"
    assert app.json.response({}).mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("args", "kwargs", "body"),
    [
        ((), {}, "null\n"),
        (({"a": 1},), {}, '{"a":1}\n'),
        ((1, 2), {}, "[1,2]\n"),
        ((), {"a": 1}, '{"a":1}\n'),
        (([],), {}, "[]\n"),
    ],
)
def test_jsonify_takes_a_value_or_items(app, args, kwargs, body):
    with app.app_context():
        assert jsonify(*args, **kwargs).get_data(as_text=True) == body


def test_jsonify_does_not_take_both(app):
    with app.app_context(), pytest.raises(TypeError, match="either args or kwargs, not both"):
        jsonify(1, a=2)


def test_jsonify_needs_an_application():
    with pytest.raises(RuntimeError, match="Working outside of application context"):
        jsonify(1)


# -- the functions of carboy.json --------------------------------------------------


class Shouting(JSONProvider):
    """Another library, as an application brings it."""

    def dumps(self, obj, **kwargs):
        return json.dumps(obj, **kwargs).upper()

    def loads(self, s, **kwargs):
        return f"read {json.loads(s, **kwargs)}"


def test_in_a_context_the_applications_provider_is_asked(app):
    app.json = Shouting(app)
    out = io.StringIO()
    with app.app_context():
        assert carboy.json.dumps("a") == '"A"'
        assert carboy.json.loads('"a"') == "read a"
        assert carboy.json.load(io.StringIO('"a"')) == "read a"
        carboy.json.dump({"a": "b"}, out, indent=1)
        assert jsonify("a").get_data() == b'"A"'
    assert out.getvalue() == '{\n "A": "B"\n}'


def test_outside_of_a_context_it_is_the_standard_library():
    out = io.StringIO()
    carboy.json.dump({"b": Decimal(1), "a": 2}, out)
    assert out.getvalue() == carboy.json.dumps({"b": Decimal(1), "a": 2}) == '{"b": "1", "a": 2}'
    assert carboy.json.loads("[1]") == carboy.json.load(io.StringIO("[1]")) == [1]


def test_a_provider_must_say_how():
    provider = JSONProvider(Flask(__name__))
    with pytest.raises(NotImplementedError):
        provider.dumps(1)
    with pytest.raises(NotImplementedError):
        provider.loads("1")


# -- tags --------------------------------------------------------------------------

KEYS = st.one_of(st.sampled_from([" t", " di", " b", " di__", " t__", " q", "a", ""]), st.text())
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.uuids(),
        st.builds(Markup, st.text()),
        st.datetimes(
            min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
        ).map(lambda moment: moment.replace(microsecond=0)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=8,
)


def custom(base):
    class Shout(base):
        key = " q"

        def check(self, value):
            return isinstance(value, str)

        def to_json(self, value):
            return value.upper()

        def to_python(self, value):
            return ("shouted", value)

    return Shout


def serializers(register: bool):
    ours, theirs = TaggedJSONSerializer(), flask.json.tag.TaggedJSONSerializer()
    if register:
        ours.register(custom(JSONTag), index=0)
        theirs.register(custom(flask.json.tag.JSONTag), index=0)
    return ours, theirs


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_read_again(value):
    serializer = TaggedJSONSerializer()
    again = serializer.loads(serializer.dumps(value))
    assert again == value
    assert type(again) is type(value)


@given(VALUES, st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_text_is_flasks_and_read_as_flask_reads_it(value, register):
    ours, theirs = serializers(register)
    text = ours.dumps(value)
    assert text == theirs.dumps(value)
    assert ours.loads(text) == theirs.loads(text)


@pytest.mark.parametrize(
    "text",
    ['{" di":{" t__":1,"x":2}}', '{" zz":1}', '{" di":{"ab":1}}', '[{" t":[{" b":"eA=="}]}]', "5"],
)
def test_text_of_other_writers_is_read_as_flask_reads_it(text):
    ours, theirs = serializers(register=False)
    assert ours.loads(text) == theirs.loads(text)


def test_a_tag_can_be_registered_only_once():
    serializer = TaggedJSONSerializer()
    serializer.register(custom(JSONTag))
    with pytest.raises(KeyError, match="Tag ' q' is already registered"):
        serializer.register(custom(JSONTag))
    serializer.register(custom(JSONTag), force=True)
    assert [type(tag).__name__ for tag in serializer.order[-2:]] == ["Shout", "Shout"]


def test_a_tag_registered_later_is_asked_too():
    """Nothing is remembered of how values of its type were written before."""
    serializer = TaggedJSONSerializer()
    assert serializer.dumps({"a": "b", "c": ["d"]}) == '{"a":"b","c":["d"]}'
    serializer.register(custom(JSONTag))
    assert serializer.dumps({"a": "b", "c": ["d"]}) == '{"a":{" q":"B"},"c":[{" q":"D"}]}'


def test_a_tag_put_into_the_order_by_hand_is_asked():
    serializer = TaggedJSONSerializer()
    serializer.order.insert(0, custom(JSONTag)(serializer))
    assert serializer.dumps({"a": "b", "c": 1}) == '{"a":{" q":"B"},"c":1}'


def test_a_tag_without_a_key_prepares_values_only():
    class Lists(JSONTag):
        def check(self, value):
            return isinstance(value, set)

        def to_json(self, value):
            return self.serializer.tag(sorted(value))

        tag = to_json

    serializer = TaggedJSONSerializer()
    serializer.register(Lists)
    assert serializer.dumps({"a": {2, 1}}) == '{"a":[1,2]}'


def test_a_subclass_can_have_other_tags_or_write_otherwise():
    class Few(TaggedJSONSerializer):
        default_tags = [custom(JSONTag)]

    class Careful(TaggedJSONSerializer):
        def tag(self, value):
            return super().tag("hidden" if value == "secret" else value)

    assert Few().dumps("a") == '{" q":"A"}'
    assert Careful().dumps({"a": "secret", "b": 1}) == '{"a":"hidden","b":1}'


def test_a_tag_must_say_how():
    tag = JSONTag(TaggedJSONSerializer())
    for method in (tag.check, tag.to_json, tag.to_python, tag.tag):
        with pytest.raises(NotImplementedError):
            method(1)
    assert TagDict(tag.serializer).tag({" t": 1}) == {" di": {" t__": 1}}


@pytest.mark.parametrize(
    "text",
    [
        *('{"a": 1}', "[1]", "1", " {}", "{} ", '{"a":', "nope", "", "[1,]", "\ufeff{}", "[1] x"),
        *(b'{"a":"\xc3\xa9"}', b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b"{", b"[", b"NaN", b'"x"'),
        *("{}".encode(code) for code in ("utf-16", "utf-16-le", "utf-32-le", "utf-32-be")),
        bytearray(b"{}"),
    ],
)
def test_json_is_read_as_the_standard_library_reads_it(text):
    def outcome(read):
        try:
            return repr(read(text))
        except ValueError as e:
            return type(e), str(e)

    assert outcome(Flask(__name__).json.loads) == outcome(json.loads)


def _mine(self, *args, **kwargs):
    return self._app.response_class(f"mine {args}", mimetype="text/plain")


@pytest.mark.parametrize("rv", [{"a": 1}, [1]])
def test_how_a_provider_makes_responses_is_changed(rv, monkeypatch):
    class Provider(DefaultJSONProvider):
        response = _mine

    def ask(app):
        return app.test_client().get("/").text

    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: rv)
    stock = ask(app)
    app.json.response = partial(_mine, app.json)
    assert ask(app) == f"mine {(rv,)}"
    del app.json.response
    assert ask(app) == stock
    app.json = Provider(app)
    assert ask(app) == f"mine {(rv,)}"

    monkeypatch.setattr(DefaultJSONProvider, "response", _mine)
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: rv)
    assert ask(app) == f"mine {(rv,)}"


DATA = {"b": 1, "a": "é", "at": date(2026, 11, 27)}


def served(app: Flask) -> tuple[str, list[tuple[str, str]], bytes]:
    """What a server gets from the view that returns ``DATA``, without the test client."""
    started: list = []
    body = app(EnvironBuilder("/data").get_environ(), lambda *args: started.extend(args))
    return *started, b"".join(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sort_keys", False),
        ("ensure_ascii", False),
        ("compact", False),
        ("compact", True),
        ("mimetype", "application/vnd.api+json"),
        ("default", lambda o: "a day"),
        ("dumps", lambda obj, **options: "dumped"),
        ("response", lambda *args: Response("responded")),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_what_is_set_on_the_provider_counts_at_once(name: str, value: object, debug: bool) -> None:
    app = Flask(__name__)
    app.add_url_rule("/data", view_func=lambda: DATA)
    before = served(app)
    for _ in range(2):
        app.debug = debug
        setattr(app.json, name, value)
        with app.test_request_context():
            plain = app.json.response(DATA)
        assert served(app) == (plain.status, list(plain.headers), plain.data)
        app.debug = False
        delattr(app.json, name)
        assert served(app) == before
