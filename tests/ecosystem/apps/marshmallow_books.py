"""Authors and their books: tables and links to schemas, and schemas to JSON and back."""

import os
from pathlib import Path

from flask import Flask, jsonify, request
from flask_marshmallow import Marshmallow
from flask_marshmallow.validate import FileSize, FileType
from flask_sqlalchemy import SQLAlchemy
from marshmallow import ValidationError, validate

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{Path(os.environ['DATA'], 'books.db')}"
db = SQLAlchemy(app)
ma = Marshmallow(app)


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), nullable=False, unique=True)
    books = db.relationship("Book", back_populates="author")


class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(40), nullable=False)
    author_id = db.Column(db.ForeignKey("author.id"))
    author = db.relationship("Author", back_populates="books")


class AuthorSchema(ma.SQLAlchemySchema):
    class Meta:
        model = Author
        load_instance = True

    id = ma.auto_field(dump_only=True)
    name = ma.auto_field(validate=validate.Length(min=2))
    books = ma.List(ma.HyperlinkRelated("book", external=True), dump_only=True)
    links = ma.Hyperlinks(
        {
            "self": ma.URLFor("author", values={"id": "<id>"}),
            "all": ma.AbsoluteURLFor("authors"),
        }
    )


class BookSchema(ma.SQLAlchemyAutoSchema):
    class Meta:
        model = Book
        include_fk = True
        load_instance = True

    author = ma.HyperlinkRelated("author")


class PictureSchema(ma.Schema):
    picture = ma.File(required=True, validate=[FileType([".png"]), FileSize(max="1 KiB")])


author_schema, authors_schema = AuthorSchema(), AuthorSchema(many=True, only=["name", "links"])
book_schema = BookSchema()


@app.get("/authors")
def authors():
    return authors_schema.jsonify(Author.query.order_by(Author.name))


@app.post("/authors")
def add_author():
    db.session.add(author := author_schema.load(request.get_json()))
    db.session.commit()
    return author_schema.dump(author), 201


@app.route("/authors/<int:id>", methods=["GET", "PATCH"])
def author(id):
    author = db.get_or_404(Author, id)
    if request.method == "PATCH":
        author_schema.load(request.get_json(), instance=author, partial=True)
        db.session.commit()
    return author_schema.jsonify(author)


@app.post("/books")
def add_book():
    db.session.add(book := book_schema.load(request.get_json()))
    db.session.commit()
    return book_schema.jsonify(book), 201


@app.get("/books/<int:id>")
def book(id):
    return book_schema.jsonify(db.get_or_404(Book, id))


@app.post("/pictures")
def add_picture():
    return jsonify(PictureSchema().load(request.files)["picture"].filename)


@app.errorhandler(ValidationError)
def refused(error):
    return jsonify(error.messages), 422


with app.app_context():
    db.create_all()
