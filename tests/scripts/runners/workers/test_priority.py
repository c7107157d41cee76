"""The server's thread takes short turns at the processor; what it starts does not."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest
from computing import running, state_of

from twistedsite.scripts.runners.workers.scheduling import priority

pytestmark = pytest.mark.process

PROGRAM = """
import os, struct, subprocess, sys
from twistedsite.scripts.runners.workers.scheduling.priority import take_short_turns
from twistedsite.scripts.sandbox.kernel import MACHINE, syscall
import ctypes

def turn(pid=0):
    attributes = ctypes.create_string_buffer(48)
    syscall({"x86_64": 315, "aarch64": 275}[MACHINE], pid, attributes, 48, 0)
    return struct.unpack("=IIQiIQQQ", attributes.raw)[5]

before, nice = turn(), os.getpriority(os.PRIO_PROCESS, 0)
take_short_turns()
child = os.fork()
if child == 0:
    os._exit(0 if turn() == before else 1)
print(before, turn(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), os.getpriority(os.PRIO_PROCESS, 0) - nice)
"""


def test_the_thread_that_asks_has_short_turns_and_its_children_the_usual_ones() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after, child, nicer = map(int, ended.stdout.split())
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    assert after == (100_000 if release >= (6, 12) else before)
    assert child == 0
    assert nicer == 0


NAMED = """
import os, signal, sys
from twistedsite.scripts.sandbox.kernel import prctl
prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
prctl(15, os.fsencode(sys.argv[1]) + bytes(1))  # PR_SET_NAME
print("there", flush=True)
while True: signal.pause()
"""


@pytest.mark.parametrize("name", ["python3", ") R (", "R R R R R", "\n) R 1", "(((", "\udcff) R"])
def test_one_that_sleeps_does_not_want_the_processor_whatever_its_name(name: str) -> None:
    with subprocess.Popen([sys.executable, "-c", NAMED, name], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "there\n"
            while state_of(process.pid) != "S":
                select.select([], [], [], 0.001)
            with open(f"/proc/{process.pid}/comm", "rb") as file:
                assert os.fsdecode(file.read()) == name + "\n"
            assert not priority.wants_processor(process.pid)
        finally:
            process.kill()


def test_one_that_computes_does_in_whichever_thread() -> None:
    with running(2) as process:
        assert priority.wants_processor(process.pid)
        process.sleep()  # its main thread
        while not priority.wants_processor(process.pid):
            select.select([], [], [], 0.001)
        assert state_of(process.pid) == "S"


def test_one_that_has_ended_wants_nothing() -> None:
    with running(1) as process:
        pass
    assert not priority.wants_processor(process.pid)
