"""Where Carboy answers differently on purpose.

Lives here: one entry for each wanted difference, with the reason and with what is
to be found in Carboy's answer. What is listed must differ, and in that way; an
entry that is no longer true fails its test and goes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Intended:
    """A difference that is wanted.

    :param reason: why Carboy does not do as Flask does
    :param carboy: words that are in Carboy's answer and not in Flask's
    """

    reason: str
    carboy: str


# "application: request" or "application: probe" -> the difference. With " [stages]"
# or " [signals]" behind it, it shows only when these are observed.
INTENDED: dict[str, Intended] = {}
