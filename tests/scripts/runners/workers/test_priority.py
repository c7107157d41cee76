"""The server's thread takes short slices at the processor; what it starts does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

PROGRAM = """
import os, struct, subprocess, sys
from twistedsite.scripts.runners.workers.scheduling.priority import take_short_slices
from twistedsite.scripts.sandbox.kernel import MACHINE, syscall
import ctypes

def slice(pid=0):
    attributes = ctypes.create_string_buffer(48)
    syscall({"x86_64": 315, "aarch64": 275}[MACHINE], pid, attributes, 48, 0)
    return struct.unpack("=IIQiIQQQ", attributes.raw)[5]

before, nice = slice(), os.getpriority(os.PRIO_PROCESS, 0)
take_short_slices()
child = os.fork()
if child == 0:
    os._exit(0 if slice() == before else 1)
print(before, slice(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), os.getpriority(os.PRIO_PROCESS, 0) - nice)
"""


def test_the_thread_that_asks_has_short_slices_and_its_children_the_usual_ones() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after, child, nicer = map(int, ended.stdout.split())
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    assert after == (100_000 if release >= (6, 12) else before)
    assert child == 0
    assert nicer == 0
