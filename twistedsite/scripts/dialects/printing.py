"""The dialect of ScriptServer: what a `.py` file prints is the page; `request`, `Session` and others are there.

Only the names that a script mentions are made, so a form is parsed only when the script looks at it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from twistedsite.scripts.exchange import Exchange
from twistedsite.scripts.interpreters import Interpreters
from twistedsite.scripts.page import Page
from twistedsite.scripts.stdout import printing_to

_CGI_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_REFLECTION: Final = frozenset({"globals", "locals", "vars", "dir", "eval", "exec"})
"""A script that mentions one of these may look any name up without naming it."""


class HttpRedirection(Exception):  # noqa: N818  # scripts know it as HTTP_REDIRECTION, an ancestor's name
    """`raise HTTP_REDIRECTION("login.html")` answers 302; the URL may be relative."""


class RequestHeaders(Mapping[str, str]):
    """The request's header fields; names in any letter case; several fields of one name are joined by a comma."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields: dict[str, str] = {}
        for name, value in fields:
            joint = "; " if name == "cookie" else ", "
            self._fields[name] = f"{self._fields[name]}{joint}{value}" if name in self._fields else value

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


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
    "Session": lambda exchange: exchange.session,
    "renew_session": lambda exchange: lambda: exchange.session_access().renew(),
    "HTTP_REDIRECTION": lambda exchange: HttpRedirection,
}
"""Every name that a script finds without importing it, but for the CGI variables."""


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Run the script of `exchange`; what it prints is the body."""
    request = exchange.request
    interpreter = interpreters.get(request.filename.rpartition(os.sep)[0])
    if request.autoreload:
        interpreter.refresh()
    compiled = interpreters.code.get(request.filename, request.version)
    given = _given(exchange, compiled.names)
    namespace = {
        "__name__": "__main__",
        "__file__": request.filename,
        "__builtins__": interpreter.builtins,
        "__given__": frozenset(given),
        **given,
    }
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
    exchange.headers["location"] = quote(url, safe="%/:?#[]@!$&'()*+,;=~-._")
    exchange.headers["content-type"] = "text/plain; charset=utf-8"
    exchange.write(b"See the Location field.\n")
