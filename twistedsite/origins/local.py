"""The folder on this machine's disk. Every path is resolved by the kernel, through a descriptor, so that a symbolic
link that changes in between cannot lead outside.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Final, Literal

from twistedsite.origins.interface import (
    Capabilities,
    Entry,
    FolderPage,
    GoneError,
    Kind,
    OriginError,
    PageView,
    Path,
    UnreadableError,
    Validity,
)
from twistedsite.origins.listing import is_listed, page_of, part_of
from twistedsite.origins.local_files import LocalFile, LocalFolder, kind_of, local_entry
from twistedsite.origins.local_validity import local_validity
from twistedsite.origins.local_writing import LocalWriter
from twistedsite.origins.sorted_names import SortedNames, SortedNamesCache
from twistedsite.origins.version import is_settled

_DELETED: Final = " (deleted)"
"""What Linux adds to the link in /proc of a descriptor whose file has no name any more."""
_ATTEMPTS: Final = 100
"""Looks at a path whose file is replaced each time just then."""
_NOTHING: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES})
"""Errors that tell of a path that nothing can be reached at. All others tell of the machine."""


class LocalOrigin:
    """The tree below `root`. All of its answers come at once; it may be called from any thread."""

    capabilities: Final = Capabilities(synchronous=True, compare_and_swap="process")
    changes: Final = None

    def __init__(
        self,
        root: str,
        symlinks: Literal["inside", "none"] = "inside",
        fsync: bool = True,
        sorted_names: SortedNamesCache | None = None,
    ) -> None:
        """`fsync`: what is written is on the disk before it takes the place of what was there.

        `sorted_names` may be shared by the origins of a server.
        """
        self._given: Final = os.path.abspath(root)
        self._symlinks = symlinks
        self._fsync = fsync
        self._follow_root()
        self._sorted_names = sorted_names or SortedNamesCache()

    def _follow_root(self) -> bool:
        """Find out what the root is, which may be a symbolic link to a release; False where it is as before."""
        root = os.path.realpath(self._given)
        if root == getattr(self, "root", None):
            return False
        self.root = root
        """Without links."""
        self._inside = self.root.rstrip("/") + "/"
        self._writer = LocalWriter(self.root, self._fsync)
        # Below the link: whoever moves it has changed all that it leads to. The dot has the link itself followed.
        self._named = self._inside if root == self._given else self._given + "/./"
        return True

    def lookup_many(self, paths: Sequence[Path]) -> list[Entry | None]:
        return [self._lookup(path) for path in paths]

    def validity(self, found: Mapping[Path, Entry | None]) -> Validity | None:
        return local_validity(self._named.removesuffix("/"), found)

    def children(self, entry: Entry) -> list[Entry]:
        with self._folder(entry) as folder:
            return folder.entries(name for name, _ in folder.names())

    def list_page(self, entry: Entry, view: PageView) -> FolderPage:
        with self._folder(entry) as folder:
            names = self._sorted(folder) if view.sort == "name" else None
            if names is None:
                return page_of(folder.entries(name for name, _ in folder.names()), view)
            ordered = names.names(descending=view.descending)
            part, page, pages = part_of(len(ordered), view)
            shown = [found for found in folder.entries(ordered[part]) if is_listed(found.name, found.kind)]
        return FolderPage(shown, len(names.folders), len(names.files), page, pages)

    def open(self, entry: Entry) -> LocalFile:
        return LocalFile.of(self._reopen(entry, Kind.FILE, os.O_NONBLOCK))

    def read(self, entry: Entry, limit: int) -> bytes:
        file = self.open(entry)
        try:
            if file.size > limit:
                raise GoneError(entry.name)
            return file.read(0, limit)
        finally:
            file.close()

    def local_path(self, entry: Entry) -> str:
        return self._inside + "/".join(entry.path)

    def lock_name(self, path: Path) -> Path:
        return path

    def write(self, path: Path, data: bytes | IO[bytes], expected_version: str | None = None) -> Entry:
        return local_entry(path, Kind.FILE, self._writer.write(path, data, expected_version), time.time_ns())

    def delete(self, path: Path, expected_version: str | None = None) -> None:
        self._writer.delete(path, expected_version)

    def make_folder(self, path: Path) -> Entry:
        return local_entry(path, Kind.FOLDER, self._writer.make_folder(path), time.time_ns())

    def usage(self) -> int:
        return self._writer.usage()

    def _lookup(self, path: Path) -> Entry | None:
        for _ in range(_ATTEMPTS):
            descriptor = self._name(path)
            if descriptor is None:
                return None
            try:
                now = time.time_ns()
                kind, status = self._judge(descriptor, path)
            except OSError as error:
                raise _failing(error, path) from error
            finally:
                os.close(descriptor)
            if status.st_nlink or kind not in (Kind.FILE, Kind.FOLDER):
                return local_entry(path, kind, status, now)
            # It has just lost its name. Where another file has taken that, nothing was missing at any moment.
        return None

    def _name(self, path: Path) -> int | None:
        """A descriptor that names what is at `path` without opening it: a FIFO does not block, no device is touched.

        None where nothing is. Raises OriginError.
        """
        try:
            return os.open(self._named + "/".join(path), os.O_PATH | os.O_CLOEXEC)
        except ValueError:
            return None
        except OSError as error:
            if error.errno in _NOTHING:
                return None
            raise _failing(error, path) from error

    def _judge(self, descriptor: int, path: Path) -> tuple[Kind, os.stat_result]:
        """What `descriptor`, which names what is at `path`, stands for. Raises OSError."""
        status = os.fstat(descriptor)
        real = os.readlink(f"/proc/self/fd/{descriptor}")
        if not self._is_named(real, path) and not (self._follow_root() and self._is_named(real, path)):
            followed = self._symlinks == "inside" and (real == self.root or real.startswith(self._inside))
            if not followed:
                return Kind.OUTSIDE, status
        return kind_of(status.st_mode), status

    def _is_named(self, real: str, path: Path) -> bool:
        """Whether `real` is what `path` names, with no link on the way."""
        named = self._inside + "/".join(path)
        return real == named or real.removesuffix(_DELETED) == named.rstrip("/")

    def _reopen(self, entry: Entry, kind: Kind, flags: int) -> int:
        """Open for reading what is at the path of `entry`, if it is of `kind`; else raises GoneError."""
        descriptor = self._name(entry.path)
        if descriptor is None:
            raise GoneError(entry.name)
        try:
            if self._judge(descriptor, entry.path)[0] is not kind:
                raise GoneError(entry.name)
            # The very file that was judged, by its descriptor: a name could mean another one by now.
            return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC | flags)
        except PermissionError as error:
            raise UnreadableError(entry.name) from error
        except OSError as error:
            if error.errno in _NOTHING:
                raise GoneError(entry.name) from error
            raise _failing(error, entry.path) from error
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _folder(self, entry: Entry) -> Iterator[LocalFolder]:
        descriptor = self._reopen(entry, Kind.FOLDER, os.O_DIRECTORY)
        try:
            yield LocalFolder(descriptor, entry.path, self._lookup)
        finally:
            os.close(descriptor)

    def _sorted(self, folder: LocalFolder) -> SortedNames | None:
        """The sorted names of `folder`; None where it holds symbolic links: what these stand for may change unseen."""
        now = time.time_ns()
        status = folder.status()
        key, changed = (status.st_dev, status.st_ino), status.st_ctime_ns
        names = self._sorted_names.get(key, changed)
        if names is None:
            found = [(name, kind) for name, kind in folder.names() if is_listed(name, kind)]
            kinds = [(name, kind) for name, kind in found if kind is not None]
            if len(kinds) < len(found):
                return None
            names = SortedNames.of(kinds)
            if is_settled(status, now):
                self._sorted_names.keep(key, changed, names)
        return names


def _failing(error: OSError, path: Path) -> OriginError:
    """What tells of `error` without naming anything of this machine."""
    number = error.errno or errno.EIO
    return OriginError(number, os.strerror(number), "/" + "/".join(path))
