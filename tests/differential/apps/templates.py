"""Templates: found, rendered, escaped, streamed, and extended by the application."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

from ..asking import get

STATELESS = True


def create(flask: ModuleType) -> Any:
    app = flask.Flask(__name__)
    app.secret_key = "templates"
    app.config["SETTING"] = "a setting"
    journal = app.extensions["journal"] = []
    request = flask.request
    render, render_string = flask.render_template, flask.render_template_string
    area = flask.Blueprint("area", __name__, template_folder="area_templates", url_prefix="/area")

    @app.context_processor
    def processed() -> dict[str, Any]:
        journal.append(("context_processor",))
        return {"processed": "by the application", "shadowed": "by the application"}

    @area.context_processor
    def processed_in_the_area() -> dict[str, Any]:
        return {"processed": "by the area"}

    @app.template_filter()
    def shout(text: str) -> str:
        return text.upper()

    @app.template_filter("reversed")
    def reverse(text: str) -> str:
        return text[::-1]

    @app.template_test()
    def short(text: str) -> bool:
        return len(text) < 4

    @app.template_test("long")
    def long_test(text: str) -> bool:
        return len(text) > 4

    @app.template_global()
    def twice(number: int) -> int:
        return 2 * number

    @app.template_global("thrice")
    def three_times(number: int) -> int:
        return 3 * number

    app.add_template_filter(lambda text: f"<{text}>", "angled")
    app.add_template_test(lambda text: True, "certain")
    app.add_template_global(lambda: "added", "added")
    app.jinja_env.globals["direct"] = "set directly"
    app.jinja_env.filters["direct"] = lambda text: f"direct {text}"

    @area.app_template_filter()
    def of_area(text: str) -> str:
        return f"filtered in the area: {text}"

    @area.app_template_global()
    def global_of_area() -> str:
        return "global of the area"

    @area.app_template_test()
    def test_of_area(text: str) -> bool:
        return True

    def views(scaffold: Any) -> None:
        @scaffold.get("/name/<path:name>")
        def by_name(name: str) -> Any:
            return render(name, name="<b>'\"&", numbers=range(3), given="given")

        @scaffold.get("/source")
        def by_source() -> Any:
            return render_string(request.args["source"], name="<b>", numbers=range(3))

        @scaffold.get("/stream/<path:name>")
        def stream(name: str) -> Any:
            return flask.stream_template(name, name="<b>", numbers=range(3))

        @scaffold.get("/stream-source")
        def stream_source() -> Any:
            return flask.stream_template_string(request.args["source"], name="<b>")

        @scaffold.get("/context")
        def context() -> Any:
            flask.session["a"] = "in the session"
            flask.g.value = "in g"
            return render("context.html", given="given", shadowed="given")

    views(app)
    views(area)

    @app.get("/")
    def index() -> str:
        return "index"

    @app.get("/list")
    def of_a_list() -> Any:
        return render(["missing.html", "escape.html", "base.html"], name="<b>")

    @app.get("/template-object")
    def of_an_object() -> Any:
        template = app.jinja_env.get_template("escape.txt")
        return render(template, name="<b>")

    @app.get("/attribute")
    def attribute() -> Any:
        greet = flask.get_template_attribute("macros.html", "greet")
        answer = flask.get_template_attribute("macros.html", "answer")
        return {
            "greet": greet("<b>"),
            "mark": greet("x", mark="?"),
            "answer": answer,
            "type": type(greet("x")).__name__,
        }

    @app.get("/attribute-missing")
    def attribute_missing() -> Any:
        return flask.get_template_attribute("macros.html", "missing")

    @app.get("/macro-with-context")
    def macro_with_context() -> Any:
        return flask.get_template_attribute("macros.html", "link")()

    @app.get("/update")
    def update() -> Any:
        context: dict[str, Any] = {"shadowed": "given", "own": 1}
        app.update_template_context(context)
        return {"context": sorted(context), "shadowed": context["shadowed"]}

    app.register_blueprint(area)
    return app


_SOURCES = [
    "{{ name }} {{ name|safe }} {{ '<i>' }}",
    "{{ 'word'|shout }} {{ 'word'|reversed }} {{ 'w'|angled }} {{ 'w'|direct }}",
    "{{ 'abc' is short }} {{ 'abcde' is long }} {{ '' is certain }}",
    "{{ twice(2) }} {{ thrice(2) }} {{ added() }} {{ direct }}",
    "{{ 'w'|of_area }} {{ global_of_area() }} {{ 'w' is test_of_area }}",
    "{{ url_for('index') }} {{ url_for('by_name', name='x', _external=True) }}",
    "{{ url_for('.index') }} {{ url_for('static', filename='x.css') }}",
    "{{ url_for('missing') }}",
    "{{ config.SETTING }} {{ config['SETTING'] }} {{ config.MISSING }}",
    "{{ request.path }} {{ request.args.source|length }} {{ request.method }}",
    "{{ session }} {{ g }} {{ g.missing }} {{ g.get('x', 1) }}",
    "{{ get_flashed_messages() }}",
    "{{ processed }} {{ shadowed }}",
    "{{ {'a': [1, '<b>']}|tojson }} {{ '</script>'|tojson }}",
    "{% autoescape false %}{{ name }}{% endautoescape %}{{ name }}",
    "{% include 'escape.txt' %} {% include 'escape.html' %}",
    "{% extends 'base.html' %}{% block body %}{{ name }}{% endblock %}",
    "{% from 'macros.html' import greet %}{{ greet(name) }}",
    "{% import 'macros.html' as m %}{{ m.greet(name) }} {{ m.answer }} {{ m.link() }}",
    "{% import 'macros.html' as m with context %}{{ m.link() }}",
    "{{ missing }}|{{ missing.attribute }}",
    "{{ 1 / 0 }}",
    "{% for %}",
    "{{ 'x'|nosuchfilter }}",
    "{{ 'x' is nosuchtest }}",
    "{{ _('translated') }}",
    "{% for n in numbers %}{{ loop.index }}{% endfor %}{{ self }}",
    "a\n\n  {% if true %}\n  b\n  {% endif %}\n",
    "trailing newline\n",
    "{% do numbers %}",
    "{% for n in numbers %}{% break %}{% endfor %}",
    "{{ namespace(a=1).a }} {{ range(3)|list }} {{ dict(a=1) }} {{ lipsum is defined }}",
    "é☃ {{ 'é' }}",
    "",
]

_NAMES = [
    *(f"escape.{ending}" for ending in ("html", "htm", "xml", "xhtml", "svg", "txt")),
    *("escape.js", "escape.HTML", "escape.html.j2", "escape.jinja", "noextension"),
    *("child.html", "sub/part.txt", "missing.html", "broken.html", "undefined.html"),
    *("shared.html", "area/only.html", "../templates.py", "/escape.html", "sub"),
    *("macros.html", "stream.html"),
]


def _source(path: str, source: str) -> Any:
    return get(path, query=urlencode({"source": source}), name=source[:40])


REQUESTS = [
    *(get(f"/name/{name}") for name in _NAMES),
    *(get(f"/area/name/{name}") for name in ("shared.html", "area/only.html")),
    *(_source("/source", source) for source in _SOURCES),
    *(_source("/area/source", source) for source in _SOURCES[4:15]),
    *(_source("/stream-source", source) for source in _SOURCES[:3]),
    _source("/stream-source", "one {{ request.path }} {{ 1 / 0 }}"),
    _source("/stream-source", "{{ missing.attribute }}"),
    get("/stream/stream.html"),
    get("/stream/child.html"),
    get("/stream/missing.html"),
    get("/stream/context.html"),
    get("/area/stream/context.html"),
    get("/context"),
    get("/area/context"),
    get("/list"),
    get("/template-object"),
    get("/attribute"),
    get("/attribute-missing"),
    get("/macro-with-context"),
    get("/update"),
]


def probe_without_a_request(flask: ModuleType) -> object:
    app = create(flask)
    app.config["SERVER_NAME"] = "example.org"
    with app.app_context():
        flask.g.value = "in g"
        return [
            flask.render_template("escape.html", name="<b>"),
            flask.render_template_string("{{ g.value }} {{ config.SETTING }}"),
            flask.render_template_string("{{ url_for('index') }} {{ processed }}"),
            list(flask.stream_template_string("{{ processed }}")),
        ]


def probe_the_request_without_one(flask: ModuleType) -> object:
    with create(flask).app_context():
        return flask.render_template_string("{{ request.path }}")


def probe_the_environment(flask: ModuleType) -> object:
    app = create(flask)
    environment = app.jinja_env
    return [
        sorted(environment.globals),
        sorted(environment.filters),
        sorted(environment.tests),
        sorted(extension for extension in environment.extensions),
        environment.autoescape("x.html"),
        environment.auto_reload,
        environment.policies["json.dumps_function"]({"b": 1, "a": 2}),
        type(environment).__name__,
        environment.app is app,
        type(environment.loader).__name__,
        sorted(environment.list_templates())[:12],
        environment.is_async,
        [app.select_jinja_autoescape(name) for name in (None, "x", "x.svg", "x.SVG")],
        app.jinja_options,
        environment.globals["config"] is app.config,
    ]


def probe_auto_reload(flask: ModuleType) -> object:
    seen: list[Any] = []
    for debug in (False, True):
        for setting in (None, False, True):
            app = flask.Flask(__name__)
            app.config["TEMPLATES_AUTO_RELOAD"] = setting
            app.debug = debug
            seen.append([debug, setting, app.jinja_env.auto_reload])
    app = flask.Flask(__name__)
    before = app.jinja_env.auto_reload
    app.debug = True
    seen.append([before, app.jinja_env.auto_reload])
    app = flask.Flask(__name__)
    app.jinja_env.auto_reload = True
    seen.append(app.jinja_env.auto_reload)
    return seen


def probe_options(flask: ModuleType) -> object:
    class Application(flask.Flask):
        jinja_options = {"trim_blocks": True, "variable_start_string": "<<"}

        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return bool(filename and filename.endswith(".txt"))

    app = Application(__name__)
    app.jinja_options = {**app.jinja_options, "variable_end_string": ">>"}
    with app.app_context():
        return flask.render_template_string("{% if 1 %}\n<< '<b>' >>{% endif %}")


def probe_autoescape_by_name(flask: ModuleType) -> object:
    class Application(flask.Flask):
        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return bool(filename and filename.endswith(".txt"))

    app = Application(__name__)
    with app.app_context():
        return [
            flask.render_template("escape.txt", name="<b>"),
            flask.render_template("escape.html", name="<b>"),
            flask.render_template_string("{{ '<b>' }}"),
        ]


def probe_an_environment_of_ones_own(flask: ModuleType) -> object:
    templating = importlib.import_module(f"{flask.__name__}.templating")

    class Environment(templating.Environment):
        pass

    class Application(flask.Flask):
        jinja_environment = Environment

        def create_jinja_environment(self) -> Any:
            environment = super().create_jinja_environment()
            environment.globals["made"] = "by a subclass"
            return environment

    app = Application(__name__)
    with app.app_context():
        return [
            type(app.jinja_env).__name__,
            flask.render_template_string("{{ made }}"),
            app.jinja_env is app.jinja_env,
        ]


def probe_a_loader_of_ones_own(flask: ModuleType) -> object:
    jinja2 = importlib.import_module("jinja2")

    class Application(flask.Flask):
        def create_global_jinja_loader(self) -> Any:
            return jinja2.DictLoader({"a.html": "{{ '<b>' }}", "a.txt": "{{ '<b>' }}"})

    app = Application(__name__)
    other = flask.Flask(__name__)
    other.jinja_loader = jinja2.DictLoader({"b.html": "{{ '<b>' }}"})
    with app.app_context():
        seen = [flask.render_template("a.html"), flask.render_template("a.txt")]
    with other.app_context():
        return [*seen, flask.render_template("b.html")]


def probe_no_template_folder(flask: ModuleType) -> object:
    app = flask.Flask(__name__, template_folder=None)
    with app.app_context():
        try:
            return flask.render_template("escape.html")
        except Exception as error:
            return [repr(app.jinja_loader), type(error).__name__, str(error)]


def probe_another_template_folder(flask: ModuleType) -> object:
    app = flask.Flask(__name__, template_folder="area_templates")
    with app.app_context():
        return flask.render_template("area/only.html", name="<b>")


def probe_none_of_several_is_found(flask: ModuleType) -> object:
    with create(flask).app_context():
        return flask.render_template(["missing.html", "gone.html"])


def probe_which_blueprint_comes_first(flask: ModuleType) -> object:
    app = flask.Flask(__name__, template_folder=None)
    for name, folder in (("one", "area_templates"), ("two", "templates")):
        app.register_blueprint(
            flask.Blueprint(name, __name__, template_folder=folder, url_prefix=f"/{name}")
        )
    with app.test_request_context("/"):
        return [
            flask.render_template("shared.html"),
            [type(blueprint.jinja_loader).__name__ for blueprint in app.iter_blueprints()],
            sorted(app.jinja_env.list_templates())[:4],
        ]


def probe_registered_after_the_environment(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    environment = app.jinja_env
    app.add_template_filter(str.upper, "up")
    app.template_global("late")(lambda: "late")
    app.config["LATE"] = "late setting"
    with app.app_context():
        text = flask.render_template_string("{{ 'a'|up }} {{ late() }} {{ config.LATE }}")
    return [text, "up" in environment.filters]


def probe_explained_loading(flask: ModuleType) -> object:
    app = create(flask)
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    logging = importlib.import_module("logging")
    records: list[str] = []

    class Note(logging.Handler):
        def emit(self, record: Any) -> None:
            folder = __file__.rpartition("/")[0]
            records.append(record.getMessage().replace(folder, "<here>"))

    app.logger.addHandler(Note())
    app.logger.setLevel(logging.INFO)
    for path in ("/", "/area/source?source="):
        with app.test_request_context(path):
            for name in ("shared.html", "missing.html"):
                try:
                    flask.render_template(name)
                except Exception as error:
                    records.append(repr(error))
    return records


def probe_markup_and_escape(flask: ModuleType) -> object:
    app = create(flask)
    markup = importlib.import_module("markupsafe").Markup
    with app.test_request_context("/"):
        return [
            flask.render_template_string("{{ x }}", x=markup("<b>")),
            flask.render_template_string("{{ x }}", x=markup("<b>%s") % "<i>"),
            type(flask.render_template_string("x")).__name__,
            flask.render_template_string("{{ x }}", x=None),
            flask.render_template_string("{{ g }}", g="given"),
            flask.render_template_string("{{ request }}", request="given"),
            flask.render_template_string("{{ config }}", config="given"),
        ]
