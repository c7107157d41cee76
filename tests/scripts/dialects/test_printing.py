"""The names that a `.py` script finds, as ScriptServer gave them, through a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import serving

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
UPLOAD = (
    b"--b\r\nContent-Disposition: form-data; name=word\r\n\r\nhi\r\n"
    b"--b\r\nContent-Disposition: form-data; name=paper; filename=a.txt\r\nContent-Type: text/x-a\r\n\r\n"
    b"line\r\n--b--\r\n"
)


async def shown(root: Path, script: str, path: str = "/x.py", **request: Any) -> str:
    """What the page of `script` shows, without its last line break."""
    write(root, "x.py", script)
    async with serving(root) as site:
        answer = await site.get(path, **request)
    assert answer.status == 200, answer.text
    return answer.text.removesuffix("\n")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_what_is_printed_is_the_page_and_html_by_default(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "print('<p>Grüße')")
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py")
        raw = await site.raw(b"GET /x.py HTTP/1.0\r\n\r\n")
    assert (answer.status, answer.text) == (200, "<p>Grüße\n")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert b"\r\nContent-Length: 11\r\n" in raw


@pytest.mark.parametrize(
    ("query", "lists"),
    [
        ("a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("blank=&none", {"blank": [""], "none": [""]}),
        ("a=x+y%20z&%C3%A9=%E2%82%AC", {"a": ["x y z"], "é": ["€"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
        ("a=%ff", {"a": ["\ufffd"]}),
        ("", {}),
    ],
)
@pytest_twisted.ensureDeferred
async def test_request_is_a_dict_of_lists_from_the_query(tmp_path: Path, query: str, lists: object) -> None:
    assert await shown(tmp_path, "print(ascii(request))", f"/x.py?{query}") == ascii(lists)


@pytest_twisted.ensureDeferred
async def test_request_holds_the_fields_of_query_and_body(tmp_path: Path) -> None:
    text = await shown(tmp_path, "print(request)", "/x.py?a=1", method="POST", headers=FORM, body=b"a=2&b=")
    assert text == "{'a': ['1', '2'], 'b': ['']}"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_request_holds_the_fields_of_a_multipart_form(tmp_path: Path) -> None:
    assert await shown(tmp_path, "print(request)", method="POST", headers=MULTIPART, body=UPLOAD) == "{'word': ['hi']}"


@pytest_twisted.ensureDeferred
async def test_form_gives_first_values_and_lists(tmp_path: Path) -> None:
    script = "print(form['a'], form.get('c'), form.getlist('a'), list(form), 'b' in form)"
    assert await shown(tmp_path, script, "/x.py?a=1&b=&a=2") == "1 None ['1', '2'] ['a', 'b'] True"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_files_have_name_type_size_and_a_file(tmp_path: Path) -> None:
    script = "f = files['paper']\nprint(f.filename, f.content_type, f.size, f.file.read(), list(files))"
    text = await shown(tmp_path, script, method="POST", headers=MULTIPART, body=UPLOAD)
    assert text == "a.txt text/x-a 4 b'line' ['paper']"


@pytest_twisted.ensureDeferred
async def test_headers_are_found_in_any_letter_case(tmp_path: Path) -> None:
    script = "print(headers['x-one'], headers['X-ONE'], headers.get('X-Two'), 'x-OnE' in headers, 3 in headers)"
    assert await shown(tmp_path, script, headers={"X-One": "1"}) == "1 1 None True False"


@pytest_twisted.ensureDeferred
async def test_several_headers_of_one_name_are_joined(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "print(headers['x-a'], '|', headers['cookie'], '|', HTTP_X_A, '|', HTTP_COOKIE, cookies)")
    async with serving(tmp_path) as site:
        answer = await site.raw(
            b"GET /x.py HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n"
            b"Cookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n"
        )
    assert answer.endswith(b"1, 2 | a=1; b=2 | 1, 2 | a=1; b=2 {'a': '1', 'b': '2'}\n")


@pytest_twisted.ensureDeferred
async def test_resp_headers_set_fields_of_the_answer(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "resp_headers['content-TYPE'] = 'text/plain'\nresp_headers['X-N'] = 5\nresp_headers['X-Gone'] = 1\n"
        "del resp_headers['x-gone']\nprint(resp_headers['Content-Type'], 'x-n' in resp_headers, len(resp_headers))",
    )
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-n"] == "5"
    assert "x-gone" not in answer.headers
    assert answer.text == "text/plain True 2\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_field_may_be_sent_several_times(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "resp_headers['Set-Cookie'] = ['a=1', 'b=2; Path=/']\nresp_headers.add('set-cookie', 'c=3')\nSession().n = 1",
    )
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py")
    cookies = [value for name, value in answer.fields if name == "set-cookie"]
    assert cookies[:3] == ["a=1", "b=2; Path=/", "c=3"]
    assert cookies[3].startswith("sessionId=")


@pytest.mark.parametrize(
    "line",
    [
        "resp_headers['X'] = 'a\\r\\nSet-Cookie: b=1'",
        "resp_headers['X: y'] = 'a'",
        "resp_headers['X\\n'] = 'a'",
        "resp_headers['Status'] = '99'",
        "resp_headers['Status'] = '600'",
        "resp_headers['Status'] = 'OK'",
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_field_that_cannot_be_sent_is_the_script_s_error(tmp_path: Path, line: str) -> None:
    write(tmp_path, "x.py", f"print('page')\n{line}")
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py")
    assert answer.status == 500
    assert "set-cookie" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_fields_of_the_connection_are_not_the_script_s_to_set(tmp_path: Path) -> None:
    fields = ("Content-Length: 3", "Transfer-Encoding: chunked", "Connection: upgrade", "Date: never", "Trailer: x")
    lines = [f"resp_headers[{name!r}] = {value!r}" for name, value in (field.split(": ") for field in fields)]
    write(tmp_path, "x.py", "\n".join([*lines, "print('a whole page')"]))
    async with serving(tmp_path) as site:
        answer = await site.raw(b"GET /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"\r\n\r\na whole page\n")
    assert b"\r\nContent-Length: 13\r\n" in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert not any(word in answer for word in (b"chunked", b"upgrade", b"never", b"Trailer"))


@pytest.mark.parametrize(
    ("value", "status"), [("404", 404), ("'418 I am a teapot'", 418), ("599", 599), ("204", 204), ("304", 304)]
)
@pytest_twisted.ensureDeferred
async def test_the_field_status_sets_the_status(tmp_path: Path, value: str, status: int) -> None:
    write(tmp_path, "x.py", f"resp_headers['Status'] = {value}\nprint('page')")
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py")
    assert answer.status == status
    assert answer.text == ("" if status in (204, 304) else "page\n")
    assert "status" not in answer.headers


SESSION = """
s = Session()
what = form.get('do')
if what == 'set': s.user = form['v']
if what == 'del': del Session().user
print(hasattr(Session(), 'user') and Session().user, Session() is s)
"""


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_session_keeps_attributes_of_one_visitor(tmp_path: Path) -> None:
    write(tmp_path, "x.py", SESSION)
    ann: dict[str, str] = {}
    bob: dict[str, str] = {}
    async with serving(tmp_path) as site:

        async def visit(jar: dict[str, str], query: str = "") -> str:
            return (await site.get(f"/x.py?{query}", jar=jar)).text.strip()

        assert await visit(ann) == "False True"
        assert ann == {}
        assert await visit(ann, "do=set&v=Ann") == "Ann True"
        assert list(ann) == ["sessionId"]
        assert await visit(ann) == "Ann True"
        assert await visit(bob) == "False True"
        assert await visit(bob, "do=set&v=Bob") == "Bob True"
        assert await visit(ann) == "Ann True"
        assert await visit(ann, "do=del") == "False True"
        assert await visit(ann) == "False True"
        assert await visit({"sessionId": "forged"}) == "False True"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_failing_script_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "Session().n = getattr(Session(), 'n', 0) + 1\nprint(Session().n)\nif form: 1 / 0")
    jar: dict[str, str] = {}
    async with serving(tmp_path) as site:
        texts = [(await site.get(path, jar=jar)).text.strip() for path in ("/x.py", "/x.py?f=1", "/x.py")]
    assert (texts[0], texts[2]) == ("1", "2")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_renew_session_changes_the_id_and_keeps_the_data(tmp_path: Path) -> None:
    write(
        tmp_path, "x.py", "Session().n = getattr(Session(), 'n', 0) + 1\nif form: renew_session()\nprint(Session().n)"
    )
    jar: dict[str, str] = {}
    async with serving(tmp_path) as site:
        await site.get("/x.py", jar=jar)
        old = dict(jar)
        assert (await site.get("/x.py?renew=1", jar=jar)).text == "2\n"
        assert jar != old
        assert (await site.get("/x.py", jar=jar)).text == "3\n"
        assert (await site.get("/x.py", jar=old)).text == "1\n"


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("login.html", "login.html"),
        ("/top.html", "/top.html"),
        ("?a=1&b=2", "?a=1&b=2"),
        ("https://other.example/a?b=c#d", "https://other.example/a?b=c#d"),
        ("späße.html", "sp%C3%A4%C3%9Fe.html"),
        ("a b", "a%20b"),
        ("a\r\nSet-Cookie: x=1", "a%0D%0ASet-Cookie:%20x=1"),
        ("a%20b", "a%20b"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_http_redirection_redirects(tmp_path: Path, url: str, location: str) -> None:
    write(tmp_path, "x.py", f"print('not shown')\nSession().user = 'ann'\nraise HTTP_REDIRECTION({url!r})")
    jar: dict[str, str] = {}
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py", jar=jar)
    assert (answer.status, answer.headers["location"]) == (302, location)
    assert "not shown" not in answer.text
    assert list(jar) == ["sessionId"]


@pytest_twisted.ensureDeferred
async def test_http_redirection_after_a_flush_is_too_late(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "print('shown', flush=True)\nraise HTTP_REDIRECTION('x')")
    async with serving(tmp_path) as site:
        answer = await site.raw(b"GET /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert b"shown" in answer
    assert b"ocation" not in answer
    assert not answer.endswith(b"0\r\n\r\n")


VARIABLES = """
for name in sorted(environ):
    print(name, '=', environ[name], sep='')
print(REQUEST_METHOD, QUERY_STRING, PATH_INFO)
"""


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_cgi_variables_describe_the_request(tmp_path: Path) -> None:
    write(tmp_path, "a b/x.py", VARIABLES)
    async with serving(tmp_path) as site:
        answer = await site.get(
            "/a%20b/x.py/more/p%C3%A4th?q=1&r=%20",
            method="POST",
            body=b"12345",
            headers={
                "Content-Type": "text/x-y",
                "X-Thing": "t",
                "X_Thing": "u",
                "Authorization": "Basic c2VjcmV0",
                "Proxy": "http://evil.example",
                "Host": "name.example:81",
            },
        )
    *lines, last = answer.text.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found.pop("REMOTE_PORT").isdigit()
    assert found == {
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/x-y",
        "DOCUMENT_ROOT": str(tmp_path),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_ACCEPT_ENCODING": "gzip",
        "HTTP_CONNECTION": "close",
        "HTTP_HOST": "name.example:81",
        "HTTP_X_THING": "t",
        "PATH_INFO": "/more/päth",
        "PATH_TRANSLATED": str(tmp_path) + "/more/päth",
        "QUERY_STRING": "q=1&r=%20",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "POST",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": "/a%20b/x.py/more/p%C3%A4th?q=1&r=%20",
        "SCRIPT_FILENAME": str(tmp_path / "a b/x.py"),
        "SCRIPT_NAME": "/a b/x.py",
        "SERVER_NAME": "name.example",
        "SERVER_PORT": str(site.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "twistedsite",
    }
    assert last == "POST q=1&r=%20 /more/päth"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_body_is_the_bytes_that_came_whether_or_not_a_form_was_read(tmp_path: Path) -> None:
    data = b"a=1&b=\xff"
    assert await shown(tmp_path, "print(body)", method="POST", body=data) == repr(data)
    assert await shown(tmp_path, "form\nprint(body)", method="PUT", headers=FORM, body=data) == repr(data)
    assert await shown(tmp_path, "print(body)") == "b''"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest_twisted.ensureDeferred
async def test_a_script_answers_every_usual_method(tmp_path: Path, method: str) -> None:
    assert await shown(tmp_path, "print(REQUEST_METHOD)", method=method) == method


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_head_runs_the_script_and_sends_no_content(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "print(REQUEST_METHOD)\nif form: print(end='', flush=True)")
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py", method="HEAD")
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")
        assert (await site.get("/x.py?flush=1", method="HEAD")).body == b""


@pytest_twisted.ensureDeferred
async def test_an_unknown_method_is_none_of_the_script_s(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "print(1)")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py", method="PROPFIND")).status == 501
        assert (await site.get("/x.py", method="TRACE")).status == 405


@pytest_twisted.ensureDeferred
async def test_the_names_are_there_for_who_looks_them_up_by_reflection(tmp_path: Path) -> None:
    script = "print(sorted(n for n in globals() if n in ('form', 'Session', 'PATH_INFO')), eval('REQUEST_METHOD'))"
    assert await shown(tmp_path, script) == "['PATH_INFO', 'Session', 'form'] GET"


@pytest_twisted.ensureDeferred
async def test_a_name_of_the_script_s_own_wins(tmp_path: Path) -> None:
    assert await shown(tmp_path, "form = 1\ndef f():\n    return form, __name__\nprint(f())") == "(1, '__main__')"


@pytest_twisted.ensureDeferred
async def test_a_query_with_too_many_fields_is_refused_only_where_the_script_looks(tmp_path: Path) -> None:
    write(tmp_path, "looks.py", "print(form)")
    write(tmp_path, "not.py", "print('fine')")
    async with serving(tmp_path, forms={"fields": 2}) as site:
        assert (await site.get("/looks.py?a&b&c")).status == 413
        assert (await site.get("/not.py?a&b&c")).text == "fine\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_every_run_begins_with_fresh_globals(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "n = globals().get('n', 0) + 1\nprint(n)")
    async with serving(tmp_path) as site:
        assert [(await site.get("/x.py")).text for _ in range(3)] == ["1\n"] * 3
