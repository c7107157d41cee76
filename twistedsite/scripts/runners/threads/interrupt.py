"""How a running Python thread is stopped, as far as Python can.

`PyThreadState_SetAsyncExc` raises `ScriptStop` in a thread at the next point where the interpreter checks: at the start
of a function, at the end of a call, at the jump back of a loop. It ends a well-behaved script, whose `finally` and
`with` blocks run; only an `__exit__` in Python that was about to begin just then does not run. For a script that
swallows it, `RepeatedStop` installs a trace function, which makes the exception pending again at every further line of
the site's code in that thread. The trace function is in C from end to end: one in Python would receive the exception
itself, and Python would then switch tracing off. From Python 3.12 on `sys.monitoring` is used instead: see
`monitoring`. Nothing stops a C call (a sleep, a regular expression) before it returns.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import os
import sys
import threading
import time
from types import FrameType
from typing import Any, Final

from twistedsite.scripts.messages.outcome import ScriptStop
from twistedsite.scripts.runners.threads.monitoring import StopMonitor
from twistedsite.scripts.runners.threads.pool import ScriptThread

_SCRIPTS: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PACKAGE: Final = os.path.dirname(_SCRIPTS) + os.sep
_INTERRUPTIBLE: Final = (
    os.path.join(_SCRIPTS, "dialects") + os.sep,
    os.path.join(_SCRIPTS, "templates") + os.sep,
    os.path.join(_SCRIPTS, "exchange", "exchange.py"),
    os.path.join(_SCRIPTS, "exchange", "page.py"),
    os.path.join(_SCRIPTS, "exchange", "streams.py"),
)
"""The server's own code in which a script may be interrupted. Elsewhere it may hold a lock, or be within a change."""

_set_async_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_async_exception.argtypes = (ctypes.c_ulong, ctypes.py_object)

_trace_by_c: Final = ctypes.PYFUNCTYPE(None, ctypes.c_ulong, *(4 * [ctypes.py_object]))(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)
"""The same as a trace function: it ignores the three further arguments of one, and returns None."""
_trace_nothing: Final[Any] = functools.partial(sys.audit, "twistedsite.stopping")
"""A global trace function, in C too, that traces only those frames that have a trace function already."""


class CountedStop(ScriptStop):
    """A ScriptStop that counts, in the thread in which it is raised, how often that has happened.

    In a thread that is in a C call, or that a busy machine has not let run, it is pending and not raised yet.
    """

    def __init__(self) -> None:
        thread = threading.current_thread()
        if isinstance(thread, ScriptThread):
            thread.stops_raised += 1
            thread.raised_at = time.monotonic()


class RepeatedStop(ScriptStop):
    """A ScriptStop after which, in the thread in which it is raised, each further line raises another one."""

    def __init__(self) -> None:
        again: Any = functools.partial(_trace_by_c, threading.get_ident(), ScriptStop)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if is_site_code(frame):
                frame.f_trace = again
            frame = frame.f_back
        sys.settrace(_trace_nothing)


_monitor: Final = StopMonitor()
"""One for the process, as the tool id is."""


def stop_at_next_line(thread_id: int) -> None:
    """Raise ScriptStop in the thread at each further line of the site's code, until it has left its script."""
    codes = []
    frame = sys._current_frames().get(thread_id)
    while frame is not None:
        if is_site_code(frame):
            codes.append(frame.f_code)
        frame = frame.f_back
    if not _monitor.begin(thread_id, codes):
        interrupt(thread_id, RepeatedStop)


def interrupt(thread_id: int, kind: type[ScriptStop]) -> None:
    """Raise `kind` in the thread, unless it is in the server's own code just now."""
    if may_interrupt(sys._current_frames().get(thread_id)):
        _set_async_exception(thread_id, kind)


def clear_interrupt() -> None:
    """Clear, in the calling thread, an exception by `interrupt` that has not been raised yet.

    It is raised here rather than taken back: after a null pointer Python 3.11 would go on checking for an exception at
    every call in the whole process, and a thread that is traced or profiled would do nothing else.
    """
    sys.settrace(None)
    try:
        _set_async_exception(threading.get_ident(), ScriptStop)
        while True:
            pass
    except ScriptStop:
        _monitor.end(threading.get_ident())


def is_site_code(frame: FrameType) -> bool:
    """Whether `frame` runs a script or a module of a site: these have builtins of their own (see `Interpreter`)."""
    return frame.f_builtins is not builtins.__dict__


def may_interrupt(frame: FrameType | None) -> bool:
    """Whether a script may be interrupted while its thread is in `frame`: not in a session, not in an import."""
    while frame is not None and not is_site_code(frame):
        filename = frame.f_code.co_filename
        if filename.startswith(_PACKAGE):
            return filename.startswith(_INTERRUPTIBLE)
        if filename.startswith("<frozen importlib"):
            return False
        frame = frame.f_back
    return frame is not None
