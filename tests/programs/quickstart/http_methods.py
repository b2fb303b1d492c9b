from flask import Flask
from flask import request

app = Flask(__name__)

def do_the_login():
    return 'logged in'

def show_the_login_form():
    return '<form method="post">'

@app.route('/login', methods=['GET', 'POST'])
def login():
    if request.method == 'POST':
        return do_the_login()
    else:
        return show_the_login_form()
