"""From text to settings: TOML in, a typed struct or one clear `SettingsError` out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from twistedsite.settings.units import decode_unit

S = TypeVar("S", bound=msgspec.Struct)

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`")


class SettingsError(Exception):
    """A settings file, option or environment variable that cannot be used.

    Its text is one line that names the source, the key and what was expected; it quotes no other content.
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        self.source = source
        self.key = key
        self.problem = problem
        super().__init__(f"{source}: {key}: {problem}" if key else f"{source}: {problem}")


def parse_toml(text: bytes, source: str) -> dict[str, object]:
    """Return the table in `text`, the bytes of a TOML file; `source` names it in the SettingsError raised for a fault."""
    try:
        return tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(source, "", f"is not UTF-8 (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(source, "", f"is not valid TOML: {error}") from None


def convert(table: Mapping[str, object], kind: type[S], source: str) -> S:
    """Return `table` as a `kind`, checking names and types; raises SettingsError for the first fault."""
    try:
        return msgspec.convert(table, kind, dec_hook=decode_unit)
    except msgspec.ValidationError as error:
        raise _explained(error, kind, source) from None


def _explained(error: msgspec.ValidationError, kind: type[S], source: str) -> SettingsError:
    match = _PLACE.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    key = path.lstrip(".")
    if unknown := _UNKNOWN.match(what):
        key = f"{key}.{unknown['key']}" if key else unknown["key"]
        known = ", ".join(sorted(_fields_at(kind, path)))
        return SettingsError(source, key, f"unknown key; known here: {known}")
    return SettingsError(source, key, what[:1].lower() + what[1:])


def _fields_at(kind: type[msgspec.Struct], path: str) -> tuple[str, ...]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    step, _, rest = path.lstrip(".").partition(".")
    inner = fields[step].type if step in fields else None
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return _fields_at(inner, rest)
    return tuple(fields)
