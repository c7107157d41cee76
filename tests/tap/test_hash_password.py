"""`scriptsite hash-password`: asks for a password, shows and keeps none, and writes a line that the server takes."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from server_process import BIN, PATIENCE, clean_environment, run

from twistedsite.resources.auth.users import PasswordFile

pytestmark = pytest.mark.process

COMMAND = (str(BIN / "scriptsite"), "hash-password")


def piped(user: str, typed: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, user], input=typed, capture_output=True, timeout=PATIENCE, check=False, env=clean_environment()
    )


@pytest.mark.parametrize("typed", [b"sesame\n", b"sesame", b"sesame\r\n", b"sesame\nnext line\n"])
def test_a_password_from_a_pipe_becomes_a_line(typed: bytes) -> None:
    done = piped("ann", typed)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"ann:$scrypt$ln=14,r=8,p=5$")
    assert done.stdout.count(b"\n") == 1
    assert b"sesame" not in done.stdout
    users = PasswordFile.parse(done.stdout)
    assert users.verify("ann", "sesame")
    assert not users.verify("ann", "sesame\r")


@pytest.mark.parametrize(
    ("user", "typed", "problem"),
    [
        ("ann", b"", "expected 1 to 1024 characters"),
        ("ann", b"\n", "expected 1 to 1024 characters"),
        ("ann", b"a\x01b\n", "none of them a control character"),
        ("ann", b"a" * 1025, "expected 1 to 1024 characters"),
        ("ann", b"hidden\xff\n", "expected UTF-8"),
        ("a:n", b"hidden\n", "the name of a user is text without"),
    ],
)
def test_what_cannot_be_used_is_said_without_showing_it(user: str, typed: bytes, problem: str) -> None:
    done = piped(user, typed)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith("scriptsite: hash-password: ")
    assert problem in done.stderr.decode()
    assert b"hidden" not in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("again", "status"), [(b"sesame", 0), (b"other", 1)])
def test_on_a_terminal_it_is_asked_for_twice_and_not_shown(again: bytes, status: int, tmp_path: Path) -> None:
    process, terminal = pty.fork()
    if process == 0:
        output = os.open(tmp_path / "line", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.execve(COMMAND[0], [*COMMAND, "ann"], clean_environment())
    shown = b""
    for asked, typed in ((b"Password for ann: ", b"sesame"), (b"Once more: ", again)):
        while asked not in shown:
            shown += os.read(terminal, 1024)
        os.write(terminal, typed + b"\n")
    try:
        while piece := os.read(terminal, 1024):
            shown += piece
    except OSError:
        # The other side is closed.
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == status
    os.close(terminal)
    assert b"sesame" not in shown
    line = (tmp_path / "line").read_bytes()
    assert PasswordFile.parse(line).verify("ann", "sesame") == (status == 0)
    assert (b"not the same" in shown) == (status == 1)


@pytest.mark.parametrize("arguments", [(), ("ann", "sesame"), ("--password",), ("ann", "--password", "sesame")])
def test_a_password_is_never_taken_from_the_command_line(arguments: tuple[str, ...]) -> None:
    done = run(*COMMAND, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected the name of a user, and nothing else: the password is asked for" in done.stderr


def test_the_help_names_it() -> None:
    assert "hash-password USER" in run(*COMMAND, "--help").stdout
