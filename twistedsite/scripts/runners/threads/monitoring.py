"""How a script that swallows every exception is stopped on Python 3.12 and later: by `sys.monitoring` (PEP 669).

The site's code that a monitored thread is running reports an event before each line, the line of an `except` included,
and at each jump, because a loop of one line has only one line event. In a monitored thread, and in no other, each event
raises ScriptStop. Code is instrumented only while a thread is monitored.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any, Final

from twistedsite.scripts.messages.outcome import ScriptStop

_TOOL_IDS: Final = (3, 4)
"""Tool ids that Python reserves for nobody: 0 is for debuggers, 1 for coverage, 2 for profilers."""
_NAME: Final = "twistedsite"
_EVENTS: Final = ("LINE", "JUMP", "PY_START", "PY_RESUME")
"""No code runs for ever without one of these."""


class StopMonitor:
    """Stops threads of this process at their next line. For any thread."""

    def __init__(self) -> None:
        self._monitoring: Any = getattr(sys, "monitoring", None)
        self._events = [getattr(self._monitoring.events, name) for name in _EVENTS] if self._monitoring else []
        self._tool: int | None = None
        self._threads: set[int] = set()
        self._watched: dict[int, CodeType] = {}
        """By identity: two code objects compiled from one text are equal, but are instrumented each."""
        self._lock = threading.Lock()

    def begin(self, thread_id: int, codes: Iterable[CodeType]) -> bool:
        """Stop the thread at the next line of any of `codes`, which it is running. False where Python cannot."""
        if self._monitoring is None:
            return False
        with self._lock:
            if self._tool is None and not self._take_tool():
                return False
            self._threads.add(thread_id)
            for code in codes:
                if id(code) not in self._watched:
                    self._watched[id(code)] = code
                    self._monitoring.set_local_events(self._tool, code, sum(self._events))
        return True

    def end(self, thread_id: int) -> None:
        """Stop monitoring the thread, which has left its script. After the last one, code is no longer instrumented."""
        with self._lock:
            self._threads.discard(thread_id)
            if self._threads or self._tool is None:
                return
            for code in self._watched.values():
                self._monitoring.set_local_events(self._tool, code, 0)
            self._watched.clear()
            self._listen(self._tool, None)
            self._monitoring.free_tool_id(self._tool)
            self._tool = None

    def _take_tool(self) -> bool:
        for number in _TOOL_IDS:
            if self._monitoring.get_tool(number) is None:
                self._monitoring.use_tool_id(number, _NAME)
                self._listen(number, self._on_event)
                self._tool = number
                return True
        return False

    def _listen(self, tool: int, callback: Callable[..., None] | None) -> None:
        for event in self._events:
            self._monitoring.register_callback(tool, event, callback)

    def _on_event(self, code: CodeType, offset: int, target: int = 0) -> None:
        if threading.get_ident() in self._threads:
            raise ScriptStop
