"""What the static files of all sites of a server share."""

from __future__ import annotations

from twistedsite.resources.background import Background, Reactor


class Delivery:
    """Threads that read for the reactor."""

    def __init__(self, reactor: Reactor) -> None:
        self.now = reactor.seconds
        """The time in seconds since the epoch."""
        self.background = Background(reactor)

    def stop(self) -> None:
        """Let go of the threads."""
        self.background.stop()
