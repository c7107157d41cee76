"""Pages of listings, for origins that give all children of a folder, and the order of names that every origin keeps."""

from __future__ import annotations

import re
from typing import Final

from twistedsite.origins.interface import Entry, FolderPage, Kind, PageView

_NUMBER: Final = re.compile(r"\d+", re.ASCII)


def page_of(children: list[Entry], view: PageView) -> FolderPage:
    """The page that `view` asks for, of a folder that has `children`."""
    shown = [child for child in children if is_listed(child.name, child.kind)]
    by_name = view.sort == "name"
    shown.sort(key=lambda entry: natural_key(entry.name), reverse=by_name and view.descending)
    if view.sort == "size":
        shown.sort(key=lambda entry: entry.size, reverse=view.descending)
    elif view.sort == "time":
        shown.sort(key=lambda entry: entry.mtime, reverse=view.descending)
    shown.sort(key=lambda entry: entry.kind is not Kind.FOLDER)
    folders = sum(entry.kind is Kind.FOLDER for entry in shown)
    part, page, pages = part_of(len(shown), view)
    return FolderPage(shown[part], folders, len(shown) - folders, page, pages)


def part_of(count: int, view: PageView) -> tuple[slice, int, int]:
    """Which of `count` entries `view` shows, the number of that page, and how many pages there are."""
    pages = max(1, -(-count // view.size))
    page = min(view.page, pages)
    return slice((page - 1) * view.size, page * view.size), page, pages


def is_listed(name: str, kind: Kind | None) -> bool:
    """Whether a listing shows `name`, which stands for `kind`; None: for what is not known yet."""
    return kind in (Kind.FILE, Kind.FOLDER, None) and not name.startswith(("_", "."))


def natural_key(name: str) -> str:
    """Sort key: case does not count, and `file 9` comes before `file 10`.

    One string, since a sort holds Python's global lock to its end, and strings compare fastest.
    """
    return f"{_NUMBER.sub(_by_length, name.casefold())}\0{name}"


def _by_length(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"0{chr(len(digits))}{digits}"
