"""The command, from its options to its tables, with our own server only."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.process

ARGUMENTS = ["--quick", "--no-install", "--only", "hello/twistedsite"]


@pytest.fixture(autouse=True)
def _own_cores_and_limits_again() -> Iterator[None]:
    usable = os.sched_getaffinity(0)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    os.sched_setaffinity(0, usable)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)


def test_without_wrk_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    assert main(ARGUMENTS) == 1
    assert "apt-get install wrk" in capsys.readouterr().err


def test_an_unknown_case_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--only", "goodbye"])
    assert stopped.value.code == 2
    assert "no such case or rival: goodbye/" in capsys.readouterr().err


if shutil.which("wrk"):

    def test_a_round_of_our_own_server_gives_a_table_and_a_plot(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ARGUMENTS, "--output", str(tmp_path)]) == 0
        assert "## Hello script with a query parameter" in capsys.readouterr().out
        page = (tmp_path / "benchmarks.md").read_text()
        assert "| **twistedsite" in page
        assert "wrong answers" not in page
        assert "](benchmarks.svg)" in page
        assert "twistedsite" in (tmp_path / "benchmarks.svg").read_text()
