"""How a script ended: as plain data, and as the exceptions that end it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from twistedsite.scripts.messages.failure import FailureReport


class ScriptStop(BaseException):  # not an error: it ends a script, as SystemExit does
    """Raised in a script that must end: its time is up, or its client has gone."""


class RefusedError(Exception):
    """The script cannot use the request. `status`, 400 to 499, and `message` are sent to the client.

    `allow` lists the methods that would be answered, for 405.
    """

    def __init__(self, status: int, message: str, allow: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.allow = allow or []


class ExitKind:
    """How a script has ended.

    Not an Enum: on Python 3.11 access to a member of one costs four times as much, and each script needs several.
    """

    DONE: Final = "done"
    REFUSED: Final = "refused"
    """The script could not use the request, for instance a malformed or too large form."""
    GONE: Final = "gone"
    """The script's file was deleted before it could be read."""
    FAILED: Final = "failed"
    STOPPED: Final = "stopped"


Method = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]+\Z", max_length=20)]


class Outcome(msgspec.Struct, array_like=True):
    """The result of a script that has ended."""

    kind: Literal["done", "refused", "gone", "failed", "stopped"]
    """See `ExitKind`."""
    status: int = 200
    message: str = ""
    allow: list[Method] = []
    """The methods that would be answered, for 405."""
    report: FailureReport | None = None
