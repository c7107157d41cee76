"""Runs a script in the sandbox, and prints the report before: `python confined.py POLICY SCRIPT [LANDLOCK_ABI]`."""

from __future__ import annotations

import os
import runpy
import sys
import tempfile
import threading

import msgspec

from twistedsite.scripts.sandbox import landlock
from twistedsite.scripts.sandbox.enter import enter
from twistedsite.scripts.sandbox.policy import SandboxPolicy

if __name__ == "__main__":
    policy = msgspec.json.decode(sys.argv[1], type=SandboxPolicy)
    if len(sys.argv) > 3:
        landlock.abi = lambda: int(sys.argv[3])
    tempfile.tempdir = policy.temporary
    threading.stack_size(512 * 1024)
    report = enter(policy, os.getppid())
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    sys.stdout.flush()
    runpy.run_path(sys.argv[2], run_name="__main__")
