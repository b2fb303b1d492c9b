"""A newsroom: readers register, reporters write, editors publish; for browsers and for scripts."""

import os

from flask import Flask
from flask_security import (
    MailUtil,
    Security,
    SQLAlchemyUserDatastore,
    auth_required,
    auth_token_required,
    current_user,
    hash_password,
    http_auth_required,
    permissions_required,
    roles_accepted,
    roles_required,
    user_registered,
)
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

letters = []


class Letters(MailUtil):
    """Keeps letters instead of sending them."""

    def send_mail(self, template, subject, recipient, sender, body, html, **kwargs):
        letters.append({"to": recipient, "subject": str(subject), "body": body})


app = Flask(__name__)
app.config.update(
    SECRET_KEY="not for production, and long enough for what signs with it",
    SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
    SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS={"argon2__rounds": 1, "argon2__memory_cost": 1024},
    SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    SECURITY_REGISTERABLE=True,
    SECURITY_CHANGEABLE=True,
    SECURITY_RECOVERABLE=True,
    SECURITY_TRACKABLE=True,
    SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=True,
    SECURITY_CSRF_PROTECT_MECHANISMS=["session", "basic"],
    WTF_CSRF_CHECK_DEFAULT=False,
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['DATA']}/newsroom.db",
)
db = SQLAlchemy(app)
CSRFProtect(app)
fsqla.FsModels.set_db_info(db)


class Role(db.Model, fsqla.FsRoleMixin):
    pass


class User(db.Model, fsqla.FsUserMixin):
    pass


users = SQLAlchemyUserDatastore(db, User, Role)
app.security = Security(app, users, mail_util_cls=Letters)

with app.app_context():
    db.create_all()
    users.create_role(name="reporter", permissions={"write"})
    users.create_role(name="editor", permissions={"write", "publish"})
    for name, roles in ("reporter", ["reporter"]), ("editor", ["reporter", "editor"]):
        users.create_user(
            email=f"{name}@example.org", password=hash_password("battery staple"), roles=roles
        )
    db.session.commit()


@user_registered.connect_via(app)
def welcome(app, user, **more):
    users.add_role_to_user(user, users.find_or_create_role("reader"))
    db.session.commit()


@app.get("/")
def home():
    if not current_user.is_authenticated:
        return "Hello, stranger"
    roles = ", ".join(sorted(role.name for role in current_user.roles))
    return f"Hello, {current_user.email} ({roles}), visit {current_user.login_count}"


@app.get("/news")
@auth_required("token", "session")
def news():
    return {"reader": current_user.email}


@app.post("/news")
@auth_required("token", "session")
@permissions_required("write")
def write():
    return {"writer": current_user.email}, 201


@app.get("/desk")
@roles_accepted("reporter", "editor")
def desk():
    return "The desk"


@app.get("/office")
@roles_required("reporter", "editor")
def office():
    return "The office"


@app.get("/feed")
@auth_token_required
def feed():
    return {"fed": current_user.email}


@app.get("/wire")
@http_auth_required("newsroom")
def wire():
    return {"wired": current_user.email}


@app.get("/letters/<recipient>")
def mail(recipient):
    return [letter for letter in letters if letter["to"] == recipient]
