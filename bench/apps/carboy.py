"""Carboy's programs: Flask's, unchanged."""

from functools import partial

import carboy
from bench.apps.flask_api import BUILDERS

PROGRAMS = {name: partial(build, carboy) for name, build in BUILDERS.items()}
