"""A dashboard: page, layout, assets, callbacks with state, patterns, patches and sessions."""

from __future__ import annotations

import re

import pytest

DISTRIBUTIONS = ["dash"]
APP = "dashboard.py"

OUTPUT = re.compile(r"(\w+)\.(\w+)")


def prop(name, property, value):
    """A property of a component, as the page sends it."""
    return {"id": name, "property": property, "value": value}


def call(visitor, output, inputs, state=(), changed=None, outputs=None):
    """What a callback answers when one of its inputs has changed."""
    named = [{"id": name, "property": property} for name, property in OUTPUT.findall(output)]
    return visitor.post(
        "/sales/_dash-update-component",
        json={
            "output": output,
            "outputs": outputs or (named if output.startswith("..") else named[0]),
            "inputs": list(inputs),
            "state": list(state),
            "changedPropIds": [changed or f"{inputs[0]['id']}.{inputs[0]['property']}"],
        },
    )


def click(visitor, clicks):
    """What the callback of one button among several answers."""
    button = {"index": 1, "kind": "add"}
    return call(
        visitor,
        '{"index":["MATCH"],"kind":"add"}.title',
        [prop(button, "n_clicks", clicks)],
        changed='{"index":1,"kind":"add"}.n_clicks',
        outputs={"id": button, "property": "title"},
    )


def draw(visitor, town):
    return call(visitor, "..graph.figure...table.data..", [prop("town", "value", town)])


def keep(visitor, note):
    return call(
        visitor, "notes.children", [prop("keep", "n_clicks", 1)], [prop("note", "value", note)]
    )


def test_the_page_names_its_parts_and_they_are_served(visitor):
    page = visitor.get("/sales/")
    assert "<title>Sales</title>" in page.text
    assert '<meta name="description" content="What was sold">' in page.text
    scripts = re.findall(r'<script src="([^"]+)"', page.text)
    assert len(scripts) >= 8
    for path in scripts:
        script = visitor.get(path)
        assert script.status_code == 200, path
        assert script.headers["Content-Type"].startswith(("text/javascript", "application/javascr"))
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    assert visitor.get(style).text == "h1 { color: teal; }\n"
    assert visitor.get("/sales/_favicon.ico").headers["Content-Type"].startswith("image/")


def test_parts_with_a_fingerprint_are_kept_and_others_asked_again(visitor):
    (path,) = re.findall(r'src="([^"]+dash_renderer[^"]+)"', visitor.get("/sales/").text)
    assert visitor.get(path).headers["Cache-Control"] == "max-age=31536000"
    plain = re.sub(r"\.v\w+(?=\.)", "", path)
    tag = visitor.get(plain).headers["ETag"]
    assert visitor.get(plain, headers={"If-None-Match": tag}).status_code == 304
    # Dash raises an error of its own for a file that it does not offer.
    assert visitor.get("/sales/_dash-component-suites/dash/secrets.js").status_code == 500
    assert visitor.get("/sales/assets/..%2f..%2fchat.py").status_code == 404


def test_the_layout_and_the_callbacks_are_told(visitor):
    layout = visitor.get("/sales/_dash-layout").json()
    assert layout["props"]["children"][1] == {
        "type": "Dropdown",
        "namespace": "dash_core_components",
        "props": {"id": "town", "options": ["Lund", "Ulm"], "value": "Lund"},
    }
    callbacks = {each["output"]: each for each in visitor.get("/sales/_dash-dependencies").json()}
    assert callbacks["notes.children"]["state"] == [{"id": "note", "property": "value"}]
    assert callbacks["..graph.figure...table.data.."]["prevent_initial_call"] is True
    function = callbacks["upper.children"]["clientside_function"]["function_name"]
    assert f'ns["{function}"] = function(value)' in visitor.get("/sales/").text


def test_a_callback_draws(visitor):
    drawn = draw(visitor, "Lund").json()["response"]
    assert drawn["graph"]["figure"]["data"][0]["type"] == "bar"
    assert drawn["graph"]["figure"]["data"][0]["x"] == [2023, 2024]
    assert [row["sold"] for row in drawn["table"]["data"]] == [3, 5]
    assert draw(visitor, "Ulm").json()["response"].keys() == {"graph"}
    nothing = draw(visitor, "Atlantis")
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_a_callback_patches_and_keeps_a_session(visitor):
    for kept in (1, 2):
        answer = keep(visitor, "buy tea")
        patch = answer.json()["response"]["notes"]["children"]["operations"]
        assert [step["operation"] for step in patch] == ["Append"]
        item = patch[0]["params"]["value"]
        assert item["props"]["children"] == f"buy tea ({kept} by keep)"
        assert answer.json()["sideUpdate"] == {"note": {"value": ""}}
        assert answer.cookies["kept"] == str(kept)
    assert "(1 by keep)" in keep(visitor.another(), "buy tea").text


def test_patterns_gather_and_match(visitor):
    buttons = [{"index": index, "kind": "add"} for index in range(2)]
    clicked = [prop(button, "n_clicks", 2 + button["index"]) for button in buttons]
    changed = '{"index":1,"kind":"add"}.n_clicks'
    gathered = call(visitor, "total.children", [clicked], changed=changed)
    assert gathered.json()["response"] == {"total": {"children": "5 of 2"}}
    assert click(visitor, 1).json()["response"] == {
        '{"index":1,"kind":"add"}': {"title": "clicked 1 times"}
    }


@pytest.mark.parametrize("output", ["missing.children", "graph.figure"])
def test_a_callback_that_is_not_there_fails(visitor, output):
    assert call(visitor, output, [prop("town", "value", "Lund")]).status_code == 500


def test_a_failing_callback_and_a_broken_body_fail(visitor):
    assert click(visitor, 0).status_code == 500
    path = "/sales/_dash-update-component"
    json_type = {"Content-Type": "application/json"}
    assert visitor.post(path, "{", headers=json_type).status_code == 400
    assert visitor.post(path, "x").status_code == 415
    assert visitor.put(path, json={}).status_code == 405


def test_the_application_around_it_goes_on(visitor):
    assert visitor.get("/about").text == "Sales of two towns"
    assert visitor.get("/sales/_dash-layout?banned=1").status_code == 403
    assert visitor.get("/sales/any/page/of/it").text.startswith("<!DOCTYPE html>")
    assert visitor.get("/elsewhere").status_code == 404
