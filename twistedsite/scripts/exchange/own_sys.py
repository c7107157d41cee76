"""What a running script finds in `sys`: standard streams, `argv` and `path` of its own.

`sys` is one for the process. Its class is replaced by one that looks for these names in the context of the calling
thread: two scripts at once never see each other's, what a script sets ends with it, and a thread that it leaves behind,
which has a context of its own, does not write into a page. `print` and `input` do not ask that class but look into the
module's dict: there stand the proxies of `streams`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from twistedsite.scripts.exchange.log_text import LogText
    from twistedsite.scripts.exchange.page import Page, PageText


class ScriptSys:
    """The part of `sys` that is the running script's. `body` is that of its request, `filename` its own."""

    __slots__ = ("body", "filename", "log", "own", "page")

    def __init__(self, log: LogText | None, body: BinaryIO, filename: str) -> None:
        self.log = log
        """Where standard error goes; None: where the process's goes."""
        self.body = body
        self.filename = filename
        self.page: Page | PageText | None = None
        """Where standard output goes; None: to the log."""
        self.own: dict[str, Any] = {}
        """What the script has asked for or set."""

    def argv(self) -> list[str]:
        """As of a program without arguments."""
        return self.own.setdefault("argv", [self.filename])  # type: ignore[no-any-return]

    def stdin(self) -> io.TextIOBase:
        """The body of the request, as text."""
        if "stdin" not in self.own:
            body = io.BufferedReader(_BodyBytes(self.body))
            self.own["stdin"] = io.TextIOWrapper(body, "utf-8", "replace")
        return self.own["stdin"]  # type: ignore[no-any-return]

    def added_path(self) -> list[str]:
        """Absolute paths of the folders that the script has added to `sys.path`."""
        own = self.own.get("path")
        return [] if own is None else [os.path.abspath(entry) for entry in own if entry not in _process("path")]


running: Final[ContextVar[ScriptSys | None]] = ContextVar("running", default=None)
"""That of the script that runs in this context."""


class _BodyBytes(io.RawIOBase):
    """The `sys.stdin.buffer.raw` of a script. The form is parsed from the same file: each has a position of its own."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        self._body.seek(self._position)
        data = self._body.read(len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def _process(name: str) -> Any:
    """What `sys` has for the process."""
    return vars(sys)[name]


def _property(name: str, own: Callable[[ScriptSys], Any]) -> property:
    def get(module: ModuleType) -> Any:
        script = running.get()
        return _process(name) if script is None else own(script)

    def put(module: ModuleType, value: Any) -> None:
        script = running.get()
        if script is None:
            vars(module)[name] = value
        else:
            script.own[name] = value

    return property(get, put)


def _replaceable(name: str) -> Callable[[ScriptSys], Any]:
    """The script's own where it has set one, else the process's: a proxy, which knows the script."""
    return lambda script: script.own[name] if name in script.own else _process(name)


def _path(script: ScriptSys) -> list[str]:
    # Only the script itself has a copy. Libraries, and modules that stay loaded, change the path of the process.
    if "__given__" not in sys._getframe(2).f_globals:
        return _process("path")  # type: ignore[no-any-return]
    return script.own.setdefault("path", list(_process("path")))  # type: ignore[no-any-return]


class OwnSys(ModuleType):
    """The class of `sys` while scripts run."""

    def __new__(cls, *arguments: Any) -> Any:
        """A plain module: the import system makes new ones by `type(sys)(name)`."""
        return ModuleType(*arguments)

    stdin = _property("stdin", ScriptSys.stdin)
    stdout = _property("stdout", _replaceable("stdout"))
    stderr = _property("stderr", _replaceable("stderr"))
    argv = _property("argv", ScriptSys.argv)
    path = _property("path", _path)


def install() -> None:
    """Have scripts find their own part of `sys`."""
    sys.__class__ = OwnSys


def uninstall() -> None:
    """Undo `install`."""
    sys.__class__ = ModuleType
