"""`dbpy.http`: the request, and the status and header fields of the answer."""

from __future__ import annotations

import ipaddress
from typing import Any

from twistedsite.http.message.forms import Form
from twistedsite.scripts.dialects.dbpy.ending import die
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.headers import RequestHeaders, location
from twistedsite.scripts.exchange.lazy import lazy
from twistedsite.scripts.messages.response import checked_status


class HttpRequest:
    """`dbpy.http.request`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def method(self) -> str:
        """`GET`, `POST`, …"""
        return self._exchange.request.method

    @property
    def host(self) -> str:
        """The Host field, port included where given."""
        return self._exchange.request.host

    @property
    def subdomain(self) -> str:
        """The first label of the host name, where it has more than the two labels of a domain; else empty."""
        return _subdomain(self.host)

    @lazy
    def headers(self) -> RequestHeaders:
        """The header fields, by name in any letter case."""
        return RequestHeaders(self._exchange.request.headers)

    @property
    def path(self) -> str:
        """The URL's path, decoded."""
        request = self._exchange.request
        return request.script_name + request.path_info

    @property
    def folder(self) -> str:
        """The folder of the script, as a path from the site's root with a slash at both ends."""
        return "/".join(("", *self._exchange.request.script[:-1], ""))

    @property
    def query_string(self) -> str:
        """The query string as received."""
        return self._exchange.request.query

    @lazy
    def get_params(self) -> dict[str, list[str]]:
        """The values of each name in the query string."""
        return Form(self._exchange.query).lists()

    @lazy
    def post_params(self) -> dict[str, list[str]]:
        """The values of each name of the form in the body."""
        return Form(self._exchange.posted).lists()


class Http:
    """Request and response."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.request = HttpRequest(exchange)

    @property
    def get_params(self) -> dict[str, list[str]]:
        """The values of each name in the query string."""
        return self.request.get_params

    @property
    def post_params(self) -> dict[str, list[str]]:
        """The values of each name of the form in the body."""
        return self.request.post_params

    def get_request_header(self, name: str) -> str | None:
        """The value of the request's field `name`; None where absent."""
        return self.request.headers.get(name)

    def set_response_header(self, name: str, value: object) -> None:
        """Set the field `name` of the answer. `Set-Cookie` is added each time."""
        if name.lower() == "set-cookie":
            self._exchange.headers.add(name, value)
        else:
            self._exchange.headers[name] = value

    def set_response_status(self, status: int | str) -> None:
        """Answer with `status`, 200 to 599 (RFC 9110, 15). Raises ValueError for others."""
        self._exchange.status = checked_status(str(status))

    def redirect(self, where: str, immediately: bool = True, status: int = 302) -> None:
        """Redirect to `where`, a URL that may be relative to that of the request.

        `immediately`: drop what was printed, and end the script at once.
        """
        exchange = self._exchange
        target = location(where)
        if not 300 <= checked_status(str(status)) <= 399:
            raise ValueError(f"a redirect has a status from 300 to 399, not {status}")
        exchange.check_not_begun("dbpy.http.redirect")
        if immediately:
            exchange.redirect(target, status)
            die(report=False)
        exchange.status = status
        exchange.headers["location"] = target

    def error(self, status: int, message: Any, immediately: bool = True) -> None:
        """Answer with `status`, and with `message` in place of what was printed. `immediately`: end the script."""
        exchange = self._exchange
        code = checked_status(str(status))
        exchange.check_not_begun("dbpy.http.error")
        exchange.status = code
        exchange.discard()
        exchange.write(str(message).encode("utf-8", "replace"))
        if immediately:
            die(report=False)


def _subdomain(host: str) -> str:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        labels = name.rstrip(".").lower().split(".")
        domain = 1 if labels[-1] == "localhost" else 2
        return labels[0] if len(labels) > domain else ""
    return ""
