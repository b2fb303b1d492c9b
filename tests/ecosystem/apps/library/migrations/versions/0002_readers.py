"""Readers and reviews; the catalogue is searched by author."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table(
        "user",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(30), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("token", sa.String(32), nullable=False, unique=True),
        sa.Column("is_staff", sa.Boolean, nullable=False),
        sa.Column("logins", sa.Integer, nullable=False),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("isbn", sa.String(13), sa.ForeignKey("book.isbn"), nullable=False),
        sa.Column("reader_id", sa.Integer, sa.ForeignKey("user.id"), nullable=False),
        sa.Column("stars", sa.Integer, nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.UniqueConstraint("isbn", "reader_id", name="one_each"),
        sa.CheckConstraint("stars between 1 and 5", name="five_stars"),
    )
    with op.batch_alter_table("book") as book:
        book.create_index("ix_book_author", ["author"])


def downgrade():
    with op.batch_alter_table("book") as book:
        book.drop_index("ix_book_author")
    op.drop_table("review")
    op.drop_table("user")
