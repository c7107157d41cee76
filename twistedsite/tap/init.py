"""`scriptsite init`: writes the small site that a beginner starts from."""

from __future__ import annotations

import os
from importlib import resources
from importlib.resources.abc import Traversable


class FolderNotEmptyError(Exception):
    """The folder is not empty, or is no folder. Nothing was written."""


def write_sample(folder: str) -> list[str]:
    """Write the sample site into `folder`, which is created where it is missing. Return the paths of the files.

    Raises FolderNotEmptyError, or OSError where the folder cannot be written.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise FolderNotEmptyError(f"{folder}: is not a folder")
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise FolderNotEmptyError(f"{folder}: is not empty; nothing was written")
    return _copy(resources.files("twistedsite.tap").joinpath("sample"), folder)


def _copy(source: Traversable, folder: str) -> list[str]:
    written = []
    for item in sorted(source.iterdir(), key=lambda item: item.name):
        path = os.path.join(folder, item.name)
        if item.is_dir():
            os.mkdir(path)
            written += _copy(item, path)
        else:
            with open(path, "xb") as file:
                file.write(item.read_bytes())
            written.append(path)
    return written
