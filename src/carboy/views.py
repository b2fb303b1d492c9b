"""Views that are classes.

Lives here: ``View``, which makes a view function of a class, and ``MethodView``, which calls
the method named as the request's method.
Must not know: how a view is registered or dispatched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from . import old_names
from .globals import _cv_ctx, current_app, request
from .typing import ResponseReturnValue, RouteCallable

F = TypeVar("F", bound=Callable[..., Any])

http_method_funcs = frozenset({"get", "post", "head", "options", "delete", "put", "trace", "patch"})


def _call(method: Callable[..., Any], kwargs: dict[str, Any]) -> ResponseReturnValue:
    ctx = _cv_ctx.get(None)
    request_ctx = None if ctx is None else ctx._request_ctx
    if request_ctx is None or not request_ctx.awaited:
        method = current_app.ensure_sync(method)
    rv: ResponseReturnValue = method(**kwargs)
    return rv


class View:
    """A view whose behaviour is :meth:`dispatch_request`::

        class Hello(View):
            init_every_request = False

            def dispatch_request(self, name):
                return f"Hello, {name}!"

        app.add_url_rule("/hello/<name>", view_func=Hello.as_view("hello"))

    The attributes below are set on the class.
    """

    methods: ClassVar[Collection[str] | None] = None
    """The HTTP methods of the view, unless the rule says otherwise."""

    provide_automatic_options: ClassVar[bool | None] = None
    """Whether OPTIONS is answered automatically, unless the rule says otherwise."""

    decorators: ClassVar[list[Callable[..., Any]]] = []
    """Applied to the view function in this order. Decorators of the class itself do not reach
    the view function."""

    init_every_request: ClassVar[bool] = True
    """Whether each request has an instance of its own. Without one a view is faster, and
    must not keep a request's data on ``self``."""

    def dispatch_request(self) -> ResponseReturnValue:
        """Answer the request; takes the URL's variables as keyword arguments."""
        raise NotImplementedError

    @classmethod
    def as_view(cls, name: str, *class_args: Any, **class_kwargs: Any) -> RouteCallable:
        """A view function for :meth:`Flask.add_url_rule`.

        :param name: the function's name, which is the endpoint by default
        :param class_args: for the class, each time it is instantiated
        :param class_kwargs: for the class, each time it is instantiated
        """
        view: Any
        if cls.init_every_request:

            def view(**kwargs: Any) -> ResponseReturnValue:
                # A subclass can be put in place with ``view.view_class``.
                self = view.view_class(*class_args, **class_kwargs)
                return _call(self.dispatch_request, kwargs)
        else:
            self = cls(*class_args, **class_kwargs)

            def view(**kwargs: Any) -> ResponseReturnValue:
                return _call(self.dispatch_request, kwargs)

        view.__name__ = name
        view.__module__ = cls.__module__
        for decorator in cls.decorators:
            view = decorator(view)

        # On what the decorators made, too: that is what gets registered.
        view.__name__ = name
        view.__module__ = cls.__module__
        view.__doc__ = cls.__doc__
        view.view_class = cls
        view.methods = cls.methods
        view.provide_automatic_options = cls.provide_automatic_options
        return cast(RouteCallable, view)


class MethodView(View):
    """A view with a method for each HTTP method::

        class Counter(MethodView):
            def get(self):
                return str(session.get("counter", 0))

            def post(self):
                session["counter"] = session.get("counter", 0) + 1
                return redirect(url_for("counter"))

        app.add_url_rule("/counter", view_func=Counter.as_view("counter"))

    ``methods`` follows from them, unless the class sets it.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" in vars(cls):
            return
        methods = {name.upper() for name in http_method_funcs if hasattr(cls, name)}
        for base in cls.__bases__:
            methods.update(getattr(base, "methods", None) or ())
        if methods:
            cls.methods = methods

    def dispatch_request(self, **kwargs: Any) -> ResponseReturnValue:
        """Call the method for the request's method; ``get`` for HEAD if there is no ``head``."""
        name = request.method.lower()
        method = getattr(self, name, None)
        if method is None and name == "head":
            method = getattr(self, "get", None)
        if method is None:
            raise AssertionError(f"Unimplemented method {request.method!r}")
        return _call(method, kwargs)


if not TYPE_CHECKING:  # To a type checker, every name would be one.

    def __getattr__(name: str) -> Any:
        return old_names.find(__name__, name)
