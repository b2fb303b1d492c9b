"""A shop's letters: one order, a newsletter over one connection, and what was sent by signal."""

import os

from flask import Flask, current_app, jsonify, render_template_string, request
from flask_mail import BadHeaderError, Mail, Message, email_dispatched

mail = Mail()
log = []


@email_dispatched.connect
def note(app, message):
    log.append(f"{app.name}: {message.subject}")


def create_app():
    app = Flask("shop")
    app.config.from_mapping(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=int(os.environ["MAIL_PORT"]),
        MAIL_USERNAME="shop",
        MAIL_PASSWORD="till",
        MAIL_DEFAULT_SENDER=("The Shop", "shop@example.com"),
        MAIL_MAX_EMAILS=2,
    )
    mail.init_app(app)

    @app.errorhandler(BadHeaderError)
    def refuse(error):
        return {"error": "A header may not have a line break"}, 400

    @app.post("/order")
    def order():
        message = Message(
            request.form["subject"],
            recipients=[(request.form["name"], request.form["address"])],
            bcc=["books@example.com"],
            reply_to="help@example.com",
            extra_headers={"X-Order": "17"},
        )
        message.body = f"Dear {request.form['name']}"
        message.html = render_template_string("<h1>Dear {{ name }}</h1>", name=request.form["name"])
        if upload := request.files.get("invoice"):
            message.attach(upload.filename, upload.mimetype, upload.read())
        mail.send(message)
        return "", 202

    @app.post("/newsletter")
    def newsletter():
        with mail.connect() as connection:
            for address in request.get_json():
                connection.send_message("News", recipients=[address], body=f"Hello {address}")
        return "", 202

    @app.post("/rehearsal")
    def rehearsal():
        with mail.record_messages() as outbox:
            current_app.extensions["mail"].suppress = True
            try:
                mail.send_message("Nobody reads this", recipients=["ada@example.com"])
            finally:
                current_app.extensions["mail"].suppress = False
        return jsonify([[m.subject, m.sender, m.recipients] for m in outbox])

    @app.get("/log")
    def read_log():
        return jsonify(log)

    return app
