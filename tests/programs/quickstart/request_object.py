from flask import Flask
from flask import render_template
from flask import request

app = Flask(__name__)

def valid_login(username, password):
    return (username, password) == ('ada', 'engine')

def log_the_user_in(username):
    return 'Welcome, %s' % username

@app.route('/login', methods=['POST', 'GET'])
def login():
    error = None
    if request.method == 'POST':
        if valid_login(request.form['username'],
                       request.form['password']):
            return log_the_user_in(request.form['username'])
        else:
            error = 'Invalid username/password'
    # the code below is executed if the request method
    # was GET or the credentials were invalid
    return render_template('login.html', error=error)

@app.route('/search')
def search():
    searchword = request.args.get('key', '')
    return searchword
