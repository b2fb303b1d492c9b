"""Sessions in signed cookies, from what the browser sends to what it gets back."""

import hashlib
import time
from datetime import UTC, datetime, timedelta

import flask
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from itsdangerous import BadSignature, TimedSerializer, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from markupsafe import Markup

import carboy
from carboy import Flask, Response, render_template_string, session
from carboy.json.tag import JSONTag, TaggedJSONSerializer
from carboy.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
    must_save_unopened,
    opens_on_demand,
)


def make(web=carboy, **config):
    """The same small application on either framework."""
    app = web.Flask(__name__)
    app.config.update({"TESTING": True, "SECRET_KEY": "key", **config})

    @app.get("/")
    def untouched():
        return "untouched"

    @app.get("/show")
    def show():
        return {key: str(value) for key, value in web.session.items()}

    @app.get("/put/<value>")
    def put(value):
        web.session["value"] = value
        return "put"

    @app.get("/stay")
    def stay():
        web.session.permanent = True
        return "stay"

    @app.get("/clear")
    def clear():
        web.session.clear()
        return "clear"

    return app


@pytest.fixture
def app() -> Flask:
    return make()


class Clock:
    """The time as the sessions see it, to be moved by hand."""

    def __init__(self, monkeypatch):
        self.now = 1_790_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def signed(app, data) -> str:
    """The cookie's value for *data*, as *app* signs it."""
    return app.session_interface.get_signing_serializer(app).dumps(data)


def seen(app, cookie: str, name: str = "session") -> dict:
    """What *app* finds in a cookie."""
    with app.test_client(use_cookies=False) as client:
        response = client.get("/show", headers={"Cookie": f"{name}={cookie}"})
    assert response.status_code == 200
    return response.json


# -- from one request to the next --------------------------------------------------


def test_what_is_put_into_the_session_is_there_in_the_next_request(app):
    client = app.test_client()
    client.get("/put/green")
    assert client.get("/show").json == {"value": "green"}
    assert app.test_client().get("/show").json == {}


def test_more_types_than_json_has_survive(app):
    values = {
        "tuple": (1, [2]),
        "bytes": b"\xff",
        "markup": Markup("<b>"),
        "moment": datetime(2026, 11, 22, tzinfo=UTC),
        "tag": {" t": "like a tag"},
    }

    @app.get("/types")
    def types():
        if session:
            return str(dict(session) == values)
        session.update(values)
        return "put"

    client = app.test_client()
    client.get("/types")
    assert client.get("/types").text == "True"


def test_a_change_inside_of_a_value_must_be_said(app):
    @app.get("/append/<word>")
    def append(word):
        session.setdefault("words", []).append(word)
        session.modified = session.modified or word == "said"
        return session["words"]

    client = app.test_client()
    client.get("/append/first")
    client.get("/append/forgotten")
    client.get("/append/said")
    assert client.get("/append/last").json == ["first", "said", "last"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.__setitem__("a", 2),
        lambda s: s.__delitem__("a"),
        lambda s: s.setdefault("b", 1),
        lambda s: s.pop("a"),
        lambda s: s.popitem(),
        lambda s: s.update(b=2),
        lambda s: s.clear(),
        lambda s: s.__ior__({"b": 2}),
        lambda s: setattr(s, "permanent", True),
    ],
)
def test_every_change_is_noticed(change):
    changed = SecureCookieSession({"a": 1})
    assert (changed.modified, changed.new, changed.accessed) == (False, False, False)
    change(changed)
    assert changed.modified


def test_reading_is_not_a_change():
    read = SecureCookieSession({"a": 1})
    assert (read["a"], read.get("b"), "a" in read, len(read), read.permanent) == (
        1,
        None,
        True,
        1,
        False,
    )
    assert not read.modified
    assert repr(read) == "<SecureCookieSession {'a': 1}>"


# -- cookies from elsewhere --------------------------------------------------------


@pytest.mark.parametrize(
    "data", [{"a": 1}, {}, {"a": (1, b"x"), "é": {" t": None}}, {"text": "again and " * 40}]
)
def test_flask_and_carboy_read_each_others_cookies(data):
    ours, theirs = make(), make(flask)
    shown = {key: str(value) for key, value in data.items()}
    assert seen(ours, signed(theirs, data)) == shown
    assert seen(theirs, signed(ours, data)) == shown


def test_the_cookie_is_flasks_to_the_letter(clock):
    answers = []
    for web in (carboy, flask):
        client = make(web).test_client()
        answers.append([client.get(path).headers.getlist("Set-Cookie") for path in PATHS])
    assert answers[0] == answers[1]


PATHS = ["/", "/put/green", "/show", "/put/" + "long" * 60, "/show", "/clear", "/clear", "/"]


def test_a_fallback_key_reads_and_the_new_one_signs(app):
    old = signed(app, {"a": 1})
    for web in (carboy, flask):
        rotated = make(web, SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older", "key"])
        assert seen(rotated, old) == {"a": "1"}
        assert seen(make(web, SECRET_KEY="new"), signed(rotated, {"b": 2})) == {"b": "2"}
        assert seen(make(web, SECRET_KEY="new"), old) == {}


def test_a_key_can_be_changed_while_the_application_runs(app):
    old = signed(app, {"a": 1})
    assert seen(app, old) == {"a": "1"}
    app.secret_key = b"another"
    assert seen(app, old) == {}
    assert seen(app, signed(app, {"b": 2})) == {"b": "2"}


def tampered(cookie: str) -> dict[str, str]:
    payload, timestamp, signature = cookie.split(".")
    return {
        "empty": "",
        "dots": "..",
        "no signature": f"{payload}.{timestamp}",
        "empty signature": f"{payload}.{timestamp}.",
        "another signature": f"{payload}.{timestamp}.{signature[::-1]}",
        "another payload": f"{payload[:-1]}x.{timestamp}.{signature}",
        "another time": f"{payload}.{timestamp[::-1]}.{signature}",
        "no time": f"{payload}.{signature}",
        "compressed": f".{cookie}",
        "cut off": cookie[:-1],
        "garbage": "%%%;;;===",
        "not ASCII": "\xff\xfe" + cookie,
        "huge": "a" * 10_000,
    }


@pytest.mark.parametrize("how", tampered("..").keys())
def test_a_cookie_that_was_tampered_with_is_an_empty_session(app, how):
    assert seen(app, tampered(signed(app, {"a": 1}))[how]) == {}


def test_a_signature_with_padding_is_still_a_signature(app):
    cookie = signed(app, {"a": 1})
    assert seen(app, f"{cookie}=") == seen(make(flask), f"{cookie}=") == {"a": "1"}


@pytest.mark.parametrize(
    ("age", "valid"), [(0, True), (60, True), (61, False), (10**9, False), (-1, False)]
)
def test_a_cookie_is_valid_for_the_lifetime_of_a_session(clock, age, valid):
    app = make(PERMANENT_SESSION_LIFETIME=60)
    cookie = signed(app, {"a": 1})
    for _ in range(2):  # when it is first seen, and when it is seen again
        clock.now += age
        assert seen(app, cookie) == ({"a": "1"} if valid else {})
        clock.now -= age


def test_what_is_done_to_one_session_is_not_seen_in_the_next(app):
    cookie = signed(app, {"words": ["one"]})

    @app.get("/append")
    def append():
        session["words"].append("two")
        return session["words"]

    for _ in range(2):
        answer = app.test_client(use_cookies=False).get(
            "/append", headers={"Cookie": f"session={cookie}"}
        )
        assert answer.json == ["one", "two"]


def test_two_applications_do_not_read_each_other(app):
    other = make(SECRET_KEY="another")
    assert seen(other, signed(app, {"a": 1})) == {}
    assert seen(app, signed(app, {"a": 1})) == {"a": "1"}


# -- what the response says --------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "vary"), [("/", None), ("/show", "Cookie"), ("/put/x", "Cookie"), ("/clear", "Cookie")]
)
def test_a_response_that_depends_on_the_session_varies_by_cookie(app, path, vary):
    assert app.test_client().get(path).headers.get("Vary") == vary


@pytest.mark.parametrize(
    ("template", "vary"),
    [
        ("{{ session.get('a') }}", "Cookie"),
        ("{% if false %}{{ session.a }}{% endif %}", None),
    ],
)
def test_a_template_touches_the_session_by_using_it(app, template, vary):
    app.add_url_rule("/template", view_func=lambda: render_template_string(template))
    assert app.test_client().get("/template").headers.get("Vary") == vary


def test_vary_is_added_to_what_the_view_says(app):
    @app.get("/language")
    def language():
        response = Response(str(len(session)))
        response.headers["vary"] = "Accept-Language"
        return response

    assert app.test_client().get("/language").headers.getlist("Vary") == ["Accept-Language, Cookie"]


ATTRIBUTES = [
    {},
    {"SESSION_COOKIE_NAME": "another"},
    {"SESSION_COOKIE_NAME": "münze"},
    {"SESSION_COOKIE_DOMAIN": ".Example.com"},
    {"SESSION_COOKIE_PATH": "/in here;"},
    {"APPLICATION_ROOT": "/root"},
    {"APPLICATION_ROOT": None},
    {"SESSION_COOKIE_HTTPONLY": False},
    {"SESSION_COOKIE_SECURE": True},
    {"SESSION_COOKIE_SECURE": 1},
    {"SESSION_COOKIE_SAMESITE": "lax"},
    {"SESSION_COOKIE_SAMESITE": "Strict"},
    {"SESSION_COOKIE_PARTITIONED": True},
    {"SESSION_COOKIE_DOMAIN": "a.example", "SESSION_COOKIE_SECURE": True, "MAX_COOKIE_SIZE": 0},
]


def saved(web, data, permanent=False, cleared=False, **config) -> list[str]:
    """The ``Set-Cookie`` headers of a session that was saved in a context without a request."""
    app = make(web, **config)
    opened = web.sessions.SecureCookieSession()
    opened.update(data)
    opened.permanent = permanent
    if cleared:
        opened.clear()
    with app.app_context():
        response = app.response_class("")
        app.session_interface.save_session(app, opened, response)
    return response.headers.getlist("Set-Cookie")


@pytest.mark.parametrize("config", ATTRIBUTES)
def test_the_cookies_attributes_are_flasks(clock, config):
    for cleared in (False, True):
        ours = saved(carboy, {"a": 1}, cleared=cleared, **config)
        assert ours == saved(flask, {"a": 1}, cleared=cleared, **config)
        assert len(ours) == 1


def test_a_samesite_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="SameSite must be"):
        saved(carboy, {"a": 1}, SESSION_COOKIE_SAMESITE="sometimes")


def test_a_new_line_in_the_cookies_name_is_refused():
    with pytest.raises(ValueError, match="newline"):
        saved(carboy, {"a": 1}, SESSION_COOKIE_NAME="a\r\nSet-Cookie: b")


def test_a_cookie_that_browsers_may_drop_is_warned_about(app):
    everything = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(150))
    with pytest.warns(UserWarning, match="The 'session' cookie is too large"):
        answer = app.test_client().get(f"/put/{everything}")
    assert len(answer.headers["Set-Cookie"]) > 4093


def test_a_session_that_was_emptied_is_deleted(app):
    client = app.test_client()
    client.get("/put/green")
    assert "Max-Age=0" in client.get("/clear").headers["Set-Cookie"]
    assert client.get_cookie("session") is None


def test_a_session_that_was_only_read_is_not_sent_again(app):
    client = app.test_client()
    client.get("/put/green")
    assert "Set-Cookie" not in client.get("/show").headers
    assert "Set-Cookie" not in client.get("/").headers


# -- permanent sessions ------------------------------------------------------------


def test_a_permanent_session_has_an_end():
    app = make(PERMANENT_SESSION_LIFETIME=timedelta(days=2))
    client = app.test_client()
    before = datetime.now(UTC).replace(microsecond=0)
    client.get("/stay")
    cookie = client.get_cookie("session")
    assert before <= cookie.expires - timedelta(days=2) <= datetime.now(UTC)


@pytest.mark.parametrize(("refresh", "sent"), [(True, True), (False, False)])
def test_a_permanent_session_is_refreshed_also_when_nobody_asks_for_it(refresh, sent):
    client = make(SESSION_REFRESH_EACH_REQUEST=refresh).test_client()
    client.get("/stay")
    for path in ("/", "/show"):
        assert ("Set-Cookie" in client.get(path).headers) is sent


def test_the_date_of_a_permanent_session_is_flasks(monkeypatch):
    for web in (carboy, flask):
        monkeypatch.setattr(
            web.sessions.SessionInterface,
            "get_expiration_time",
            lambda self, app, session: datetime(2026, 11, 22, 13, 5, 59, 999_999, tzinfo=UTC),
        )
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000)
    config = {"SESSION_COOKIE_DOMAIN": "a.example", "SESSION_COOKIE_SECURE": True}
    ours = saved(carboy, {"a": 1}, permanent=True, **config)
    assert ours == saved(flask, {"a": 1}, permanent=True, **config)
    assert "Expires=Sun, 22 Nov 2026 13:05:59 GMT" in ours[0]


# -- without a key -----------------------------------------------------------------


def test_without_a_key_the_session_can_be_read_and_not_written():
    client = make(SECRET_KEY=None).test_client()
    assert client.get("/show").json == {}
    with pytest.raises(RuntimeError, match="no secret key was set"):
        client.get("/put/green")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.__setitem__("a", 1),
        lambda s: s.__delitem__("a"),
        lambda s: s.setdefault("a"),
        lambda s: s.pop("a", None),
        lambda s: s.popitem(),
        lambda s: s.update({}),
        lambda s: s.clear(),
        lambda s: setattr(s, "permanent", True),
    ],
)
def test_a_null_session_refuses_every_change(change):
    with pytest.raises(RuntimeError, match="Set the secret_key"):
        change(NullSession())


# -- interfaces of one's own -------------------------------------------------------


class Override(SecureCookieSessionInterface):
    """Every setting from somewhere else."""

    digest_method = staticmethod(hashlib.sha256)
    key_derivation = "django-concat"
    salt = "pepper"

    def get_cookie_name(self, app):
        return "mine"

    def get_cookie_path(self, app):
        return "/mine"

    def get_cookie_domain(self, app):
        return "mine.example"

    def get_cookie_httponly(self, app):
        return False

    def get_cookie_secure(self, app):
        return True

    def get_cookie_samesite(self, app):
        return "Strict"

    def get_cookie_partitioned(self, app):
        return True

    def get_expiration_time(self, app, session):
        return datetime(2030, 1, 1, tzinfo=UTC)


def test_what_a_subclass_overrides_counts(app):
    app.session_interface = Override()
    cookie = app.test_client().get("/put/green").headers["Set-Cookie"]
    value, rest = cookie.split("; ", 1)
    assert rest == (
        "Domain=mine.example; Expires=Tue, 01 Jan 2030 00:00:00 GMT; Secure; Path=/mine;"
        " SameSite=Strict; Partitioned"
    )
    theirs = URLSafeTimedSerializer(
        "key",
        salt="pepper",
        serializer=TaggedJSONSerializer(),
        signer_kwargs={"key_derivation": "django-concat", "digest_method": hashlib.sha256},
    )
    name, _, value = value.partition("=")
    assert (name, theirs.loads(value)) == ("mine", {"value": "green"})
    assert seen(app, value, name="mine") == {"value": "green"}


def test_attributes_of_the_interface_can_be_set_on_the_instance(app):
    cookie = signed(app, {"a": 1})
    app.session_interface = SecureCookieSessionInterface()
    assert seen(app, cookie) == {"a": "1"}
    app.session_interface.salt = "pepper"
    assert seen(app, cookie) == {}
    assert seen(app, signed(app, {"b": 2})) == {"b": "2"}


def test_a_serializer_of_ones_own(app):
    class Reversed:
        __hash__ = None  # what is not hashable cannot be kept, and works all the same

        def dumps(self, value):
            return repr(sorted(value.items()))[::-1]

        def loads(self, text):
            return dict(eval(text[::-1]))

    app.session_interface = SecureCookieSessionInterface()
    app.session_interface.serializer = Reversed()
    client = app.test_client()
    client.get("/put/green")
    assert client.get("/show").json == {"value": "green"}


def test_a_signing_serializer_of_ones_own_may_need_quotes(app):
    class Plain:
        def dumps(self, value):
            return '"plain", ' + value["value"]

        def loads(self, text, max_age):
            return {"value": text.removeprefix('"plain", ')}

    class Interface(SecureCookieSessionInterface):
        def get_signing_serializer(self, app):
            return Plain()

    app.session_interface = Interface()
    client = app.test_client()
    assert client.get("/put/green").headers["Set-Cookie"].startswith('session="\\"plain\\"\\054')
    assert client.get("/show").json == {"value": "green"}


def test_a_tag_of_ones_own(app):
    class Complex(JSONTag):
        key = " c"

        def check(self, value):
            return isinstance(value, complex)

        def to_json(self, value):
            return [value.real, value.imag]

        def to_python(self, value):
            return complex(*value)

    interface = app.session_interface = SecureCookieSessionInterface()
    interface.serializer = TaggedJSONSerializer()
    interface.serializer.register(Complex)
    assert seen(app, signed(app, {"z": 1 + 2j})) == {"z": "(1+2j)"}


def test_the_set_cookie_of_a_response_class_is_called(app):
    class Noting(Response):
        noted: list = []

        def set_cookie(self, key, *args, **kwargs):
            self.noted.append(key)
            super().set_cookie(key, *args, **kwargs)

    app.response_class = Noting
    client = app.test_client()
    client.get("/put/green")
    client.get("/clear")
    assert Noting.noted == ["session", "session"]


class StoreInterface(SessionInterface):
    """Keeps sessions in memory, by the name that the request gives."""

    class Session(dict, SessionMixin):
        name: str

    def __init__(self):
        self.store = {}
        self.opened = 0

    def open_session(self, app, request):
        self.opened += 1
        if (name := request.headers.get("X-Name")) is None:
            return None
        opened = self.Session(self.store.get(name, {}))
        opened.name = name
        return opened

    def save_session(self, app, session, response):
        self.store[session.name] = dict(session)


def test_sessions_can_be_kept_elsewhere(app):
    store = app.session_interface = StoreInterface()
    client = app.test_client()
    client.get("/put/green", headers={"X-Name": "ada"})
    assert client.get("/show", headers={"X-Name": "ada"}).json == {"value": "green"}
    assert store.store == {"ada": {"value": "green"}}


def test_a_store_is_asked_for_each_request(app):
    store = app.session_interface = StoreInterface()
    app.test_client().get("/", headers={"X-Name": "ada"})
    assert (store.opened, store.store) == (1, {"ada": {}})


def test_a_store_that_has_no_session_gives_a_null_session(app):
    app.session_interface = StoreInterface()
    assert app.test_client().get("/show").json == {}


def test_an_interface_must_open_and_save(app):
    interface = SessionInterface()
    with pytest.raises(NotImplementedError):
        interface.open_session(app, None)
    with pytest.raises(NotImplementedError):
        interface.save_session(app, SecureCookieSession(), Response())


# -- what nobody asks for is not opened --------------------------------------------


@pytest.mark.parametrize(
    ("cookies", "config", "must"),
    [
        ("", {}, False),
        ("theme=dark", {}, False),
        ("theme=dark; session=abc", {}, True),
        ("session=abc", {"SESSION_REFRESH_EACH_REQUEST": False}, False),
        ("mine=abc", {"SESSION_COOKIE_NAME": "mine"}, True),
    ],
)
def test_an_unopened_session_is_saved_only_if_it_may_be_permanent(cookies, config, must):
    app = make(**config)
    assert bool(must_save_unopened(app.session_interface, app, cookies)) is must


def test_interfaces_that_open_or_save_otherwise_are_not_opened_on_demand():
    def overriding(name):
        return type("Interface", (SecureCookieSessionInterface,), {name: lambda *args: None})()

    assert opens_on_demand(SecureCookieSessionInterface())
    assert opens_on_demand(Override())
    assert not opens_on_demand(StoreInterface())
    for name in ("open_session", "save_session", "should_set_cookie", "session_class"):
        assert not opens_on_demand(overriding(name))
        changed = SecureCookieSessionInterface()
        setattr(changed, name, None)
        assert not opens_on_demand(changed)


# -- the fast way beside the plain one ---------------------------------------------

DIGESTS = st.sampled_from([None, hashlib.sha1, hashlib.sha256, hashlib.sha512, hashlib.md5])
DATA = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.integers(), st.text(), st.binary(max_size=40), st.text("ab", max_size=300)),
    max_size=4,
)


@given(
    data=DATA,
    keys=st.lists(st.one_of(st.binary(min_size=1, max_size=200), st.text(min_size=1)), min_size=1),
    derivation=st.sampled_from(["hmac", "concat", "django-concat", "none"]),
    digest=DIGESTS,
    position=st.integers(min_value=0),
    character=st.characters(codec="latin-1"),
)
@example({"\x1f\x1f\x1f": 0}, [b"k"], "hmac", None, 0, "0")
@example({"aaaaa": 1}, [b"k"], "hmac", None, 0, "0")
@settings(max_examples=150, deadline=None)
def test_the_serializer_does_what_itsdangerous_does(
    data, keys, derivation, digest, position, character
):
    interface = SecureCookieSessionInterface()
    interface.key_derivation = derivation
    if digest is not None:
        interface.digest_method = digest
    app = make(SECRET_KEY=keys[-1], SECRET_KEY_FALLBACKS=keys[:-1])
    ours = interface.get_signing_serializer(app)
    theirs = URLSafeTimedSerializer(
        keys,
        salt="cookie-session",
        serializer=TaggedJSONSerializer(),
        signer_kwargs={"key_derivation": derivation, "digest_method": digest},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 1_790_000_000)
        text = ours.dumps(data)
        json = theirs.serializer.dumps(data).encode()
        if len(json) >= 64:
            assert text == theirs.dumps(data)
        else:  # What is short is not compressed.
            signer = theirs.make_signer("cookie-session")
            assert text == signer.sign(base64_encode(json)).decode()
        position %= len(text)
        changed = text[:position] + character + text[position + 1 :]
        for cookie in (text, text, changed, changed.encode()):
            answers = []
            for serializer in (ours, theirs):
                try:
                    answers.append(serializer.loads(cookie, max_age=60))
                except BadSignature as error:
                    answers.append((type(error), str(error)))
            assert answers[0] == answers[1]


def test_a_valid_cookie_is_read_without_going_the_plain_way(app, monkeypatch):
    cookie = signed(app, {"a": 1})
    monkeypatch.delattr(TimedSerializer, "iter_unsigners")
    assert seen(app, cookie) == {"a": "1"}


def test_the_serializer_takes_what_itsdangerous_takes(app, clock):
    serializer = app.session_interface.get_signing_serializer(app)
    text = serializer.dumps({"a": 1})
    moment = datetime.fromtimestamp(clock.now, UTC)
    assert serializer.loads(text) == {"a": 1}
    assert serializer.loads(text, return_timestamp=True) == ({"a": 1}, moment)
    salted = serializer.dumps({"a": 1}, salt="pepper")
    assert serializer.loads(salted, max_age=1, salt="pepper") == {"a": 1}
    with pytest.raises(BadSignature):
        serializer.loads(salted, max_age=1)


STEPS = [
    "/",
    "/show",
    "/put/green",
    "/show",
    "/put/" + "long" * 60,
    "/stay",
    "/show",
    "/",
    "/clear",
]


@pytest.mark.parametrize(
    "config",
    [{}, {"SESSION_REFRESH_EACH_REQUEST": False}, {"SESSION_COOKIE_NAME": "s", "DEBUG": 1}],
)
@pytest.mark.filterwarnings("ignore:The 's.*' cookie is too large:UserWarning")
def test_a_session_is_saved_without_a_response_as_with_one(monkeypatch, config):
    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 11, 27, tzinfo=UTC)

    monkeypatch.setattr(time, "time", lambda: 1_790_000_000)
    monkeypatch.setattr("carboy.sessions.datetime", Frozen)
    answers = []
    for observed in (False, True):
        app = make(MAX_COOKIE_SIZE=300, **config)
        if observed:
            # Somebody wants to see the response.
            app.after_request(lambda response: response)
        client = app.test_client()
        got = [client.get(path) for path in STEPS]
        answers.append([(answer.status, list(answer.headers), answer.data) for answer in got])
    assert answers[0] == answers[1]
    assert any("Set-Cookie" in dict(headers) for _, headers, _ in answers[0])
