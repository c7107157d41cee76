"""How a running Python thread is made to stop, as far as Python can.

`PyThreadState_SetAsyncExc` raises `ScriptStop` in the thread at its next bytecode boundary. A script may swallow it; so
the exception, when an `except` clause takes it and the instance is made, in that very thread, sets a trace function
that raises again at the next line: that is inside the handler, out of reach of the `try` it belongs to. Nothing stops
a C call (a sleep, a regular expression) before it returns.
"""

from __future__ import annotations

import ctypes
import os
import sys
from types import FrameType
from typing import Any, Final

from twistedsite.scripts.run import ScriptStop

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_INTERRUPTIBLE: Final = (
    os.path.join(_PACKAGE, "scripts", "dialects") + os.sep,
    os.path.join(_PACKAGE, "scripts", "interpreters.py"),
    os.path.join(_PACKAGE, "scripts", "page.py"),
    os.path.join(_PACKAGE, "scripts", "stdout.py"),
)
"""The server's own code in which a script may be interrupted: elsewhere a lock or a half-made change is at stake."""

_set_async_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_async_exception.argtypes = (ctypes.c_ulong, ctypes.py_object)
_NOTHING: Final = ctypes.py_object()
"""A null pointer: takes back a pending exception."""


class _Interrupt(ScriptStop):
    """What is raised in the thread; see the head of this file for what its construction does."""

    def __init__(self) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
            frame.f_trace = _raise_at_next_line
            frame = frame.f_back
        sys.settrace(_raise_at_next_line)


def interrupt(thread_id: int) -> None:
    """Raise ScriptStop in the thread, unless it is in the middle of the server's own code just now."""
    if may_interrupt(sys._current_frames().get(thread_id)):
        _set_async_exception(thread_id, _Interrupt)


def clear_interrupt(thread_id: int) -> None:
    """Take back an exception that has not been raised yet, and the tracing of one that has. Called in that thread."""
    _set_async_exception(thread_id, _NOTHING)
    sys.settrace(None)


def may_interrupt(frame: FrameType | None) -> bool:
    """Whether `frame`, where a thread stands, belongs to the script rather than to a session being saved."""
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename.startswith(_PACKAGE):
            return filename.startswith(_INTERRUPTIBLE)
        frame = frame.f_back
    return False


def _raise_at_next_line(frame: FrameType, event: str, arg: object) -> Any:
    if may_interrupt(frame):
        raise ScriptStop
    return None
