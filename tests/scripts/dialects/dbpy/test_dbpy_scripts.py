"""Which files are scripts of the dialect dbpy, what they are given, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import serving_script, shown
from site_files import logged, write

from twistedsite.settings.server import ServerSettings
from twistedsite.testing import serving


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_what_is_printed_is_the_page_html_with_status_200_by_default(tmp_path: Path) -> None:
    async with serving_script(serving, tmp_path, "print('<p>Grüße')") as site:
        answer = await site.get("/blog/x.dbpy")
    assert (answer.status, answer.text) == (200, "<p>Grüße\n")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest_twisted.ensureDeferred
async def test_a_script_gets_the_name_dbpy_and_no_other(tmp_path: Path) -> None:
    script = "print(sorted(name for name in globals() if not name.startswith('__')), __name__)"
    assert await shown(serving, tmp_path, script) == "['dbpy'] __main__"


@pytest_twisted.ensureDeferred
async def test_a_file_that_starts_with_dbpyexecute_is_a_script_whatever_its_name(tmp_path: Path) -> None:
    for name in ("edit", "page.html", "data.txt", "picture.png"):
        write(tmp_path, f"blog/{name}", "#DBPYEXECUTE, by hand\nprint(dbpy.http.request.path, 1 + 1)")
    write(tmp_path, "bom", b"\xef\xbb\xbf#DBPYEXECUTE\nprint('with a BOM')")
    async with serving(tmp_path) as site:
        for name in ("edit", "page.html", "data.txt", "picture.png"):
            answer = await site.get(f"/blog/{name}")
            assert (answer.status, answer.text) == (200, f"/blog/{name} 2\n")
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert (await site.get("/bom")).text == "with a BOM\n"
        assert (await site.get("/blog/edit/3/x")).text == "/blog/edit/3/x 2\n"
        assert (await site.get("/blog/edit/")).text == "/blog/edit/ 2\n"


@pytest_twisted.ensureDeferred
async def test_the_mark_counts_on_the_first_line_only(tmp_path: Path) -> None:
    for number, text in enumerate(("\n#DBPYEXECUTE\n", " #DBPYEXECUTE\n", "# DBPYEXECUTE\n", "#DBPYEXECUT", "")):
        write(tmp_path, f"page{number}.html", text)
    async with serving(tmp_path) as site:
        for number, text in enumerate(("\n#DBPYEXECUTE\n", " #DBPYEXECUTE\n", "# DBPYEXECUTE\n", "#DBPYEXECUT", "")):
            assert (await site.get(f"/page{number}.html")).text == text


@pytest_twisted.ensureDeferred
async def test_a_file_becomes_a_script_and_a_page_again_as_its_first_line_says(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        for _ in range(3):
            write(tmp_path, "page", "#DBPYEXECUTE\nprint('it runs')")
            assert (await site.get("/page")).text == "it runs\n"
            write(tmp_path, "page", "#dbpyexecute\nprint('it runs')")
            assert (await site.get("/page")).text == "#dbpyexecute\nprint('it runs')"
            write(tmp_path, "a.dbpy", "print('it runs')")
            assert (await site.get("/a")).text == "it runs\n"
            write(tmp_path, "a.dbpy", "#NOEXECUTE\n")
            assert (await site.get("/a")).text == "#NOEXECUTE\n"


@pytest_twisted.ensureDeferred
async def test_an_index_may_be_a_marked_file(tmp_path: Path) -> None:
    write(tmp_path, "index.html", "#DBPYEXECUTE\nprint('made', dbpy.http.request.folder)")
    write(tmp_path, "shown/index.dbpy", "#NOEXECUTE\nprint('made')")
    async with serving(tmp_path) as site:
        assert (await site.get("/")).text == "made /\n"
        assert (await site.get("/shown/")).text == "#NOEXECUTE\nprint('made')"


@pytest_twisted.ensureDeferred
async def test_of_several_index_files_dbpy_is_first_then_html_then_txt(tmp_path: Path) -> None:
    write(tmp_path, "index.txt", "txt")
    async with serving(tmp_path) as site:
        assert (await site.get("/")).text == "txt"
        write(tmp_path, "index.html", "html")
        assert (await site.get("/")).text == "html"
        write(tmp_path, "index.dbpy", "print('dbpy')")
        assert (await site.get("/")).text == "dbpy\n"


@pytest_twisted.ensureDeferred
async def test_a_dbpy_file_that_starts_with_noexecute_is_shown_and_never_run(tmp_path: Path) -> None:
    source = "#NOEXECUTE this is an example\nprint('ran')"
    write(tmp_path, "a.dbpy", source)
    async with serving(tmp_path) as site:
        for path in ("/a.dbpy", "/a"):
            answer = await site.get(path)
            assert (answer.status, answer.text) == (200, source)
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        for path in ("/a.dbpy/", "/a.dbpy/x", "/a/x", "/a/"):
            assert (await site.get(path)).status == 404


@pytest_twisted.ensureDeferred
async def test_where_scripts_are_off_their_text_is_shown(tmp_path: Path) -> None:
    for name in ("a.dbpy", "edit", "page.html"):
        write(tmp_path, name, "#DBPYEXECUTE\nprint('ran')")
    async with serving(tmp_path, scripts=False) as site:
        for path in ("/a.dbpy", "/edit", "/page.html"):
            answer = await site.get(path)
            assert (answer.text, answer.headers["content-type"]) == (
                "#DBPYEXECUTE\nprint('ran')",
                "text/plain; charset=utf-8",
            )
        assert (await site.get("/edit/x")).status == 404


@pytest_twisted.ensureDeferred
async def test_what_the_settings_say_of_an_extension_comes_before_the_first_line(tmp_path: Path) -> None:
    source = "#DBPYEXECUTE\nprint('ran', dbpy.http.request.path)"
    for name in ("a.dbpy", "a.txt", "a.htm", "edit"):
        write(tmp_path, name, source)
    write(tmp_path, "all/_folder.toml", "handler = '/edit'")
    extensions = {".dbpy": "static", ".txt": "static", ".htm": "jinja", ".drapache": "dbpy"}
    write(tmp_path, "a.drapache", "print('ran', dbpy.http.request.path)")
    async with serving(tmp_path, extensions=extensions) as site:
        for path in ("/a.dbpy", "/a.txt", "/a.htm"):
            assert (await site.get(path)).text == source, path
        for path in ("/edit", "/a.drapache", "/all/of/it"):
            assert (await site.get(path)).text == f"ran {path}\n"


@pytest_twisted.ensureDeferred
async def test_below_a_script_the_rest_of_the_path_is_its_own(tmp_path: Path) -> None:
    write(tmp_path, "blog/x.dbpy", "print(dbpy.http.request.path, dbpy.http.request.folder)")
    async with serving(tmp_path) as site:
        assert (await site.get("/blog/x.dbpy/a/b")).text == "/blog/x.dbpy/a/b /blog/\n"
        assert (await site.get("/blog/x/a")).text == "/blog/x/a /blog/\n"


@pytest_twisted.ensureDeferred
async def test_die_prints_its_message_and_ends_the_script(tmp_path: Path) -> None:
    script = "print('a')\ntry:\n    dbpy.die('the end')\nexcept Exception:\n    print('caught')\nprint('never')"
    assert await shown(serving, tmp_path, script) == "a\nthe end"
    assert await shown(serving, tmp_path, "print('a')\ndbpy.die('the end', report=False)\nprint('never')") == "a"
    assert await shown(serving, tmp_path, "dbpy.die()\nprint('never')") == ""
    assert await shown(serving, tmp_path, "import sys\nprint('a')\nsys.exit()\nprint('never')") == "a"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_past_its_time_is_stopped(tmp_path: Path) -> None:
    assert ServerSettings().timeout == 25
    async with serving_script(serving, tmp_path, "print('a')\nwhile True:\n    pass", timeout="0.2s") as site:
        with logged() as log:
            assert (await site.get("/blog/x.dbpy")).status == 504
    assert "blog/x.dbpy" in log()


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_failing_script_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    async with serving_script(serving, tmp_path, "print('half')\ndbpy.no_such_thing()") as site:
        with logged() as log:
            answer = await site.get("/blog/x.dbpy")
    assert answer.status == 500
    assert "half" not in answer.text
    assert 'File "blog/x.dbpy", line 2' in log()
    assert "no_such_thing" in log()


@pytest_twisted.ensureDeferred
async def test_dbpy_may_be_imported_as_well(tmp_path: Path) -> None:
    script = (
        "del dbpy\nimport dbpy\nfrom dbpy import die, http, io, session, templates, text, dropbox\n"
        "from dbpy import background_request, dropbox_import\n"
        "session['n'] = 1\nio.file.write('a', 'b')\n"
        "print(dbpy.http.get_params, http.get_params, dict(dbpy.session), dropbox.list_directory())\ndie('x')\n1 / 0"
    )
    text = await shown(serving, tmp_path, script, "/blog/x.dbpy?a=1")
    assert text == "{'a': ['1']} {'a': ['1']} {'n': 1} ['a', 'x.dbpy']\nx"


@pytest_twisted.ensureDeferred
async def test_a_module_that_stays_loaded_speaks_of_the_request_at_hand(tmp_path: Path) -> None:
    write(
        tmp_path,
        "blog/helper.py",
        "import dbpy\nfrom dbpy import die, http, session\n\n\n"
        "def tell():\n"
        "    session['seen'] = session.get('seen', 0) + 1\n"
        "    print(http.get_params, dbpy.http.get_params, dict(session), len(dbpy.session), 'seen' in session)\n"
        "    die('bye')\n",
    )
    async with serving_script(serving, tmp_path, "import helper\nhelper.tell()\nprint('never')") as site:
        ann: dict[str, str] = {}
        assert (await site.get("/blog/x?n=1", jar=ann)).text == "{'n': ['1']} {'n': ['1']} {'seen': 1} 1 True\nbye\n"
        assert (await site.get("/blog/x?n=2", jar=ann)).text == "{'n': ['2']} {'n': ['2']} {'seen': 2} 1 True\nbye\n"
        assert (await site.get("/blog/x?n=3")).text == "{'n': ['3']} {'n': ['3']} {'seen': 1} 1 True\nbye\n"


@pytest_twisted.ensureDeferred
async def test_neighbours_and_the_standard_library_are_imported_as_by_other_scripts(tmp_path: Path) -> None:
    write(tmp_path, "blog/prices.py", "APPLE = 3")
    write(tmp_path, "shop/prices.py", "APPLE = 4")
    write(tmp_path, "shop/x.dbpy", "import prices\nprint(prices.APPLE)")
    async with serving_script(serving, tmp_path, "import json, prices\nprint(json.dumps(prices.APPLE))") as site:
        assert (await site.get("/blog/x.dbpy")).text == "3\n"
        assert (await site.get("/shop/x.dbpy")).text == "4\n"
        write(tmp_path, "blog/prices.py", "APPLE = 5")
        assert (await site.get("/blog/x.dbpy")).text == "5\n"
