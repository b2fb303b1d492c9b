"""A shop window in the visitor's language, with its dates, numbers and prices."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template_string, request, session
from flask_babel import (
    Babel,
    force_locale,
    format_currency,
    format_datetime,
    format_decimal,
    format_percent,
    format_timedelta,
    get_locale,
    get_timezone,
    gettext,
    lazy_gettext,
    ngettext,
    pgettext,
    refresh,
    to_utc,
)

TRANSLATIONS = Path(os.environ["DATA"]) / "translations"
GERMAN = Catalog("de")
GERMAN.add("Good morning, %(name)s!", "Guten Morgen, %(name)s!")
GERMAN.add(("%(num)d apple", "%(num)d apples"), ("%(num)d Apfel", "%(num)d Äpfel"))
GERMAN.add("May", "Mai", context="month")
GERMAN.add("May", "darf", context="allowed")
GERMAN.add("Closed", "Geschlossen")
GERMAN.add("Open since %(year)s", "Geöffnet seit %(year)s")

# What `pybabel compile` does for catalogs that translators write.
folder = TRANSLATIONS / "de" / "LC_MESSAGES"
folder.mkdir(parents=True)
with (folder / "messages.mo").open("wb") as file:
    write_mo(file, GERMAN)

app = Flask(__name__)
app.secret_key = "not for production"
app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)

LANGUAGES = ["en", "de", "fr"]
MOMENT = datetime(2024, 2, 29, 21, 30)
CLOSED = lazy_gettext("Closed")


def language():
    return session.get("language") or request.accept_languages.best_match(LANGUAGES)


Babel(
    app,
    default_timezone="UTC",
    locale_selector=language,
    timezone_selector=lambda: request.args.get("zone"),
)


@app.get("/")
def window():
    return {
        "locale": str(get_locale()),
        "greeting": gettext("Good morning, %(name)s!", name=request.args.get("name", "Ada")),
        "apples": [ngettext("%(num)d apple", "%(num)d apples", n) for n in (1, 2)],
        "may": [pgettext("month", "May"), pgettext("allowed", "May")],
        "closed": str(CLOSED),
    }


@app.get("/formats")
def formats():
    return {
        "number": format_decimal(1234567.891),
        "price": format_currency(1099.5, "EUR"),
        "share": format_percent(0.25),
        "moment": format_datetime(MOMENT, "medium"),
        "span": format_timedelta(timedelta(days=3)),
        "utc": to_utc(datetime(2024, 2, 29, 12)).isoformat(),
        "zone": str(get_timezone()),
    }


@app.get("/template")
def template():
    return render_template_string(
        "{% trans year=1999 %}Open since {{ year }}{% endtrans %} | {{ _('Closed') }} | "
        "{{ ngettext('%(num)d apple', '%(num)d apples', 3) }} | "
        "{{ moment|dateformat('full') }} | {{ 0.5|percentformat }} | "
        "{{ 9.99|currencyformat('USD') }}",
        moment=MOMENT,
    )


@app.post("/language")
def choose():
    """Says good-bye in the old language and welcomes in the new one."""
    before = gettext("Closed")
    session["language"] = request.form["language"]
    refresh()
    return [before, gettext("Closed")]


@app.get("/letter/<locale>")
def letter(locale):
    with force_locale(locale):
        inside = gettext("Closed")
    return [inside, gettext("Closed")]


@app.errorhandler(404)
def missing(error):
    return str(CLOSED), 404
