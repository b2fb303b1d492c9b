"""The version of the distribution, read by the build and by ``carboy --version``."""

__version__ = "0.1.0.dev0"
