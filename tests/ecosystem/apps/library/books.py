"""The catalogue: to look through, to review, and to import by staff."""

import csv
import io
import json
from functools import wraps

import click
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_login import current_user, login_required
from sqlalchemy.exc import IntegrityError

from .extensions import cache, db
from .forms import ImportForm, ReviewForm
from .models import Book, Review

pages = Blueprint("books", __name__, cli_group="books")


def staff_only(view):
    @wraps(view)
    @login_required
    def guarded(**arguments):
        if not current_user.is_staff:
            abort(403, "This is for the staff.")
        return view(**arguments)

    return guarded


@pages.app_context_processor
def catalogue():
    return {"books_in_all": books_in_all}


@cache.memoize(3600)
def books_in_all():
    return db.session.scalar(db.select(db.func.count(Book.isbn)))


def forget():
    """The catalogue has changed: nothing that was kept of it is true any more."""
    cache.delete_memoized(books_in_all)
    cache.delete("feed")


def take(rows):
    """Add the books of a catalogue, or correct them."""
    for row in rows:
        db.session.merge(Book(isbn=row["isbn"], title=row["title"], author=row["author"]))
    db.session.commit()
    return len(rows)


@pages.get("/")
def index():
    wanted = request.args.get("q", "", str.strip)
    query = db.select(Book).order_by(Book.title)
    if wanted:
        query = query.where(Book.title.icontains(wanted) | Book.author.icontains(wanted))
    page = db.paginate(query, per_page=current_app.config["PER_PAGE"])
    return render_template("books/index.html", page=page, wanted=wanted)


@pages.route("/book/<isbn:isbn>", methods=["GET", "POST"])
def book(isbn):
    book = db.get_or_404(Book, isbn, description="We do not have this book.")
    form = ReviewForm()
    if request.method == "POST" and not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()
    if form.validate_on_submit():
        db.session.add(
            Review(book=book, reader_id=current_user.id, stars=form.stars.data, text=form.text.data)
        )
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            abort(409, "You have reviewed this book already.")
        flash("Thank you.", "success")
        return redirect(url_for(".book", isbn=isbn))
    return render_template("books/book.html", book=book, form=form)


@pages.post("/book/<isbn:isbn>/delete")
@staff_only
def delete(isbn):
    db.session.delete(db.get_or_404(Book, isbn))
    db.session.commit()
    forget()
    flash("Gone.", "success")
    return redirect(url_for(".index"))


@pages.route("/import", methods=["GET", "POST"])
@staff_only
def upload():
    form = ImportForm()
    if form.validate_on_submit():
        try:
            number = take(json.load(form.catalogue.data))
        except (ValueError, KeyError, TypeError):
            abort(422, "This is not a catalogue.")
        forget()
        flash(f"{number} books.", "success")
        return redirect(url_for(".index"))
    return render_template("accounts/form.html", form=form, title="Import")


@pages.get("/books.csv")
def as_csv():
    def lines():
        for row in [("isbn", "title", "author"), *db.session.execute(QUERY)]:
            line = io.StringIO()
            csv.writer(line).writerow(row)
            yield line.getvalue()

    return Response(stream_with_context(lines()), mimetype="text/csv")


QUERY = db.select(Book.isbn, Book.title, Book.author).order_by(Book.isbn)


@pages.get("/feed.xml")
@cache.cached(3600, key_prefix="feed")
def feed():
    found = db.session.scalars(db.select(Book).order_by(Book.title)).all()
    response = make_response(render_template("books/feed.xml", books=found))
    response.mimetype = "application/rss+xml"
    return response


@pages.cli.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
def import_file(file):
    """Add the books of a JSON file."""
    try:
        click.echo(f"{take(json.load(file))} books.")
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"This is not a catalogue: {error!r}") from None
