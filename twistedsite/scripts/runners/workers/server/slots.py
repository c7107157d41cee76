"""The slots for worker processes that all sites of a server share.

Where all slots are taken, the worker idle for longest soon makes room, and sites whose scripts wait take turns.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from twistedsite.scripts.runners.deadlines import Deadline, Deadlines
from twistedsite.scripts.runners.workers.server.interface import SlotHolder, SlotUser

LINGER: Final = 0.005
"""Seconds for which an idle worker keeps its slot from other sites: its client may be about to ask for the next page,
and a new worker costs more than the wait."""


class _Idle(NamedTuple):
    since: float
    until: float
    """When it has been idle for as long as its site allows."""
    end: Callable[[], None]


class WorkerSlots:
    """`total` slots."""

    def __init__(self, reactor: IReactorTime, deadlines: Deadlines, total: int) -> None:
        self._reactor = reactor
        self._deadlines = deadlines
        self._total = total
        self._workers: set[SlotHolder] = set()
        """Those that are being killed among them."""
        self._idle: OrderedDict[SlotHolder, _Idle] = OrderedDict()
        """The one idle for longest first."""
        self._dismissed: set[SlotHolder] = set()
        """Killed to make room, or because they are of no use any more."""
        self._waiting: deque[SlotUser] = deque()
        """Sites with scripts that wait, in the order of their turns."""
        self._reaping: IDelayedCall | None = None
        self._lingering: Deadline | None = None
        """When the next idle worker may be ended for another site."""
        self._stopped = False

    @property
    def size(self) -> int:
        """Slots that are taken."""
        return len(self._workers)

    def stop(self) -> None:
        """Kill every worker."""
        self._stopped = True
        if self._reaping is not None:
            self._reaping.cancel()
            self._reaping = None
        for worker in list(self._workers):
            worker.kill()

    def has_slot(self) -> bool:
        """Whether there may be one more process."""
        return len(self._workers) < self._total and not self._stopped

    def add(self, worker: SlotHolder) -> None:
        """`worker` takes a slot."""
        self._workers.add(worker)

    def wait(self, pool: SlotUser) -> None:
        """Scripts of `pool` wait: it takes its turn when there is a slot."""
        if pool not in self._waiting:
            self._waiting.append(pool)
        self.make_room()

    def forget(self, pool: SlotUser) -> None:
        """`pool` takes no turns any more."""
        if pool in self._waiting:
            self._waiting.remove(pool)

    def others_wait(self, pool: SlotUser) -> bool:
        """Whether another site needs the slot of a worker of `pool`."""
        if not self._waiting or self.has_slot():
            return False
        return any(other is not pool and other.could_grow for other in self._waiting)

    def make_room(self) -> None:
        """Where all slots are taken, have idle workers killed: one for each site that waits for a slot."""
        if not self._idle or self.has_slot():
            return
        wanted = sum(pool.could_grow for pool in self._waiting)
        while self._idle and len(self._dismissed) < wanted:
            first = next(iter(self._idle.values()))
            lingers = first.since + LINGER - self._reactor.seconds()
            if lingers > 0:
                if self._lingering is None:
                    self._lingering = self._deadlines.add(lingers, self._lingered)
                return
            first.end()

    def mark_idle(self, worker: SlotHolder, seconds: float, end: Callable[[], None]) -> None:
        """`worker` has nothing to do; in `seconds` at the latest, `end()` is called, which is to dismiss it."""
        now = self._reactor.seconds()
        self._idle[worker] = idle = _Idle(now, now + seconds, end)
        self._reap_at(idle.until)

    def mark_busy(self, worker: SlotHolder) -> None:
        """`worker` is idle no longer."""
        self._idle.pop(worker, None)

    def dismiss(self, worker: SlotHolder) -> None:
        """Kill `worker`: its slot is free soon."""
        self.mark_busy(worker)
        if worker in self._workers:
            self._dismissed.add(worker)
        worker.kill()

    def reaped(self, worker: SlotHolder) -> None:
        """`worker` is no more: its slot is free."""
        self._workers.discard(worker)
        self._dismissed.discard(worker)
        self.mark_busy(worker)
        self.share()

    def share(self) -> None:
        """Give what slots there are to the sites that wait, in turn."""
        while self.has_slot() and any(pool.could_grow for pool in self._waiting):
            pool = self._waiting.popleft()
            if pool.take_slot():
                self._waiting.append(pool)
        self.make_room()

    def _lingered(self) -> None:
        self._lingering = None
        self.make_room()

    def _reap(self) -> None:
        self._reaping = None
        now = self._reactor.seconds()
        for idle in list(self._idle.values()):
            if idle.until <= now:
                idle.end()
            else:
                self._reap_at(idle.until)

    def _reap_at(self, when: float) -> None:
        seconds = max(0.0, when - self._reactor.seconds())
        if self._reaping is None:
            self._reaping = self._reactor.callLater(seconds, self._reap)
        elif self._reaping.getTime() > when:
            self._reaping.reset(seconds)
