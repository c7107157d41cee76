"""The files of one request: reading, replacing under a lock, and files that stay open until the script has succeeded.

An open file is saved when it is closed, or at the end of a script that succeeds. A script that fails saves no open
file. All are encoded before the first is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from twistedsite.scripts.exchange.files import resolve
from twistedsite.scripts.exchange.interface import Storage

_SHARE: Final = 0.9
"""The share of a script's time for which it waits for a lock. The rest is for the answer where that fails."""


def spelled(path: tuple[str, ...]) -> str:
    """`path` as scripts write it."""
    return "/" + "/".join(path)


class ContentError(OSError, ValueError):
    """A file's content is not the expected text or JSON, or cannot be encoded as such."""


class _Open(msgspec.Struct):
    path: tuple[str, ...]
    thing: object
    """The object that the script was given."""
    content: Callable[[], bytes]
    lock: AbstractContextManager[None]


class OpenFiles:
    """The files of the site for a script in `folder`. `time_left` returns the seconds that the script has left."""

    def __init__(self, storage: Storage, folder: tuple[str, ...], time_left: Callable[[], float]) -> None:
        self.storage = storage
        self.folder = folder
        self._time_left = time_left
        self._open: list[_Open] = []
        self._closed: list[object] = []

    def resolve(self, path: str) -> tuple[str, ...]:
        """The segments of `path` from the site's root. Raises PermissionError for a path out of the site."""
        if not isinstance(path, str):
            raise TypeError(f"a path is text, not {type(path).__name__}")
        return resolve(self.folder, path)

    def read(self, path: str) -> bytes:
        """The content of the file at `path`; raises OSError."""
        return self.storage.read(self.resolve(path))

    def replace(self, path: str, timeout: float | None, content: Callable[[bytes | None], bytes]) -> None:
        """Replace `old`, None where there is no file, by `content(old)`, under a lock.

        Waits for at most `timeout` seconds for the lock, else raises TimeoutError.
        """
        segments = self.resolve(path)
        with self._lock(segments, timeout):
            self.storage.write(segments, content(self._read(segments)))

    def write(self, path: str, timeout: float | None, data: bytes) -> None:
        """Replace or create the file at `path`, under a lock."""
        segments = self.resolve(path)
        with self._lock(segments, timeout):
            self.storage.write(segments, data)

    @contextlib.contextmanager
    def opening(self, path: str, timeout: float | None) -> Iterator[Callable[[], bytes | None]]:
        """Lock `path`. The block must call `keep`; where it fails, the lock is released.

        Yields a function that reads the file as it is now: None where there is none.
        """
        segments = self.resolve(path)
        lock = self._lock(segments, timeout)
        lock.__enter__()
        self._open.append(_Open(segments, None, bytes, lock))
        try:
            yield lambda: self._read(segments)
        except BaseException:
            self._release(self._open[-1])
            raise

    def keep(self, thing: object, content: Callable[[], bytes]) -> None:
        """Set the object for the file opened last, and the function for the content to be saved when it is closed."""
        self._open[-1].thing = thing
        self._open[-1].content = content

    def close(self, thing: object) -> None:
        """Save `thing` and release its file. A second call does nothing. Raises ValueError where it was not opened."""
        if (found := self._find(thing)) is not None:
            try:
                self.storage.write(found.path, found.content())
            finally:
                self._release(found)
        elif not any(closed is thing for closed in self._closed):
            raise ValueError("this was not opened by dbpy.io")

    def is_open(self, thing: object) -> bool:
        """Whether `thing` is open."""
        return self._find(thing) is not None

    def discard(self, thing: object) -> None:
        """Release the file of `thing` without saving."""
        if (found := self._find(thing)) is not None:
            self._release(found)

    def close_all(self) -> None:
        """Save and release all open files."""
        waiting = [(found, found.content()) for found in self._open]
        for found, data in waiting:
            self.storage.write(found.path, data)
            self._release(found)

    def discard_all(self) -> None:
        """Release all open files without saving."""
        while self._open:
            self._release(self._open[-1])

    def _find(self, thing: object) -> _Open | None:
        return next((found for found in self._open if found.thing is thing), None)

    def _release(self, found: _Open) -> None:
        found.lock.__exit__(None, None, None)
        self._open.remove(found)
        self._closed.append(found.thing)

    def _lock(self, segments: tuple[str, ...], timeout: float | None) -> AbstractContextManager[None]:
        if any(found.path == segments for found in self._open):
            raise OSError(f"{spelled(segments)} is open in this script already: close it first")
        seconds = self._time_left() * _SHARE if timeout is None else float(timeout)
        return self.storage.lock(segments, max(0.0, seconds), writing=True)

    def _read(self, segments: tuple[str, ...]) -> bytes | None:
        try:
            return self.storage.read(segments)
        except FileNotFoundError:
            return None
