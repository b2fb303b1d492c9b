"""Real extensions and programs on Carboy's drop-in, talked to over HTTP.

Lives here: how an application of ``apps/`` is started and asked. Everything runs in an environment
in which the drop-in answers for Flask; in any other, these tests are not collected.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

if not metadata.version("flask").endswith("+carboy"):
    collect_ignore_glob = ["*"]
else:
    import requests

    from programs.conftest import Program, starting

    APPS = Path(__file__).parent / "apps"
    FLASK = str(Path(sys.executable).with_name("flask"))

    class Visitor(requests.Session):
        """A browser of one site: keeps cookies, and takes paths for addresses."""

        def __init__(self, program: Program) -> None:
            super().__init__()
            self.trust_env = False
            self.program = program
            host, port = program.address
            self.site = f"http://{host}:{port}"

        def request(self, method: str, url: str, **options: object) -> requests.Response:  # type: ignore[override]
            options.setdefault("timeout", 60)
            return super().request(method, self.site + url, **options)  # type: ignore[arg-type]

        def another(self) -> Visitor:
            """A second visitor of the same site, without the cookies of the first."""
            return Visitor(self.program)

    @pytest.fixture(scope="module")
    def program(
        request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Program]:
        """The application that the test module names in ``APP``, a file of ``apps/``, served by
        ``flask run``, or the command in ``SERVE``, in an empty folder (also in ``DATA``, for what
        it stores)."""
        folder = tmp_path_factory.mktemp("program")
        with starting() as start:
            environment = {"DATA": str(folder), **getattr(request.module, "ENVIRONMENT", {})}
            for command in getattr(request.module, "COMMANDS_BEFORE", ()):
                assert (
                    start(
                        FLASK,
                        "--app",
                        str(APPS / request.module.APP),
                        *command,
                        folder=folder,
                        **environment,
                    ).wait()
                    == 0
                )
            serve = getattr(request.module, "SERVE", ("run",))
            app = str(APPS / request.module.APP)
            yield start(FLASK, "--app", app, *serve, folder=folder, **environment)

    @pytest.fixture
    def visitor(program: Program) -> Iterator[Visitor]:
        """Someone without cookies who visits the application."""
        with Visitor(program) as visitor:
            yield visitor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-table",
        action="store_true",
        dest="write_table",
        help="write the table of docs/extensions.md anew",
    )
