"""Samples that stream, held up where they would pause: what is shown before and after does not depend on time."""

from __future__ import annotations

import shutil
from pathlib import Path

GATE = "go"


def gated(example: Path, folder: Path, pause: str) -> Path:
    """Copy the sample to `folder`; the `pause` of its `stream.py` lasts there until `open_gate`."""
    site = shutil.copytree(example, folder)
    script = site / "stream.py"
    text = script.read_text()
    assert text.count(pause) == 1
    script.write_text(text.replace(pause, f"while not __import__('os').path.exists({str(site / GATE)!r}): int()"))
    return site


def open_gate(site: Path) -> None:
    """Let it go on to its end."""
    (site / GATE).touch()
