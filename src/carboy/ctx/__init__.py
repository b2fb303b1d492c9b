"""The contexts: what is known while an application, or one of its requests, is at work.

Lives here: ``AppContext`` and the namespace behind ``g`` in ``app_context``, ``RequestContext`` in
``request_context``, and the functions that ask for or carry over what is active in ``current``.
Must not know: how a request is dispatched. It asks the application for an adapter, a session
and the teardown functions, and takes what comes.

How it works: a request's context *is* its application context as well, so a request pushes one
object and sets one variable. It only borrows an application context when one of the same
application is already active, as in ``with app.app_context(): client.get("/")``. Everything
but the request itself (``g``, the session, the URL adapter) comes into being when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import old_names
from ..signals import appcontext_popped as appcontext_popped
from ..signals import appcontext_pushed as appcontext_pushed
from .app_context import _MISSING as _MISSING
from .app_context import AppContext as AppContext
from .app_context import _AppCtxGlobals as _AppCtxGlobals
from .app_context import _sentinel as _sentinel
from .current import _default_template_ctx_processor as _default_template_ctx_processor
from .current import _request_ctx_for as _request_ctx_for
from .current import after_this_request as after_this_request
from .current import copy_current_request_context as copy_current_request_context
from .current import has_app_context as has_app_context
from .current import has_request_context as has_request_context
from .request_context import RequestContext as RequestContext

# The name by which they are shown, as in the message of a wrong pop.
for _shown in (AppContext, RequestContext, _AppCtxGlobals):
    _shown.__module__ = __name__


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
