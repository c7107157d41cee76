"""The registry of sites: the interface, and the implementation for the settings file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import SiteSettings, site_settings


class TakenError(ValueError):
    """Another site has this name or this host."""


class Registry(Protocol):
    """The sites of a server. Called on the reactor's thread, for each request, so it must not wait: a registry that is
    stored elsewhere answers from a copy."""

    version: int
    """A number that changes with each change of the registry."""

    def find(self, host: str) -> SiteSettings | None:
        """The site of `host`, a name in the spelling of `host_name`; None where there is none."""
        ...

    def list(self) -> Sequence[SiteSettings]:
        """All sites."""
        ...

    def add(self, site: SiteSettings) -> None:
        """Add `site`, or replace the one of the same name. Raises TakenError if another site has one of its hosts."""
        ...

    def remove(self, name: str) -> None:
        """Remove the site `name`, if there is one."""
        ...


class MemoryRegistry:
    """See `Registry`. What is added or removed is forgotten when the server ends."""

    def __init__(self, sites: Iterable[SiteSettings] = ()) -> None:
        self.version = 0
        self._sites: dict[str, SiteSettings] = {}
        self._by_host: dict[str, SiteSettings] = {}
        for site in sites:
            self.add(site)

    def find(self, host: str) -> SiteSettings | None:
        for candidate in _candidates(host):
            if (site := self._by_host.get(candidate)) is not None:
                return site
        return None

    def list(self) -> Sequence[SiteSettings]:
        return tuple(self._sites.values())

    def add(self, site: SiteSettings) -> None:
        for host in site.hosts:
            owner = self._by_host.get(host)
            if owner is not None and owner.name != site.name:
                raise TakenError(f"{host} is a host of {owner.name} already")
        self.remove(site.name)
        self.version += 1
        self._sites[site.name] = site
        self._by_host.update(dict.fromkeys(site.hosts, site))

    def remove(self, name: str) -> None:
        site = self._sites.pop(name, None)
        if site is not None:
            self.version += 1
            for host in site.hosts:
                del self._by_host[host]


def settings_registry(server: ServerSettings) -> MemoryRegistry:
    """Return the sites of the settings file. Their hosts have been checked."""
    return MemoryRegistry(site_settings(server, name) for name in server.sites)


def _candidates(host: str) -> Iterator[str]:
    """Yield the patterns that match `host`, the most specific first."""
    yield host
    if not host.startswith("["):
        _, dot, above = host.partition(".")
        while dot:
            yield f"*.{above}"
            _, dot, above = above.partition(".")
