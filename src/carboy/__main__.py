"""``python -m carboy``: the command line, or a script with ``flask`` meaning Carboy.

Lives here: the choice between the two. A path to a Python file as the first argument is a
script, anything else belongs to the command line.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run ``python -m carboy …`` as ``sys.argv`` says."""
    if len(sys.argv) > 1 and sys.argv[1].endswith(".py") and os.path.isfile(sys.argv[1]):
        run_script(sys.argv[1:])
    else:
        from .cli import main as command_line

        command_line()


def run_script(arguments: list[str]) -> None:
    """Run a Python file as ``__main__``, as ``python file.py …`` would.

    :param arguments: the path of the file and the arguments it is to see in ``sys.argv``
    """
    import runpy

    from .flask_alias import install_as_flask

    install_as_flask()
    sys.argv = list(arguments)
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
