from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
import pytest_twisted
from problem_site import BROWSER, ProblemSite, answering
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from twistedsite.origins.interface import Capabilities, Entry, FolderPage, Kind, PageView
from twistedsite.origins.listing import page_of
from twistedsite.origins.local import LocalOrigin
from twistedsite.pages.render import LISTING_CSP


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ProblemSite]:
    root = tmp_path / "site"
    root.mkdir()
    with answering(root, reactor) as problems:
        problems.lists()
        yield problems


async def names(site: ProblemSite, query: str = "") -> list[str]:
    return (await site.ask(f"/?format=text{query}")).body.decode().splitlines()


@pytest_twisted.ensureDeferred
async def test_a_folder_is_listed_folders_first_in_natural_order(site: ProblemSite) -> None:
    for name in ("file 10.txt", "File 9.txt", "alpha"):
        (site.root / name).write_text(name)
    for name in ("zoo", "Bar"):
        (site.root / name).mkdir()
    assert await names(site) == ["Bar/", "zoo/", "alpha", "File 9.txt", "file 10.txt"]
    page = (await site.ask(accept=BROWSER)).body.decode()
    assert '<a href="file%2010.txt">' in page
    assert '<a href="Bar/">' in page


@pytest_twisted.ensureDeferred
async def test_what_is_never_served_is_not_listed(site: ProblemSite) -> None:
    for name in ("_folder.toml", "_private", ".git", ".well-known", "page.html"):
        (site.root / name).write_text("")
    os.mkfifo(site.root / "fifo")
    (site.root / "outside").symlink_to("/etc/hostname")
    (site.root / "inside").symlink_to("page.html")
    (site.root / "dangling").symlink_to("nowhere")
    assert await names(site) == ["inside", "page.html"]


@pytest_twisted.ensureDeferred
async def test_columns_sort_by_links(site: ProblemSite) -> None:
    for name, size, time in (("a", 5, 3e8), ("b", 50, 1e8), ("c", 20, 2e8)):
        (site.root / name).write_bytes(b"x" * size)
        os.utime(site.root / name, (time, time))
    assert await names(site, "&order=desc") == ["c", "b", "a"]
    assert await names(site, "&sort=size") == ["b", "c", "a"]
    assert await names(site, "&sort=time&order=asc") == ["b", "c", "a"]
    page = (await site.ask("/?sort=size", accept=BROWSER)).body.decode()
    assert 'aria-sort="descending"><a href="?sort=size&amp;order=asc">Size</a>' in page
    assert '<time datetime="1979-07-05T05:20:00Z">' in page


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "query", ["sort=bogus", "order=bogus", "page=x", "page=0", "page=-1", "page=99999999999", "%ff"]
)
async def test_a_query_that_makes_no_sense_is_as_if_it_were_not_there(site: ProblemSite, query: str) -> None:
    for name in ("a", "b"):
        (site.root / name).write_text("")
    assert await names(site, f"&{query}") == ["a", "b"]


@pytest_twisted.ensureDeferred
async def test_names_of_every_kind_are_escaped_and_lead_to_their_file(site: ProblemSite) -> None:
    hostile = ["<b>&\"'.html", "a:b", "?x=1#y", "%2e", "javascript:alert(1)", "évil\u202egnp.exe", "line\nbreak"]
    for name in hostile:
        (site.root / name).write_text("")
    page = (await site.ask(accept=BROWSER)).body.decode()
    assert "<b>" not in page
    assert '<a href="%3Cb%3E%26%22%27.html">' in page
    assert '<a href="a%3Ab">' in page
    assert '<a href="%3Fx%3D1%23y">' in page
    assert '<a href="%252e">' in page
    assert '<a href="javascript%3Aalert%281%29">' in page
    assert "\u202e" not in page
    assert "évil\\u202egnp.exe" in page
    assert "line\\x0abreak" in await names(site)


@pytest_twisted.ensureDeferred
async def test_a_name_that_no_url_can_hold_is_shown_without_a_link(site: ProblemSite) -> None:
    for raw in (b"bad\xff.bin", b"back\\slash"):
        (site.root / os.fsdecode(raw)).write_text("")
    page = (await site.ask(accept=BROWSER)).body.decode()
    assert "bad\\xff.bin" in page
    assert "back\\slash" in page
    assert "<tbody>\n<tr><td><span" in page
    entries = msgspec.json.decode((await site.ask(accept="application/json")).body)["entries"]
    assert [entry["href"] for entry in entries] == [None, None]


@pytest_twisted.ensureDeferred
async def test_json_tells_all_for_programs(site: ProblemSite) -> None:
    (site.root / "pictures").mkdir()
    (site.root / "pictures" / "sub folder").mkdir()
    (site.root / "pictures" / "a.png").write_bytes(b"x" * 2000)
    os.utime(site.root / "pictures" / "a.png", (1e9, 1e9))
    site.lists("pictures")
    for path, accept in (("/", "application/json"), ("/?format=json", BROWSER)):
        answer = await site.ask(path, accept=accept)
        assert answer.headers["content-type"] == "application/json"
        told = msgspec.json.decode(answer.body)
        folder = told["entries"].pop(0)
        assert (folder["name"], folder["type"], folder["href"]) == ("sub folder", "folder", "sub%20folder/")
        assert told == {
            "path": "/pictures/",
            "folders": 1,
            "files": 1,
            "size": 2000,
            "page": 1,
            "pages": 1,
            "entries": [
                {
                    "name": "a.png",
                    "type": "file",
                    "href": "a.png",
                    "size": 2000,
                    "modified": "2001-09-09T01:46:40Z",
                }
            ],
        }


@pytest_twisted.ensureDeferred
async def test_html_is_what_a_program_gets_that_names_nothing(site: ProblemSite) -> None:
    answer = await site.ask(accept="*/*")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == LISTING_CSP.decode()
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "no-cache"
    assert b"This folder is empty." in answer.body


@pytest_twisted.ensureDeferred
async def test_the_folders_header_fields_are_sent_and_leave_the_page_its_style(site: ProblemSite) -> None:
    site.say(headers={"X-Robots-Tag": "noindex", "Content-Security-Policy": "default-src 'self'"})
    answer = await site.ask()
    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["content-security-policy"] == LISTING_CSP.decode()


@pytest_twisted.ensureDeferred
async def test_breadcrumbs_lead_to_every_folder_above(site: ProblemSite) -> None:
    (site.root / "a" / "<b>" / "c").mkdir(parents=True)
    site.lists("a", "<b>", "c")
    page = (await site.ask(accept=BROWSER)).body.decode()
    assert '<a href="../../../">Home</a>' in page
    assert '<a href="../../"><bdi>a</bdi></a>' in page
    assert '<a href="../"><bdi>&lt;b&gt;</bdi></a>' in page
    assert '<a href="./" aria-current="page"><bdi>c</bdi></a>' in page
    assert "<title>Index of /a/&lt;b&gt;/c/</title>" in page


@pytest_twisted.ensureDeferred
async def test_an_unchanged_listing_is_not_sent_twice(site: ProblemSite) -> None:
    (site.root / "a").write_text("")
    first = await site.ask()
    etag = first.headers["etag"]
    again = await site.ask(if_none_match=etag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    (site.root / "b").write_text("")
    assert (await site.ask(if_none_match=etag)).status == 200


@pytest_twisted.ensureDeferred
async def test_head_of_a_listing_has_its_length_and_no_content(site: ProblemSite) -> None:
    whole = await site.ask()
    head = await site.ask(method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole.body)))


@pytest_twisted.ensureDeferred
async def test_a_listing_takes_no_post(site: ProblemSite) -> None:
    answer = await site.ask(method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest_twisted.ensureDeferred
async def test_more_than_a_thousand_names_come_in_pages(site: ProblemSite) -> None:
    for i in range(2001):
        (site.root / f"{i}.txt").touch()
    first, last = await site.ask("/?format=json"), await site.ask("/?page=9&format=json")
    assert first.headers["link"] == '<?page=2>; rel="next"'
    told = msgspec.json.decode(first.body)
    assert (told["page"], told["pages"], told["files"], len(told["entries"])) == (1, 3, 2001, 1000)
    assert [entry["name"] for entry in msgspec.json.decode(last.body)["entries"]] == ["2000.txt"]
    assert last.headers["link"] == '<?page=2>; rel="prev"'
    assert (await names(site))[-1] == "... page 1 of 3, next: ?page=2"
    page = (await site.ask("/?page=2&sort=size", accept=BROWSER)).body.decode()
    assert '<a href="?page=3&amp;sort=size&amp;order=desc" rel="next">' in page


@pytest_twisted.ensureDeferred
async def test_a_folder_that_is_gone_by_now_answers_404(site: ProblemSite) -> None:
    class Gone(LocalOrigin):
        def lookup_many(self, paths: Sequence[tuple[str, ...]]) -> list[Entry | None]:
            return [Entry(path, Kind.FOLDER) for path in paths]

    site.lies_in(Gone(str(site.root)))
    site.lists("was", "here")
    assert (await site.ask()).status == 404


@pytest_twisted.ensureDeferred
async def test_the_folder_is_read_and_rendered_beside_the_reactor(site: ProblemSite) -> None:
    inside, go = threading.Event(), threading.Event()

    class Slow(LocalOrigin):
        def list_page(self, entry: Entry, view: PageView) -> FolderPage:
            inside.set()
            go.wait(20)
            return super().list_page(entry, view)

    site.lies_in(Slow(str(site.root)))
    answer = Deferred.fromCoroutine(site.ask())
    alive: Deferred[None] = Deferred()

    def watch() -> None:
        if inside.is_set():
            go.set()
            alive.callback(None)
        else:
            reactor.callLater(0.001, watch)

    watch()
    (status, *_), _ = await gatherResults([answer.addCallback(lambda a: (a.status,)), alive])
    assert status == 200


@pytest_twisted.ensureDeferred
async def test_a_far_folder_is_asked_on_the_reactors_thread(site: ProblemSite) -> None:
    asked_in: list[threading.Thread] = []

    class Far:
        capabilities = Capabilities(synchronous=False, compare_and_swap="strict")

        def lookup_many(self, paths: Sequence[tuple[str, ...]]) -> list[Entry | None]:
            return [Entry(path, Kind.FOLDER) for path in paths]

        def list_page(self, entry: Entry, view: PageView) -> Deferred[FolderPage]:
            asked_in.append(threading.current_thread())
            later: Deferred[FolderPage] = Deferred()
            reactor.callLater(0, later.callback, page_of([Entry(("far.txt",), Kind.FILE, 3, 1e9)], view))
            return later

    site.lies_in(Far())
    assert await names(site) == ["far.txt"]
    assert asked_in == [threading.main_thread()]
