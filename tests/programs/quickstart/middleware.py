# The document wraps the application in `werkzeug.contrib.fixers.LighttpdCGIRootFix`. Werkzeug
# removed its `contrib` package in version 1.0; of its fixers, ProxyFix is the one that lives on.
from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)

@app.route('/')
def index():
    return '%s from %s' % (request.url, request.remote_addr)
