"""The process that forks workers: exec'd by the server, with one thread, everything imported, and nothing secret.

It reads Spawn messages from its control socket, the descriptor named in its argument, and answers by Spawned and
Exited. When the server ends, it kills all that has come of its workers, the programs too that they have started and
left behind, and ends. When it is killed itself, its workers end with it.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Container
from typing import Final

from twistedsite.scripts.code.cache import CodeCache
from twistedsite.scripts.dialects import DIALECTS, load_dialect
from twistedsite.scripts.importing.installed import installed_handlers
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.runners.workers.child.confine import (
    adopt_orphans,
    close_to_others,
    confine,
    hear_of_parents_end,
    leave_terminal,
)
from twistedsite.scripts.runners.workers.child.warmup import settle, warm_up
from twistedsite.scripts.runners.workers.child.worker import serve
from twistedsite.scripts.runners.workers.wire.descriptors import receive
from twistedsite.scripts.runners.workers.wire.frames import (
    MAX_LOG,
    MAX_MESSAGE,
    STACK_SIGNAL,
    Exited,
    FrameKind,
    FromZygote,
    Spawn,
    Spawned,
    SpawnFailed,
    decode,
    encode,
    frame,
)
from twistedsite.scripts.sandbox import seccomp

DATA: Final = 3
STACK: Final = 4
JOBS: Final = 5
"""A worker's only descriptors beside the standard ones."""
_SENT: Final = 3
"""So many descriptors come with a Spawn."""
DESCRIPTORS: Final = 256
"""More are never open here: so many are closed after a fork."""

_WARM: Final = (
    "base64",
    "csv",
    "datetime",
    "decimal",
    "hashlib",
    "html",
    "json",
    "random",
    "secrets",
    "sqlite3",
    "uuid",
)
"""What scripts often import, loaded once for all."""


class Zygote:
    """Forks the workers, and reaps them."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self._control = control
        self._parent = parent
        self._pid = os.getpid()
        self._interpreters = Interpreters(CodeCache())  # every worker has a copy of it
        self._serials: dict[int, int] = {}
        """Process id of a worker -> its serial number."""
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def run(self) -> None:
        """Do what the server says until it goes."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._woken in ready:
                os.read(self._woken, 4096)
                if os.getppid() != self._parent:
                    return
                self._reap()
            if self._control.fileno() in ready and not self._obey():
                return

    def _obey(self) -> bool:
        message, descriptors = receive(self._control, MAX_MESSAGE, _SENT)
        if not message:
            return False
        spawn: Spawn = decode(message, Spawn)
        with contextlib.suppress(OSError):
            seccomp.prepare(spawn.policy)  # kept: the next worker with these grants need not build it
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(SpawnFailed(spawn.serial, str(error)))
        else:
            if pid == 0:
                self._become_worker(spawn, *descriptors)
            self._serials[pid] = spawn.serial
            self._tell_spawned(Spawned(spawn.serial, pid))
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _become_worker(self, spawn: Spawn, connection: int, stack_file: int, jobs: int) -> None:
        """The new process: never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            _take(connection, stack_file, jobs)
            os.chdir(spawn.policy.root)
            os.environ["TMPDIR"] = tempfile.tempdir = spawn.policy.temporary or os.devnull
            confine(spawn.policy, spawn.sandbox, self._pid)
            gc.enable()
            serve(socket.socket(fileno=DATA), socket.socket(fileno=JOBS), STACK, self._interpreters)
            status = 0
        except ConnectionError:
            status = 0
        except BaseException:
            text = traceback.format_exc().encode("utf-8", "replace")[-MAX_LOG:]
            os.write(DATA, frame(FrameKind.LOG, text))
        finally:
            os._exit(status)

    def _reap(self) -> None:
        """Collect every child that has ended; kill what a worker has left behind."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            serial = self._serials.pop(pid, None)
            if serial is not None:
                code = os.waitstatus_to_exitcode(status)
                self._tell(Exited(serial, code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024))
        self._kill_children(self._serials)

    def end_all(self) -> None:
        """Kill every descendant: those whose own parents end become children of this process."""
        with contextlib.suppress(ChildProcessError):
            while True:
                self._kill_children(())
                os.wait4(-1, 0)

    def _kill_children(self, but: Container[int]) -> None:
        with open(f"/proc/self/task/{self._pid}/children") as file:
            for child in map(int, file.read().split()):
                if child not in but:
                    os.kill(child, signal.SIGKILL)

    def _tell_spawned(self, spawned: Spawned) -> None:
        try:
            pidfd = os.pidfd_open(spawned.pid)
        except OSError:
            self._tell(spawned)
            return
        try:
            self._tell(spawned, pidfd)
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS:
                raise
            # Scripts of this user have left too many descriptors in sockets. The server gets one by the number.
            self._tell(spawned)
        finally:
            os.close(pidfd)

    def _tell(self, message: FromZygote, *descriptors: int) -> None:
        socket.send_fds(self._control, [encode(message)], descriptors)


def _load_installed() -> None:
    """Import what other packages bring: once for all workers, whose sandbox may not let them read it."""
    for handler in installed_handlers():
        try:
            load_dialect(handler)
        except Exception:
            # A request for it will say so too; this server may have none.
            sys.stderr.write(f"the installed handler {handler!r} cannot be loaded\n")
            traceback.print_exc(limit=-1)


def _take(*descriptors: int) -> None:
    """Make the three the descriptors DATA, STACK and JOBS, and the standard ones nothing; close all others."""
    null = os.open(os.devnull, os.O_RDWR)
    # First out of the way: one of them may be what another is to become.
    high = [os.dup2(descriptor, DESCRIPTORS - 4 + n) for n, descriptor in enumerate((*descriptors, null))]
    for target, descriptor in zip((DATA, STACK, JOBS, 0, 1, 2), (*high[:3], *[high[3]] * 3), strict=True):
        os.dup2(descriptor, target, inheritable=target < DATA)
    os.closerange(JOBS + 1, DESCRIPTORS)


def main() -> None:
    """The program: `python -m twistedsite.scripts.runners.workers.child.zygote DESCRIPTOR PARENT`."""
    control, parent = int(sys.argv[1]), int(sys.argv[2])
    hear_of_parents_end(parent)
    # A worker that is too young to tell where it stands must not die of the question.
    for number in (signal.SIGINT, STACK_SIGNAL):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    for name in ("PYTHONPATH", "MALLOC_ARENA_MAX"):
        os.environ.pop(name, None)  # they were for this process, and scripts need not know them
    close_to_others()
    leave_terminal()
    adopt_orphans()
    for name in _WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for dialect in DIALECTS:
        load_dialect(dialect)
    _load_installed()
    warm_up()
    zygote = Zygote(socket.socket(fileno=control), parent)
    settle()
    try:
        with contextlib.suppress(ConnectionError):
            zygote.run()
    finally:
        zygote.end_all()


if __name__ == "__main__":
    main()
