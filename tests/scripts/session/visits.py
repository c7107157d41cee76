"""Requests of one visitor, one after the other, as tests speak of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

from twistedsite.scripts.exchange.session import SessionAccess
from twistedsite.sessions.interface import SessionData, SessionStore
from twistedsite.sessions.memory import MemoryStore
from twistedsite.settings.server import SessionSettings
from twistedsite.settings.units import Size

EXPIRED = "sessionId=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
FORGED = "F" * 43
"""Well-formed, and nobody's."""


class Watched(MemoryStore):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__(SessionSettings(size=Size(1000)), lambda: 0.0)
        self.calls: list[str] = []

    def lock(self, id: str, timeout: float) -> AbstractContextManager[None]:
        self.calls.append(f"lock {timeout:g}")
        return super().lock(id, timeout)

    def load(self, id: str) -> SessionData | None:
        self.calls.append("load")
        return super().load(id)

    def save(self, id: str, data: SessionData) -> None:
        self.calls.append("save")
        super().save(id, data)

    def delete(self, id: str) -> None:
        self.calls.append("delete")
        super().delete(id)


def token_maker() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):043}"


new_token = token_maker()


def access(store: SessionStore, cookie: str = "", secure: bool = False, timeout: float = 0.0) -> SessionAccess:
    return SessionAccess(store, cookie, secure, timeout, token=new_token, clock=lambda: 0.0)


def id_in(cookie: str | None) -> str:
    match = re.fullmatch(r"sessionId=([0-9A-Za-z_-]{43}); Path=/; HttpOnly; SameSite=Lax", cookie or "")
    assert match, cookie
    return match[1]


def remember(store: SessionStore, **data: object) -> str:
    """A session with `data`, by a request of its own; its id."""
    visit = access(store)
    for name, value in data.items():
        setattr(visit.open(), name, value)
    visit.close()
    return id_in(visit.set_cookie_value())


def remembered(store: SessionStore, id: str) -> dict[str, object]:
    visit = access(store, id)
    data = dict(vars(visit.open()))
    visit.close(save=False)
    return data
