"""The sites of a server that are up: each is built when it is first asked for, and stopped when it is no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from twisted.logger import Logger

from twistedsite.hosts.registry import Registry
from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.content import content_limits
from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import PreparedResponse
from twistedsite.resources.mapping.builder import BuiltSite, build_on
from twistedsite.resources.site.server import ServerResources
from twistedsite.sessions.interface import ServerSessionStore
from twistedsite.sessions.stores import open_store
from twistedsite.settings.hosts import host_name
from twistedsite.settings.sites import DEFAULT_SITE, SiteSettings, default_site, nested

_MOST_SPELLINGS: Final = 4096
"""Spellings of hosts that are remembered. Clients make them up: when there are more, all are forgotten."""


class Sites:
    """The sites of `registry`, and that of the server's own `root`, if it has one, for every other host.

    It owns `shared`: both end together.
    """

    _log = Logger()

    def __init__(self, registry: Registry, shared: ServerResources) -> None:
        self.registry = registry
        self._shared = shared
        self._answers = shared.services.answers
        self._sessions: ServerSessionStore | None = None
        self._default: SiteSettings | None = None
        if (settings := shared.settings).root:
            # Beside others it has no health document: that is the server's.
            health = "" if settings.sites else settings.health
            self._default = default_site(msgspec.structs.replace(settings, health=health))
        self._built: dict[str, tuple[SiteSettings, BuiltSite]] = {}
        self._by_spelling: dict[bytes, BuiltSite] = {}
        self._version = registry.version

    @property
    def known(self) -> list[SiteSettings]:
        """All sites, that of the server's own root first."""
        return [*([self._default] if self._default is not None else []), *self.registry.list()]

    @property
    def sandbox(self) -> str:
        """One line on what the kernel holds scripts to that run in processes; empty where none do."""
        return self._shared.sandbox

    @property
    def up(self) -> list[BuiltSite]:
        """Those that have been asked for."""
        return [built for _, built in self._built.values()]

    def open(self) -> None:
        """Open the sessions, and make what takes long and is needed for sure. Called as the user that serves.

        Raises SettingsError as `open_store` and `build_on` do, and SessionError.
        """
        settings = self._shared.settings
        self._sessions = open_store(settings.sessions, settings.session, self._shared.reactor.seconds)
        self._sessions.drop_older(max(s.session.absolute for s in (settings, *(site.settings for site in self.known))))
        in_workers = [site for site in self.known if site.settings.isolation == "workers"]
        if in_workers:
            self._shared.workers()
        for outer, inner in nested(self.known):
            self._log.warn(
                "{inner} lies in the folder of {outer}, or is the same: scripts of {outer} can read all of it",
                inner=inner.name,
                outer=outer.name,
            )
        # Those first whose users are given by name: no other site gets these.
        for site in sorted(in_workers, key=lambda site: site.uid is None):
            self._shared.user_of(site)
        if self._default is not None and not self.registry.list():
            # The only site is asked for soon.
            self._build(self._default)

    def at(self, host: bytes) -> BuiltSite | None:
        """The site that `host`, as in a Host field and possibly empty, means; None where there is none."""
        built = self._known(host)
        if built is None and (site := self._find(host)) is not None:
            built = self._build(site)
        return built

    def content_limits(self, host: bytes) -> ContentLimits:
        """See `LimitsOfHost`. A host without a site has the server's limits. No site is built for the question."""
        built = self._known(host)
        if built is not None:
            return content_limits(built.context.settings)
        site = self._find(host)
        return content_limits(site.settings if site is not None else self._shared.settings)

    def quick_answer(self, head: RequestHead, tick: int) -> PreparedResponse | Callable[[PendingResponse], None] | None:
        """See `QuickAnswer`."""
        built = self._known(head.host)
        return self._answers.find(built.context, head, tick) if built is not None else None

    def _known(self, host: bytes) -> BuiltSite | None:
        """The site that `host` means, if it is up."""
        if self._version != self.registry.version:
            self._follow()
        built = self._by_spelling.get(host)
        if built is None and (site := self._find(host)) is not None and site.name in self._built:
            built = self._built[site.name][1]
            if len(self._by_spelling) >= _MOST_SPELLINGS:
                self._by_spelling.clear()
            self._by_spelling[host] = built
        return built

    def _find(self, host: bytes) -> SiteSettings | None:
        return self.registry.find(host_name(host.decode("latin-1"))) or self._default

    def stop(self) -> None:
        """Stop all of them, and all that they share."""
        for built in self.up:
            built.stop()
        self._built.clear()
        self._by_spelling.clear()
        self._shared.stop()
        if self._sessions is not None:
            self._sessions.close()

    def _build(self, site: SiteSettings) -> BuiltSite:
        sessions = self._sessions
        assert sessions is not None
        own = site.name == DEFAULT_SITE
        store = sessions if own else sessions.for_site(site.name, site.settings.session)
        built = build_on(self._shared, site, store)
        self._built[site.name] = (site, built)
        return built

    def _follow(self) -> None:
        """The registry has changed: stop what is no more, or is another one by now."""
        self._version = self.registry.version
        self._by_spelling.clear()
        now = {site.name: site for site in self.known}
        for name, (site, built) in list(self._built.items()):
            if now.get(name) != site:
                del self._built[name]
                self._log.info("{site}: stopped, as it is no more or has other settings", site=name)
                built.stop()
