"""The parts of the documentation that the code itself tells: `python docs/generated.py` writes them into the pages.

Such a part stands between `<!-- generated: NAME -->` and `<!-- end -->`. The tests hold every page to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from twistedsite.resources.mapping.folder import PLACE_ROWS, SEGMENT_ROWS
from twistedsite.settings.auth import FolderAuth
from twistedsite.settings.describe import FieldNote, describe, spell
from twistedsite.settings.folder import DEFAULT_INDEX, FolderFile
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.site_table import (
    SiteAuthSettings,
    SiteBackgroundSettings,
    SiteFormLimits,
    SiteSessionSettings,
    SiteStorageSettings,
    SiteTable,
    SiteWorkerSettings,
)
from twistedsite.settings.sources import KNOBS

HERE = Path(__file__).parent
TYPES = {
    "Duration": "duration",
    "Size": "size",
    "Uid": "whole number, 1 or more",
    "Isolation": "`threads` or `workers`",
    "Count": "whole number, 1 or more",
    "int": "whole number",
    "bool": "true or false",
    "str": "text",
    "tuple[str, ...]": "list of texts",
    "tuple[Coding, ...]": "list of `br`, `zstd`, `gzip`",
    "dict[str, str]": "table of texts",
    "FolderAuth": "table",
    "dict[str, OptionValue]": "table of texts, numbers, true or false, lists of texts",
    "dict[str, SiteTable]": "tables, see below",
}

_PART = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_generated_parts(page: str) -> str:
    """Return `page` with each generated part as the code tells it now."""
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n\n{match[3]}", page)


def server_settings() -> str:
    """The top level of the settings file."""
    return _settings([note for note in describe(ServerSettings) if not isinstance(note.default, msgspec.Struct)])


def server_tables() -> str:
    """The tables of the settings file."""
    parts = []
    for note in describe(ServerSettings):
        if isinstance(note.default, msgspec.Struct):
            title, _, about = str(type(note.default).__doc__).partition(": ")
            parts.append(f"### {title}\n\n{about[:1].upper()}{about[1:]}\n\n{_settings(describe(type(note.default)))}")
    return "\n\n".join(parts)


def site_settings() -> str:
    """The tables of one site."""
    parts = []
    for kind in (
        SiteTable,
        SiteWorkerSettings,
        SiteSessionSettings,
        SiteStorageSettings,
        SiteFormLimits,
        SiteBackgroundSettings,
        SiteAuthSettings,
    ):
        title, _, about = str(kind.__doc__).partition(": ")
        notes = [note for note in describe(kind) if not isinstance(note.default, msgspec.Struct)]
        rows = [(f"`{note.name}`", _type(note), note.text) for note in notes]
        parts.append(f"### {title}\n\n{about[:1].upper()}{about[1:]}\n\n{_table(('key', 'type', 'meaning'), rows)}")
    return "\n\n".join(parts)


def folder_settings() -> str:
    """The keys of `_folder.toml`."""
    rows = [(f"`{note.name}`", _type(note), note.text) for note in describe(FolderFile)]
    return _table(("key", "type", "meaning"), rows)


def folder_auth() -> str:
    """The keys of `[auth]` in `_folder.toml`."""
    return _settings(describe(FolderAuth))


def index_names() -> str:
    """The names of index files."""
    return ", ".join(f"`{name}`" for name in DEFAULT_INDEX) + "."


def options() -> str:
    """The options of the command line and their environment variables."""
    rows = []
    for knob in KNOBS:
        option = f"`--{knob.option}`" + (f", `--no-{knob.option}`" if knob.is_switch else "")
        rows.append((option, f"`{knob.variable}`", knob.note.text))
    return _table(("option", "environment variable", "meaning"), rows)


def segment_rows() -> str:
    """The rules about a path's segments."""
    return _table(("a path that has", "becomes"), [(row.there, row.becomes) for row in SEGMENT_ROWS])


def place_rows() -> str:
    """The rules about what stands at a path."""
    return _table(("what is there", "becomes"), [(row.there, row.becomes) for row in PLACE_ROWS])


PARTS: dict[str, Callable[[], str]] = {
    "server-settings": server_settings,
    "server-tables": server_tables,
    "site-settings": site_settings,
    "folder-settings": folder_settings,
    "folder-auth": folder_auth,
    "index-names": index_names,
    "options": options,
    "segment-rows": segment_rows,
    "place-rows": place_rows,
}


def _settings(notes: list[FieldNote]) -> str:
    rows = [(f"`{note.name}`", _type(note), _default(note), note.text) for note in notes]
    return _table(("key", "type", "default", "meaning"), rows)


def _type(note: FieldNote) -> str:
    annotation = note.annotation.removesuffix(" | UnsetType")
    if annotation.startswith("Literal["):
        return " or ".join(f"`{choice.strip(chr(39))}`" for choice in annotation[8:-1].split(", "))
    return TYPES[annotation]


def _default(note: FieldNote) -> str:
    return f"`{spell(note.default)}`" if note.default not in ("", {}, ()) else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    for path in HERE.rglob("*.md"):
        text = path.read_text("utf-8")
        if text != (fresh := with_generated_parts(text)):
            path.write_text(fresh, "utf-8")
