"""The dialect of ScriptServer: what a `.py` file prints is the page; `request`, `Session` and others are there.

Only the names that a script mentions are made, so a form is parsed only when the script looks at it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import Any, Final

from twistedsite.scripts.exchange.background import Params, background_call
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.files import SiteFiles
from twistedsite.scripts.exchange.headers import RequestHeaders, location
from twistedsite.scripts.exchange.page import Page
from twistedsite.scripts.exchange.streams import printing_to
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.importing.main_module import be_main

_CGI_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_REFLECTION: Final = frozenset({"globals", "locals", "vars", "dir", "eval", "exec"})
"""A script that mentions one of these may look any name up without naming it."""


class HttpRedirection(Exception):  # noqa: N818  # scripts know it as HTTP_REDIRECTION, an ancestor's name
    """`raise HTTP_REDIRECTION("login.html")` answers 302; the URL may be relative."""


def _body(exchange: Exchange) -> bytes:
    exchange.body.seek(0)
    return exchange.body.read()


def _send_background(
    exchange: Exchange, url: str, method: str = "get", params: Params | None = None, local: bool = False
) -> bool:
    folder = exchange.request.script[:-1]
    return exchange.background.send(background_call(folder, url, method, params, local))


GIVEN: Final[dict[str, Callable[[Exchange], Any]]] = {
    "request": Exchange.lists,
    "form": lambda exchange: exchange.form,
    "files": lambda exchange: exchange.files,
    "headers": lambda exchange: RequestHeaders(exchange.request.headers),
    "resp_headers": lambda exchange: exchange.headers,
    "cookies": lambda exchange: exchange.cookies,
    "environ": lambda exchange: exchange.environ,
    "body": _body,
    "options": lambda exchange: exchange.request.options,
    "storage": lambda exchange: SiteFiles(exchange.storage, exchange.request.script[:-1]),
    "background_request": lambda exchange: functools.partial(_send_background, exchange),
    "Session": lambda exchange: exchange.session,
    "renew_session": lambda exchange: lambda: exchange.session_access().renew(),
    "HTTP_REDIRECTION": lambda exchange: HttpRedirection,
}
"""Every name that a script finds without importing it, but for the CGI variables."""


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Run the script of `exchange`; what it prints is the body."""
    request = exchange.request
    interpreter = interpreters.get(request.filename.rpartition(os.sep)[0], request.imports)
    if request.autoreload:
        interpreter.refresh()
    compiled = interpreters.code.get(request.filename, request.version)
    given = _given(exchange, compiled.names)
    namespace = {
        "__name__": "__main__",
        "__file__": request.filename,
        "__package__": interpreter.package,
        "__builtins__": interpreter.builtins,
        "__given__": frozenset(given),
        **given,
    }
    if compiled.outline.classes or compiled.outline.functions:
        be_main(namespace)
    try:
        with printing_to(Page(exchange)):
            exec(compiled.code, namespace)  # noqa: S102  # to run the site's scripts is what this module is for
    except SystemExit:
        return
    except HttpRedirection as redirection:
        _redirect(exchange, str(redirection))


def _given(exchange: Exchange, mentioned: frozenset[str]) -> dict[str, Any]:
    own, variables = _wanted(mentioned)
    given = {name: GIVEN[name](exchange) for name in own}
    if variables is None:
        return {**exchange.environ, **given}
    if variables:
        environ = exchange.environ
        given.update((name, environ[name]) for name in variables if name in environ)
    return given


@functools.lru_cache(2048)
def _wanted(mentioned: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Which names a script that mentions these is given: our own, and CGI variables, where None is all of them."""
    if not mentioned.isdisjoint(_REFLECTION):
        return tuple(GIVEN), None
    own = tuple(name for name in GIVEN if name in mentioned)
    return own, tuple(name for name in mentioned if name not in GIVEN and _CGI_NAME.fullmatch(name))


def _redirect(exchange: Exchange, url: str) -> None:
    if exchange.begun:
        raise RuntimeError("too late for HTTP_REDIRECTION: a part of the page has been sent already")
    exchange.discard()
    exchange.status = 302
    exchange.headers["location"] = location(url)
    exchange.headers["content-type"] = "text/plain; charset=utf-8"
    exchange.write(b"See the Location field.\n")
