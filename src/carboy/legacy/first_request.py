"""Functions that run once, before the first request.

Lives here: ``FirstRequest``, which stands in for the application's ``full_dispatch_request``
until they have run, so that later requests have nothing to ask.
Must not know: what else happens to a request.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..app import Flask
    from ..wrappers import Response

_STAGE = "full_dispatch_request"


class FirstRequest:
    """The functions of one application that wait for its first request.

    :param app: the application
    """

    def __init__(self, app: Flask) -> None:
        self.functions: list[Callable[[], Any]] = []
        self._app = weakref.ref(app)
        self._lock = RLock()
        self._running = False
        self._ran = app._got_first_request
        if not self._ran:
            #: What somebody else has put on the application in place of the method.
            self._replaced: Any = vars(app).get(_STAGE)
            self._stand_in = self.dispatch
            setattr(app, _STAGE, self._stand_in)

    def dispatch(self) -> Response:
        """Run the functions, and go on with the request."""
        app = self._app()
        assert app is not None
        self.run()
        stage = self._replaced or type(app).full_dispatch_request.__get__(app)
        return stage()  # type: ignore[no-any-return]

    def run(self) -> None:
        """Run the functions if they have not run; others wait until they have.

        When one fails, all of them run again with the next request.
        """
        app = self._app()
        assert app is not None
        with self._lock:
            # One of them may send a request itself.
            if self._ran or self._running:
                return
            self._running = True
            try:
                for function in self.functions:
                    app.ensure_sync(function)()
            finally:
                self._running = False
            self._ran = True
            if vars(app).get(_STAGE) is not self._stand_in:
                return
            if self._replaced is None:
                delattr(app, _STAGE)
            else:
                setattr(app, _STAGE, self._replaced)


def of(app: Flask) -> FirstRequest:
    """The functions of *app*."""
    own = vars(app)
    if "_first_request" not in own:
        own["_first_request"] = FirstRequest(app)
    return own["_first_request"]  # type: ignore[no-any-return]
