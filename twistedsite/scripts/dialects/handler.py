"""The dialect of Httpdapy: a module with a class `RequestHandler`, of which one instance answers one request.

The module is imported once, and again when it has changed. One without such a class is never executed: the syntax tree
tells.
"""

from __future__ import annotations

import os

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.handlers.handler import handler_class, made_for
from twistedsite.scripts.handlers.request import HandlerRequest
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import RefusedError


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Have the handler of the module answer. Raises RefusedError (404) where the module is none of handlers."""
    request = exchange.request
    outline = interpreters.code.get(request.filename, request.version).outline
    if "RequestHandler" not in outline.names:
        raise RefusedError(404, "This module is no page: it defines no RequestHandler.")
    interpreter = interpreters.get(request.filename.rpartition(os.sep)[0], request.imports)
    if request.autoreload:
        interpreter.refresh(request.filename, request.version)
    handler = made_for(HandlerRequest(exchange), handler_class(interpreter.load(request.filename)))
    try:
        handler.Handle(request.debug)
    except SystemExit:
        return
    finally:
        handler.unhook_stdout()
