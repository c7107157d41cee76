"""What the files and guards of all sites of a server share."""

from __future__ import annotations

from twistedsite.resources.auth.passwords import Passwords
from twistedsite.resources.cache.answers import ReadyAnswers
from twistedsite.resources.cache.sorted_names import Orders
from twistedsite.resources.content.background import Background, Reactor
from twistedsite.resources.content.encoded import EncodedBodies
from twistedsite.settings.server import ServerSettings


class Delivery:
    """Threads that work for the reactor, what is kept in memory to send it again, and who is guessing passwords."""

    def __init__(self, settings: ServerSettings, reactor: Reactor) -> None:
        self.now = reactor.seconds
        """The time in seconds since the epoch."""
        self.background = Background(reactor, settings.static.threads)
        self.encoded = EncodedBodies(settings.compression.cache, self.background)
        self.answers = ReadyAnswers(settings)
        self.orders = Orders(self.now)
        self.passwords = Passwords(settings.auth.queue, reactor)

    def stop(self) -> None:
        """Let go of the threads."""
        self.background.stop()
        self.passwords.stop()
