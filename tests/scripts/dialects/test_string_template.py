from __future__ import annotations

import html
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_site import TemplateSite

from twistedsite.scripts.messages.outcome import ExitKind


def test_names_are_filled_in_from_the_first_values_of_query_and_form(site: TemplateSite) -> None:
    site.write("hello.tpl", "Hello $name, ${age}years, $$5")
    page = site.ask("hello.tpl", "name=Ann&name=Bob", body=b"age=7")
    assert page.text == "Hello Ann, 7years, $5"
    assert page.head.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("name", ["hello.tpl", "hello.html.tpl"])
def test_values_are_escaped_in_a_page(site: TemplateSite, name: str) -> None:
    site.write(name, "<b title='$name'>$name</b>")
    page = site.ask(name, "name=%3Cscript%3E'%22%26")
    assert page.text == "<b title='&lt;script&gt;&#x27;&quot;&amp;'>&lt;script&gt;&#x27;&quot;&amp;</b>"


def test_plain_text_takes_the_values_as_they_are(site: TemplateSite) -> None:
    site.write("mail.txt.tpl", "Dear $name")
    page = site.ask("mail.txt.tpl", "name=%3CAnn%3E")
    assert page.text == "Dear <Ann>"
    assert page.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_blank_value_is_a_value(site: TemplateSite) -> None:
    site.write("hello.tpl", "[$name]")
    assert site.ask("hello.tpl", "name=").text == "[]"


def test_a_missing_name_is_told_with_its_line(site: TemplateSite) -> None:
    site.write("sub/hello.tpl", "one\r\ntwo $here\r\nthree $ther $gone\n")
    page = site.ask("sub/hello.tpl", "here=1")
    assert page.outcome is not None
    assert page.outcome.kind == ExitKind.FAILED
    assert page.body == b""
    assert page.fault == (
        "TemplateFault: nothing was sent for $ther: neither the query string nor the form has this name"
        " at sub/hello.tpl:3"
    )
    assert page.outcome.report is not None
    assert page.outcome.report.frames[-1].source[2] == (3, "three $ther $gone")


def test_a_dollar_that_begins_no_name_is_told_with_its_line(site: TemplateSite) -> None:
    site.write("price.tpl", "\ncosts $5")
    assert site.ask("price.tpl").fault == (
        "TemplateFault: a $ that begins no name: write $$ for a dollar sign at price.tpl:2"
    )


def test_a_template_that_is_not_utf8_says_so(site: TemplateSite) -> None:
    site.write("old.tpl", "Gr\xfc\xdfe".encode("latin-1"))
    assert "the file is not UTF-8" in site.ask("old.tpl").fault


def test_a_page_that_is_gone_by_now_is_no_failure(site: TemplateSite) -> None:
    page = site.ask("gone.tpl")
    assert page.outcome is not None
    assert (page.outcome.kind, page.outcome.status) == (ExitKind.GONE, 404)


def test_an_edited_template_is_live_at_once(site: TemplateSite) -> None:
    site.write("page.tpl", "old")
    assert site.ask("page.tpl").text == "old"
    site.write("page.tpl", "new")
    assert site.ask("page.tpl").text == "new"


def test_a_malformed_form_is_the_visitors_fault(site: TemplateSite) -> None:
    site.write("page.tpl", "$name")
    page = site.ask("page.tpl", body=b"x", headers=[("content-type", "multipart/form-data; boundary=b")])
    assert page.outcome is not None
    assert (page.outcome.kind, page.outcome.status) == (ExitKind.REFUSED, 400)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(alphabet="abc$<>&{}\n", max_size=30))
def test_what_is_sent_is_never_taken_for_template_text(site: TemplateSite, value: str) -> None:
    site.write("page.tpl", "$value")
    page = site.ask("page.tpl", f"value={quote(value)}")
    assert page.text == html.escape(value)
