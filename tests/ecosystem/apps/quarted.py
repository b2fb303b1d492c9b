"""A guest book in Quart, which is built on `flask.sansio`."""

from quart import (
    Blueprint,
    Quart,
    abort,
    flash,
    get_flashed_messages,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
    websocket,
)

app = Quart(__name__)
app.secret_key = "not for production"
guests = Blueprint("guests", __name__, url_prefix="/guests")
BOOK = ["Ada"]


@guests.before_request
async def only_with_a_name():
    if request.method == "POST" and not (await request.form).get("name"):
        abort(400, "A guest has a name.")


@guests.get("/")
async def index():
    text = "{% for guest in guests %}{{ loop.index }} {{ guest }};{% endfor %}{{ messages }}"
    return await render_template_string(text, guests=BOOK, messages=get_flashed_messages())


@guests.post("/")
async def add():
    BOOK.append((await request.form)["name"])
    session["last"] = BOOK[-1]
    await flash("Welcome")
    return redirect(url_for(".index"))


@guests.get("/<int:number>")
async def guest(number):
    return {"name": BOOK[number - 1], "last": session.get("last")}


@guests.errorhandler(IndexError)
async def nobody(error):
    return {"error": "nobody"}, 404


@app.websocket("/echo")
async def echo():
    await websocket.send(await websocket.receive())


app.register_blueprint(guests)
