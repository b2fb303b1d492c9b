"""The same applications on Flask and on Carboy, and the answers compared.

Lives here: applications (`apps/`), what is asked of them (`asking`), what is
seen when they answer (`observing`), and the differences that are wanted
(`intended`). Must not know: how either framework works inside.

`DIFFERENTIAL_SUBJECT=flask` compares Flask with itself, which shows that the
suite is deterministic.
"""
