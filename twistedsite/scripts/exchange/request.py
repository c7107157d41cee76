"""`Request`: one request, as the functions of the dialect `methods` see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from twistedsite.http.message.forms import Form, Upload
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.headers import RequestHeaders
from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.exchange.session import Session
from twistedsite.scripts.messages.outcome import RefusedError
from twistedsite.settings.values import OptionValue


class Request:
    """What came. A form is parsed, a body read and a session opened only when the function looks at it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        told = exchange.request
        self.method: str = told.method
        """`GET`, `POST`, …"""
        self.path: str = told.script_name + told.path_info
        """The URL's path, decoded."""
        self.script_name: str = told.script_name
        """The part of it that led to the script: where links of the script begin."""
        self.path_info: str = told.path_info
        """The rest of it; empty, or begins with a slash."""
        self.query_string: str = told.query
        self.scheme: str = told.scheme
        """`http` or `https`."""
        self.host: str = told.host
        """The Host field, port included where given: what the client says."""
        self.client: str = told.client
        """The client's address."""
        self.options: Mapping[str, OptionValue] = told.options
        """`[options]` of the settings."""

    @property
    def url(self) -> str:
        """The whole URL as the client sees it; its host is what the client says."""
        return f"{self.scheme}://{self.host}{self._exchange.request.target}"

    @lazy
    def query(self) -> Form:
        """The fields of the query string."""
        return Form(self._exchange.query)

    @property
    def form(self) -> Form:
        """The fields of the query string and of a form in the body; one that is malformed is answered 400."""
        return self._exchange.form

    @property
    def files(self) -> dict[str, Upload]:
        """The uploaded files by field name."""
        return self._exchange.files

    @lazy
    def headers(self) -> Mapping[str, str]:
        """The header fields; names in any letter case."""
        return RequestHeaders(self._exchange.request.headers)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came."""
        return self._exchange.cookies

    @lazy
    def body(self) -> bytes:
        """The whole body."""
        self._exchange.body.seek(0)
        return self._exchange.body.read()

    def json(self) -> Any:
        """The body as JSON, whatever its Content-Type; one that is malformed is answered 400."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(400, f"The body is not JSON: {error}.") from None

    @property
    def environ(self) -> dict[str, str]:
        """The CGI variables (RFC 3875, 4.1)."""
        return self._exchange.environ

    @property
    def user(self) -> str:
        """Who has logged in, where the folder asks for that; else empty."""
        return self._exchange.environ.get("REMOTE_USER", "")

    @property
    def session(self) -> Session:
        """This visitor's session; waits while another request of the same visitor holds it."""
        return self._exchange.session()

    def renew_session(self) -> None:
        """Give the session a new id, with the same data: for where a visitor's rights change, as at a log-in."""
        self._exchange.session_access().renew()
