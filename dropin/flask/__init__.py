"""``flask`` in an environment without Flask: importing it means Carboy from here on.

Lives here: the hand-over, and the warning when Flask itself is installed as well.
Must not know: what the names are; :mod:`carboy.flask_alias` answers for each.
"""

import sys
import warnings
from importlib.metadata import distributions

import carboy

if len(found := [str(d.locate_file("flask")) for d in distributions(name="flask")]) > 1:
    warnings.warn(
        "Both Carboy's drop-in and Flask itself are installed, and the one that comes first on"
        f" sys.path answers for 'flask': {', '.join(found)}. Here it is Carboy. Uninstall the"
        " one that is not wanted with 'pip uninstall flask'.",
        RuntimeWarning,
        stacklevel=2,
    )

# The import system hands out what stands here when this file has run.
del sys.modules[__name__]
carboy.install_as_flask()
sys.modules[__name__] = carboy
