"""What the files and guards of all sites of a server share."""

from __future__ import annotations

from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import FastResponse
from twistedsite.resources.auth.passwords import Passwords
from twistedsite.resources.cache.absent import Absences
from twistedsite.resources.cache.hot import HotResponses
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
        self.hot = HotResponses(settings.static.hot_cache, settings.compression.codings, self.now)
        self.absent = Absences(self.now)
        self.passwords = Passwords(settings.auth.queue, reactor)

    def forget(self, site: str) -> None:
        """Keep nothing of `site` any more: another one may get its name."""
        self.encoded.forget(site)
        self.hot.forget(site)
        self.absent.forget(site)

    def ready(self, site: str, head: RequestHead, batch: int) -> FastResponse | None:
        """The answer to a GET or HEAD of `site` that lies ready, be it a file or that there is none."""
        return self.hot.lookup(site, head, batch) or self.absent.lookup(site, head, batch)

    def stop(self) -> None:
        """Let go of the threads."""
        self.background.stop()
        self.passwords.stop()
