"""A folder's settings for imports, as plain data."""

from __future__ import annotations

import msgspec


class ImportSettings(msgspec.Struct, frozen=True, array_like=True):
    """Where a script's modules are looked for. Folders are absolute paths on this machine."""

    interpreter: str = ""
    """The name of the interpreter. Empty: each folder has its own."""
    root: str = ""
    """The site's folder, where an interpreter is named: sites never share one."""
    interpreter_folder: str = ""
    """The folder whose settings name the interpreter. It is searched after the script's own folder."""
    pythonpath: tuple[str, ...] | None = None
    """The folders to search; None: the script's own folder."""
    rootpkg: str = ""
    """The dotted name of the package that `rootpkg_folder` is; empty: none."""
    rootpkg_folder: str = ""
    shadow_stdlib: bool = False
    """A module of the site wins over one of Python's with its name."""


PLAIN = ImportSettings()
"""The settings of a folder that sets none of these."""
