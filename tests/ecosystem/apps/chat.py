"""A chat: rooms, names from the web session, acknowledgements, a namespace, errors."""

from flask import Flask, abort, request, session
from flask_socketio import (
    ConnectionRefusedError,
    Namespace,
    SocketIO,
    disconnect,
    emit,
    join_room,
    leave_room,
    send,
)

app = Flask(__name__)
app.secret_key = "not for production"
socketio = SocketIO(app, async_mode="threading", cors_allowed_origins=["http://chat.example"])


@app.post("/login")
def login():
    session["name"] = request.form["name"]
    return "", 204


@app.get("/me")
def me():
    return {"name": session.get("name"), "said": session.get("said", 0)}


@app.post("/announce")
def announce():
    if "name" not in session:
        abort(403)
    socketio.emit("announcement", request.get_json(), to=request.args.get("room"))
    return "", 202


@socketio.on("connect")
def connect(auth):
    if auth and auth.get("token") != "guest":
        raise ConnectionRefusedError("unknown token")
    session.setdefault("name", "guest")


@socketio.on("join")
def join(data):
    join_room(data["room"])
    emit("joined", session.get("name"), to=data["room"], include_self=False)
    return {"room": data["room"], "path": request.path, "event": request.event["message"]}


@socketio.on("leave")
def leave(data):
    leave_room(data["room"])
    return "left"


@socketio.on("message")
def say(text):
    session["said"] = session.get("said", 0) + 1
    send(f"{session.get('name')}: {text} ({session['said']})", to="tea")


@socketio.event
def upload(name, content):
    return name, len(content), content[::-1]


@socketio.event
def leave_for_good():
    disconnect()


@socketio.on_error_default
def report(error):
    emit("trouble", {"kind": type(error).__name__, "event": request.event["message"]})


class Clock(Namespace):
    def on_connect(self):
        emit("tick", 0)

    def on_tick(self, number):
        emit("tick", number + 1, broadcast=True)


socketio.on_namespace(Clock("/clock"))
