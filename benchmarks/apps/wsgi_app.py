"""The pages as a plain WSGI application, for mod_wsgi."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader

# mod_wsgi loads this file by its path and passes no environment.
HERE = Path(os.path.realpath(__file__)).parent
sys.path.insert(0, str(HERE.parent.parent))

from benchmarks.apps.pages import hello, page  # noqa: E402 - importable only after the line above

templates = Environment(loader=FileSystemLoader(HERE), autoescape=True)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """`/hello`, `/page` and `/table`, each with `?name=`."""
    name = parse_qs(environ["QUERY_STRING"])["name"][0]
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    if path == "/hello":
        text = hello(name)
    elif path == "/page":
        text = page(name)
    else:
        text = templates.get_template("table.jinja").render(form={"name": name})
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
