"""One application a module.

Each has `create(flask)`, which builds the application with the module it is
given (`flask` or `carboy`), and `REQUESTS`, what is asked of it. Functions named
`probe_*` do things that need no request; what they return is compared.

What a module may say about its application:

- `STATELESS`: no request leaves anything behind, one instance answers all of them;
- `STATE_IN_COOKIES`: one framework can go on where the other stopped;
- `OWN_RECEIVERS`: nobody else may listen to its signals.
"""
