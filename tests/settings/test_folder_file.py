"""`_folder.toml`: what a folder may say, and what of it holds below the folders above."""

from __future__ import annotations

import pytest

from twistedsite.settings.folder import DEFAULT_INDEX, FolderFile, FolderSettings
from twistedsite.settings.load import SettingsError, convert, parse_toml
from twistedsite.settings.server import ServerSettings, StorageSettings


def folder(text: str) -> FolderFile:
    return convert(parse_toml(text.encode(), "_folder.toml"), FolderFile, "_folder.toml")


def below(*texts: str, server: ServerSettings | None = None) -> FolderSettings:
    settings = FolderSettings.of_server(server or ServerSettings())
    for text in texts:
        settings = settings.with_file(folder(text))
    return settings


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("colour = 1", "_folder.toml: colour: unknown key; known here: auth, autoreload, debug, "),
        ("index = ['a/b']", "_folder.toml: index: expected names of files, got 'a/b'"),
        ("headers = {'a b' = 'x'}", "_folder.toml: headers: 'a b' is no header field that a folder can set"),
        ("headers = {Content-Length = '3'}", "_folder.toml: headers: 'Content-Length' is no header field"),
        ('headers = {x = "a\\r\\nb: c"}', "_folder.toml: headers: expected one line of text for x"),
        ("redirects = {old = ''}", "_folder.toml: redirects: expected a URL or a path for 'old'"),
        (
            "errors = {200 = 'x'}",
            "_folder.toml: errors: expected a status from 400 to 599 and a file for it, got '200'",
        ),
        ("writable = ['']", "_folder.toml: writable: expected paths from the site's root, such as /data, got ''"),
        ("writable = ['/a/../b']", "_folder.toml: writable: expected paths from the site's root, such as /data, got "),
        ("timeout = 0", "_folder.toml: timeout: expected more than 0"),
        ("listing = 'no'", "_folder.toml: listing: expected true or false, got text"),
    ],
)
def test_a_fault_is_one_line(text: str, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        folder(text)
    assert str(caught.value).startswith(fault)


def test_a_folder_without_a_file_has_the_servers_settings() -> None:
    settings = below()
    assert (settings.debug, settings.timeout, settings.index) == (False, 25.0, DEFAULT_INDEX)


def test_settings_are_inherited_downwards() -> None:
    settings = below("debug = true\nlisting = false\noptions = {a = 1, b = 1}", "options = {b = 2}")
    assert (settings.debug, settings.listing, settings.options) == (True, False, {"a": 1, "b": 2})


def test_a_limit_can_be_lowered_and_never_raised() -> None:
    assert below("timeout = '5s'").timeout == 5
    assert below("timeout = '5m'").timeout == 25
    assert below("timeout = '5s'", "timeout = '10s'").timeout == 5


def test_scripts_can_be_turned_off_and_never_on() -> None:
    assert not below("scripts = false", "scripts = true").scripts
    assert not below("scripts = true", server=ServerSettings(scripts=False)).scripts


@pytest.mark.parametrize(
    ("server", "texts", "writable"),
    [
        (["/"], [], [()]),
        (["/"], ["debug = true"], [()]),
        (["/"], ["writable = []"], []),
        (["/"], ["writable = ['/a/b', 'c/']"], [("a", "b"), ("c",)]),
        (["/a", "/b/c"], ["writable = ['/']"], [("a",), ("b", "c")]),
        (["/a", "/b/c"], ["writable = ['/b', '/a/x', '/aa', '/d']"], [("a", "x"), ("b", "c")]),
        (["/"], ["writable = ['/a']", "writable = ['/', '/b']"], [("a",)]),
        (["/"], ["writable = []", "writable = ['/']"], []),
        ([], ["writable = ['/']"], []),
    ],
)
def test_writable_paths_can_be_narrowed_and_never_widened(
    server: list[str], texts: list[str], writable: list[tuple[str, ...]]
) -> None:
    settings = ServerSettings(storage=StorageSettings(writable=tuple(server)))
    assert sorted(below(*texts, server=settings).writable) == writable


def test_an_empty_header_removes_an_inherited_one() -> None:
    assert below("headers = {X-A = '1', X-B = '2'}", "headers = {X-A = ''}").headers == {"X-B": "2"}


def test_redirects_are_not_inherited() -> None:
    assert below("redirects = {old = 'new'}").below().redirects == {}
    assert below("redirects = {old = 'new'}", "listing = true").redirects == {}
