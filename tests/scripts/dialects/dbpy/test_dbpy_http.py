"""`dbpy.http` and `dbpy.text`, through a real socket."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import FORM, serving_script, shown
from site_files import write

from twistedsite.testing import serving


@pytest_twisted.ensureDeferred
async def test_get_params_and_post_params_are_dicts_of_lists(tmp_path: Path) -> None:
    script = "http = dbpy.http\nprint(http.get_params, http.post_params)\nprint(http.get_params['list'][1])"
    text = await shown(
        serving, tmp_path, script, "/blog/x.dbpy?foo=bar&list=1&list=2", method="POST", headers=FORM, body=b"foo=baz&b="
    )
    assert text == "{'foo': ['bar'], 'list': ['1', '2']} {'foo': ['baz'], 'b': ['']}\n2"
    assert await shown(serving, tmp_path, "print(dbpy.http.get_params, dbpy.http.post_params)") == "{} {}"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_request_tells_method_host_path_folder_query_headers_and_params(tmp_path: Path) -> None:
    script = (
        "r = dbpy.http.request\n"
        "print(r.method, r.host, r.subdomain, r.path, r.folder, r.query_string, r.get_params, r.post_params)\n"
        "print(r.headers['x-one'], r.headers['X-ONE'], 'x-two' in r.headers)"
    )
    headers = {**FORM, "Host": "ann.example.com:8080", "X-One": "1"}
    text = await shown(
        serving, tmp_path, script, "/blog/x.dbpy/more%20of?a=%20b", method="POST", headers=headers, body=b"c=d"
    )
    assert text == (
        "POST ann.example.com:8080 ann /blog/x.dbpy/more of /blog/ a=%20b {'a': [' b']} {'c': ['d']}\n1 1 False"
    )


SUBDOMAINS = {
    "ann.example.com": "ann",
    "ANN.example.com:81": "ann",
    "a.b.example.com": "a",
    "example.com": "",
    "localhost:8080": "",
    "ann.localhost": "ann",
    "127.0.0.1:8080": "",
    "[::1]:8080": "",
    "[::1]": "",
}


@pytest_twisted.ensureDeferred
async def test_the_subdomain_is_the_first_label_of_a_name_below_a_domain(tmp_path: Path) -> None:
    async with serving_script(serving, tmp_path, "print(dbpy.http.request.subdomain)") as site:
        for host, subdomain in SUBDOMAINS.items():
            assert (await site.get("/blog/x", headers={"Host": host})).text == f"{subdomain}\n", host


@pytest_twisted.ensureDeferred
async def test_get_request_header_gives_a_field_or_none(tmp_path: Path) -> None:
    script = "print(dbpy.http.get_request_header('x-dbpy-TEST'), dbpy.http.get_request_header('X-None'))"
    assert await shown(serving, tmp_path, script, headers={"X-Dbpy-Test": "ok"}) == "ok None"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_set_response_header_sets_a_field_and_adds_cookies(tmp_path: Path) -> None:
    script = (
        "set = dbpy.http.set_response_header\n"
        "set('X-Dbpy-Test', 'no')\nset('x-dbpy-test', 'ok')\nset('Content-Type', 'text/plain')\n"
        "set('Set-Cookie', 'a=1')\nset('Set-Cookie', 'b=2')"
    )
    async with serving_script(serving, tmp_path, script) as site:
        answer = await site.get("/blog/x.dbpy")
    assert answer.headers["x-dbpy-test"] == "ok"
    assert answer.headers["content-type"] == "text/plain"
    assert [value for name, value in answer.fields if name == "set-cookie"] == ["a=1", "b=2"]


@pytest_twisted.ensureDeferred
async def test_any_final_status_of_http_can_be_set(tmp_path: Path) -> None:
    script = "print('x')\ndbpy.http.set_response_status(int(dbpy.http.get_params['s'][0]))"
    async with serving_script(serving, tmp_path, script) as site:
        for status in (200, 201, 255, 299, 404, 451, 500, 555, 599):
            answer = await site.get(f"/blog/x?s={status}")
            assert (answer.status, answer.text) == (status, "x\n")


@pytest_twisted.ensureDeferred
async def test_what_is_no_final_status_is_the_script_s_error(tmp_path: Path) -> None:
    script = (
        "for status in (99, 101, 199, 600, 999, 1000, -200, None, 'OK'):\n"
        "    try:\n        dbpy.http.set_response_status(status)\n"
        "    except ValueError as error:\n        print(error)"
    )
    text = await shown(serving, tmp_path, script)
    assert text.count("not a status that a script can answer: ") == 9


REDIRECTS = [
    ("'.'", 302, "."),
    ("'edit?id=3'", 302, "edit?id=3"),
    ("'/a b/é'", 302, "/a%20b/%C3%A9"),
    ("'https://other.example/', status=301", 301, "https://other.example/"),
    ("'x', True, 307", 307, "x"),
    ("'x\\r\\ny'", 302, "x%0D%0Ay"),
]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_redirect_sends_elsewhere_and_ends_the_script(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        for call, status, location in REDIRECTS:
            write(tmp_path, "x.dbpy", f"print('dropped')\ndbpy.http.redirect({call})\n1 / 0")
            answer = await site.get("/x.dbpy")
            assert (answer.status, answer.headers["location"]) == (status, location)
            assert "dropped" not in answer.text


@pytest_twisted.ensureDeferred
async def test_a_redirect_that_is_not_immediate_lets_the_script_go_on(tmp_path: Path) -> None:
    script = "print('a')\ndbpy.http.redirect('x', immediately=False)\ndbpy.session['n'] = 1\nprint('b')"
    async with serving_script(serving, tmp_path, script) as site:
        answer = await site.get("/blog/x.dbpy")
    assert (answer.status, answer.headers["location"], answer.text) == (302, "x", "a\nb\n")
    assert "sessionId=" in answer.headers["set-cookie"]


@pytest_twisted.ensureDeferred
async def test_a_status_that_does_not_fit_is_the_script_s_error(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        for call in ("redirect('x', status=200)", "redirect('x', status=600)", "error(700, 'x')"):
            write(tmp_path, "x.dbpy", f"dbpy.http.{call}")
            answer = await site.get("/x.dbpy")
            assert (answer.status, "location" in answer.headers) == (500, False)


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_error_answers_with_status_and_message(tmp_path: Path) -> None:
    async with serving_script(
        serving, tmp_path, "print('dropped')\ndbpy.http.error(404, '<b>No post</b>')\n1/0"
    ) as site:
        answer = await site.get("/blog/x.dbpy")
        assert (answer.status, answer.text) == (404, "<b>No post</b>")
        (tmp_path / "blog/x.dbpy").write_text(
            "dbpy.http.error(410, 'gone', immediately=False)\nprint(', says the page')"
        )
        answer = await site.get("/blog/x.dbpy")
        assert (answer.status, answer.text) == (410, "gone, says the page\n")


@pytest_twisted.ensureDeferred
async def test_when_a_part_of_the_page_has_been_sent_it_is_too_late(tmp_path: Path) -> None:
    script = (
        "print('sent', flush=True)\nfor call in (dbpy.http.redirect, dbpy.http.error):\n"
        "    try:\n        call('x') if call == dbpy.http.redirect else call(404, 'x')\n"
        "    except RuntimeError as error:\n        print(error)"
    )
    text = await shown(serving, tmp_path, script)
    assert "too late for dbpy.http.redirect" in text
    assert "too late for dbpy.http.error" in text


@pytest_twisted.ensureDeferred
async def test_a_malformed_form_is_the_visitors_fault(tmp_path: Path) -> None:
    async with serving_script(serving, tmp_path, "print(dbpy.http.post_params)") as site:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert (await site.get("/blog/x.dbpy", method="POST", headers=headers, body=b"x")).status == 400


@pytest_twisted.ensureDeferred
async def test_markdown_to_html_gives_html(tmp_path: Path) -> None:
    script = "print(dbpy.text.markdown_to_html('# Hi *you*\\n\\n<b>raw</b>'))"
    assert await shown(serving, tmp_path, script) == "<h1>Hi <em>you</em></h1>\n<p><b>raw</b></p>\n"


@pytest_twisted.ensureDeferred
async def test_pretty_print_shows_an_object_in_pre(tmp_path: Path) -> None:
    text = await shown(serving, tmp_path, "dbpy.text.pretty_print({'b': ['<i>'], 'a': 1})")
    assert text == "<pre>\n{&#x27;a&#x27;: 1, &#x27;b&#x27;: [&#x27;&lt;i&gt;&#x27;]}\n</pre>"
