"""Languages: a locale for each request, translations with plurals and contexts, also in templates,
formats of numbers, dates and prices, time zones, a forced locale."""

from concurrent.futures import ThreadPoolExecutor

import pytest

DISTRIBUTIONS = ["Flask-Babel"]
APP = "languages.py"

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


def test_a_page_is_in_the_language_that_the_browser_asks_for(visitor):
    assert visitor.get("/", headers=GERMAN).json() == {
        "locale": "de",
        "greeting": "Guten Morgen, Ada!",
        "apples": ["1 Apfel", "2 Äpfel"],
        "may": ["Mai", "darf"],
        "closed": "Geschlossen",
    }


@pytest.mark.parametrize("asked", ["en-GB", "ja", "*", "no such;;language", ""])
def test_a_language_that_is_not_there_leaves_the_text_as_written(visitor, asked):
    page = visitor.get("/", headers={"Accept-Language": asked}).json()
    assert page["locale"] == "en"
    assert page["apples"] == ["1 apple", "2 apples"]


def test_a_language_without_a_catalog_still_has_its_formats(visitor):
    french = {"Accept-Language": "fr"}
    assert visitor.get("/", headers=french).json()["closed"] == "Closed"
    assert visitor.get("/formats", headers=french).json()["span"] == "3\xa0jours"


def test_numbers_prices_and_dates_follow_the_language(visitor):
    english, german = (
        visitor.get("/formats", headers={"Accept-Language": language}).json()
        for language in ("en", "de")
    )
    assert (english["number"], german["number"]) == ("1,234,567.891", "1.234.567,891")
    assert (english["price"], german["price"]) == ("€1,099.50", "1.099,50\xa0€")
    assert (english["share"], german["share"]) == ("25%", "25\xa0%")
    assert english["moment"].replace("\u202f", " ") == "Feb 29, 2024, 9:30:00 PM"
    assert german["moment"] == "29.02.2024, 21:30:00"


def test_a_moment_is_shown_in_the_visitors_time_zone(visitor):
    vienna = visitor.get("/formats?zone=Europe/Vienna", headers=GERMAN).json()
    assert vienna["zone"] == "Europe/Vienna"
    assert vienna["moment"] == "29.02.2024, 22:30:00"
    assert vienna["utc"] == "2024-02-29T11:00:00"


def test_templates_translate_and_format(visitor):
    english = visitor.get("/template").text
    assert english == (
        "Open since 1999 | Closed | 3 apples | Thursday, February 29, 2024 | 50% | $9.99"
    )
    german = visitor.get("/template", headers=GERMAN).text.replace("\xa0", " ")
    assert german == (
        "Geöffnet seit 1999 | Geschlossen | 3 Äpfel | Donnerstag, 29. Februar 2024 | 50 % | 9,99 $"
    )


def test_a_choice_counts_at_once_and_is_kept(visitor):
    assert visitor.post("/language", {"language": "de"}).json() == ["Closed", "Geschlossen"]
    assert visitor.get("/").json()["closed"] == "Geschlossen"
    assert visitor.another().get("/").json()["closed"] == "Closed"


def test_a_locale_can_be_forced_for_a_block(visitor):
    assert visitor.get("/letter/de").json() == ["Geschlossen", "Closed"]
    assert visitor.get("/").json()["locale"] == "en"


def test_an_error_page_is_translated_too(visitor):
    answer = visitor.get("/nowhere", headers=GERMAN)
    assert (answer.status_code, answer.text) == (404, "Geschlossen")


def test_requests_at_once_keep_their_languages(visitor):
    languages = ["de", "en"] * 10

    def closed(language):
        with visitor.another() as another:
            return another.get("/", headers={"Accept-Language": language}).json()["closed"]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(closed, languages)) == ["Geschlossen", "Closed"] * 10
