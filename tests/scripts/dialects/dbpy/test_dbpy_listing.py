"""A site's own template for folders without an index."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.testing import serving

TEMPLATE = "<h1>{{ path }}</h1>{% for file in files %}<a href='{{ file|urlencode }}'>{{ file }}</a>{% endfor %}"


def site_with_folders(root: Path) -> None:
    write(root, "_templates/index.html", TEMPLATE)
    write(root, "notes/b&.txt")
    write(root, "notes/a.txt")
    write(root, "notes/deep/x")
    write(root, "notes/_hidden.txt")
    write(root, "notes/.secret")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_sites_own_template_shows_folders_with_path_and_files(tmp_path: Path) -> None:
    site_with_folders(tmp_path)
    async with serving(tmp_path) as site:
        answer = await site.get("/notes/")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.text == (
            "<h1>/notes/</h1><a href='a.txt'>a.txt</a><a href='b%26.txt'>b&amp;.txt</a><a href='deep/'>deep/</a>"
        )
        assert (await site.get("/")).text == "<h1>/</h1><a href='notes/'>notes/</a>"
        assert (await site.get("/notes/deep/")).text == "<h1>/notes/deep/</h1><a href='x'>x</a>"
        head = await site.get("/notes/", method="HEAD")
        assert (head.status, head.body) == (200, b"")


@pytest_twisted.ensureDeferred
async def test_without_a_template_and_for_other_forms_the_listing_is_the_built_in_one(tmp_path: Path) -> None:
    site_with_folders(tmp_path)
    async with serving(tmp_path) as site:
        assert "a.txt" in (await site.get("/notes/?format=json")).text
        assert (await site.get("/notes/?format=text")).headers["content-type"].startswith("text/plain")
        (tmp_path / "_templates/index.html").unlink()
        assert "<h1>/notes/</h1>" not in (await site.get("/notes/")).text
        assert (await site.get("/notes/")).status == 200


@pytest_twisted.ensureDeferred
async def test_where_scripts_are_off_the_template_does_not_run(tmp_path: Path) -> None:
    site_with_folders(tmp_path)
    write(tmp_path, "notes/_folder.toml", "scripts = false")
    async with serving(tmp_path) as site:
        assert "<h1>/notes/</h1>" not in (await site.get("/notes/")).text
        assert "<h1>/</h1>" in (await site.get("/")).text


@pytest_twisted.ensureDeferred
async def test_a_listing_template_is_run_as_a_script_is(tmp_path: Path) -> None:
    site_with_folders(tmp_path)
    write(tmp_path, "_templates/index.html", "{% extends 'base.html' %}{% block b %}{{ files|length }}{% endblock %}")
    write(tmp_path, "_templates/base.html", "base {% block b %}{% endblock %}{{ 1 // 0 if path == '/' }}")
    async with serving(tmp_path) as site:
        assert (await site.get("/notes/")).text == "base 3"
        with logged() as log:
            assert (await site.get("/")).status == 500
        assert "ZeroDivisionError" in log()
        write(
            tmp_path,
            "_templates/index.html",
            "{% for i in range(10**9) %}{% for j in range(10**9) %}{% endfor %}{% endfor %}",
        )
        write(tmp_path, "_folder.toml", "timeout = '0.2s'")
        assert (await site.get("/notes/")).status == 504


@pytest_twisted.ensureDeferred
async def test_where_listings_are_off_the_template_shows_nothing(tmp_path: Path) -> None:
    site_with_folders(tmp_path)
    async with serving(tmp_path, listing=False) as site:
        assert (await site.get("/notes/")).status == 403
