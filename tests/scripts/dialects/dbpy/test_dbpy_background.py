"""`dbpy.background_request`: sent, and not waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import serving_script
from site_files import logged, write
from twisted.internet import reactor
from twisted.internet.task import deferLater

from twistedsite.testing import ServedSite, serving

# One line for each request that came, and one for each that has been counted.
TARGET = (
    "import dbpy\nhttp = dbpy.http\n"
    "dbpy.io.file.append('/_came.txt', f'{http.request.method} {http.request.path} "
    "{http.get_params} {http.post_params}\\n')"
)


async def came(root: Path, count: int) -> list[str]:
    """What the targets have written, once that is `count` lines."""
    lines: list[str] = []
    while len(lines) < count:
        await deferLater(reactor, 0.02)
        lines = (root / "_came.txt").read_text().splitlines() if (root / "_came.txt").exists() else []
    return sorted(lines)


async def said(site: ServedSite) -> str:
    answer = await site.get("/blog/x")
    assert answer.status == 200, answer.text
    return answer.text


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_local_request_goes_to_a_page_of_this_site(tmp_path: Path) -> None:
    write(tmp_path, "blog/target.dbpy", TARGET)
    write(tmp_path, "other/edit", "#DBPYEXECUTE\n" + TARGET)
    script = (
        "send = dbpy.background_request\n"
        "print(send('target.dbpy', params={'a': 'ü', 'b': [1, 2]}, local=True),\n"
        "      send('target?c=3', local=True), send('/other/edit', 'post', {'d': '4'}, True))"
    )
    async with serving_script(serving, tmp_path, script) as site:
        assert await said(site) == "True True True\n"
        assert await came(tmp_path, 3) == [
            "GET /blog/target {'c': ['3']} {}",
            "GET /blog/target.dbpy {'a': ['ü'], 'b': ['1', '2']} {}",
            "POST /other/edit {} {'d': ['4']}",
        ]


@pytest_twisted.ensureDeferred
async def test_ten_are_made_of_one_request_and_no_more(tmp_path: Path) -> None:
    write(tmp_path, "blog/target.dbpy", TARGET)
    script = "print([dbpy.background_request('target.dbpy', params={'n': n}, local=True) for n in range(12)])"
    async with serving_script(serving, tmp_path, script) as site:
        assert await said(site) == f"{[True] * 10 + [False] * 2}\n"
        assert len(await came(tmp_path, 10)) == 10
        assert await said(site) == f"{[True] * 10 + [False] * 2}\n"
        assert len(await came(tmp_path, 20)) == 20


@pytest_twisted.ensureDeferred
async def test_nobody_waits_for_the_answer_or_sees_that_it_failed(tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"\nimport os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n1 / 0"
    write(tmp_path, "blog/target.dbpy", TARGET + wait)
    script = "print(dbpy.background_request('target.dbpy', local=True), dbpy.background_request('nowhere', local=True))"
    async with serving_script(serving, tmp_path, script) as site:
        with logged() as log:
            assert await said(site) == "True True\n"
            assert len(await came(tmp_path, 1)) == 1
            assert "division by zero" not in log()
            go.touch()
            while "division by zero" not in log():
                await deferLater(reactor, 0.02)


@pytest_twisted.ensureDeferred
async def test_another_server_is_asked_where_the_settings_allow_its_address(tmp_path: Path) -> None:
    write(tmp_path / "there", "target.dbpy", TARGET)
    async with serving(tmp_path / "there") as there:
        script = f"print(dbpy.background_request('{there.url}/target.dbpy', 'get', {{'a': 1}}))"
        async with serving_script(serving, tmp_path / "here", script, background={"private": True}) as site:
            assert await said(site) == "True\n"
            assert await came(tmp_path / "there", 1) == ["GET /target.dbpy {'a': ['1']} {}"]
        with logged() as log:
            async with serving_script(serving, tmp_path / "here", script) as site:
                await said(site)
                while "background request" not in log():
                    await deferLater(reactor, 0.02)
        assert await came(tmp_path / "there", 1) == ["GET /target.dbpy {'a': ['1']} {}"]


@pytest_twisted.ensureDeferred
async def test_what_is_no_url_is_an_error_that_says_so(tmp_path: Path) -> None:
    script = (
        "for url, local in (('ftp://a/', False), ('target', False), ('../../x', True), ('http://a b/', False)):\n"
        "    try:\n        dbpy.background_request(url, local=local)\n"
        "    except (ValueError, IOError) as error:\n        print(error)"
    )
    async with serving_script(serving, tmp_path, script) as site:
        lines = (await said(site)).splitlines()
    assert len(lines) == 4
    assert all("not a URL" in line or "out of the site" in line for line in lines)
