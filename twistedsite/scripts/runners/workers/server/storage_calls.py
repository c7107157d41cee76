"""What a worker's script asks of its site's files. Paths are hostile: the storage itself checks each."""

from __future__ import annotations

import errno
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from twistedsite.origins.interface import OpenFile
from twistedsite.scripts.broker.storage import RequestStorage
from twistedsite.scripts.runners.workers.wire.frames import (
    LARGE,
    CallAnswer,
    CloseStorage,
    Failing,
    ListFolder,
    LockPath,
    MakeFolder,
    Piece,
    ReadFile,
    RemovePath,
    StorageCall,
    UnlockPath,
    WriteFile,
    encode,
)

INLINE: Final = 64 * 1024
"""Bytes of a file that are sent in the answer; of a larger one the worker gets a descriptor."""


class StorageCalls:
    """The storage calls of one job. `perform` may block; `close` comes from another thread."""

    def __init__(self, storage: RequestStorage) -> None:
        self._storage = storage
        self._pieces: IO[bytes] | None = None
        self._file: OpenFile | IO[bytes] | None = None

    def perform(self, call: StorageCall) -> CallAnswer:
        """Do what is asked for. Where the answer is attached, `take_file` is to follow."""
        try:
            return self._performed(call)
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else None
            text = error.strerror or str(error) or type(error).__name__
            return CallAnswer(failing=Failing.SYSTEM, message=text, number=error.errno or errno.EIO, path=path)

    def take_file(self) -> OpenFile | IO[bytes] | None:
        """The file that goes with the last answer, to be closed by the caller."""
        file, self._file = self._file, None
        return file

    def close(self) -> None:
        """Release every lock, and wake the call that waits for one."""
        self._storage.close()

    def discard(self) -> None:
        """Forget the pieces of a file that is not written. No call may be under way."""
        pieces, self._pieces = self._pieces, None
        if pieces is not None:
            pieces.close()

    def _performed(self, call: StorageCall) -> CallAnswer:
        storage = self._storage
        match call:
            case ReadFile():
                return self._read(call)
            case Piece():
                self._add(call)
            case WriteFile():
                self._write(call)
            case ListFolder():
                return CallAnswer(encode(storage.children(call.path)))
            case MakeFolder():
                storage.make_folder(call.path)
            case RemovePath():
                storage.remove(call.path)
            case LockPath():
                storage.acquire(call.path, call.timeout, call.writing)
            case UnlockPath():
                storage.release(call.path)
            case CloseStorage():
                storage.close()
        return CallAnswer()

    def _read(self, call: ReadFile) -> CallAnswer:
        file = self._storage.open(call.path)
        if file.size > INLINE:
            self._file = self._storage.with_descriptor(file)
            return CallAnswer(attached=True)
        return CallAnswer(self._storage.content(file))

    def _add(self, call: Piece) -> None:
        if call.offset == 0:
            self.discard()
            self._pieces = SpooledTemporaryFile(LARGE)  # noqa: SIM115  # `discard` closes it, when the job is over
        try:
            self._storage.check_size(call.offset + len(call.data))
            self._append(call.offset, call.data)
        except OSError:
            self.discard()
            raise

    def _append(self, offset: int, data: bytes) -> IO[bytes]:
        if self._pieces is None or self._pieces.tell() != offset:
            raise OSError(errno.EINVAL, "a part of the file is missing")
        self._pieces.write(data)
        return self._pieces

    def _write(self, call: WriteFile) -> None:
        try:
            pieces = self._append(call.offset, call.data) if call.offset else None
            self._storage.write(call.path, call.data if pieces is None else pieces)
        finally:
            self.discard()
