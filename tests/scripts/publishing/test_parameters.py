"""What a published function is called with, and what becomes of what it returns: through a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import serving
from twistedsite.testing.site import Response

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


async def asked(root: Path, source: str, query: str = "", **request: Any) -> Response:
    write(root, "_folder.toml", "dialect = 'publisher'")
    write(root, "pub.py", source)
    async with serving(root) as site:
        return await site.get(f"/pub/f{query}", **request)


def function(parameters: str, body: str, head: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{head}\ndef f({parameters}):\n    'Published.'\n{lines}"


FILLED = [
    ("a, b", "?b=2&a=1&c=3", "('1', '2')"),
    ("a, b='x'", "?a=", "('', 'x')"),
    ("a: str", "?a=1&a=2", "('1',)"),
    ("a: int, b: int = 5", "?a=-12", "(-12, 5)"),
    ("a: float", "?a=1.5e2", "(150.0,)"),
    ("a: bool, b: bool, c: bool = False", "?a=on&b=0", "(True, False, False)"),
    ("a: list[str]", "?a=1&a=2", "(['1', '2'],)"),
    ("a: list[int]", "?a=1", "([1],)"),
    ("a: list", "?a=1", "(['1'],)"),
    ("a: list[int] = ()", "", "((),)"),
    ("a: Optional[int], b: int | None = 4", "", "(None, 4)"),
    ("a: Optional[int]", "?a=", "(None,)"),
    ("a: int | None", "?a=3", "(3,)"),
    ("a: Optional[list[int]] = None", "?a=3&a=4", "([3, 4],)"),
    ("a, /, b, *, c", "?a=1&b=2&c=3", "('1', '2', '3')"),
    ("a, *more", "?a=1&more=2", "('1', ())"),
    ("a, **rest", "?a=1&b=2&c=3&c=4", "('1', {'b': '2', 'c': ['3', '4']})"),
    ("größe", "?größe=1", "('1',)"),
]


def numbered(root: Path, head: str, functions: list[str]) -> None:
    """A module that publishes these as f0, f1, …"""
    write(root, "_folder.toml", "dialect = 'publisher'")
    named = [text.replace("def f(", f"def f{number}(", 1) for number, text in enumerate(functions)]
    write(root, "pub.py", "\n".join([head, *named]))


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
@pytest_twisted.ensureDeferred
async def test_parameters_are_filled_by_name(tmp_path: Path, future: str) -> None:
    functions = []
    for parameters, _, _ in FILLED:
        names = [part.split(":")[0].split("=")[0].strip(" *") for part in parameters.split(", ")]
        shown = "".join(f"{name}, " for name in names if name not in ("", "/"))
        functions.append(function(parameters, f"return str(({shown}))"))
    numbered(tmp_path, f"{future}from typing import Optional", functions)
    async with serving(tmp_path) as site:
        for number, (parameters, query, result) in enumerate(FILLED):
            answer = await site.get(f"/pub/f{number}{query}")
            assert (answer.status, answer.text) == (200, result), parameters


WRONG = [
    ("a, b", "?a=1", "The parameter 'b' is missing."),
    ("a: list[str]", "", "The parameter 'a' is missing."),
    ("a: bool", "", "The parameter 'a' is missing."),
    ("a: int", "?a=1x", "The parameter 'a' must be a whole number."),
    ("a: int", "?a=", "The parameter 'a' must be a whole number."),
    ("a: int", "?a=1_000", "The parameter 'a' must be a whole number."),
    ("a: int", "?a=" + "9" * 5000, "The parameter 'a' must be a whole number."),
    ("a: int = 1", "?a=1.0", "The parameter 'a' must be a whole number."),
    ("a: list[int]", "?a=1&a=x", "The parameter 'a' must be a whole number."),
    ("a: float", "?a=nan", "The parameter 'a' must be a number."),
    ("a: float", "?a=1e999", "The parameter 'a' must be a number."),
    ("a: bool", "?a=maybe", "The parameter 'a' must be true or false."),
    ("a: Upload", "?a=text", "The parameter 'a' is missing."),
]


@pytest_twisted.ensureDeferred
async def test_a_missing_or_wrong_parameter_is_a_400_that_names_it(tmp_path: Path) -> None:
    functions = [function(parameters, "return 'never'") for parameters, _, _ in WRONG]
    numbered(tmp_path, "from twistedsite import Upload", functions)
    async with serving(tmp_path) as site:
        for number, (parameters, query, message) in enumerate(WRONG):
            answer = await site.get(f"/pub/f{number}{query}")
            assert (answer.status, message in answer.text) == (400, True), parameters


@pytest_twisted.ensureDeferred
async def test_methods_are_filled_without_self(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'publisher'")
    write(
        tmp_path,
        "pub.py",
        "class Page:\n    'A page.'\n    def show(self, n: int):\n        'Shown.'\n        return str(n + 1)\n"
        "    @classmethod\n    def made(cls, n: int):\n        'Made.'\n        return str(n + 2)\npage = Page()\n",
    )
    async with serving(tmp_path) as site:
        assert (await site.get("/pub/page/show?n=1")).text == "2"
        assert (await site.get("/pub/page/made?n=1")).text == "3"
        assert "'n' is missing" in (await site.get("/pub/page/show?self=1")).text


@pytest_twisted.ensureDeferred
async def test_a_decorated_function_has_the_parameters_of_its_own(tmp_path: Path) -> None:
    head = (
        "import functools\ndef loud(function):\n    @functools.wraps(function)\n    def called(*a, **k):\n"
        "        return function(*a, **k).upper()\n    return called\n@loud"
    )
    answer = await asked(tmp_path, function("word: str", "return word", head), "?word=abc")
    assert answer.text == "ABC"


@pytest_twisted.ensureDeferred
async def test_the_body_of_a_form_fills_parameters_too(tmp_path: Path) -> None:
    source = function("a: int, b: list[int]", "return str((a, b))")
    answer = await asked(tmp_path, source, "?a=1&b=2", method="POST", headers=FORM, body=b"b=3")
    assert answer.text == "(1, [2, 3])"


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize("annotation", ["", ": Upload", ": Upload | None = None"])
@pytest_twisted.ensureDeferred
async def test_an_uploaded_file_is_a_parameter(tmp_path: Path, annotation: str) -> None:
    source = function(
        f"paper{annotation}", "return f'{paper.filename} {paper.value}'", "from twistedsite import Upload"
    )
    part = b'--b\r\nContent-Disposition: form-data; name=paper; filename="a.txt"\r\n\r\nline\r\n--b--\r\n'
    answer = await asked(tmp_path, source, method="POST", headers=MULTIPART, body=part)
    assert answer.text == "a.txt b'line'"


@pytest_twisted.ensureDeferred
async def test_a_file_field_that_was_left_empty_is_missing(tmp_path: Path) -> None:
    source = function("paper: Upload = None", "return str(paper)", "from twistedsite import Upload")
    part = b'--b\r\nContent-Disposition: form-data; name=paper; filename=""\r\n\r\n\r\n--b--\r\n'
    assert (await asked(tmp_path, source, method="POST", headers=MULTIPART, body=part)).text == "None"


@pytest.mark.parametrize("name", ["req", "request", "REQUEST"])
@pytest_twisted.ensureDeferred
async def test_a_parameter_for_the_request_gets_it_whatever_the_form_says(tmp_path: Path, name: str) -> None:
    answer = await asked(tmp_path, function(f"{name}, a='x'", f"return {name}.method + a"), f"?{name}=forged")
    assert answer.text == "GETx"


@pytest_twisted.ensureDeferred
async def test_an_annotation_that_no_form_can_fill_is_the_authors_error(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'publisher'\ndebug = true")
    write(tmp_path, "pub.py", function("a: dict", "return 'never'"))
    async with serving(tmp_path) as site:
        answer = await site.get("/pub/f?a=1")
    assert answer.status == 500
    assert "no form can fill the parameter" in answer.text


@pytest_twisted.ensureDeferred
async def test_a_form_that_is_too_large_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'publisher'")
    write(tmp_path, "pub.py", function("a", "return 'never'"))
    async with serving(tmp_path, forms={"fields": 3}) as site:
        assert (await site.get("/pub/f?a=1&b=2&c=3&d=4")).status == 413


RETURNED = [
    ("return 'Grüße'", 200, "text/html; charset=utf-8", "Grüße".encode()),
    ("return b'\\x89'", 200, "application/octet-stream", b"\x89"),
    ("return bytearray(b'a')", 200, "application/octet-stream", b"a"),
    ("return {'a': [1, None, 'ü']}", 200, "application/json", '{"a":[1,null,"ü"]}'.encode()),
    ("return [1, 2.5]", 200, "application/json", b"[1,2.5]"),
    ("return None", 204, None, b""),
    ("request.content_type = 'text/x-a'\nreturn {'a': 1}", 200, "text/x-a", b'{"a":1}'),
    ("request.write('written ')\nreturn None", 200, "text/html; charset=utf-8", b"written "),
    ("request.write('written ')\nreturn 'and returned'", 200, "text/html; charset=utf-8", b"written and returned"),
    ("request.status = 201\nreturn 'made'", 201, "text/html; charset=utf-8", b"made"),
    ("raise SystemExit", 200, "text/html; charset=utf-8", b""),
]


@pytest_twisted.ensureDeferred
async def test_what_is_returned_is_the_page(tmp_path: Path) -> None:
    numbered(tmp_path, "", [function("request", body) for body, _, _, _ in RETURNED])
    async with serving(tmp_path) as site:
        for number, (body, *expected) in enumerate(RETURNED):
            answer = await site.get(f"/pub/f{number}")
            assert [answer.status, answer.headers.get("content-type"), answer.body] == expected, body


@pytest_twisted.ensureDeferred
async def test_a_redirect_is_made_by_the_request(tmp_path: Path) -> None:
    answer = await asked(tmp_path, function("request", "request.redirect('../other?a=b c')"))
    assert (answer.status, answer.headers["location"], answer.body) == (302, "../other?a=b%20c", b"")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_template_of_the_site_is_rendered(tmp_path: Path) -> None:
    write(tmp_path, "_templates/greeting.jinja", "<p>{{ word }} {{ request.path }} {{ form['n'] }}")
    source = function("n: int", "return Template('greeting.jinja', word='<b>')", "from twistedsite import Template")
    answer = await asked(tmp_path, source, "?n=3")
    assert (answer.text, answer.headers["content-type"]) == ("<p>&lt;b&gt; /pub/f 3", "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "body", ["return Template('none.jinja')", "return object()", "return {'a': object()}", "return 5"]
)
@pytest_twisted.ensureDeferred
async def test_what_no_page_can_be_made_of_is_the_authors_error(tmp_path: Path, body: str) -> None:
    assert (await asked(tmp_path, function("", body, "from twistedsite import Template"))).status == 500


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_coroutine_is_awaited(tmp_path: Path) -> None:
    source = "import asyncio\nasync def f(n: int):\n    'Published.'\n    await asyncio.sleep(0)\n    return str(n)"
    assert (await asked(tmp_path, source, "?n=4")).text == "4"
