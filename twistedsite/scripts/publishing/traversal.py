"""Finds the function or method of a module that the segments of a URL name. No code of the module is run for that.

A URL reaches what the module itself defines: its functions, and the instances and methods of its classes. It does not
reach names that begin with an underscore, objects without a docstring, imported objects, what belongs to Python itself,
and attributes of functions. Attributes are looked up without properties and `__getattr__`.
"""

from __future__ import annotations

from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from twistedsite.scripts.code.outline import Outline

INDEX: Final = ("index", "index_html")
"""The names that answer for an object itself. The first that exists is taken."""
DEEPEST: Final = 16
"""Most segments after the module."""


class NotPublishedError(LookupError):
    """Nothing is published at this path. The message says why, for the site's author."""


def checked_names(path_info: str, outline: Outline) -> tuple[str, ...]:
    """The names in `path_info`, checked as far as is possible before the module is imported.

    Raises NotPublishedError.
    """
    names = tuple(path_info.strip("/").split("/")) if path_info.strip("/") else ()
    if len(names) > DEEPEST:
        raise NotPublishedError(f"more than {DEEPEST} names")
    for name in names:
        if not name.isidentifier() or name.startswith("_"):
            raise NotPublishedError(f"{name!r} is no name that is published")
    if not outline.names.intersection(names[:1] or INDEX):
        raise NotPublishedError(f"this module defines no {' or '.join(names[:1] or INDEX)}")
    return names


def published(module: ModuleType, names: tuple[str, ...]) -> FunctionType | MethodType:
    """The function or method for `names`, which `checked_names` has returned. Raises NotPublishedError."""
    own = module.__name__
    if not names:
        return _index(module, vars(module), own)
    value = vars(module).get(names[0])
    for owner, name in zip((module, *names), names, strict=False):
        value = value if owner is module else _attribute(value, name)
        if not _is_own(value, own):
            raise NotPublishedError(f"{name} is nothing that this module itself has made")
        if not _has_docstring(value):
            raise NotPublishedError(f"{name} has no docstring")
    if isinstance(value, FunctionType | MethodType):
        return value
    return _index(value, {name: _attribute(value, name) for name in (*INDEX, "__call__")}, own)


def _index(owner: object, candidates: dict[str, Any], own: str) -> FunctionType | MethodType:
    for name in (*INDEX, "__call__"):
        found = candidates.get(name)
        if isinstance(found, FunctionType | MethodType) and _is_own(found, own) and _has_docstring(found):
            return found
    kind = "module" if isinstance(owner, ModuleType) else type(owner).__name__
    raise NotPublishedError(f"this {kind} has no index with a docstring")


def _attribute(owner: object, name: str) -> Any:
    """The attribute `name` of the instance `owner`, found without running its code; None where there is none."""
    if isinstance(owner, FunctionType | MethodType):
        return None
    try:
        inside = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        inside = {}
    if name in inside and not name.startswith("__"):
        return inside[name]
    for kind in type(owner).__mro__:
        if name in kind.__dict__:
            found = kind.__dict__[name]
            if isinstance(found, staticmethod):
                return found.__func__
            if isinstance(found, classmethod):
                return MethodType(found.__func__, type(owner))
            return MethodType(found, owner) if isinstance(found, FunctionType) else found
    return None


def _is_own(value: object, own: str) -> bool:
    if isinstance(value, MethodType):
        value = value.__func__
    if isinstance(value, FunctionType):
        return value.__module__ == own
    return not isinstance(value, type | ModuleType) and type(value).__module__ == own


def _has_docstring(value: object) -> bool:
    text = value.__doc__ if isinstance(value, FunctionType | MethodType) else type(value).__doc__
    return isinstance(text, str) and bool(text.strip())
