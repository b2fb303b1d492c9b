"""Accounts: a page for members, a remembered login, a page that wants a fresh one."""

from flask import Flask, abort, redirect, request, url_for
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    logout_user,
)

app = Flask(__name__)
app.secret_key = "not for production"
logins = LoginManager(app)
logins.login_view = logins.refresh_view = "login"

PASSWORDS = {"ada": "engine", "grace": "compiler"}


class User(UserMixin):
    def __init__(self, name):
        self.id = name


@logins.user_loader
def load(name):
    return User(name) if name in PASSWORDS else None


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return "Please log in."
    name = request.form["name"]
    if PASSWORDS.get(name) != request.form["password"]:
        abort(401)
    login_user(User(name), remember="remember" in request.form)
    return redirect(request.args.get("next") or url_for("home"))


@app.get("/logout")
@login_required
def logout():
    logout_user()
    return redirect(url_for("home"))


@app.get("/")
def home():
    return f"Hello, {current_user.id if current_user.is_authenticated else 'stranger'}"


@app.get("/members")
@login_required
def members():
    return f"Welcome, {current_user.id}"


@app.get("/password")
@fresh_login_required
def password():
    return "Change it here"
