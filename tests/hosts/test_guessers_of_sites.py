"""Who guesses passwords at one site: what happens at another, his own perhaps, changes nothing there."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest_twisted
from site_files import write

from twistedsite.testing.site import serving

GUARD = "def authenticate(user, password, request):\n    return password == 'right'\n"


def asked(host: str, password: str) -> dict[str, str]:
    credentials = base64.b64encode(f"ann:{password}".encode()).decode()
    return {"Host": host, "Authorization": f"Basic {credentials}"}


@pytest_twisted.ensureDeferred
async def test_a_guesser_is_counted_by_each_site_for_itself(tmp_path: Path) -> None:
    for name in ("victim", "own"):
        write(tmp_path / name, "_folder.toml", "[auth]\nmodule = 'guard'\n")
        write(tmp_path / name, "guard.py", GUARD)
        write(tmp_path / name, "page.txt", name)
    sites = {
        name: {"hosts": [f"{name}.org"], "root": str(tmp_path / name), "isolation": "threads"}
        for name in ("victim", "own")
    }
    async with serving(tmp_path / "own", sites=sites, auth={"attempts": 2, "remember": 0}) as site:

        async def enter(host: str, password: str) -> int:
            return (await site.get("/page.txt", headers=asked(host, password))).status

        assert await enter("victim.org", "a") == 401
        assert await enter("own.org", "right") == 200
        assert [await enter("victim.org", password) for password in ("b", "c", "right")] == [401, 429, 429]
        assert await enter("own.org", "right") == 200
