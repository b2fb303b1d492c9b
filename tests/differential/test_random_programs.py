"""Programs nobody would write, made at random, on Flask and on Carboy.

A program is data: an application and two nested blueprints, each with hooks, error
handlers and a view, and each of these does one thing: answer, fail, abort, use the
session, or nothing. Everything that happens is noted in order and compared.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from .asking import Ask
from .exploring import explore
from .observing import converse, logs, signals, stages

flask = importlib.import_module("flask")
subject = importlib.import_module(os.environ.get("DIFFERENTIAL_SUBJECT", "carboy"))
exceptions = importlib.import_module("werkzeug.exceptions")


class Own(LookupError):
    """An exception of the program's own."""


class OwnForbidden(exceptions.Forbidden):
    """An HTTP exception of the program's own."""


RAISED: dict[str, Callable[[], Exception]] = {
    "ValueError": lambda: ValueError("random"),
    "KeyError": lambda: KeyError("random"),
    "Own": lambda: Own("random"),
    "Forbidden": exceptions.Forbidden,
    "OwnForbidden": OwnForbidden,
    "NotFound": exceptions.NotFound,
    "BadRequestKeyError": lambda: exceptions.BadRequestKeyError("random"),
    "InternalServerError": exceptions.InternalServerError,
}

HANDLED: dict[str, Any] = {
    "Exception": Exception,
    "ValueError": ValueError,
    "LookupError": LookupError,
    "Own": Own,
    "HTTPException": exceptions.HTTPException,
    "Forbidden": exceptions.Forbidden,
    "OwnForbidden": OwnForbidden,
    "InternalServerError": exceptions.InternalServerError,
    "403": 403,
    "404": 404,
    "405": 405,
    "500": 500,
}

HOOKS = (
    "before_request",
    "after_request",
    "teardown_request",
    "url_value_preprocessor",
    "context_processor",
    "url_defaults",
)

# What a hook, handler or view does; "nothing" more often than the rest.
DEEDS = ("nothing", "nothing", "answer", "session", "read session", "flash", "url", "defer")
VIEW_DEEDS = (*DEEDS, "none", "stream", "template", "tuple", "dict", "nested")


@dataclass(frozen=True)
class Hook:
    kind: str
    deed: str


@dataclass(frozen=True)
class Handler:
    of: str
    deed: str


@dataclass(frozen=True)
class Part:
    """An application or a blueprint."""

    hooks: tuple[Hook, ...]
    handlers: tuple[Handler, ...]
    view: str


@dataclass(frozen=True)
class Program:
    parts: tuple[Part, Part, Part]
    config: tuple[tuple[str, bool], ...]
    teardown: str
    own_sessions: bool

    def create(self, framework: ModuleType) -> Any:
        """The application on *framework*."""
        app = framework.Flask(__name__)
        app.secret_key = "random"
        app.config.update(self.config)
        journal = app.extensions["journal"] = []
        if self.own_sessions:
            app.session_interface = _sessions(framework, journal)
        inner = framework.Blueprint("inner", __name__, url_prefix="/inner")
        outer = framework.Blueprint("outer", __name__, url_prefix="/outer")
        writer = _Writer(framework, app, journal)
        for name, scaffold, part in zip(
            ("app", "outer", "inner"), (app, outer, inner), self.parts, strict=True
        ):
            for number, hook in enumerate(part.hooks):
                function = writer.function(f"{hook.kind} {number} of {name}", hook.deed)
                getattr(scaffold, hook.kind)(writer.as_hook(hook.kind, function))
            for handler in {handler.of: handler for handler in part.handlers}.values():
                function = writer.function(f"handler of {handler.of} of {name}", handler.deed)
                scaffold.register_error_handler(HANDLED[handler.of], function)
            view = writer.function(f"view of {name}", part.view)
            scaffold.add_url_rule("/view", "view", view, methods=["GET", "POST"])
            scaffold.add_url_rule("/dir/", "dir", view)
        app.add_url_rule("/leaf", "leaf", lambda: "leaf")
        app.teardown_appcontext(writer.function("teardown_appcontext", self.teardown))
        outer.register_blueprint(inner)
        app.register_blueprint(outer)
        return app


def _sessions(framework: ModuleType, journal: list[Any]) -> Any:
    module = importlib.import_module(f"{framework.__name__}.sessions")

    class Interface(module.SessionInterface):
        def open_session(self, app: Any, request: Any) -> Any:
            journal.append(("open", request.endpoint))
            return module.SecureCookieSession()

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            journal.append(("save", sorted(session), response.status))

    return Interface()


class _Writer:
    """Writes the functions of a program."""

    def __init__(self, framework: ModuleType, app: Any, journal: list[Any]) -> None:
        self.framework = framework
        self.app = app
        self.journal = journal

    def function(self, name: str, deed: str) -> Callable[..., Any]:
        def function(*given: Any, **values: Any) -> Any:
            told = [repr(one) for one in given if isinstance(one, Exception | str | None)]
            self.journal.append((name, *told, sorted(values)))
            return self.do(name, deed)

        function.__name__ = name
        return function

    def as_hook(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """*function*, returning what its kind of hook has to return."""
        if kind == "before_request":
            return lambda: function()
        if kind == "after_request":
            return lambda response: self.response(function(), response)
        if kind == "context_processor":
            return lambda: {"processed": str(function())}
        return lambda *given: function(*given) and None

    def response(self, returned: Any, response: Any) -> Any:
        self.journal.append(("after", response.status))
        return self.app.make_response(returned) if returned else response

    def do(self, name: str, deed: str) -> Any:
        framework = self.framework
        if deed in RAISED:
            raise RAISED[deed]()
        if deed == "session":
            framework.session[name] = 1
        elif deed == "read session":
            self.journal.append(("session", sorted(framework.session.keys())))
        elif deed == "flash":
            framework.flash(name)
        elif deed == "url":
            self.journal.append(("url", framework.url_for("outer.inner.view")))
        elif deed == "defer":
            framework.after_this_request(
                lambda response: self.journal.append(("deferred by", name)) or response
            )
        return self.answer(name, deed)

    def answer(self, name: str, deed: str) -> Any:
        framework = self.framework
        if name.startswith("view") and deed in DEEDS:
            return name
        answers: dict[str, Callable[[], Any]] = {
            "answer": lambda: name,
            "stream": lambda: framework.stream_with_context(iter([name, "streamed"])),
            "template": lambda: framework.render_template_string("{{ processed }}"),
            "tuple": lambda: (name, 299, {"X-By": name}),
            "dict": lambda: {"by": name},
            "nested": lambda: self.app.test_client().get("/leaf").text,
        }
        return answers.get(deed, lambda: None)()


deeds = st.sampled_from((*DEEDS * 2, *RAISED))
# A URL that is built while the defaults of a URL are filled in builds URLs for ever.
hooks = st.builds(Hook, st.sampled_from(HOOKS), deeds).filter(
    lambda hook: hook != Hook("url_defaults", "url")
)
quiet = st.sampled_from(("nothing",) * 16 + ("session", "read session", "ValueError"))
parts = st.builds(
    Part,
    hooks=st.lists(hooks, max_size=3).map(tuple),
    handlers=st.lists(st.builds(Handler, st.sampled_from([*HANDLED]), deeds), max_size=3).map(
        tuple
    ),
    view=st.sampled_from((*VIEW_DEEDS * 2, *RAISED)),
)
programs = st.builds(
    Program,
    parts=st.tuples(parts, parts, parts),
    config=st.lists(
        st.tuples(
            st.sampled_from(
                (
                    "TESTING",
                    "PROPAGATE_EXCEPTIONS",
                    "TRAP_HTTP_EXCEPTIONS",
                    "TRAP_BAD_REQUEST_ERRORS",
                    "SESSION_REFRESH_EACH_REQUEST",
                )
            ),
            st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    teardown=quiet,
    own_sessions=st.booleans(),
)
paths = st.sampled_from(
    ("/view", "/outer/view", "/outer/inner/view", "/outer/inner/dir", "/outer/missing")
)
methods = st.sampled_from(("GET", "GET", "POST", "HEAD", "OPTIONS", "PUT"))
asks = st.builds(
    Ask,
    paths,
    methods,
    then=st.lists(st.builds(Ask, paths, methods), max_size=2).map(tuple),
)


@explore(150)
@given(programs, asks, st.sampled_from([(), (signals, logs), (stages,)]))
def test_a_random_program_answers_the_same(
    program: Program, ask: Ask, watch: tuple[Any, ...]
) -> None:
    # As it is, the program answers several times, so that it takes its shortest way.
    times = 1 if watch else 3
    ours = converse([subject], program.create, ask, attach=watch, times=times)
    assert ours == converse([flask], program.create, ask, attach=watch, times=times)
