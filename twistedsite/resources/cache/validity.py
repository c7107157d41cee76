"""Whether an answer that is kept still holds: signatures of what it was made from, checked at each use.

`validity_of_entry` and `validity_of_lookups` are the only places that make one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

import attrs

from twistedsite.origins.interface import Entry, Origin
from twistedsite.origins.local import LocalOrigin
from twistedsite.resources.cache.signatures import FileSignature, FolderSignature, UnsettledError, settled_by
from twistedsite.settings.folder import FILE_NAME


@attrs.frozen
class Validity:
    """Signatures of files, of the folders that lead to them, and of the settings in those folders."""

    files: list[FileSignature]
    folders: list[FolderSignature]
    by_name: bool
    """The URL names the file. Otherwise another file that comes into the folder may take its place."""
    now: Callable[[], float]
    """The time in seconds since the epoch."""

    def holds(self) -> bool:
        """Return whether nothing has changed since."""
        try:
            for file in self.files:
                if not file.holds():
                    return False
            for folder in self.folders:
                if not (folder.holds(self.now) if self.by_name else folder.is_untouched()):
                    return False
        except OSError:
            return False
        return True


def validity_of_entry(
    origin: Origin,
    url_path: bytes,
    entry: Entry,
    *,
    asked: float,
    now: Callable[[], float],
    used: Iterable[tuple[str, str]] = (),
    rest: int = 0,
) -> Validity | None:
    """Return the validity of an answer to `url_path` that was made from `entry`.

    `asked` is a time, in seconds since the epoch, before the first look-up. `used` are names and versions of the files
    in the entry's folder that were used; by default the entry alone. The last `rest` segments of the path come after
    the entry's own: they are a script's PATH_INFO. Return None where validity cannot be known: something is not a plain
    file or folder on this disk, or has changed a moment before `asked` or since.
    """
    if not isinstance(origin, LocalOrigin):
        return None
    named = url_path.rsplit(b"/", rest)[0] if rest else url_path
    by_name = unquote_to_bytes(named).endswith(b"/" + entry.name.encode())
    settled = settled_by(asked)
    folders: list[FolderSignature] = []
    files: list[FileSignature] = []
    try:
        for depth in range(len(entry.path)):
            folder = "/".join((origin.root, *entry.path[:depth]))
            settings = f"{folder}/{FILE_NAME}"
            exists = os.path.lexists(settings)
            if exists:
                files.append(FileSignature.of(settings, settled))
            folders.append(FolderSignature.of(folder, None if exists else settings, settled))
        for name, version in used or [(entry.name, entry.version)]:
            files.append(FileSignature.of(f"{folders[-1].path}/{name}", settled, version))
    except (OSError, UnsettledError):
        return None
    return Validity(files, folders, by_name, now)


def validity_of_lookups(
    origin: Origin, paths: Iterable[tuple[str, ...]], *, asked: float, now: Callable[[], float]
) -> Validity | None:
    """Return the validity of what looking up `paths` has found, be it nothing.

    It holds until a name comes or goes in a folder on the way, or a file there changes. `asked`, None: see
    `validity_of_entry`.
    """
    if not isinstance(origin, LocalOrigin):
        return None
    settled = settled_by(asked)
    folders: dict[str, FolderSignature] = {}
    files: dict[str, FileSignature] = {}
    try:
        for path in paths:
            for depth in range(len(path) + 1):
                place = "/".join((origin.root, *path[:depth]))
                if place in folders:
                    continue
                if not os.path.lexists(place):
                    # The signature of its folder covers this.
                    break
                if not os.path.isdir(place):
                    files[place] = FileSignature.of(place, settled)
                    break
                folders[place] = FolderSignature.of(place, None, settled)
                settings = f"{place}/{FILE_NAME}"
                if os.path.lexists(settings):
                    files[settings] = FileSignature.of(settings, settled)
    except (OSError, UnsettledError):
        return None
    return Validity(list(files.values()), list(folders.values()), False, now)
