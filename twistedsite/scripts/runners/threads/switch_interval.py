"""Keeps the reactor, and short scripts, from waiting long behind scripts that compute without end.

A thread that computes hands the interpreter's lock on after Python's switch interval, 5 ms by default; behind twenty of
them the reactor waits 100 ms after each of its system calls, and an answer takes dozens. So the interval is 1 ms, which
costs nothing that can be measured, and is divided by their number while there are such scripts. It is not always
shorter: at 0.1 ms quick scripts lose a seventh of their throughput (`hello.py`, 32 clients). A thread of its own sees
to it, because it needs the lock only once to put things right, where the reactor would need it many times.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Set
from typing import Final

ROUND: Final = 0.001
"""Seconds in which each of the long scripts should have had its turn."""
SHORTEST: Final = 0.00005
"""Seconds; below, threads do little but switch."""
LONG: Final = 0.02
"""A script that is still there when we look again after so many seconds is a long one."""


class Fairness:
    """Sets the process' switch interval by the number of long jobs among those that `at_work()` returns."""

    def __init__(self, at_work: Callable[[], Set[object]]) -> None:
        self._at_work = at_work
        self._before: Final = sys.getswitchinterval()
        self._wanted = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="script fairness", daemon=True)
        self._thread.start()
        sys.setswitchinterval(ROUND)

    def job_begins(self) -> None:
        """Look after the jobs, until there are none."""
        if not self._wanted.is_set():
            self._wanted.set()

    def stop(self) -> None:
        """Leave the interval as it was."""
        self._ended = True
        self._wanted.set()
        self._thread.join()
        sys.setswitchinterval(self._before)

    def _run(self) -> None:
        seen: Set[object] = frozenset()
        while self._wanted.wait() and not self._ended:
            time.sleep(LONG)
            jobs = self._at_work()
            long = len(jobs & seen)
            sys.setswitchinterval(max(ROUND / (long or 1), SHORTEST))
            seen = jobs
            if not jobs and not self._ended:
                self._wanted.clear()
