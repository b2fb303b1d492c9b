"""What templates put out, beside the same templates in an environment of Jinja's own."""

from collections.abc import Iterator
from typing import Any

import jinja2
import pytest
from markupsafe import Markup
from werkzeug.local import LocalProxy

from carboy import Flask


class Number(int):
    def __str__(self) -> str:
        return "<seven>"


class Text(str):
    def __html__(self) -> str:
        return "<i>text</i>"


class Html:
    def __html__(self) -> str:
        return "<b>html</b>"


VALUES: dict[str, Any] = {
    "text": "<a href='x'>&\"</a>",
    "plain": "plain",
    "markup": Markup("<b>bold</b>"),
    "number": 7,
    "number_of_its_own": Number(7),
    "text_of_its_own": Text("<u>"),
    "html": Html(),
    "truth": True,
    "fraction": 1.5,
    "nothing": None,
    "items": ["<li>", 1],
    "proxy": LocalProxy(lambda: "<proxy>"),
    "proxy_of_markup": LocalProxy(lambda: Markup("<p>")),
}

TEMPLATES = {
    "values.html": "".join(f"{{{{ {name} }}}}|" for name in VALUES),
    "missing.html": "{{ missing }}|{{ missing|default('<d>') }}",
    "macro.html": "{% macro m(x) %}<{{ x }}>{{ caller() if caller }}{% endmacro %}"
    "{{ m(text) }}{{ m(m(text)) }}{% call m(7) %}{{ text }}{% endcall %}"
    "{{ m(text) ~ text }}{{ m(text)|upper }}{{ (m(text) is string) }}",
    "set.html": "{% set x %}<{{ text }}>{% endset %}{{ x }}{{ x|length }}{{ text ~ x }}"
    "{% filter upper %}{{ text }}{% endfilter %}",
    "base.html": "<{% block a %}{{ text }}{% endblock %}>{{ self.a() }}",
    "extends.html": "{% extends 'base.html' %}{% block a %}{{ super() }}{{ markup }}{% endblock %}",
    "include.html": "{% include 'values.html' %}{% from 'lib.html' import f %}{{ f(text) }}",
    "lib.html": "{% macro f(x) %}{{ x }}{{ x|safe }}{% endmacro %}",
    "off.html": "{% autoescape false %}{{ text }}{{ number }}{% endautoescape %}{{ text }}",
    "varying.html": "{% autoescape truth %}{{ text }}{% endautoescape %}",
    "loop.html": "{% for x in items recursive %}{{ x }}{{ loop.index }}{% endfor %}",
    "text.txt": "{{ text }}{{ number }}{{ markup }}",
}


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask(__name__)
    app.jinja_loader = jinja2.DictLoader(TEMPLATES)  # type: ignore[misc]
    with app.app_context():
        yield app


@pytest.fixture
def plain(app: Flask) -> jinja2.Environment:
    return jinja2.Environment(
        loader=app.jinja_loader, autoescape=jinja2.select_autoescape(default_for_string=True)
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_says_what_it_says_in_jinja(
    app: Flask, plain: jinja2.Environment, name: str
) -> None:
    expected = plain.get_template(name).render(VALUES)
    assert app.jinja_env.get_template(name).render(VALUES) == expected
    assert "".join(app.jinja_env.get_template(name).generate(VALUES)) == expected


def test_a_template_is_shown_as_by_jinja(app: Flask, plain: jinja2.Environment) -> None:
    name = "text.txt"
    assert repr(app.jinja_env.get_template(name)) == repr(plain.get_template(name))


def test_what_is_put_out_is_finalized(app: Flask, plain: jinja2.Environment) -> None:
    for environment in (app.jinja_env, plain):
        environment.finalize = lambda value: "<none>" if value is None else value
    template = "{{ nothing }}{{ text }}{{ number }}"
    expected = plain.from_string(template).render(VALUES)
    assert app.jinja_env.from_string(template).render(VALUES) == expected


def test_a_template_compiled_here_runs_in_jinja(app: Flask, plain: jinja2.Environment) -> None:
    source = app.jinja_env.compile(TEMPLATES["values.html"], name="values.html")
    template = plain.template_class.from_code(plain, source, {})
    assert template.render(VALUES) == plain.get_template("values.html").render(VALUES)


def test_an_error_is_shown_where_it_is(app: Flask) -> None:
    template = app.jinja_env.from_string("a\nb {{ number }}\nc {{ 1 // zero }} d")
    with pytest.raises(ZeroDivisionError) as raised:
        template.render(number=1, zero=0)
    assert raised.traceback[-1].lineno == 2


def test_globals_of_the_environment_and_of_a_template(
    app: Flask, plain: jinja2.Environment
) -> None:
    said = []
    for environment in (app.jinja_env, plain):
        environment.globals.update(a="environment", b="environment", c="environment")
        template = environment.from_string("{{ a }} {{ b }} {{ c }}", globals={"b": "template"})
        said.append(template.render(c="variable"))
        environment.globals["a"] = "changed"
        said.append(template.render())
    assert said[:2] == said[2:] == ["environment template variable", "changed template environment"]
