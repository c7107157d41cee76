"""Where it stands which sites there are. `Registry` is what the server asks; here is the one of the settings file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import SiteSettings, site_settings


class TakenError(ValueError):
    """Another site has this name or this host."""


class Registry(Protocol):
    """The sites of a server. All is called on the reactor's thread, for each request, and does not wait: a registry
    that is kept elsewhere answers from what it has read before."""

    version: int
    """Another number after each change: what was found before may not hold any more."""

    def find(self, host: str) -> SiteSettings | None:
        """The site of `host`, a name in the spelling of `host_name`; None where there is none."""
        ...

    def list(self) -> Sequence[SiteSettings]:
        """All sites."""
        ...

    def add(self, site: SiteSettings) -> None:
        """Have `site`, in place of one of the same name. Raises TakenError where another one has a host of it."""
        ...

    def remove(self, name: str) -> None:
        """Have no site `name` any more; nothing happens where there is none."""
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
    """The sites that the settings file names, their hosts having been checked."""
    return MemoryRegistry(site_settings(server, name) for name in server.sites)


def _candidates(host: str) -> Iterator[str]:
    """What may stand for `host` in the settings, the nearest first."""
    yield host
    if not host.startswith("["):
        _, dot, above = host.partition(".")
        while dot:
            yield f"*.{above}"
            _, dot, above = above.partition(".")
