"""Puts a site together: its origin, its runner, its tree. Called by the service maker and by embedding programs."""

from __future__ import annotations

import os

import attrs

from twistedsite.http.content import content_limits
from twistedsite.origins.interface import Entry, Kind, Origin
from twistedsite.origins.local import LocalOrigin
from twistedsite.resources.kinds.internal import Internal
from twistedsite.resources.mapping.folder import FolderTree
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.server import ServerResources
from twistedsite.scripts.broker.background import SiteBackground
from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.broker.storage import SiteStorage
from twistedsite.scripts.runners.session_turns import SessionTurns, SiteRunner
from twistedsite.scripts.runners.threads.runner import ThreadRunner
from twistedsite.scripts.runners.threads.shared import IThreadReactor
from twistedsite.scripts.runners.workers.server.runner import WorkerRunner
from twistedsite.sessions.interface import SessionStore
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import SiteSettings, default_site


@attrs.frozen
class BuiltSite:
    """A site that answers."""

    resource: FolderTree
    context: SiteContext
    runner: SessionTurns
    sessions: SessionStore
    background: SiteBackground
    uid: int | None = None
    """The user that its worker processes run as; None: the server's."""
    owned: ServerResources | None = None
    """What it shares with no other site."""

    def stop(self) -> None:
        """Stop its scripts, and release all that it holds."""
        self.background.stop()
        self.runner.stop()
        # Another site may get its name.
        self.context.services.encoded.forget(self.context.name)
        self.context.services.answers.forget(self.context)
        if self.owned is not None:
            self.owned.stop()
        self.sessions.close()


def build_site(settings: ServerSettings, sessions: SessionStore, reactor: IThreadReactor) -> BuiltSite:
    """Return the one site of a server, `settings.root`, an existing folder.

    Raises SettingsError where `settings.sandbox` asks for what this machine cannot hold.
    """
    shared = ServerResources(settings, reactor)
    return attrs.evolve(build_on(shared, default_site(settings), sessions), owned=shared)


def build_on(shared: ServerResources, site: SiteSettings, sessions: SessionStore) -> BuiltSite:
    """Return `site` as one of several. Raises SettingsError as `build_site` does."""
    settings, reactor = site.settings, shared.reactor
    origin = shared.open_origin(site) if shared.open_origin is not None else _local_origin(shared, site)
    background = SiteBackground(site.name, settings.background, shared.in_flight, reactor)
    broker = DirectBroker(sessions, SiteStorage(origin, settings.storage, reactor), background)
    scripts: SiteRunner
    uid = None
    if settings.isolation == "workers":
        root = origin.local_path(Entry((), Kind.FOLDER))
        if root is None:
            raise SettingsError("", "isolation", "workers need a site that has its files on this disk")
        uid = shared.user_of(site)
        workers, readable = shared.workers(), tuple(map(os.path.abspath, settings.pythonpath))
        scripts = WorkerRunner(workers, site.name, root, broker, settings.workers, uid, readable)
    else:
        scripts = ThreadRunner(reactor, site.name, settings.threads, settings.pool, broker, shared.threads())
    runner = SessionTurns(scripts, broker.session_scripts, settings.session.waiting, reactor)
    context = SiteContext(site.name, settings, origin, runner, reactor, shared.services)
    tree = FolderTree(context)
    background.dispatch = Internal(tree, content_limits(settings), reactor).dispatch
    return BuiltSite(tree, context, runner, sessions, background, uid)


def _local_origin(shared: ServerResources, site: SiteSettings) -> Origin:
    settings = site.settings
    return LocalOrigin(settings.root, settings.symlinks, settings.storage.fsync, shared.sorted_names)
