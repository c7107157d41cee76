"""Ports for servers that have to be told theirs: one that is free, and the wait until something listens there."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from pathlib import Path

from server_process import PATIENCE

_FIRST_PORT = 10_000
"""Below are the ports of well-known services, and others that a page may name."""


def free_port() -> int:
    """A port on which nobody listens.

    It is none of those that the kernel hands out by itself: one of these may be a client's before the server listens,
    and then the server is refused it. Even who only looks whether it listens may be handed that very port, and is then
    connected to himself.
    """
    first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(_FIRST_PORT, first_handed_out)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("", port))
            return port


def wait_for(port: int) -> None:
    """Return when something listens at `port`."""
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            pause.wait(0.02)
    raise TimeoutError(f"nothing listens at {port}")
