"""`dbpy.templates`: where templates are found, and what they get."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import serving_script, shown
from site_files import logged, write

from twistedsite.testing import serving


@pytest_twisted.ensureDeferred
async def test_render_prints_a_template_with_its_data_escaped(tmp_path: Path) -> None:
    write(tmp_path, "blog/simple.jinja", "<p>{{ word }}</p>{% for x in xs %}{{ x }}{% endfor %}")
    script = "print('a')\ndbpy.templates.render('simple.jinja', with_data={'word': '<ok>', 'xs': [1, 2]})\nprint('b')"
    assert await shown(serving, tmp_path, script) == "a\n<p>&lt;ok&gt;</p>12b"


@pytest_twisted.ensureDeferred
async def test_render_to_string_gives_the_text(tmp_path: Path) -> None:
    write(tmp_path, "blog/simple.jinja", "{{ 1 + 1 }}{{ nothing }}")
    assert await shown(serving, tmp_path, "print(repr(dbpy.templates.render_to_string('simple.jinja')))") == "'2'"


@pytest_twisted.ensureDeferred
async def test_html_from_markdown_is_not_escaped_again(tmp_path: Path) -> None:
    write(tmp_path, "blog/post.jinja", "{{ html }}{{ raw }}")
    script = "dbpy.templates.render('post.jinja', {'html': dbpy.text.markdown_to_html('*x*'), 'raw': '<i>'})"
    assert await shown(serving, tmp_path, script) == "<p><em>x</em></p>\n&lt;i&gt;"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_templates_are_looked_for_in_the_folder_then_its_templates_then_the_sites(tmp_path: Path) -> None:
    for part in ("t.html", "part.html"):
        write(tmp_path, f"_templates/{part}", f"site {part} {{% if true %}}{{% include 'part.html' %}}{{% endif %}}")
    write(tmp_path, "_templates/part.html", "site part")
    async with serving_script(serving, tmp_path, "dbpy.templates.render('t.html')") as site:
        assert (await site.get("/blog/x")).text == "site t.html site part"
        write(tmp_path, "blog/_templates/part.html", "folder's part")
        assert (await site.get("/blog/x")).text == "site t.html folder&#39;s part".replace("&#39;", "'")
        write(tmp_path, "blog/_templates/t.html", "{% extends 'base.html' %}{% block b %}folder{% endblock %}")
        write(tmp_path, "_templates/base.html", "base {% block b %}{% endblock %}")
        assert (await site.get("/blog/x")).text == "base folder"
        write(tmp_path, "blog/t.html", "neighbour {% include 'part.html' %}")
        assert (await site.get("/blog/x")).text == "neighbour folder's part"


@pytest_twisted.ensureDeferred
async def test_a_path_from_the_root_and_one_with_folders_are_found(tmp_path: Path) -> None:
    write(tmp_path, "shared/a.html", "from the root")
    write(tmp_path, "blog/_templates/_post.jinja", "by its folder")
    script = "dbpy.templates.render('/shared/a.html')\ndbpy.templates.render('_templates/_post.jinja')"
    assert await shown(serving, tmp_path, script) == "from the rootby its folder"


@pytest_twisted.ensureDeferred
async def test_a_template_that_is_not_there_is_an_ioerror(tmp_path: Path) -> None:
    write(tmp_path, "secret.txt", "s3cret")
    script = (
        "for path in ('none.html', '../secret.txt', '/../secret.txt', '/none.html', ''):\n"
        "    try:\n        dbpy.templates.render(path)\n    except IOError as error:\n        print('no:', error)"
    )
    text = await shown(serving, tmp_path / "site", script)
    assert text.count("no: ") == 5
    assert "s3cret" not in text


@pytest_twisted.ensureDeferred
async def test_a_fault_in_a_template_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "blog/bad.html", "one\n{{ 1 // 0 }}")
    async with serving_script(serving, tmp_path, "dbpy.templates.render('bad.html')") as site:
        with logged() as log:
            assert (await site.get("/blog/x")).status == 500
    assert 'File "blog/bad.html", line 2' in log()


@pytest_twisted.ensureDeferred
async def test_an_edited_template_is_live_at_once(tmp_path: Path) -> None:
    async with serving_script(serving, tmp_path, "dbpy.templates.render('t.html')") as site:
        for word in ("one", "two", "three"):
            write(tmp_path, "blog/t.html", word)
            assert (await site.get("/blog/x")).text == word
