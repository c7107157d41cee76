"""The pages as a Flask application, for gunicorn."""

# Flask lives in the rivals' environment, where mypy does not look.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from flask import Flask, render_template, request

from benchmarks.apps import pages

app = Flask(__name__, static_folder=pages.SITE, static_url_path="/static", template_folder=pages.SITE)
app.jinja_env.autoescape = True


def hello() -> str:
    return pages.hello(request.args["name"])


def page() -> str:
    return pages.page(request.args["name"])


def table() -> str:
    return str(render_template("table.jinja", form=request.args))


for view in (hello, page, table):
    app.add_url_rule(f"/{view.__name__}", view_func=view)
