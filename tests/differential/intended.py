"""Where Carboy answers differently on purpose.

Lives here: one entry for each wanted difference, with the reason. A request or
probe that is listed must differ; when it no longer does, its test fails and the
entry goes.
"""

# "application: test id" -> why Carboy's answer is another
INTENDED: dict[str, str] = {}
