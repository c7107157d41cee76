"""A site whose scripts run in the sandbox, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from twistedsite.scripts.sandbox.policy import SandboxPolicy, SandboxReport, system_paths


class Ran(NamedTuple):
    """What became of a script."""

    report: SandboxReport
    output: str
    errors: str
    status: int


Run = Callable[..., Ran]


@pytest.fixture
def run_confined(tmp_path: Path) -> Run:
    """Run the source of a script under a policy; keywords are fields of that, `abi` has Landlock be older."""
    root, temporary = tmp_path / "site", tmp_path / "temporary"
    root.mkdir()
    temporary.mkdir()

    def run(source: str, abi: int | None = None, network: bool = False, exec: bool = False, **fields: int) -> Ran:
        script = root / "page.py"
        script.write_text(textwrap.dedent(source))
        readable = system_paths(network, exec)
        policy = SandboxPolicy(str(root), readable, str(temporary), network=network, exec=exec, **fields)
        program = Path(__file__).with_name("confined.py")
        ended = subprocess.run(
            [sys.executable, program, msgspec.json.encode(policy), script, *([] if abi is None else [str(abi)])],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"},
        )
        line, _, output = ended.stdout.partition("\n")
        return Ran(msgspec.json.decode(line, type=SandboxReport), output, ended.stderr, ended.returncode)

    return run
