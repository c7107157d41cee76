"""Where a script runs. Every runner answers to `Runner`; the resources know nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from twistedsite.scripts.messages.failure import FailureReport
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead

if TYPE_CHECKING:
    # Worker processes import this package, and never Twisted.
    from twisted.internet.defer import Deferred


class ScriptError(Exception):
    """A script that did not end well; `report` tells where and why, for the log and for the debug page."""

    def __init__(self, message: str, report: FailureReport | None = None) -> None:
        super().__init__(message)
        self.report = report


class ScriptFailedError(ScriptError):
    """An exception that the script did not catch: 500."""


class ScriptTimeoutError(ScriptError):
    """Still running at its deadline, and stopped: 504."""


class ScriptRefusedError(ScriptError):
    """The request is none that the script could use, a malformed form for instance: `status` says what to answer.

    `allow` are the methods that would be answered, for 405.
    """

    def __init__(self, status: int, message: str, allow: list[str]) -> None:
        super().__init__(message)
        self.status = status
        self.allow = allow


class ScriptGoneError(ScriptError):
    """Its file was deleted after it had been looked up: 404."""


class ScriptCrashedError(ScriptError):
    """The process or thread that ran it has died: 502."""


class RunnerBusyError(ScriptError):
    """Refused, or waited too long, because all places are taken: 503 with Retry-After."""

    retry_after = 5


class ResponseSink(Protocol):
    """Where a runner puts a script's answer. All calls come on the reactor's thread."""

    def begin(self, head: ResponseHead) -> None:
        """The head is known; pieces follow."""
        ...

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        ...

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """The last piece; `head` where `begin` was not called."""
        ...

    def when_writable(self) -> Deferred[None] | None:
        """None while the client keeps up; else a Deferred that fires when it has caught up or gone."""
        ...


class Runner(Protocol):
    """Runs scripts of one server."""

    def run(self, request: ScriptRequest, body: BinaryIO, sink: ResponseSink) -> Deferred[None]:
        """Run the script of `request`, putting its answer into `sink`.

        The Deferred fires when the script has ended, or fails with a ScriptError; cancelling it stops the script.
        `body` stays the caller's: it is read only until the Deferred has fired.
        """
        ...

    def health(self) -> dict[str, int]:
        """Counts for the health page: `running`, `queued`, `lost`, …; `lost_limit` where there is one."""
        ...

    def sandbox(self) -> str:
        """One line on what the kernel holds scripts to, for the health page; empty where that is nothing."""
        ...
