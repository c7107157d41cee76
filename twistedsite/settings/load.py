"""From text to settings: TOML in, a typed struct or one clear `SettingsError` out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from twistedsite.settings.units import decode_unit

S = TypeVar("S", bound=msgspec.Struct)

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`")
_OWN_CHECK = re.compile(r"(?P<key>[\w.]+): (?P<problem>.*)", re.DOTALL)
"""A ValueError of a struct's `__post_init__`. It names its key itself."""
_ANY_NAME = "[*]"
"""In the path to a value: a key of a table whose keys are names. msgspec's `[...]` has dots."""
_BROKEN_TOML = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_TYPES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "array": "a list",
    "object": "a table",
}


class SettingsError(Exception):
    """A settings file, option or environment variable that cannot be used.

    Its text is one line that names the source, the key and what was expected; it quotes no other content.
    """

    def __init__(self, source: str, key: str, problem: str, line: int = 0) -> None:
        self.source = source
        self.key = key
        self.problem = problem
        self.line = line
        """Line in the file, from 1; 0 where the error does not say it."""
        super().__init__(": ".join(part for part in (source, key, problem) if part))


def parse_toml(text: bytes, source: str) -> dict[str, object]:
    """Return the table in `text`, the bytes of a TOML file; `source` names it in a SettingsError."""
    try:
        return tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise SettingsError(source, "", f"is not UTF-8 (byte {error.start})", line) from None
    except tomllib.TOMLDecodeError as error:
        place = _BROKEN_TOML.search(str(error))
        line = int(place["line"]) if place and place["line"] else text.count(b"\n")
        raise SettingsError(source, "", f"is not valid TOML: {error}", max(line, 1)) from None


def convert(table: Mapping[str, object], kind: type[S], source: str, *, strict: bool = True) -> S:
    """Convert `table` to `kind`, with checks of names and types. Raises SettingsError for the first fault.

    With `strict` off, text stands for what it spells (`"16"` a number, `"true"` a switch): options, environment.
    """
    try:
        return msgspec.convert(table, kind, dec_hook=decode_unit, strict=strict)
    except msgspec.ValidationError as error:
        raise _explained(error, kind, source) from None


def faults(table: Mapping[str, object], kind: type[S], source: str) -> Iterator[SettingsError]:
    """Yield each fault that `convert` would find in `table`, with its key."""
    for path, single in _singles(table, kind):
        try:
            convert(single, kind, source)
        except SettingsError as error:
            yield error if _ANY_NAME not in error.key else SettingsError(source, ".".join(path), error.problem)


def _singles(
    table: Mapping[str, object], kind: type[msgspec.Struct] | None
) -> Iterator[tuple[tuple[str, ...], dict[str, object]]]:
    """Split `table`, of which `kind` is made, into tables of one value each, with the path to it."""
    whole = _whole_tables(kind) if kind else ()
    for key, value in table.items():
        if isinstance(value, dict) and value and key not in whole:
            for path, single in _singles(value, None):
                yield (key, *path), {key: single}
        else:
            yield (key,), {key: value}


def _whole_tables(kind: type[msgspec.Struct]) -> list[str]:
    """The fields of `kind` whose own keys depend on each other."""
    fields = msgspec.structs.fields(kind)
    return [field.name for field in fields if any(getattr(t, "whole", False) for t in get_args(field.type))]


def _explained(error: msgspec.ValidationError, kind: type[msgspec.Struct], source: str) -> SettingsError:
    match = _PLACE.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    key = path.lstrip(".").replace("[...]", _ANY_NAME)
    if unknown := _UNKNOWN.match(what):
        known = ", ".join(sorted(_fields_at(kind, key)))
        name = f"{key}.{unknown['key']}" if key else unknown["key"]
        return SettingsError(source, name, f"unknown key; known here: {known}")
    if (own := _OWN_CHECK.fullmatch(what)) and own["key"] in _fields_at(kind, key):
        return SettingsError(source, f"{key}.{own['key']}".lstrip("."), own["problem"])
    parent, _, name = key.rpartition(".")
    choices = _choices(_fields_at(kind, parent).get(name))
    if choices and what.startswith("Invalid enum value "):
        return SettingsError(source, key, f"expected {choices}, got {what.removeprefix('Invalid enum value ')}")
    return SettingsError(source, key, _in_words(what))


def _in_words(what: str) -> str:
    """msgspec's message for operators: "Expected `int`, got `str`" becomes "a whole number", "text"."""
    words = re.sub(r"`([^`]+)`", lambda types: " or ".join(_TYPES.get(t, t) for t in types[1].split(" | ")), what)
    return words[:1].lower() + words[1:]


def _choices(kind: Any) -> str:
    choices = next((choice for choice in (kind, *get_args(kind)) if get_origin(choice) is Literal), None)
    return " or ".join(get_args(choices))


def _fields_at(kind: type[msgspec.Struct], path: str) -> dict[str, Any]:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    step, _, rest = path.partition(".")
    inner = fields.get(step.removesuffix(_ANY_NAME))
    if step.endswith(_ANY_NAME) and get_origin(inner) is dict:
        inner = get_args(inner)[1]
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return _fields_at(inner, rest)
    return fields
