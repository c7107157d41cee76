"""The files of one form while its script runs: small ones in memory, all others in one temporary file without a name.

Filled by `http.forms`, handed to scripts as `Upload`. No Twisted here: a worker process imports it.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SPOOL_AT = 64 * 1024
"""A file above this many bytes goes to disk."""
MEMORY = 1024 * 1024
"""Bytes of one form's small files that stay in memory; further ones go to disk whatever their size."""

_SEPARATOR = re.compile(r"[/\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Upload:
    """One file that came with a form.

    `file` is seekable, stands at its beginning, and is gone once the request has ended.
    """

    def __init__(self, name: str, filename: str, content_type: str, file: BinaryIO, size: int) -> None:
        self.name = name
        """The form field's name."""
        self.filename = plain_filename(filename)
        """The last segment of the name that the client gave; may be empty, and is not to be trusted."""
        self.content_type = content_type
        """The media type that the client gave."""
        self.size = size
        """Length in bytes."""
        self.file = file

    @property
    def value(self) -> bytes:
        """Return the whole content, `size` bytes."""
        position = self.file.tell()
        self.file.seek(0)
        content = self.file.read()
        self.file.seek(position)
        return content

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content to the file `path`, replacing it."""
        self.file.seek(0)
        with open(path, "wb") as target:
            shutil.copyfileobj(self.file, target)
        self.file.seek(0)

    def close(self) -> None:
        """Free memory and disk. A second call does nothing."""
        self.file.close()

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r}, {self.content_type}, {self.size} bytes>"


def close_all(uploads: Iterable[Upload]) -> None:
    """Close every one of `uploads`."""
    for upload in uploads:
        upload.close()


def plain_filename(filename: str) -> str:
    """The last segment of a client's file name by either separator, without control characters; `.` and `..`: ""."""
    last = _CONTROL.sub("", _SEPARATOR.split(filename)[-1])
    return "" if last in (".", "..") else last


class UploadSpool:
    """Takes the files of one form, one after the other: `write` the pieces of one, `take` it, go on with the next.

    One temporary file for all, because a form of a thousand files must not cost a thousand descriptors.
    """

    def __init__(self) -> None:
        self._current = io.BytesIO()
        self._in_memory = 0
        self._disk: BinaryIO | None = None
        self._start = -1
        self._end = 0
        self._users = 1
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Append `data` to the current file; raises OSError (disk full)."""
        if self._start < 0:
            self._current.write(data)
            size = self._current.tell()
            if size <= SPOOL_AT and self._in_memory + size <= MEMORY:
                return
            data = self._current.getvalue()
            self._start = self._end
        if self._disk is None:
            self._disk = tempfile.TemporaryFile()  # noqa: SIM115 - it lives until `close`
        self._disk.write(data)
        self._end += len(data)

    def take(self) -> tuple[BinaryIO, int]:
        """End the current file; return it, to be read, and its size."""
        current, start = self._current, self._start
        self._current, self._start = io.BytesIO(), -1
        if start >= 0:
            size = self._end - start
            with self._lock:
                self._users += 1
            return io.BufferedReader(_Slice(self, start, size)), size
        size = current.tell()
        self._in_memory += size
        current.seek(0)
        return current, size

    def read(self, start: int, size: int) -> bytes:
        """Up to `size` bytes of the temporary file from `start`; for a file that was taken and is still open."""
        with self._lock:
            assert self._disk is not None
            self._disk.seek(start)
            return self._disk.read(size)

    def close(self) -> None:
        """Take no further files. The temporary file is closed with the last file that was taken."""
        with self._lock:
            self._users -= 1
            if not self._users and self._disk is not None:
                self._disk.close()
                self._disk = None


class _Slice(io.RawIOBase):
    """One file's part of the spool's temporary file, with a position of its own."""

    def __init__(self, spool: UploadSpool, start: int, size: int) -> None:
        self._spool = spool
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        with memoryview(buffer) as view:
            data = self._spool.read(self._start + self._at, max(0, min(len(view), self._size - self._at)))
            view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the beginning of the file")
        self._at = base + offset
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._spool.close()
        super().close()
