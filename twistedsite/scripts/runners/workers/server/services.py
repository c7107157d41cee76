"""What all worker processes of a server share: the zygote that forks them, their way back, threads, files, slots."""

from __future__ import annotations

from typing import Final

from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.threads.call_queue import CallQueue
from twistedsite.scripts.runners.threads.shared import IThreadReactor
from twistedsite.scripts.runners.workers.scheduling.cpu_monitor import CpuMonitor
from twistedsite.scripts.runners.workers.scheduling.priority import take_short_slices
from twistedsite.scripts.runners.workers.server.broker import BrokerThreads
from twistedsite.scripts.runners.workers.server.folders import TemporaryFolders
from twistedsite.scripts.runners.workers.server.link import Links
from twistedsite.scripts.runners.workers.server.output_buffer import OutputBudget
from twistedsite.scripts.runners.workers.server.slots import WorkerSlots
from twistedsite.scripts.runners.workers.server.spawner import Spawner
from twistedsite.settings.server import SandboxLevel, WorkerSettings

_DISK_THREADS: Final = 2
"""Threads that write and read the output of scripts whose clients are slow."""


class WorkerServices:
    """Made before the first pool, stopped after the last."""

    def __init__(
        self,
        reactor: IThreadReactor,
        settings: WorkerSettings,
        output_buffer: int,
        sandbox: SandboxLevel = "best-effort",
        holds: str = "",
    ) -> None:
        """`settings` are the server's. `holds`: what the sandbox was seen to hold here, for the health document.

        Raises OSError where the zygote cannot be started.
        """
        self.settings = settings
        self.output_buffer = output_buffer
        """Bytes that a script may hold back before they are sent."""
        self.holds = holds
        self.seconds = reactor.seconds
        """The reactor's clock."""
        self.call_later = reactor.callLater
        take_short_slices()
        self.spawner = Spawner(reactor, sandbox)
        self.folders = TemporaryFolders(reactor)
        self.deadlines = Deadlines(reactor)
        self.cpu_monitor = CpuMonitor(self.deadlines, settings.quick)
        self.links = Links(reactor)
        self.slots = WorkerSlots(reactor, self.deadlines, settings.total)
        self._calls = CallQueue(reactor)
        # A call that nobody waits for any more may still hold a thread when its worker's successor makes one.
        self.threads = BrokerThreads(2 * settings.total, self._calls)
        self._disk = BrokerThreads(_DISK_THREADS, self._calls)
        self.output = OutputBudget(settings, self._disk)

    def stop(self) -> None:
        """Kill every worker, and the zygote."""
        self.folders.close()
        self.slots.stop()
        self.spawner.stop()
        self.links.close()
        self.folders.stop()
        self.deadlines.stop()
        self.threads.stop()
        self._disk.stop()
        self._calls.close()
