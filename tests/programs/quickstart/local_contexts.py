from flask import Flask
from flask import request

app = Flask(__name__)

with app.test_request_context('/hello', method='POST'):
    # now you can do something with the request until the
    # end of the with block, such as basic assertions:
    assert request.path == '/hello'
    assert request.method == 'POST'

from werkzeug.test import create_environ
environ = create_environ('/hello', method='POST')

with app.request_context(environ):
    assert request.method == 'POST'

print('both held')
