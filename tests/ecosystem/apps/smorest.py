"""Pets for sale: arguments and answers by schema, pages, entity tags, and an OpenAPI document."""

import marshmallow as ma
from flask import Flask, abort, request
from flask.views import MethodView
from flask_smorest import Api, Blueprint, Page
from flask_smorest import abort as refuse
from flask_smorest.fields import Upload

app = Flask(__name__)
app.config.update(
    API_TITLE="Pets",
    API_VERSION="v1",
    OPENAPI_VERSION="3.0.3",
    OPENAPI_URL_PREFIX="/docs",
    OPENAPI_SWAGGER_UI_PATH="/ui",
    OPENAPI_SWAGGER_UI_URL="/swagger-ui/",
    ETAG_DISABLED=False,
)
api = Api(app)


class PetSchema(ma.Schema):
    class Meta:
        unknown = ma.RAISE

    id = ma.fields.Int(dump_only=True)
    name = ma.fields.String(required=True, validate=ma.validate.Length(min=2))
    price = ma.fields.Decimal(places=2, as_string=True, load_default=10)


class QuerySchema(ma.Schema):
    name = ma.fields.String()


class PictureSchema(ma.Schema):
    picture = Upload(required=True)


class Pets(Page):
    @property
    def item_count(self):
        return len(self.collection)


PETS = {number: {"id": number, "name": f"pet {number}", "price": number} for number in range(1, 26)}

blueprint = Blueprint("pets", "pets", url_prefix="/pets", description="Pets for sale")
pictures = Blueprint("pictures", "pictures", url_prefix="/<int:id>/picture")


@blueprint.route("/")
class ManyPets(MethodView):
    @blueprint.arguments(QuerySchema, location="query")
    @blueprint.response(200, PetSchema(many=True))
    @blueprint.paginate(Pets)
    def get(self, asked):
        """All the pets, or those of a name"""
        return [pet for pet in PETS.values() if asked.get("name") in (None, pet["name"])]

    @blueprint.arguments(PetSchema)
    @blueprint.response(201, PetSchema)
    @blueprint.alt_response(409, description="There is one of that name")
    def post(self, pet):
        if any(pet["name"] == other["name"] for other in PETS.values()):
            refuse(409, message="There is one of that name.", errors={"name": pet["name"]})
        number = max(PETS) + 1
        PETS[number] = {"id": number, **pet}
        return PETS[number]


@blueprint.route("/<int:id>")
class OnePet(MethodView):
    def _pet(self, id):
        return PETS.get(id) or abort(404)

    @blueprint.etag
    @blueprint.response(200, PetSchema)
    def get(self, id):
        return self._pet(id)

    @blueprint.etag
    @blueprint.arguments(PetSchema)
    @blueprint.response(200, PetSchema)
    def put(self, changes, id):
        pet = self._pet(id)
        blueprint.check_etag(pet, PetSchema)
        pet.update(changes)
        return pet

    @blueprint.etag
    @blueprint.response(204)
    def delete(self, id):
        blueprint.check_etag(self._pet(id), PetSchema)
        del PETS[id]


@pictures.route("/", methods=["PUT"])
@pictures.arguments(PictureSchema, location="files")
@pictures.response(201)
def put_picture(files, id):
    sent = files["picture"]
    return {"id": id, "name": sent.filename, "size": len(sent.read())}


blueprint.register_blueprint(pictures)
api.register_blueprint(blueprint)


@app.get("/broken")
def broken():
    raise RuntimeError(f"broken on purpose by {request.path}")
