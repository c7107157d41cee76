"""`_folder.toml`: what each key does, through a real socket."""

from __future__ import annotations

import json
from ast import literal_eval
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.origins import version
from twistedsite.testing import serving

FAIL = "raise RuntimeError('out of paint')"
BROWSER = {"Accept": "text/html"}


@pytest_twisted.ensureDeferred
async def test_debug_holds_for_a_folder_and_those_below_until_one_says_otherwise(tmp_path: Path) -> None:
    for folder in ("", "a/", "a/b/", "a/b/c/"):
        write(tmp_path, folder + "fail.py", FAIL)
    write(tmp_path, "a/_folder.toml", "debug = true")
    write(tmp_path, "a/b/c/_folder.toml", "debug = false")
    async with serving(tmp_path) as site:
        shown = ["out of paint" in (await site.get(f"/{f}fail.py")).text for f in ("", "a/", "a/b/", "a/b/c/")]
    assert shown == [False, True, True, False]


@pytest_twisted.ensureDeferred
async def test_an_edit_is_live_at_the_next_request(tmp_path: Path) -> None:
    write(tmp_path, "a/x.py", "print(options)")
    async with serving(tmp_path, options={"site": "s"}) as site:
        assert literal_eval((await site.get("/a/x.py")).text) == {"site": "s"}
        for value in ("one", "two", "six"):
            write(tmp_path, "a/_folder.toml", f"options = {{ name = '{value}' }}")
            assert literal_eval((await site.get("/a/x.py")).text) == {"site": "s", "name": value}
        write(tmp_path, "_folder.toml", "options = { name = 'above', more = [ 'a', 'b' ] }")
        assert literal_eval((await site.get("/a/x.py")).text) == {"site": "s", "name": "six", "more": ["a", "b"]}
        (tmp_path / "a/_folder.toml").unlink()
        assert literal_eval((await site.get("/a/x.py")).text) == {"site": "s", "name": "above", "more": ["a", "b"]}


@pytest_twisted.ensureDeferred
async def test_a_timeout_is_lowered_and_never_raised(tmp_path: Path) -> None:
    show = "import sys\nprint(sys._getframe().f_back.f_locals['request'].timeout)"
    for folder in ("", "low/", "low/high/", "low/lower/"):
        write(tmp_path, folder + "x.py", show)
    write(tmp_path, "low/_folder.toml", "timeout = '5s'")
    write(tmp_path, "low/high/_folder.toml", "timeout = '1h'")
    write(tmp_path, "low/lower/_folder.toml", "timeout = 1.5")
    async with serving(tmp_path, timeout="10s") as site:
        times = [float((await site.get(f"/{f}x.py")).text) for f in ("", "low/", "low/high/", "low/lower/")]
    assert times == [10, 5, 5, 1.5]


@pytest_twisted.ensureDeferred
async def test_a_folder_s_own_timeout_ends_its_scripts(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "timeout = '300ms'")
    write(tmp_path, "x.py", "while True: pass")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).status == 504


@pytest_twisted.ensureDeferred
async def test_scripts_once_off_stay_off_below(tmp_path: Path) -> None:
    for folder in ("", "off/", "off/on/"):
        write(tmp_path, folder + "x.py", "print(1 + 1)")
    write(tmp_path, "off/_folder.toml", "scripts = false")
    write(tmp_path, "off/on/_folder.toml", "scripts = true")
    async with serving(tmp_path) as site:
        pages = [await site.get(f"/{folder}x.py") for folder in ("", "off/", "off/on/")]
    assert [page.text for page in pages] == ["2\n", "print(1 + 1)", "print(1 + 1)"]
    assert pages[1].headers["content-type"] == "text/plain; charset=utf-8"


@pytest_twisted.ensureDeferred
async def test_a_folder_cannot_turn_on_what_the_server_has_turned_off(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "scripts = true")
    write(tmp_path, "x.py", "print(1 + 1)")
    async with serving(tmp_path, scripts=False) as site:
        assert (await site.get("/x.py")).text == "print(1 + 1)"


@pytest_twisted.ensureDeferred
async def test_listing_is_turned_off_and_on_again(tmp_path: Path) -> None:
    write(tmp_path, "off/_folder.toml", "listing = false")
    write(tmp_path, "off/on/_folder.toml", "listing = true")
    async with serving(tmp_path) as site:
        assert [(await site.get(path)).status for path in ("/", "/off/", "/off/on/")] == [200, 403, 200]


@pytest_twisted.ensureDeferred
async def test_index_names_are_the_folder_s_own(tmp_path: Path) -> None:
    for name in ("start.htm", "index.html", "a/home.py", "a/start.htm", "a/b/start.htm"):
        write(tmp_path, name, name if name.endswith("htm") else "print('home')")
    write(tmp_path, "_folder.toml", "index = ['home.py', 'start.htm']")
    async with serving(tmp_path) as site:
        pages = [(await site.get(path)).text.strip() for path in ("/", "/a/", "/a/b/")]
        assert pages == ["start.htm", "home", "a/b/start.htm"]
        write(tmp_path, "a/_folder.toml", "index = []")
        assert "Index of" in (await site.get("/a/", headers=BROWSER)).text


@pytest_twisted.ensureDeferred
async def test_headers_are_added_to_files_and_scripts_and_taken_away_below(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "[headers]\nX-Site = 'mine'\nCache-Control = 'max-age=60'\nX-Gone = '1'")
    write(tmp_path, "a/_folder.toml", "[headers]\nX-Folder = 'a'\nX-Gone = ''")
    for folder in ("", "a/"):
        write(tmp_path, folder + "x.txt", "text")
        write(tmp_path, folder + "x.py", "print(1)")
    write(tmp_path, "own.py", "resp_headers['cache-control'] = 'no-store'")
    async with serving(tmp_path) as site:
        for name in ("x.txt", "x.py"):
            top, below = (await site.get("/" + name)).headers, (await site.get("/a/" + name)).headers
            assert (top["x-site"], top["cache-control"], top["x-gone"]) == ("mine", "max-age=60", "1")
            assert (below["x-site"], below["x-folder"], below.get("x-gone")) == ("mine", "a", None)
            assert "x-folder" not in top
        assert (await site.get("/own.py")).headers["cache-control"] == "no-store"


@pytest_twisted.ensureDeferred
async def test_redirects_are_relative_to_their_folder_and_not_inherited(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "[redirects]\nold = 'new'\n'a/deep/x' = 'new'\n'slash/' = 'new'")
    (tmp_path / "a").mkdir()
    async with serving(tmp_path) as site:
        found = {path: await site.get(path) for path in ("/old", "/a/old", "/a/deep/x", "/slash/", "/slash")}
    assert {path: answer.status for path, answer in found.items()} == {
        "/old": 302,
        "/a/old": 404,
        "/a/deep/x": 302,
        "/slash/": 302,
        "/slash": 404,
    }
    assert found["/old"].headers["location"] == "new"
    assert found["/a/deep/x"].headers["location"] == "../../new"
    assert found["/slash/"].headers["location"] == "../new"


@pytest_twisted.ensureDeferred
async def test_error_pages_are_those_of_the_nearest_folder(tmp_path: Path) -> None:
    write(tmp_path, "_errors/404.html", "the site's")
    write(tmp_path, "a/_folder.toml", "errors = { 404 = '/a/lost.html' }")
    write(tmp_path, "a/lost.html", "the folder's")
    (tmp_path / "a/b").mkdir()
    async with serving(tmp_path) as site:
        pages = [(await site.get(path, headers=BROWSER)).text for path in ("/x", "/a/x", "/a/b/x")]
    assert pages == ["the site's", "the folder's", "the folder's"]


@pytest_twisted.ensureDeferred
async def test_autoreload_off_keeps_the_modules_that_are_loaded(tmp_path: Path) -> None:
    for folder in ("kept", "fresh"):
        write(tmp_path, f"{folder}/helper.py", "value = 1")
        write(tmp_path, f"{folder}/x.py", "import helper\nprint(helper.value)")
    write(tmp_path, "kept/_folder.toml", "autoreload = false")
    async with serving(tmp_path) as site:
        for number in ("1", "2"):
            for folder in ("kept", "fresh"):
                write(tmp_path, f"{folder}/helper.py", f"value = {number}")
                shown = (await site.get(f"/{folder}/x.py")).text.strip()
                assert shown == ("1" if folder == "kept" else number)


FAULTS = {
    "debug = 'yes'": "a/_folder.toml: debug: expected true or false",
    "nonsense = 1": "a/_folder.toml: nonsense: unknown key",
    "timeout = 'soon'": "a/_folder.toml: timeout:",
    "timeout = 0": "a/_folder.toml: timeout: expected more than 0",
    "debug = ": "a/_folder.toml: is not valid TOML",
    "\xff": "a/_folder.toml: is not UTF-8",
    "headers = { 'a b' = '1' }": "a/_folder.toml: headers",
    'headers = { a = "1\\r\\nb: 2" }': "a/_folder.toml: headers",
    "errors = { 200 = 'x.html' }": "a/_folder.toml: errors",
    "x" * 70_000: "a/_folder.toml: is not a plain file of at most 65536 bytes",
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: ascii(text[:20]))
@pytest_twisted.ensureDeferred
async def test_a_bad_file_fails_its_own_folder_only_and_the_log_says_why(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "TICK_NS", -1)
    write(tmp_path, "a/_folder.toml", text.encode("latin-1"))
    for name in ("page.html", "a/page.html", "a/b/page.html", "c/page.html"):
        write(tmp_path, name, "fine")
    async with serving(tmp_path) as site:
        with logged() as log:
            found = [await site.get(p) for p in ("/page.html", "/a/page.html", "/a/b/page.html", "/c/page.html", "/a/")]
            assert [answer.status for answer in found] == [200, 500, 500, 200, 500]
            assert "settings of this folder have a fault" in found[1].text
            assert str(tmp_path) not in found[1].text
            assert FAULTS[text] in log()
            assert log().count("_folder.toml") == 1
            reference = log().partition("(reference ")[2].partition(")")[0]
            assert all(f"Reference: {reference}" in found[at].text for at in (1, 2, 4))
        write(tmp_path, "a/_folder.toml", "debug = true")
        assert (await site.get("/a/page.html")).status == 200


@pytest_twisted.ensureDeferred
async def test_where_debug_is_on_above_the_page_says_which_fault(tmp_path: Path) -> None:
    write(tmp_path, "a/_folder.toml", "listng = false")
    write(tmp_path, "a/page.html")
    for debug in (True, False):
        async with serving(tmp_path, debug=debug) as site:
            answer = await site.get("/a/page.html")
        assert answer.status == 500
        assert ("a/_folder.toml: listng: unknown key" in answer.text) is debug


@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest_twisted.ensureDeferred
async def test_settings_that_are_no_file_of_the_site_are_a_fault(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "site"
    write(root, "a/page.html")
    write(tmp_path, "elsewhere.toml", "debug = true")
    if kind == "folder":
        (root / "a/_folder.toml").mkdir()
    else:
        (root / "a/_folder.toml").symlink_to("../../elsewhere.toml")
    async with serving(root) as site:
        assert (await site.get("/a/page.html")).status == 500


@pytest_twisted.ensureDeferred
async def test_a_fault_in_the_root_leaves_the_health_page_alone(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "debug = 3")
    write(tmp_path, "x.html")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.html")).status == 500
        answer = await site.get("/.well-known/scriptsite-health")
        assert (answer.status, json.loads(answer.body)["status"]) == (200, "ok")
