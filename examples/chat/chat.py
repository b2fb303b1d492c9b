"""A chat: rooms, who is there, and what was said lately.

What somebody writes goes over a WebSocket to the program, and from there to all who are in the
room. A page that loses its connection comes back by itself and gets what it missed.

Start it with one worker, which is the default, as everything is in its memory::

    carboy --app examples/chat/chat.py serve

With several workers, who is at one would not hear who is at another: what is said would have to
pass through something that they share. The names are no accounts; anyone may take a free one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from carboy import (
    Flask,
    Response,
    abort,
    redirect,
    render_template,
    request,
    session,
    url_for,
    websocket,
)
from carboy.typing import ResponseReturnValue

#: How many messages of a room are kept, and how many characters of one.
KEPT, LONGEST = 50, 1000

#: How many messages somebody may be behind.
BEHIND = 100

#: After how many seconds somebody who gives no sign is taken for gone; pages give one every 20.
SILENCE = 60

#: Codes with which a WebSocket is closed, for the page to know why.
TRY_AGAIN, NO_NAME = 1013, 4401

app = Flask(__name__)
# Set it, and names outlast a restart.
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_bytes(16)
app.config.update(MAX_CONTENT_LENGTH=8192, SESSION_COOKIE_SAMESITE="Lax")


# All functions are async, and so on one loop: nothing here needs a lock.


@dataclass(eq=False)
class Guest:
    """Somebody's page in a room."""

    name: str
    outbox: asyncio.Queue[dict[str, Any]] = field(default_factory=lambda: asyncio.Queue(BEHIND))
    keeps_up: bool = True

    def tell(self, **news: Any) -> None:
        """Have the page hear of something, without waiting for it."""
        if self.outbox.full():
            self.keeps_up = False
        else:
            self.outbox.put_nowait(news)

    async def send(self) -> None:
        """Send what there is to tell, until it is too much."""
        while self.keeps_up:
            await websocket.send_json(await self.outbox.get())
        await websocket.close(TRY_AGAIN, "Too many messages at once.")


class Room:
    """A room, who is in it, and what was said there lately."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.guests: set[Guest] = set()
        self.history: deque[dict[str, Any]] = deque(maxlen=KEPT)

    @property
    def names(self) -> list[str]:
        # Somebody may have several pages open.
        return sorted({guest.name for guest in self.guests}, key=str.casefold)

    def tell(self, **news: Any) -> None:
        """Have everyone in the room hear of something."""
        for guest in self.guests:
            guest.tell(**news)

    def say(self, name: str, text: str) -> None:
        """Say something to everyone in the room."""
        message = {"id": secrets.token_hex(8), "name": name, "text": text, "at": time.time()}
        self.history.append(message)
        self.tell(said=message)

    def enter(self, guest: Guest) -> None:
        """Have somebody come in."""
        if guest.name not in self.names:
            self.tell(came=guest.name)
        self.guests.add(guest)
        guest.tell(history=list(self.history))
        tell_who_is_where()

    def leave(self, guest: Guest) -> None:
        """Have somebody go."""
        self.guests.remove(guest)
        if guest.name not in self.names:
            self.tell(left=guest.name)
        tell_who_is_where()


rooms = {name.lower(): Room(name) for name in ("Cellar", "Orchard", "Kitchen")}


def tell_who_is_where() -> None:
    for room in rooms.values():
        room.tell(here={key: other.names for key, other in rooms.items()})


@app.websocket("/<key>/talk")
async def talk(key: str) -> None:
    room = rooms.get(key) or abort(404)
    if "name" not in session:
        # The page is told why; of a refusal it would hear nothing.
        await websocket.close(NO_NAME, "Choose a name first.")
        return
    guest = Guest(session["name"])
    await websocket.accept()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(guest.send())
        room.enter(guest)
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    text = await websocket.receive_text()
                # An empty message is a sign of life.
                if text := text.strip()[:LONGEST]:
                    room.say(guest.name, text)
        except TimeoutError:
            sending.cancel()
        finally:
            room.leave(guest)


@app.get("/")
async def index() -> ResponseReturnValue:
    return render_template("index.html", rooms=rooms, name=session.get("name", ""))


@app.post("/")
async def choose_name() -> ResponseReturnValue:
    name = " ".join(request.form["name"].split())
    taken = {guest for room in rooms.values() for guest in room.names} - {session.get("name")}
    problem = None
    if not 1 <= len(name) <= 24 or not name.isprintable():
        problem = "A name has 1 to 24 letters, and no signs that cannot be seen."
    elif name.casefold() in map(str.casefold, filter(None, taken)):
        problem = "Somebody with this name is here already."
    if problem:
        return render_template("index.html", rooms=rooms, name=name, problem=problem), 422
    session["name"] = name
    return redirect(url_for("room", key=request.form.get("room", "cellar")))


@app.get("/<key>")
async def room(key: str) -> ResponseReturnValue:
    here = rooms.get(key) or abort(404)
    if "name" not in session:
        return redirect(url_for("index", room=key))
    return render_template("room.html", rooms=rooms, key=key, room=here, name=session["name"])


@app.after_request
async def only_our_own(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
    return response


if __name__ == "__main__":
    app.run()
