"""The server's settings from all sources: defaults < settings file < environment < options."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import msgspec

from twistedsite.settings.describe import FieldNote, describe
from twistedsite.settings.load import SettingsError, convert, faults, parse_toml
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import anchored, site_faults

PREFIX = "SCRIPTSITE_"
SETTINGS_VARIABLE = f"{PREFIX}SETTINGS"
"""The environment variable that names the settings file."""
MAX_FILE = 1024 * 1024
"""Most bytes of a settings file."""


class Knob(msgspec.Struct, frozen=True):
    """A setting that the command line and the environment can set."""

    note: FieldNote

    @property
    def name(self) -> str:
        """Its key in the settings file."""
        return self.note.name

    @property
    def option(self) -> str:
        """Its name on the command line, without the two dashes."""
        return self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()

    @property
    def is_switch(self) -> bool:
        """Whether it is either on or off."""
        return self.note.type is bool

    @property
    def is_list(self) -> bool:
        """Whether it can be given several times; in the environment with blanks between the values."""
        return self.note.annotation.startswith("tuple[")


def _single_valued(note: FieldNote) -> bool:
    return not isinstance(note.default, msgspec.Struct | dict)


KNOBS: tuple[Knob, ...] = tuple(Knob(note) for note in describe(ServerSettings) if _single_valued(note))
"""All settings with an option and an environment variable. Tables of the file (`[http]` and others) have neither."""


class LoadedSettings(msgspec.Struct, frozen=True):
    """The server's settings, and the source of each."""

    settings: ServerSettings
    sources: dict[str, str]
    """Key -> the file, variable or option that set it. Keys with their default are not in it."""

    def blame(self, error: SettingsError) -> SettingsError:
        """`error`, about a key of these settings, with the source of that key."""
        source = self.sources.get(error.key.partition(".")[0], "default")
        return _error_at(source, error.key, error.problem)


def load_server_settings(options: Mapping[str, object], environ: Mapping[str, str], folder: str) -> LoadedSettings:
    """Return the settings of a server that is started with `options` (key -> text, switch or list) and `environ`.

    `options["settings"]`, or else SCRIPTSITE_SETTINGS, names the settings file. Relative paths are relative to that
    file where they stand in it, else to `folder`. Raises SettingsError for the first fault found.
    """
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    given = {key: value for key, value in options.items() if key != "settings"}
    for table, source_of, base, strict in [
        *_file_layer(options, environ, folder),
        (_from_environment(environ), lambda key: f"environment variable {PREFIX}{key.upper()}", folder, False),
        (given, lambda key: f"option --{key.replace('_', '-')}", folder, False),
    ]:
        for key, value in table.items():
            source = source_of(key)
            if strict:
                _raise_first(faults({key: value}, ServerSettings, source))
            try:
                checked = convert({key: value}, ServerSettings, source, strict=strict)
            except SettingsError as error:
                raise _error_at(source, error.key, error.problem) from None
            values[key] = _anchored(key, getattr(checked, key), base)
            sources[key] = source
    loaded = LoadedSettings(ServerSettings(**values), sources)  # type: ignore[arg-type]  # checked key by key above
    _check_root(loaded)
    _raise_first(site_faults(loaded.settings.sites, sources.get("sites", "")))
    return loaded


def _raise_first(errors: Iterator[SettingsError]) -> None:
    for error in errors:
        raise error


def _file_layer(
    options: Mapping[str, object], environ: Mapping[str, str], folder: str
) -> Iterator[tuple[Mapping[str, object], Callable[[str], str], str, bool]]:
    name = options.get("settings") or environ.get(SETTINGS_VARIABLE)
    if name:
        path = os.path.join(folder, str(name))
        table = parse_toml(_read(path, str(name)), str(name))
        yield table, lambda key: str(name), os.path.dirname(path), True


def _read(path: str, source: str) -> bytes:
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as error:
        raise SettingsError(source, "", f"cannot be read: {error.strerror}") from None
    if len(text) > MAX_FILE:
        raise SettingsError(source, "", f"is longer than {MAX_FILE} bytes")
    return text


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    knobs = {knob.variable: knob for knob in KNOBS}
    table: dict[str, object] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == SETTINGS_VARIABLE:
            continue
        knob = knobs.get(variable)
        if not knob:
            known = ", ".join(sorted([*knobs, SETTINGS_VARIABLE]))
            raise SettingsError(f"environment variable {variable}", "", f"unknown; known here: {known}")
        table[knob.name] = value.split() if knob.is_list else value
    return table


def _anchored(key: str, value: object, base: str) -> object:
    """`value`, with a path in it made absolute."""
    if key == "root" and value:
        return os.path.abspath(os.path.join(base, str(value)))
    if key == "pythonpath" and isinstance(value, tuple):
        return tuple(os.path.abspath(os.path.join(base, folder)) for folder in value)
    if key == "access_log" and value not in ("-", "off"):
        return os.path.abspath(os.path.join(base, str(value)))
    if key == "sites" and isinstance(value, dict):
        return anchored(value, base)
    if key == "sessions" and str(value).startswith("sqlite:"):
        return "sqlite:" + os.path.abspath(os.path.join(base, str(value).removeprefix("sqlite:")))
    return value


def _check_root(loaded: LoadedSettings) -> None:
    root = loaded.settings.root
    if not root and loaded.settings.sites:
        return
    if not root:
        raise SettingsError("root", "", "no folder given to serve; say for example --root ./site")
    if not os.path.isdir(root):
        problem = "is not a folder" if os.path.exists(root) else "there is no such folder"
        raise loaded.blame(SettingsError("", "root", f"{root}: {problem}"))


def _error_at(source: str, key: str, problem: str) -> SettingsError:
    """The error, without the key where the source, an option or a variable, names it already."""
    return SettingsError(source, "" if source.startswith(("option ", "environment ")) else key, problem)
