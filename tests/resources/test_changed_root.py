"""The root of a site is what its name leads to now: an exchanged folder, or a link that is moved to a new release."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import serving


@pytest_twisted.ensureDeferred
async def test_a_folder_that_takes_the_place_of_the_root_is_served(tmp_path: Path) -> None:
    write(tmp_path, "site/index.html", "one")
    write(tmp_path, "new/index.html", "two")
    async with serving(tmp_path / "site") as site:
        assert (await site.get("/")).text == "one"
        (tmp_path / "site").rename(tmp_path / "old")
        for _ in range(2):
            assert (await site.get("/")).status == 404
        (tmp_path / "new").rename(tmp_path / "site")
        assert (await site.get("/")).text == "two"


@pytest.mark.parametrize("isolation", ["threads", pytest.param("workers", marks=pytest.mark.process)])
@pytest_twisted.ensureDeferred
async def test_a_root_that_is_a_link_is_followed_to_the_release_of_the_moment(tmp_path: Path, isolation: str) -> None:
    for release in ("1", "2"):
        write(tmp_path, f"releases/{release}/index.html", f"page {release}")
        write(tmp_path, f"releases/{release}/x.py", f"import _name\nprint('script', {release}, _name.NAME)")
        write(tmp_path, f"releases/{release}/_name.py", f"NAME = {release}")
    write(tmp_path, "releases/2/later.html", "page of release 2")
    os.symlink("releases/1", tmp_path / "current")
    async with serving(tmp_path / "current", isolation=isolation) as site:
        for release in ("1", "2", "1"):
            os.symlink(f"releases/{release}", tmp_path / "next")
            (tmp_path / "next").rename(tmp_path / "current")
            for _ in range(3):
                # Asked often enough to be kept ready.
                assert (await site.get("/")).text == f"page {release}"
                assert (await site.get("/x.py")).text == f"script {release} {release}\n"
                assert (await site.get("/later.html")).status == (200 if release == "2" else 404)


@pytest_twisted.ensureDeferred
async def test_a_link_in_the_root_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "releases/1/index.html", "page")
    write(tmp_path, "secret.txt", "secret")
    os.symlink("releases/1", tmp_path / "current")
    os.symlink("../../secret.txt", tmp_path / "releases/1/out.txt")
    async with serving(tmp_path / "current") as site:
        assert (await site.get("/out.txt")).status == 403
        assert (await site.get("/")).text == "page"
