"""`req`: one request and its answer, for handlers and published functions, with the names of mod_python."""

from __future__ import annotations

from collections.abc import Mapping

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.headers import ResponseHeaders, location
from twistedsite.scripts.exchange.request import Request
from twistedsite.scripts.messages.response import checked_status


class HandlerRequest(Request):
    """One request, and the answer to it."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._read = 0

    @property
    def uri(self) -> str:
        """The URL's path, decoded."""
        return self.path

    @property
    def unparsed_uri(self) -> str:
        """Path and query as received."""
        return self._exchange.request.target

    @property
    def args(self) -> str:
        """The query string."""
        return self.query_string

    @property
    def protocol(self) -> str:
        """`HTTP/1.1`, …"""
        return self._exchange.request.protocol

    @property
    def hostname(self) -> str:
        """The requested host, without its port."""
        return self._exchange.request.server_name

    @property
    def filename(self) -> str:
        """The absolute path of the script."""
        return self._exchange.request.filename

    @property
    def headers_in(self) -> Mapping[str, str]:
        """The header fields of the request, by name in any letter case."""
        return self.headers

    @property
    def headers_out(self) -> ResponseHeaders:
        """The header fields of the answer."""
        return self._exchange.headers

    @property
    def status(self) -> int:
        """The status of the answer, from 200 to 599."""
        return self._exchange.status

    @status.setter
    def status(self, status: int) -> None:
        self._exchange.status = checked_status(str(status))

    @property
    def content_type(self) -> str:
        """The media type of the answer; empty where it is the default."""
        return self._exchange.headers.get("content-type", "")

    @content_type.setter
    def content_type(self, media_type: str) -> None:
        self._exchange.headers["content-type"] = media_type

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes of the body, or the whole rest."""
        body = self._exchange.body
        body.seek(self._read)
        data = body.read(size)
        self._read += len(data)
        return data

    def write(self, data: str | bytes) -> None:
        """Add to the body of the answer. Text is sent as UTF-8."""
        self._exchange.write(data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data))

    def flush(self) -> None:
        """Send what has been written. Status and header fields are fixed from now on."""
        self._exchange.flush()

    def redirect(self, url: str, status: int = 302) -> None:
        """Answer with a redirect to `url`, which may be relative, and nothing else."""
        self._exchange.check_not_begun("a redirect")
        self._exchange.discard()
        self.status = status
        self.headers_out["location"] = location(url)
