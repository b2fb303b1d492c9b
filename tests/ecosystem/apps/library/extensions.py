"""The extensions, to be bound to an application by its factory."""

from flask_caching import Cache
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
migrate = Migrate()
csrf = CSRFProtect()
cache = Cache()
limiter = Limiter(get_remote_address, default_limits=["10000 per day"])
logins = LoginManager()
logins.login_view = "accounts.login"
logins.login_message_category = "warning"
