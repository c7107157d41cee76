"""What is rehearsed of the sandbox binds nobody: the process can do afterwards all that it could before."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

STATE = """
import ctypes, os, resource, signal, threading
from twistedsite.scripts.sandbox.enter import enter, rehearse
from twistedsite.scripts.sandbox.policy import SandboxPolicy, system_paths

def state():
    limits = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]
    privileges = [ctypes.CDLL(None).prctl(option, 0, 0, 0, 0) for option in (3, 21, 39)]
    user = os.getresuid(), os.getresgid(), os.getgroups(), os.getsid(0)
    with open("/proc/self/status") as status:
        capabilities = [line for line in status if line.startswith(("Cap", "Seccomp"))]
    return limits, privileges, user, capabilities, os.listdir("/proc/self/fd"), os.listdir("/")

policy = SandboxPolicy("/usr", system_paths(), "/tmp", uid=65534, memory=1 << 28, exec=True)
before = state()
"""


def told_by(source: str) -> str:
    command = [sys.executable, "-c", STATE + source]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_rehearsal_changes_nothing() -> None:
    assert told_by("rehearse(policy); print(state() == before)") == "True\n"


def test_a_process_that_has_rehearsed_can_enter() -> None:
    source = """
rehearse(policy)
policy = SandboxPolicy("/usr", system_paths())
print(enter(policy).sufficient)
try:
    os.listdir("/")
except PermissionError:
    print("stopped")
"""
    assert told_by(source) == "True\nstopped\n"


def test_a_process_with_several_threads_can_rehearse() -> None:
    source = """
release = threading.Event()
thread = threading.Thread(target=release.wait)
thread.start()
rehearse(policy)
release.set()
thread.join()
print("rehearsed")
"""
    assert told_by(source) == "rehearsed\n"
