"""Requests and responses: ``request`` and ``response`` hold one each."""

from .request import Request as Request
from .response import Response as Response
