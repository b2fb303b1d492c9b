"""One application a module.

Each has `create(flask)`, which builds the application with the module it is
given (`flask` or `carboy`), and `REQUESTS`, what is asked of it. Functions named
`probe_*` do things that need no request; what they return is compared.
"""
