"""Which objects of a module are published, and which never: asked for through a real socket."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import ServedSite, serving
from twistedsite.testing.site import Response

MODULE = '''
import json, os
from os.path import join
from helper import shown as borrowed, Shelf as ForeignShelf, shelf as foreign
import helper, seen

def index():
    """The module's own page."""
    return "the index"

def hello():
    """A greeting."""
    return "hello"

def undocumented():
    return seen.ran.append("undocumented")

def blank():
    """   """
    return seen.ran.append("blank")

def _hidden():
    """Hidden."""
    return seen.ran.append("hidden")

text = "abc"
number = 5
table = {"key": hello}
things = [hello]
nothing = None
silent = lambda: seen.ran.append("lambda")
silent.__doc__ = "Not a def, but the module's own."

class Page:
    """A page."""

    def __init__(self, name):
        self.name = name
        self.hello = hello
        self._secret = hello
        self.text = "abc"

    def index(self):
        """Its own page."""
        return f"page {self.name}"

    def show(self):
        """Shown."""
        return f"show {self.name}"

    def undocumented(self):
        return seen.ran.append("method")

    @property
    def active(self):
        """A property."""
        seen.ran.append("property")
        return hello

    @staticmethod
    def fixed():
        """Static."""
        return "static"

    @classmethod
    def made(cls):
        """Class method."""
        return f"class {cls.__name__}"

    def __getattr__(self, name):
        seen.ran.append("getattr " + name)
        return hello

class Book:
    """A book."""

    def __init__(self):
        self.chapter = Page("one")
        self.inner = {"a": 1}

    def __call__(self):
        """Called."""
        return "called"

class Bare:
    """Nothing to show."""

class Mute:
    def show(self):
        """Shown."""
        return seen.ran.append("mute")

class Derived(ForeignShelf):
    """A shelf of ours."""

    def own(self):
        """Ours."""
        return "own"

class Words(str):
    """Words."""

page = Page("top")
book = Book()
bare = Bare()
mute = Mute()
derived = Derived()
words = Words("abc")
'''

HELPER = '''
def shown():
    """Another module's."""
    return seen.ran.append("borrowed")

class Shelf:
    """Another module's."""
    def index(self):
        """Index."""
        return "foreign"

shelf = Shelf()
'''


def build(root: Path) -> None:
    write(root, "_folder.toml", "dialect = 'publisher'")
    write(root, "pub.py", MODULE)
    write(root, "helper.py", "import seen\n" + HELPER)
    write(root, "seen.py", "ran = []")
    write(root, "ran.py", "import seen\ndef index():\n    'What ran.'\n    return str(seen.ran)")


async def ran(site: ServedSite) -> str:
    return (await site.get("/ran")).text


REACHED = [
    ("", "the index"),
    (".py", "the index"),
    ("/", "the index"),
    ("/index", "the index"),
    ("/hello", "hello"),
    ("/hello/", "hello"),
    ("/page", "page top"),
    ("/page/index", "page top"),
    ("/page/show", "show top"),
    ("/page/fixed", "static"),
    ("/page/made", "class Page"),
    ("/page/hello", "hello"),
    ("/book", "called"),
    ("/book/chapter", "page one"),
    ("/book/chapter/show", "show one"),
    ("/derived/own", "own"),
]


@pytest_twisted.ensureDeferred
async def test_the_segments_behind_a_module_lead_to_its_objects(tmp_path: Path) -> None:
    build(tmp_path)
    async with serving(tmp_path) as site:
        for path, text in REACHED:
            answer = await site.get(f"/pub{path}")
            assert (answer.status, answer.text) == (200, text), path


REFUSED = [
    *("undocumented", "blank", "hidden", "_hidden", "text", "text/upper", "number", "number/real", "nothing"),
    *("table", "table/key", "table/get", "things", "things/append", "things/0", "borrowed", "foreign", "ForeignShelf"),
    *("json", "json/dumps", "os", "os/system", "os/getcwd", "join", "helper", "helper/shown", "seen", "seen/ran"),
    *("hello/__globals__", "hello/__call__", "hello/func_globals", "hello/__code__", "hello/index", "hello/hello"),
    *(
        "page/undocumented",
        "page/active",
        "page/__class__",
        "page/__init__",
        "page/__dict__",
        "page/text",
        "page/_secret",
    ),
    *(
        "page/name",
        "page/anything",
        "page/show/__func__",
        "page/show/__self__/show",
        "page/made/__self__",
        "page/show/show",
    ),
    *("book/inner", "book/inner/keys", "book/__call__", "bare", "mute", "mute/show", "derived", "derived/index"),
    *("words", "words/upper", "Page", "Page/show", "Page/made", "Derived/own", "Words/upper", "silent/x"),
    *("print", "exit", "open", "__builtins__", "__name__", "__import__", "__doc__", "__file__", "__loader__/get_data"),
    *("a b", "hello-", "1", "hello.py", "import", "", "h%00", "%20", "hello%20", "ﬁle", "hello\u0300"),
    "/".join(["page"] * 17),
]


@pytest_twisted.ensureDeferred
async def test_everything_else_is_not_found_and_none_of_it_runs(tmp_path: Path) -> None:
    from urllib.parse import quote

    build(tmp_path)
    async with serving(tmp_path) as site:
        for path in REFUSED:
            if path:
                answer = await site.get(f"/pub/{quote(path, safe='/%')}")
                # Segments that begin with an underscore, and broken ones, do not even come as far as the module.
                assert answer.status in ((403,) if "/_" in f"/{path}" else (400,) if "%00" in path else (404,)), path
        assert await ran(site) == "[]"


@pytest_twisted.ensureDeferred
async def test_a_module_is_not_imported_for_a_name_that_it_does_not_define(tmp_path: Path) -> None:
    build(tmp_path)
    write(tmp_path, "loud.py", "import seen\nseen.ran.append('loud')\ndef page():\n    'A page.'\n    return 'a'\n")
    async with serving(tmp_path) as site:
        for path in ("/loud", "/loud/nothing", "/loud/page-", "/loud/print"):
            assert (await site.get(path)).status == 404
        assert await ran(site) == "[]"
        assert (await site.get("/loud/page")).text == "a"
        assert await ran(site) == "['loud']"


@pytest_twisted.ensureDeferred
async def test_index_html_answers_where_there_is_no_index(tmp_path: Path) -> None:
    build(tmp_path)
    write(tmp_path, "old.py", "def index_html():\n    'Old.'\n    return 'old'")
    write(
        tmp_path,
        "both.py",
        "def index_html():\n    'Old.'\n    return 'old'\ndef index():\n    'New.'\n    return 'new'",
    )
    write(tmp_path, "shut.py", "def index():\n    return 'no docstring'")
    async with serving(tmp_path) as site:
        assert (await site.get("/old")).text == "old"
        assert (await site.get("/both")).text == "new"
        assert (await site.get("/shut")).status == 404


@pytest.mark.parametrize("debug", [True, False])
@pytest_twisted.ensureDeferred
async def test_the_reason_is_told_in_debug_only(tmp_path: Path, debug: bool) -> None:
    build(tmp_path)
    async with serving(tmp_path, debug=debug) as site:
        answer: Response = await site.get("/pub/undocumented")
        assert (answer.status, "undocumented has no docstring" in answer.text) == (404, debug)


@pytest_twisted.ensureDeferred
async def test_only_the_setting_publishes_a_module(tmp_path: Path) -> None:
    write(tmp_path, "pub.py", "def hello():\n    'A greeting.'\n    return 'hello'\nprint('printed')")
    async with serving(tmp_path) as site:
        assert (await site.get("/pub/hello")).text == "printed\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_published_module_stays_loaded_and_is_live_when_edited(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'publisher'")
    write(
        tmp_path, "pub.py", "calls = []\ndef index():\n    'Counts.'\n    calls.append(1)\n    return str(len(calls))"
    )
    async with serving(tmp_path) as site:
        assert [(await site.get("/pub")).text for _ in range(3)] == ["1", "2", "3"]
        write(tmp_path, "pub.py", "def index():\n    'New.'\n    return 'new'")
        assert (await site.get("/pub")).text == "new"
        write(tmp_path, "pub.py", "def index(:")
        assert (await site.get("/pub")).status == 500
        write(tmp_path, "pub.py", "def index():\n    'New.'\n    return 'mended'")
        assert (await site.get("/pub")).text == "mended"
