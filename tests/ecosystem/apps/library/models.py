"""Books, readers and what they think."""

from secrets import token_hex

from flask_login import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash, generate_password_hash

from .extensions import db


class Book(db.Model):
    isbn: Mapped[str] = mapped_column(String(13), primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    author: Mapped[str] = mapped_column(String(100), index=True)
    version: Mapped[int] = mapped_column()
    reviews: Mapped[list["Review"]] = relationship(
        back_populates="book", cascade="all, delete-orphan", order_by="Review.id"
    )

    __mapper_args__ = {"version_id_col": version}

    @property
    def rating(self):
        average = func.avg(Review.stars)
        return db.session.scalar(db.select(average).where(Review.book == self))

    def to_dict(self):
        return {"isbn": self.isbn, "title": self.title, "author": self.author}


class User(UserMixin, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    token: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: token_hex(16))
    is_staff: Mapped[bool] = mapped_column(default=False)
    logins: Mapped[int] = mapped_column(default=0)
    reviews: Mapped[list["Review"]] = relationship(back_populates="reader")

    def set_password(self, password):
        self.password_hash = generate_password_hash(password, "pbkdf2:sha256:1000")

    def check_password(self, password):
        return check_password_hash(self.password_hash, password)


class Review(db.Model):
    __table_args__ = (
        UniqueConstraint("isbn", "reader_id", name="one_each"),
        CheckConstraint("stars between 1 and 5", name="five_stars"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isbn: Mapped[str] = mapped_column(ForeignKey("book.isbn"))
    reader_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    stars: Mapped[int]
    text: Mapped[str] = mapped_column(String(1000))
    book: Mapped[Book] = relationship(back_populates="reviews")
    reader: Mapped[User] = relationship(back_populates="reviews")
