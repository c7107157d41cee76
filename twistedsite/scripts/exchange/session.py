"""The visitor's session as a script uses it: opened when the script first asks, saved when the script has succeeded.

A script that fails saves nothing: the session stays as it was before. Only `end` acts at once, so that a log-out holds
whatever happens afterwards.
"""

from __future__ import annotations

import re
import reprlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

from twistedsite.http.message.cookies import format_cookie
from twistedsite.scripts.messages.failure import redact
from twistedsite.sessions.interface import SessionData, SessionError, SessionStore
from twistedsite.sessions.values import freeze, outline

SESSION_COOKIE: Final = "sessionId"

_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""256 bits in base64. Other cookies are not looked up."""

_OVER: Final = "the request is over, and its session closed"
_TOO_LATE: Final = (
    "a new session needs a cookie, and the head of this page has been sent: begin the session before the first flush"
)


def _new_token() -> str:
    return secrets.token_urlsafe(32)


class Session:
    """The data that the server keeps for one visitor. Any attribute may be set, read and deleted.

    The attributes are the data: `vars(session)` is the dict of them.
    """

    __slots__ = ("__access", "__dict__")
    __access: SessionAccess

    def __init__(self, access: SessionAccess, data: SessionData) -> None:
        object.__setattr__(self, "_Session__access", access)
        self.__dict__.update(data)

    def __getattr__(self, name: str) -> Any:
        raise _missing(name)

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse_python_name(name)
        self.__access.check_change()
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        _refuse_python_name(name)
        if name not in self.__dict__:
            raise _missing(name)
        del self.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.__dict__))

    def __repr__(self) -> str:
        held = ", ".join(f"{name}={redact(name, _shown(value))}" for name, value in self.__dict__.items())
        return f"<Session {held}>" if held else "<Session, empty>"


class SessionAccess:
    """Opens, renews, ends and saves the visitor's session for one request.

    `cookie` is the value of the cookie `sessionId`, "" where there is none. `secure`: the request came by https.
    `timeout`: seconds until the script is stopped, counted from now by `clock`. `token` makes new ids.
    """

    def __init__(
        self,
        store: SessionStore,
        cookie: str,
        secure: bool,
        timeout: float,
        *,
        token: Callable[[], str] = _new_token,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._cookie = cookie
        self._secure = secure
        self._clock = clock
        self._deadline = clock() + timeout
        self._token = token
        self._locks: list[AbstractContextManager[None]] = []
        self._session: Session | None = None
        self._loaded: bytes | None = None
        self._stored = ""
        """The id of the session in the store; "" while it has none."""
        self._id = ""
        """The id under which the session will be saved; "" until one is needed."""
        self._known = ""
        """The id that the client has sent, or is sent by this answer."""
        self._expire = False
        self._head_sent = False
        self._closed = False

    def open(self, *, head_sent: bool = False) -> Session:
        """The visitor's session: always the same object, locked for this request until `close`.

        Waits while another request of the visitor holds it, and raises SessionBusyError where that takes all of the
        request's time. It is empty where the cookie names no live session. `head_sent`: no cookie can be sent any more.
        """
        self._head_sent = self._head_sent or head_sent
        if self._session is None:
            if self._closed:
                raise SessionError(_OVER)
            self._session = Session(self, self._load())
        return self._session

    def renew(self) -> None:
        """Give the session a new id, with the same data. Call it where a visitor's rights change, as at a log-in.

        An id that somebody else has planted in the visitor's browser is then invalid. Raises SessionError where the
        head has been sent.
        """
        self.open()
        if self._stored:
            if self._head_sent:
                raise SessionError(_TOO_LATE)
            self._id = self._new_id()

    def end(self) -> None:
        """Delete the session at once, whether the script succeeds or not."""
        session = self.open()
        if self._stored:
            self._delete()
        vars(session).clear()
        self._id = ""

    def check_change(self) -> None:
        """Raise SessionError where a change could not be saved: after `close`, or where no cookie can be sent."""
        if self._closed:
            raise SessionError(_OVER)
        if self._head_sent and not self._known:
            raise SessionError(_TOO_LATE)

    def set_cookie_value(self) -> str | None:
        """The Set-Cookie value for the head, which is sent now; None for no such field. Before or after `close`."""
        self._head_sent = True
        if self._session is None:
            return None
        if not vars(self._session):
            expire = self._expire or bool(self._stored)
            self._known = ""
            return format_cookie(SESSION_COOKIE, "", max_age=0, secure=self._secure) if expire else None
        self._need_id()
        if self._id == self._known:
            return None
        self._known = self._id
        return format_cookie(SESSION_COOKIE, self._id, secure=self._secure)

    def close(self, save: bool = True) -> None:
        """Save the session where it has changed and `save` is set, and release it for the visitor's next request.

        Call it before the last byte of the answer is sent, so that the visitor's next request finds what was saved.
        Raises SessionError where it cannot be saved; the session is released all the same. Later calls do nothing.
        """
        try:
            if save and self._session is not None and not self._closed:
                # A plain dict, whatever kind of dict a dialect has put in its place.
                self._save(dict(vars(self._session)))
        finally:
            self._closed = True
            self._release()

    def _load(self) -> SessionData:
        if not _ID.fullmatch(self._cookie):
            return {}
        data = None
        try:
            self._hold(self._cookie)
            data = self._store.load(self._cookie)
        finally:
            if data is None:
                self._release()
        if data is None:
            return {}
        self._stored = self._id = self._known = self._cookie
        self._loaded = outline(data)
        return data

    def _save(self, data: SessionData) -> None:
        if not data:
            if self._stored:
                self._delete()
            return
        self.check_change()
        self._need_id()
        frozen = freeze(data)
        old = self._stored
        if old and old != self._id:
            self._store.rename(old, self._id)
        try:
            # A change within a value that is not JSON cannot be seen by comparing.
            if frozen.others or frozen.text != self._loaded:
                self._store.save(self._id, data)
        except BaseException:
            if old and old != self._id:
                self._store.rename(self._id, old)
            raise
        self._stored = self._id

    def _delete(self) -> None:
        self._store.delete(self._stored)
        self._stored = self._known = ""
        self._loaded = None
        self._expire = True

    def _need_id(self) -> None:
        if not self._id:
            self._id = self._new_id()

    def _new_id(self) -> str:
        # Locked too: where the head is sent early, the client may use the id before this request has saved.
        id = self._token()
        self._hold(id)
        return id

    def _hold(self, id: str) -> None:
        lock = self._store.lock(id, max(0.0, self._deadline - self._clock()))
        # Appended before it is entered: a script may be interrupted at any point, and `close` must find the lock.
        self._locks.append(lock)
        lock.__enter__()

    def _release(self) -> None:
        while self._locks:
            self._locks[-1].__exit__(None, None, None)
            self._locks.pop()


def _missing(name: str) -> AttributeError:
    return AttributeError(f"the session has no attribute {name!r}")


def _refuse_python_name(name: str) -> None:
    if name.startswith("__"):
        raise AttributeError(f"a session cannot hold {name!r}: names that begin with __ are Python's own")


def _shown(value: object) -> str:
    if value is None or isinstance(value, str | int | float):
        return reprlib.repr(value)
    return f"({type(value).__name__})"
