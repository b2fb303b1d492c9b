from flask import Flask, flash, redirect, render_template, url_for
app = Flask(__name__)
app.secret_key = 'for tests'

@app.route('/')
def index():
    return render_template('flashed.html')

@app.route('/save')
def save():
    flash('Saved.')
    flash('The disk is <almost> full.', 'warning')
    return redirect(url_for('index'))
