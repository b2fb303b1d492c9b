"""A page behind a proxy that speaks HTTPS, with the headers that keep browsers careful."""

from flask import Flask, render_template_string, session
from flask_talisman import ALLOW_FROM, Talisman

app = Flask(__name__)
app.secret_key = "not for production"

talisman = Talisman(
    app,
    content_security_policy={"default-src": "'self'", "script-src": ["'self'", "cdn.example"]},
    content_security_policy_nonce_in=["script-src"],
    content_security_policy_report_uri="/report",
    permissions_policy={"geolocation": "()", "camera": "(self)"},
    strict_transport_security_max_age=3600,
    strict_transport_security_preload=True,
    force_https_permanent=True,
)


@app.get("/")
def home():
    session["seen"] = True
    return render_template_string("<script nonce={{ csp_nonce() }}></script>")


@app.get("/widget")
@talisman(frame_options=ALLOW_FROM, frame_options_allow_from="https://partner.example")
def widget():
    return "embed me"


@app.get("/health")
@talisman(force_https=False, content_security_policy=None)
def health():
    return "well"


@app.get("/broken")
def broken():
    raise RuntimeError("broken on purpose")
