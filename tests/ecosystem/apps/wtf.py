"""A guest book: a validated form, an upload, and forms that another site cannot forge."""

from flask import Flask, flash, get_flashed_messages, jsonify, redirect, render_template_string
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import CSRFError
from flask_wtf.file import FileAllowed, FileField, FileRequired, FileSize
from wtforms import EmailField, IntegerField, StringField
from wtforms.validators import DataRequired, Email, NumberRange

app = Flask(__name__)
app.secret_key = "not for production"
csrf = CSRFProtect(app)


class Entry(FlaskForm):
    name = StringField("Your name", validators=[DataRequired()])
    email = EmailField(validators=[Email()])
    rating = IntegerField(validators=[NumberRange(1, 5)])


class Picture(FlaskForm):
    picture = FileField(
        validators=[
            FileRequired(),
            FileAllowed(["png"], "Only PNG pictures."),
            FileSize(max_size=1000),
        ]
    )


FORM = """
<form method=post>{{ form.hidden_tag() }}
{% for field in form if field.name != "csrf_token" %}
  {{ field.label }} {{ field() }}
  {% for error in field.errors %}<b>{{ field.name }}: {{ error }}</b>{% endfor %}
{% endfor %}</form>
"""


@app.route("/", methods=["GET", "POST"])
def book():
    form = Entry(rating=3)
    if form.validate_on_submit():
        flash(f"{form.name.data} <{form.email.data}> gives {form.rating.data} of 5")
        return redirect("/thanks")
    return render_template_string(FORM, form=form), 422 if form.is_submitted() else 200


@app.get("/thanks")
def thanks():
    return jsonify(get_flashed_messages())


@app.route("/picture", methods=["GET", "POST"])
def picture():
    form = Picture()
    if form.validate_on_submit():
        return f"{form.picture.data.filename}: {len(form.picture.data.read())} bytes"
    return render_template_string(FORM, form=form), 422 if form.is_submitted() else 200


@app.get("/page")
def page():
    return render_template_string('<meta name="csrf-token" content="{{ csrf_token() }}">')


@app.delete("/entries/<int:number>")
def delete(number):
    return {"deleted": number}


@app.post("/hook")
@csrf.exempt
def hook():
    return "heard"


@app.errorhandler(CSRFError)
def forged(error):
    return {"refused": error.description}, error.code
