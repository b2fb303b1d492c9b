"""Views made of classes."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, ClassVar

from ..asking import delete, get, head, options, patch, post, put


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    journal = app.extensions["journal"] = []
    views = importlib.import_module(f"{flask.__name__}.views")
    request = flask.request

    def noting(name: str) -> Any:
        def decorator(view: Any) -> Any:
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                journal.append((f"decorated by {name}", view.__name__))
                return view(*args, **kwargs)

            wrapped.__name__ = view.__name__
            return wrapped

        return decorator

    class Plain(views.View):
        def dispatch_request(self) -> str:
            return request.method

    class WithMethods(views.View):
        methods: ClassVar = ["GET", "POST"]
        provide_automatic_options = False

        def dispatch_request(self, **values: Any) -> Any:
            return {"method": request.method, "values": values}

    class Counting(views.View):
        def __init__(self, start: int = 0) -> None:
            journal.append(("made", start))
            self.count = start

        def dispatch_request(self) -> str:
            self.count += 1
            return str(self.count)

    class CountingOnce(Counting):
        init_every_request = False

    class Decorated(views.View):
        """Documented."""

        decorators: ClassVar = [noting("first"), noting("second")]

        def dispatch_request(self) -> str:
            return "decorated"

    class Methods(views.MethodView):
        def get(self, number: int | None = None) -> Any:
            return {"get": number}

        def post(self) -> Any:
            return {"post": request.form.to_dict()}, 201

        def delete(self, number: int) -> Any:
            return {"delete": number}

    class MoreMethods(Methods):
        def put(self, number: int) -> Any:
            return {"put": number}

    class OwnHead(views.MethodView):
        def get(self) -> str:
            return "get"

        def head(self) -> Any:
            return "", 200, {"X-Own": "head"}

        def options(self) -> Any:
            return "", 200, {"X-Own": "options"}

    class OnlyPost(views.MethodView):
        def post(self) -> str:
            return "post"

    class Given(views.MethodView):
        methods: ClassVar = ["GET", "PATCH"]

        def get(self) -> str:
            return "get"

    class Nothing(views.View):
        pass

    class NoMethods(views.MethodView):
        pass

    app.add_url_rule("/plain", view_func=Plain.as_view("plain"))
    app.add_url_rule("/methods-of-view", view_func=WithMethods.as_view("with_methods"))
    app.add_url_rule("/value/<x>", view_func=WithMethods.as_view("value"))
    app.add_url_rule("/counting", view_func=Counting.as_view("counting", 5))
    app.add_url_rule("/once", view_func=CountingOnce.as_view("once", start=7))
    app.add_url_rule("/decorated", view_func=Decorated.as_view("decorated"))
    methods = Methods.as_view("methods")
    app.add_url_rule("/methods", view_func=methods, methods=["GET", "POST"])
    app.add_url_rule("/methods/<int:number>", view_func=methods)
    more = MoreMethods.as_view("more")
    app.add_url_rule("/more/<int:number>", view_func=more)
    app.add_url_rule("/own-head", view_func=OwnHead.as_view("own_head"))
    app.add_url_rule("/only-post", view_func=OnlyPost.as_view("only_post"))
    app.add_url_rule("/given", view_func=Given.as_view("given"))
    app.add_url_rule("/nothing", view_func=Nothing.as_view("nothing"))
    app.add_url_rule("/no-methods", view_func=NoMethods.as_view("no_methods"))
    area = flask.Blueprint("area", __name__, url_prefix="/area")
    area.add_url_rule("/methods", view_func=Methods.as_view("methods"))
    app.register_blueprint(area)

    @app.get("/about")
    def about() -> Any:
        return {
            name: [
                view.__name__,
                view.__doc__,
                view.__module__,
                view.view_class.__name__,
                sorted(view.methods or ()),
                view.provide_automatic_options,
            ]
            for name, view in app.view_functions.items()
            if hasattr(view, "view_class")
        }

    return app


REQUESTS = [
    get("/about"),
    get("/plain"),
    post("/plain"),
    post("/methods-of-view"),
    options("/methods-of-view"),
    get("/value/v"),
    get("/counting", then=(get("/counting"), get("/counting"))),
    get("/once", then=(get("/once"), get("/once"))),
    get("/decorated"),
    get("/methods"),
    post("/methods", form={"a": "1"}),
    delete("/methods"),
    head("/methods"),
    options("/methods"),
    get("/methods/3"),
    delete("/methods/3"),
    post("/methods/3"),
    put("/more/3"),
    patch("/more/3"),
    options("/more/3"),
    head("/own-head"),
    options("/own-head"),
    get("/only-post"),
    head("/only-post"),
    post("/only-post"),
    patch("/given"),
    get("/given"),
    put("/given"),
    get("/nothing"),
    get("/no-methods"),
    get("/area/methods"),
]


def probe_methods_of_a_class(flask: ModuleType) -> object:
    views = importlib.import_module(f"{flask.__name__}.views")

    class One(views.MethodView):
        def get(self) -> str:
            return "x"

    class Two(One):
        def post(self) -> str:
            return "x"

    class Mixed(Two):
        methods: ClassVar = ["PUT"]

    class Child(Mixed):
        def delete(self) -> str:
            return "x"

    return [sorted(kind.methods or ()) for kind in (views.MethodView, One, Two, Mixed, Child)]


def probe_a_view_called_by_hand(flask: ModuleType) -> object:
    views = importlib.import_module(f"{flask.__name__}.views")
    app = flask.Flask(__name__)

    class Methods(views.MethodView):
        def get(self) -> str:
            return "by hand"

    view = Methods.as_view("view")
    seen: list[Any] = []
    for method in ("GET", "HEAD", "POST"):
        with app.test_request_context("/", method=method):
            try:
                seen.append(view())
            except Exception as error:
                seen.append([type(error).__name__, str(error)])
    return seen, sorted(views.http_method_funcs), views.View.init_every_request
