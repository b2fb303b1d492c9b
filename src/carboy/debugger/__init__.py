"""Show an exception of an application in debug mode, and look around in its frames.

Lives here: one module for each thing that it takes. ``values`` and ``source`` say what a value
and a line look like, ``failures`` what an exception tells, ``asked`` what the request was;
``plain`` and ``page`` are the forms in which it is shown; ``console`` evaluates, and ``guard``
says for whom; ``installed`` brings them together for an application.
Must not know: the development server and the command line, which install it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .installed import Debugger as Debugger
    from .installed import install as install
else:
    # Who only has to know what a secret looks like, or to whom it may be shown, needs no pages.
    def __getattr__(name: str) -> Any:
        if name in ("Debugger", "install"):
            from . import installed

            return getattr(installed, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
