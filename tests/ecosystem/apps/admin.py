"""The back room of a shop: products and their makers, edited by whoever says the word."""

import os

from flask import Flask, flash, request
from flask_admin import Admin, AdminIndexView, BaseView, expose
from flask_admin.actions import action
from flask_admin.contrib.fileadmin import FileAdmin
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import SecureForm
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from wtforms.validators import NumberRange

app = Flask(__name__, template_folder="templates/admin")
app.secret_key = "not for production"
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['DATA']}/shop.db"
db = SQLAlchemy(app)
Babel(app, locale_selector=lambda: request.accept_languages.best_match(["en", "de"]))


class Maker(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), unique=True, nullable=False)

    def __str__(self):
        return self.name


class Product(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), nullable=False)
    price = db.Column(db.Integer, nullable=False)
    sold_out = db.Column(db.Boolean, default=False)
    maker_id = db.Column(db.ForeignKey("maker.id"))
    maker = db.relationship("Maker", backref="products")


class Staff:
    """Views for those who say the word."""

    def is_accessible(self):
        return request.headers.get("X-Word") == "swordfish"


class Products(Staff, ModelView):
    column_list = ["name", "price", "sold_out", "maker"]
    column_searchable_list = ["name"]
    column_filters = ["price", "maker.name"]
    column_editable_list = ["price"]
    column_formatters = {"price": lambda view, context, model, name: f"{model.price} crowns"}
    form_args = {"price": {"validators": [NumberRange(min=1)]}}
    can_export = can_view_details = True
    page_size = 5

    @action("sell out", "Sell out", "Really?")
    def sell_out(self, ids):
        count = Product.query.filter(Product.id.in_(ids)).update({"sold_out": True})
        db.session.commit()
        flash(f"{count} sold out")


class Makers(Staff, ModelView):
    form_base_class = SecureForm
    form_columns = ["name"]


class Till(Staff, BaseView):
    @expose("/")
    def index(self):
        return self.render("till.html", total=db.session.query(db.func.sum(Product.price)).scalar())

    @expose("/count", methods=["POST"])
    def count(self):
        return {"products": Product.query.count(), "back": self.get_url(".index")}


class Home(Staff, AdminIndexView):
    pass


class Files(Staff, FileAdmin):
    allowed_extensions = ["txt"]


admin = Admin(app, name="Back room", index_view=Home(), url="/admin")
admin.add_view(Products(Product, db, category="Goods"))
admin.add_view(Makers(Maker, db, category="Goods"))
admin.add_view(Till(name="Till", endpoint="till"))
os.makedirs(f"{os.environ['DATA']}/files")
admin.add_view(Files(f"{os.environ['DATA']}/files", name="Files", endpoint="files"))

with app.app_context():
    db.create_all()
