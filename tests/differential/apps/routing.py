"""Rules of every form, and paths of every form against them."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..asking import delete, get, head, options, patch, post, put

STATELESS = True


def create(flask: ModuleType) -> Any:
    routing = importlib.import_module("werkzeug.routing")
    app = flask.Flask(__name__)
    request = flask.request

    class Listed(routing.BaseConverter):
        part_isolating = False
        regex = r"[^/]+(?:,[^/]+)+"

        def to_python(self, value: str) -> list[str]:
            return value.split(",")

        def to_url(self, value: list[str]) -> str:
            return ",".join(value)

    class Even(routing.BaseConverter):
        regex = r"\d+"
        weight = 40

        def __init__(self, url_map: Any, modulo: int = 2) -> None:
            super().__init__(url_map)
            self.modulo = modulo

        def to_python(self, value: str) -> int:
            if int(value) % self.modulo:
                raise routing.ValidationError
            return int(value)

    app.url_map.converters.update(listed=Listed, even=Even)

    def show(**values: Any) -> dict[str, Any]:
        return {
            "endpoint": request.endpoint,
            "values": {name: repr(value) for name, value in values.items()},
            "rule": str(request.url_rule),
            "path": request.path,
            "url": request.url,
            "full_path": request.full_path,
        }

    def rule(rule: str, endpoint: str, **rule_options: Any) -> None:
        app.add_url_rule(rule, endpoint, show, **rule_options)

    rule("/", "root")
    rule("/static-like", "exact")
    rule("/dir/", "branch")
    rule("/dir/sub", "leaf")
    rule("/both", "both leaf")
    rule("/both/", "both branch")
    rule("/loose", "loose leaf", strict_slashes=False)
    rule("/loose-dir/", "loose branch", strict_slashes=False)
    rule("/string/<name>", "string")
    rule("/exactly/<string(length=2):code>", "length")
    rule("/between/<string(minlength=2, maxlength=3):code>", "between")
    rule("/int/<int:number>", "int")
    rule("/signed/<int(signed=True):number>", "signed")
    rule("/fixed/<int(fixed_digits=4):number>", "fixed")
    rule("/limits/<int(min=3, max=5):number>", "limits")
    rule("/float/<float:number>", "float")
    rule("/float-signed/<float(signed=True, max=2.5):number>", "float signed")
    rule("/path/<path:rest>", "path")
    rule("/path/<path:rest>/edit", "path edit")
    rule("/path-dir/<path:rest>/", "path branch")
    rule("/any/<any(red, green, 'blue sky'):colour>", "any")
    rule("/uuid/<uuid:key>", "uuid")
    rule("/listed/<listed:names>", "listed")
    rule("/even/<even:number>", "even")
    rule("/third/<even(3):number>", "third")
    rule("/pair/<first>/<second>", "pair")
    rule("/pair/<first>-<second>", "dashed")
    rule("/pair/fixed/<second>", "half fixed")
    rule("/mixed/v<int:major>.<int:minor>", "mixed")
    rule("/mixed/<name>.<any(json, xml):suffix>", "suffix")
    rule("/mixed/<name>", "no suffix")
    rule("/priority/<int:x>", "priority int")
    rule("/priority/<float:x>", "priority float")
    rule("/priority/<x>", "priority string")
    rule("/priority/<path:x>", "priority path")
    rule("/page", "pages", defaults={"number": 1})
    rule("/page/<int:number>", "pages")
    rule("/kind/<kind>", "kinds", defaults={"extra": "given"})
    rule("/old/<name>", "old", redirect_to="/string/<name>")
    rule("/older", "older", redirect_to=lambda adapter: "string/called")
    rule("/alias", "aliased", alias=True)
    rule("/canonical", "aliased")
    rule("/hidden", "hidden", build_only=True)
    rule("/merge//twice", "merge off", merge_slashes=False)
    rule("/unmerged/<path:rest>", "unmerged", merge_slashes=False)
    rule("/straße/<name>", "unicode")
    rule("/spa ce/<x>", "space")
    rule("/reg.ex+(x)/<x>", "regex characters")
    rule("/percent/%25", "percent")
    rule("/only-post", "only post", methods=["POST"])
    rule("/many", "many get", methods=["GET"])
    rule("/many", "many put", methods=["PUT", "delete"])
    rule("/many/", "many branch", methods=["POST"])
    rule("/no-options", "no options", provide_automatic_options=False)
    rule("/own-options", "own options", methods=["OPTIONS", "GET"])
    rule("/own-head", "own head", methods=["HEAD"])
    rule("/trace", "trace", methods=["TRACE", "PROPFIND"])

    def set_methods() -> str:
        return request.method

    set_methods.methods = ["PATCH"]
    set_methods.required_methods = {"LINK"}
    set_methods.provide_automatic_options = False
    app.add_url_rule("/set-methods", view_func=set_methods)

    for verb in ("get", "post", "put", "patch", "delete"):
        getattr(app, verb)("/verb", endpoint=f"verb {verb}")(show)

    app.add_url_rule("/later", "later")

    @app.endpoint("later")
    def later() -> str:
        return "defined later"

    app.add_url_rule("/never", "never")

    @app.get("/map")
    def the_map() -> dict[str, Any]:
        return {
            str(rule): [
                rule.endpoint,
                sorted(rule.methods or ()),
                sorted(rule.arguments),
                rule.strict_slashes,
                rule.merge_slashes,
                rule.build_only,
                rule.alias,
                repr(rule.defaults),
                getattr(rule, "provide_automatic_options", "absent"),
                rule.is_leaf,
                repr(rule),
            ]
            for rule in app.url_map.iter_rules()
        }

    return app


def _hex(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


REQUESTS = [
    get("/"),
    get("", name="an empty path"),
    get("/map"),
    get("/static-like"),
    get("/static-like/"),
    get("/static-like", query="a=1&b=%C3%A9"),
    get("/dir"),
    get("/dir", query="a=1&b=%C3%A9&c=+%20"),
    get("/dir/"),
    post("/dir", body=b"a=1", content_type="text/plain"),
    head("/dir"),
    options("/dir"),
    delete("/dir"),
    get("/dir/sub"),
    get("/dir/sub/"),
    get("/both"),
    get("/both/"),
    get("/loose"),
    get("/loose/"),
    get("/loose-dir"),
    get("/loose-dir/"),
    get("/string/plain"),
    get("/string/" + _hex("größe ☃")),
    get("/string/a%2Fb", name="an encoded slash"),
    get("/string/a%252Fb", name="encoded twice"),
    get("/string/"),
    get("/string//"),
    get("/string/a;b=c,d"),
    get("/string/a+b"),
    get("/string/a%20b"),
    get("/string/%00"),
    get("/string/a%0Ab"),
    get("/string/%3Cscript%3E"),
    get("/string/%3F%23"),
    get("/string/.."),
    get("/string/."),
    get("/string/" + "x" * 3000, name="a long segment"),
    get("/" + "a/" * 1000, name="many segments"),
    get("/exactly/de"),
    get("/exactly/deu"),
    get("/exactly/" + _hex("éé"), name="two letters beyond ASCII"),
    get("/between/a"),
    get("/between/abc"),
    get("/between/abcd"),
    get("/int/7"),
    get("/int/007"),
    get("/int/-7"),
    get("/int/+7"),
    get("/int/7.0"),
    get("/int/" + "9" * 60, name="sixty digits"),
    get("/int/" + "9" * 5000, name="five thousand digits"),
    get("/int/" + _hex("٣"), name="an Arabic digit"),
    get("/int/7%0A", name="a newline after it"),
    get("/signed/-7"),
    get("/signed/7"),
    get("/fixed/0012"),
    get("/fixed/12"),
    get("/limits/2"),
    get("/limits/3"),
    get("/limits/6"),
    get("/float/1.5"),
    get("/float/1"),
    get("/float/1."),
    get("/float/1e5"),
    get("/float-signed/-1.5"),
    get("/float-signed/2.6"),
    get("/path/a"),
    get("/path/a/b/c"),
    get("/path/a/edit"),
    get("/path/a/b/edit"),
    get("/path/edit"),
    get("/path/"),
    get("/path//a"),
    get("/path/a//b"),
    get("/path/a/"),
    get("/path/a%0Ab/c"),
    get("/path-dir/a/b"),
    get("/path-dir/a/b/"),
    get("/any/red"),
    get("/any/blue%20sky"),
    get("/any/black"),
    get("/uuid/6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    get("/uuid/6BA7B810-9DAD-11D1-80B4-00C04FD430C8"),
    get("/uuid/6ba7b810"),
    get("/listed/a,b,c"),
    get("/listed/a"),
    get("/even/4"),
    get("/even/5"),
    get("/third/9"),
    get("/third/8"),
    get("/pair/a/b"),
    get("/pair/a-b"),
    get("/pair/a-b-c"),
    get("/pair/fixed/b"),
    get("/pair/a/b/"),
    get("/mixed/v1.2"),
    get("/mixed/v1.x"),
    get("/mixed/data.json"),
    get("/mixed/data.txt"),
    get("/mixed/a.b.xml"),
    get("/priority/1"),
    get("/priority/1.5"),
    get("/priority/x"),
    get("/priority/x/y"),
    get("/page"),
    get("/page/1"),
    get("/page/1", query="q=1"),
    get("/page/2"),
    get("/kind/a"),
    get("/old/x"),
    get("/old/x", query="q=1"),
    get("/older"),
    get("/alias"),
    get("/alias", query="q=1"),
    get("/canonical"),
    get("/hidden"),
    get("/", name="two slashes", environ={"PATH_INFO": "//"}),
    get("/", name="//dir//sub", environ={"PATH_INFO": "//dir//sub"}),
    get("/", name="//other.net/dir", environ={"PATH_INFO": "//other.net/dir/"}),
    get("/", name="//dir", environ={"PATH_INFO": "//dir"}),
    get("/dir//sub"),
    get("/dir//sub", query="q=1"),
    post("/dir//sub", name="merged for another method"),
    get("/dir//"),
    get("/merge//twice"),
    get("/merge/twice"),
    get("/unmerged/a//b"),
    get("/" + _hex("straße") + "/" + _hex("größe")),
    get("/spa%20ce/x"),
    get("/reg.ex+(x)/y"),
    get("/regxex+(x)/y"),
    get("/percent/%2525"),
    get("/percent/%25"),
    get("/only-post"),
    head("/only-post"),
    options("/only-post"),
    post("/only-post"),
    get("/many"),
    put("/many"),
    delete("/many"),
    post("/many"),
    post("/many/"),
    patch("/many"),
    options("/many"),
    options("/many/"),
    options("/no-options"),
    options("/own-options"),
    options("/missing"),
    options("*", name="the server as a whole"),
    get("/own-head"),
    head("/own-head"),
    head("/"),
    head("/string/x"),
    head("/missing"),
    head("/int/x"),
    get("/trace"),
    get("/", name="lower case method", environ={"REQUEST_METHOD": "get"}),
    get("/", name="unknown method", environ={"REQUEST_METHOD": "BREW"}),
    get("/", name="empty method", environ={"REQUEST_METHOD": ""}),
    get("/trace", name="PROPFIND", environ={"REQUEST_METHOD": "PROPFIND"}),
    get("/trace", name="TRACE", environ={"REQUEST_METHOD": "TRACE"}),
    get("/set-methods"),
    patch("/set-methods"),
    options("/set-methods"),
    get("/set-methods", name="LINK", environ={"REQUEST_METHOD": "LINK"}),
    *(get("/verb", name=m, environ={"REQUEST_METHOD": m}) for m in ("PUT", "OPTIONS")),
    post("/verb"),
    patch("/verb"),
    delete("/verb"),
    get("/later"),
    get("/never"),
    get("/string/x", name="not UTF-8", environ={"PATH_INFO": "/string/\xff\xfe"}),
    get("/string/x", name="half of UTF-8", environ={"PATH_INFO": "/string/\xc3"}),
    get("/string/x", name="a surrogate", environ={"PATH_INFO": "/string/\xed\xa0\x80"}),
    get("/\xff", name="not UTF-8 and missing", environ={"PATH_INFO": "/\xff"}),
    get("/dir", name="not UTF-8 and redirected", environ={"PATH_INFO": "//\xff"}),
    get("/x", name="a path without slash", environ={"PATH_INFO": "string/x"}),
    get("/x", name="a path of one word", environ={"PATH_INFO": "dir"}),
    get("/", name="an absolute URI", environ={"PATH_INFO": "http://localhost/dir/"}),
    get("/string/a|b"),
    get("/DIR/"),
    get("/Static-Like"),
    get("/dir", name="a mounted application", base_url="http://localhost/mount"),
    get("/dir/", name="a mounted application", base_url="http://localhost/mount"),
    get("/dir", name="another port", base_url="http://localhost:8080/"),
    get("/dir", name="HTTPS", base_url="https://localhost:443/"),
    get("/dir", name="a bad query", environ={"QUERY_STRING": "a=\xff&b=%zz&%C3"}),
    get("/page/1", name="a bad query", environ={"QUERY_STRING": "a=\xff&b=%zz&%C3"}),
    get("/", name="a bad query", environ={"QUERY_STRING": "a=\xff&b=%zz&%C3"}),
]


def probe_a_rule_without_slash(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("x", "x", lambda: "x")
    return "accepted"


def probe_an_empty_rule(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("", "x", lambda: "x")
    return "accepted"


def probe_an_unknown_converter(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/<nothing:x>", "x", lambda x: x)
    return "accepted"


def probe_a_malformed_rule(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/<x", "x", lambda x: x)
    return "accepted"


def probe_a_variable_twice(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/<x>/<x>", "x", lambda x: x)
    return "accepted"


def probe_bad_converter_arguments(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/<int(nothing=1):x>", "x", lambda x: x)
    return "accepted"


def probe_methods_as_a_string(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/", "x", lambda: "x", methods="POST")
    return "accepted"


def probe_methods_given_to_a_verb(flask: ModuleType) -> object:
    flask.Flask(__name__).get("/", methods=["POST"])(lambda: "x")
    return "accepted"


def probe_an_unknown_rule_option(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/", "x", lambda: "x", nothing=True)
    return "accepted"


def probe_no_endpoint_and_no_view(flask: ModuleType) -> object:
    flask.Flask(__name__).add_url_rule("/")
    return "accepted"


def probe_two_views_with_one_endpoint(flask: ModuleType) -> object:
    app = flask.Flask(__name__)
    app.add_url_rule("/a", "same", lambda: "a")
    app.add_url_rule("/b", "same", lambda: "b")
    return "accepted"


def probe_one_view_with_two_rules(flask: ModuleType) -> object:
    app = flask.Flask(__name__)

    @app.route("/b/")
    @app.route("/a")
    def view() -> str:
        return "seen"

    client = app.test_client()
    return [repr(app.url_map), client.get("/a").text, client.get("/b/").text]


def probe_matching_by_hand(flask: ModuleType) -> object:
    app = create(flask)
    adapter = app.url_map.bind("example.org")
    return [
        adapter.match("/int/3"),
        adapter.test("/int/x"),
        adapter.allowed_methods("/many"),
        adapter.build("int", {"number": 3}),
        adapter.match("/dir/", return_rule=True)[0].endpoint,
        app.url_map.is_endpoint_expecting("int", "number"),
    ]
