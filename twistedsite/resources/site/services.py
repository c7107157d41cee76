"""What the resources of all sites of a server share."""

from __future__ import annotations

from twistedsite.resources.auth.passwords import Passwords
from twistedsite.resources.cache.answers import ReadyAnswers
from twistedsite.resources.content.background import BackgroundThreads, Reactor
from twistedsite.resources.content.encoded import EncodedBodies
from twistedsite.settings.server import ServerSettings


class Services:
    """Threads for reading and compressing, the cached answers and encoded bodies, and the checks of passwords."""

    def __init__(self, settings: ServerSettings, reactor: Reactor) -> None:
        self.now = reactor.seconds
        """The time in seconds since the epoch."""
        self.background = BackgroundThreads(reactor, settings.static.threads)
        self.encoded = EncodedBodies(settings.compression.cache, self.background)
        self.answers = ReadyAnswers(settings)
        self.passwords = Passwords(settings.auth.queue, reactor)

    def stop(self) -> None:
        """Let go of the threads."""
        self.background.stop()
        self.passwords.stop()
