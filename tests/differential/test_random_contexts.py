"""Contexts of two applications, pushed and popped at random, on Flask and on Carboy.

Contexts are popped in the reverse order of their pushes, as `with` blocks would. A
context may be pushed again while it is pushed, and a test client may keep some alive.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextvars import copy_context
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from .exploring import explore
from .observing import alike, forget_loggers

flask = importlib.import_module("flask")
subject = importlib.import_module(os.environ.get("DIFFERENTIAL_SUBJECT", "carboy"))

DEEDS = (
    *("push app", "push request", "push again", "pop", "pop with an error", "pop"),
    *("get", "get and keep", "fail and keep", "redirect and keep", "leave", "stream"),
    *("copy", "set g", "set session", "url"),
)
deeds = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 1)), max_size=14)


class Conversation:
    """What is done to two applications of one framework, and what is seen of it."""

    def __init__(self, framework: ModuleType) -> None:
        self.framework = framework
        self.journal: list[object] = []
        self.apps = [self.application(name) for name in ("first", "second")]
        self.pushed: list[Any] = []
        self.clients: dict[int, Any] = {}

    def application(self, name: str) -> Any:
        framework = self.framework
        app = framework.Flask(f"differential.{name}")
        app.secret_key = name
        app.testing = True
        app.teardown_request(lambda error: self.note(f"teardown_request of {name}", error))
        app.teardown_appcontext(lambda error: self.note(f"teardown_appcontext of {name}", error))
        app.add_url_rule("/", "index", lambda: self.note(f"view of {name}") or "index")
        app.add_url_rule("/fail", "fail", self.fail)
        app.add_url_rule("/redirect", "redirect", lambda: framework.redirect("/"))
        stream = framework.stream_with_context
        app.add_url_rule("/stream", "stream", lambda: stream(self.stream()))
        return app

    def fail(self) -> None:
        raise ValueError("in a view")

    def stream(self) -> Any:
        self.note("streaming")
        yield "streamed"

    def note(self, what: str, *about: object) -> None:
        framework = self.framework
        has_app, has_request = framework.has_app_context(), framework.has_request_context()
        self.journal.append(
            (
                what,
                *map(alike, map(repr, about)),
                has_app and framework.current_app.name,
                has_app and sorted(framework.g),
                has_request and framework.request.path,
            )
        )

    def do(self, deed: str, which: int) -> None:
        app = self.apps[which]
        try:
            self.doing()[deed](app, which)
        except Exception as error:
            self.journal.append((type(error).__name__, alike(str(error))))
        self.note(f"after {deed}")

    def doing(self) -> dict[str, Callable[[Any, int], object]]:
        framework = self.framework
        return {
            "push app": lambda app, which: self.push(app.app_context()),
            "push request": lambda app, which: self.push(app.test_request_context("/")),
            "push again": lambda app, which: self.pushed and self.push(self.pushed[-1]),
            "pop": lambda app, which: self.pop(None),
            "pop with an error": lambda app, which: self.pop(KeyError("given")),
            "get": lambda app, which: app.test_client().get("/"),
            "get and keep": lambda app, which: self.client(which).get("/"),
            "fail and keep": lambda app, which: self.client(which).get("/fail"),
            "redirect and keep": lambda app, which: self.client(which).get(
                "/redirect", follow_redirects=True
            ),
            "stream": lambda app, which: app.test_client().get("/stream").close(),
            "leave": lambda app, which: self.leave(which),
            "copy": lambda app, which: framework.copy_current_request_context(
                lambda: self.note("copied")
            )(),
            "set g": lambda app, which: setattr(framework.g, f"g{len(self.journal)}", 1),
            "set session": lambda app, which: framework.session.update(a=1),
            "url": lambda app, which: self.note(framework.url_for("index")),
        }

    def push(self, context: Any) -> None:
        if self.clients:
            # What a client keeps is popped out of turn.
            return
        context.push()
        self.pushed.append(context)

    def pop(self, error: Exception | None) -> None:
        if self.pushed and not self.clients:
            self.pushed.pop().pop(error)

    def client(self, which: int) -> Any:
        # Contexts that clients keep nest as their blocks do: only the innermost asks.
        if self.clients and which in self.clients:
            which = next(reversed(self.clients))
        if which not in self.clients:
            self.clients[which] = self.apps[which].test_client().__enter__()
        return self.clients[which]

    def leave(self, which: int) -> None:
        if self.clients and which == next(reversed(self.clients)):
            self.clients.pop(which).__exit__(None, None, None)

    def end(self) -> None:
        for which in reversed([*self.clients]):
            self.do("leave", which)
        while self.pushed:
            self.do("pop", 0)


def _done(framework: ModuleType, what: list[tuple[str, int]]) -> list[object]:
    forget_loggers()
    conversation = Conversation(framework)
    for deed, which in what:
        conversation.do(deed, which)
    conversation.end()
    return conversation.journal


@explore(150)
@given(deeds)
def test_contexts_pushed_at_random_are_the_same(what: list[tuple[str, int]]) -> None:
    ours = copy_context().run(_done, subject, what)
    assert ours == copy_context().run(_done, flask, what)
