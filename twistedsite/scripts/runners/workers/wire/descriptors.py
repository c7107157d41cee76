"""Receiving messages that have file descriptors on them.

They are sent by `socket.send_fds`. Its counterpart, `socket.recv_fds`, is not used: it ignores its flags
(https://github.com/python/cpython/issues/107898), so who must not wait would wait.
"""

from __future__ import annotations

import array
import socket

_SIZE = array.array("i").itemsize


def receive(connection: socket.socket, size: int, most: int, flags: int = 0) -> tuple[bytes, list[int]]:
    """Receive at most `size` bytes, none at the end, and at most `most` descriptors that came with them.

    Nobody inherits the descriptors, and they are to be closed by the caller. `flags` are recv(2)'s. Raises OSError,
    BlockingIOError for one that would have to wait and must not.
    """
    data, ancillary, _, _ = connection.recvmsg(size, room_for(most), flags | socket.MSG_CMSG_CLOEXEC)
    return data, descriptors_in(ancillary)


def room_for(most: int) -> int:
    """The ancillary data's bytes where `most` descriptors may come."""
    return socket.CMSG_LEN(most * _SIZE)


def descriptors_in(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """The descriptors among what recvmsg(2) calls ancillary data."""
    return [fd for _, _, content in ancillary for fd in array.array("i", content[: len(content) // _SIZE * _SIZE])]
