"""``flask`` in an environment without Flask: importing it means Carboy from here on.

Lives here: the hand-over, and the warning when Flask itself is installed as well.
Must not know: what the names are; :mod:`carboy.flask_alias` answers for each.
"""

import os
import sys
import warnings
from importlib.metadata import distributions

import carboy

_found = {os.path.realpath(str(d.locate_file("flask"))) for d in distributions(name="flask")}
if len(_found) > 1:
    warnings.warn(
        "Both Carboy's drop-in and Flask itself are installed, and the one that comes first on"
        f" sys.path answers for 'flask': {', '.join(sorted(_found))}. Here it is Carboy. Uninstall"
        " the one that is not wanted with 'pip uninstall flask'.",
        RuntimeWarning,
        stacklevel=2,
    )

# The import system hands out what stands here when this file has run.
sys.modules[__name__] = carboy
carboy.install_as_flask()


# A thread that began the import at the same time has got hold of this module.
def __getattr__(name: str) -> object:
    return getattr(carboy, name)
