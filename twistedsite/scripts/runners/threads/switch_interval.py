"""Sets Python's switch interval, so that the reactor and short scripts do not wait long for scripts that compute.

A thread that computes releases the interpreter lock after the switch interval, 5 ms by default. Behind twenty of them
the reactor waits 100 ms after each of its system calls, and an answer takes dozens of these. So the interval is 1 ms,
which costs nothing measurable, and is divided by the number of long scripts while there are some. It is not always
shorter: at 0.1 ms quick scripts lose a seventh of their throughput (`hello.py`, 32 clients). A thread of its own sets
it, because that needs the lock only once, where the reactor would need it many times.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Set
from typing import Final

ROUND: Final = 0.001
"""Seconds in which each long script should run once."""
SHORTEST: Final = 0.00005
"""Seconds. Below, threads mostly switch."""
LONG: Final = 0.02
"""Seconds between two looks. A script that is seen twice is a long one."""


class SwitchInterval:
    """Sets the switch interval of the process by the number of long jobs. `at_work()` returns all jobs."""

    def __init__(self, at_work: Callable[[], Set[object]]) -> None:
        self._at_work = at_work
        self._before: Final = sys.getswitchinterval()
        self._wanted = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="switch interval", daemon=True)
        self._thread.start()
        sys.setswitchinterval(ROUND)

    def job_begins(self) -> None:
        """Start looking at the jobs, until there are none."""
        if not self._wanted.is_set():
            self._wanted.set()

    def stop(self) -> None:
        """Restore the former interval."""
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
            if not jobs:
                self._wanted.clear()
                # Whoever began a job or stopped before `clear` found the event set.
                if self._ended or self._at_work():
                    self._wanted.set()
