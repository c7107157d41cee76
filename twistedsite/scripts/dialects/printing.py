"""The dialect of ScriptServer: what a `.py` file prints is the page. It is given `request`, `Session` and other names.

Only the names that a script mentions are made, so a form is parsed only for a script that uses it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Final

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.files import SiteFiles
from twistedsite.scripts.exchange.headers import RequestHeaders, location
from twistedsite.scripts.exchange.page import Page
from twistedsite.scripts.exchange.streams import printing_to
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.importing.program import as_program

_CGI_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_REFLECTION: Final = frozenset({"globals", "locals", "vars", "dir", "eval", "exec"})
"""A script that mentions one of these may look up any name."""


class HttpRedirection(Exception):  # noqa: N818  # scripts know it as HTTP_REDIRECTION, an ancestor's name
    """`raise HTTP_REDIRECTION("login.html")` answers 302; the URL may be relative."""


def _body(exchange: Exchange) -> bytes:
    exchange.body.seek(0)
    return exchange.body.read()


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
    "background_request": lambda exchange: exchange.send_background,
    "Session": lambda exchange: exchange.session,
    "renew_session": lambda exchange: lambda: exchange.session_access().renew(),
    "HTTP_REDIRECTION": lambda exchange: HttpRedirection,
}
"""The names that a script is given, except for the CGI variables."""


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Run the script of `exchange`. What it prints is the body."""
    request = exchange.request
    compiled = interpreters.code.get(request.filename, request.version)
    namespace = interpreters.for_request(request).main_namespace(compiled, _given(exchange, compiled.names))
    try:
        with printing_to(Page(exchange)), as_program(compiled, namespace, exchange.at_end):
            exec(compiled.code, namespace)  # noqa: S102  # to run the site's scripts is what this module is for
    except SystemExit as error:
        exchange.exited(error)
    except HttpRedirection as redirection:
        exchange.check_not_begun("HTTP_REDIRECTION")
        exchange.redirect(location(str(redirection)), 302)


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
    """The names of GIVEN and the CGI variables for a script that mentions these names; None: all CGI variables."""
    if not mentioned.isdisjoint(_REFLECTION):
        return tuple(GIVEN), None
    own = tuple(name for name in GIVEN if name in mentioned)
    return own, tuple(name for name in mentioned if name not in GIVEN and _CGI_NAME.fullmatch(name))
