"""A 404 is kept ready, is what would have been looked up, and gives way as soon as there is something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted
from site_files import next_tick

from twistedsite.hosts import tree
from twistedsite.resources.cache.validated import OVERHEAD, ValidatedCache
from twistedsite.resources.mapping import folder
from twistedsite.testing import Response, ServedSite, serving

PATH = "/a/missing"


@pytest_twisted.async_yield_fixture
async def site(tmp_path: Path, looked_up: list[str]) -> AsyncIterator[ServedSite]:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "_folder.toml").write_text('[headers]\nX-Folder = "a"')
    async with serving(tmp_path) as served:
        yield served


def told(answer: Response) -> tuple[int, dict[str, str], bytes]:
    # The client takes Content-Length off what it has read.
    fields = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    return answer.status, fields, answer.body


@pytest.mark.parametrize("accept", [{}, {"Accept": "text/html"}, {"Accept": "application/json"}], ids=str)
@pytest_twisted.ensureDeferred
async def test_nothing_is_looked_up_once_and_answered_the_same(
    site: ServedSite, looked_up: list[str], accept: dict[str, str]
) -> None:
    first, second = [told(await site.get(PATH, headers=accept)) for _ in range(2)]
    assert looked_up == [PATH]
    assert first == second
    assert (first[0], first[1]["x-folder"], first[1]["vary"]) == (404, "a", "Accept")


@pytest_twisted.ensureDeferred
async def test_each_form_of_the_page_is_kept_apart(site: ServedSite) -> None:
    accepts = ["text/html", "application/json", "*/*"]
    types = [(await site.get(PATH, headers={"Accept": accept})).headers["content-type"] for accept in 2 * accepts]
    assert (
        types[:3] == types[3:] == ["text/html; charset=utf-8", "application/problem+json", "text/plain; charset=utf-8"]
    )


@pytest_twisted.ensureDeferred
async def test_head_gets_the_same_without_content(site: ServedSite, looked_up: list[str]) -> None:
    get = await site.get(PATH)
    head = await site.get(PATH, method="HEAD")
    assert looked_up == [PATH]
    assert told(head) == (*told(get)[:2], b"")
    assert head.headers["content-length"] == str(len(get.body))


@pytest_twisted.ensureDeferred
async def test_the_answer_depends_on_no_query(site: ServedSite, looked_up: list[str]) -> None:
    assert [(await site.get(f"{PATH}?q={number}")).status for number in range(3)] == [404, 404, 404]
    assert looked_up == [PATH]


@pytest_twisted.ensureDeferred
async def test_whoever_sends_credentials_or_another_method_is_looked_up(site: ServedSite, looked_up: list[str]) -> None:
    await site.get(PATH)
    assert (await site.get(PATH, headers={"Authorization": "Basic eDp5"})).status == 404
    assert (await site.get(PATH, method="DELETE")).status == 404
    assert len(looked_up) == 3


def put_the_file(root: Path) -> None:
    (root / "a" / "missing").write_text("here")


def put_a_script(root: Path) -> None:
    (root / "a" / "missing.py").write_text("print('here', end='')")


def put_a_script_above(root: Path) -> None:
    (root / "a").rename(root / "b")
    (root / "a.py").write_text("print('here', end='')")


def put_settings_above(root: Path) -> None:
    (root / "_folder.toml").write_text('[headers]\nX-Folder = "root"\n[redirects]\n"a/missing" = "/b"')


def edit_settings(root: Path) -> None:
    (root / "a" / "_folder.toml").write_text('[redirects]\nmissing = "/b"')


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (put_the_file, 200),
        (put_a_script, 200),
        (put_a_script_above, 200),
        (put_settings_above, 302),
        (edit_settings, 302),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_comes_shows_in_the_next_answer(
    site: ServedSite, tmp_path: Path, change: Callable[[Path], None], status: int
) -> None:
    await site.get(PATH)
    change(tmp_path)
    assert (await site.get(PATH)).status == status


@pytest_twisted.ensureDeferred
async def test_the_site_s_own_page_shows_as_it_comes_changes_and_goes(site: ServedSite, tmp_path: Path) -> None:
    async def page() -> str:
        shown = (await site.get(PATH, headers={"Accept": "text/html"})).text
        next_tick(tmp_path)
        return shown

    built_in = await page()
    own = tmp_path / "_errors" / "4xx.html"
    own.parent.mkdir()
    assert await page() == built_in
    own.write_text("first")
    assert await page() == "first"
    own.write_text("second")
    assert await page() == "second"
    (own.parent / "404.html").write_text("better")
    assert await page() == "better"
    (own.parent / "404.html").unlink()
    own.unlink()
    assert await page() == built_in


@pytest_twisted.ensureDeferred
async def test_the_health_page_is_never_hidden_by_what_others_got(
    site: ServedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = "/.well-known/scriptsite-health"
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(folder, "is_health", lambda *_: False)
        assert (await site.get(health)).status == 404
    assert (await site.get(health)).status == 200


@pytest.mark.process
@pytest_twisted.ensureDeferred
async def test_the_health_page_of_several_sites_is_never_hidden_either(
    tmp_path: Path, looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    health = "/.well-known/scriptsite-health"
    async with serving(tmp_path, sites={"a": {"hosts": ["a.org"], "root": str(tmp_path)}}) as site:
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(tree, "is_local", lambda _: False)
            assert (await site.get(health, headers={"Host": "a.org"})).status == 404
        assert (await site.get(health, headers={"Host": "a.org"})).status == 200


@pytest_twisted.ensureDeferred
async def test_a_folder_that_has_changed_a_moment_ago_proves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        for number in range(3):
            assert (await site.get(f"/{number}.txt")).status == 404
            (tmp_path / f"{number}.txt").write_text("here")
            assert (await site.get(f"/{number}.txt")).text == "here"


class Valid:
    valid = True

    def holds(self) -> bool:
        return self.valid


def test_what_has_not_held_once_is_not_used_again() -> None:
    cache: ValidatedCache[int] = ValidatedCache(1_000_000)
    valid = Valid()
    cache.keep(("site", 1), 1, valid, 0)
    entry = cache.find(("site", 1))
    assert entry is not None
    valid.valid = False
    assert cache.find(("site", 1)) is None
    valid.valid = True
    assert not cache.holds(entry, 0)
    assert cache.find(("site", 1)) is None


def test_what_is_kept_is_bounded() -> None:
    cache: ValidatedCache[int] = ValidatedCache(10 * (OVERHEAD + 500))
    for number in range(100):
        cache.keep(("site", number), number, Valid(), 500)
    assert [cache.get(("site", number)) for number in range(100)] == [None] * 90 + list(range(90, 100))
    cache.keep(("site", "long"), 0, Valid(), 11 * (OVERHEAD + 500))
    assert cache.get(("site", "long")) is None


@pytest_twisted.ensureDeferred
async def test_a_long_page_is_looked_up_each_time(site: ServedSite, tmp_path: Path, looked_up: list[str]) -> None:
    (tmp_path / "_errors").mkdir()
    (tmp_path / "_errors" / "404.html").write_text("x" * 20_000)
    for _ in range(2):
        assert len((await site.get(PATH, headers={"Accept": "text/html"})).body) == 20_000
    assert looked_up == [PATH, PATH]
