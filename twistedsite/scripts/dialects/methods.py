"""The dialect of functions with the names of request methods: `def get(request): return "…"`.

The module is imported once, and again when it has changed. What the function returns is the answer: see
`publishing.results`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from twistedsite.scripts.dialects import METHOD_FUNCTIONS
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.request import Request
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import RefusedError
from twistedsite.scripts.publishing.results import Response, answer


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Call the function for the request's method. Without one the answer is 405 (RFC 9110, 15.5.6)."""
    request = exchange.request
    functions = _functions(interpreters.for_request(request).load(request.filename))
    function = functions.get(request.method.lower())
    if function is not None:
        answer(exchange, function(Request(exchange)))
        return
    allowed = sorted({*map(str.upper, functions), "OPTIONS"})
    if request.method != "OPTIONS":
        raise RefusedError(405, f"This page answers {', '.join(allowed)}, not {request.method}.", allowed)
    answer(exchange, Response(None, status=204, headers={"Allow": ", ".join(allowed)}))


def _functions(module: ModuleType) -> dict[str, Callable[[Request], Any]]:
    """The functions by method in lower case. HEAD is answered like GET, without content (RFC 9110, 9.3.2)."""
    found = {name: getattr(module, name, None) for name in METHOD_FUNCTIONS}
    functions = {name: function for name, function in found.items() if callable(function)}
    if "get" in functions:
        functions.setdefault("head", functions["get"])
    return functions
