"""Which of the jobs that were sent to a worker are still its own: a few words of the memory that it shares.

A worker takes several jobs at once from its socket. In the memory it says which of them it begins, and the server says
that it takes back what has not been begun, wherever that is by then. Neither holds a lock, so neither waits for the
other, which may be dead, or stopped. Each writes its own word first and reads the other's word then: with a barrier in
between, at least one of the two sees what the other has written (Dekker's algorithm). If both do, the server's verdict
counts. The barrier is the server's alone, who needs it seldom: membarrier(2) has every worker pass one too.

What a worker writes there decides about requests of its own site only.
"""

from __future__ import annotations

import contextlib
import mmap
import time
from typing import Final

from twistedsite.scripts.runners.workers.wire import answers
from twistedsite.scripts.sandbox.kernel import MACHINE, syscall

_BEGUN, _EDITION, _FIRST, _SETTLED = range(4)
"""The worker's word: the number of the job begun last, plus one, and the edition that it came with. The server's: how
often it has taken back; the first job that it has taken back the last time; how often it has said which that is."""
_WORD: Final = 8
_WORDS: Final = 8
"""A line of the processor's cache."""
END: Final = answers.SIZE + _WORDS * _WORD
"""Where these words, and the ends of scripts before them, end in that memory."""
_NUMBER: Final = 40
"""Bits of the number of a job; those above are the edition's."""
_MOMENT: Final = 0.00005
"""Seconds between two looks for a verdict that the server is about to give: on this processor, as it may be."""
_MEMBARRIER: Final = {"x86_64": 324, "aarch64": 283}.get(MACHINE)
# include/uapi/linux/membarrier.h: to all processes that have registered for it.
_QUERY, _GLOBAL_EXPEDITED, _REGISTER = 0, 1 << 1, 1 << 2


def possible() -> bool:
    """Whether this kernel lets one process have others pass a barrier (Linux 4.16)."""
    if _MEMBARRIER is None:
        return False
    with contextlib.suppress(OSError):
        needed = _GLOBAL_EXPEDITED | _REGISTER
        return syscall(_MEMBARRIER, _QUERY, 0) & needed == needed
    return False


def take_part() -> None:
    """Have the barriers of others hold for this process too, a worker's, if that is possible. Raises OSError."""
    if _MEMBARRIER is not None and possible():
        syscall(_MEMBARRIER, _REGISTER, 0)


def words(memory: mmap.mmap) -> memoryview:
    """The words in `memory`: of a size that the processor reads and writes at once."""
    return memoryview(memory)[answers.SIZE : END].cast("Q")


def begin(words: memoryview, number: int, edition: int) -> bool:
    """Say, in the worker, that job `number`, which came with `edition`, is begun; False: it is the server's again, and
    so are those that came after it in its message.
    """
    words[_BEGUN] = edition << _NUMBER | number + 1
    if words[_EDITION] == edition:
        return True
    while words[_SETTLED] != words[_EDITION]:
        time.sleep(_MOMENT)
    return number < words[_FIRST]


class Claims:
    """The server's side."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self.edition = 0
        """To be sent with every job."""
        self._first = 0

    def take_back(self, first: int, count: int) -> int:
        """Of the `count` jobs from number `first` on: how many, the last ones, the worker has not begun, and will not
        begin any more.
        """
        words = self._words
        before, self.edition = self.edition, self.edition + 1
        words[_EDITION] = self.edition
        _barrier()
        edition, end = divmod(words[_BEGUN], 1 << _NUMBER)
        if end > self._first and edition != before:
            # It has been refused that one, which had been taken back before; another one has that number now.
            end = self._first
        # What is outside of these bounds, no worker of ours would write.
        begun = min(max(end - first, 0), count)
        words[_FIRST] = self._first = first + begun
        _barrier()
        words[_SETTLED] = self.edition
        return count - begun

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()


def _barrier() -> None:
    assert _MEMBARRIER is not None
    syscall(_MEMBARRIER, _GLOBAL_EXPEDITED, 0)
