"""A zoo as an API: namespaces, models that are checked and documented, its own documentation."""

from flask import Flask, abort
from flask_restx import Api, Resource, fields, reqparse
from werkzeug.datastructures import FileStorage

app = Flask(__name__)
app.config["RESTX_MASK_SWAGGER"] = False
api = Api(
    app,
    version="1.2",
    title="Zoo",
    doc="/docs",
    prefix="/v1",
    authorizations={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
)
animals = api.namespace("animals", description="Who lives here", ordered=True)

keeper = animals.model("Keeper", {"name": fields.String})
animal = animals.model(
    "Animal",
    {
        "name": fields.String(required=True, min_length=2, example="Elsa"),
        "kind": fields.String(enum=["lion", "seal"], required=True),
        "legs": fields.Integer(min=0, default=4),
    },
)
resident = animals.inherit(
    "Resident",
    animal,
    {
        "id": fields.Integer(readonly=True),
        "keeper": fields.Nested(keeper, skip_none=True),
        "url": fields.Url("animals_animal"),
    },
)

query = reqparse.RequestParser()
query.add_argument("kind", choices=("lion", "seal"), location="args")
picture = reqparse.RequestParser()
picture.add_argument("picture", type=FileStorage, location="files", required=True)

residents = {1: {"id": 1, "name": "Elsa", "kind": "lion", "legs": 4, "keeper": {"name": "Joy"}}}


class Escaped(Exception):
    """The animal is not at home."""


@animals.errorhandler(Escaped)
@animals.marshal_with(animals.model("Problem", {"message": fields.String}), code=410)
def escaped(error):
    return {"message": f"{error} has escaped", "secret": 1}, 410, {"X-Alarm": "on"}


@animals.route("/")
class Animals(Resource):
    @animals.expect(query)
    @animals.marshal_list_with(resident)
    def get(self):
        """Everybody, or all of a kind"""
        kind = query.parse_args()["kind"]
        return [one for one in residents.values() if kind in (None, one["kind"])]

    @animals.expect(animal, validate=True)
    @animals.marshal_with(resident, code=201, description="Moved in")
    @animals.doc(security="key")
    def post(self):
        number = max(residents) + 1
        residents[number] = {"id": number, **api.payload}
        return residents[number], 201


@animals.route("/<int:id>", endpoint="animals_animal")
@animals.param("id", "The number at the cage")
@animals.response(404, "No such animal")
class Animal(Resource):
    @animals.marshal_with(resident)
    def get(self, id):
        return residents[id] if id in residents else animals.abort(404, "No such animal", id=id)

    def delete(self, id):
        if id == 1:
            raise Escaped(residents[id]["name"])
        abort(403)


@animals.route("/<int:id>/picture")
class Picture(Resource):
    @animals.expect(picture)
    def put(self, id):
        sent = picture.parse_args()["picture"]
        return {"name": sent.filename, "size": len(sent.read())}


@app.get("/plain")
def plain():
    return "outside of the API"
