"""Answer in place of a program that does not run: say why.

Lives here: the page, its plain text and JSON, and :func:`main`, which serves them.
Must not know: why the program does not run; it is told. To whom what it said is shown, which the
debugger's guard knows.

How it works: the reloader starts this as it would start the program, with the listening socket
and a channel, and ends it when the next attempt begins. A page in a browser then reloads itself.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from .access_log import show_access_log
from .handover import take
from .live_reload import LiveReload
from .serving import serve

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ..debugger.guard import Guard

#: The variables that hold what is to be said, and what the server listens on.
TITLE, TEXT, HOST = "CARBOY_FAILURE_TITLE", "CARBOY_FAILURE_TEXT", "CARBOY_FAILURE_HOST"

#: How many characters of a program's output are shown, from its end.
SHOWN = 20_000

#: In place of what the program said, where that is not shown.
ELSEWHERE = "What it said is to be seen where it was started."

ADVICE = "The next time that a file is saved, the program is started again."

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ background: light-dark(#f6f4ef, #16171a); color: light-dark(#1d1c1a, #e9e6e0);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  margin: auto; max-width: 64rem; padding: 2.25rem 1.5rem }}
h1 {{ color: light-dark(#b3261e, #ff8a7a); font-size: 1.15rem; margin: 0 }}
.said {{ font-size: 1.55rem; font-weight: 600; line-height: 1.3; margin: .25rem 0 1.5rem;
  overflow-wrap: anywhere }}
pre {{ background: light-dark(#fffefb, #1e2024); border: 1px solid light-dark(#e2ded4, #33363c);
  border-radius: 9px; font: .83rem/1.6 ui-monospace, Menlo, Consolas, monospace; overflow: auto;
  padding: 1rem }}
.advice {{ color: light-dark(#6a665e, #a09b92) }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="said">{last}</p>
<pre tabindex="0">{text}</pre>
<p class="advice">{advice}</p>
</body>
</html>
"""

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(output: bytes) -> str:
    """What a program wrote to its standard error, as it can be shown anywhere."""
    # A program that can be started has no need of these.
    from ..debugger.asked import secrets_among
    from ..debugger.values import Masked

    text = _ESCAPE_SEQUENCE.sub("", output.decode(errors="replace")).replace("\0", "\ufffd")
    return Masked(secrets_among(os.environ.items()))(text)[-SHOWN:].strip("\n")


def failing(title: str, said: str, guard: Guard, live: LiveReload | None) -> WSGIApplication:
    """A WSGI application that says so to every request.

    :param title: what has happened, a sentence
    :param said: what the program said about it
    :param guard: decides to whom that is shown
    :param live: puts its script into the page
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        accept = environ.get("HTTP_ACCEPT", "")
        text = said if guard.confides(environ) else ELSEWHERE
        headers = [("Cache-Control", "no-store")]
        if "text/html" in accept:
            kind = "text/html; charset=utf-8"
            body = page(title, text).encode()
            if live is not None:
                body = live.insert(body)
            headers.append(("Content-Security-Policy", _POLICY))
        elif "json" in accept:
            kind = "application/problem+json"
            problem = {"type": "about:blank", "title": title, "status": 500, "detail": text}
            body = json.dumps(problem).encode()
        else:
            kind = "text/plain; charset=utf-8"
            body = f"{title}\n\n{text}\n\n{ADVICE}\n".encode()
        headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response("500 Internal Server Error", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return application


def page(title: str, text: str) -> str:
    """The page that says what has happened."""
    *_, last = text.splitlines() or [""]
    return PAGE.format(
        title=escape(title), last=escape(last.strip()), text=escape(text), advice=escape(ADVICE)
    )


def main() -> None:
    """Say it until told to stop."""
    from ..debugger.guard import Guard

    reloader = take()
    assert reloader is not None
    live = LiveReload(reloader.version) if reloader.live_reload else None
    title, said, host = map(os.environ.pop, (TITLE, TEXT, HOST))
    application = failing(title, said, Guard(host), live)

    def is_ready() -> None:
        reloader.show_terminal()
        show_access_log()
        reloader.say(ready="wsgi")

    serve(
        application,
        reloader.listener,
        certificate=reloader.certificate,
        live=live,
        reloader=reloader,
        when_serving=is_ready,
    )
