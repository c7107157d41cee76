"""One attempt, made in processes that have given up all, or all but some of, what the sandbox has them give up.

Run by the tests as a program, since it forks: `python cell.py MODULE ATTEMPT`. Prints the outcomes as JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from twistedsite.scripts.sandbox.enter import STEPS, enter
from twistedsite.scripts.sandbox.policy import SandboxPolicy, system_paths

SUCCESS: Final = "success"
SECRET: Final = "the neighbour's secret"


class Case(NamedTuple):
    """What is around an attempt."""

    root: Path
    """The site: readable, with `page.py` in it."""
    temporary: Path
    """Writable."""
    outside: Path
    """A neighbour's folder with `secret` in it."""
    victim: int
    """The process id of a neighbour of the same user, with no more rights."""


def memory(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """A copy of `data` that the kernel may write to."""
    return ctypes.create_string_buffer(data, len(data))


Act = Callable[[Case], Iterator[None]]
"""What is before its `yield` is done before the sandbox is entered."""


class Attempt(NamedTuple):
    """Something that a script may try, and what must become of it."""

    act: Act
    stopped_by: dict[str, str]
    """Each step of the sandbox that stops it, were it the only one, and how: the errno, exception or signal."""
    policy: dict[str, object]
    """Fields of the policy that are not the test's own."""
    root: bool
    """Only root could do it."""
    apart_from: str = ""
    """A step to leave out always."""
    after: Callable[[Case], object] = lambda case: None
    """Takes away what it may leave in the kernel; called outside of the sandbox, however it has ended."""


def run(case: Case, attempt: Attempt, without: frozenset[str]) -> str:
    """Make the attempt in a child that has left out some steps, and return how that ended."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, _attempted(case, attempt, without | {attempt.apart_from}).encode())
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as outcome:
        text = outcome.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return signal.Signals(-status).name if status < 0 else text or SUCCESS


def _attempted(case: Case, attempt: Attempt, without: frozenset[str]) -> str:
    fields = {"root": case.root, "temporary": case.temporary, "readable": system_paths(), **attempt.policy}
    policy = msgspec.convert(msgspec.to_builtins(fields, enc_hook=str), SandboxPolicy)
    if policy.uid is not None:
        os.chown(case.temporary, policy.uid, policy.uid)
    acting = attempt.act(case)
    next(acting)
    enter(policy, os.getppid(), [step for step in STEPS if step.name not in without])
    try:
        next(acting, None)
    except OSError as error:
        return errno.errorcode[error.errno] if error.errno else type(error).__name__
    except Exception as error:
        return type(error).__name__
    return SUCCESS


def outcomes(attempt: Attempt) -> dict[str, str]:
    """How the attempt ends in the whole sandbox, with each step alone of those that stop it, and with none of them."""
    stoppers = frozenset(attempt.stopped_by)
    found: dict[str, str] = {}
    variants = {"all": frozenset[str](), "none": stoppers}
    if len(stoppers) > 1:
        variants |= {name: stoppers - {name} for name in stoppers}
    for name, without in variants.items():
        with neighbourhood() as case:
            try:
                found[name] = run(case, attempt, without)
            finally:
                attempt.after(case)
    return found


@contextlib.contextmanager
def neighbourhood() -> Iterator[Case]:
    """Folders and a neighbour, for one attempt."""
    folder = Path(tempfile.mkdtemp(prefix="cell-"))
    ready, tell = os.pipe()
    victim = os.fork()
    if victim == 0:
        enter(SandboxPolicy(root="/"), os.getppid(), [step for step in STEPS if step.name == "own user"])
        os.write(tell, b"!")
        signal.pause()
    try:
        os.read(ready, 1)
        os.close(ready)
        os.close(tell)
        folder.chmod(0o755)
        case = Case(folder / "site", folder / "tmp", folder / "neighbour", victim)
        for path in (case.root, case.temporary, case.outside):
            path.mkdir()
        (case.root / "page.py").write_text("print('hello')")
        (case.outside / "secret").write_text(SECRET)
        yield case
    finally:
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        shutil.rmtree(folder)


if __name__ == "__main__":
    signal.alarm(60)
    found = outcomes(importlib.import_module(sys.argv[1]).ATTEMPTS[sys.argv[2]])
    sys.stdout.write(json.dumps(found))
