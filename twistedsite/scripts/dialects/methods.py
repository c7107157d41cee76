"""The dialect of functions that are named after methods: `def get(request): return "…"`.

The module is imported once, and again when it has changed. What the function returns is the answer; see `results`.
"""

from __future__ import annotations

import os
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
    """Call the function of the request's method; without one the answer is 405 (RFC 9110, 15.5.6)."""
    request = exchange.request
    interpreter = interpreters.get(request.filename.rpartition(os.sep)[0], request.imports)
    if request.autoreload:
        interpreter.refresh(request.filename, request.version)
    functions = _functions(interpreter.load(request.filename))
    function = functions.get(request.method.lower())
    if function is not None:
        answer(exchange, function(Request(exchange)))
        return
    allowed = sorted({*map(str.upper, functions), "OPTIONS"})
    if request.method != "OPTIONS":
        raise RefusedError(405, f"This page answers {', '.join(allowed)}, not {request.method}.", allowed)
    answer(exchange, Response(None, status=204, headers={"Allow": ", ".join(allowed)}))


def _functions(module: ModuleType) -> dict[str, Callable[[Request], Any]]:
    """By method in lower case; HEAD is answered as GET is, without the content (RFC 9110, 9.3.2)."""
    found = {name: getattr(module, name, None) for name in METHOD_FUNCTIONS}
    functions = {name: function for name, function in found.items() if callable(function)}
    if "get" in functions:
        functions.setdefault("head", functions["get"])
    return functions
