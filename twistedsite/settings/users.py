"""The system users that worker processes run as: their range in the settings, and the user of each site."""

from __future__ import annotations

import hashlib
import re
from typing import Final

HIGHEST: Final = 2**32 - 2
"""The highest user id (credentials(7)). The next number means no user."""

_RANGE: Final = re.compile(r"([1-9]\d{0,9})-([1-9]\d{0,9})", re.ASCII)


def uid_range(text: str) -> range:
    """Parse a range of user ids such as `200000-265535`. It is empty where `text` is.

    Raises ValueError, which says what was expected. Root is never in it.
    """
    if not text:
        return range(0)
    match = _RANGE.fullmatch(text.strip())
    if match and int(match[1]) <= int(match[2]) <= HIGHEST:
        return range(int(match[1]), int(match[2]) + 1)
    raise ValueError(f"expected two numbers of users, such as 200000-265535, got {text!r}")


class NoUserError(ValueError):
    """A site cannot get a user of its own: another site has it, or there are more sites than users."""


class SiteUsers:
    """Gives each site a user of its own, out of `uids`; none where that is empty.

    A site's user follows from its name, so it is the same after a restart. Where two names lead to the same user, the
    first site asked for gets it, and the other one gets the next free user.
    """

    def __init__(self, uids: range) -> None:
        self._uids = uids
        self._of: dict[str, int] = {}
        self._owners: dict[int, str] = {}

    def of(self, site: str, own: int | None = None) -> int | None:
        """The user of `site`: `own`, where the settings name one. Raises NoUserError."""
        if own is not None:
            if self._owners.setdefault(own, site) != site:
                raise NoUserError(f"{own}, the user of {site}, is that of {self._owners[own]} already")
            return own
        if site in self._of or not self._uids:
            return self._of.get(site)
        start = int.from_bytes(hashlib.sha256(site.encode()).digest()[:8], "big") % len(self._uids)
        for step in range(len(self._uids)):
            uid = self._uids[(start + step) % len(self._uids)]
            if uid not in self._owners:
                self._owners[uid] = site
                self._of[site] = uid
                return uid
        raise NoUserError(f"{len(self._uids)} users are too few for the sites")
