"""``carboy serve``: the production server's command.

Lives here: its options, and ``[tool.carboy.serve]`` of ``pyproject.toml`` as their defaults.
Must not know: how the application is served.

How it works: an option is taken from the command line, else from a variable
``CARBOY_SERVE_<OPTION>``, else from ``pyproject.toml`` in the working directory, where it has the
option's name without the dashes in front.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .discovery import ScriptInfo, pass_script_info

PYPROJECT = Path("pyproject.toml")
TABLE = "[tool.carboy.serve]"


class ServeCommand(click.Command):
    """A command whose options have their defaults in ``pyproject.toml``."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """A context with the file's values as defaults."""
        if parent is None or not parent.resilient_parsing:
            extra.setdefault("default_map", self._from_file())
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; of a wrong value from the file it is said where it stands."""
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            name = error.param.name if error.param is not None else None
            if name and ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
                message = f"{error.message} It is set in {TABLE} of {PYPROJECT}."
                raise click.BadParameter(message, ctx, error.param) from None
            raise

    def _from_file(self) -> dict[str, Any]:
        try:
            text = PYPROJECT.read_text(encoding="utf-8")
            # Other commands, and most folders, can do without.
            import tomllib

            content = tomllib.loads(text)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise click.ClickException(f"{PYPROJECT} cannot be read: {error}") from None
        table: Any = content
        for name in ("tool", "carboy", "serve"):
            table = table.get(name, {})
            if not isinstance(table, dict):
                raise click.ClickException(f"{TABLE} of {PYPROJECT} is no table, but {table!r}.")
        known = {
            max(option.opts, key=len).lstrip("-"): option
            for option in self.params
            if isinstance(option, click.Option) and option.name is not None
        }
        found = {}
        for key, value in table.items():
            option = known.get(key.replace("_", "-"))
            if option is None:
                import difflib

                near = difflib.get_close_matches(key, known, 1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise click.ClickException(
                    f"{TABLE} of {PYPROJECT} has the unknown key {key!r}.{hint}"
                    f" The keys are: {', '.join(sorted(known))}."
                )
            found[option.name or key] = _as_given(option, key, value)
        return found


def _as_given(option: click.Option, key: str, value: object) -> Any:
    """A value of the file as the command line would have it."""
    if option.is_flag:
        wanted, fits = "true or false", isinstance(value, bool)
        given: Any = value
    else:
        values = value if option.multiple and isinstance(value, list) else [value]
        wanted = "text or a number" + (", or a list of these" if option.multiple else "")
        fits = not any(isinstance(v, bool) or not isinstance(v, str | int | float) for v in values)
        given = [str(v) for v in values] if option.multiple else str(value)
    if not fits:
        raise click.ClickException(
            f"{TABLE} of {PYPROJECT} has {value!r} for {key!r}, which is to be {wanted}."
        )
    return given


def _mount(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Any:
    """``/prefix=folder`` as a pair."""
    mounts = []
    for text in value:
        prefix, _, folder = text.partition("=")
        if not prefix.startswith("/") or not os.path.isdir(folder):
            raise click.BadParameter(
                f"{text!r} is not a path on the server, '=', and an existing folder.", ctx, param
            )
        mounts.append((prefix.rstrip("/") or "/", os.path.realpath(folder)))
    return tuple(mounts)


def _seconds(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value!r} is no number of seconds.", ctx, param)
    return value


def _path_on_server(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.startswith("/"):
        raise click.BadParameter(f"{value!r} does not begin with a slash.", ctx, param)
    return value


_file = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.command(
    "serve",
    cls=ServeCommand,
    short_help="Run a production server.",
    context_settings={"auto_envvar_prefix": "CARBOY_SERVE", "show_default": True},
)
@click.option("--host", "-h", default="127.0.0.1", help="The interface to bind to.")
@click.option("--port", "-p", default=8000, help="The port to bind to; 0 for any free one.")
@click.option(
    "--uds", type=click.Path(dir_okay=False), help="Listen on a Unix socket at this path instead."
)
@click.option("--workers", "-w", type=click.IntRange(1), default=1, help="Processes that serve.")
@click.option(
    "--threads",
    "-t",
    type=click.IntRange(1),
    default=4,
    help="Requests that a worker serves at a time under WSGI.",
)
@click.option(
    "--scheduling",
    type=click.Choice(("auto", "batch", "normal")),
    default="auto",
    help="How Linux takes turns with a worker's threads; auto is batch for asgi and rsgi.",
)
@click.option(
    "--interface",
    type=click.Choice(("auto", "wsgi", "asgi", "rsgi")),
    default="auto",
    help="How the application is called; auto is wsgi for plain views and rsgi for async ones.",
)
@click.option(
    "--http", type=click.Choice(("auto", "1", "2")), default="auto", help="The version of HTTP."
)
@click.option("--certificate", type=_file, help="The certificate, to serve HTTPS.")
@click.option("--key", type=_file, help="The certificate's key.")
@click.option(
    "--client-ca", type=_file, help="Serve only clients with a certificate that this one signed."
)
@click.option(
    "--proxy-hops",
    type=click.IntRange(0),
    default=0,
    help="The number of proxies that each request comes through.",
)
@click.option(
    "--trusted-proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Believe proxies at this address or network, or 'unix'. Can be given several times.",
)
@click.option(
    "--proxy-headers",
    multiple=True,
    type=click.Choice(("for", "proto", "host", "port", "prefix")),
    default=("for", "proto"),
    help="An X-Forwarded- header that the proxies set. Can be given several times.",
)
@click.option(
    "--access-log",
    type=click.Choice(("off", "text", "json")),
    default="off",
    help="Write a line for each request to standard output.",
)
@click.option(
    "--static/--no-static",
    help="Serve the application's static folder without asking the application.",
)
@click.option(
    "--static-mount",
    multiple=True,
    metavar="PREFIX=FOLDER",
    callback=_mount,
    help="Serve a folder without asking the application. Can be given several times.",
)
@click.option(
    "--health",
    metavar="PATH",
    callback=_path_on_server,
    help="Answer this path with 200, and with 503 when stopping, without the application.",
)
@click.option(
    "--body-timeout",
    type=click.FloatRange(0),
    callback=_seconds,
    default=30.0,
    help="Seconds that a thread waits for the body of a request under WSGI; 0 for no limit.",
)
@click.option(
    "--graceful-timeout",
    type=click.FloatRange(0),
    callback=_seconds,
    default=30.0,
    help="Seconds that requests are given to end when a worker stops.",
)
@click.option(
    "--max-requests", type=click.IntRange(1), help="Replace a worker after this many requests."
)
@click.option(
    "--max-requests-jitter",
    type=click.IntRange(0),
    default=0,
    help="Up to how many requests more each worker gets, by chance.",
)
@click.option(
    "--max-memory",
    type=click.IntRange(1),
    metavar="MIB",
    help="Replace a worker that has more memory than this.",
)
@pass_script_info
def serve_command(info: ScriptInfo, /, **options: Any) -> None:
    """Run a production server.

    SIGHUP reloads the application, SIGTERM and Ctrl-C let running requests end and stop.

    Each option can be set in the environment too, as CARBOY_SERVE_<OPTION>, and in the table
    [tool.carboy.serve] of pyproject.toml in the current directory. The command line wins over
    the environment, and that over the file.
    """
    # What only this command needs.
    from ..server.access_log import AccessLines
    from ..server.address import CannotListen
    from ..server.production import BadCertificate, Settings, serve

    certificate, key = options.pop("certificate"), options.pop("key")
    if (certificate is None) != (key is None):
        raise click.UsageError("HTTPS needs both --certificate and --key.")
    if certificate is None and options["client_ca"] is not None:
        raise click.UsageError("--client-ca needs --certificate and --key.")
    log, memory = options.pop("access_log"), options.pop("max_memory")
    settings = Settings(
        load=lambda: _load(info),
        name=info.app_import_path or "app",
        certificate=None if certificate is None else (certificate, key),
        access_log=None if log == "off" else AccessLines(as_json=log == "json"),
        proxies=_proxies(
            options.pop("proxy_hops"), options.pop("trusted_proxies"), options.pop("proxy_headers")
        ),
        mounts=options.pop("static_mount"),
        max_memory=None if memory is None else memory * 2**20,
        **options,
    )
    try:
        status = serve(settings)
    except (CannotListen, BadCertificate) as error:
        raise click.ClickException(str(error)) from None
    raise SystemExit(status)


def _proxies(hops: int, trusted: tuple[str, ...], headers: tuple[str, ...]) -> Any:
    """Whose headers are believed, or ``None``."""
    if not hops and not trusted:
        return None
    if hops and trusted:
        raise click.UsageError("Choose one of --proxy-hops and --trusted-proxies.")
    from ..server.proxies import Proxies

    try:
        return Proxies(hops, trusted, headers)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--trusted-proxies") from None


def _load(info: ScriptInfo) -> Any:
    """The application, in the worker that is to serve it."""
    try:
        return info.load_app()
    except click.ClickException as error:
        error.show()
        raise SystemExit(1) from None
