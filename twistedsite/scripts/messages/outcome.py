"""How a script ended: as plain data, and as the exceptions that end it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from twistedsite.scripts.messages.failure import FailureReport


class ScriptStop(BaseException):  # not an error: it ends a script, as SystemExit does
    """Raised inside a script that has to end: its time is up, or nobody waits for it any more."""


class RefusedError(Exception):
    """The request is refused: `status`, from 400 to 499, and `message`, which the client sees, are the answer.

    `allow` are the methods that would be answered, for 405.
    """

    def __init__(self, status: int, message: str, allow: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.allow = allow or []


class ExitKind:
    """How a script has ended.

    Not an Enum: on Python 3.11 a look at a member of one costs four times as much, and each script takes several.
    """

    DONE: Final = "done"
    REFUSED: Final = "refused"
    """The request could not be used: a malformed or too large form."""
    GONE: Final = "gone"
    """Its file was deleted before it could be read."""
    FAILED: Final = "failed"
    STOPPED: Final = "stopped"


Method = Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", max_length=20)]


class Outcome(msgspec.Struct, array_like=True):
    """What there is to say of a script that has ended."""

    kind: Literal["done", "refused", "gone", "failed", "stopped"]
    """See `ExitKind`."""
    status: int = 200
    message: str = ""
    allow: list[Method] = []
    """The methods that would be answered."""
    report: FailureReport | None = None
