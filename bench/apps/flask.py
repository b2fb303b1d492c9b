"""Flask's programs."""

from functools import partial
from importlib.util import find_spec

import flask

from bench.apps.flask_api import BUILDERS

LACKS = {} if find_spec("asgiref") else {"sleeps": "asgiref is not installed"}
PROGRAMS = {name: partial(build, flask) for name, build in BUILDERS.items()}
