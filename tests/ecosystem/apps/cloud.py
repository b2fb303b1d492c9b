"""moto's server: an application for each service, chosen by what the request says."""

from flask import Flask
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

app = Flask(__name__)
app.wsgi_app = DomainDispatcherApplication(create_backend_app)
