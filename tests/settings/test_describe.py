"""The settings describe themselves: `--help` and the settings reference are made from their source."""

from __future__ import annotations

import msgspec
import pytest

from twistedsite.settings.describe import describe, spell
from twistedsite.settings.folder import FolderFile
from twistedsite.settings.server import FormLimits, HttpLimits, ServerSettings, SessionSettings, ThreadSettings

TABLES = {"http": HttpLimits, "forms": FormLimits, "pool": ThreadSettings, "session": SessionSettings}


@pytest.mark.parametrize("kind", [ServerSettings, FolderFile, *TABLES.values()], ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_is_for(kind: type[msgspec.Struct]) -> None:
    silent = [note.name for note in describe(kind) if not note.text and not isinstance(note.default, msgspec.Struct)]
    assert silent == []


def test_a_note_has_name_type_default_and_text() -> None:
    note = next(note for note in describe(ServerSettings) if note.name == "timeout")
    assert (note.annotation, note.default) == ("Duration", 25.0)
    assert note.text.startswith("A script that has not finished by then is stopped")


def test_defaults_are_spelt_as_an_operator_would_write_them() -> None:
    defaults = {note.name: spell(note.default) for note in describe(ServerSettings)}
    assert (defaults["timeout"], defaults["max_body"], defaults["debug"]) == ("25s", "16M", "false")
    assert defaults["listen"] == "tcp:8080:interface=127.0.0.1"
