"""Answers that are worth compressing, and some that are not."""

import os
from pathlib import Path

from flask import Flask, Response, jsonify, request, send_from_directory
from flask_compress import Compress
from werkzeug.http import generate_etag

FOLDER = Path(os.environ["DATA"])
FOLDER.joinpath("long.css").write_text("p { color: red }\n" * 200)

app = Flask(__name__, static_folder=FOLDER, static_url_path="/static")
app.config["COMPRESS_MIN_SIZE"] = 200
Compress(app)

TEXT = "All work and no play makes Jack a dull boy. " * 100


@app.get("/text")
def text():
    return Response(TEXT, mimetype="text/plain")


@app.get("/short")
def short():
    return "short"


@app.get("/picture")
def picture():
    return Response(bytes(2000), mimetype="image/png")


@app.get("/json")
def numbers():
    return jsonify(list(range(500)))


@app.get("/stream")
def stream():
    def lines():
        for number in range(300):
            yield f"{number} {request.args['word']}\n"

    return Response(lines(), mimetype="text/plain")


@app.get("/tagged")
def tagged():
    answer = Response(TEXT, mimetype="text/plain")
    answer.set_etag(generate_etag(TEXT.encode()))
    return answer


@app.get("/file")
def file():
    return send_from_directory(FOLDER, "long.css")


@app.get("/missing")
def missing():
    return TEXT, 404
