"""The dialect of ZPublisher and Bobo: the URL's segments after a module name one of its objects, which is called.

The module is imported once, and again when it has changed, but only where its syntax tree has the first of the names.
"""

from __future__ import annotations

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.handlers.request import HandlerRequest
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import RefusedError
from twistedsite.scripts.publishing.parameters import arguments
from twistedsite.scripts.publishing.results import answer
from twistedsite.scripts.publishing.traversal import NotPublishedError, checked_names, published


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Call what is published at the request's path. Raises RefusedError: 404 for nothing, 400 for wrong parameters."""
    request = exchange.request
    try:
        names = checked_names(request.path_info, interpreters.code.get(request.filename, request.version).outline)
        found = published(interpreters.for_request(request).load(request.filename), names)
    except NotPublishedError as error:
        # Strangers need not learn what names there are.
        raise RefusedError(404, f"No page here: {error}." if request.debug else "") from None
    by_position, by_name = arguments(found, HandlerRequest(exchange))
    try:
        answer(exchange, found(*by_position, **by_name))
    except SystemExit as error:
        exchange.exited(error)
