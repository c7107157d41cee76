"""The end of a script that runs as a program: what it has opened is closed, as when a process of its own ends.

CPython ends a program in this order (`Py_FinalizeEx`): it waits for the threads that are no daemons, calls the
functions that were registered with `atexit`, and then sets the globals of `__main__` to None. By that, files are
flushed and closed, locks are released and database connections go, although functions and globals refer to each other.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final

from twistedsite.scripts.code.cache import Compiled
from twistedsite.scripts.importing.process_state import State, may_change
from twistedsite.scripts.messages.outcome import ScriptStop

_FULL_SHARE: Final = 10
"""After a full collection, the next one waits this many times as long as it took."""
_next_full = 0.0
_OPENING: Final = frozenset(
    {"open", "fdopen", "connect", "socket", "sqlite3", "flock", "lockf", "mmap", "urlopen", "Popen", "makefile"}
    | {"Path", "TemporaryFile", "NamedTemporaryFile", "ZipFile", "create_engine", "FileHandler", "dbm", "shelve"}
)
"""Names that a script mentions where it opens something. Its objects may refer to each other, as those of a SQLite
connection always do. Each of these scripts is followed by a collection."""
_COLLECT_EVERY: Final = 1.0
"""Seconds after which another script is followed by one too. It takes as long as a short script."""
_last = 0.0
THREAD_WAIT: Final = 5.0
"""Seconds for which the end of a script waits for its threads that are no daemons. Then they are left to themselves."""
_LOOK_EVERY: Final = 0.05
"""Seconds between two looks at a thread that is waited for."""
_THREAD_CODE: Final = ("_target", "function", "run")
"""Attributes of a thread that hold what it runs: those of Thread, of Timer, and of the script's own classes."""

_BUFFERED: Final = frozenset({io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom})
_NOTHING_TO_DO: Final = contextlib.nullcontext()
_current: Final[ContextVar[Program | None]] = ContextVar("program", default=None)
_register: Final = atexit.register
_unregister: Final = atexit.unregister


def as_program(
    compiled: Compiled, namespace: dict[str, Any], at_end: Callable[[Callable[[], None]], None]
) -> contextlib.AbstractContextManager[None]:
    """A block in which `compiled` runs with the globals `namespace`; `at_end` takes what empties these.

    A script of plain statements needs none of that: its globals end with the last reference to them.
    """
    if compiled.outline.is_plain:
        return _NOTHING_TO_DO
    opens = bool(compiled.outline.classes) or not compiled.names.isdisjoint(_OPENING)
    program = Program(namespace, compiled.names, opens)
    at_end(program.end)
    return program


class Program(contextlib.AbstractContextManager[None]):
    """A run of a script as a program with the globals `namespace`. `mentioned`: the global names in its source.

    In a `with` block the script runs; `end` follows in any case. `has_cycles`: its objects may refer to each
    other, which the counts of their references do not end.
    """

    __slots__ = ("_exit_functions", "_has_cycles", "_mentioned", "_namespace", "_promotions", "_states")

    def __init__(self, namespace: dict[str, Any], mentioned: frozenset[str], has_cycles: bool) -> None:
        self._namespace = namespace
        self._mentioned = mentioned
        self._states: list[State] = []
        self._has_cycles = has_cycles
        self._promotions = _promotions() if has_cycles else 0
        self._exit_functions: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []

    def __enter__(self) -> None:
        if atexit.register is not _register_in_program:
            atexit.register, atexit.unregister = _register_in_program, _unregister_in_program
        _current.set(self)
        for state in may_change(self._mentioned):
            self._states.append(state)
            state.begin(self)

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wait for its threads, and call its exit functions, unless it was stopped."""
        if isinstance(error, ScriptStop):
            return
        until = time.monotonic() + THREAD_WAIT
        for thread in self._threads():
            # In short steps: a ScriptStop is raised between two of them only.
            while not thread.daemon and thread.is_alive() and time.monotonic() < until:
                thread.join(_LOOK_EVERY)
        while self._exit_functions:
            self._call(*self._exit_functions.pop())

    def end(self) -> None:
        """Put back what it has changed of the process, and empty its globals, unless threads of it still run."""
        while self._states:
            self._states.pop().end(self)
        if not self._threads():
            self._empty()

    def _empty(self) -> None:
        # The order is that of CPython's `_PyModule_ClearDict`.
        namespace = self._namespace
        for name in [name for name in namespace if name[:1] == "_" and name[1:2] != "_"]:
            namespace[name] = None
        for name in [name for name in namespace if name != "__builtins__"]:
            namespace[name] = None
        if self._has_cycles or time.monotonic() >= _last + _COLLECT_EVERY:
            # A script that has used up its memory gets its answer all the same.
            with contextlib.suppress(MemoryError):
                _collect(full=self._has_cycles and _promotions() != self._promotions)

    def owns(self, function: object) -> bool:
        """Whether `function` is code of this script."""
        return getattr(getattr(function, "__func__", function), "__globals__", None) is self._namespace

    def _threads(self) -> list[threading.Thread]:
        """The threads that run code of this script."""
        if "start" not in self._mentioned:
            return []
        own = threading.current_thread()
        found = [thread for thread in threading.enumerate() if thread is not own]
        return [thread for thread in found if any(self.owns(getattr(thread, name, None)) for name in _THREAD_CODE)]

    def _call(self, function: Callable[..., object], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        try:
            function(*arguments, **named)
        except ScriptStop:
            raise
        except BaseException as error:
            # As CPython does; the next function is called all the same.
            if not isinstance(error, SystemExit):
                sys.stderr.write(f"Exception ignored in atexit callback: {function!r}\n")
                traceback.print_exc()


def _promotions() -> int:
    """How often objects have been moved to the oldest generation, where only a full collection finds them."""
    stats = gc.get_stats()
    return int(stats[1]["collections"] + stats[2]["collections"])


def _collect(full: bool) -> None:
    """Collect what a script has left in cycles. `full`: some of it may have become old while it ran.

    Python collects rarely, and a server makes that rarer still. What scripts have written must not depend on it.
    """
    global _last, _next_full
    now = _last = time.monotonic()
    full = full and now >= _next_full
    for generation in range(3 if full else 2):
        for found in gc.get_objects(generation):
            # A collection may close a file's descriptor before its buffer is written.
            if type(found) in _BUFFERED:
                with contextlib.suppress(Exception):
                    found.flush()
    gc.collect(2 if full else 1)
    if full:
        ended = time.monotonic()
        _next_full = ended + _FULL_SHARE * (ended - now)


def restore_atexit() -> None:
    """Restore the functions of the module `atexit`."""
    atexit.register, atexit.unregister = _register, _unregister


def _register_in_program(function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Callable[..., Any]:
    program = _current.get()
    # What a library or a module that stays loaded registers is for the end of the process.
    if program is None or not (program.owns(function) or sys._getframe(1).f_globals is program._namespace):
        return _register(function, *arguments, **named)
    program._exit_functions.append((function, arguments, named))
    return function


def _unregister_in_program(function: Callable[..., Any]) -> None:
    program = _current.get()
    if program is not None:
        program._exit_functions[:] = [call for call in program._exit_functions if call[0] != function]
    _unregister(function)
