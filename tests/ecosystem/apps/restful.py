"""A list of things to do: resources, parsed arguments, marshalled answers, two representations."""

import csv
import io

from flask import Blueprint, Flask, Response, request
from flask_restful import Api, Resource, abort, fields, inputs, marshal, marshal_with, reqparse

app = Flask(__name__)
app.config["BUNDLE_ERRORS"] = True


class OutOfPaper(Exception):
    code = 507


blueprint = Blueprint("api", __name__, url_prefix="/api")
api = Api(
    blueprint,
    errors={"OutOfPaper": {"message": "Out of paper", "status": 507}},
)

TASKS = {}

task_fields = {
    "text": fields.String,
    "done": fields.Boolean(attribute="is_done"),
    "priority": fields.Integer(default=3),
    "uri": fields.Url("api.task"),
    "absolute": fields.Url("api.task", absolute=True),
}

parser = reqparse.RequestParser()
parser.add_argument("text", type=inputs.regex(".+"), required=True, help="What is to be done?")
parser.add_argument("priority", type=inputs.int_range(1, 5))
parser.add_argument("done", type=inputs.boolean, default=False)
page = reqparse.RequestParser()
page.add_argument("tag", action="append", location="args")
page.add_argument("X-Reader", location="headers", dest="reader")


class Task:
    def __init__(self, id, text, priority, done):
        self.id, self.text, self.priority, self.is_done = id, text, priority, done


def known(method):
    def checked(id):
        if id not in TASKS:
            abort(404, message=f"There is no task {id}", id=id)
        return method(id)

    return checked


@api.resource("/tasks")
class Tasks(Resource):
    @marshal_with(task_fields, envelope="tasks")
    def get(self):
        return list(TASKS.values())

    @marshal_with(task_fields)
    def post(self):
        task = Task(len(TASKS) + 1, **parser.parse_args(strict=True))
        TASKS[task.id] = task
        return task, 201, {"X-Tasks": str(len(TASKS))}


class OneTask(Resource):
    method_decorators = {"get": [known], "delete": [known]}

    def get(self, id):
        return marshal(TASKS[id], task_fields)

    def delete(self, id):
        del TASKS[id]
        return "", 204


class Printer(Resource):
    def get(self):
        raise OutOfPaper

    def post(self):
        return Response("paper", mimetype="text/plain")


class Asked(Resource):
    def get(self):
        return page.parse_args()


api.add_resource(OneTask, "/tasks/<int:id>", endpoint="task")
api.add_resource(Printer, "/printer", "/copier")
api.add_resource(Asked, "/asked")


@api.representation("text/csv")
def as_csv(data, code, headers=None):
    lines = io.StringIO()
    writer = csv.writer(lines)
    for key, value in data.items():
        writer.writerow([key, value])
    return Response(lines.getvalue(), code, headers, mimetype="text/csv")


app.register_blueprint(blueprint)


@app.errorhandler(404)
def nothing(error):
    return f"Nothing at {request.path}", 404
