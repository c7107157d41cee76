"""The jobs that wait in a worker's own socket: the worker takes the next one without waiting for the server.

The socket keeps message boundaries, and a message is one job with its number. The server keeps the worker's end open
too, and takes back from there what the worker has not read. So a script that takes long holds up no other, and one that
kills its worker takes no other's request with it.

The kernel gives each message to one reader only, and the message says which job that is. So worker and server may read
at the same time: each knows by the numbers which jobs are its own, in whatever order the two came to read.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from collections.abc import Callable
from typing import Final

from twistedsite.scripts.runners.workers.wire.descriptors import descriptors_in, receive, room_for

LONGEST: Final = 64 * 1024
"""Bytes of the longest job that is sent as it is; a longer one is in a file in memory, whose descriptor is sent."""
_NUMBER: Final = struct.Struct("=Q")
"""How a message begins; the job follows, or nothing where the job is in a file."""
_DESCRIPTORS: Final = 2
"""At most: a body's file and a long job's."""
_ROOM: Final = room_for(_DESCRIPTORS)


class JobQueue:
    """The server's side."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)

    def duplicate(self) -> int:
        """A descriptor of the worker's end, to be closed by the receiver."""
        return os.dup(self._theirs.fileno())

    def add(self, number: int, job: bytes, descriptor: int | None = None) -> bool:
        """Send an encoded job and, with it, `descriptor`. False: it has not been sent, and will not be."""
        head = _NUMBER.pack(number)
        descriptors = [] if descriptor is None else [descriptor]
        try:
            if len(job) > LONGEST:
                file = in_memory(job)
                try:
                    socket.send_fds(self._ours, [head], [*descriptors, file])
                finally:
                    os.close(file)
            elif descriptors:
                socket.send_fds(self._ours, [head, job], descriptors)
            else:
                self._ours.send(head + job)
        except OSError:
            return False
        return True

    def take_back(self) -> list[int]:
        """Take out every job that the worker has not taken; returns their numbers, in the order of `add`."""
        numbers = []
        while self._theirs.fileno() >= 0:
            try:
                head, descriptors = receive(self._theirs, _NUMBER.size, _DESCRIPTORS, socket.MSG_DONTWAIT)
            except OSError:
                break
            for descriptor in descriptors:
                os.close(descriptor)
            if not head:
                break
            numbers.append(_NUMBER.unpack(head)[0])
        return numbers

    def close(self) -> None:
        """Let the worker find the end of its jobs."""
        self._ours.close()
        self._theirs.close()


class JobReceiver:
    """The worker's side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Not a bytearray: of this, only what is received ever takes up memory.
        size = _NUMBER.size + LONGEST
        self._buffer = memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def next(self, before_waiting: Callable[[], object]) -> tuple[int, bytes | memoryview, list[int]] | None:
        """Wait for a job, after a call of `before_waiting` where there is none yet; None at the end.

        Returns its number, the encoded job, which is good until the next one, and the descriptors that came with it,
        to be closed by the caller.
        """
        try:
            size, ancillary, _, _ = self._connection.recvmsg_into([self._buffer], _ROOM, socket.MSG_DONTWAIT)
        except BlockingIOError:
            before_waiting()
            size, ancillary, _, _ = self._connection.recvmsg_into([self._buffer], _ROOM)
        if not size:
            return None
        (number,) = _NUMBER.unpack_from(self._buffer)
        descriptors = descriptors_in(ancillary) if ancillary else []
        if size > _NUMBER.size:
            return number, self._buffer[_NUMBER.size : size], descriptors
        with open(descriptors.pop(), "rb") as file:
            return number, file.read(), descriptors


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
