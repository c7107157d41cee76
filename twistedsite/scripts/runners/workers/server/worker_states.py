"""The life of a worker process, as the server sees it.

A worker is IDLE from the beginning: it can be given a job before its process is there. With a job it is BUSY, until
its pool finds no further job for it.

A worker ends in one of two ways. The server kills it: then it is KILLED, its socket is closed, and its jobs are told at
once. Or its socket is closed from the other side, or it has sent what it must not while it had no job: then it is
BROKEN, is sent SIGKILL, and its jobs are told when it is known how the process has ended. In both cases it is GONE when
the zygote has reported that end.

The end of a process and the end of its socket are told by different ways, so either may come first: a worker that is
GONE may still be DISCONNECTED. And one that is GONE may be killed, for the sake of a job that is late.

Only `WorkerProcess` moves by this table. Whether a worker should be replaced, or is late with a job, is no state: that
decides what it is given, not what may happen to it.
"""

from __future__ import annotations

from typing import Final

from twistedsite.scripts.runners.workers.server.transitions import Transitions


class WorkerState:
    """What a worker is doing.

    No Enum: on Python 3.11 a look at a member of one costs four times as much, and each request takes many.
    """

    IDLE: Final = "idle"
    BUSY: Final = "busy"
    KILLED: Final = "killed"
    BROKEN: Final = "broken"
    GONE: Final = "gone"


class WorkerEvent:
    """What happens to a worker."""

    GIVEN: Final = "given"
    """It has got a job."""
    FREED: Final = "freed"
    """It has no job, and there is none for it."""
    KILL: Final = "kill"
    """The server ends it."""
    DISCONNECTED: Final = "disconnected"
    """Its socket is closed, and the server has not done that."""
    EXITED: Final = "exited"
    """The zygote has reported its end."""


WORKER_LIFE: Final = Transitions(
    {
        (WorkerState.IDLE, WorkerEvent.GIVEN): WorkerState.BUSY,
        (WorkerState.IDLE, WorkerEvent.KILL): WorkerState.KILLED,
        (WorkerState.IDLE, WorkerEvent.DISCONNECTED): WorkerState.BROKEN,
        (WorkerState.IDLE, WorkerEvent.EXITED): WorkerState.GONE,
        (WorkerState.BUSY, WorkerEvent.GIVEN): WorkerState.BUSY,
        (WorkerState.BUSY, WorkerEvent.FREED): WorkerState.IDLE,
        (WorkerState.BUSY, WorkerEvent.KILL): WorkerState.KILLED,
        (WorkerState.BUSY, WorkerEvent.DISCONNECTED): WorkerState.BROKEN,
        (WorkerState.BUSY, WorkerEvent.EXITED): WorkerState.GONE,
        (WorkerState.KILLED, WorkerEvent.KILL): WorkerState.KILLED,
        (WorkerState.KILLED, WorkerEvent.EXITED): WorkerState.GONE,
        (WorkerState.BROKEN, WorkerEvent.KILL): WorkerState.KILLED,
        (WorkerState.BROKEN, WorkerEvent.EXITED): WorkerState.GONE,
        (WorkerState.GONE, WorkerEvent.KILL): WorkerState.GONE,
        (WorkerState.GONE, WorkerEvent.DISCONNECTED): WorkerState.GONE,
    }
)
