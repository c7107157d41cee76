"""`scriptsite init`: a small site to begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_process import ANY_PORT, BIN, SERVE, run, running

from twistedsite.tap.check import check
from twistedsite.tap.init import FolderNotEmptyError, write_sample

pytestmark = pytest.mark.process

SCRIPTSITE = str(BIN / "scriptsite")


def test_the_sample_site_runs(tmp_path: Path) -> None:
    assert run(SCRIPTSITE, "init", "mysite", cwd=tmp_path).returncode == 0
    site = tmp_path / "mysite"
    assert check(str(site)).faults == []
    with running(*SERVE, "--root", str(site), *ANY_PORT) as server:
        assert "It works" in server.get()[1]
        assert "You have seen this page 1 time." in server.get("clock.py")[1]
        assert "Hello, &lt;Ann&gt;" in server.get("greeting.jinja?name=%3CAnn%3E")[1]
        assert server.get("style.css")[0] == 200


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    written = write_sample(str(tmp_path))
    assert sorted(written) == sorted(str(path) for path in tmp_path.iterdir())


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    ended = run(SCRIPTSITE, "init", ".", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "scriptsite: .: is not empty; nothing was written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_no_folder_to_begin_in(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderNotEmptyError, match="is not a folder"):
        write_sample(str(tmp_path / "mine.txt"))


def test_a_place_where_nothing_can_be_written_is_told() -> None:
    ended = run(SCRIPTSITE, "init", "/proc/mysite")
    assert ended.returncode == 1
    assert ended.stderr.startswith("scriptsite: /proc/mysite: ")
