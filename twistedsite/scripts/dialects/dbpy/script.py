"""Runs a script of this dialect; what it prints is the body, and HTML unless it says otherwise."""

from __future__ import annotations

import contextlib
import os

from twistedsite.scripts.dialects.dbpy.current import answering
from twistedsite.scripts.dialects.dbpy.namespace import Dbpy
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.page import Page
from twistedsite.scripts.exchange.streams import printing_to
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.importing.main_module import be_main


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Run the script of `exchange`; the one name that it is given is `dbpy`."""
    request = exchange.request
    interpreter = interpreters.get(request.filename.rpartition(os.sep)[0], request.imports)
    if request.autoreload:
        interpreter.refresh()
    compiled = interpreters.code.get(request.filename, request.version)
    dbpy = Dbpy(exchange, interpreter)
    namespace = {
        "__name__": "__main__",
        "__file__": request.filename,
        "__package__": interpreter.package,
        "__builtins__": interpreter.builtins,
        "__given__": frozenset({"dbpy"}),
        "dbpy": dbpy,
    }
    if compiled.outline.classes or compiled.outline.functions:
        be_main(namespace)
    well = False
    try:
        with contextlib.suppress(SystemExit), printing_to(Page(exchange)), answering(dbpy):
            exec(compiled.code, namespace)  # noqa: S102  # to run the site's scripts is what this module is for
        well = True
    finally:
        dbpy._end(well)
