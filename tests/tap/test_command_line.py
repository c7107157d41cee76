"""The options of the server, and what is said of a mistake in them: one line, exit status 1, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_process import BIN, SERVE, TWIST, TWISTD, clean_environment, run

from twistedsite.settings.sources import KNOBS
from twistedsite.tap.options import Options

pytestmark = pytest.mark.process


def parsed(*arguments: str, environ: dict[str, str] | None = None) -> Options:
    options = Options(environ or {})
    options.parseOptions(arguments)
    return options


@pytest.mark.parametrize("command", [TWISTD, TWIST, SERVE], ids=["twistd", "twist", "serve"])
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--root", "/nowhere"], "option --root: /nowhere: there is no such folder"),
        (["--root", "/", "--listen", "carrier-pigeon:1"], "option --listen: expected an endpoint such as tcp:8080"),
        (["--rooot", "/"], "option --rooot not recognized"),
    ],
)
def test_a_mistake_is_told_in_one_line(command: tuple[str, ...], arguments: list[str], problem: str) -> None:
    ended = run(*command, *arguments)
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"scriptsite: {problem}")


def test_a_mistake_in_the_environment_or_the_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("threads = 'many'")
    ended = run(*SERVE, "--settings", "s.toml", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (
        1,
        "scriptsite: s.toml: threads: expected a whole number, got text\n",
    )
    ended = run(*SERVE, "--root", ".", cwd=tmp_path, env=clean_environment(SCRIPTSITE_DEBUG="perhaps"))
    assert (ended.returncode, ended.stderr) == (
        1,
        "scriptsite: environment variable SCRIPTSITE_DEBUG: expected true or false, got text\n",
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["site"], "unexpected 'site'; the folder to serve is given by --root"),
        (["--root", "/", "--threads", "some"], "option --threads: expected a whole number, got text"),
        (["--root", "/", "--timeout", "soon"], "option --timeout: expected a duration such as 25s, 500ms or 2m"),
        (["--root", "/", "--max-body", "big"], "option --max-body: expected a size such as 16M"),
        (["--root", "/", "--log-format", "xml"], "option --log-format: expected text or json, got 'xml'"),
        (["--root", "/", "--symlinks", "all"], "option --symlinks: expected inside or none, got 'all'"),
        (["--root"], "option --root requires argument"),
        ([], "root: no folder given to serve"),
    ],
)
def test_options_that_cannot_be_used_end_the_program(arguments: list[str], problem: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*arguments)
    assert str(caught.value).startswith(f"scriptsite: {problem}")


def test_options_become_settings() -> None:
    settings = parsed(
        *("--root", "/", "--timeout", "1m", "--max-body", "1M", "--sessions", "sqlite:/s.db", "--threads", "3"),
        *("--listen", "tcp:1", "--listen", "tcp:2", "--debug", "--no-listing", "--health", ""),
    ).settings
    assert (settings.root, settings.timeout, settings.max_body, settings.threads) == ("/", 60.0, 2**20, 3)
    assert (settings.listen, settings.debug, settings.listing) == (("tcp:1", "tcp:2"), True, False)
    assert (settings.sessions, settings.health) == ("sqlite:/s.db", "")


def test_an_option_can_switch_off_what_the_environment_switched_on() -> None:
    assert parsed("--root", "/", environ={"SCRIPTSITE_DEBUG": "1"}).settings.debug
    assert not parsed("--root", "/", "--no-debug", environ={"SCRIPTSITE_DEBUG": "1"}).settings.debug


def test_help_explains_every_option_within_80_columns() -> None:
    text = str(Options({}))
    assert text.startswith("Usage: scriptsite serve [options]\n")
    for knob in KNOBS:
        assert f"--{knob.option}" in text
        assert knob.note.text.split(".")[0] in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if not line.startswith("Makes")) <= 80


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (TWISTD, "Usage: twistd -n scriptsite [options]"),
        (TWIST, "Usage: twist scriptsite [options]"),
        (SERVE, "Usage: scriptsite serve [options]"),
    ],
    ids=["twistd", "twist", "serve"],
)
def test_help_and_version_are_told_by_each_program(command: tuple[str, ...], usage: str) -> None:
    shown = run(*command, "--help")
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, usage)
    assert "--root FOLDER" in shown.stdout
    assert run(*command, "--version").stdout.startswith("scriptsite 0.")


def test_the_command_explains_itself() -> None:
    scriptsite = str(BIN / "scriptsite")
    for arguments in [], ["--help"], ["check", "--help"]:
        assert run(scriptsite, *arguments).stdout.startswith("Usage: scriptsite COMMAND")
    assert run(scriptsite, "--version").stdout.startswith("scriptsite 0.")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["fly"], "there is no command 'fly'; see scriptsite --help"),
        (["init"], "init: expected the folder to make; see scriptsite --help"),
        (["check"], "check: expected the files or folders to check; see scriptsite --help"),
    ],
)
def test_a_command_that_is_not_there_is_told(arguments: list[str], problem: str) -> None:
    ended = run(str(BIN / "scriptsite"), *arguments)
    assert (ended.returncode, ended.stderr) == (1, f"scriptsite: {problem}\n")
