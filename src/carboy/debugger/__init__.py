"""Show an exception of an application in debug mode, and look around in its frames.

Lives here: one module for each thing that it takes. ``values`` and ``source`` say what a value
and a line look like, ``failures`` what an exception tells, ``asked`` what the request was;
``plain`` and ``page`` are the forms in which it is shown; ``console`` evaluates, and ``guard``
says for whom; ``installed`` brings them together for an application.
Must not know: the development server and the command line, which install it.
"""

from .installed import Debugger as Debugger
from .installed import install as install
