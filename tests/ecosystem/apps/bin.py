"""httpbin, served as it is."""

from httpbin import app

__all__ = ["app"]
