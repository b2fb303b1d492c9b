"""One application, each door with a lock of another kind."""

from flask import Flask, g, jsonify
from flask_httpauth import HTTPBasicAuth, HTTPDigestAuth, HTTPTokenAuth, MultiAuth
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.secret_key = "not for production"

basic = HTTPBasicAuth(realm="members")
digest = HTTPDigestAuth(qop="auth")
token = HTTPTokenAuth("Bearer")
key = HTTPTokenAuth(header="X-API-Key")
either = MultiAuth(basic, token)

HASHES = {
    name: generate_password_hash(password, method="pbkdf2:sha256:1000")
    for name, password in {"ada": "engine", "grace": "compïler"}.items()
}
TOKENS = {"token-of-ada": "ada"}


@basic.verify_password
def verify_password(name, password):
    if name in HASHES and check_password_hash(HASHES[name], password):
        return name
    return None


@basic.get_user_roles
def roles(name):
    return ["admin"] if name == "ada" else []


@basic.error_handler
def refused(status):
    return jsonify(error="Who are you?" if status == 401 else "Not for you"), status


@digest.get_password
def password_of(name):
    return {"ada": "engine"}.get(name)


@token.verify_token
def verify_token(given):
    g.asked = True
    return TOKENS.get(given)


@key.verify_token
async def verify_key(given):
    return "machine" if given == "key" else None


@app.get("/members")
@basic.login_required
def members():
    return f"Hello, {basic.current_user()}"


@app.get("/admin")
@basic.login_required(role="admin")
def admin():
    return "settings"


@app.get("/open")
@basic.login_required(optional=True)
def open_to_all():
    return f"Hello, {basic.current_user() or 'stranger'}"


@app.get("/digest")
@digest.login_required
def digested():
    return f"Hello, {digest.username()}"


@app.get("/token")
@token.login_required
def tokened():
    return jsonify(user=token.current_user(), asked=g.asked)


@app.get("/key")
@key.login_required
def keyed():
    return f"Hello, {key.current_user()}"


@app.get("/either")
@either.login_required
def any_of_them():
    return f"Hello, {either.current_user()}"
