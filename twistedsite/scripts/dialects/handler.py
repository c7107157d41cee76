"""The dialect of Httpdapy: a module with a class `RequestHandler`, one instance of which answers one request.

The module is imported once, and again when it has changed. By its syntax tree a module without such a class is refused,
and never executed.
"""

from __future__ import annotations

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.handlers.handler import handler_class, made_for
from twistedsite.scripts.handlers.request import HandlerRequest
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import RefusedError


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Let the handler of the module answer. Raises RefusedError (404) where the module defines none."""
    request = exchange.request
    outline = interpreters.code.get(request.filename, request.version).outline
    if "RequestHandler" not in outline.names:
        raise RefusedError(404, "This module is no page: it defines no RequestHandler.")
    handler = made_for(
        HandlerRequest(exchange), handler_class(interpreters.for_request(request).load(request.filename))
    )
    try:
        handler.Handle(request.debug)
    except SystemExit as error:
        exchange.exited(error)
    finally:
        handler.unhook_stdout()
