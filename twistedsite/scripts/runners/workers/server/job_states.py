"""The life of a job: one run of one script in a worker.

A job is QUEUED until a worker has been sent it; then it is RUNNING, as far as the server knows. What the worker has not
read can be taken back, and is QUEUED again. That is possible only while it is RUNNING: a job whose time is up is run
nowhere else.

Shortly before its deadline the worker is ASKED where the script stands. With the answer, or at the deadline, the client
is told, and the job is OVER. A client that is shown the stack waits a little longer for it: meanwhile the job is
OVERDUE. Where the worker has not answered by then, the client is told all the same, and the job is LATE: for a moment
the log waits for what the client could not.

A job is OVER when its script has ended, in whichever way. Its output may still be on its way to a slow client, so it
can be STOPPED after that too. Only `ScriptJob` moves by this table.
"""

from __future__ import annotations

from typing import Final

from twistedsite.scripts.runners.workers.server.transitions import Transitions


class JobState:
    """How far a job has come. No Enum, for the reason that `WorkerState` is none."""

    QUEUED: Final = "queued"
    RUNNING: Final = "running"
    ASKED: Final = "asked"
    OVERDUE: Final = "overdue"
    LATE: Final = "late"
    OVER: Final = "over"


class JobEvent:
    """What happens to a job."""

    SENT: Final = "sent"
    """It is in the socket of a worker."""
    TAKEN_BACK: Final = "taken back"
    """Its worker has not read it."""
    ASK: Final = "ask"
    """Its time is almost up: its worker is asked where it stands."""
    WAIT: Final = "wait"
    """Its time is up, and its client waits for the answer to that."""
    TELL: Final = "tell"
    """Its client is told that its time is up, without that answer."""
    ENDED: Final = "ended"
    """The script has ended in time."""
    STOPPED: Final = "stopped"
    """It is not wanted any more, its time is up, or its worker is lost."""


JOB_LIFE: Final = Transitions(
    {
        (JobState.QUEUED, JobEvent.SENT): JobState.RUNNING,
        (JobState.QUEUED, JobEvent.STOPPED): JobState.OVER,
        (JobState.RUNNING, JobEvent.TAKEN_BACK): JobState.QUEUED,
        (JobState.RUNNING, JobEvent.ASK): JobState.ASKED,
        (JobState.RUNNING, JobEvent.ENDED): JobState.OVER,
        (JobState.RUNNING, JobEvent.STOPPED): JobState.OVER,
        (JobState.ASKED, JobEvent.WAIT): JobState.OVERDUE,
        (JobState.ASKED, JobEvent.TELL): JobState.LATE,
        (JobState.ASKED, JobEvent.STOPPED): JobState.OVER,
        (JobState.OVERDUE, JobEvent.TELL): JobState.LATE,
        (JobState.OVERDUE, JobEvent.STOPPED): JobState.OVER,
        (JobState.LATE, JobEvent.STOPPED): JobState.OVER,
        (JobState.OVER, JobEvent.STOPPED): JobState.OVER,
    }
)
