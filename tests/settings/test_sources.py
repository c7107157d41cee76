"""Defaults, settings file, environment, options: who is heard, and who is named when something is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sources import KNOBS, MAX_FILE, LoadedSettings, load_server_settings


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that holds the folder `site`."""
    (tmp_path / "site").mkdir()
    return tmp_path


def load(place: Path, file: str = "", environ: dict[str, str] | None = None, **options: object) -> LoadedSettings:
    if file:
        (place / "s.toml").write_text(file)
        options["settings"] = "s.toml"
    return load_server_settings({"root": "site", **options}, environ or {}, str(place))


def fault(place: Path, file: str = "", environ: dict[str, str] | None = None, **options: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(place, file, environ, **options)
    return str(caught.value)


def test_what_nobody_says_is_the_default(place: Path) -> None:
    assert load(place).settings == ServerSettings(root=str(place / "site"))


def test_options_win_over_the_environment_and_that_over_the_file(place: Path) -> None:
    file = "threads = 1\ntimeout = '1s'\nlisting = false"
    settings = load(place, file, {"SCRIPTSITE_THREADS": "2", "SCRIPTSITE_TIMEOUT": "2s"}, threads="3").settings
    assert (settings.threads, settings.timeout, settings.listing) == (3, 2.0, False)


VALUES = {
    "root": "site",
    "listen": "tcp:1 tcp:2",
    "symlinks": "none",
    "timeout": "7s",
    "threads": "7",
    "isolation": "workers",
    "sandbox": "required",
    "pythonpath": "/srv/lib /srv/more",
    "sessions": "sqlite:s.db",
    "max_body": "7M",
    "access_log": "off",
    "log_format": "json",
    "health": "/ok",
    "drain": "7s",
    "watchdog": "7s",
}


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_every_setting_of_the_table_can_come_from_the_environment(knob: object, place: Path) -> None:
    assert hasattr(knob, "name")
    name = knob.name
    text = VALUES.get(name) or ("false" if getattr(ServerSettings(), name) else "true")
    loaded = load_server_settings({"root": "site"} if name != "root" else {}, {knob.variable: text}, str(place))
    assert loaded.sources[name] == f"environment variable SCRIPTSITE_{name.upper()}"
    assert getattr(loaded.settings, name) != getattr(ServerSettings(), name)


def test_a_list_in_the_environment_is_parted_by_blanks(place: Path) -> None:
    assert load(place, environ={"SCRIPTSITE_LISTEN": "tcp:1 tcp:2"}).settings.listen == ("tcp:1", "tcp:2")


def test_the_environment_can_name_the_settings_file(place: Path) -> None:
    (place / "s.toml").write_text("threads = 3")
    assert load(place, environ={"SCRIPTSITE_SETTINGS": "s.toml"}).settings.threads == 3


def test_paths_in_a_file_are_relative_to_that_file(place: Path) -> None:
    (place / "etc" / "www").mkdir(parents=True)
    (place / "etc" / "s.toml").write_text("root = 'www'\naccess_log = 'access.log'\nsessions = 'sqlite:s.db'")
    settings = load_server_settings({"settings": "etc/s.toml"}, {}, str(place)).settings
    assert settings.root == str(place / "etc" / "www")
    assert settings.access_log == str(place / "etc" / "access.log")
    assert settings.sessions == f"sqlite:{place}/etc/s.db"


def test_paths_in_options_are_relative_to_the_current_folder(place: Path) -> None:
    settings = load(place, access_log="access.log", sessions="sqlite:s.db").settings
    assert (settings.access_log, settings.sessions) == (str(place / "access.log"), f"sqlite:{place}/s.db")


@pytest.mark.parametrize("word", ["-", "off"])
def test_the_words_for_the_access_log_are_no_paths(word: str, place: Path) -> None:
    assert load(place, access_log=word).settings.access_log == word


def test_a_fault_names_its_source(place: Path) -> None:
    assert fault(place, "threads = 'x'") == "s.toml: threads: expected a whole number, got text"
    assert (
        fault(place, environ={"SCRIPTSITE_THREADS": "x"})
        == "environment variable SCRIPTSITE_THREADS: expected a whole number, got text"
    )
    assert fault(place, threads="x") == "option --threads: expected a whole number, got text"
    assert fault(place, max_body="x").startswith("option --max-body: expected a size such as 16M")


def test_a_fault_is_told_even_where_a_later_source_would_win(place: Path) -> None:
    assert fault(place, "threads = 'x'", threads="3").startswith("s.toml: threads: ")


def test_an_unknown_variable_is_told(place: Path) -> None:
    assert fault(place, environ={"SCRIPTSITE_ROOOT": "x"}).startswith("environment variable SCRIPTSITE_ROOOT: unknown;")


@pytest.mark.parametrize(
    ("root", "problem"), [("nowhere", "there is no such folder"), ("s.txt", "is not a folder"), ("", "no folder given")]
)
def test_a_missing_folder_is_told(root: str, problem: str, place: Path) -> None:
    (place / "s.txt").touch()
    message = fault(place, root=root)
    assert problem in message
    assert not root or message.startswith(f"option --root: {place / root}: ")


def test_a_missing_folder_of_a_file_is_told_with_its_key(place: Path) -> None:
    (place / "s.toml").write_text("root = 'nowhere'")
    with pytest.raises(SettingsError, match=re.escape(f"s.toml: root: {place}/nowhere: there is no such folder")):
        load_server_settings({"settings": "s.toml"}, {}, str(place))


def test_a_settings_file_that_cannot_be_read_is_told(place: Path) -> None:
    assert fault(place, settings="none.toml") == "none.toml: cannot be read: No such file or directory"
    assert fault(place, "#" * (MAX_FILE + 1)) == f"s.toml: is longer than {MAX_FILE} bytes"


def test_blame_gives_a_later_fault_the_source_of_its_key(place: Path) -> None:
    loaded = load(place, listen=["foo"])
    assert str(loaded.blame(SettingsError("", "listen", "bad"))) == "option --listen: bad"
    assert str(loaded.blame(SettingsError("", "sessions", "bad"))) == "default: sessions: bad"
