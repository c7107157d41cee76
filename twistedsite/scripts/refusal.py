"""A request that a script cannot be run for, as its dialect finds."""

from __future__ import annotations


class RefusedError(Exception):
    """The request is refused: `status`, from 400 to 499, and `message`, which the client sees, are the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
