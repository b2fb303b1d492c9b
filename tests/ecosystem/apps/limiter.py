"""A service that may be asked so often and no more; who asks is in the header X-Client."""

from flask import Blueprint, Flask, make_response, request
from flask_limiter import Limiter, RateLimitExceeded

app = Flask(__name__)
app.config.update(RATELIMIT_STORAGE_URI="memory://", RATELIMIT_HEADERS_ENABLED=True)
limiter = Limiter(lambda: request.headers.get("X-Client", "anyone"), default_limits=["3 per day"])
limiter.init_app(app)


@app.get("/default")
def default():
    return "served"


@app.get("/strict")
@limiter.limit("1 per day", error_message="Once is enough.")
@limiter.limit("5 per month")
def strict():
    return "served"


@app.get("/free")
@limiter.exempt
def free():
    return "served"


@app.get("/plan")
@limiter.limit(lambda: {"gold": "4 per day"}.get(request.args.get("plan"), "1 per day"))
def plan():
    return "served"


@app.route("/write", methods=["GET", "POST"])
@limiter.limit("1 per day", methods=["POST"])
def write():
    return "served"


@app.post("/login")
@limiter.limit("2 per day", deduct_when=lambda response: response.status_code == 401)
def login():
    return ("come in", 200) if request.form["password"] == "engine" else ("no", 401)


shared = limiter.shared_limit("2 per day", scope="search")


@app.get("/search/<kind>")
@shared
def search(kind):
    return kind


@app.get("/find")
@shared
def find():
    return "found"


@app.get("/costly")
@limiter.limit("10 per day", cost=lambda: int(request.args["cost"]))
def costly():
    return {"remaining": limiter.current_limit.remaining}


def too_often(limit):
    return make_response({"slow down": str(limit.limit)}, 429)


@app.get("/polite")
@limiter.limit("1 per day", on_breach=too_often)
def polite():
    return "served"


reports = Blueprint("reports", __name__, url_prefix="/reports")
limiter.limit("2 per day")(reports)


@reports.get("/<name>")
def report(name):
    return name


@app.get("/part")
def part():
    with limiter.limit("1 per day"):
        return "the good part"


app.register_blueprint(reports)


@app.errorhandler(RateLimitExceeded)
def refused(error):
    return error.get_response() if error.response else ({"refused": error.description}, 429)
