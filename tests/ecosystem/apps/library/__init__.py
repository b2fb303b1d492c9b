"""A lending library: a catalogue to read and review, accounts, staff, and an API."""

from uuid import uuid4

from flask import Flask, g, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from . import accounts, api, books, models
from .converters import IsbnConverter
from .extensions import cache, csrf, db, limiter, logins, migrate


def create_app(**settings):
    """The application; its settings come from ``LIBRARY_…`` and the arguments."""
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY="not for production",
        PER_PAGE=2,
        MAX_CONTENT_LENGTH=64 * 1024,
        CACHE_TYPE="SimpleCache",
        RATELIMIT_STORAGE_URI="memory://",
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_STRATEGY="moving-window",
    )
    app.config.from_prefixed_env("LIBRARY")
    app.config.from_mapping(settings)
    app.url_map.converters["isbn"] = IsbnConverter

    # Before the extensions, so that what they refuse has a number too.
    app.before_request(number_request)
    app.after_request(name_request)

    db.init_app(app)
    migrate.init_app(app, db, directory=f"{app.root_path}/migrations", render_as_batch=True)
    logins.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)
    cache.init_app(app)

    app.register_blueprint(books.pages)
    app.register_blueprint(accounts.pages, url_prefix="/account")
    app.register_blueprint(api.api)

    app.register_error_handler(HTTPException, explain)
    app.register_error_handler(CSRFError, explain_csrf)
    app.shell_context_processor(lambda: {"db": db, **vars(models)})
    app.add_template_filter(stars)
    app.context_processor(lambda: {"site": "The Library"})
    return app


def number_request():
    g.request_id = request.headers.get("X-Request-Id") or uuid4().hex


def name_request(response):
    response.headers["X-Request-Id"] = g.request_id
    return response


def explain(error):
    """An error page within the layout of the site."""
    response = error.get_response()
    response.data = render_template("error.html", error=error)
    return response


def explain_csrf(error):
    return render_template("error.html", error=error, hint="The form has expired."), 400


def stars(number):
    return "★" * number + "☆" * (5 - number)
