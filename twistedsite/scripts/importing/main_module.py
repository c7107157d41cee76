"""`__main__`, as a script that prints knows it: the module that it is itself.

`sys.modules["__main__"]` is one for all of the process. A module stands there whose attributes are those of the script
that runs in the calling context, or else of the program. So a script's own classes can be pickled, and whatever looks
their module up (typing, dataclasses, `import __main__`) finds it.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from types import ModuleType
from typing import Any, Final

_namespace: Final[ContextVar[dict[str, Any] | None]] = ContextVar("main", default=None)


class MainModule(ModuleType):
    """Stands for `__main__`, which was `original`."""

    def __init__(self, original: ModuleType) -> None:
        super().__init__("__main__")
        object.__setattr__(self, "_original", original)

    def __getattribute__(self, name: str) -> Any:
        original = object.__getattribute__(self, "_original")
        namespace = _namespace.get()
        if namespace is None:
            return getattr(original, name)
        if name == "__dict__":
            return namespace
        if name in namespace:
            return namespace[name]
        if name.startswith("__"):
            return getattr(original, name)
        raise AttributeError(f"module '__main__' has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        namespace = _namespace.get()
        if namespace is None:
            setattr(object.__getattribute__(self, "_original"), name, value)
        else:
            namespace[name] = value

    def __delattr__(self, name: str) -> None:
        namespace = _namespace.get()
        if namespace is None:
            delattr(object.__getattribute__(self, "_original"), name)
        elif name in namespace:
            del namespace[name]
        else:
            raise AttributeError(f"module '__main__' has no attribute {name!r}")


def be_main(namespace: dict[str, Any]) -> None:
    """Let `namespace` be `__main__` in this context, for as long as that lives: what saves sessions comes later."""
    main = sys.modules.get("__main__")
    if not isinstance(main, ModuleType) or type(main) is not MainModule:
        sys.modules["__main__"] = MainModule(main or ModuleType("__main__"))
    _namespace.set(namespace)


def restore_main() -> None:
    """Put back the program's own `__main__`."""
    main = sys.modules.get("__main__")
    if type(main) is MainModule:
        sys.modules["__main__"] = object.__getattribute__(main, "_original")
