from __future__ import annotations

import os
from pathlib import Path

import pytest
from template_site import TemplateSite

from twistedsite.scripts.messages.outcome import ExitKind


def test_values_are_escaped(site: TemplateSite) -> None:
    site.write("hello.jinja", "<p>Hello {{ form.name }}</p>")
    page = site.ask("hello.jinja", "name=%3Cscript%3E")
    assert page.text == "<p>Hello &lt;script&gt;</p>"
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_a_template_sees_the_request_the_form_and_the_options(site: TemplateSite) -> None:
    site.write(
        "all.j2",
        "{{ request.method }} {{ request.path }} {{ request.query }} {{ request.host }} {{ request.client }} "
        "{{ request.headers['accept'] }} {{ form.a }} {{ form.getlist('a')|join('+') }} {{ form.none }}"
        "{{ cookies.c }} {{ options.title }} {{ environ.REQUEST_METHOD }}",
    )
    page = site.ask(
        "all.j2",
        "a=1&a=2",
        headers=[("accept", "text/html"), ("cookie", "c=v")],
        options={"title": "T"},
    )
    assert page.text == "GET /all.j2 a=1&amp;a=2 site.example 192.0.2.1 text/html 1 1+2 v T GET"


def test_a_template_sees_the_visitors_session(site: TemplateSite) -> None:
    token = "s" * 43
    site.store.save(token, {"user": "ann"})
    site.write("home.jinja", "{% if session.user %}Hello {{ session.user }}{% else %}Log in{% endif %}")
    assert site.ask("home.jinja", headers=[("cookie", f"sessionId={token}")]).text == "Hello ann"
    assert site.ask("home.jinja").text == "Log in"


def test_a_template_without_session_waits_for_no_session(site: TemplateSite) -> None:
    token = "s" * 43
    site.store.save(token, {"user": "ann"})
    site.write("page.jinja", "hello")
    with site.store.lock(token, 0):
        assert site.ask("page.jinja", headers=[("cookie", f"sessionId={token}")], timeout=0.01).text == "hello"


def test_names_reach_included_and_extended_templates(site: TemplateSite) -> None:
    site.write("_templates/base.html", "<title>{% block title %}{% endblock %}</title>{% include 'nav.html' %}")
    site.write("_templates/nav.html", "<nav>{{ form.user }} {{ local }}</nav>")
    site.write(
        "page.jinja",
        "{% extends 'base.html' %}{% set local = 1 %}{% block title %}{{ form.user }}{% endblock %}",
    )
    assert site.ask("page.jinja", "user=%3Cann").text == "<title>&lt;ann</title><nav>&lt;ann 1</nav>"


def test_imported_macros_work_and_keep_nothing_of_a_visitor(site: TemplateSite) -> None:
    site.write("_templates/fields.html", "{% macro field(name) %}<input name={{ name }}>{{ form }}{% endmacro %}")
    site.write("page.jinja", "{% import 'fields.html' as f %}{{ f.field('a') }}")
    assert site.ask("page.jinja", "user=ann").text == "<input name=a>"
    site.write("with.jinja", "{% import 'fields.html' as f with context %}{{ f.field('a') }}")
    assert site.ask("with.jinja", "user=ann").text == "<input name=a>Form([(&#39;user&#39;, &#39;ann&#39;)])"
    assert site.ask("with.jinja", "user=bob").text == "<input name=a>Form([(&#39;user&#39;, &#39;bob&#39;)])"


def test_templates_are_looked_for_beside_the_page_then_in_the_templates_folders(site: TemplateSite) -> None:
    site.write("blog/page.jinja", "{% include 'part.html' %}")
    site.write("_templates/part.html", "the site's")
    assert site.ask("blog/page.jinja").text == "the site's"
    site.write("blog/_templates/part.html", "the folder's")
    assert site.ask("blog/page.jinja").text == "the folder's"
    site.write("blog/part.html", "the neighbour")
    assert site.ask("blog/page.jinja").text == "the neighbour"
    (site.root / "blog/part.html").unlink()
    (site.root / "blog/_templates/part.html").unlink()
    assert site.ask("blog/page.jinja").text == "the site's"


def test_a_name_with_a_leading_slash_is_meant_from_the_root(site: TemplateSite) -> None:
    site.write("blog/page.jinja", "{% include '/shared/part.html' %}")
    site.write("shared/part.html", "shared")
    assert site.ask("blog/page.jinja").text == "shared"


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "/../secret.txt", "a/../../secret.txt", "SECRET", ".hidden", "link.txt", "fifo", "_templates"],
)
def test_nothing_outside_the_site_can_be_included(site: TemplateSite, name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    site.write(".hidden", "s3cret")
    site.write("_templates/x.html", "")
    (site.root / "link.txt").symlink_to(secret)
    os.mkfifo(site.root / "fifo")
    site.write("page.jinja", "one\n{% include '" + name.replace("SECRET", str(secret)) + "' %}")
    page = site.ask("page.jinja")
    assert "s3cret" not in page.text
    assert page.fault.startswith("TemplateNotFound: ")
    assert page.fault.endswith(" at page.jinja:2")


def test_a_link_that_stays_in_the_site_is_followed(site: TemplateSite) -> None:
    site.write("parts/real.html", "real")
    (site.root / "link.html").symlink_to("parts/real.html")
    site.write("page.jinja", "{% include 'link.html' %}")
    assert site.ask("page.jinja").text == "real"


def test_edits_are_live_at_once_also_in_included_templates(site: TemplateSite) -> None:
    site.write("_templates/base.html", "old {% block b %}{% endblock %}")
    site.write("page.jinja", "{% extends 'base.html' %}{% block b %}old{% endblock %}")
    assert site.ask("page.jinja").text == "old old"
    site.write("_templates/base.html", "new {% block b %}{% endblock %}")
    assert site.ask("page.jinja").text == "new old"
    site.write("page.jinja", "{% extends 'base.html' %}{% block b %}new{% endblock %}")
    assert site.ask("page.jinja").text == "new new"


def test_without_autoreload_a_template_stays_as_it_was_first(site: TemplateSite) -> None:
    site.write("page.jinja", "old")
    assert site.ask("page.jinja", autoreload=False).text == "old"
    site.write("page.jinja", "new")
    assert site.ask("page.jinja", autoreload=False).text == "old"
    assert site.ask("page.jinja").text == "new"


def test_a_syntax_error_is_told_with_its_line(site: TemplateSite) -> None:
    site.write("sub/page.jinja", "one\ntwo\n{% if %}\n")
    page = site.ask("sub/page.jinja")
    assert page.outcome is not None
    assert page.outcome.kind == ExitKind.FAILED
    assert page.fault == "TemplateSyntaxError: Expected an expression, got 'end of statement block' at sub/page.jinja:3"
    assert page.outcome.report is not None
    assert (3, "{% if %}") in page.outcome.report.frames[-1].source


def test_an_error_in_an_included_template_is_told_with_its_line(site: TemplateSite) -> None:
    site.write("page.jinja", "one\n{% set password = 'hunter2' %}\n{% set total = 3 %}\n{% include 'part.html' %}")
    site.write("part.html", "\n\n{{ 1 // 0 }}")
    page = site.ask("page.jinja", "user=s3cret")
    assert page.fault == "ZeroDivisionError: integer division or modulo by zero at part.html:3"
    assert page.outcome is not None
    assert page.outcome.report is not None
    first = page.outcome.report.frames[0]
    assert (first.filename, first.line) == ("page.jinja", 4)
    assert dict(first.locals) == {"total": "3", "password": "(redacted)"}


def test_an_undefined_name_is_told_with_its_line(site: TemplateSite) -> None:
    site.write("page.jinja", "\n{{ nobody.name }}")
    page = site.ask("page.jinja")
    assert page.fault == "UndefinedError: 'nobody' is undefined at page.jinja:2"
    assert page.body == b""


def test_a_page_that_is_gone_by_now_is_no_failure(site: TemplateSite) -> None:
    path = site.write("page.jinja", "here")
    assert site.ask("page.jinja").text == "here"
    path.unlink()
    page = site.ask("page.jinja")
    assert page.outcome is not None
    assert (page.outcome.kind, page.outcome.status) == (ExitKind.GONE, 404)


def test_a_malformed_form_is_the_visitors_fault(site: TemplateSite) -> None:
    site.write("page.jinja", "{{ form.name }}")
    page = site.ask("page.jinja", body=b"x", headers=[("content-type", "multipart/form-data; boundary=b")])
    assert page.outcome is not None
    assert (page.outcome.kind, page.outcome.status) == (ExitKind.REFUSED, 400)


def test_a_template_that_is_not_utf8_says_so(site: TemplateSite) -> None:
    site.write("page.jinja", "Gr\xfc\xdfe".encode("latin-1"))
    assert "not UTF-8" in site.ask("page.jinja").fault


def test_the_servers_own_objects_have_no_name_in_a_template(site: TemplateSite) -> None:
    site.write("page.jinja", "{{ exchange }}{{ settings }}{{ request.root }}{{ request.form_limits }}{{ config }}.")
    assert site.ask("page.jinja").text == "."
