"""What a slow client has yet to get of one response, in a temporary file: threads write and read it, in their order."""

from __future__ import annotations

import functools
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Final

from twisted.python.failure import Failure

from twistedsite.scripts.runners.workers.server.broker import BrokerThreads

_CHUNK: Final = 256 * 1024
"""Bytes read back at once."""
_BACKLOG: Final = 1024 * 1024
"""Bytes that may wait for the disk."""


class SpoolBudget:
    """What all spools of the server occupy, in bytes: at most `single` each and `total` together, but for a backlog."""

    def __init__(self, single: int, total: int) -> None:
        self.used = 0
        self.single = single
        self.total = total


class OutputSpool:
    """A queue of bytes. `changed` is called when it may have room again, `failed` when it cannot be read.

    All calls come on the reactor's thread, and all of these two go there.
    """

    def __init__(
        self,
        threads: BrokerThreads,
        budget: SpoolBudget,
        changed: Callable[[], object],
        failed: Callable[[Failure], object],
    ) -> None:
        self._threads = threads
        self._budget = budget
        self._changed = changed
        self._failed = failed
        self._file: _File | None = None
        self._written = 0
        self._read = 0
        """Bytes of the file."""
        self._tail: deque[bytes] = deque()
        self._backlog = 0
        """Bytes of `_tail`, and of what is being written."""
        self._used = 0
        """What this one has of the budget."""
        self._busy = False
        """A thread has the file."""
        self._refuses = False
        """The disk takes no more."""
        self._wanted: Callable[[bytes], object] | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes that wait in it."""
        return self._written - self._read + self._backlog

    @property
    def full(self) -> bool:
        """Whether no more should be appended; it takes it all the same."""
        budget = self._budget
        too_much = self._used >= budget.single or budget.used >= budget.total
        return self.size > 0 and (too_much or self._refuses or self._backlog >= _BACKLOG)

    def append(self, data: bytes) -> None:
        """Add `data` at the end."""
        self._tail.append(data)
        self._backlog += len(data)
        self._used += len(data)
        self._budget.used += len(data)
        self._go_on()

    def take(self, taker: Callable[[bytes], object]) -> None:
        """Have `taker` called with the next bytes, of which there are some."""
        self._wanted = taker
        self._go_on()

    def close(self) -> None:
        """Forget all that is in it; nothing is called any more."""
        self._closed = True
        self._wanted = None
        self._tail.clear()
        self._backlog = self._written = self._read = 0
        self._release()

    def _go_on(self) -> None:
        if self._busy or self._closed:
            return
        if self._wanted is not None and self._read < self._written:
            assert self._file is not None
            self._busy = True
            count = min(_CHUNK, self._written - self._read)
            self._threads.call(self._was_read, self._file.read, count, self._read)
        elif self._wanted is not None and self._tail:
            data = self._tail.popleft()
            self._backlog -= len(data)
            self._give(data)
        elif self._tail and not self._refuses:
            self._busy = True
            batch = b"".join(self._tail)
            self._tail.clear()
            self._file = self._file or _File()
            self._threads.call(functools.partial(self._was_written, batch), self._file.write, batch, self._written)

    def _was_written(self, batch: bytes, result: object) -> None:
        self._busy = False
        if self._closed:
            return
        if isinstance(result, Failure):
            # Nothing is lost: it goes on from memory, and the worker waits from now on.
            self._refuses = True
            self._tail.appendleft(batch)
        else:
            self._written += len(batch)
            self._backlog -= len(batch)
        self._go_on()
        self._changed()

    def _was_read(self, result: bytes | Failure) -> None:
        self._busy = False
        if self._closed:
            return
        if isinstance(result, Failure) or not result:
            self._failed(result if isinstance(result, Failure) else Failure(EOFError("the spool file is too short")))
        else:
            self._read += len(result)
            self._give(result)
            self._go_on()

    def _give(self, data: bytes) -> None:
        wanted, self._wanted = self._wanted, None
        if not self.size:
            self._release()
        assert wanted is not None
        wanted(data)

    def _release(self) -> None:
        """It is empty: the disk is free of it."""
        self._budget.used -= self._used
        self._used = 0
        self._read = self._written = 0
        self._refuses = False
        file, self._file = self._file, None
        if file is not None:
            self._threads.call(lambda _: None, file.close)


class _File:
    """A temporary file, for threads, of which one waits for the other."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def write(self, data: bytes, at: int) -> None:
        with self._lock:
            if self._closed:
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - see `close`
            view = memoryview(data)
            while view:
                count = os.pwrite(self._file.fileno(), view, at)
                at += count
                view = view[count:]

    def read(self, count: int, at: int) -> bytes:
        with self._lock:
            return os.pread(self._file.fileno(), count, at) if self._file is not None else b""

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None
