"""The table of paths, row by row, through a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.origins.local import LocalOrigin
from twistedsite.resources.mapping.folder import PLACE_ROWS, SEGMENT_ROWS
from twistedsite.testing import serving

SECRET = b"must not be seen"


@attrs.frozen
class Case:
    """A request target and what it becomes."""

    target: str
    status: int
    body: bytes | None = None
    """Exactly the content; None: not looked at."""
    location: str | None = None
    settings: dict[str, Any] = attrs.field(factory=dict)


SEGMENT_CASES: dict[str, list[Case]] = {
    "a segment that is not UTF-8, has NUL or `/` or `\\` encoded, is `.` or `..`": [
        Case("/%ff", 400),
        Case("/caf%e9.html", 400),
        Case("/%c0%ae%c0%ae/", 400),
        Case("/%e0%80%ae%e0%80%ae/", 400),
        Case("/%ed%a0%80", 400),
        Case("/page.html%00", 400),
        Case("/%00", 400),
        Case("/folder%2fpage.html", 400),
        Case("/folder%2Fpage.html", 400),
        Case("/folder%5cpage.html", 400),
        Case("/folder\\page.html", 400),
        Case("/..", 400),
        Case("/../secret.txt", 400),
        Case("/folder/../page.html", 400),
        Case("/%2e%2e/secret.txt", 400),
        Case("/%2E./secret.txt", 400),
        Case("/.%2e/secret.txt", 400),
        Case("/..%2fsecret.txt", 400),
        Case("/..%5csecret.txt", 400),
        Case("/.", 400),
        Case("/%2e/page.html", 400),
        Case("/folder/..", 400),
        Case("/a/%2e%2e", 400),
    ],
    "a segment that begins with `_`": [
        Case("/_private/page.html", 403),
        Case("/folder/_hidden.html", 403),
        Case("/%5Fprivate/page.html", 403),
        Case("/_folder.toml", 403),
        Case("/_nothing", 403),
        Case("/run.py/_rest", 403),
    ],
    "a segment that begins with `.`, other than `.well-known`": [
        Case("/.git/config", 404),
        Case("/.hidden", 404),
        Case("/%2ehidden", 404),
        Case("/folder/.hidden", 404),
        Case("/...", 404),
        Case("/.well-known/security.txt", 200, b"mail us\n"),
        Case("/.well-knownx", 404),
    ],
    "an empty segment that is not the last one": [
        Case("//page.html", 404),
        Case("/folder//page.html", 404),
        Case("/folder//", 404),
        Case("//", 404),
        Case("//evil.example/..;/", 404),
        Case("//evil.example/%2e%2e", 400),
    ],
}

EDIT = "#DBPYEXECUTE\nprint('ran edit')"

PLACE_CASES: dict[str, list[Case]] = {
    "a path that `redirects` in the settings of a folder above names": [
        Case("/moved/old.html", 302, location="new.html"),
        Case("/moved/deep/er", 302, location="../new.html"),
        Case("/moved/away", 302, location="https://other.example/x?y=1"),
        Case("/moved/here", 302, location="/page.html"),
        Case("/moved/page.html", 302, location="new.html"),
    ],
    "anything below a folder whose settings name a `handler`": [
        Case("/handled/", 200, b"inner /\n"),
        Case("/handled/page.html", 200, b"inner /page.html\n"),
        Case("/handled/a/b/", 200, b"inner /a/b/\n"),
        Case("/handled", 301, location="handled/"),
        Case("/handled/_a", 403),
        Case("/handled/page.html", 200, b"handled\n", settings={"scripts": False}),
        Case("/mishandled/a", 500),
    ],
    'a symlink whose target is outside the site (or any, where `symlinks = "none"`)': [
        Case("/out.txt", 403),
        Case("/outside/secret.txt", 403),
        Case("/outside/nothing-there", 403),
        Case("/outside/", 403),
        Case("/outside", 403),
        Case("/chained.txt", 403),
        Case("/in.html", 200, b"a page\n"),
        Case("/infolder/page.html", 200, b"inner\n"),
        Case("/in.html", 403, settings={"symlinks": "none"}),
        Case("/infolder/page.html", 403, settings={"symlinks": "none"}),
        Case("/loop", 404),
        Case("/loop/x", 404),
        Case("/dangling", 404),
    ],
    "nothing, and the origin knows that it was deleted": [],
    "FIFO, socket, device": [Case("/fifo", 404), Case("/fifo.py", 404), Case("/socket", 404), Case("/null", 403)],
    "a `.dbpy` file whose first line starts with `#NOEXECUTE`": [
        Case("/shown.dbpy", 200, b"#NOEXECUTE\nprint('ran')"),
        Case("/shown", 200, b"#NOEXECUTE\nprint('ran')"),
        Case("/shown.dbpy", 200, b"#NOEXECUTE\nprint('ran')", settings={"scripts": False}),
    ],
    "the same, with more of the path behind it, or a slash": [
        Case("/shown/", 404),
        Case("/shown/x", 404),
        Case("/shown.dbpy/", 404),
        Case("/shown.dbpy/x", 404),
        Case("/shown.dbpy/x/", 404),
        Case("/shown/x", 404, settings={"scripts": False}),
    ],
    "nothing, but where `dialect` is `handler` there is `NAME.py` for `NAME.ANY`": [
        Case("/handlers/hello.html", 200, b"handler\n"),
        Case("/handlers/hello.xyz", 200, b"handler\n"),
        Case("/handlers/nothing.html", 404),
        Case("/handlers/hello.html", 404, settings={"scripts": False}),
        Case("/run.html", 404),
    ],
    "nothing, but `NAME.*` has exactly one script or template": [
        Case("/run", 200, b"ran \n"),
        Case("/run/", 200, b"ran /\n"),
        Case("/letter", 200, b"Dear reader\n"),
        Case("/letter/", 404),
        Case("/two", 404),
        Case("/page", 404),
        Case("/run", 404, settings={"scripts": False}),
        Case("/drapache", 200, b"ran dbpy\n"),
        Case("/mapped/old", 200, b"cgi \n"),
        Case("/mapped/page", 200, b"4"),
    ],
    "nothing, but an ancestor is a script": [
        Case("/run.py/a/b", 200, b"ran /a/b\n"),
        Case("/run.py/a/", 200, b"ran /a/\n"),
        Case("/run/a%20b", 200, b"ran /a b\n"),
        Case("/folder/inner.py/a", 200, b"inner /a\n"),
        Case("/letter.tpl/a", 404),
        Case("/page.html/a", 404),
        Case("/run.py/a", 404, settings={"scripts": False}),
        Case("/pack.py/run.py/a", 200, b"ran in a folder /a\n"),
        Case("/drapache.dbpy/a", 200, b"ran dbpy\n"),
        Case("/edit/a", 200, b"ran edit\n"),
        Case("/edit/a", 404, settings={"scripts": False}),
        Case("/mapped/old.cgi/a", 200, b"cgi /a\n"),
        Case("/mapped/page.html/a", 404),
        Case("/mapped/below/shown.py/a", 404),
    ],
    "nothing": [
        Case("/nothing", 404),
        Case("/nothing/", 404),
        Case("/nothing/at/all", 404),
        Case("/PAGE.html", 404),
        Case("/page.html%20", 404),
        Case("/" + "x" * 300, 404),
        Case("/" + "/".join(["x" * 200] * 30), 404),
        Case("/" + "a/" * 127, 404),
        Case("/" + "a/" * 500, 404),
    ],
    "folder, no slash": [
        Case("/folder", 301, location="folder/"),
        Case("/folder?a=1&b=%2F", 301, location="folder/?a=1&b=%2F"),
        Case("/folder/deeper", 301, location="deeper/"),
        Case("/with%20space", 301, location="with%20space/"),
        Case("/javascript:alert(1)", 301, location="javascript%3Aalert%281%29/"),
        Case("/pack.py", 301, location="pack.py/"),
    ],
    "folder with an index": [
        Case("/", 200, b"home\n"),
        Case("/?x=1", 200, b"home\n"),
        Case("/folder/deeper/", 200, b"text\n"),
        Case("/scripted/", 200, b"index\n"),
    ],
    "folder without one": [Case("/folder/", 200), Case("/pack.py/", 200)],
    "folder without one, listing off": [Case("/folder/", 403, settings={"listing": False})],
    "an extension that `extensions` in the settings name a script dialect or an installed handler for": [
        Case("/mapped/old.cgi", 200, b"cgi \n"),
        Case("/mapped/old.cgi/", 200, b"cgi /\n"),
        Case("/mapped/below/OLD.CGI", 200, b"below\n"),
        Case("/old.cgi", 200, b"print('not run')"),
    ],
    "`.py`, `.dbpy`, or a first line that starts with `#DBPYEXECUTE`": [
        Case("/run.py", 200, b"ran \n"),
        Case("/run.py/", 200, b"ran /\n"),
        Case("/UPPER.PY", 200, b"upper\n"),
        Case("/drapache.dbpy", 200, b"ran dbpy\n"),
        Case("/edit", 200, b"ran edit\n"),
        Case("/edit/", 200, b"ran edit\n"),
        Case("/edit.html", 200, b"ran edit\n"),
        Case("/edit.py", 200, b"ran python\n"),
    ],
    "a file and a closing slash": [Case("/page.html/", 404), Case("/letter.tpl/", 404)],
    "`.tpl`, `.jinja`, `.j2`, Markdown, and what `extensions` name a template dialect for": [
        Case("/mapped/page.html", 200, b"4"),
        Case("/mapped/page.html/", 404),
        Case("/mapped/below/page.html", 200, b"{{ 3 + 3 }}"),
        Case("/letter.tpl", 200, b"Dear reader\n"),
        Case("/sum.jinja", 200, b"4"),
        Case("/note.md", 200),
    ],
    'a script or template, where `scripts = false`, or `extensions` say `"static"`': [
        Case("/mapped/page.html", 200, b"{{ 2 + 2 }}", settings={"scripts": False}),
        Case("/mapped/old.cgi", 200, b"print('cgi', PATH_INFO)", settings={"scripts": False}),
        Case("/mapped/below/shown.py", 200, b"print('shown')"),
        Case("/mapped/below/shown", 404),
        Case("/letter.tpl", 200, b"Dear reader\n", settings={"scripts": False}),
        Case("/sum.jinja", 200, b"{{ 2 + 2 }}", settings={"scripts": False}),
        Case("/UPPER.PY", 200, b"print('upper')", settings={"scripts": False}),
        Case("/drapache.dbpy", 200, b"print('ran dbpy')", settings={"scripts": False}),
        Case("/edit.html", 200, EDIT.encode(), settings={"scripts": False}),
    ],
    "any other file": [
        Case("/page.html", 200, b"a page\n"),
        Case("/p%61ge.html", 200, b"a page\n"),
        Case("/caf%C3%A9%20%26%20co.txt", 200, b"coffee\n"),
        Case("/no-extension", 200, b"plain\n"),
        Case("/folder/page.html?query=1", 200, b"inner\n"),
        Case("/run.pyc", 200, b"not run\n"),
        Case("/semi;colon.txt", 200, b"semi\n"),
    ],
}

RUN = "print('ran', PATH_INFO)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name, content in {
        "index.html": "home\n",
        "page.html": "a page\n",
        "no-extension": "plain\n",
        "café & co.txt": "coffee\n",
        "semi;colon.txt": "semi\n",
        "run.py": RUN,
        "run.pyc": "not run\n",
        "UPPER.PY": "print('upper')",
        "drapache.dbpy": "print('ran dbpy')",
        "shown.dbpy": "#NOEXECUTE\nprint('ran')",
        "edit": EDIT,
        "edit.html": EDIT,
        "edit.py": "#DBPYEXECUTE\nprint('ran python')",
        "letter.tpl": "Dear reader\n",
        "sum.jinja": "{{ 2 + 2 }}",
        "note.md": "# A note",
        "two.py": "print(1)",
        "two.md": "2",
        "folder/page.html": "inner\n",
        "folder/inner.py": "print('inner', PATH_INFO)",
        "folder/deeper/index.txt": "text\n",
        "pack.py/run.py": "print('ran in a folder', PATH_INFO)",
        "scripted/index.py": "print('index')",
        "scripted/index.html": "not this one",
        "with space/x": "",
        "javascript:alert(1)/x": "",
        "moved/page.html": "not this one",
        "moved/_folder.toml": """[redirects]
"old.html" = "new.html"
"page.html" = "new.html"
"deep/er" = "new.html"
"away" = "https://other.example/x?y=1"
"/here" = "/page.html"
""",
        "handled/_folder.toml": "handler = '/folder/inner.py'",
        "handled/page.html": "handled\n",
        "mishandled/_folder.toml": "handler = 'gone.py'",
        "handlers/_folder.toml": "dialect = 'handler'",
        "handlers/hello.py": "import twistedsite\nclass RequestHandler(twistedsite.RequestHandler):\n"
        "    def Content(self): return 'handler\\n'\n",
        "old.cgi": "print('not run')",
        "mapped/_folder.toml": "extensions = { '.cgi' = 'printing', '.html' = 'jinja', '.py' = 'python' }",
        "mapped/old.cgi": "print('cgi', PATH_INFO)",
        "mapped/page.html": "{{ 2 + 2 }}",
        "mapped/below/_folder.toml": "extensions = { '.html' = 'none', '.py' = 'static' }",
        "mapped/below/OLD.CGI": "print('below')",
        "mapped/below/page.html": "{{ 3 + 3 }}",
        "mapped/below/shown.py": "print('shown')",
        ".well-known/security.txt": "mail us\n",
    }.items():
        write(root, name, content)
    for name in (".git/config", ".hidden", "folder/.hidden", "_private/page.html", "folder/_hidden.html"):
        write(root, name, SECRET)
    write(tmp_path, "secret.txt", SECRET)
    for name, target in {
        "out.txt": "../secret.txt",
        "outside": "..",
        "chained.txt": "out.txt",
        "in.html": "page.html",
        "infolder": "folder",
        "loop": "loop",
        "dangling": "nowhere",
        "null": "/dev/null",
    }.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "fifo")
    os.mkfifo(root / "fifo.py")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(root / "socket"))
    return root


CASES = [case for cases in (*SEGMENT_CASES.values(), *PLACE_CASES.values()) for case in cases]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.target[:40]} {case.status} {case.settings or ''}")
@pytest_twisted.ensureDeferred
async def test_a_path_becomes_what_the_table_says(root: Path, case: Case) -> None:
    request = f"GET {case.target} HTTP/1.1\r\nHost: here.example\r\nConnection: close\r\n\r\n"
    async with serving(root, **case.settings) as site:
        head, _, body = (await site.raw(request.encode())).partition(b"\r\n\r\n")
    assert int(head.split(b" ")[1]) == case.status
    assert SECRET not in body
    if case.body is not None:
        assert body == case.body
    locations = [line[10:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"location: ")]
    assert locations == ([case.location] if case.location is not None else [])


def test_every_row_of_the_table_has_its_cases() -> None:
    assert list(SEGMENT_CASES) == [row.there for row in SEGMENT_ROWS]
    assert list(PLACE_CASES) == [row.there for row in PLACE_ROWS]


@pytest_twisted.ensureDeferred
async def test_what_the_origin_knows_to_be_deleted_is_gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twistedsite.origins.interface import Entry, Kind

    found = LocalOrigin._lookup

    def lookup(origin: LocalOrigin, path: tuple[str, ...]) -> Entry | None:
        return found(origin, path) or Entry(path, Kind.DELETED)

    monkeypatch.setattr(LocalOrigin, "_lookup", lookup)
    async with serving(root) as site:
        statuses = [(await site.get(path)).status for path in ("/was-here", "/folder/inner", "/folder/page.html")]
    assert statuses == [410, 200, 200]


@pytest.mark.parametrize("status", [301, 302])
@pytest_twisted.ensureDeferred
async def test_a_redirect_is_made_for_head_and_post_too(root: Path, status: int) -> None:
    path = {301: "/folder?a=1", 302: "/moved/old.html"}[status]
    async with serving(root) as site:
        for method in ("HEAD", "POST"):
            answer = await site.get(path, method=method)
            assert answer.status == status
            assert answer.headers["location"]
            assert (answer.body == b"") == (method == "HEAD")


@pytest_twisted.ensureDeferred
async def test_head_of_a_folder_has_the_fields_of_get_and_no_content(root: Path) -> None:
    async with serving(root) as site:
        for path in ("/", "/folder/"):
            get, head = await site.get(path), await site.get(path, method="HEAD")
            assert (head.status, head.body) == (200, b"")
            for name in ("content-type", "etag", "cache-control"):
                assert head.headers[name] == get.headers[name]


Meddle = Callable[[Path], object]


@pytest.mark.parametrize(
    ("name", "meddle", "status"),
    [
        ("page.html", Path.unlink, 404),
        ("run.py", Path.unlink, 404),
        ("letter.tpl", Path.unlink, 404),
        ("sum.jinja", Path.unlink, 404),
        ("page.html", lambda path: (path.unlink(), path.mkdir()), 404),
        ("run.py", lambda path: (path.unlink(), path.mkdir()), 404),
        ("page.html", lambda path: (path.unlink(), os.mkfifo(path)), 404),
        ("page.html", lambda path: (path.unlink(), path.symlink_to("../secret.txt")), 404),
        ("page.html", lambda path: path.write_text("longer than it was"), 200),
        ("page.html", lambda path: path.write_text(""), 200),
        ("run.py", lambda path: path.write_text("print('new')"), 200),
        ("folder/page.html", lambda path: path.parent.rename(path.parent.with_name("gone")), 404),
        ("folder/inner.py", lambda path: path.parent.rename(path.parent.with_name("gone")), 404),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_file_may_change_between_lookup_and_open(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, meddle: Meddle, status: int
) -> None:
    found = LocalOrigin._lookup
    path = tuple(name.split("/"))

    def lookup(origin: LocalOrigin, asked: tuple[str, ...]) -> Any:
        entry = found(origin, asked)
        if asked == path and entry is not None:
            monkeypatch.setattr(LocalOrigin, "_lookup", found)
            meddle(root / name)
        return entry

    monkeypatch.setattr(LocalOrigin, "_lookup", lookup)
    async with serving(root) as site:
        with logged() as log:
            answer = await site.get(f"/{name}")
    assert answer.status == status
    assert SECRET not in answer.body
    assert "Traceback" not in log()
