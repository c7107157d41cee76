"""Scripts that write the same files at the same time: they take turns, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import serving_script
from site_files import write
from twisted.internet.defer import Deferred, DeferredList

from twistedsite.testing import ServedSite, serving


async def all_at_once(site: ServedSite, path: str, count: int) -> list[int]:
    """The statuses of `count` requests that are under way together."""
    asked = [Deferred.fromCoroutine(site.get(path)) for _ in range(count)]
    return [answer.status for _, answer in await DeferredList(asked, consumeErrors=True)]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_scripts_that_append_and_update_at_once_lose_nothing(tmp_path: Path) -> None:
    script = (
        "for _ in range(100):\n"
        "    dbpy.io.file.append('log.txt', 'line\\n')\n"
        "    dbpy.io.json.update('d.json', lambda d: d.update(n=d.get('n', 0) + 1))"
    )
    async with serving_script(serving, tmp_path, script) as site:
        assert await all_at_once(site, "/blog/x", 5) == [200] * 5
    assert (tmp_path / "blog/log.txt").read_text() == "line\n" * 500
    assert json.loads((tmp_path / "blog/d.json").read_text()) == {"n": 500}


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_open_is_held_against_other_scripts(tmp_path: Path) -> None:
    script = (
        "d = dbpy.io.json.open('d.json')\nh = dbpy.io.file.open('a.txt', to='append')\n"
        "d['n'] = d.get('n', 0) + 1\nh.write(str(d['n']))"
    )
    async with serving_script(serving, tmp_path, script) as site:
        assert await all_at_once(site, "/blog/x", 12) == [200] * 12
    assert json.loads((tmp_path / "blog/d.json").read_text()) == {"n": 12}
    assert (tmp_path / "blog/a.txt").read_text() == "123456789101112"


@pytest_twisted.ensureDeferred
async def test_a_lock_that_is_not_had_in_time_is_an_ioerror(tmp_path: Path) -> None:
    # The holder sends a first piece when it has the file, and ends when its client goes away.
    write(
        tmp_path,
        "blog/holder.dbpy",
        "dbpy.io.file.open('a.txt', to='write')\nwhile True:\n    print('x' * 10000, flush=True)",
    )
    script = (
        "for call in (lambda: dbpy.io.file.write('a.txt', 'x', timeout=0.05),\n"
        "             lambda: dbpy.io.file.append('a.txt', 'x', timeout=0),\n"
        "             lambda: dbpy.io.json.open('a.txt', timeout=0),\n"
        "             lambda: dbpy.io.json.update('a.txt', print, timeout=0)):\n"
        "    try:\n        call()\n        print('had it')\n"
        "    except IOError as error:\n        print(type(error).__name__, error)\n"
        "print(dbpy.io.file.read('other.txt'))"
    )
    write(tmp_path, "blog/other.txt", "others are free")
    async with serving_script(serving, tmp_path, script) as site:
        holder = await site.connect()
        holder.send(b"GET /blog/holder HTTP/1.1\r\nHost: h\r\n\r\n")
        await holder.until(b"xxx")
        holder.pause()
        lines = (await site.get("/blog/x")).text.splitlines()
        await holder.close()
    assert len(lines) == 5
    for line in lines[:4]:
        assert line.startswith("TimeoutError ")
        assert "a.txt" in line
    assert lines[4] == "others are free"
    assert not (tmp_path / "blog/a.txt").exists()


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_that_is_stopped_lets_its_files_go_unsaved(tmp_path: Path) -> None:
    script = "dbpy.io.file.write('a.txt', 'whole')"
    endless = "h = dbpy.io.file.open('/blog/a.txt', to='write')\nh.write('half')\nwhile True:\n    pass"
    write(tmp_path, "endless/x.dbpy", endless)
    write(tmp_path, "endless/_folder.toml", "timeout = '0.3s'")
    async with serving_script(serving, tmp_path, script) as site:
        assert (await site.get("/endless/x")).status == 504
        assert (await site.get("/blog/x")).status == 200
    assert (tmp_path / "blog/a.txt").read_text() == "whole"
