"""The server's part in supervision: it reports to the service manager, and sends heartbeats to its watchdog.

It is for processes that are the server's own. The watchdog is a process (`watcher`), because a call into C that holds
the interpreter stops every thread of the server.
"""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from twistedsite.scripts.runners.workers.server.spawner import program_environment
from twistedsite.tap.manager import ServiceManager
from twistedsite.tap.watcher import STACK_SIGNAL

WATCHER: Final = "twistedsite.tap.watcher"
_BEATS: Final = 4
"""Heartbeats in the time after which the watchdog acts."""
_SIGNS: Final = 2
"""Signs of life in the time that the service manager waits for one: as sd_watchdog_enabled(3) asks for."""


class Watchdog:
    """A watcher process, and the heartbeats for it. A watcher that has died is replaced at the next heartbeat."""

    _log = Logger()

    def __init__(self, seconds: float, log: str, form: Literal["text", "json"]) -> None:
        """`log`: where the watcher writes the stacks, a file's path, or `-` for standard output."""
        self.seconds = seconds
        self._arguments = (f"{seconds:g}", form, log)
        self._stacks = os.memfd_create("stacks", os.MFD_CLOEXEC)
        faulthandler.register(STACK_SIGNAL, file=self._stacks, all_threads=True)
        self._beats = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    @property
    def pid(self) -> int | None:
        """The watcher's process id."""
        return self._process.pid if self._process else None

    def beat(self) -> None:
        """Send a heartbeat."""
        try:
            os.write(self._beats, b".")
        except BlockingIOError:
            return  # it has been told often enough
        except OSError:
            self._log.warn("the watchdog's process has ended; it is started again")
            self._end()
            self._start()

    def stop(self) -> None:
        """End the watcher."""
        self._end()
        faulthandler.unregister(STACK_SIGNAL)
        os.close(self._stacks)

    def _start(self) -> None:
        theirs, self._beats = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    WATCHER,
                    str(theirs),
                    str(self._stacks),
                    str(os.getpid()),
                    *self._arguments,
                ],
                env=program_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs, self._stacks],
                start_new_session=True,
            )
        except OSError as error:
            self._log.error("the watchdog's process cannot be started: {error}", error=error)
        finally:
            os.close(theirs)

    def _end(self) -> None:
        os.close(self._beats)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Supervision:
    """The reports and heartbeats, from the first tick of the reactor to the last."""

    def __init__(
        self, reactor: Any, watchdog: float, form: Literal["text", "json"], environ: Mapping[str, str]
    ) -> None:
        """`watchdog`: seconds after which a frozen server is ended; 0: never."""
        self.log = "-"
        """Where the server's log is: a file's path, or `-` for standard output."""
        self._reactor: IReactorTime = reactor
        self._seconds = watchdog
        self._form = form
        self._manager = ServiceManager(environ)
        self._watchdog: Watchdog | None = None
        self._timers: dict[str, IDelayedCall] = {}
        reactor.callWhenRunning(self._start)
        reactor.addSystemEventTrigger("before", "shutdown", self._manager.tell, "STOPPING=1")
        reactor.addSystemEventTrigger("after", "shutdown", self._stop)

    def _start(self) -> None:
        if self._seconds:
            self._watchdog = Watchdog(self._seconds, self.log, self._form)
            self._again("beat", self._seconds / _BEATS, self._watchdog.beat)
        if self._manager.patience:
            self._again("sign", self._manager.patience / _SIGNS, lambda: self._manager.tell("WATCHDOG=1"))
        self._manager.tell("READY=1")

    def _again(self, name: str, seconds: float, call: Any) -> None:
        self._timers[name] = self._reactor.callLater(seconds, self._again, name, seconds, call)
        call()

    def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._watchdog is not None:
            self._watchdog.stop()
