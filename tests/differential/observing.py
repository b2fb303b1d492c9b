"""What is seen from outside when an application answers.

Lives here: `converse`, which asks an application and returns its `Answer`s, and
the recorders it can attach. Must not know: what the answers should be.

How it works: the application is called as a WSGI callable, in a context of its
own, so that a context variable left behind is seen and harms nobody. Whatever
happens on the way (what the application notes itself, signals, log records, the
stages that run, warnings) goes into one journal, in order. Names of packages,
addresses and times are made alike before anything is compared.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import cycle
from operator import itemgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .asking import Ask

Journal = list[tuple[object, ...]]

SIGNALS = (
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "got_request_exception",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
)

# The methods a subclass or an extension may replace, and count on being called.
STAGES = (
    "wsgi_app",
    "request_context",
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "raise_routing_exception",
    "make_default_options_response",
    "send_static_file",
    "get_send_file_max_age",
    "handle_user_exception",
    "trap_http_exception",
    "handle_http_exception",
    "handle_exception",
    "log_exception",
    "finalize_request",
    "make_response",
    "process_response",
    "should_ignore_error",
    "do_teardown_request",
    "do_teardown_appcontext",
    "create_jinja_environment",
    "create_global_jinja_loader",
    "select_jinja_autoescape",
    "update_template_context",
    "url_for",
    "inject_url_defaults",
    "handle_url_build_error",
)


@dataclass
class Answer:
    """All that a client, a server and an operator see of one request."""

    status: str | None = None
    headers: list[tuple[str, str, list[Moment]]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    raised: str | None = None
    contexts_left: tuple[bool, bool] = (False, False)
    log_stream: str = ""
    warned: Journal = field(default_factory=list)
    journal: Journal = field(default_factory=list)


def converse(
    frameworks: Sequence[ModuleType],
    create: Callable[[ModuleType], Any],
    ask: Ask,
    *,
    attach: Sequence[Recorder] = (),
    times: int = 1,
    call: Call | None = None,
) -> list[Answer]:
    """Ask an application one thing and all that follows from it.

    :param frameworks: those that answer, by turns, with the same cookies
    :param create: the application made with one of them
    :param attach: recorders for the length of the conversation
    :param times: how often to have it, each time without the cookies of the last
    :param call: calls the application; as a WSGI server does when left out
    """
    forget_loggers()
    asks = [ask, *ask.then]
    return copy_context().run(_converse, frameworks, create, asks, attach, times, call or _call)


def _converse(
    frameworks: Sequence[ModuleType],
    create: Callable[[ModuleType], Any],
    asks: Sequence[Ask],
    attach: Sequence[Recorder],
    times: int,
    call: Call,
) -> list[Answer]:
    answers = []
    with ExitStack() as stack:
        stack.enter_context(_no_log_handlers())
        warned = stack.enter_context(_warnings_noted())
        sides = []
        for framework in frameworks:
            app = create(framework)
            # An application that is asked again gets a logger that is as new.
            vars(app).pop("logger", None)
            journal = app.extensions.setdefault("journal", [])
            for recorder in attach:
                stack.enter_context(recorder(framework, app, journal))
            sides.append((framework, app, journal))
        for number, (framework, app, journal) in zip(range(times * len(asks)), cycle(sides)):
            if (turn := number % len(asks)) == 0:
                jar: dict[str, str] = {}
            answer = _answer(app, asks[turn], jar, call)
            if framework.has_app_context():
                answer.contexts_left = True, framework.has_request_context()
            answer.warned, answer.journal = alike(warned), alike(journal)
            answers.append(answer)
            warned.clear()
            journal.clear()
    return answers


def _answer(app: Any, ask: Ask, jar: dict[str, str], call: Call) -> Answer:
    environ = ask.build()
    if jar:
        environ["HTTP_COOKIE"] = "; ".join(f"{k}={v}" for k, v in jar.items())
    answer = Answer()

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        answer.status = status
        for name, value in headers:
            if name.lower() == "set-cookie":
                _keep(jar, value)
        answer.headers = sorted(map(_header, headers), key=itemgetter(0))
        return answer.chunks.append

    try:
        answer.contexts_left = call(app, environ, start_response, answer.chunks)
    except Exception as error:
        answer.raised = told(error)
    answer.chunks = [alike(chunk) for chunk in answer.chunks]
    answer.log_stream = _without_traceback(environ["wsgi.errors"].getvalue())
    return answer


def _call(
    app: Any, environ: WSGIEnvironment, start_response: StartResponse, chunks: list[bytes]
) -> tuple[bool, bool]:
    body = app(environ, start_response)
    try:
        chunks += [chunk for chunk in body if chunk]
    finally:
        getattr(body, "close", lambda: None)()
    return False, False


#: Calls an application with an environ, a function that takes status and headers, and a list that
#: takes the pieces of the body; returns which contexts were left where the application ran.
Call = Callable[[Any, "WSGIEnvironment", "StartResponse", list[bytes]], tuple[bool, bool]]


def told(error: BaseException) -> str:
    """An exception's type and text, whichever package it comes from."""
    kind = type(error)
    return str(alike(f"{kind.__module__}.{kind.__qualname__}: {error}"))


def alike(value: Any) -> Any:
    """*value* without what may differ: package names, addresses, times."""
    if isinstance(value, str):
        value = re.sub("carboy", "flask", value)
        value = re.sub("Carboy", "Flask", value)
        value = re.sub(r"<ContextVar [^>]*>", "<ContextVar>", value)
        value = _METHODS.sub(_in_order, value)
        return re.sub(r"0x[0-9a-fA-F]{6,}", "0x", value)
    if isinstance(value, bytes):
        return str(alike(value.decode("latin-1"))).encode("latin-1")
    if isinstance(value, BaseException):
        return told(value)
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(alike, value))
    if isinstance(value, dict):
        return {alike(k): alike(v) for k, v in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    return alike(repr(value))


# A rule's methods are a set: `repr` and `Allow` show them in any order.
_METHODS = re.compile(r"(?<=\()[A-Z]+(?:, [A-Z]+)+(?=\))")


def _in_order(match: re.Match[str]) -> str:
    return ", ".join(sorted(match[0].split(", ")))


def forget_loggers() -> None:
    """Undo what applications did to their loggers, which outlive them."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("differential") and isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.setLevel(logging.NOTSET)
            logger.propagate = True


def _keep(jar: dict[str, str], header: str) -> None:
    name, _, rest = header.partition("=")
    value, _, attributes = rest.partition(";")
    if "Max-Age=0" in attributes:
        jar.pop(name, None)
    else:
        jar[name] = value


class Moment:
    """A time in a header: equal to any other a few seconds away."""

    def __init__(self, date: str) -> None:
        self.seconds = parsedate_to_datetime(date).timestamp()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and abs(self.seconds - other.seconds) < 5

    def __repr__(self) -> str:
        return f"<{self.seconds:.0f}>"


# What itsdangerous makes: a payload, the time, and the signature of both.
_SIGNED = re.compile(r"=(\.?[\w-]+)\.[\w-]{6}\.[\w-]{27}(?=;|$)")
_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")


def _header(header: tuple[str, str]) -> tuple[str, str, list[Moment]]:
    name, value = header
    moments = []
    match name.lower():
        case "set-cookie":
            moments = [Moment(date) for date in _DATE.findall(value)]
            value = _DATE.sub("<date>", _SIGNED.sub(r"=\1.<time>.<signature>", value))
        case "date" | "expires":
            moments, value = [Moment(value)], "<date>"
        case "allow":
            value = ", ".join(sorted(value.split(", ")))
    return name, str(alike(value)), moments


def _without_traceback(text: str) -> str:
    text = re.sub(r"Traceback \(most recent call last\):\n(  .*\n|\s*\^+\n)*", "", text)
    return str(alike(re.sub(r"\[[\d\-: ,]+\]", "[<time>]", text)))


@contextmanager
def _no_log_handlers() -> Iterator[None]:
    """Nobody listens to the log, as in a program that has not set it up."""
    handlers, logging.root.handlers = logging.root.handlers, []
    try:
        yield
    finally:
        logging.root.handlers = handlers


@contextmanager
def _warnings_noted() -> Iterator[Journal]:
    journal: Journal = []

    def note(message: Warning | str, category: type[Warning], *_: object) -> None:
        if not issubclass(category, ResourceWarning):
            journal.append(("warning", category.__name__, str(message)))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        yield journal


Recorder = Callable[[ModuleType, Any, Journal], Any]


@contextmanager
def signals(framework: ModuleType, app: Any, journal: Journal) -> Iterator[None]:
    """Note every signal that *app* sends, and which contexts it sees."""

    def note(signal: str, _sender: object, **sent: object) -> None:
        seen = framework.has_app_context(), framework.has_request_context()
        about = {key: getattr(value, "name", value) for key, value in sent.items()}
        about.pop("context", None)
        if "response" in about:
            about["response"] = getattr(about["response"], "status", None)
        journal.append(("signal", signal, about, *seen))

    with ExitStack() as stack:
        for name in SIGNALS:
            receiver = partial(note, name)
            stack.enter_context(getattr(framework, name).connected_to(receiver, sender=app))
        yield


@contextmanager
def logs(framework: ModuleType, app: Any, journal: Journal) -> Iterator[None]:
    """Note every record that reaches the root logger."""

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            journal.append(("log", record.name, record.levelname, record.getMessage(), error))

    handler = Note()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


@contextmanager
def stages(framework: ModuleType, app: Any, journal: Journal) -> Iterator[None]:
    """Replace every stage on the instance by one that notes that it ran."""

    def replace(name: str) -> None:
        original = getattr(app, name)

        def stage(*args: object, **kwargs: object) -> object:
            journal.append(("stage", name, [a for a in args if _is_plain(a)]))
            return original(*args, **kwargs)

        setattr(app, name, stage)

    own = {name: vars(app)[name] for name in STAGES if name in vars(app)}
    for name in STAGES:
        replace(name)
    yield
    for name in STAGES:
        delattr(app, name)
    for name, stage in own.items():
        setattr(app, name, stage)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | BaseException | None)
