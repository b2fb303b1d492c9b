"""What earlier lines of Flask had and the current one has not.

Lives here: ``attributes``, the old attributes of applications and blueprints; and what does the
work of old names, imported when one is used: ``compat``, ``contexts``, ``first_request``,
``functions`` and ``json``.
Must not know: the application class, and how a request runs.
"""
