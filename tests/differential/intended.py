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
    :param flask: words that are in Flask's answer and not in Carboy's
    """

    reason: str
    carboy: str = ""
    flask: str = ""


# "application: request" or "application: probe" -> the difference. With " [plain]",
# " [signals]" or " [stages]" behind it, it shows only when it is asked that way.
INTENDED: dict[str, Intended] = {
    "requests: GET /own-place-in-environ": Intended(
        "The request and its environ would keep each other alive.",
        carboy="b'None'",
    ),
}
