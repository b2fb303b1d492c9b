"""An API with tokens: access and refresh, in headers and in cookies, and tokens called back."""

from datetime import timedelta

from flask import Flask, jsonify, render_template_string, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    current_user,
    get_jwt,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    unset_jwt_cookies,
    verify_jwt_in_request,
)

app = Flask(__name__)
app.config.update(
    JWT_SECRET_KEY="a key of thirty-two bytes and more, not for production",
    JWT_TOKEN_LOCATION=["headers", "cookies", "query_string"],
)
tokens = JWTManager(app, add_context_processor=True)

ROLES = {"ada": ["staff"], "grace": []}
called_back = set()


@tokens.additional_claims_loader
def claims(name):
    return {"roles": ROLES.get(name, [])}


@tokens.token_in_blocklist_loader
def is_called_back(header, payload):
    return payload["jti"] in called_back


@tokens.user_lookup_loader
def find(header, payload):
    name = payload["sub"]
    return {"name": name} if name in ROLES else None


@tokens.expired_token_loader
def expired(header, payload):
    return jsonify(error=f"The token of {payload['sub']} has expired"), 401


@app.post("/login")
def login():
    name = request.get_json()["name"]
    answer = jsonify(
        access=create_access_token(name, fresh=True), refresh=create_refresh_token(name)
    )
    if "cookies" in request.args:
        set_access_cookies(answer, create_access_token(name))
    return answer


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    return jsonify(access=create_access_token(get_jwt_identity(), fresh=False))


@app.post("/brief")
def brief():
    return jsonify(access=create_access_token("ada", expires_delta=timedelta(seconds=-1)))


@app.post("/logout")
@jwt_required(verify_type=False)
def logout():
    called_back.add(get_jwt()["jti"])
    answer = jsonify(gone=True)
    unset_jwt_cookies(answer)
    return answer


@app.get("/me")
@jwt_required()
def me():
    return jsonify(name=current_user["name"])


@app.get("/page")
@jwt_required(optional=True)
def page():
    return render_template_string("Hello, {{ current_user.name if current_user else 'stranger' }}")


@app.post("/password")
@jwt_required(fresh=True)
async def password():
    return jsonify(changed=True)


@app.get("/staff")
def staff():
    verify_jwt_in_request()
    if "staff" not in get_jwt()["roles"]:
        return jsonify(error="Staff only"), 403
    return jsonify(roles=get_jwt()["roles"])
