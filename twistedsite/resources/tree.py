"""Puts a site together: its origin, its runner, its tree. Called by the service maker and by embedding programs."""

from __future__ import annotations

import attrs

from twistedsite.origins.local import LocalOrigin
from twistedsite.resources.base import SiteContext
from twistedsite.resources.folder import FolderTree
from twistedsite.scripts.broker import DirectBroker
from twistedsite.scripts.runners.threads import IThreadReactor, ThreadRunner
from twistedsite.scripts.runners.workers.check import check_sandbox
from twistedsite.scripts.runners.workers.pool import Workers
from twistedsite.scripts.runners.workers.runner import WorkerRunner
from twistedsite.sessions.interface import SessionStore
from twistedsite.settings.server import ServerSettings


@attrs.frozen
class BuiltSite:
    """A site that answers."""

    resource: FolderTree
    context: SiteContext
    runner: ThreadRunner | WorkerRunner
    workers: Workers | None
    sessions: SessionStore

    def stop(self) -> None:
        """Stop its scripts, and release all that it holds."""
        self.runner.stop()
        if self.workers is not None:
            self.workers.stop()
        self.context.delivery.stop()
        self.sessions.close()


def build_site(settings: ServerSettings, sessions: SessionStore, reactor: IThreadReactor) -> BuiltSite:
    """Return the site that `settings.root`, an existing folder, is.

    Raises SettingsError where `settings.sandbox` asks for what this machine cannot hold.
    """
    broker = DirectBroker(sessions)
    origin = LocalOrigin(settings.root, settings.symlinks)
    runner: ThreadRunner | WorkerRunner
    workers = None
    if settings.isolation == "workers":
        holds = check_sandbox(settings.sandbox)
        workers = Workers(reactor, settings.workers, settings.pool.output_buffer, settings.sandbox, holds)
        runner = WorkerRunner(workers, "site", origin.root, broker)
    else:
        runner = ThreadRunner(reactor, settings.threads, settings.pool, broker)
    context = SiteContext("site", settings, origin, runner, reactor)
    return BuiltSite(FolderTree(context), context, runner, workers, sessions)
