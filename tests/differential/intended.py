"""Where Carboy answers differently on purpose.

Lives here: one entry for each wanted difference, with the reason and with what is
to be found in Carboy's answer. What is listed must differ, and in that way; an
entry that is no longer true fails its test and goes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Intended:
    """A difference that is wanted.

    :param reason: why Carboy does not do as Flask does
    :param carboy: words that are in Carboy's answer and not in Flask's
    :param flask: words that are in Flask's answer and not in Carboy's
    """

    reason: str
    carboy: str = ""
    flask: str = ""


_ONE_CONTEXT = "A request's context is its application context too: one object, one variable."
_RAW_QUERY = "Raw bytes in a query that are not UTF-8 read as if percent-encoded: no 500."
_NO_CYCLE = "A request is not put into its environ: the two would keep each other alive."
_LAZY_SESSION = "Nobody asked for the session before its interface was replaced: none was opened."
_LAZY_JINJA = "Setting debug does not make a Jinja environment that nothing needs yet."
_NOT_WSGI = "A server that leaves this out breaks WSGI; the error is logged like any other."
_LEFT_AS_IT_WAS = "A pop that is refused leaves the contexts as they were."
_PROCESSOR = "What every template gets is registered once, on the application."

# "application: request" or "application: probe" -> the difference. With " [stages]"
# or " [signals]" behind it, it shows only when these are observed.
INTENDED: dict[str, Intended] = {
    "contexts: GET /proxies": Intended(_ONE_CONTEXT, carboy='"contexts":["RequestContext"'),
    "contexts: GET /popped-too-early": Intended(
        "A view that pops its own context is answered all the same.",
        carboy="chunks=[b'popped']",
        flask="builtins.LookupError",
    ),
    "contexts: probe_popping_the_wrong_one": Intended(_LEFT_AS_IT_WAS, flask="False"),
    "contexts: probe_popping_the_wrong_request": Intended(_LEFT_AS_IT_WAS, flask="False"),
    "contexts: probe_iterating_outside_of_every_context": Intended(
        "The proxy says that there is no context, not that it cannot be iterated over.",
        carboy="RuntimeError: Working outside of",
        flask="TypeError",
    ),
    "contexts: probe_outside_of_every_context": Intended(
        "Without any context, send_file asks for the application first.",
    ),
    "environs: GET /plain (no method)": Intended(_NOT_WSGI, carboy="ERROR in app"),
    "environs: GET /plain (no scheme)": Intended(_NOT_WSGI, carboy="500 INTERNAL SERVER ERROR"),
    "forms: GET /args (bytes)": Intended(_RAW_QUERY, carboy="200 OK", flask="500 INTERNAL"),
    "routing: GET / (a bad query)": Intended(_RAW_QUERY, carboy="200 OK", flask="500 INTERNAL"),
    "replaced: GET /do/session interface": Intended(_LAZY_SESSION, flask="('save',)"),
    "replaced: GET / (before session interface)": Intended(_LAZY_SESSION, flask="('save',)"),
    "replaced: GET /do/debug [stages]": Intended(_LAZY_JINJA),
    "replaced: GET / (before debug) [stages]": Intended(_LAZY_JINJA),
    "requests: GET /identity": Intended(_NO_CYCLE),
    "requests: GET /environ": Intended(_NO_CYCLE, flask="werkzeug.request"),
    "requests: POST /environ": Intended(_NO_CYCLE, flask="werkzeug.request"),
    "requests: probe_a_request_by_itself": Intended(_NO_CYCLE),
    "signalling: GET /stream-template": Intended(
        "A stream that is read while its request is active has no context to push.",
        carboy="('template_rendered', True, ['context', 'template']), ('200 OK'",
    ),
    "blueprints: probe_what_a_blueprint_knows": Intended(_PROCESSOR),
    "blueprints: probe_hooks_of_a_blueprint_registered_under_two_names": Intended(
        _PROCESSOR, carboy="'b': 1", flask="'b': 2"
    ),
}
