"""Starts the zygote, starts it again when it has died, and has workers forked by it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Collection
from pathlib import Path
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReadWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedsite.scripts.runners.threads.shared import IThreadReactor
from twistedsite.scripts.runners.workers.wire.descriptors import receive
from twistedsite.scripts.runners.workers.wire.frames import (
    MAX_MESSAGE,
    Exited,
    FromZygote,
    Spawn,
    Spawned,
    SpawnFailed,
    decode,
    encode,
)
from twistedsite.scripts.runners.workers.wire.job_queue import JobQueue
from twistedsite.scripts.sandbox.policy import SandboxPolicy
from twistedsite.settings.server import SandboxLevel

ZYGOTE: Final = "twistedsite.scripts.runners.workers.child.zygote"
_PASSED: Final = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""Variables of the server's environment that scripts may know."""
_STEADY: Final = 5.0
"""Seconds after which a zygote counts as healthy: if it dies then, the next one is started at once."""
_LONGEST_PAUSE: Final = 5.0
_SEND_AGAIN: Final = 0.1
"""Seconds until a message is sent again that the system could not take."""
_ENDING: Final = 1.0
"""Seconds for a zygote to end its workers and itself."""


class SpawnedProcess(Protocol):
    """A worker process from the server's side."""

    def started(self, pid: int, pidfd: int) -> None:
        """It lives; `pidfd` is to be closed by the receiver."""
        ...

    def exited(self, status: int | None) -> None:
        """It is dead, or has never lived; `status` as in Exited, None where it is not known."""
        ...


@implementer(IReadWriteDescriptor)
class Spawner:
    """One zygote at a time."""

    _log = Logger()

    def __init__(self, reactor: IThreadReactor, sandbox: SandboxLevel) -> None:
        self.restarts = 0
        self._reactor = reactor
        self._sandbox = sandbox
        self._serials = itertools.count(1)
        self._processes: dict[int, SpawnedProcess] = {}
        self._unsent: deque[tuple[int, bytes, tuple[int, ...]]] = deque()
        """Serial number, message and the descriptors that go with it."""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._started_at = 0.0
        self._pause = 0.0
        self._again: IDelayedCall | None = None
        self._start()

    @property
    def pid(self) -> int | None:
        """The zygote's process id, while there is one."""
        return self._process.pid if self._process else None

    def spawn(
        self, process: SpawnedProcess, policy: SandboxPolicy, connection: socket.socket, jobs: JobQueue, stack_file: int
    ) -> None:
        """Have a worker forked that takes jobs from `jobs` and talks through `connection`, which is closed here, and
        leaves its last stack in `stack_file`, which stays the caller's."""
        serial = next(self._serials)
        self._processes[serial] = process
        descriptors = (connection.detach(), os.dup(stack_file), jobs.duplicate())
        self._unsent.append((serial, encode(Spawn(serial, policy, self._sandbox)), descriptors))
        self.doWrite()

    def stop(self) -> None:
        """End the zygote and with it every worker."""
        if self._again is not None and self._again.active():
            self._again.cancel()
        self._end()
        while self._unsent:
            self._discard(self._unsent.popleft()[2])
        self._lose_all()

    def doWrite(self) -> None:
        """Send what waits, as far as the socket takes it."""
        while self._unsent and self._control is not None:
            _, message, descriptors = self._unsent[0]
            try:
                socket.send_fds(self._control, [message], descriptors)
            except BlockingIOError:
                self._reactor.addWriter(self)
                return
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:
                    # Somebody of this user has left too many descriptors in sockets: they end with their process.
                    self._reactor.callLater(_SEND_AGAIN, self.doWrite)
                # Else it has died: found out by reading, and what waits is for the next one.
                return
            self._unsent.popleft()
            self._discard(descriptors)
        if self._control is not None:
            self._reactor.removeWriter(self)

    def doRead(self) -> None:
        """Hear what has become of the workers."""
        while self._control is not None:
            try:
                message, descriptors = receive(self._control, MAX_MESSAGE, 1)
            except BlockingIOError:
                return
            except OSError:
                message, descriptors = b"", []
            if not message:
                self._died()
                return
            try:
                self._heard(decode(message, FromZygote), descriptors)
            except Exception:
                # Whatever it was: the reactor must not drop this reader, or no worker would ever be started again.
                self._log.failure("a message of the zygote was not understood")

    def fileno(self) -> int:
        return self._control.fileno() if self._control is not None else -1

    def logPrefix(self) -> str:
        return "zygote"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has stopped."""
        self._end()

    def _restart(self) -> None:
        try:
            self._start()
        except OSError as error:
            self._log.error("the zygote cannot be started: {error}", error=error)
            self._again = self._reactor.callLater(_LONGEST_PAUSE, self._restart)

    def _start(self) -> None:
        self._again = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", ZYGOTE, str(theirs.fileno()), str(os.getpid())],
                    env=program_environment(),
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        self._control = ours
        self._started_at = self._reactor.seconds()
        self._reactor.addReader(self)
        self.doWrite()

    def _heard(self, message: FromZygote, descriptors: list[int]) -> None:
        if isinstance(message, Spawned):
            pidfd = descriptors[0] if descriptors else os.pidfd_open(message.pid)
            self._processes[message.serial].started(message.pid, pidfd)
            return
        if isinstance(message, SpawnFailed):
            self._log.error("no process for a worker: {problem}", problem=message.message)
        status = message.status if isinstance(message, Exited) else None
        self._processes.pop(message.serial).exited(status)

    def _died(self) -> None:
        self._end()
        lived = self._reactor.seconds() - self._started_at
        self._pause = 0.0 if lived >= _STEADY else min(max(0.1, 2 * self._pause), _LONGEST_PAUSE)
        self.restarts += 1
        self._log.error("the zygote has died after {lived:.1f} s; its workers with it", lived=lived)
        self._again = self._reactor.callLater(self._pause, self._restart)
        self._lose_all(still_unsent={serial for serial, _, _ in self._unsent})

    def _lose_all(self, still_unsent: Collection[int] = ()) -> None:
        for serial in [serial for serial in self._processes if serial not in still_unsent]:
            self._processes.pop(serial).exited(None)

    def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            control.close()
        if process is not None:
            # Its socket being closed, it ends, and first kills what its workers have left behind.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING)
            process.kill()
            process.wait()

    def _discard(self, descriptors: tuple[int, ...]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)


def program_environment() -> dict[str, str]:
    """For a program of this package: it finds the packages that this process has found, wherever it is started."""
    own = str(Path(__file__).resolve().parents[4])
    # A console script has its own folder there, where programs lie, `bottle.py` for one, that are no modules.
    programs = os.path.dirname(sys.executable)
    paths = dict.fromkeys([*(path for path in sys.path if os.path.isabs(path) and path != programs), own])
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    own_use = {"PYTHONPATH": os.pathsep.join(paths), "MALLOC_ARENA_MAX": "1"}
    return {**passed, "PATH": os.defpath, **own_use}


__all__ = ["SpawnedProcess", "Spawner", "program_environment"]
