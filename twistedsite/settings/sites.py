"""The settings of each of several sites: the server's settings, overridden by the site's own table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from twistedsite.settings.hosts import host_pattern
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.site_table import SiteTable

S = TypeVar("S", bound=msgspec.Struct)

DEFAULT_SITE: Final = "site"
"""The name of the site that `root` is."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)


class SiteSettings(msgspec.Struct, frozen=True):
    """One site of several."""

    name: str
    """The name of the site, for logs, sessions and the health document."""
    hosts: tuple[str, ...]
    """The hosts of the site, each in one spelling: see `host_pattern`."""
    settings: ServerSettings
    """The settings of the site."""
    uid: int | None = None
    """The user that its worker processes run as, where the settings name one."""


def default_site(server: ServerSettings) -> SiteSettings:
    """The site that `root` is."""
    return SiteSettings(DEFAULT_SITE, (), msgspec.structs.replace(server, sites={}))


def site_settings(server: ServerSettings, name: str) -> SiteSettings:
    """The site whose table is `[sites.NAME]`. Its own folder has no health document: that is the server's."""
    table = server.sites[name]
    own = _given(table)
    uid = None if table.workers.uid is UNSET else table.workers.uid
    workers = msgspec.structs.replace(table.workers, uid=UNSET)
    own["workers"] = _replaced(server.workers, workers)
    for part in ("session", "storage", "forms", "background", "auth"):
        own[part] = _replaced(getattr(server, part), getattr(table, part))
    own["options"] = {**server.options, **table.options}
    hosts = own.pop("hosts")
    settings = msgspec.structs.replace(server, **{**own, "sites": {}, "health": ""})
    return SiteSettings(name, tuple(dict.fromkeys(map(host_pattern, hosts))), settings, uid)


def site_faults(server: Mapping[str, SiteTable], source: str, base: str = "") -> Iterator[SettingsError]:
    """Yield the faults of the tables in `server`, name -> table, that their types do not show.

    Relative roots are relative to the folder `base`.
    """
    owners: dict[str, str] = {}
    users: dict[int, str] = {}
    for name, table in server.items():
        key = f"sites.{name}"
        if not _NAME.fullmatch(name):
            yield SettingsError(source, key, "expected a name of at most 63 letters, digits, _ and -")
            continue
        if name == DEFAULT_SITE:
            yield SettingsError(source, key, "this name is that of the server's own root; choose another one")
        if not table.hosts:
            yield SettingsError(source, f"{key}.hosts", 'expected one host at least, such as ["example.org"]')
        for text in table.hosts:
            try:
                host = host_pattern(text)
            except ValueError as error:
                yield SettingsError(source, f"{key}.hosts", str(error))
                continue
            if owners.setdefault(host, name) != name:
                yield SettingsError(source, f"{key}.hosts", f"{host} is a host of sites.{owners[host]} already")
        uid = table.workers.uid
        if uid is not UNSET and users.setdefault(uid, name) != name:
            yield SettingsError(source, f"{key}.workers.uid", f"{uid} is the user of sites.{users[uid]} already")
        if not table.root:
            yield SettingsError(source, f"{key}.root", "no folder given to serve")
        elif not os.path.isdir(os.path.join(base, table.root)):
            problem = "is not a folder" if os.path.exists(os.path.join(base, table.root)) else "there is no such folder"
            yield SettingsError(source, f"{key}.root", f"{table.root}: {problem}")


def nested(sites: Iterable[SiteSettings]) -> Iterator[tuple[SiteSettings, SiteSettings]]:
    """Yield pairs of sites, of which the second one's folder is that of the first one or lies in it."""
    around: list[tuple[str, SiteSettings]] = []
    folders = ((os.path.realpath(site.settings.root).rstrip("/") + "/", site) for site in sites)
    for folder, site in sorted(folders, key=lambda pair: pair[0]):
        while around and not folder.startswith(around[-1][0]):
            around.pop()
        if around:
            yield around[-1][1], site
        around.append((folder, site))


def anchored(sites: Mapping[str, SiteTable], base: str) -> dict[str, SiteTable]:
    """`sites` with absolute roots. Relative ones are relative to the folder `base`."""
    return {
        name: msgspec.structs.replace(site, root=os.path.abspath(os.path.join(base, site.root))) if site.root else site
        for name, site in sites.items()
    }


def _replaced(whole: S, part: msgspec.Struct) -> S:
    given = _given(part)
    return msgspec.structs.replace(whole, **given) if given else whole


def _given(part: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name in part.__struct_fields__ if (value := getattr(part, name)) is not UNSET}
