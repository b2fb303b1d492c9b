"""How far the random tests look.

The same few examples each time, so that a run can be trusted and is short.
`DIFFERENTIAL_EXAMPLES=5000` looks at that many, and at others each time.
"""

from __future__ import annotations

import os

from hypothesis import settings


def explore(examples: int) -> settings:
    """Settings for a test that looks at *examples* unless told otherwise."""
    asked = os.environ.get("DIFFERENTIAL_EXAMPLES")
    return settings(max_examples=int(asked or examples), derandomize=not asked, deadline=None)
