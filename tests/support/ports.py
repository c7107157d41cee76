"""The wait until something listens at a port."""

from __future__ import annotations

import socket
import threading
import time

from server_process import PATIENCE


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
