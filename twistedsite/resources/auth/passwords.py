"""Passwords checked against a file of users: in threads of their own, once for all who ask the same at the same time.

A right password is remembered for a while, by a keyed digest that only this process can make, never by itself.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from twistedsite.resources.auth.users import PasswordFile
from twistedsite.resources.content.background import BackgroundThreads, Reactor

_THREADS: Final = 2
"""Checks that go on at the same time, at up to 128 MiB each."""
_MOST_REMEMBERED: Final = 4096


class TooManyWaitError(Exception):
    """There are more passwords to check than may wait."""


class Passwords:
    """What the guards of all sites of a server share: threads, and the memory of right passwords.

    At most `queue` wait to be checked.
    """

    def __init__(self, queue: int, reactor: Reactor) -> None:
        self._queue = queue
        self._now = reactor.seconds
        self._threads = BackgroundThreads(reactor, _THREADS)
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        """Digest -> when it is forgotten."""
        self._checking: dict[bytes, list[Deferred[bool]]] = {}

    def digest(self, *parts: str) -> bytes:
        """What stands for `parts`, a place and credentials, in the memory of this process."""
        said = b"".join(b"%d:%b" % (len(part), part) for part in (p.encode("utf-8", "surrogatepass") for p in parts))
        return hashlib.blake2b(said, key=self._key, digest_size=32).digest()

    def is_remembered(self, digest: bytes) -> bool:
        """Whether these credentials were right a moment ago."""
        ends = self._right.get(digest)
        if ends is None:
            return False
        if ends > self._now():
            return True
        del self._right[digest]
        return False

    def remember(self, digest: bytes, seconds: float) -> None:
        """These credentials were right, which is to be known for so long."""
        if seconds:
            self._right[digest] = self._now() + seconds
            self._right.move_to_end(digest)
            if len(self._right) > _MOST_REMEMBERED:
                self._right.popitem(last=False)

    def verify(self, users: PasswordFile, user: str, password: str, digest: bytes, seconds: float) -> Deferred[bool]:
        """Whether `password` is that of `user`, in which case it is remembered for `seconds`; raises TooManyWaitError.

        A caller that goes away stops nobody's.
        """
        asker: Deferred[bool] = Deferred()
        if askers := self._checking.get(digest):
            askers.append(asker)
            return asker
        if len(self._checking) >= self._queue:
            raise TooManyWaitError
        self._checking[digest] = [asker]
        checked = self._threads.call(users.verify, user, password)
        checked.addBoth(self._checked, digest, seconds)
        return asker

    def stop(self) -> None:
        """Let go of the threads."""
        self._threads.stop()

    def _checked(self, answer: bool | Failure, digest: bytes, seconds: float) -> None:
        if answer is True:
            self.remember(digest, seconds)
        for asker in self._checking.pop(digest):
            if isinstance(answer, Failure):
                asker.errback(answer)
            else:
                asker.callback(answer)
