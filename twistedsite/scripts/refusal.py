"""A request that a script cannot be run for, as its dialect finds."""

from __future__ import annotations


class RefusedError(Exception):
    """The request is refused: `status`, from 400 to 499, and `message`, which the client sees, are the answer.

    `allow` are the methods that would be answered, for 405.
    """

    def __init__(self, status: int, message: str, allow: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.allow = allow or []
