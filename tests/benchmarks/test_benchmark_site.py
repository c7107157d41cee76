"""The site that is measured, and the servers' processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from benchmarks.cases import CASES, TEMPLATE
from benchmarks.process import NotMeasuredError, Server, free_port, get
from benchmarks.rivals import RIVALS
from benchmarks.site import PROGRAMS

PORTION = {case.key: case.portion for case in CASES}


def serve(folder: Path) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return Server([command], port, folder)


def test_the_template_gives_the_page_that_is_wanted() -> None:
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE).render(form={"name": "world"})
    assert PORTION["template"](page.encode()) == 1


@pytest.mark.process
@pytest.mark.parametrize(("program", "case"), [("hello", "hello"), ("page", "page-64k")])
def test_the_cgi_programs_give_the_pages_that_are_wanted(program: str, case: str) -> None:
    command = [sys.executable, "-c", PROGRAMS[program]]
    done = subprocess.run(command, env={"QUERY_STRING": "name=world"}, capture_output=True, check=True)
    assert PORTION[case](done.stdout.partition(b"\n\n")[2]) == 1


def test_a_wrong_page_does_not_fit() -> None:
    assert not PORTION["hello"](b"<p>Hello, you!</p>\n")
    assert not PORTION["listing"](b"<title>Empty</title>")


def test_a_page_of_a_listing_counts_as_the_part_that_it_shows() -> None:
    page = b"".join(b'<a href="entry-%05d.txt">entry-%05d.txt</a>' % (number, number) for number in range(1_000))
    assert PORTION["listing"](page) == 0.1


def test_every_path_belongs_to_a_case() -> None:
    assert {key for rival in RIVALS for key in rival.paths} == set(PORTION)


@pytest.mark.process
def test_a_server_is_waited_for_watched_and_stopped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with serve(tmp_path) as server:
        server.wait_for("/a.txt")
        assert get(server.port, "/a.txt").body == b"a"
        assert server.memory() > 1_000_000
        assert server.cpu() > 0
    with pytest.raises(ConnectionRefusedError):
        get(server.port, "/a.txt")


@pytest.mark.process
def test_a_server_that_ends_at_once_is_not_measured_and_its_last_words_are_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with Server([command], free_port(), tmp_path) as server, pytest.raises(NotMeasuredError, match="no such option"):
        server.wait_for("/")
