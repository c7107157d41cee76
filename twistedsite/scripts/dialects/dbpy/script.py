"""Runs a script of this dialect. What it prints is the body, HTML by default."""

from __future__ import annotations

from twistedsite.scripts.dialects.dbpy.current import answering
from twistedsite.scripts.dialects.dbpy.namespace import Dbpy
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.page import Page
from twistedsite.scripts.exchange.streams import printing_to
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.importing.program import as_program


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Run the script of `exchange` with the name `dbpy`."""
    request = exchange.request
    interpreter = interpreters.for_request(request)
    compiled = interpreters.code.get(request.filename, request.version)
    dbpy = Dbpy(exchange, interpreter)
    namespace = interpreter.main_namespace(compiled, {"dbpy": dbpy})
    well = False
    try:
        with printing_to(Page(exchange)), answering(dbpy), as_program(compiled, namespace, exchange.at_end):
            exec(compiled.code, namespace)  # noqa: S102  # to run the site's scripts is what this module is for
        well = True
    except SystemExit as error:
        well = True
        exchange.exited(error)
    finally:
        dbpy._end(well)
