"""The rooms of the house: who may import whom stands in pyproject.toml."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from server_process import BIN

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


def test_dependencies_point_one_way_and_workers_load_no_twisted() -> None:
    judged = subprocess.run(
        [str(BIN / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout
    assert "Contracts: 2 kept, 0 broken." in judged.stdout
