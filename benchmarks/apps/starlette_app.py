"""The pages as a Starlette application, for uvicorn and granian: routes that are plain functions run in its threads."""

# Starlette lives in the rivals' environment, where mypy does not look.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from benchmarks.apps import pages

templates = Jinja2Templates(directory=pages.SITE)
templates.env.autoescape = True


def hello(request: Request) -> HTMLResponse:
    return HTMLResponse(pages.hello(request.query_params["name"]))


def page(request: Request) -> HTMLResponse:
    return HTMLResponse(pages.page(request.query_params["name"]))


def table(request: Request) -> HTMLResponse:
    return templates.TemplateResponse(request, "table.jinja", {"form": request.query_params})


app = Starlette(
    routes=[
        Route("/hello", hello),
        Route("/page", page),
        Route("/table", table),
        Mount("/", StaticFiles(directory=pages.SITE)),
    ]
)
