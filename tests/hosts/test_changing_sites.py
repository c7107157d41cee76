"""A registry that changes while the server runs: the next request gets what holds by then."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import write

from twistedsite import make_service
from twistedsite.hosts.registry import MemoryRegistry
from twistedsite.hosts.sites import Sites
from twistedsite.hosts.tree import HostTree
from twistedsite.http.site import Site
from twistedsite.resources.site.server import ServerResources
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.site_table import SiteTable
from twistedsite.settings.sites import SiteSettings, site_settings
from twistedsite.settings.units import Size
from twistedsite.settings.values import Isolation
from twistedsite.testing.site import ServedSite

LONG_AGO = 1_000_000_000


def site(name: str, host: str, root: Path, isolation: Isolation, **more: Any) -> SiteSettings:
    table = SiteTable(hosts=(host,), root=str(root), isolation=isolation, **more)
    return site_settings(ServerSettings(sites={name: table}), name)


@asynccontextmanager
async def served(registry: MemoryRegistry) -> AsyncIterator[tuple[ServedSite, Sites]]:
    """The sites of `registry` on a port."""
    from twisted.internet import reactor

    run: Any = reactor
    settings = ServerSettings()
    sites = Sites(registry, ServerResources(settings, run))
    sites.open()
    engine = Site(
        HostTree(sites, settings),
        limits=settings.http,
        content_limits=sites.content_limits,
        reactor=run,
        quick_answer=sites.quick_answer,
    )
    port = run.listenTCP(0, engine, interface="127.0.0.1")
    try:
        yield ServedSite(port.getHost().port, run), sites
    finally:
        await port.stopListening()
        await engine.drain(0)
        sites.stop()


def make(folder: Path, text: str) -> Path:
    page = write(folder, "page.txt", text)
    os.utime(page, (LONG_AGO, LONG_AGO))
    write(folder, "visits.py", "s = Session()\ns.n = getattr(s, 'n', 0) + 1\nprint(s.n)\n")
    return folder


@pytest.mark.process
@pytest.mark.parametrize("isolation", ["threads", "workers"])
@pytest_twisted.ensureDeferred
async def test_a_site_is_added_changed_and_removed(isolation: Isolation, tmp_path: Path) -> None:
    registry = MemoryRegistry()
    async with served(registry) as (server, sites):

        async def page(host: str) -> tuple[int, str]:
            await server.get("/page.txt", headers={"Host": host})
            found = await server.get("/page.txt", headers={"Host": host})
            return found.status, found.text if found.status == 200 else ""

        async def visits(host: str) -> str:
            return (await server.get("/visits", headers={"Host": host}, jar=jar)).text.strip()

        jar: dict[str, str] = {}
        assert await page("a.org") == (404, "")
        registry.add(site("a", "a.org", make(tmp_path / "first", "first"), isolation))
        registry.add(site("b", "b.org", make(tmp_path / "other", "other"), isolation))
        assert (await page("a.org"), await page("b.org")) == ((200, "first"), (200, "other"))
        assert (await visits("a.org"), await visits("a.org")) == ("1", "2")
        registry.add(site("a", "a.org", make(tmp_path / "second", "second"), isolation))
        assert (await page("a.org"), await page("b.org")) == ((200, "second"), (200, "other"))
        assert await visits("a.org") == "1"
        registry.remove("a")
        assert (await page("a.org"), await page("b.org")) == ((404, ""), (200, "other"))
        assert [built.context.name for built in sites.up] == ["b"]


@pytest_twisted.ensureDeferred
async def test_the_longest_body_changes_with_its_site(tmp_path: Path) -> None:
    write(tmp_path, "length.py", "print(len(body))")
    registry = MemoryRegistry()
    async with served(registry) as (server, _):

        async def statuses(*lengths: int) -> list[int]:
            asked = [server.get("/length", method="POST", headers={"Host": "a.org"}, body=b"x" * n) for n in lengths]
            return [(await answer).status for answer in asked]

        default = ServerSettings().max_body
        assert await statuses(10, default, default + 1) == [404, 404, 413]
        registry.add(site("a", "a.org", tmp_path, "threads", max_body=Size(10)))
        assert await statuses(11, 10, 11) == [413, 200, 413]
        registry.add(site("a", "a.org", tmp_path, "threads", max_body=Size(20)))
        assert await statuses(20, 21) == [200, 413]
        registry.remove("a")
        assert await statuses(21) == [404]


@pytest_twisted.ensureDeferred
async def test_only_sites_that_are_asked_for_are_made_ready(tmp_path: Path) -> None:
    root = make(tmp_path / "site", "page")
    registry = MemoryRegistry(site(f"s{number}", f"s{number}.org", root, "threads") for number in range(500))
    async with served(registry) as (server, sites):
        assert sites.up == []
        for number in (7, 7, 499):
            assert (await server.get("/page.txt", headers={"Host": f"s{number}.org"})).text == "page"
        assert [built.context.name for built in sites.up] == ["s7", "s499"]


@pytest_twisted.ensureDeferred
async def test_spellings_of_hosts_that_clients_make_up_are_not_kept_for_ever(tmp_path: Path) -> None:
    root = make(tmp_path / "site", "page")
    table = SiteTable(hosts=("*.a.org",), root=str(root), isolation="threads")
    registry = MemoryRegistry([site_settings(ServerSettings(sites={"a": table}), "a")])
    async with served(registry) as (_, sites):
        built = {sites.at(b"x%d.a.org" % number) for number in range(10_000)}
        assert len(built) == 1
        assert len(sites._by_spelling) <= 4096


def test_sites_can_be_given_by_another_program(tmp_path: Path) -> None:
    from twisted.internet import reactor

    settings = {"sites": {"a": {"hosts": ["a.org"], "root": str(tmp_path)}}}
    assert make_service(settings, reactor=reactor).settings.sites["a"].root == str(tmp_path)
    with pytest.raises(SettingsError, match=r"settings: sites\.a\.root: .*nix: there is no such folder"):
        make_service({"sites": {"a": {"hosts": ["a.org"], "root": f"{tmp_path}/nix"}}}, reactor=reactor)
