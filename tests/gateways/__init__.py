"""The application on ASGI and RSGI: what comes in, what goes out, and what happens in between.

Lives here: the tests of the gateways, of async functions and of the life cycle, and the servers'
stand-ins that they use (`doubles`). Real servers are in `tests/programs/`.
"""
