"""`dbpy.dropbox`: the folders of the site, by Drapache's names, whatever its origin."""

from __future__ import annotations

import errno
from typing import Any

from twistedsite.scripts.dialects.dbpy.files import OpenFiles, spelled


class Dropbox:
    """Lists and changes folders. Each failure raises an OSError (IOError) that says what and why."""

    def __init__(self, files: OpenFiles) -> None:
        self._files = files

    def list_directory(self, path: str | None = None) -> list[str] | None:
        """The names in the folder at `path`, by default the script's folder; None where it is a file."""
        children = self._files.storage.children(self._files.resolve(path or "."))
        return None if children is None else [child.name for child in children]

    def make_directory(self, path: str) -> str:
        """Create a folder, and those above it. Returns its path from the site's root."""
        segments = self._files.resolve(path)
        self._files.storage.make_folder(segments)
        return spelled(segments)

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it."""
        segments = self._files.resolve(path)
        if not segments:
            raise PermissionError(errno.EACCES, "the site itself cannot be removed", path)
        self._files.storage.remove(segments)

    @property
    def api(self) -> Any:
        """The raw API of the connected Dropbox account. Raises OSError: this site is in none."""
        raise OSError(errno.ENOTSUP, "dbpy.dropbox.api: this site does not lie in a Dropbox")
