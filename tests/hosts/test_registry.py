"""The registry that the settings file fills: who has which host."""

from __future__ import annotations

import pytest

from twistedsite.hosts.registry import MemoryRegistry, TakenError, settings_registry
from twistedsite.settings.load import convert
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import SiteSettings, nested


def site(name: str, *hosts: str) -> SiteSettings:
    return SiteSettings(name, hosts, ServerSettings())


def found(registry: MemoryRegistry, host: str) -> str | None:
    site = registry.find(host)
    return site.name if site is not None else None


def test_a_name_in_full_counts_before_a_wider_one_and_the_narrowest_of_these() -> None:
    registry = MemoryRegistry(
        [site("all", "*.example.org"), site("shop", "shop.example.org"), site("inner", "*.in.example.org")]
    )
    hosts = ["a.example.org", "shop.example.org", "x.shop.example.org", "a.b.in.example.org", "in.example.org"]
    assert [found(registry, host) for host in hosts] == ["all", "shop", "all", "inner", "all"]
    assert [found(registry, host) for host in ("example.org", "org", "", "[::1]")] == [None] * 4


def test_a_host_belongs_to_one_site() -> None:
    registry = MemoryRegistry([site("a", "a.org", "both.org")])
    with pytest.raises(TakenError, match=r"both\.org is a host of a already"):
        registry.add(site("b", "b.org", "both.org"))
    assert [found(registry, host) for host in ("a.org", "b.org", "both.org")] == ["a", None, "a"]


def test_a_site_that_is_added_again_has_its_new_hosts_only() -> None:
    registry = MemoryRegistry([site("a", "a.org", "old.org")])
    before = registry.version
    registry.add(site("a", "a.org", "new.org"))
    assert [found(registry, host) for host in ("a.org", "old.org", "new.org")] == ["a", None, "a"]
    assert registry.version != before


def test_a_site_that_is_removed_is_found_no_more() -> None:
    registry = MemoryRegistry([site("a", "a.org"), site("b", "b.org")])
    before = registry.version
    registry.remove("a")
    registry.remove("never there")
    assert [site.name for site in registry.list()] == ["b"]
    assert [found(registry, host) for host in ("a.org", "b.org")] == [None, "b"]
    assert registry.version != before


def test_a_folder_within_another_sites_folder_is_seen() -> None:
    roots = {"a": "/srv/a", "b": "/srv/b", "ab": "/srv/a/b", "abc": "/srv/a/b/c", "same": "/srv/b/", "a2": "/srv/a2"}
    sites = [SiteSettings(name, (), ServerSettings(root=root)) for name, root in roots.items()]
    found = {(outer.name, inner.name) for outer, inner in nested(sites)}
    assert found == {("a", "ab"), ("ab", "abc"), ("b", "same")}
    ((outer, inner),) = nested([SiteSettings("all", (), ServerSettings(root="/")), sites[0]])
    assert (outer.name, inner.name) == ("all", "a")


def test_what_a_site_does_not_say_holds_as_for_the_server() -> None:
    server = convert(
        {
            "timeout": "9s",
            "debug": True,
            "options": {"a": 1, "b": 1},
            "workers": {"max_workers": 3, "queue": 5},
            "session": {"limit": 7},
            "sites": {
                "one": {"hosts": ["ONE.org", "one.org."], "root": "/one"},
                "two": {
                    "hosts": ["two.org"],
                    "root": "/two",
                    "isolation": "threads",
                    "timeout": "1s",
                    "debug": False,
                    "options": {"b": 2},
                    "workers": {"queue": 6},
                    "session": {"idle": "1m"},
                },
            },
        },
        ServerSettings,
        "settings",
    )
    one, two = settings_registry(server).list()
    assert (one.name, one.hosts, one.settings.root, one.settings.isolation) == ("one", ("one.org",), "/one", "workers")
    assert (one.settings.timeout, one.settings.debug, one.settings.options) == (9.0, True, {"a": 1, "b": 1})
    assert (two.settings.timeout, two.settings.debug, two.settings.options) == (1.0, False, {"a": 1, "b": 2})
    assert (two.settings.workers.max_workers, two.settings.workers.queue, two.settings.isolation) == (3, 6, "threads")
    assert (two.settings.session.limit, two.settings.session.idle) == (7, 60.0)
    assert (one.settings.health, one.settings.sites) == ("", {})
