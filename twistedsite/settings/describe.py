"""The docstrings of the settings, for `--help` and for the settings reference."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import msgspec

from twistedsite.settings.units import Duration, Size


class FieldNote(msgspec.Struct, frozen=True):
    """One field of a settings struct."""

    name: str
    type: Any
    annotation: str
    """The type, as written in the source."""
    default: Any
    """`msgspec.NODEFAULT` where there is none."""
    text: str
    """The docstring below the field, in one line."""


def describe(kind: type[msgspec.Struct]) -> list[FieldNote]:
    """Return a note on each field of `kind`, in the order of the source."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    texts: dict[str, str] = {}
    annotations: dict[str, str] = {}
    name = ""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            annotations[name] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            texts[name] = " ".join(str(node.value.value).split())
            name = ""
    return [
        FieldNote(field.name, field.type, annotations[field.name], _default(field), texts.get(field.name, ""))
        for field in msgspec.structs.fields(kind)
    ]


def spell(value: object) -> str:
    """Return a setting's value as it is written on the command line."""
    if isinstance(value, Duration | Size):
        return value.spelling
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(spell(item) for item in value)
    return str(value)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
