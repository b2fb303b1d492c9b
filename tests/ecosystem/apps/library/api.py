"""The catalogue for programs, in JSON, for those who have a token."""

from flask import Blueprint, abort, current_app, jsonify, request, url_for
from flask.views import MethodView
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from .books import forget
from .extensions import csrf, db, limiter
from .models import Book

api = Blueprint("api", __name__, url_prefix="/api")
v1 = Blueprint("v1", __name__, url_prefix="/v1")
csrf.exempt(v1)
limiter.limit("20 per hour", key_func=lambda: getattr(current_user, "token", "nobody"))(v1)


class Invalid(Exception):
    """A document that is no book."""

    def __init__(self, **errors):
        self.errors = errors


@api.errorhandler(HTTPException)
def explain(error):
    response = error.get_response()
    response.data = current_app.json.dumps({"error": error.description, "status": error.code})
    response.content_type = "application/problem+json"
    return response


@v1.errorhandler(Invalid)
def refuse(error):
    return jsonify(errors=error.errors), 422


@v1.before_request
def tokens_only():
    if not current_user.is_authenticated:
        abort(401, "Send a token.")
    if request.method not in ("GET", "HEAD", "OPTIONS") and not current_user.is_staff:
        abort(403, "This is for the staff.")


def book_of(document, isbn=None):
    """A checked book out of a document."""
    if not isinstance(document, dict):
        raise Invalid(document="must be an object")
    wanted = ("title", "author") if isbn else ("isbn", "title", "author")
    if missing := [name for name in wanted if not isinstance(document.get(name), str)]:
        raise Invalid(**dict.fromkeys(missing, "must be a text"))
    return {name: document[name] for name in wanted}


def answer(book, status=200):
    response = jsonify(book.to_dict())
    response.set_etag(str(book.version))
    response.headers["Location"] = url_for("api.v1.book", isbn=book.isbn)
    response.status_code = status
    return response.make_conditional(request)


class Books(MethodView):
    def get(self):
        page = db.paginate(db.select(Book).order_by(Book.isbn), max_per_page=50)
        return {
            "books": [book.to_dict() for book in page],
            "total": page.total,
            "next": page.has_next
            and url_for(".books", page=page.next_num, per_page=page.per_page, _external=True),
        }

    def post(self):
        book = Book(**book_of(request.get_json()))
        db.session.add(book)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            abort(409, "We have this book.")
        forget()
        return answer(book, 201)


class OneBook(MethodView):
    init_every_request = False

    def get(self, isbn):
        return answer(db.get_or_404(Book, isbn))

    def put(self, isbn):
        book = db.get_or_404(Book, isbn)
        if str(book.version) not in request.if_match:
            abort(412, "It has changed meanwhile.")
        for name, value in book_of(request.get_json(), isbn).items():
            setattr(book, name, value)
        db.session.commit()
        forget()
        return answer(book)

    def delete(self, isbn):
        db.session.delete(db.get_or_404(Book, isbn))
        db.session.commit()
        forget()
        return "", 204


v1.add_url_rule("/books", view_func=Books.as_view("books"))
v1.add_url_rule("/books/<isbn:isbn>", view_func=OneBook.as_view("book"))
api.register_blueprint(v1)
