"""The storage of a script in a worker. It checks nothing: what the script may do is the server's to say."""

from __future__ import annotations

import errno
import threading
from typing import Final, Protocol

from twistedsite.scripts.exchange.files import PathLock
from twistedsite.scripts.messages.storage import Child
from twistedsite.scripts.runners.workers.wire.frames import (
    LARGE,
    Call,
    CallAnswer,
    Children,
    CloseStorage,
    Failing,
    ListFolder,
    LockPath,
    MakeFolder,
    Path,
    Piece,
    ReadFile,
    RemovePath,
    UnlockPath,
    WriteFile,
    decode,
)

_PIECE: Final = LARGE // 2
"""Bytes of a file's content that go into one frame."""

_MAX_PATH: Final = 64 * 1024


class Caller(Protocol):
    """Who makes the calls."""

    def call(self, call: Call) -> tuple[CallAnswer, int | None] | None:
        """What the server says to `call`, and the descriptor that comes with it; None: the request is over."""
        ...


class RemoteStorage:
    """See `Storage`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._used = False
        self._closed = False
        self._writing = threading.Lock()
        """Held while a file goes over in pieces."""

    def read(self, path: Path) -> bytes:
        answer, descriptor = self._call(ReadFile(path), path)
        if descriptor is None:
            return answer.data or b""
        with open(descriptor, "rb") as file:
            return file.read()

    def write(self, path: Path, data: bytes) -> None:
        last = max(0, len(data) - 1) // _PIECE * _PIECE
        with self._writing:
            for start in range(0, last, _PIECE):
                self._call(Piece(start, data[start : start + _PIECE]), path)
            self._call(WriteFile(path, last, data[last:]), path)

    def children(self, path: Path) -> list[Child] | None:
        answer, _ = self._call(ListFolder(path), path)
        children: list[Child] | None = decode(answer.data or b"", Children)
        return children

    def make_folder(self, path: Path) -> None:
        self._call(MakeFolder(path), path)

    def remove(self, path: Path) -> None:
        self._call(RemovePath(path), path)

    def lock(self, path: Path, timeout: float, *, writing: bool = False) -> PathLock:
        return PathLock(self, path, timeout, writing)

    def acquire(self, path: Path, timeout: float, writing: bool) -> None:
        """See `LockHolder`."""
        self._call(LockPath(path, timeout, writing), path)

    def release(self, path: Path) -> None:
        """See `LockHolder`."""
        if not self._closed:
            self._call(UnlockPath(path), path)

    def close(self) -> None:
        if self._used and not self._closed:
            self._caller.call(CloseStorage())
        self._closed = True

    def _call(self, call: Call, path: Path) -> tuple[CallAnswer, int | None]:
        if sum(map(len, path)) > _MAX_PATH or not _is_text(path):
            raise OSError(errno.EINVAL, "not a path of this site", "/" + "/".join(path)[:1000])
        self._used = True
        answered = None if self._closed else self._caller.call(call)
        if answered is None:
            raise OSError(errno.EBADF, "the request is over, and with it its way to the files")
        answer, _ = answered
        if answer.failing is Failing.SYSTEM:
            raise OSError(answer.number, answer.message, answer.path or "/" + "/".join(path))
        if answer.failing is not None:
            raise OSError(errno.EIO, answer.message)
        return answered


def _is_text(path: Path) -> bool:
    """Whether a frame can hold it: what the system has decoded from a name that is not UTF-8 is no text."""
    try:
        "".join(path).encode()
    except UnicodeEncodeError:
        return False
    return True
