"""A dashboard: a table of sales that callbacks filter, draw, count and refuse."""

from pathlib import Path

import plotly.graph_objects as go
from dash import (
    ALL,
    MATCH,
    Dash,
    Input,
    Output,
    Patch,
    State,
    callback_context,
    clientside_callback,
    dash_table,
    dcc,
    html,
    no_update,
    set_props,
)
from dash.exceptions import PreventUpdate
from flask import Flask, abort, request, session

SALES = [
    {"town": "Lund", "year": 2023, "sold": 3},
    {"town": "Lund", "year": 2024, "sold": 5},
    {"town": "Ulm", "year": 2024, "sold": 8},
]

app = Flask(__name__)
app.secret_key = "not for production"


@app.before_request
def members_only():
    if request.args.get("banned"):
        abort(403)


@app.get("/about")
def about():
    return "Sales of two towns"


board = Dash(
    __name__,
    server=app,
    url_base_pathname="/sales/",
    assets_folder=str(Path(__file__).parent / "assets" / "dashboard"),
    title="Sales",
    meta_tags=[{"name": "description", "content": "What was sold"}],
)


def layout():
    return html.Div(
        [
            html.H1("Sales"),
            dcc.Dropdown(["Lund", "Ulm"], "Lund", id="town"),
            dcc.Input(id="note", debounce=True),
            html.Button("Keep", id="keep", n_clicks=0),
            dcc.Graph(id="graph"),
            dash_table.DataTable(id="table", columns=[{"name": "year", "id": "year"}]),
            html.Ul(id="notes"),
            html.Div(id="upper"),
            html.Div([html.Button("+", id={"kind": "add", "index": i}) for i in range(2)]),
            html.Div(id="total"),
        ]
    )


board.layout = layout


@board.callback(
    Output("graph", "figure"),
    Output("table", "data"),
    Input("town", "value"),
    prevent_initial_call=True,
)
def draw(town):
    rows = [row for row in SALES if row["town"] == town]
    if not rows:
        raise PreventUpdate
    figure = go.Figure(go.Bar(x=[row["year"] for row in rows], y=[row["sold"] for row in rows]))
    return figure, rows if len(rows) > 1 else no_update


@board.callback(Output("notes", "children"), Input("keep", "n_clicks"), State("note", "value"))
def keep(clicks, note):
    session["kept"] = session.get("kept", 0) + 1
    set_props("note", {"value": ""})
    children = Patch()
    children.append(html.Li(f"{note} ({session['kept']} by {callback_context.triggered_id})"))
    callback_context.response.set_cookie("kept", str(session["kept"]))
    return children


@board.callback(Output("total", "children"), Input({"kind": "add", "index": ALL}, "n_clicks"))
def total(clicks):
    return f"{sum(click or 0 for click in clicks)} of {len(clicks)}"


@board.callback(
    Output({"kind": "add", "index": MATCH}, "title"),
    Input({"kind": "add", "index": MATCH}, "n_clicks"),
)
def title(clicks):
    return f"clicked {1 // clicks} times"


clientside_callback(
    "function(value) { return (value || '').toUpperCase(); }",
    Output("upper", "children"),
    Input("note", "value"),
)
