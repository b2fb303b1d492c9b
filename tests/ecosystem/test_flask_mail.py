"""Letters over SMTP: login, HTML and attachments, newsletters, recording, refused letters.

The letters go to a small mail server of this module, which keeps each dialogue.
"""

from __future__ import annotations

import socketserver
import threading
from base64 import b64decode
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

DISTRIBUTIONS = ["Flask-Mail"]
APP = "mail.py"
#: Where the mail server listens is known once it listens.
ENVIRONMENT: dict[str, str] = {}

NOBODY = "nobody@example.com"


class Dialogue(socketserver.StreamRequestHandler):
    """One connection of a client: what it commands, and the letters it brings."""

    def handle(self) -> None:
        self.say("220 letters welcome")
        commands: list[str] = []
        assert isinstance(self.server, MailServer)
        self.server.dialogues.append(commands)
        while line := self.rfile.readline().decode().strip():
            commands.append(line)
            word = line.upper().split()[0]
            if word == "EHLO":
                self.say("250-letters\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self.say("235 welcome")
            elif word == "RCPT" and NOBODY in line:
                self.say("550 no such person")
            elif word == "DATA":
                self.say("354 go on")
                self.server.letters.append(self.letter())
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def letter(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(letter, EmailMessage)
        return letter


class MailServer(socketserver.ThreadingTCPServer):
    """Takes letters on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.dialogues: list[list[str]] = []
        self.letters: list[EmailMessage] = []


@pytest.fixture(scope="module", autouse=True)
def listening() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        ENVIRONMENT["MAIL_PORT"] = str(server.server_address[1])
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def post_office(listening):
    """The mail server, with nothing in it."""
    listening.dialogues.clear()
    listening.letters.clear()
    return listening


def order(visitor, **more):
    form = {"subject": "Your order", "name": "Ada", "address": "ada@example.com", **more}
    return visitor.post("/order", form)


def test_a_letter_is_delivered_with_its_headers(visitor, post_office):
    assert order(visitor).status_code == 202
    (letter,) = post_office.letters
    assert letter["Subject"] == "Your order"
    assert letter["From"] == "The Shop <shop@example.com>"
    assert letter["To"] == "Ada <ada@example.com>"
    assert letter["Reply-To"] == "help@example.com"
    assert letter["X-Order"] == "17"
    assert letter["Message-ID"] and letter["Date"]


def test_the_envelope_names_the_blind_copy_and_the_letter_does_not(visitor, post_office):
    order(visitor)
    ((_, login, sender, *recipients, data, leave),) = post_office.dialogues
    assert b64decode(login.removeprefix("AUTH PLAIN ")) == b"\0shop\0till"
    assert sender.startswith("mail FROM:<shop@example.com>")
    assert sorted(recipients) == ["rcpt TO:<ada@example.com>", "rcpt TO:<books@example.com>"]
    assert (data, leave) == ("data", "quit")
    assert "books@example.com" not in str(post_office.letters)
    assert post_office.letters[0]["Bcc"] is None


def test_the_text_and_the_page_are_alternatives_and_the_page_is_escaped(visitor, post_office):
    order(visitor, name="Ada & Söhne")
    (letter,) = post_office.letters
    assert letter["To"].addresses[0].display_name == "Ada & Söhne"
    assert letter.get_body(("plain",)).get_content().strip() == "Dear Ada & Söhne"
    assert letter.get_body(("html",)).get_content().strip() == "<h1>Dear Ada &amp; Söhne</h1>"


def test_an_uploaded_file_is_attached(visitor, post_office):
    form = {"subject": "Your order", "name": "Ada", "address": "ada@example.com"}
    invoice = {"invoice": ("räkning.pdf", b"%PDF\0\xff", "application/pdf")}
    assert visitor.post("/order", form, files=invoice).status_code == 202
    (attached,) = post_office.letters[0].iter_attachments()
    assert attached.get_filename() == "räkning.pdf"
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_content() == b"%PDF\0\xff"


def test_a_newsletter_changes_the_connection_after_two_letters(visitor, post_office):
    readers = [f"reader{number}@example.com" for number in range(3)]
    assert visitor.post("/newsletter", json=readers).status_code == 202
    assert [letter["To"] for letter in post_office.letters] == readers
    assert [
        sum(command == "data" for command in commands) for commands in post_office.dialogues
    ] == [2, 1]


def test_a_recorded_letter_is_not_delivered(visitor, post_office):
    recorded = visitor.post("/rehearsal").json()
    assert recorded == [
        ["Nobody reads this", "The Shop <shop@example.com>", ["ada@example.com"]],
    ]
    assert post_office.letters == []
    assert "shop: Nobody reads this" in visitor.get("/log").json()


def test_a_line_break_in_a_header_is_refused(visitor, post_office):
    refused = order(visitor, subject="Hello\nBcc: everybody@example.com")
    assert refused.status_code == 400
    assert refused.json() == {"error": "A header may not have a line break"}
    assert post_office.letters == []


def test_a_recipient_whom_the_server_refuses_fails_the_request(visitor, post_office):
    assert visitor.post("/newsletter", json=[NOBODY]).status_code == 500
    assert post_office.letters == []
