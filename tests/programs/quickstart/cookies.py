from flask import Flask
from flask import make_response
from flask import render_template
from flask import request

app = Flask(__name__)

@app.route('/')
def index():
    username = request.cookies.get('username')
    # use cookies.get(key) instead of cookies[key] to not get a
    # KeyError if the cookie is missing.
    return 'You are %s' % username

@app.route('/store')
def store():
    resp = make_response(render_template('login.html'))
    resp.set_cookie('username', 'the username')
    return resp
