"""Tests the sandbox on this machine: a child enters it and attempts what must fail.

Run it in a helper process with one thread, `python -m twistedsite.scripts.sandbox`, never in the server.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from typing import Final

import msgspec

from twistedsite.scripts.sandbox.enter import enter
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy, SandboxReport, system_paths


def probe(uid: int | None = None, gid: int | None = None) -> SandboxReport:
    """Fork a child that enters the sandbox, as the user `uid` if given, and return its report.

    Raises ChildProcessError where the child fails. Call it only in a process with one thread.
    """
    folder = tempfile.mkdtemp(prefix="sandbox-probe-")
    try:
        policy = SandboxPolicy(root=folder, readable=system_paths(), uid=uid, gid=gid)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _report(policy, writer)
        os.close(writer)
        with open(reader, "rb") as answer:
            text = answer.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        shutil.rmtree(folder)
    if status != 0:
        raise ChildProcessError(f"the child that tried the sandbox ended with {status}")
    return msgspec.json.decode(text, type=SandboxReport)


def _report(policy: SandboxPolicy, writer: int) -> None:
    """Runs in the child, and never returns."""
    status = 1
    try:
        report = enter(policy, os.getppid())
        os.write(writer, msgspec.json.encode(SandboxReport(report.layers + tuple(map(_attempt, _ATTEMPTS)))))
        status = 0
    finally:
        os._exit(status)


def _list_root() -> None:
    os.listdir("/")


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _import() -> None:
    with open(os.__file__, "rb"):
        pass


_ATTEMPTS: Final[tuple[tuple[str, Callable[[], None], int], ...]] = (
    ("seen: files outside are closed", _list_root, errno.EACCES),
    ("seen: sockets are refused", _open_socket, errno.EPERM),
    ("seen: the standard library can be read", _import, 0),
)
"""Name, attempt, and the errno with which it must fail; 0: it must succeed."""


def _attempt(attempt: tuple[str, Callable[[], None], int]) -> Layer:
    name, act, expected = attempt
    number = 0
    try:
        act()
    except OSError as error:
        number = error.errno or 0
    outcome = errno.errorcode.get(number, "it succeeds")
    return Layer(name, number == expected, "tried" if number == expected else outcome)
