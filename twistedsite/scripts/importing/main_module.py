"""`__main__` for scripts that are run as programs: each finds itself there.

`sys.modules["__main__"]` is one for the process. It is replaced by a module whose attributes are those of the script in
the calling context, else of the program. So a script's classes can be pickled, and all that looks their module up
(typing, dataclasses, `import __main__`) finds it. A file that is a module for one request has such a stand-in too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, Final

_MAIN: Final = "__main__"
_none: Final[dict[str, dict[str, Any]]] = {}
_namespaces: Final[ContextVar[dict[str, dict[str, Any]]]] = ContextVar("namespaces", default=_none)
"""Name of a module -> its attributes, in this context."""


class StandIn(ModuleType):
    """Stands for the module `name` of the calling context, else for `original`."""

    def __init__(self, name: str, original: ModuleType) -> None:
        super().__init__(name)
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_original", original)

    def __getattribute__(self, name: str) -> Any:
        original = object.__getattribute__(self, "_original")
        own = object.__getattribute__(self, "_name")
        namespace = _namespaces.get().get(own)
        if namespace is None:
            return getattr(original, name)
        if name == "__dict__":
            return namespace
        if name in namespace:
            return namespace[name]
        if name.startswith("__"):
            return getattr(original, name)
        raise AttributeError(f"module {own!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        own = object.__getattribute__(self, "_name")
        namespace = _namespaces.get().get(own)
        if namespace is None:
            setattr(object.__getattribute__(self, "_original"), name, value)
        else:
            namespace[name] = value

    def __delattr__(self, name: str) -> None:
        own = object.__getattribute__(self, "_name")
        namespace = _namespaces.get().get(own)
        if namespace is None:
            delattr(object.__getattribute__(self, "_original"), name)
        elif name in namespace:
            del namespace[name]
        else:
            raise AttributeError(f"module {own!r} has no attribute {name!r}")


def be_main(namespace: dict[str, Any]) -> None:
    """Make `namespace` the `__main__` of this context, to its end: sessions are saved after the script."""
    _namespaces.set({_MAIN: namespace})
    _stand_in(_MAIN)


@contextmanager
def also_known(name: str, namespace: dict[str, Any]) -> Iterator[None]:
    """Make `namespace` the module `name` of this context from now on, unless the block fails."""
    if _namespaces.get() is _none:
        _namespaces.set({})
    known = _namespaces.get()
    known[name] = namespace
    _stand_in(name)
    try:
        yield
    except BaseException:
        del known[name]
        raise


def restore_main() -> None:
    """Restore the program's own `__main__`, and remove the other stand-ins."""
    for name, module in sys.modules.copy().items():
        if type(module) is StandIn:
            if name == _MAIN:
                sys.modules[name] = object.__getattribute__(module, "_original")
            else:
                del sys.modules[name]


def _stand_in(name: str) -> None:
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType) or type(module) is not StandIn:
        sys.modules[name] = StandIn(name, module or ModuleType(name))
