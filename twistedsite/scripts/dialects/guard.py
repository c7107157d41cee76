"""The dialect of authentication modules, which decide whether a visitor may enter. The answer is a status, no body.

204: allowed. 401: not authenticated. 403: authenticated, and not allowed. Only `resources/kinds/guard` runs this
dialect; it takes any other status for a failure. The module is imported under its own name, and again when its file has
changed, so scripts beside it share it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Final

from twistedsite.http.message.basic import parse_basic
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.headers import RequestHeaders
from twistedsite.scripts.handlers.auth import AuthRequest
from twistedsite.scripts.importing.interpreters import Interpreters

ALLOWED: Final = 204
UNKNOWN: Final = 401
FORBIDDEN: Final = 403

NAMES: Final = ("authenticate", "AuthHandler")
"""A module defines one of these."""


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Put the module's decision into the status of `exchange`; any exception is the module's failure."""
    request = exchange.request
    outline = interpreters.code.get(request.filename, request.version).outline
    if not any(wanted in outline.names for wanted in NAMES):
        name = os.path.basename(request.filename)
        raise TypeError(f"{name} defines neither authenticate(user, password, request) nor AuthHandler")
    exchange.status = _decision(vars(interpreters.for_request(request).load(request.filename)), exchange)


def _decision(names: dict[str, object], exchange: Exchange) -> int:
    request = exchange.request
    credentials = parse_basic(request.header("authorization"))
    if credentials is None:
        return UNKNOWN
    auth_request = AuthRequest(
        method=request.method,
        path=request.target.partition("?")[0],
        query=request.query,
        scheme=request.scheme,
        host=request.host,
        client=request.client,
        headers=RequestHeaders([field for field in request.headers if field[0] != "authorization"]),
        options=request.options,
    )
    try:
        answer = _asked(names, credentials.user, credentials.password, auth_request)
    except PermissionError as error:
        if error.errno is not None:
            # Not raised by the module itself: it may not open some file.
            raise
        return FORBIDDEN
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer) or inspect.isawaitable(answer):
        raise TypeError("authenticate must be a function: what it returned is always true, and decides nothing")
    return ALLOWED if answer else UNKNOWN


def _asked(names: dict[str, object], user: str, password: str, auth_request: AuthRequest) -> object:
    function = names.get("authenticate")
    handler = names.get("AuthHandler")
    if callable(function):
        answer = function(user, password, auth_request)
    elif callable(handler):
        method: Callable[[str, str], object] = handler(auth_request).authenticate
        answer = method(user, password)
    else:
        raise TypeError("expected a function authenticate or a class AuthHandler")
    if inspect.iscoroutine(answer):
        # Not at the top: few modules need it, and it is large.
        import asyncio

        return asyncio.run(answer)
    return answer
