"""Readers come, stay and go; staff are made on the command line."""

from secrets import token_hex
from urllib.parse import urlsplit

import click
from flask import Blueprint, flash, jsonify, redirect, render_template, request, session, url_for
from flask_login import (
    current_user,
    login_required,
    login_user,
    logout_user,
    user_logged_in,
)

from .extensions import db, limiter, logins
from .forms import LoginForm, RegisterForm
from .models import User

pages = Blueprint("accounts", __name__, cli_group="readers")


@logins.user_loader
def load(number):
    return db.session.get(User, int(number))


@logins.request_loader
def load_by_token(request):
    if request.authorization and request.authorization.type == "bearer":
        return db.session.scalar(db.select(User).filter_by(token=request.authorization.token))
    return None


@user_logged_in.connect
def count_login(app, user):
    user.logins += 1
    db.session.commit()


@pages.route("/register", methods=["GET", "POST"])
def register():
    form = RegisterForm()
    if form.validate_on_submit():
        user = User(name=form.name.data)
        user.set_password(form.password.data)
        db.session.add(user)
        db.session.commit()
        login_user(user)
        flash(f"Welcome, {user.name}!", "success")
        return redirect(url_for("books.index"))
    return render_template("accounts/form.html", form=form, title="Register")


@pages.route("/login", methods=["GET", "POST"])
@limiter.limit(
    "3 per hour",
    key_func=lambda: request.form.get("name", ""),
    methods=["POST"],
    deduct_when=lambda response: response.status_code != 302,
    error_message="Too many wrong passwords. Come back later.",
)
def login():
    form = LoginForm()
    if form.validate_on_submit():
        user = db.session.scalar(db.select(User).filter_by(name=form.name.data))
        if user is not None and user.check_password(form.password.data):
            login_user(user, remember=form.remember.data)
            return redirect(own_page(request.args.get("next")) or url_for("books.index"))
        form.password.errors = ["Unknown name or wrong password."]
    return render_template("accounts/form.html", form=form, title="Log in")


def own_page(address):
    """The address if it leads to this site, and not elsewhere."""
    parts = urlsplit(address or "")
    return address if address and not (parts.scheme or parts.netloc) else None


@pages.get("/logout")
@login_required
def logout():
    logout_user()
    session.clear()
    flash("Goodbye.", "success")
    return redirect(url_for("books.index"))


@pages.get("/")
@login_required
def me():
    return render_template("accounts/me.html")


@pages.post("/token")
@login_required
def new_token():
    """A page's script asks for this, with the token against forgery in a header."""
    current_user.token = token_hex(16)
    db.session.commit()
    return jsonify(token=current_user.token)


@pages.cli.command("promote")
@click.argument("name")
def promote(name):
    """Make a reader a member of the staff."""
    user = db.session.scalar(db.select(User).filter_by(name=name))
    if user is None:
        raise click.ClickException(f"There is no reader {name!r}.")
    user.is_staff = True
    db.session.commit()
    click.echo(f"{name} is staff now.")
