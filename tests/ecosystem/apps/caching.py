"""Slow answers kept: whole pages, functions, parts of a template, values."""

import os

from flask import Flask, request
from flask import render_template_string as render
from flask_caching import Cache, make_template_fragment_key

app = Flask(__name__)
app.config.update(CACHE_TYPE="FileSystemCache", CACHE_DIR=f"{os.environ['DATA']}/cache")
cache = Cache(app)
runs = {}


def run(what):
    """Count how often *what* was worked out."""
    runs[what] = runs.get(what, 0) + 1
    return runs[what]


@app.get("/page")
@cache.cached(timeout=0)
def page():
    return {"page": run("page")}, 200, {"X-Worked": "yes"}


@app.get("/search")
@cache.cached(timeout=0, query_string=True)
def search():
    return f"{request.args['q']}: {run('search ' + request.args['q'])}"


@app.get("/news")
@cache.cached(timeout=0, unless=lambda: "fresh" in request.args)
def news():
    return f"edition {run('news')}"


@app.get("/coin")
@cache.cached(timeout=0, response_filter=lambda response: response[1] == 200)
def coin():
    """Fails the first time; only what went well is kept."""
    times = run("coin")
    return f"toss {times}", 503 if times == 1 else 200


@app.post("/mine")
@cache.cached(timeout=0, make_cache_key=lambda: f"mine {request.headers['X-User']}")
def mine():
    return f"{request.headers['X-User']}: {run('mine ' + request.headers['X-User'])}"


@cache.memoize(timeout=0)
def square(number, unit="m"):
    run(f"square {number} {unit}")
    return f"{number * number} {unit}²"


@app.get("/square/<int:number>")
def get_square(number):
    return {
        "is": square(number, unit=request.args.get("unit", "m")),
        "runs": runs[f"square {number} {request.args.get('unit', 'm')}"],
    }


@app.delete("/square/<int:number>")
def forget_square(number):
    cache.delete_memoized(square, number)
    return "", 204


@app.get("/part")
def part():
    return render(
        "{% cache 60, 'menu', user %}{{ run('menu ' + user) }}{% endcache %} {{ run('part') }}",
        user=request.args["user"],
        run=run,
    )


@app.delete("/part")
def forget_part():
    cache.delete(make_template_fragment_key("menu", vary_on=[request.args["user"]]))
    return "", 204


@app.route("/values/<name>", methods=["GET", "PUT", "DELETE"])
def value(name):
    if request.method == "PUT":
        return {"added": cache.add(name, request.get_json())}
    if request.method == "DELETE":
        return {"deleted": cache.delete(name)}
    return {"value": cache.get(name), "here": cache.has(name)}


@app.delete("/everything")
def clear():
    return {"cleared": cache.clear()}
