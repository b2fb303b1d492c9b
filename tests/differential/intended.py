"""Where Carboy answers differently on purpose.

Lives here: one entry for each wanted difference, with the reason and with what is
to be found in Carboy's answer. What is listed must differ, and in that way; an
entry that is no longer true fails its test and goes. `docs/differences.md` tells the
users what matters to them.
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


# "application: request" or "application: probe" -> the difference. With " [plain]",
# " [signals]" or " [stages]" behind it, it shows only when it is asked that way.
INTENDED: dict[str, Intended] = {
    "requests: GET /own-place-in-environ": Intended(
        "The request and its environ would keep each other alive.",
        carboy="b'None'",
    ),
    "configuration: probe_defaults": Intended(
        "Flask has no WebSockets, and so no setting for them.",
        carboy="WEBSOCKET_ORIGINS",
    ),
    "configuration: GET /": Intended(
        "Flask has no WebSockets, and so no setting for them.",
        carboy="WEBSOCKET_ORIGINS",
    ),
    "routing: GET / (a bad query)": Intended(
        "Raw bytes in a query read as if they were percent-encoded.",
        carboy="'200 OK'",
    ),
    "forms: GET /args (bytes)": Intended(
        "Raw bytes in a query read as if they were percent-encoded.",
        carboy="'200 OK'",
    ),
    "forms: probe_max_content_length_without_a_length": Intended(
        "A body past its limit is refused, not cut off.",
        carboy="('/data', '413 REQUEST ENTITY TOO LARGE')",
    ),
    "json_io: POST /echo (nested too deeply)": Intended(
        "Bad input is not the server's error.",
        carboy="400 BAD REQUEST",
    ),
    "contexts: GET /proxies": Intended(
        "One context serves the application and the request.",
        carboy='["RequestContext","RequestContext"',
    ),
    "contexts: probe_iterating_outside_of_every_context": Intended(
        "The message says what is missing.",
        carboy="Working outside of request context",
    ),
    "replaced: GET /do/debug [stages]": Intended(
        "The template environment is made when it is first used.",
        flask="('stage', 'create_global_jinja_loader', []), ('stage', 'finalize_request'",
    ),
    "replaced: GET / (before debug) [stages]": Intended(
        "The template environment is made when it is first used.",
        flask="('stage', 'create_global_jinja_loader', []), ('stage', 'finalize_request'",
    ),
    "environs: GET /changed?a=1": Intended(
        "What has not been asked for is computed from the environ as it is then.",
        carboy='"query":"b=2"',
    ),
    "environs: GET /attributes (credentials beyond ASCII)": Intended(
        "Bad input is not the server's error.",
        carboy='"authorization":"None"',
    ),
    "sessions: probe_signed_by_us_but_nonsense": Intended(
        "A session cookie that cannot be decoded is a new, empty session.",
        carboy="(b'nonsense', '200 OK')",
    ),
    "contexts: GET /popped-too-early": Intended(
        "The context that is gone already is not popped again.",
        flask="LookupError",
    ),
    "blueprints: probe_what_a_blueprint_knows": Intended(
        "The variables that every template has are added once, by the application.",
        flask="[None], [], [], []]",
    ),
    "blueprints: probe_hooks_of_a_blueprint_registered_under_two_names": Intended(
        "The variables that every template has are added once, by the application.",
        flask="'b': 2, 'c': 2",
    ),
    "environs: GET /plain (no scheme)": Intended(
        "What is not asked for need not be there, or is logged.",
        flask="raised=\"builtins.KeyError: 'wsgi.url_scheme'",
    ),
    "environs: GET /plain (no method)": Intended(
        "An environ that is not WSGI's is logged.", carboy="Exception on /plain"
    ),
    "signalling: GET /stream-template": Intended(
        "A stream that is drawn while its request runs uses the context that is there.",
        flask="('appcontext_popped', True, []), ('200 OK'",
    ),
}
