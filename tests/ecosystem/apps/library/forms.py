"""What readers may fill in."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import (
    BooleanField,
    PasswordField,
    RadioField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import EqualTo, InputRequired, Length

from .extensions import db
from .models import User


class RegisterForm(FlaskForm):
    name = StringField("Name", [InputRequired(), Length(2, 30)])
    password = PasswordField("Password", [InputRequired(), Length(min=6)])
    again = PasswordField("Again", [EqualTo("password", "The passwords differ.")])

    def validate_name(self, field):
        if db.session.scalar(db.select(User).filter_by(name=field.data)):
            raise ValidationError("This name is taken.")


class LoginForm(FlaskForm):
    name = StringField("Name", [InputRequired()])
    password = PasswordField("Password", [InputRequired()])
    remember = BooleanField("Remember me")


class ReviewForm(FlaskForm):
    stars = RadioField(
        "Stars", [InputRequired()], choices=[(n, n) for n in range(1, 6)], coerce=int
    )
    text = TextAreaField("What do you think?", [Length(max=1000)], [lambda text: text or ""])


class ImportForm(FlaskForm):
    catalogue = FileField(
        "Catalogue", [FileRequired(), FileAllowed(["json"], "Only JSON, please.")]
    )
