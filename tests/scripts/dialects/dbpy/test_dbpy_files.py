"""`dbpy.io.file`, `dbpy.io.json` and `dbpy.dropbox`: one script each, through a real socket."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_twisted
from dbpy_pages import serving_script, shown
from site_files import write

from twistedsite.testing import serving

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


def caught(call: str) -> str:
    """A script that makes `call`, and shows the IOError that it raises."""
    return f"try:\n    {call}\nexcept IOError as error:\n    print('IOError:', error)\nelse:\n    print('nothing')"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_read_gives_the_text_of_a_file_beside_the_script_or_from_the_root(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.txt", "Grüße\r\nzweite\n")
    write(tmp_path, "_data/b.txt", "from the root")
    script = "f = dbpy.io.file\nprint(repr(f.read('a.txt')), f.read('/_data/b.txt'), f.read('../_data/./b.txt'))"
    assert await shown(serving, tmp_path, script) == "'Grüße\\r\\nzweite\\n' from the root from the root"


FAILING = [
    ("dbpy.io.file.read('none.txt')", "none.txt"),
    ("dbpy.io.file.render('none.txt')", "none.txt"),
    ("dbpy.io.file.open('none.txt')", "none.txt"),
    ("dbpy.io.file.read('.')", ""),
    ("dbpy.io.file.read('../../secret.txt')", "out of the site"),
    ("dbpy.io.file.read('/link.txt')", ""),
    ("dbpy.io.file.read('a\\0b')", ""),
    ("dbpy.io.file.write('../../written.txt', 'x')", "out of the site"),
    ("dbpy.io.file.write('', 'x')", ""),
    ("dbpy.io.file.append('/blog', 'x')", ""),
    ("dbpy.io.json.load('none.json')", "none.json"),
    ("dbpy.io.json.load('bad.json')", "bad.json is not JSON: Expecting value: line 1 column 7"),
    ("dbpy.io.json.load('binary.png')", "binary.png is not JSON"),
    ("dbpy.io.json.open('bad.json')", "bad.json is not JSON"),
    ("dbpy.io.json.update('bad.json', print)", "bad.json is not JSON"),
    ("dbpy.io.json.open('number.json')", "number.json holds a int: only a dict or a list can be opened"),
    ("dbpy.io.json.open_list('dict.json')", "dict.json holds a dict, not a list"),
    ("dbpy.io.json.save('s.json', {'a': {1}})", "s.json is not saved: Object of type set"),
    ("dbpy.io.json.save('s.json', float('nan'))", "s.json is not saved"),
    ("dbpy.io.json.render('none.json')", "none.json"),
    ("dbpy.dropbox.list_directory('nowhere')", "nowhere"),
    ("dbpy.dropbox.remove('nowhere')", "nowhere"),
    ("dbpy.dropbox.remove('/')", "the site itself"),
    ("dbpy.dropbox.make_directory('dict.json')", "dict.json"),
    ("dbpy.dropbox.make_directory('../../other')", "out of the site"),
    ("dbpy.dropbox.api", "does not lie in a Dropbox"),
]


@pytest_twisted.ensureDeferred
async def test_what_fails_is_an_ioerror_that_says_what_and_why(tmp_path: Path) -> None:
    root = tmp_path / "site"
    write(tmp_path, "secret.txt", "s3cret")
    write(root, "blog/bad.json", '{"a": }')
    write(root, "blog/number.json", "3")
    write(root, "blog/dict.json", "{}")
    write(root, "blog/binary.png", PNG)
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    async with serving_script(serving, root, caught("eval(dbpy.http.get_params['call'][0])")) as site:
        for call, message in FAILING:
            text = (await site.get(f"/blog/x?{urlencode({'call': call})}")).text
            assert text.startswith("IOError: "), call
            assert message in text, call
            assert "s3cret" not in text, call
    assert names(tmp_path) == ["secret.txt", "site"]


@pytest.mark.parametrize(
    ("settings", "call", "message"),
    [
        ({}, "dbpy.io.file.write('_folder.toml', 'debug = true')", "protected"),
        ({}, "dbpy.io.json.save('/.well-known/x', 1)", "protected"),
        ({}, "dbpy.dropbox.make_directory('.git')", "protected"),
        (
            {"storage": {"writable": ["/_data"]}},
            "dbpy.io.file.append('a.txt', 'x')",
            "settings of this site do not let",
        ),
        ({"storage": {"writable": []}}, "dbpy.io.json.update('a.json', list)", "settings of this site do not let"),
        ({"storage": {"writable": []}}, "dbpy.dropbox.remove('x.dbpy')", "settings of this site do not let"),
        ({}, "dbpy.io.file.open('_folder.toml', to='write')", "protected"),
        ({"storage": {"writable": []}}, "dbpy.io.file.open('a.txt', to='append')", "settings of this site do not let"),
        ({"storage": {"writable": ["/_data"]}}, "dbpy.io.json.open('a.json')", "settings of this site do not let"),
        ({"storage": {"quota": "20K"}}, "dbpy.io.file.write('a.txt', 'x' * 30_000)", "the site may occupy 20480 bytes"),
        ({"storage": {"file_size": "10K"}}, "dbpy.io.file.write('a.txt', 'x' * 20_000)", "10240 at most"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_the_settings_forbid_is_an_ioerror_that_says_so(
    tmp_path: Path, settings: dict[str, object], call: str, message: str
) -> None:
    async with serving_script(serving, tmp_path, caught(call), **settings) as site:
        text = (await site.get("/blog/x")).text
    assert text.startswith("IOError: ")
    assert message in text
    assert names(tmp_path) == ["blog"]
    assert names(tmp_path / "blog") == ["x.dbpy"]


@pytest_twisted.ensureDeferred
async def test_text_is_utf8_and_bytes_are_to_be_had_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.png", PNG)
    script = (
        "f = dbpy.io.file\nhandle = f.open('a.png')\nprint(f.open('a.png').buffer.read())\n"
        + caught("f.read('a.png')")
        + "\n"
        + caught("f.open('a.png').read()")
        + "\n"
        + caught("list(f.open('a.png'))")
        + "\nf.write('b.png', handle.buffer.getvalue())\nf.append('b.png', b'\\xfe')\n"
        "h = f.open('b.png', to='append')\nh.buffer.write(b'\\xfd')\nh.write('ü')"
    )
    lines = (await shown(serving, tmp_path, script)).split("\n")
    assert lines[0] == repr(PNG)
    assert len(lines) == 4
    for line in lines[1:]:
        assert line.startswith("IOError: a.png is not UTF-8 text (invalid start byte at byte 0)")
    assert (tmp_path / "blog/b.png").read_bytes() == PNG + b"\xfe\xfd\xc3\xbc"


@pytest_twisted.ensureDeferred
async def test_write_makes_or_replaces_a_file(tmp_path: Path) -> None:
    write(tmp_path, "blog/old.txt", "something longer than that")
    script = "w = dbpy.io.file.write\nw('old.txt', 'new ü')\nw('/_made/deep/b.txt', 'b\\r\\n', timeout=1)\nw('e', '')"
    assert await shown(serving, tmp_path, script) == ""
    assert (tmp_path / "blog/old.txt").read_text() == "new ü"
    assert (tmp_path / "_made/deep/b.txt").read_bytes() == b"b\r\n"
    assert (tmp_path / "blog/e").read_bytes() == b""


@pytest_twisted.ensureDeferred
async def test_append_adds_to_a_file_or_makes_it(tmp_path: Path) -> None:
    script = "for word in ('a', 'ü', 'c'):\n    dbpy.io.file.append('log.txt', word + '\\n')"
    assert await shown(serving, tmp_path, script) == ""
    assert (tmp_path / "blog/log.txt").read_text() == "a\nü\nc\n"


@pytest_twisted.ensureDeferred
async def test_render_shows_a_file_with_its_own_type(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.png", PNG)
    write(tmp_path, "_notes/a.css", "b {}")
    write(tmp_path, "blog/d.json", '{"a":1}')
    async with serving_script(serving, tmp_path, "dbpy.io.file.render('a.png')") as site:
        answer = await site.get("/blog/x")
        assert (answer.body, answer.headers["content-type"]) == (PNG, "image/png")
        write(tmp_path, "blog/x.dbpy", "print('/* a */')\ndbpy.io.file.render('/_notes/a.css')\nprint('c')")
        answer = await site.get("/blog/x")
        assert (answer.text, answer.headers["content-type"]) == ("/* a */\nb {}c\n", "text/css; charset=utf-8")
        write(tmp_path, "blog/x.dbpy", "dbpy.io.json.render('d.json')")
        answer = await site.get("/blog/x")
        assert (answer.text, answer.headers["content-type"]) == ('{"a":1}', "application/json")


@pytest_twisted.ensureDeferred
async def test_a_file_opened_to_read_is_a_text_file_that_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.txt", "one\r\ntwo\nthree")
    script = (
        "h = dbpy.io.file.open('a.txt')\nprint(repr(h.readline()), list(h))\nh.seek(0)\nprint(repr(h.read(3)))\n"
        + caught("h.write('x')")
        + "\ndbpy.io.file.close(h)\ndbpy.io.file.close(h)\nwith dbpy.io.file.open('a.txt') as h:\n    print(h.read(2))"
    )
    assert await shown(serving, tmp_path, script) == (
        "'one\\r\\n' ['two\\n', 'three']\n'one'\nIOError: a.txt is open for reading only\non"
    )


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_open_handles_are_saved_when_the_script_ends_well(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.txt", "old a\n")
    write(tmp_path, "blog/w.txt", "something longer")
    write(tmp_path, "blog/d.json", '{"n": 1}')
    write(tmp_path, "blog/e.json", '{"n": 1}')
    script = (
        "o = dbpy.io.file.open\n"
        "a = o('a.txt', to='append')\na.write('more\\n')\na.seek(0)\na.writeline('at the end')\n"
        "w = o('w.txt', to='write')\nw.writelines(['x\\n', 'y\\n'])\nprint('z', file=w)\n"
        "d = o('d.json', to='json')\nd['n'] += 1\n"
        "e = o('e.json', to='json', allow_download=False)\ne['fresh'] = True\n"
        "f = o('new.txt', 'append', 2)\nf.write('made')\n"
        "print(dbpy.io.file.read('a.txt'), end='')\n"
    )
    assert await shown(serving, tmp_path, script) == "old a"
    assert (tmp_path / "blog/a.txt").read_text() == "old a\nmore\nat the end\n"
    assert (tmp_path / "blog/w.txt").read_text() == "x\ny\nz\n"
    assert json.loads((tmp_path / "blog/d.json").read_text()) == {"n": 2}
    assert json.loads((tmp_path / "blog/e.json").read_text()) == {"fresh": True}
    assert (tmp_path / "blog/new.txt").read_text() == "made"


@pytest_twisted.ensureDeferred
async def test_a_script_that_ends_itself_has_ended_well(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        for end in ("dbpy.die()", "dbpy.http.redirect('.')", "dbpy.http.error(404, '')", "import sys\nsys.exit()"):
            write(tmp_path, "x.dbpy", f"dbpy.io.file.open('a.txt', to='write').write({end!r})\n{end}")
            assert (await site.get("/x")).status in (200, 302, 404)
            assert (tmp_path / "a.txt").read_text() == end


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_that_fails_saves_nothing_that_is_still_open_and_lets_it_go(tmp_path: Path) -> None:
    write(tmp_path, "blog/d.json", '{"n": 1}')
    failing = (
        "h = dbpy.io.file.open('a.txt', to='append')\nh.write('half')\n"
        "d = dbpy.io.json.open('d.json')\nd['n'] = 'half'\ndbpy.io.file.write('now.txt', 'at once')\n1 / 0"
    )
    async with serving_script(serving, tmp_path, failing) as site:
        assert (await site.get("/blog/x")).status == 500
        assert not (tmp_path / "blog/a.txt").exists()
        assert (tmp_path / "blog/d.json").read_text() == '{"n": 1}'
        assert (tmp_path / "blog/now.txt").read_text() == "at once"
        write(tmp_path, "blog/x.dbpy", "for name in ('a.txt', 'd.json'):\n    dbpy.io.file.write(name, '7', timeout=0)")
        assert (await site.get("/blog/x")).status == 200
    assert (tmp_path / "blog/d.json").read_text() == "7"


@pytest_twisted.ensureDeferred
async def test_when_one_open_file_cannot_be_saved_at_the_end_none_is(tmp_path: Path) -> None:
    script = (
        "dbpy.io.file.open('a.txt', to='write').write('a')\n"
        "dbpy.io.json.open('d.json')['bad'] = {1}\n"
        "dbpy.session['n'] = 1"
    )
    async with serving_script(serving, tmp_path, script) as site:
        answer = await site.get("/blog/x")
    assert answer.status == 500
    assert "set-cookie" not in answer.headers
    assert names(tmp_path / "blog") == ["x.dbpy"]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_close_saves_at_once_and_lets_others_write(tmp_path: Path) -> None:
    script = (
        "f, j = dbpy.io.file, dbpy.io.json\n"
        "h = f.open('a.txt', to='write')\nh.write('first')\nf.close(h)\nf.close(h)\nh.close()\n"
        "print(f.read('a.txt'))\nf.write('a.txt', 'second', timeout=0)\n"
        + caught("h.write('late')")
        + "\nd = j.open('d.json')\nd['n'] = 1\nj.close(d)\nj.close(d)\nd['n'] = 2\nprint(j.load('d.json'))\n"
        "with f.open('a.txt', to='append') as h:\n    h.write('!')\nprint(f.read('a.txt'))\n"
        "try:\n    with f.open('a.txt', to='append') as h:\n        h.write('?')\n        1 / 0\n"
        "except ZeroDivisionError:\n    print(f.read('a.txt'))\n"
        "try:\n    j.close({})\nexcept ValueError as error:\n    print(error)"
    )
    assert (await shown(serving, tmp_path, script)).split("\n") == [
        "first",
        "IOError: this file is closed",
        "{'n': 1}",
        "second!",
        "second!",
        "this was not opened by dbpy.io",
    ]
    assert json.loads((tmp_path / "blog/d.json").read_text()) == {"n": 1}


@pytest_twisted.ensureDeferred
async def test_what_is_open_in_a_script_is_not_opened_or_written_again_by_it(tmp_path: Path) -> None:
    script = (
        "dbpy.io.file.open('a.txt', to='append')\n"
        + caught("dbpy.io.file.open('./a.txt', to='write')")
        + "\n"
        + caught("dbpy.io.file.write('/blog/a.txt', 'x')")
    )
    assert await shown(serving, tmp_path, script) == "\n".join(
        ["IOError: /blog/a.txt is open in this script already: close it first"] * 2
    )


@pytest_twisted.ensureDeferred
async def test_a_file_is_not_opened_to_do_what_nobody_knows(tmp_path: Path) -> None:
    script = "try:\n    dbpy.io.file.open('a', to='r')\nexcept ValueError as error:\n    print(error)"
    assert (await shown(serving, tmp_path, script)).startswith("a file is opened to read, write, append or json")


@pytest_twisted.ensureDeferred
async def test_json_is_saved_and_loaded(tmp_path: Path) -> None:
    script = (
        "j = dbpy.io.json\nj.save('d.json', {'ü': [1, None, True, 2.5]}, timeout=2)\nprint(j.load('d.json'))\n"
        "j.save('d.json', 'text')\nprint(j.load('d.json'))"
    )
    assert await shown(serving, tmp_path, script) == "{'ü': [1, None, True, 2.5]}\ntext"
    write(tmp_path, "blog/bom.json", b"\xef\xbb\xbf[1]")
    assert await shown(serving, tmp_path, "print(dbpy.io.json.load('bom.json'))") == "[1]"


@pytest_twisted.ensureDeferred
async def test_json_that_is_opened_is_a_dict_or_list_whose_changes_are_saved(tmp_path: Path) -> None:
    write(tmp_path, "blog/d.json", '{"n": 1}')
    script = (
        "o = dbpy.io.json.open\nd = o('d.json', timeout=1)\nd['n'] += 1\nprint(type(d))\n"
        "made = o('made.json')\nmade['x'] = 1\n"
        "o('list.json', default=list).append(1)\n"
        "mine = {'mine': 1}\nprint(o('from.json', from_data=mine) is mine)\nmine['more'] = 2\n"
        "l = dbpy.io.json.open_list('l.json')\nl += [1, 2]"
    )
    assert await shown(serving, tmp_path, script) == "<class 'dict'>\nTrue"
    found = {path.name: json.loads(path.read_text()) for path in (tmp_path / "blog").glob("*.json")}
    assert found == {
        "d.json": {"n": 2},
        "made.json": {"x": 1},
        "list.json": [1],
        "from.json": {"mine": 1, "more": 2},
        "l.json": [1, 2],
    }


@pytest_twisted.ensureDeferred
async def test_update_changes_a_json_file_in_one_step(tmp_path: Path) -> None:
    script = (
        "u = dbpy.io.json.update\nprint(u('d.json', lambda d: d.update(n=d.get('n', 0) + 1)))\n"
        "print(u('d.json', lambda d: [d], timeout=1))\nprint(u('l.json', lambda l: l.append(1), default=list))\n"
        "try:\n    u('d.json', lambda d: 1 / 0)\nexcept ZeroDivisionError:\n    print(dbpy.io.json.load('d.json'))"
    )
    assert await shown(serving, tmp_path, script) == "{'n': 1}\n[{'n': 1}]\n[1]\n[{'n': 1}]"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_folders_are_listed_made_and_removed(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.txt")
    write(tmp_path, "blog/deep/b.txt")
    script = (
        "d = dbpy.dropbox\nprint(d.list_directory(), d.list_directory('/'), d.list_directory('a.txt'))\n"
        "print(d.make_directory('made/deeper'), d.make_directory('/top'))\nprint(d.list_directory('made'))\n"
        "d.remove('deep')\nd.remove('a.txt')\nd.remove('/top')\nprint(d.list_directory('.'), d.list_directory('/'))"
    )
    assert await shown(serving, tmp_path, script) == (
        "['a.txt', 'deep', 'x.dbpy'] ['blog'] None\n/blog/made/deeper /top\n['deeper']\n['made', 'x.dbpy'] ['blog']"
    )
    assert not (tmp_path / "blog/deep").exists()
