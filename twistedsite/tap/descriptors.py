"""How many descriptors the process may have, and how many connections that allows.

A service manager's default is often 1,024, against 10,000 connections in the settings: then the server would run out of
descriptors long before it refuses a connection, and could not open a file for anybody.
"""

from __future__ import annotations

import functools
import resource
from collections.abc import Callable
from typing import Final

import msgspec
from twisted.logger import Logger

from twistedsite.settings.server import HttpLimits

_OTHERS: Final = 256
"""Descriptors for logs, databases, workers and the like."""
_EACH: Final = 1.5
"""Descriptors of a connection: its own, and where it is sent a large file, that too."""

_LOWERED: Final = (
    "{soft} descriptors (ulimit -n) are enough for {fit} connections, not for {wanted}: http.connections is lowered; "
    "raise the limit of the service manager (LimitNOFILE)"
)

_log = Logger()


def fit_descriptors(limits: HttpLimits, when_running: Callable[[Callable[[], None]], object]) -> HttpLimits:
    """Raise the soft limit of descriptors to what `limits` need, as far as the hard one allows.

    Returns `limits` with so many connections as the process can serve. Where these are fewer, the log says so, by a
    call that `when_running` makes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = int(_EACH * limits.connections) + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    connections = max(int((soft - _OTHERS) / _EACH), 1)
    when_running(functools.partial(_log.warn, _LOWERED, soft=soft, fit=connections, wanted=limits.connections))
    return msgspec.structs.replace(limits, connections=connections)
