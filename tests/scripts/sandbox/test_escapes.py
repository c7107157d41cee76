"""Each way out is stopped, by the layer that is said to stop it, and is open where that layer is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cell
import pytest

pytestmark = pytest.mark.process

MODULES = ("escapes_files", "escapes_processes", "escapes_kernel", "escapes_network", "exhaustion")
ALL = [
    (module, name)
    for module in MODULES
    for name, attempt in import_module(module).ATTEMPTS.items()
    if os.geteuid() == 0 or "uid" not in attempt.policy  # only root can change the user
]


@pytest.mark.parametrize(("module", "name"), ALL, ids=[name for _, name in ALL])
def test_what_stops(module: str, name: str) -> None:
    attempt: cell.Attempt = import_module(module).ATTEMPTS[name]
    program = Path(cell.__file__)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, str(program), module, name], capture_output=True, text=True, env=environ, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    whole, open_ = found.pop("all"), found.pop("none")
    assert whole in attempt.stopped_by.values()
    if os.geteuid() == 0 or not attempt.root:
        assert open_ == cell.SUCCESS, ended.stderr
        assert (found or dict.fromkeys(attempt.stopped_by, whole)) == attempt.stopped_by


def test_there_are_many_ways_out() -> None:
    assert len(ALL) >= 45
