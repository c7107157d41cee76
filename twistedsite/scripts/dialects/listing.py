"""A folder without an index as the site's own template `/_templates/index.html` shows it, as in Drapache.

The request's script is that template, its PATH_INFO the folder. It runs where scripts run: it is a stranger's.
"""

from __future__ import annotations

import os
from typing import Final

from twistedsite.scripts.dialects.jinja import render
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters

TEMPLATE: Final = ("_templates", "index.html")
"""Where a site has its own listing."""


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Fill in the template with `files`, the names in the folder, folders with a slash, and `path`, its own."""
    request = exchange.request
    try:
        children = exchange.storage.children(tuple(segment for segment in request.path_info.split("/") if segment))
    except FileNotFoundError as error:
        # Said of the script, so that the answer is 404.
        raise FileNotFoundError(error.errno, error.strerror, request.filename) from None
    shown = [child for child in children or () if not child.name.startswith(("_", "."))]
    files = [child.name + "/" * child.is_folder for child in shown]
    page = render(exchange, [os.path.basename(request.filename)], {"files": files, "path": request.path_info})
    exchange.write(page.encode("utf-8", "replace"))
