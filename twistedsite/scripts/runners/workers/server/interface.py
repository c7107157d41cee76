"""What the parts of this room know of each other: each is told of the others by these protocols, and imports none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.messages.failure import FrameReport
from twistedsite.scripts.runners.workers.server.run_times import RunTimes
from twistedsite.scripts.runners.workers.wire.frames import CallAnswer

W = TypeVar("W", contravariant=True)


class JobHost(Protocol):
    """A worker process, as its job sees it."""

    @property
    def pid(self) -> int | None:
        """Its process id; None until the process is there."""
        ...

    def send(self, job: bytes, descriptor: int | None) -> bool:
        """Send it an encoded job and, with it, `descriptor`. False: it does not get it."""
        ...

    def answer(self, answer: CallAnswer, descriptor: int | None) -> None:
        """Send it what its script's call has led to."""
        ...

    def pause(self) -> None:
        """Read nothing from it: soon its script has to wait."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...

    def ended(self, job: Job, recycle: bool) -> None:
        """`job`, its first one, has ended well. `recycle`: it asks to be replaced."""
        ...

    def recall(self, unwanted: Job | None = None) -> None:
        """Leave it the job that runs, and have others run what it has not begun, but for `unwanted`."""
        ...

    def kill(self, informed: Job | None = None) -> None:
        """End it now. Its jobs are told, but for `informed`."""
        ...

    def ask_for_stack(self) -> None:
        """Have it tell where its script stands, by a STACK frame or in its file."""
        ...

    def last_stack(self, root: str) -> list[FrameReport]:
        """What it has left in its file."""
        ...


class Job(Protocol):
    """A job, as its worker and its pool see it."""

    @property
    def interpreter(self) -> str:
        """The name of the interpreter that it needs; empty: any that has none."""
        ...

    @property
    def expected(self) -> float:
        """Seconds that it will take; infinite where that is not known."""
        ...

    @property
    def script(self) -> str:
        """The script's path, from the site's root."""
        ...

    def start(self, worker: JobHost) -> bool:
        """Send it to `worker`; False where that is impossible, and it is as before."""
        ...

    def worker_started(self) -> None:
        """The process of its worker is there."""
        ...

    def taken_back(self) -> bool:
        """Its worker has not read it, and will not: it is as before `start`. False: it is not to run elsewhere."""
        ...

    def received(self, kind: int, payload: bytes) -> None:
        """Take a frame from the worker; raises FrameError where it must not come."""
        ...

    def end(self, payload: bytes) -> None:
        """Take the end of the script from the worker; raises FrameError where it is malformed."""
        ...

    def lost(self, message: str) -> None:
        """Its worker is dead, or has sent what it must not."""
        ...

    def refuse(self, message: str) -> None:
        """There is no worker to be had for it."""
        ...

    def cancel(self) -> None:
        """Nobody wants it any more."""
        ...


class JobOwner(Protocol):
    """A pool, as its jobs see it."""

    @property
    def run_times(self) -> RunTimes:
        """Of the site's scripts."""
        ...

    @property
    def broker(self) -> DirectBroker:
        """The site's."""
        ...

    def withdrawn(self, job: Job) -> None:
        """`job`, which has waited, is not wanted any more."""
        ...

    def leaves(self, worker: JobHost) -> None:
        """`worker` is killed, or will be in a moment."""
        ...


class WorkerOwner(Protocol[W]):
    """A pool, as its workers see it."""

    @property
    def name(self) -> str:
        """The site's, for the log."""
        ...

    def put_back(self, jobs: Iterable[Job]) -> None:
        """`jobs`, which a worker was given and has not begun, are the next ones again."""
        ...

    def freed(self, worker: W) -> None:
        """A job of `worker` has ended well."""
        ...

    def dismiss(self, worker: W) -> None:
        """`worker` is of no use any more."""
        ...

    def exited(self, worker: W, was_killed: bool) -> None:
        """`worker` is no more; `was_killed`: by the server."""
        ...


class SlotUser(Protocol):
    """A pool, as it shares the slots of a server with others."""

    @property
    def could_grow(self) -> bool:
        """It has scripts that wait, and may have more workers."""
        ...

    def take_slot(self) -> bool:
        """Use a free slot, if there is need; tells whether scripts wait even so."""
        ...


class SlotHolder(Protocol):
    """A worker process, as it occupies a slot."""

    def kill(self) -> None:
        """End it now."""
        ...
