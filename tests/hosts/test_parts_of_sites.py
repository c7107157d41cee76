"""`[sites.NAME.background]`, `.auth` and the like: what one site says holds there, the rest is the server's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from passwords import basic, users_file
from site_files import logged, write
from twisted.web.resource import Resource
from twisted.web.server import Site as TwistedSite

from twistedsite.settings.load import convert
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import site_settings
from twistedsite.testing.site import Response, ServedSite, serving

# What holds

SAID: dict[str, dict[str, Any]] = {
    "session": {"idle": "1m", "absolute": "2m", "limit": 3, "size": "4K", "waiting": 5},
    "storage": {"writable": ["/data"], "quota": "1K", "file_size": "2K"},
    "forms": {"fields": 1, "field_size": "2", "memory": "3", "part_headers": 4},
    "background": {
        "per_request": 1,
        "per_site": 2,
        "depth": 1,
        "connect": "1s",
        "timeout": "2s",
        "response": "3K",
        "private": True,
    },
    "auth": {"attempts": 1, "window": "2s", "lockout": "3s", "remember": "4s"},
}


@pytest.mark.parametrize(("part", "key"), [(part, key) for part, keys in SAID.items() for key in keys])
def test_each_key_of_a_part_holds_alone(part: str, key: str) -> None:
    others = {other: {**keys} for other, keys in SAID.items()}
    del others[part][key]
    said = {part: {key: SAID[part][key]}}
    server = convert({**others, "sites": {"a": said, "b": {}}}, ServerSettings, "s.toml")
    expected = convert({**others, part: {**others[part], **said[part]}}, ServerSettings, "s.toml")
    for name in SAID:
        assert getattr(site_settings(server, "a").settings, name) == getattr(expected, name)
        assert getattr(site_settings(server, "b").settings, name) == getattr(server, name)
    assert getattr(expected, part) != getattr(server, part)


def test_a_site_can_say_all_that_is_not_the_servers_alone() -> None:
    servers_own = {"storage.fsync", "storage.locks", "storage.lock_queue", "background.in_flight", "auth.queue"}
    whole = {
        f"{part}.{name}" for part in SAID for name in type(getattr(ServerSettings(sites={}), part)).__struct_fields__
    }
    assert whole - servers_own == {f"{part}.{key}" for part, keys in SAID.items() for key in keys}


def test_the_longest_body_of_a_site_is_the_servers_unless_it_says() -> None:
    server = convert({"max_body": "4K", "sites": {"a": {"max_body": "8K"}, "b": {}}}, ServerSettings, "s.toml")
    assert [site_settings(server, name).settings.max_body for name in "ab"] == [8192, 4096]


# Background requests


class Asked(Resource):
    """Another server, which counts."""

    isLeaf = True
    count = 0

    def render(self, request: object) -> bytes:
        self.count += 1
        return b"thanks"


def sites(folder: Path, isolation: str, **tables: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"hosts": [f"{name}.org"], "root": str(folder / name), "isolation": isolation, **table}
        for name, table in tables.items()
    }


def of(site: ServedSite, name: str, path: str, **headers: str) -> Any:
    return site.get(path, headers={"Host": f"{name}.org", **headers})


@pytest.mark.process
@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("isolation", ["threads", "workers"])
async def test_each_site_sends_as_many_as_it_may(tmp_path: Path, isolation: str) -> None:
    tables = sites(
        tmp_path, isolation, few={"background": {"per_request": 1}}, many={}, one={"background": {"depth": 1}}
    )
    for name in tables:
        write(tmp_path / name, "page.txt", "x")
        write(tmp_path / name, "start.py", "print([background_request('page.txt', local=True) for _ in range(4)])")
        write(tmp_path / name, "loop.py", "print(background_request('loop', local=True))")
    with logged() as log:
        async with serving(tmp_path, sites=tables, background={"per_request": 3, "depth": 2}) as site:
            assert (await of(site, "few", "/start")).text == f"{[True, False, False, False]}\n"
            assert (await of(site, "many", "/start")).text == f"{[True, True, True, False]}\n"
            for name, depth in (("one", 1), ("many", 2)):
                assert (await of(site, name, "/loop")).text == "True\n"
                while f"{name}: loop.py: no background request: {depth} have followed one from the other" not in log():
                    await of(site, name, "/page.txt")


@pytest.mark.process
@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("isolation", ["threads", "workers"])
async def test_private_addresses_are_granted_to_one_site(tmp_path: Path, isolation: str) -> None:
    from twisted.internet import reactor

    other = Asked()
    port: Any = reactor.listenTCP(0, TwistedSite(other), interface="127.0.0.1")
    tables = sites(tmp_path, isolation, free={"background": {"private": True}}, held={})
    for name in tables:
        write(tmp_path / name, "page.txt", "x")
        write(tmp_path / name, "start.py", f"background_request('http://127.0.0.1:{port.getHost().port}/')")
    with logged() as log:
        async with serving(tmp_path, sites=tables) as site:
            await of(site, "held", "/start")
            while "which is no public address" not in log():
                await of(site, "held", "/page.txt")
            assert other.count == 0
            await of(site, "free", "/start")
            while not other.count:
                await of(site, "free", "/page.txt")
    await port.stopListening()


@pytest.mark.process
@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("isolation", ["threads", "workers"])
async def test_a_site_takes_no_more_from_its_own_scripts_than_from_clients(tmp_path: Path, isolation: str) -> None:
    limits = {"max_body": "1K", "forms": {"fields": 3}}
    tables = sites(tmp_path, isolation, narrow=limits, wide={})
    for name in tables:
        write(tmp_path / name, "take.py", "storage.write(f'/_{len(body)}', 'x')")
        write(tmp_path / name, "page.txt", "x")
        write(
            tmp_path / name,
            "start.py",
            """
for params in ({"a": "x" * 1023}, {"b": [1, 2, 3, 4]}, {"c": "x"}):
    background_request("take", method="post", params=params, local=True)
""",
        )
    with logged() as log:
        async with serving(tmp_path, sites=tables) as site:
            for name in tables:
                await of(site, name, "/start")
            while not all((tmp_path / "wide" / f"_{length}").exists() for length in (1025, 15, 3)):
                await of(site, "wide", "/page.txt")
            while not (tmp_path / "narrow" / "_3").exists():
                await of(site, "narrow", "/page.txt")
    assert not any((tmp_path / "narrow" / f"_{length}").exists() for length in (1025, 15))
    assert "narrow: start.py: background request to /take failed: 413 The content is longer than 1024 bytes" in log()
    assert "narrow: start.py: background request to /take failed: 413 The form has more than 3 fields" in log()
    assert "wide: start.py: background" not in log()


# Passwords


@pytest_twisted.ensureDeferred
async def test_guessers_are_counted_and_locked_out_as_each_site_says(tmp_path: Path) -> None:
    tables = sites(
        tmp_path,
        "threads",
        strict={"auth": {"attempts": 1, "lockout": "20s"}},
        plain={},
        forgetful={"auth": {"remember": 0, "attempts": 1}},
    )
    for name in tables:
        write(tmp_path / name, "_folder.toml", "[auth]\nfile = '_users'\n")
        write(tmp_path / name, "_users", users_file(ann="right"))
        write(tmp_path / name, "page.txt", name)
    async with serving(tmp_path, sites=tables, auth={"attempts": 3, "lockout": "100s"}) as site:

        async def enter(name: str, password: str) -> Response:
            found: Response = await of(site, name, "/page.txt", **basic("ann", password))
            return found

        async def statuses(name: str, *passwords: str) -> list[int]:
            return [(await enter(name, password)).status for password in passwords]

        assert await statuses("strict", "right", "a", "b") == [200, 401, 429]
        assert 1 <= int((await enter("strict", "b")).headers["retry-after"]) <= 20
        assert await statuses("plain", "right", "a", "b", "c", "d") == [200, 401, 401, 401, 429]
        assert 20 < int((await enter("plain", "d")).headers["retry-after"]) <= 100
        # Who is remembered enters even so.
        assert await statuses("forgetful", "right", "a", "b") == [200, 401, 429]
        assert [(await enter(name, "right")).status for name in ("strict", "plain", "forgetful")] == [200, 200, 429]
