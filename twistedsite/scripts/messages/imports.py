"""Where the modules of a script come from, as the settings of its folder say: plain data, passed to workers too."""

from __future__ import annotations

import msgspec


class Imports(msgspec.Struct, frozen=True, array_like=True):
    """The settings of a folder that concern imports. Folders are absolute paths on this machine."""

    interpreter: str = ""
    """The name of the interpreter; empty: each folder has its own."""
    root: str = ""
    """The site's folder, where an interpreter is named: sites do not share any."""
    interpreter_folder: str = ""
    """The folder whose settings name it: searched after the script's own."""
    pythonpath: tuple[str, ...] | None = None
    """The folders to search; None: the script's own."""
    rootpkg: str = ""
    """The package, dotted, that `rootpkg_folder` is; empty: none."""
    rootpkg_folder: str = ""


PLAIN = Imports()
"""Where no settings say anything."""
