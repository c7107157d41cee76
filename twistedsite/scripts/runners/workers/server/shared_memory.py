"""The memory that the server shares with one worker: ends of its scripts (`answers`), then its last stack."""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from typing import Final

from twistedsite.scripts.messages.failure import FrameReport
from twistedsite.scripts.runners.workers.wire import answers

_STACK: Final = 16 * 1024
"""Bytes that a worker may leave behind as its last stack."""
_MOST_FRAMES: Final = 60
_LINE: Final = re.compile(rb'^  File "(.{1,500})", line (\d{1,7}|\?\?\?) in (.{1,200})$', re.MULTILINE)


class SharedMemory:
    """The server's side. What it finds there is a worker's word, and may be anything."""

    def __init__(self) -> None:
        """Raises OSError."""
        self.descriptor = os.memfd_create("shared", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        """For the worker; to be closed by the caller."""
        try:
            os.ftruncate(self.descriptor, answers.SIZE + _STACK)
            os.lseek(self.descriptor, answers.SIZE, os.SEEK_SET)  # what is written, not mapped, is a stack
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
            self._memory = mmap.mmap(self.descriptor, answers.SIZE + _STACK)
        except BaseException:
            os.close(self.descriptor)
            raise

    def end_of(self, number: int) -> bytes | None:
        """The end of job `number`, encoded, if it is there."""
        return answers.find(self._memory, number)

    def last_stack(self, root: str) -> list[FrameReport]:
        """The stack, from the first frame in a file of the folder `root` on; empty where there is none.

        No more than names and lines, and not too many.
        """
        text = b"" if self._memory.closed else self._memory[answers.SIZE :].split(b"\0", 1)[0]
        frames: list[FrameReport] = []
        for found in reversed(_LINE.findall(text)[:_MOST_FRAMES]):
            name, line, function = (part.decode("utf-8", "replace") for part in found)
            own = name.startswith(root + os.sep)
            if own or frames:
                name = name.removeprefix(root + os.sep) if own else name
                frames.append(FrameReport(name, int(line) if line.isdigit() else 0, function, own))
        return frames

    def close(self) -> None:
        """Let go of it."""
        self._memory.close()
