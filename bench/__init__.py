"""How fast Carboy is, beside Flask and others, in one run: ``python -m bench``.

Lives here: the scenarios, the clocks and the table. Must not know: anything private to
a framework; each is used as its documentation shows.

How it works: ``scenarios`` says what is asked and what must be answered, ``inprocess``
times it without a server, ``startup`` times what happens before the first request,
``served`` measures requests per second behind Granian, and ``table`` sets the results
against their goals.
"""
