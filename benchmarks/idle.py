"""Many idle connections at once: what each costs the server in memory."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack

from benchmarks.process import NotMeasuredError, Server

CONNECTIONS = 10_000
SOURCES = 16
"""Loopback addresses that the connections come from: servers limit the connections of one address."""

SPARE_DESCRIPTORS = 500


def raise_descriptor_limit() -> int:
    """Raise this process's limit of open files (servers started from here inherit it); how many connections fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(CONNECTIONS, hard - SPARE_DESCRIPTORS)


def memory_of_connections(server: Server, path: str, connections: int) -> float:
    """Bytes for each of `connections`, on each of which `path` was asked for once.

    `NotMeasuredError` where the server does not keep them all open.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with ExitStack() as stack:
        before = server.memory()
        opened = []
        for number in range(connections):
            try:
                source = f"127.0.1.{1 + number % SOURCES}"
                connection = socket.create_connection(("127.0.0.1", server.port), 10, source_address=(source, 0))
                opened.append(stack.enter_context(connection))
                _ask(connection, request)
            except OSError as error:
                raise NotMeasuredError(f"connection {number + 1:,}: {error}") from error
        after = server.memory()
        for number in (0, connections // 2, connections - 1):
            try:
                _ask(opened[number], request)
            except OSError as error:
                raise NotMeasuredError(f"connection {number + 1:,} was not kept: {error}") from error
    return (after - before) / connections


def _ask(connection: socket.socket, request: bytes) -> None:
    """Send `request` and read its answer whole."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b" 200 " not in head.split(b"\r\n")[0] + b" " or b"content-length" not in fields:
        raise ConnectionError(head.split(b"\r\n")[0].decode("latin-1"))
    missing = int(fields[b"content-length"]) - len(body)
    while missing > 0:
        missing -= len(_receive(connection))


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed it")
    return data
