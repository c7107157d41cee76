"""What runs scripts, as resources see it: the protocols of a runner and of its response sink, and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from twistedsite.scripts.messages.failure import FailureReport
from twistedsite.scripts.messages.outcome import ExitKind, Outcome
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead

if TYPE_CHECKING:
    # Worker processes import this package, and never Twisted.
    from twisted.internet.defer import Deferred


class ScriptError(Exception):
    """A script failed. `report` says where and why, for the log and the debug page."""

    def __init__(self, message: str, report: FailureReport | None = None) -> None:
        super().__init__(message)
        self.report = report


class ScriptFailedError(ScriptError):
    """The script raised an exception: 500."""


class ScriptTimeoutError(ScriptError):
    """The script was still running at its deadline, and was stopped: 504."""


class ScriptRefusedError(ScriptError):
    """The script cannot use the request, for instance a malformed form. The answer is `status`.

    `allow` lists the methods that would be answered, for 405.
    """

    def __init__(self, status: int, message: str, allow: list[str]) -> None:
        super().__init__(message)
        self.status = status
        self.allow = allow


class ScriptGoneError(ScriptError):
    """The script's file was deleted after it had been looked up: 404."""


class ScriptCrashedError(ScriptError):
    """The process that ran the script has died: 502."""


class RunnerBusyError(ScriptError):
    """The script could not be queued, or waited too long in the queue: 503 with Retry-After."""

    retry_after = 5


def script_error(outcome: Outcome) -> ScriptError | None:
    """The error that a script's outcome means; None where it has succeeded."""
    match outcome.kind:
        case ExitKind.DONE:
            return None
        case ExitKind.REFUSED:
            # A worker may claim any status.
            status = outcome.status if 400 <= outcome.status <= 499 else 400
            return ScriptRefusedError(status, outcome.message, outcome.allow)
        case ExitKind.GONE:
            return ScriptGoneError(outcome.message)
        case ExitKind.STOPPED:
            return ScriptCrashedError("the script has stopped itself")
        case ExitKind.FAILED:
            return ScriptFailedError(outcome.message, outcome.report)


class ResponseSink(Protocol):
    """Receives a script's answer from the runner. All calls come in the reactor's thread."""

    def begin(self, head: ResponseHead) -> None:
        """Take the head; pieces of the body follow."""
        ...

    def write(self, data: bytes) -> None:
        """Take a piece of the body."""
        ...

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """Take the last piece; `head` where `begin` was not called."""
        ...

    def when_writable(self) -> Deferred[None] | None:
        """None while the client keeps up, else a Deferred that fires when it has caught up or gone."""
        ...


class Runner(Protocol):
    """Runs scripts of one server."""

    def run(self, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        """Run the script of `request` and pass its answer to `sink`.

        The Deferred fires when the script has ended, or fails with a ScriptError. Cancelling it stops the script. The
        caller closes `body`, which is not read after the Deferred has fired.
        """
        ...

    def health(self) -> dict[str, int]:
        """Counts for the health page: `running`, `queued`, `lost` and others; `lost_limit` where there is one."""
        ...

    def sandbox(self) -> str:
        """One line on the kernel's restrictions of scripts, for the health page; empty where there are none."""
        ...
