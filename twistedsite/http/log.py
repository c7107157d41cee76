"""What a site logs: responses in the access log, and misbehaving peers for the operator."""

from __future__ import annotations

from typing import Any, Final

from twisted.logger import Logger
from twisted.web import http

from twistedsite.http.access_log import NO_USER, NOBODY, NOTHING, AccessLog, user_field
from twistedsite.http.message.head import RequestError, RequestHead, printable

_EVERY: Final = 60.0
"""Seconds between two lines about one peer."""
_MOST_PEERS: Final = 1000


class SiteLog:
    """See `ResponseLog`. `hosts` lets the lines of the access log begin with the request's host."""

    _log = Logger()

    def __init__(self, access_log: AccessLog | None, hosts: bool, reactor: Any) -> None:
        self._access_log = access_log
        self._hosts = hosts
        self._reactor = reactor
        self._reported: dict[str, float] = {}
        """Peer -> when there was a line about it."""

    def response(self, peer: bytes, head: RequestHead, status: int, sent: int, user: str = "") -> None:
        if self._access_log is not None:
            request, client = head.log_parts
            self._add(head.host, peer, request, status, sent, client, user_field(user))

    def refused(self, peer: bytes, head: RequestHead | None, refused: RequestError) -> None:
        if head is not None:
            self.response(peer, head, refused.status, 0)
        else:
            self._add(b"", peer, NOTHING, refused.status, 0, NOBODY, NO_USER)
        self.closed(peer, str(refused))

    def closed(self, peer: bytes, why: str) -> None:
        name, now = peer.decode(), self._reactor.seconds()
        if now - self._reported.get(name, float("-inf")) < _EVERY:
            return
        if len(self._reported) >= _MOST_PEERS:
            self._reported.clear()
        self._reported[name] = now
        self._log.info("{peer}: {why}", peer=name, why=why)

    def disk_error(self, error: OSError) -> None:
        self._log.error("cannot store the content of a request: {error}", error=error)

    def twisted_response(self, request: http.Request) -> None:
        """Put the response to a request of Twisted's own kind, as HTTP/2 has, into the access log."""
        line = b'"%b"' % printable(b"%b %b %b" % (request.method, request.uri, request.clientproto))
        texts = (printable(request.getHeader(name) or b"-") for name in (b"referer", b"user-agent"))
        peer = printable(getattr(request.client, "host", "-").encode())
        user = user_field(getattr(request, "authenticated", ""))
        host = request.getHeader(b"host") or b""
        self._add(host, peer, line, request.code, request.sentLength, b'"%b" "%b"' % tuple(texts), user)

    def _add(
        self, host: bytes, peer: bytes, request: bytes, status: int, sent: int, client: bytes, user: bytes
    ) -> None:
        if self._access_log is not None:
            if self._hosts:
                peer = b"%b %b" % (printable(host.lower()) or b"-", peer)
            self._access_log.add((self._reactor.seconds(), peer, request, status, sent, client, user))
