from __future__ import annotations

import pytest
from template_site import TemplateSite

from twistedsite.scripts.messages.outcome import ExitKind


def test_markdown_becomes_a_page_with_the_first_headings_title(site: TemplateSite) -> None:
    site.write("notes.md", "Intro\n\n## My *first* `code` & more\n\nText\n")
    page = site.ask("notes.md")
    assert "<title>My first code &amp; more</title>" in page.text
    assert "<p>Intro</p>\n<h2>My <em>first</em> <code>code</code> &amp; more</h2>\n<p>Text</p>" in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("extension", ["md", "mkd", "mkdn", "mdown", "markdown"])
def test_every_extension_of_markdown_is_known(site: TemplateSite, extension: str) -> None:
    site.write(f"a.{extension}", "*hi*")
    assert "<em>hi</em>" in site.ask(f"a.{extension}").text


def test_without_a_heading_the_title_is_the_files_name(site: TemplateSite) -> None:
    site.write("sub/read me.md", "text")
    assert "<title>read me</title>" in site.ask("sub/read me.md").text


def test_tables_strikethrough_and_html_work(site: TemplateSite) -> None:
    site.write("a.md", "| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n<details>x</details>\n")
    page = site.ask("a.md").text
    assert "<td>1</td>" in page
    assert "<s>2</s>" in page
    assert "<details>x</details>" in page


def test_columns_keep_their_alignment_without_inline_styles(site: TemplateSite) -> None:
    site.write("a.md", "| a | b |\n|:-:|--:|\n| 1 | 2 |\n")
    page = site.ask("a.md").text
    assert '<th align="center">a</th>' in page
    assert '<td align="right">2</td>' in page
    assert "style=" not in page


def test_a_heading_with_html_has_a_plain_title(site: TemplateSite) -> None:
    site.write("a.md", "# A <b>bold</b>\n  title")
    assert "<title>A bold</title>" in site.ask("a.md").text


def test_the_sites_own_template_is_the_page(site: TemplateSite) -> None:
    site.write(
        "_templates/markdown.html", "{% extends 'base.html' %}{% block b %}{{ title }}|{{ content }}{% endblock %}"
    )
    site.write("_templates/base.html", "<body>{% block b %}{% endblock %}")
    site.write("blog/a.md", "# One & two")
    page = site.ask("blog/a.md")
    assert page.text == "<body>One &amp; two|<h1>One &amp; two</h1>\n"
    assert "content-security-policy" not in page.headers


def test_a_fault_in_the_sites_own_template_is_told_with_its_line(site: TemplateSite) -> None:
    site.write("_templates/markdown.html", "\n{{ title.nothing.here }}")
    site.write("a.md", "# One")
    assert site.ask("a.md").fault.endswith(" at _templates/markdown.html:2")


def test_a_template_that_the_sites_own_one_lacks_is_a_fault_too(site: TemplateSite) -> None:
    site.write("_templates/markdown.html", "{% extends 'gone.html' %}")
    site.write("a.md", "# One")
    page = site.ask("a.md")
    assert page.fault.startswith("TemplateNotFound: there is no template 'gone.html'")
    assert page.fault.endswith(" at _templates/markdown.html:1")


def test_a_page_that_is_gone_by_now_is_no_failure(site: TemplateSite) -> None:
    page = site.ask("gone.md")
    assert page.outcome is not None
    assert (page.outcome.kind, page.outcome.status) == (ExitKind.GONE, 404)


def test_an_edited_file_is_live_at_once(site: TemplateSite) -> None:
    site.write("a.md", "old")
    assert "<p>old</p>" in site.ask("a.md").text
    site.write("a.md", "new")
    assert "<p>new</p>" in site.ask("a.md").text


def test_a_file_that_is_not_utf8_says_so(site: TemplateSite) -> None:
    site.write("a.md", "Gr\xfc\xdfe".encode("latin-1"))
    assert "not UTF-8" in site.ask("a.md").fault
