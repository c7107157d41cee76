"""The jobs that wait in a worker's own socket: it takes the next one without a word to the server, and without a wait.

The socket keeps message boundaries, a job is one message. The server holds the worker's end open too, and can read back
there what the worker has not taken: the kernel sees to it that each job is read once, by the one or by the other. So a
script that takes long holds up nobody, and one that kills its worker takes no other's request with it.
"""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Callable
from typing import Final

from twistedsite.scripts.runners.workers.descriptors import descriptors_in, receive, room_for

LONGEST: Final = 64 * 1024
"""Bytes of the longest message; what is longer goes into a file in memory, whose descriptor is sent in its place."""
_IN_FILE: Final = b"\0"
"""Such a message: no msgpack array begins so."""
_DESCRIPTORS: Final = 2
"""At most: a body's file and a long job's."""
_ROOM: Final = room_for(_DESCRIPTORS)


class Line:
    """The server's side."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)

    def duplicate(self) -> int:
        """A descriptor of the worker's end, to be closed by the receiver."""
        return os.dup(self._theirs.fileno())

    def add(self, job: bytes, descriptor: int | None) -> bool:
        """Send an encoded job and, with it, `descriptor`. False: it has not been sent, and will not be."""
        descriptors = [] if descriptor is None else [descriptor]
        try:
            if len(job) <= LONGEST and not descriptors:
                self._ours.send(job)
            elif len(job) <= LONGEST:
                self._send_with(descriptors, job)
            else:
                file = in_memory(job)
                try:
                    self._send_with([*descriptors, file], _IN_FILE)
                finally:
                    os.close(file)
        except OSError:
            return False
        return True

    def take_back(self) -> int:
        """Take out every job that the worker has not taken; tells how many there were, the ones added last."""
        count = 0
        while self._theirs.fileno() >= 0:
            try:
                data, descriptors = receive(self._theirs, 1, _DESCRIPTORS, socket.MSG_DONTWAIT)
            except OSError:
                break
            _close_all(descriptors)
            if not data:
                break
            count += 1
        return count

    def close(self) -> None:
        """The worker finds the end of its jobs."""
        self._ours.close()
        self._theirs.close()

    def _send_with(self, descriptors: list[int], message: bytes) -> None:
        socket.send_fds(self._ours, [message], descriptors)


class LineEnd:
    """The worker's side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Not a bytearray: of this, only what is received ever takes up memory.
        self._buffer = memoryview(mmap.mmap(-1, LONGEST, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def next(self, before_waiting: Callable[[], object]) -> tuple[bytes | memoryview, list[int]] | None:
        """Wait for a job: encoded, good until the next one, and the descriptors that came with it; None at the end.

        `before_waiting` is called where there is none yet.
        """
        try:
            count, ancillary, _, _ = self._connection.recvmsg_into([self._buffer], _ROOM, socket.MSG_DONTWAIT)
        except BlockingIOError:
            before_waiting()
            count, ancillary, _, _ = self._connection.recvmsg_into([self._buffer], _ROOM)
        if not count:
            return None
        job = self._buffer[:count]
        if not ancillary:
            return job, []
        descriptors = descriptors_in(ancillary)
        if job.tobytes() != _IN_FILE:
            return job, descriptors
        with open(descriptors.pop(), "rb") as file:
            return file.read(), descriptors


def in_memory(data: bytes) -> int:
    """A descriptor, to be closed by the receiver, of a file in memory that holds `data`, at its beginning."""
    descriptor = os.memfd_create("content", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
