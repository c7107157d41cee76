"""The files of a site as its scripts use them, by paths as text, and locks on paths.

The server decides by the settings of the script's folder what a script may read and write, never by what the script
says of itself.
"""

from __future__ import annotations

import errno
from contextlib import AbstractContextManager
from types import TracebackType

from twistedsite.scripts.exchange.interface import LockHolder, Storage


def resolve(folder: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The segments of `path`: from the site's root where it begins with `/`, else from `folder`.

    `.`, `..` and empty segments mean the same as in a shell. Raises PermissionError for a path out of the site.
    """
    segments = [] if path.startswith("/") else list(folder)
    for segment in path.split("/"):
        if segment == "..":
            if not segments:
                raise PermissionError(errno.EPERM, "this leads out of the site", path)
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return tuple(segments)


class PathLock:
    """The lock that `Storage.lock` returns. Leaving it before it was entered does nothing."""

    def __init__(self, holder: LockHolder, path: tuple[str, ...], timeout: float, writing: bool) -> None:
        self._holder = holder
        self._path = path
        self._timeout = timeout
        self._writing = writing
        self._times = 0

    def __enter__(self) -> None:
        self._holder.acquire(self._path, self._timeout, self._writing)
        self._times += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._times:
            self._times -= 1
            self._holder.release(self._path)


class SiteFiles:
    """`storage` in a script: paths are text, relative to `folder` or, with a slash, to the site's root."""

    def __init__(self, storage: Storage, folder: tuple[str, ...]) -> None:
        self._storage = storage
        self._folder = folder

    def read(self, path: str) -> bytes:
        """See `Storage.read`."""
        return self._storage.read(resolve(self._folder, path))

    def write(self, path: str, data: bytes | str) -> None:
        """See `Storage.write`. Text is written as UTF-8."""
        content = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        self._storage.write(resolve(self._folder, path), content)

    def names(self, path: str = ".") -> list[str] | None:
        """The sorted names in a folder, folders with a slash at their end; None where `path` is a file."""
        found = self._storage.children(resolve(self._folder, path))
        return None if found is None else [child.name + ("/" if child.is_folder else "") for child in found]

    def make_folder(self, path: str) -> None:
        """See `Storage.make_folder`."""
        self._storage.make_folder(resolve(self._folder, path))

    def remove(self, path: str) -> None:
        """See `Storage.remove`."""
        self._storage.remove(resolve(self._folder, path))

    def lock(self, path: str, timeout: float = 10.0) -> AbstractContextManager[None]:
        """See `Storage.lock`; `timeout` in seconds."""
        return self._storage.lock(resolve(self._folder, path), timeout)
