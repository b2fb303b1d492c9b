"""Requests and responses: ``request`` and ``response`` hold one each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import old_names
from .request import Request as Request
from .response import Response as Response

if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
