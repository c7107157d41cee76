"""How a running Python thread is made to stop, as far as Python can.

`PyThreadState_SetAsyncExc` raises `ScriptStop` in a thread at the next point where the interpreter looks: at the start
of a function, at the end of a call, at the jump back of a loop. A well-behaved script ends by it, its `finally` and
`with` blocks run; but for an `__exit__` in Python that it was about to begin just then, for another reason. One that
swallows it is not left alone: `Relentless` has the interpreter call, for every further line of the site's own code in
that thread, a trace function that makes the exception pending again. That function is in C from end to end, because one
in Python would be hit by what it raises, and then Python switches tracing off. From Python 3.12 on `sys.monitoring`
does the same in its own way: see `pursuit`. Nothing stops a C call (a sleep, a regular expression) before it returns.
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
from twistedsite.scripts.runners.threads.monitoring import Pursuit
from twistedsite.scripts.runners.threads.pool import ScriptThread

_SCRIPTS: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PACKAGE: Final = os.path.dirname(_SCRIPTS) + os.sep
_INTERRUPTIBLE: Final = (
    os.path.join(_SCRIPTS, "dialects") + os.sep,
    os.path.join(_SCRIPTS, "exchange", "exchange.py"),
    os.path.join(_SCRIPTS, "exchange", "page.py"),
    os.path.join(_SCRIPTS, "exchange", "streams.py"),
)
"""The server's own code in which a script may be interrupted: elsewhere a lock or a half-made change is at stake."""

_set_async_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_async_exception.argtypes = (ctypes.c_ulong, ctypes.py_object)

_trace_by_c: Final = ctypes.PYFUNCTYPE(None, ctypes.c_ulong, *(4 * [ctypes.py_object]))(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)
"""The same, as a trace function: the three further arguments of one go unread, and it answers None."""
_trace_nothing: Final[Any] = functools.partial(sys.audit, "twistedsite.stopping")
"""Lets the interpreter trace the frames that have been given a trace function, and no others. In C, too."""


class Gentle(ScriptStop):
    """A ScriptStop that notes, in the thread in which it is raised, that it has been felt there.

    A thread that is in a C call, or that a busy machine has not let run, feels nothing of what is pending for it.
    """

    def __init__(self) -> None:
        thread = threading.current_thread()
        if isinstance(thread, ScriptThread):
            thread.stops_felt += 1
            thread.felt_at = time.monotonic()


class Relentless(ScriptStop):
    """A ScriptStop whose making, in the thread in which it is raised, lets each further line raise another one."""

    def __init__(self) -> None:
        again: Any = functools.partial(_trace_by_c, threading.get_ident(), ScriptStop)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if is_site_code(frame):
                frame.f_trace = again
            frame = frame.f_back
        sys.settrace(_trace_nothing)


_pursuit: Final = Pursuit()
"""One for the process, as its tool is."""


def pursue(thread_id: int) -> None:
    """Raise ScriptStop in the thread at each further line of the site's own code, until it has left its script."""
    codes = []
    frame = sys._current_frames().get(thread_id)
    while frame is not None:
        if is_site_code(frame):
            codes.append(frame.f_code)
        frame = frame.f_back
    if not _pursuit.begin(thread_id, codes):
        interrupt(thread_id, Relentless)


def interrupt(thread_id: int, kind: type[ScriptStop]) -> None:
    """Raise `kind` in the thread, unless it is in the middle of the server's own code just now."""
    if may_interrupt(sys._current_frames().get(thread_id)):
        _set_async_exception(thread_id, kind)


def clear_interrupt() -> None:
    """Undo, in the thread that calls, what `interrupt` has done and has not been felt yet.

    The exception is felt here instead of being taken back: after that, with a null pointer, Python 3.11 would go on
    looking for one at every call in the whole process, and a thread that is traced, or profiled, would do only that.
    """
    sys.settrace(None)
    try:
        _set_async_exception(threading.get_ident(), ScriptStop)
        while True:
            pass
    except ScriptStop:
        _pursuit.end(threading.get_ident())


def is_site_code(frame: FrameType) -> bool:
    """Whether `frame` runs a script or one of its neighbours: these have builtins of their own (`Interpreter`)."""
    return frame.f_builtins is not builtins.__dict__


def may_interrupt(frame: FrameType | None) -> bool:
    """Whether `frame`, where a thread stands, works for the script rather than on a session or an import."""
    while frame is not None and not is_site_code(frame):
        filename = frame.f_code.co_filename
        if filename.startswith(_PACKAGE):
            return filename.startswith(_INTERRUPTIBLE)
        if filename.startswith("<frozen importlib"):
            return False
        frame = frame.f_back
    return frame is not None
