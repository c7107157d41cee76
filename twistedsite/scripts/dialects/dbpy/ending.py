"""How a script ends itself."""

from __future__ import annotations

from typing import NoReturn


class Died(SystemExit):
    """Ends a script successfully. `except Exception` does not catch it."""


def die(message: object = "", report: bool = True) -> NoReturn:
    """End the script, as if its last line had been reached; print `message` first if `report`."""
    if report:
        print(message)  # noqa: T201  # into the page
    raise Died
