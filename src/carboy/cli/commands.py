"""The commands that come with Carboy: run, shell and routes; and ``carboy`` itself.

Must not know: how the application is found, how it is served.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..flask_alias import install_as_flask
from ..globals import current_app
from ..helpers import get_debug_flag
from .discovery import BrokenImport, NoAppException, ScriptInfo, pass_script_info
from .environment import environment_without_files, settings_files
from .groups import FlaskGroup, with_appcontext
from .options import CertParamType, SeparatedPathType, debug_option, validate_key

if TYPE_CHECKING:
    from werkzeug.routing import Rule

    from ..app import Flask


def show_server_banner(debug: bool, app_import_path: str | None) -> None:
    """Say which application is served, and whether in debug mode.

    :param debug: whether in debug mode; ``None`` leaves it out
    :param app_import_path: what the application is called; ``None`` leaves it out
    """
    from ..server import banner_lines

    for line in banner_lines(app_import_path, debug):
        click.echo(line)


@click.command("run", short_help="Run a development server.", params=[debug_option()])
@click.option("--host", "-h", default="127.0.0.1", help="The name or address to listen on.")
@click.option("--port", "-p", default=5000, help="The port to listen on; 0 for any free one.")
@click.option(
    "--cert",
    type=CertParamType(),
    help="Use HTTPS with this certificate file; 'adhoc' makes one for this run.",
    is_eager=True,
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    callback=validate_key,
    expose_value=False,
    help="The key file of the certificate.",
)
@click.option(
    "--reload/--no-reload",
    default=None,
    help="Start the program anew when its files change; by default in debug mode.",
)
@click.option(
    "--debugger/--no-debugger",
    default=None,
    help="Show exceptions in the browser; only, and by default, in debug mode.",
)
@click.option(
    "--debugger-allow-remote",
    is_flag=True,
    help="Offer the debugger's console to other machines, to who has the token shown here.",
)
@click.option(
    "--live-reload/--no-live-reload",
    default=True,
    help="Have pages in browsers reload themselves after the program; only in debug mode.",
)
@click.option(
    "--with-threads/--without-threads",
    default=True,
    help="Serve several requests at a time, or one.",
)
@click.option(
    "--interface",
    type=click.Choice(("auto", "wsgi", "asgi", "rsgi")),
    default="auto",
    help=(
        "How the application is called; auto is wsgi for plain views, asgi with WebSockets,"
        " and rsgi for other async views."
    ),
)
@click.option(
    "--extra-files",
    type=SeparatedPathType(),
    help=(
        "Extra files, or folders, that trigger a reload on change. Multiple paths are separated"
        f" by {os.path.pathsep!r}."
    ),
)
@click.option(
    "--exclude-patterns",
    type=SeparatedPathType(),
    help=(
        "Files matching these fnmatch patterns will not trigger a reload on change."
        f" Multiple patterns are separated by {os.path.pathsep!r}."
    ),
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    host: str,
    port: int,
    reload: bool | None,
    debugger: bool | None,
    debugger_allow_remote: bool,
    live_reload: bool,
    with_threads: bool,
    interface: str,
    cert: object,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
) -> None:
    """Run a local development server.

    This server is for development purposes only. It says where it listens, writes a line for
    each request, and stops on Ctrl-C. In debug mode it starts the program anew when a file is
    saved, and shows exceptions in the browser.
    """
    # What only this command needs.
    from ..server import THREADS, Settings, develop

    debug = get_debug_flag()

    def show_exceptions(application: Any, token: str | None, script: str) -> str | None:
        from ..debugger import install

        if not application.debug:
            click.echo(" * Without effect here: --debugger, outside of debug mode", err=True)
        installed = install(
            application,
            host=host,
            allow_remote=debugger_allow_remote,
            token=token,
            extra_script=script,
        )
        return None if installed is None else installed.token

    reloads = debug if reload is None else reload

    def load() -> Flask:
        try:
            return info.load_app()
        except BrokenImport as error:
            if not reloads or error.__context__ is None:
                raise
            # The reloader shows what happened, like any other exception.
            raise error.__context__ from None

    settings = Settings(
        host=host,
        port=port,
        name=info.app_import_path,
        debug=debug,
        reload=reloads,
        debugger=show_exceptions if (debug if debugger is None else debugger) else None,
        live_reload=live_reload,
        threads=THREADS if with_threads else 1,
        interface=interface,
        certificate=cert,
        extra_files=extra_files or (),
        exclude_patterns=exclude_patterns or (),
        settings_files=settings_files(),
        environment=environment_without_files(),
        is_hopeless=lambda error: isinstance(error, NoAppException),
    )
    develop(load, settings, spare=True)


@click.command("shell", short_help="Run a shell in the app context.")
@with_appcontext
def shell_command() -> None:
    """Run an interactive Python shell in the context of an application.

    What the application's shell context processors return is there by name. The file that
    PYTHONSTARTUP names is run first.
    """
    import code

    namespace: dict[str, Any] = {}
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):
        with open(startup, encoding="utf-8") as file:
            exec(compile(file.read(), startup, "exec"), namespace)
    namespace.update(current_app.make_shell_context())

    # Completion in the shell is to know the shell's names, not this module's.
    if (hook := getattr(sys, "__interactivehook__", None)) is not None:
        try:
            import readline
            from rlcompleter import Completer
        except ImportError:
            pass
        else:
            readline.set_completer(Completer(namespace).complete)
        hook()

    banner = (
        f"Python {sys.version} on {sys.platform}\n"
        f"App: {current_app.import_name}\n"
        f"Instance: {current_app.instance_path}"
    )
    code.interact(banner=banner, local=namespace)


class _Route(NamedTuple):
    """A line of the table of routes."""

    endpoint: str
    methods: str
    domain: str
    rule: str


@click.command("routes", short_help="Show the routes for the app.")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(("endpoint", "methods", "domain", "rule", "match")),
    default="endpoint",
    help=(
        "Method to sort routes by. 'match' is the order that Carboy will match routes when"
        " dispatching a request."
    ),
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS methods.")
@with_appcontext
def routes_command(sort: str, all_methods: bool) -> None:
    """Show all registered routes with endpoints and methods."""
    rules = list(current_app.url_map.iter_rules())
    if not rules:
        click.echo("No routes were registered.")
        return
    host_matching = current_app.url_map.host_matching
    hidden = frozenset() if all_methods else frozenset({"HEAD", "OPTIONS"})
    routes = [_route(rule, hidden, host_matching) for rule in rules]
    if sort != "match":
        routes.sort(key=attrgetter(sort))
    titles = _Route("Endpoint", "Methods", "Host" if host_matching else "Subdomain", "Rule")
    for line in _table(titles, routes):
        click.echo(line)


def _route(rule: Rule, hidden: frozenset[str], host_matching: bool) -> _Route:
    domain = rule.host if host_matching else rule.subdomain
    methods = ", ".join(sorted((rule.methods or set()) - hidden))
    return _Route(str(rule.endpoint), methods, domain or "", rule.rule)


def _table(titles: _Route, routes: list[_Route]) -> list[str]:
    """The lines of the table, each column as wide as it needs to be."""
    shown = list(range(len(titles)))
    if not any(route.domain for route in routes):
        shown.remove(_Route._fields.index("domain"))
    widths = {i: max(len(row[i]) for row in (titles, *routes)) for i in shown}
    rules = ["-" * width for width in widths.values()]
    cells: Callable[[_Route], list[str]] = lambda row: [  # noqa: E731
        row[i].ljust(width) for i, width in widths.items()
    ]
    return ["  ".join(row).rstrip() for row in (cells(titles), rules, *map(cells, routes))]


cli = FlaskGroup(
    name="carboy",
    help="""\
A general utility script for Flask applications.

An application to load must be given with the '--app' option, 'FLASK_APP' environment
variable, or with a 'wsgi.py' or 'app.py' file in the current directory.
""",
)


def main() -> None:
    """The ``carboy`` command: every ``import flask`` in this process means Carboy."""
    install_as_flask()
    cli.main()
