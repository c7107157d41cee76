"""However a script hangs, its client is told at its deadline, and visitors of its own and of other sites go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import pytest_twisted
from hangs import WAYS
from site_files import write
from twisted.internet import reactor
from twisted.internet.task import deferLater

from twistedsite.testing import ServedSite, serving

pytestmark = pytest.mark.process

HEALTH = "/.well-known/scriptsite-health"


async def until_idle(site: ServedSite) -> None:
    """Wait until no script is at work and no thread is lost."""
    while True:
        sites = json.loads((await site.get(HEALTH)).body)["sites"].values()
        if not any(told["scripts"]["running"] or told["scripts"].get("lost") for told in sites):
            return
        await deferLater(reactor, 0.01)


# A script that is interrupted once more, while it closes what it has opened, does not come to an end with that.
@pytest.mark.filterwarnings("ignore:(?s).*ResourceWarning:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("where", "how", "script"), WAYS, ids=[f"{where}-{how}" for where, how, _ in WAYS])
@pytest_twisted.ensureDeferred
async def test_a_script_that_hangs(tmp_path: Path, where: str, how: str, script: str) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for root in (own, other):
        write(root, "well.py", f"print('well, {root.name}')")
    write(own, "hang.py", script)
    write(own, "impatient/hang.py", script)
    sites = {
        name: {"hosts": [f"{name}.example.org"], "root": str(tmp_path / name), "isolation": where}
        for name in ("own", "other")
    }
    async with serving(own, sites=sites, isolation=where, drain="0s", pool={"grace": "100ms"}) as site:
        for name in sites:
            await site.get("/well", headers={"Host": f"{name}.example.org"})
        # Its time is not up yet: the others are answered, it is not.
        hanging = await site.connect()
        hanging.send(b"GET /hang HTTP/1.1\r\nHost: own.example.org\r\n\r\n")
        for _ in range(3):
            for name in sites:
                answer = await site.get("/well", headers={"Host": f"{name}.example.org"})
                assert (answer.status, answer.text) == (200, f"well, {name}\n")
        assert hanging.received == b"" or "output" in how
        await hanging.close()
        # Its time is up.
        raw = b"GET /impatient/hang HTTP/1.1\r\nHost: own.example.org\r\nConnection: close\r\n\r\n"
        begins = "endless" in how and "output" in how
        for seconds in (0.3, 1, 3, 10):
            write(own, "impatient/_folder.toml", f"timeout = '{seconds}s'")
            told = await site.raw(raw)
            # On a busy machine it may have had no turn, and then there is no output.
            if not begins or told.startswith(b"HTTP/1.1 200 "):
                break
        if begins:
            # What has been sent cannot be taken back: the answer breaks off, its last chunk is missing.
            assert told.startswith(b"HTTP/1.1 200 ")
            assert not told.endswith(b"\r\n0\r\n\r\n")
        else:
            assert told.startswith(b"HTTP/1.1 504 ")
        for name in sites:
            assert (await site.get("/well", headers={"Host": f"{name}.example.org"})).text == f"well, {name}\n"
        await until_idle(site)
