"""The version of the distribution, read by the build and by ``carboy --version``."""

__version__ = "0.1.0.dev0"

#: The version of Flask whose API this is.
FLASK_VERSION = "3.1.3"
