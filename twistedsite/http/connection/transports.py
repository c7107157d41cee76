"""What Twisted's transports do not offer in public: the socket below, and how much still waits to be sent.

Each function has an answer for every transport; only a plain TCP or UNIX stream gets the fast paths.
"""

from __future__ import annotations

import socket

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection

UNSENT_BYTES = 256 * 1024
"""Bytes that the kernel may hold for a client beyond those under way to it."""


def bound_unsent(transport: object) -> None:
    """Let the kernel take little more than the network does, so that a slow reader costs kilobytes, not megabytes."""
    if isinstance(transport, Connection) and transport.socket.family != socket.AF_UNIX:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def plain_socket(transport: object) -> socket.socket | None:
    """Return the socket to which the bytes of `transport` go unchanged, or None (TLS, or no socket at all)."""
    if isinstance(transport, Connection) and not transport.TLS:
        found: socket.socket = transport.socket
        return found
    return None


def pending(transport: ITransport) -> int:
    """Return how many bytes `transport`, and one below it for TLS, hold in this process."""
    below = getattr(transport, "transport", None) or transport
    if not isinstance(below, Connection):
        return 0
    return len(below.dataBuffer) - below.offset + below._tempDataLen
