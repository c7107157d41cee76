"""The jobs that wait in a worker's own socket: it takes the next one without a word to the server, and without a wait.

The socket keeps message boundaries; a message holds several jobs where several were to be sent at about the same time.
What the worker has not begun can be taken back (`claims`). So a script that takes long holds up nobody, and one that
kills its worker takes no other's request with it. The server holds the worker's end open too, and reads back there what
the worker would only throw away.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from twistedsite.scripts.runners.workers.wire import claims
from twistedsite.scripts.runners.workers.wire.claims import Claims
from twistedsite.scripts.runners.workers.wire.descriptors import descriptors_in, receive, room_for

LONGEST: Final = 64 * 1024
"""Bytes of the longest job that is sent as it is; a longer one is in a file in memory, whose descriptor is sent."""
MOST_TOGETHER: Final = 16
"""Jobs in one message."""
_SHORT: Final = LONGEST // MOST_TOGETHER
"""Bytes of the longest job that is sent with others."""
_HEADS: Final = [struct.Struct(f"=IB{count}I") for count in range(MOST_TOGETHER + 1)]
"""How a message of so many jobs begins: the edition of its jobs (`claims`), their number, and the length of each; then
come the jobs. Of 0 jobs, one is in a file.
"""
_COUNT: Final = 4
"""Where the number stands."""
_DESCRIPTORS: Final = 2
"""At most: a body's file and a long job's."""
_ROOM: Final = room_for(_DESCRIPTORS)


class Line:
    """The server's side."""

    def __init__(self, claims: Claims | None = None) -> None:
        """Raises OSError. Without `claims`, the worker must not have more than one job."""
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._claims = claims
        self._held: list[bytes] = []

    def duplicate(self) -> int:
        """A descriptor of the worker's end, to be closed by the receiver."""
        return os.dup(self._theirs.fileno())

    def hold(self, job: bytes) -> int:
        """Keep an encoded job, to be sent by `send_held`, or before the next one that is added. Tells how many are
        kept; 0: this one is not, as it is to be sent alone, or there are enough already.
        """
        if self._claims is None or len(job) > _SHORT or len(self._held) >= MOST_TOGETHER:
            return 0
        self._held.append(job)
        return len(self._held)

    def send_held(self) -> bool:
        """Send what is held. False: that cannot be sent, and is still held."""
        try:
            self._send_held()
        except OSError:
            return False
        return True

    def add(self, job: bytes, descriptor: int | None) -> bool:
        """Send what is held, then an encoded job and, with it, `descriptor`. False: the job has not been sent, and will
        not be.
        """
        descriptors = [] if descriptor is None else [descriptor]
        try:
            self._send_held()
            if len(job) <= LONGEST:
                self._send([job], descriptors)
            else:
                file = in_memory(job)
                try:
                    self._send([], [*descriptors, file])
                finally:
                    os.close(file)
        except OSError:
            return False
        return True

    def take_back(self, first: int, count: int) -> int:
        """Of the `count` jobs from number `first` on, which it was given and which have not ended: how many, the last
        ones, it has not begun, and will not begin any more.
        """
        back = 0
        if count and self._claims is not None:
            back = self._claims.take_back(first, count)
        self._held.clear()
        while self._theirs.fileno() >= 0:
            try:
                data, descriptors = receive(self._theirs, 1, _DESCRIPTORS, socket.MSG_DONTWAIT)
            except OSError:
                break
            for descriptor in descriptors:
                os.close(descriptor)
            if not data:
                break
            if self._claims is None:
                back += 1
        return back

    def close(self) -> None:
        """The worker finds the end of its jobs."""
        self._ours.close()
        self._theirs.close()

    def _send_held(self) -> None:
        if self._held:
            self._send(self._held, [])
            self._held.clear()

    def _send(self, jobs: list[bytes], descriptors: list[int]) -> None:
        edition = self._claims.edition if self._claims is not None else 0
        message = _HEADS[len(jobs)].pack(edition, len(jobs), *map(len, jobs)) + b"".join(jobs)
        if descriptors:
            socket.send_fds(self._ours, [message], descriptors)
        else:
            self._ours.send(message)


class LineEnd:
    """The worker's side."""

    def __init__(self, connection: socket.socket, words: memoryview) -> None:
        """`words`: see `claims`."""
        self._connection = connection
        self._words = words
        # Not a bytearray: of this, only what is received ever takes up memory.
        size = _HEADS[-1].size + LONGEST
        self._buffer = memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        self._edition = 0
        self._jobs: deque[bytes | memoryview] = deque()
        """Those of the message received last that have not been begun."""
        self._descriptors: list[int] = []

    def next(self, number: int, before_waiting: Callable[[], object]) -> tuple[bytes | memoryview, list[int]] | None:
        """Begin a job, which is to be `number`, and wait for one if need be: encoded, good until the next one, and the
        descriptors that came with it, to be closed by the caller. None at the end.

        `before_waiting` is called where there is none yet.
        """
        while True:
            if not self._jobs and not self._receive(before_waiting):
                return None
            job = self._jobs.popleft()
            descriptors, self._descriptors = self._descriptors, []
            if claims.begin(self._words, number, self._edition):
                return job, descriptors
            self._jobs.clear()
            for descriptor in descriptors:
                os.close(descriptor)

    def _receive(self, before_waiting: Callable[[], object]) -> bool:
        try:
            size, ancillary, _, _ = self._connection.recvmsg_into([self._buffer], _ROOM, socket.MSG_DONTWAIT)
        except BlockingIOError:
            before_waiting()
            size, ancillary, _, _ = self._connection.recvmsg_into([self._buffer], _ROOM)
        if not size:
            return False
        if ancillary:
            self._descriptors = descriptors_in(ancillary)
        head = _HEADS[self._buffer[_COUNT]]
        self._edition, count, *lengths = head.unpack_from(self._buffer)
        if not count:
            with open(self._descriptors.pop(), "rb") as file:
                self._jobs.append(file.read())
        end = head.size
        for length in lengths:
            start, end = end, end + length
            self._jobs.append(self._buffer[start:end])
        return True


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
