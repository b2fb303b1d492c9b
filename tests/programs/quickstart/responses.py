from flask import Flask
from flask import make_response
from flask import render_template

app = Flask(__name__)

@app.errorhandler(404)
def not_found(error):
    resp = make_response(render_template('page_not_found.html'), 404)
    resp.headers['X-Something'] = 'A value'
    return resp

@app.route('/string')
def string():
    return 'a string'

@app.route('/status')
def status():
    return 'made', 201

@app.route('/headers')
def headers():
    return 'with a header', {'X-Header': 'one'}

@app.route('/both')
def both():
    return 'all three', 202, [('X-Header', 'one'), ('X-Header', 'two')]

@app.route('/wsgi')
def wsgi():
    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'a WSGI application']
    return application
