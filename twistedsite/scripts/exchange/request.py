"""`Request`: one request, as functions and handlers of a site see it."""

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
    """One request. The form is parsed, the body read and the session opened when the attribute is first read."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        script_request = exchange.request
        self.method: str = script_request.method
        """`GET`, `POST`, …"""
        self.path: str = script_request.script_name + script_request.path_info
        """The URL's path, decoded."""
        self.script_name: str = script_request.script_name
        """The part of `path` that led to the script. Links of the script begin with it."""
        self.path_info: str = script_request.path_info
        """The rest of `path`: empty, or beginning with a slash."""
        self.query_string: str = script_request.query
        self.scheme: str = script_request.scheme
        """`http` or `https`."""
        self.host: str = script_request.host
        """The Host field as the client sent it, port included where given."""
        self.client: str = script_request.client
        """The client's address."""
        self.options: Mapping[str, OptionValue] = script_request.options
        """`[options]` of the settings."""

    @property
    def url(self) -> str:
        """The whole URL as the client sees it, with the host from the Host field."""
        return f"{self.scheme}://{self.host}{self._exchange.request.target}"

    @lazy
    def query(self) -> Form:
        """The fields of the query string."""
        return Form(self._exchange.query)

    @property
    def form(self) -> Form:
        """The fields of the query string and of a form in the body. A malformed form is answered 400."""
        return self._exchange.form

    @property
    def files(self) -> dict[str, Upload]:
        """The uploaded files by field name."""
        return self._exchange.files

    @lazy
    def headers(self) -> Mapping[str, str]:
        """The header fields, by name in any letter case."""
        return RequestHeaders(self._exchange.request.headers)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the request."""
        return self._exchange.cookies

    @lazy
    def body(self) -> bytes:
        """The whole body."""
        self._exchange.body.seek(0)
        return self._exchange.body.read()

    def json(self) -> Any:
        """The body as JSON, whatever its Content-Type. Malformed JSON is answered 400."""
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
        """The authenticated user, where the folder has `[auth]`; else empty."""
        return self._exchange.environ.get("REMOTE_USER", "")

    @property
    def session(self) -> Session:
        """The visitor's session. Waits while another request of the same visitor holds it."""
        return self._exchange.session()

    def renew_session(self) -> None:
        """Give the session a new id, with the same data. Call it where a visitor's rights change, as at a log-in."""
        self._exchange.session_access().renew()
