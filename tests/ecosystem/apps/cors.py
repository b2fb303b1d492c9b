"""A shop that pages of other sites may ask, each part of it by rules of its own."""

from flask import Blueprint, Flask, abort, jsonify, request, session
from flask_cors import CORS, cross_origin

app = Flask(__name__)
app.secret_key = "not for production"

PARTNER = "https://partner.example"

CORS(
    app,
    resources={
        r"/api/*": {"origins": [PARTNER, r"https://.*\.shop\.example"]},
        r"/basket": {"origins": PARTNER, "supports_credentials": True},
        r"/broken": {"origins": "*"},
    },
    expose_headers=["X-Total"],
    max_age=600,
)

public = Blueprint("public", __name__, url_prefix="/public")
CORS(public, send_wildcard=True, always_send=False)


@app.get("/api/products")
def products():
    return jsonify(["tea", "rice"]), {"X-Total": "2"}


@app.route("/api/products/<name>", methods=["PUT", "DELETE"])
def product(name):
    return jsonify(name=name, method=request.method)


@app.get("/api/forbidden")
def forbidden():
    abort(403)


@app.post("/basket")
def basket():
    session["basket"] = [*session.get("basket", []), request.get_json()["product"]]
    return jsonify(session["basket"])


@app.get("/broken")
def broken():
    raise RuntimeError("broken on purpose")


@app.get("/private")
def private():
    return "not for other sites"


@app.route("/feed", methods=["GET", "POST"])
@cross_origin(origins=[PARTNER], methods=["GET"], allow_headers=["X-Reader"], vary_header=False)
def feed():
    return "news"


@public.get("/prices")
def prices():
    return jsonify(tea=3)


app.register_blueprint(public)
