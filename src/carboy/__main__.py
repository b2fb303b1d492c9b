"""``python -m carboy``: the command line, or a program with ``flask`` meaning Carboy.

Lives here: the choice between the two, and running a program as ``python`` itself would.
``-c code``, ``-m module`` and the path of a file (it ends in ``.py`` or holds a slash) are
programs, anything else belongs to the command line.

How it works: the program gets a ``__main__`` of its own, which stays when it has ended, for
threads and exit handlers. An exception that ends it is shown without the frames of this file,
and then left to the interpreter, which decides on the exit code.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import ModuleType
from typing import NoReturn

from .flask_alias import install_as_flask


def main() -> None:
    """Run ``python -m carboy …`` as ``sys.argv`` says."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    is_file = first[:1] != "-" and (first.endswith(".py") or os.path.dirname(first))
    if first in {"-c", "-m"} or is_file:
        run_program(sys.argv[1:])
    else:
        from .cli import main as command_line

        command_line()


def run_program(arguments: list[str]) -> None:
    """Run a program as ``__main__``, as ``python …`` with the same arguments would.

    :param arguments: ``-c code``, ``-m module`` or the path of a file, and what the program is
        to see in ``sys.argv``
    """
    program, *_ = arguments
    if program in {"-c", "-m"} and len(arguments) == 1:
        _leave(f"Argument expected for the {program} option")
    install_as_flask()
    sys.modules["__main__"] = module = ModuleType("__main__")
    vars(module).update(__builtins__=builtins, __loader__=BuiltinImporter)
    try:
        if program == "-m":
            import runpy

            sys.argv = [program, *arguments[2:]]
            # What the interpreter itself calls for -m.
            runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
        elif program == "-c":
            sys.argv = [program, *arguments[2:]]
            _search_first("")
            exec(compile(arguments[1], "<string>", "exec", dont_inherit=True), vars(module))
        else:
            sys.argv = list(arguments)
            path = os.path.join(os.getcwd(), program)
            _search_first(os.path.dirname(os.path.realpath(path)))
            loader = SourceFileLoader("__main__", path)
            vars(module).update(__file__=path, __cached__=None, __loader__=loader)
            exec(compile(_read(path), path, "exec", dont_inherit=True), vars(module))
    except SystemExit:
        raise
    except BaseException as error:
        frames = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        sys.excepthook = lambda *_: None
        raise


def _search_first(folder: str) -> None:
    """Let imports look in a folder first, unless the interpreter is not to do such things."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _read(path: str) -> bytes:
    try:
        with io.open_code(path) as file:
            return file.read()
    except OSError as error:
        _leave(
            f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}"
        )


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
