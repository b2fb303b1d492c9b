from flask import Flask, g, render_template_string, session
app = Flask(__name__)
app.secret_key = 'for tests'

@app.route('/<name>')
def objects(name):
    g.name = name
    session['name'] = name
    return render_template_string(
        '{{ request.path }} {{ session.name }} {{ g.name }} {{ get_flashed_messages() }}'
    )
