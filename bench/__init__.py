"""How fast Carboy is, beside other frameworks, in one run: ``python -m bench``.

Lives here: the programs, the scenarios, the clocks, the tables and the charts. Must not know:
anything private to a framework; each is used as its documentation shows.

How it works: ``apps`` has the programs of each framework, ``scenarios`` says what is asked of them
and what must be answered. ``inprocess`` times it without a server, ``instructions`` counts it,
``served`` measures requests per second behind servers, ``growth`` what becomes of it when programs
and requests grow, ``startup`` what happens before the first request. ``guard`` holds what scenarios
take to stored figures. ``report`` and ``charts`` make the tables and the page of the results.
"""
