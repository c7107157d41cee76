"""The listing of a folder by the site's own template `/_templates/index.html`, as in Drapache.

The request's script is that template, and its PATH_INFO is the folder. It runs where scripts run, and is trusted no
more than they are.
"""

from __future__ import annotations

import os
from typing import Final

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.templates.jinja import render

TEMPLATE: Final = ("_templates", "index.html")
"""The path of a site's own listing."""


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Render the template with `files`, the names in the folder (of folders with a slash), and `path`, its path."""
    request = exchange.request
    try:
        children = exchange.storage.children(tuple(segment for segment in request.path_info.split("/") if segment))
    except FileNotFoundError as error:
        # With the name of the script, so that the answer is 404.
        raise FileNotFoundError(error.errno, error.strerror, request.filename) from None
    shown = [child for child in children or () if not child.name.startswith(("_", "."))]
    files = [child.name + "/" * child.is_folder for child in shown]
    page = render(exchange, [os.path.basename(request.filename)], {"files": files, "path": request.path_info})
    exchange.write(page.encode("utf-8", "replace"))
