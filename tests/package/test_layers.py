"""The rooms of the house: who may import whom stands in pyproject.toml."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from server_process import BIN

ROOT = Path(__file__).parents[2]
FILE_ACCESS = re.compile(
    r"isinstance\([\w.]*origin|LocalOrigin|\blstat\b|\bf?stat\(|\bpreadv?\b|\bos\.(?:open|read|path|dup)\b|\bopen\(\w*path"
)


def test_dependencies_point_one_way_and_workers_load_no_twisted() -> None:
    judged = subprocess.run(
        [str(BIN / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout
    assert " 0 broken." in judged.stdout


def test_the_origin_is_the_only_door_to_files() -> None:
    files = [file for file in (ROOT / "twistedsite" / "resources").rglob("*.py") if file.name != "builder.py"]
    assert len(files) > 30
    assert {file.name: found for file in files if (found := FILE_ACCESS.findall(file.read_text()))} == {}
