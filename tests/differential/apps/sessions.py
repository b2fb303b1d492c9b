"""Sessions in signed cookies: opened, changed, kept, refused, deleted."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any
from uuid import UUID

from ..asking import get, post

STATELESS = True
STATE_IN_COOKIES = True


def create(flask: ModuleType) -> Any:
    return _application(flask)


def _application(flask: ModuleType, **config: Any) -> Any:
    app = flask.Flask(__name__)
    app.config.update({"SECRET_KEY": "secret", **config})
    session, request = flask.session, flask.request
    markup = importlib.import_module("markupsafe").Markup

    @app.get("/")
    def index() -> str:
        return "no session touched"

    @app.get("/read")
    def read() -> dict[str, Any]:
        return {"session": {key: repr(value) for key, value in session.items()}}

    @app.get("/get")
    def get_one() -> str:
        return repr(session.get("name"))

    @app.get("/in")
    def contains() -> str:
        return repr("name" in session)

    @app.get("/missing")
    def missing() -> str:
        return str(session["missing"])

    @app.get("/bool")
    def truth() -> str:
        return repr(bool(session))

    @app.get("/repr")
    def representation() -> str:
        return repr(session)

    @app.get("/flags")
    def flags() -> dict[str, Any]:
        return {
            "flags": [
                session.new,
                session.modified,
                session.accessed,
                session.permanent,
            ]
        }

    @app.get("/set/<name>")
    def put(name: str) -> str:
        session["name"] = name
        return repr([session.modified, session.accessed, session.new])

    @app.get("/same/<name>")
    def same(name: str) -> str:
        session["name"] = name
        session.modified = False
        return repr(session)

    @app.get("/pop")
    def pop() -> str:
        return repr(session.pop("name", None))

    @app.get("/clear")
    def clear() -> str:
        session.clear()
        return repr(session.modified)

    @app.get("/setdefault")
    def setdefault() -> str:
        return repr([session.setdefault("name", "default"), session.modified])

    @app.get("/update")
    def update() -> str:
        session.update(name="u", other=[1])
        return repr(dict(session))

    @app.get("/nested")
    def nested() -> str:
        session.setdefault("list", [])
        session.modified = False
        session["list"].append(1)
        return repr(session["list"])

    @app.get("/nested-modified")
    def nested_modified() -> str:
        session.setdefault("list", []).append(1)
        session.modified = True
        return repr(session["list"])

    @app.get("/permanent")
    def permanent() -> str:
        session.permanent = True
        return repr(dict(session))

    @app.get("/not-permanent")
    def not_permanent() -> str:
        session.permanent = False
        return repr(dict(session))

    @app.get("/types")
    def types() -> str:
        session["types"] = {
            "tuple": (1, (2, "3")),
            "bytes": b"\x00\xff",
            "uuid": UUID(int=1),
            "datetime": datetime(2024, 1, 2, 3, 4, 5),
            "aware": datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            "markup": markup("<b>"),
            "none": None,
            "float": 1.5,
            "str": "é☃",
            " t": "a key like a tag",
            "dict": {" b": 1},
            "empty": [{}, (), [], ""],
        }
        return "set"

    @app.get("/unserialisable")
    def unserialisable() -> str:
        session["x"] = object()
        return "set"

    @app.get("/large")
    def large() -> str:
        session["x"] = "".join(f"{number:x}" for number in range(3000))
        return "set"

    @app.get("/compressible")
    def compressible() -> str:
        session["x"] = "x" * 500
        return "set"

    @app.get("/template")
    def template() -> str:
        return str(
            flask.render_template_string("{% if request.args.use %}{{ session.name }}{% endif %}")
        )

    @app.get("/vary")
    def vary() -> Any:
        session["name"] = "x"
        response = flask.make_response("vary")
        response.vary.add("Accept")
        response.vary.add(request.args.get("vary", "Cookie"))
        return response

    @app.get("/static-header")
    def own_cookie() -> Any:
        session["name"] = "x"
        response = flask.make_response("cookies")
        response.set_cookie("other", "1")
        return response

    @app.get("/fail")
    def fail() -> str:
        session["name"] = "before failing"
        raise ValueError("after the session was set")

    @app.get("/abort")
    def abort() -> None:
        session["name"] = "before aborting"
        flask.abort(403)

    @app.post("/login")
    def login() -> Any:
        session.clear()
        session["user"] = request.form["user"]
        return flask.redirect("/read")

    @app.after_request
    def after(response: Any) -> Any:
        if request.args.get("late"):
            session["late"] = request.args["late"]
        return response

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        if request.args.get("too-late"):
            session["too late"] = 1

    return app


# Signed by Flask with the key "secret": {"name": "old"} in 2021, {"name": "x"} with
# another key, and with its payload changed.
_TAMPERED = "eyJuYW1lIjoieCJ9.aSHHAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA"


def _cookie(value: str) -> tuple[tuple[str, str], ...]:
    return (("Cookie", f"session={value}"),)


def _set_then(*paths: str) -> Any:
    return get("/set/ada", name="; ".join(paths), then=tuple(map(get, paths)))


REQUESTS = [
    *(get(path) for path in ("/", "/read", "/get", "/in", "/bool", "/repr", "/flags")),
    *(get(path) for path in ("/missing", "/set/ada", "/same/ada", "/pop", "/clear")),
    *(get(path) for path in ("/setdefault", "/update", "/nested", "/nested-modified")),
    *(get(path) for path in ("/permanent", "/not-permanent", "/unserialisable")),
    *(get(path) for path in ("/large", "/compressible", "/template", "/vary")),
    *(get(path) for path in ("/static-header", "/fail", "/abort")),
    get("/template", query="use=1"),
    get("/vary", query="vary=cookie"),
    get("/vary", query="vary=*"),
    get("/", query="late=1"),
    get("/", query="too-late=1"),
    get("/set/ada", query="too-late=1"),
    get("/types", then=(get("/read"), get("/flags"))),
    get("/compressible", then=(get("/read"),)),
    *(
        _set_then(path, "/read")
        for path in ("/", "/read", "/get", "/in", "/missing", "/bool", "/flags", "/pop")
    ),
    *(
        _set_then(path, "/read")
        for path in ("/set/ada", "/same/bob", "/clear", "/setdefault", "/template")
    ),
    _set_then("/permanent", "/", "/read", "/flags", "/not-permanent", "/read"),
    _set_then("/permanent", "/set/bob", "/clear", "/"),
    _set_then("/fail", "/read"),
    _set_then("/abort", "/read"),
    _set_then("/nested", "/nested", "/nested-modified", "/nested"),
    post("/login", form={"user": "ada"}, then=(get("/read"), post("/login"))),
    get("/read", name="tampered", headers=_cookie(_TAMPERED)),
    get("/read", name="no cookie of ours", headers=_cookie("x")),
    get("/read", name="empty", headers=_cookie("")),
    get("/read", name="three dots", headers=_cookie("...")),
    get("/read", name="not ASCII", environ={"HTTP_COOKIE": "session=\xff\xfe.x.y"}),
    get("/read", name="zlib that is none", headers=_cookie(".eJx.aSHHAA.AAAA")),
    get("/set/x", name="over a tampered one", headers=_cookie(_TAMPERED)),
    get("/pop", name="from a tampered one", headers=_cookie(_TAMPERED)),
    get("/read", name="twice", headers=(("Cookie", "session=a; session=b"),)),
    get("/read", name="huge", headers=_cookie("x" * 100_000)),
]


def _told(flask: ModuleType, paths: list[str], **config: Any) -> object:
    """What the cookies of a conversation look like under *config*."""
    app = _application(flask, **config)
    client = app.test_client()
    seen: list[Any] = []
    for path in paths:
        response = client.get(path, base_url=config.pop("base_url", "http://localhost"))
        seen.append((path, response.status, response.text[:200]))
        seen += [_attributes(value) for value in response.headers.getlist("Set-Cookie")]
        seen.append(response.headers.get("Vary"))
    return seen


def _attributes(cookie: str) -> list[str]:
    name_and_value, *attributes = cookie.split("; ")
    name, _, value = name_and_value.partition("=")
    kept = [a for a in attributes if not a.startswith("Expires")]
    expires = [a for a in attributes if a.startswith("Expires")]
    payload = value.rpartition(".")[0].rpartition(".")[0]
    return [name, payload, *kept, f"{len(expires)} Expires"]


_PATHS = ["/set/x", "/read", "/permanent", "/read", "/", "/clear", "/read"]


def probe_defaults(flask: ModuleType) -> object:
    return _told(flask, _PATHS)


def probe_refresh_each_request_off(flask: ModuleType) -> object:
    return _told(flask, _PATHS, SESSION_REFRESH_EACH_REQUEST=False)


def probe_cookie_name(flask: ModuleType) -> object:
    return _told(flask, _PATHS, SESSION_COOKIE_NAME="own")


def probe_cookie_domain(flask: ModuleType) -> object:
    return _told(flask, _PATHS, SESSION_COOKIE_DOMAIN="localhost")


def probe_cookie_domain_with_a_dot(flask: ModuleType) -> object:
    return _told(flask, _PATHS, SESSION_COOKIE_DOMAIN=".example.org")


def probe_cookie_path(flask: ModuleType) -> object:
    return _told(flask, _PATHS, SESSION_COOKIE_PATH="/read")


def probe_application_root(flask: ModuleType) -> object:
    return _told(flask, _PATHS, APPLICATION_ROOT="/")


def probe_another_application_root(flask: ModuleType) -> object:
    return _told(flask, _PATHS, APPLICATION_ROOT="/mount")


def probe_cookie_flags(flask: ModuleType) -> object:
    return _told(
        flask,
        _PATHS,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=False,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PARTITIONED=True,
    )


def probe_a_bad_samesite(flask: ModuleType) -> object:
    return _told(flask, ["/set/x"], SESSION_COOKIE_SAMESITE="Whatever")


def probe_lifetime_as_seconds(flask: ModuleType) -> object:
    return _told(flask, _PATHS, PERMANENT_SESSION_LIFETIME=60)


def probe_lifetime_as_timedelta(flask: ModuleType) -> object:
    return _told(flask, _PATHS, PERMANENT_SESSION_LIFETIME=timedelta(days=1))


def probe_lifetime_over(flask: ModuleType) -> object:
    return _told(flask, _PATHS, PERMANENT_SESSION_LIFETIME=-1)


def probe_small_cookies(flask: ModuleType) -> object:
    seen: list[Any] = []
    warnings = importlib.import_module("warnings")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen.append(_told(flask, ["/large"], MAX_COOKIE_SIZE=100))
        seen.append(_told(flask, ["/large"], MAX_COOKIE_SIZE=0))
        seen.append(_told(flask, ["/large"]))
    return seen, [str(one.message)[:60] for one in caught]


def probe_no_secret_key(flask: ModuleType) -> object:
    paths = ["/", "/read", "/get", "/in", "/bool", "/flags", "/repr", "/template"]
    return _told(flask, paths, SECRET_KEY=None)


def probe_no_secret_key_and_a_change(flask: ModuleType) -> object:
    seen: list[Any] = []
    app = _application(flask, SECRET_KEY=None, TESTING=True)
    for path in ("/set/x", "/pop", "/clear", "/setdefault", "/update", "/permanent"):
        try:
            seen.append(app.test_client().get(path).status)
        except Exception as error:
            seen.append([type(error).__name__, str(error)])
    return seen


def probe_an_empty_secret_key(flask: ModuleType) -> object:
    return _told(flask, ["/read", "/"], SECRET_KEY="")


def probe_a_key_of_bytes(flask: ModuleType) -> object:
    return _told(flask, _PATHS, SECRET_KEY=b"\x00\xffkey")


def probe_fallback_keys(flask: ModuleType) -> object:
    seen: list[Any] = []
    old = _application(flask, SECRET_KEY="old")
    client = old.test_client()
    client.get("/set/x")
    cookie = client.get_cookie("session").value
    for fallbacks in (None, [], ["other"], ["other", "old"], ["old"]):
        app = _application(flask, SECRET_KEY="new", SECRET_KEY_FALLBACKS=fallbacks)
        client = app.test_client()
        client.set_cookie("session", cookie)
        seen.append([fallbacks, client.get("/read").json])
        client.get("/set/y")
        again = _application(flask, SECRET_KEY="new").test_client()
        again.set_cookie("session", client.get_cookie("session").value)
        seen.append(again.get("/read").json)
    return seen


def probe_signed_by_us_but_nonsense(flask: ModuleType) -> object:
    app = _application(flask)
    serializer = app.session_interface.get_signing_serializer(app)
    signer = serializer.make_signer(serializer.salt)
    seen: list[Any] = []
    for payload in (b"nonsense", b"e30", b"W10", b"MQ", b".e30", b"e30=", b"", b"bnVsbA"):
        client = app.test_client()
        client.set_cookie("session", signer.sign(payload).decode())
        seen.append((payload, client.get("/read").status))
    return seen


def probe_the_interface(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    app = _application(flask, SESSION_COOKIE_DOMAIN="x.org")
    interface = app.session_interface
    serializer = interface.get_signing_serializer(app)
    session = interface.session_class({"a": 1})
    null = interface.null_session_class()
    return [
        interface.salt,
        interface.key_derivation,
        interface.pickle_based,
        interface.session_class.__name__,
        interface.null_session_class.__name__,
        interface.digest_method(b"x").hexdigest(),
        interface.get_cookie_name(app),
        interface.get_cookie_domain(app),
        interface.get_cookie_path(app),
        interface.get_cookie_httponly(app),
        interface.get_cookie_secure(app),
        interface.get_cookie_samesite(app),
        interface.get_cookie_partitioned(app),
        interface.get_expiration_time(app, session),
        interface.should_set_cookie(app, session),
        interface.is_null_session(session),
        interface.is_null_session(null),
        serializer.loads(serializer.dumps({"a": (1, 2)})),
        interface.get_signing_serializer(flask.Flask("x")),
        session.modified,
        session.accessed,
        session.new,
        session.permanent,
        isinstance(session, dict),
        isinstance(session, sessions.SessionMixin),
        repr(session),
        repr(null),
        sessions.session_json_serializer.dumps({"a": (1, b"x")}),
        sorted(name for name in dir(interface) if not name.startswith("_")),
        sorted(name for name in dir(session) if not name.startswith("_")),
        sorted(name for name in dir(sessions.SessionInterface()) if name[0] != "_"),
    ]


def probe_when_a_session_is_modified(flask: ModuleType) -> object:
    session_class = importlib.import_module(f"{flask.__name__}.sessions").SecureCookieSession
    seen: list[Any] = []
    for deed in (
        lambda s: s["a"],
        lambda s: s.get("a"),
        lambda s: s.setdefault("a", 1),
        lambda s: s.setdefault("b", 1),
        lambda s: s.pop("a"),
        lambda s: s.pop("missing", None),
        lambda s: s.popitem(),
        lambda s: s.update({}),
        lambda s: s.clear(),
        lambda s: s.__delitem__("a"),
        lambda s: s.__ior__({"c": 1}),
        lambda s: s | {"c": 1},
        lambda s: s.copy(),
        lambda s: list(s),
        lambda s: list(s.items()),
        lambda s: len(s),
        lambda s: "a" in s,
        lambda s: s == {"a": 1},
        lambda s: setattr(s, "permanent", True),
        lambda s: setattr(s, "permanent", False),
    ):
        session = session_class({"a": 1})
        before = session.modified, session.accessed
        outcome = deed(session)
        seen.append([before, session.modified, session.accessed, outcome, dict(session)])
    return seen


def probe_a_session_without_a_key(flask: ModuleType) -> object:
    null_class = importlib.import_module(f"{flask.__name__}.sessions").NullSession
    seen: list[Any] = []
    for deed in (
        lambda s: s["a"],
        lambda s: s.get("a"),
        lambda s: s.__setitem__("a", 1),
        lambda s: s.setdefault("a", 1),
        lambda s: s.pop("a"),
        lambda s: s.pop("a", None),
        lambda s: s.popitem(),
        lambda s: s.update({}),
        lambda s: s.clear(),
        lambda s: s.__delitem__("a"),
        lambda s: s.__ior__({"c": 1}),
        lambda s: len(s),
        lambda s: setattr(s, "permanent", True),
    ):
        try:
            seen.append(deed(null_class()))
        except Exception as error:
            seen.append([type(error).__name__, str(error)])
    return seen


def probe_session_transaction(flask: ModuleType) -> object:
    app = _application(flask)
    client = app.test_client()
    with client.session_transaction() as session:
        session["name"] = "set in a test"
        kind = type(session).__name__
    first = client.get("/read").json
    with client.session_transaction() as session:
        second = dict(session)
        session.clear()
    third = client.get("/read").json
    with client.session_transaction("/", base_url="http://other.org") as session:
        session["name"] = "elsewhere"
    return [kind, first, second, third, client.get("/read").json]


def probe_session_transaction_without_cookies(flask: ModuleType) -> object:
    with _application(flask).test_client(use_cookies=False).session_transaction():
        return "entered"


def probe_session_transaction_without_a_key(flask: ModuleType) -> object:
    client = _application(flask, SECRET_KEY=None).test_client()
    with client.session_transaction() as session:
        session["a"] = 1
    return "left"


def probe_session_transaction_without_a_session(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")

    class Nothing(sessions.SessionInterface):
        def open_session(self, app: Any, request: Any) -> None:
            return None

    app = _application(flask)
    app.session_interface = Nothing()
    with app.test_client().session_transaction():
        return "entered"


def probe_an_interface_of_ones_own(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    journal: list[Any] = []
    store: dict[str, dict[str, Any]] = {}

    class Session(dict, sessions.SessionMixin):
        pass

    class Stored(sessions.SessionInterface):
        def open_session(self, app: Any, request: Any) -> Any:
            key = request.cookies.get(self.get_cookie_name(app), "first")
            endpoint = request.endpoint
            journal.append(("open", key, endpoint, flask.has_request_context()))
            return Session(store.get(key, {}))

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            journal.append(("save", dict(session), response.status_code))
            store["first"] = dict(session)
            response.set_cookie(self.get_cookie_name(app), "first")

    app = _application(flask, SECRET_KEY=None)
    app.session_interface = Stored()
    client = app.test_client()
    seen = [client.get(path).text for path in ("/set/x", "/read", "/nope", "/flags")]
    return seen, journal, store


def probe_the_bare_interface(flask: ModuleType) -> object:
    sessions = importlib.import_module(f"{flask.__name__}.sessions")
    app = _application(flask)
    app.session_interface = sessions.SessionInterface()
    app.testing = True
    return app.test_client().get("/").status
