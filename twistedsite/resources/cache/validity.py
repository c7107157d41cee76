"""What an answer that is kept was made from: its files and the folders on the way, checked at each use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import attrs

from twistedsite.resources.cache.signatures import FileSignature, FolderSignature, UnsettledError, settled_by
from twistedsite.settings.folder import FILE_NAME


@attrs.frozen
class Grounds:
    """Signatures of files, of the folders that lead to them, and of the settings that stand in those."""

    files: list[FileSignature]
    folders: list[FolderSignature]
    by_name: bool
    """The URL names the file; else another file that comes into its folder may take its place."""

    @classmethod
    def of(
        cls, root: str, path: tuple[str, ...], versions: Iterable[tuple[str, str]], *, by_name: bool, asked: float
    ) -> Grounds | None:
        """The grounds of what was made from the file at `path` below the folder `root`.

        `versions` are the names and versions (`local_version`) of what was used in that file's folder. `asked` is the
        time before which anything may have been read, in seconds since the epoch. None where something is not plain,
        or has changed a moment ago or since.
        """
        settled = settled_by(asked)
        folders: list[FolderSignature] = []
        files: list[FileSignature] = []
        try:
            for depth in range(len(path)):
                folder = "/".join((root, *path[:depth]))
                settings = f"{folder}/{FILE_NAME}"
                exists = os.path.lexists(settings)
                if exists:
                    files.append(FileSignature.of(settings, settled))
                folders.append(FolderSignature.of(folder, None if exists else settings, settled))
            for name, version in versions:
                files.append(FileSignature.of(f"{folders[-1].path}/{name}", settled, version))
        except (OSError, UnsettledError):
            return None
        return cls(files, folders, by_name)

    @classmethod
    def of_lookups(cls, root: str, paths: Iterable[tuple[str, ...]], asked: float) -> Grounds | None:
        """The grounds of what looking up `paths` below the folder `root` has found, were it nothing.

        They hold until a name comes or goes in a folder on the way, or a file there changes. `asked`, None: see `of`.
        """
        settled = settled_by(asked)
        folders: dict[str, FolderSignature] = {}
        files: dict[str, FileSignature] = {}
        try:
            for path in paths:
                for depth in range(len(path) + 1):
                    place = "/".join((root, *path[:depth]))
                    if place in folders:
                        continue
                    if not os.path.lexists(place):
                        # Its folder, which must not change, says so.
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
        return cls(list(files.values()), list(folders.values()), by_name=False)

    def hold(self, now: Callable[[], float]) -> bool:
        """Whether nothing has changed since. `now` gives seconds since the epoch."""
        try:
            for file in self.files:
                if not file.holds():
                    return False
            for folder in self.folders:
                if not (folder.holds(now) if self.by_name else folder.is_untouched()):
                    return False
        except OSError:
            return False
        return True
